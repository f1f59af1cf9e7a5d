//! The entries of a sequence that are not zero: what sparse forms work on.
//!
//! | symbol | meaning |
//! | --- | --- |
//! | group | [`GROUP`] neighbouring samples; the last group may hold fewer |
//! | line | the time line of one sample: T steps, then room for the longest delay |
//! | place | line of the sample in its group · line length + step |

use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{LANES, Pool, Real};
use rayon::prelude::*;

/// Samples of a group. Time lines of one group and of the outputs of a tile fit the first-level cache together.
pub(crate) const GROUP: usize = 4;

/// Events of every unit, group by group; within a group by step, so that neighbours are mostly different samples.
#[derive(Debug)]
pub(crate) struct Events<F> {
    /// Where the events of (unit, group) start; one more entry ends the last.
    starts: Vec<u32>,
    places: Vec<u32>,
    values: Vec<F>,
    groups: usize,
}

/// Nonzero entries.
struct Count<'a, F>(&'a [F]);

impl<F: Real> Kernel for Count<'_, F> {
    type Output = usize;
    #[inline(always)]
    fn run<L: Level>(self) -> usize {
        self.0.iter().map(|x| usize::from(*x != F::zero())).sum()
    }
}

/// Adds each sample's nonzero entries of one unit to its count.
struct CountSamples<'a, F> {
    unit: &'a [F],
    samples: &'a mut [u32],
}

impl<F: Real> Kernel for CountSamples<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        for row in self.unit.chunks(self.samples.len()) {
            for (count, x) in self.samples.iter_mut().zip(row) {
                *count += u32::from(*x != F::zero());
            }
        }
    }
}

/// Share of the entries that are not zero; threads share out chunks.
pub(crate) fn density<F: Real>(values: &[F]) -> f64 {
    let count: usize = values.par_chunks(1 << 14).map(|chunk| dispatch(Count(chunk))).sum();
    count as f64 / values.len().max(1) as f64
}

/// Appends the events of one unit group by group.
struct Fill<'a, F> {
    unit: &'a [F],
    batch: usize,
    line: usize,
    /// Next free place of each group in `places` and `values`.
    next: &'a mut [u32],
    places: &'a mut [u32],
    values: &'a mut [F],
}

impl<F: Real> Kernel for Fill<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        for (step, row) in self.unit.chunks(self.batch).enumerate() {
            for (block, lanes) in row.chunks(LANES).enumerate() {
                let mut mask = 0u32;
                for (l, &x) in lanes.iter().enumerate() {
                    mask |= u32::from(x != F::zero()) << l;
                }
                while mask != 0 {
                    let lane = mask.trailing_zeros() as usize;
                    mask &= mask - 1;
                    let sample = block * LANES + lane;
                    let next = &mut self.next[sample / GROUP];
                    let place = sample % GROUP * self.line + step;
                    self.places[*next as usize] = u32::try_from(place).unwrap_or(u32::MAX);
                    self.values[*next as usize] = lanes[lane];
                    *next += 1;
                }
            }
        }
    }
}

impl<F: Real> Events<F> {
    /// The events of unit-major `values` with B = `batch` and lines of `line` steps.
    pub(crate) fn new(values: &[F], steps: usize, batch: usize, line: usize, pool: &mut Pool<F>) -> Self {
        let unit = (steps * batch).max(1);
        let groups = batch.div_ceil(GROUP);
        let units = values.len() / unit;
        let mut starts = pool.take_indices(units * groups + 1);
        starts[0] = 0;
        let counted = starts[1..].par_chunks_mut(groups.max(1)).zip(values.par_chunks(unit)).with_min_len(4);
        counted.for_each_init(
            || vec![0; batch],
            |samples, (counts, unit)| {
                samples.fill(0);
                dispatch(CountSamples { unit, samples });
                let groups = samples.chunks(GROUP).map(|group| group.iter().sum());
                counts.iter_mut().zip(groups).for_each(|(to, count)| *to = count);
            },
        );
        for k in 1..starts.len() {
            starts[k] += starts[k - 1];
        }
        let total = *starts.last().expect("at least one entry") as usize;
        // Rounded up, so that a training loop, whose counts vary a little, finds its buffers again.
        let room = total.max(1).next_power_of_two();
        let mut events = Self { starts, places: pool.take_indices(room), values: pool.take(room), groups };
        events.fill(values, unit, batch, line);
        events
    }

    fn fill(&mut self, values: &[F], unit: usize, batch: usize, line: usize) {
        // Units write to ranges of their own: split the buffers at the units' starts.
        let (mut places, mut room) = (&mut self.places[..], &mut self.values[..]);
        let mut parts = Vec::with_capacity(values.len() / unit);
        for (k, unit) in values.chunks(unit).enumerate() {
            let starts = &self.starts[k * self.groups..=(k + 1) * self.groups];
            let count = (starts[self.groups] - starts[0]) as usize;
            let (mine, rest) = std::mem::take(&mut places).split_at_mut(count);
            places = rest;
            let (my_values, rest) = std::mem::take(&mut room).split_at_mut(count);
            room = rest;
            parts.push((unit, starts, mine, my_values));
        }
        parts.into_par_iter().with_min_len(4).for_each(|(unit, starts, places, values)| {
            let mut next: Vec<u32> = starts[..starts.len() - 1].iter().map(|s| s - starts[0]).collect();
            dispatch(Fill { unit, batch, line, next: &mut next, places, values });
        });
    }

    /// Places and values of one unit and group.
    #[inline(always)]
    pub(crate) fn of(&self, unit: usize, group: usize) -> (&[u32], &[F]) {
        let k = unit * self.groups + group;
        let range = self.starts[k] as usize..self.starts[k + 1] as usize;
        (&self.places[range.clone()], &self.values[range])
    }

    pub(crate) fn recycle(self, pool: &mut Pool<F>) {
        pool.give_indices(self.starts);
        pool.give_indices(self.places);
        pool.give_vec(self.values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_that_is_not_zero_is_one_event() {
        let (steps, batch, units, line) = (7, 21, 3, 10);
        let values: Vec<f64> =
            (0..steps * batch * units).map(|k| if k * 7 % 11 < 3 { k as f64 } else { 0.0 }).collect();
        let events = Events::new(&values, steps, batch, line, &mut Pool::default());
        let mut rebuilt = vec![0.0; values.len()];
        for unit in 0..units {
            for group in 0..batch.div_ceil(GROUP) {
                let (places, found) = events.of(unit, group);
                for (&place, &value) in places.iter().zip(found) {
                    let (sample, step) = (group * GROUP + place as usize / line, place as usize % line);
                    rebuilt[(unit * steps + step) * batch + sample] = value;
                }
            }
        }
        assert_eq!(rebuilt, values);
        let share = values.iter().filter(|x| **x != 0.0).count() as f64 / values.len() as f64;
        assert!((density(&values) - share).abs() < 1e-12);
    }
}
