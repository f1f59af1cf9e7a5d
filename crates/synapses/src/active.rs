//! The rows of a sequence that are not zero: what sparse forms work on.
//!
//! | symbol | meaning |
//! | --- | --- |
//! | group | [`GROUP`] neighbouring samples; the last group may hold fewer |
//! | row | one unit, one step, the samples of one group |
//! | active row | a row in which at least one sample is not zero |
//! | listed row | an active one; of a unit that is mostly active ([`choice::lists_every_row`]) any |
//!
//! Spikes of 7 % leave six rows of ten empty: what is skipped is worth more than what the zeros in the other rows cost,
//! because a row is one vector instruction.

use crate::choice;
use colearn_tape::simd::{ALIGN_ROOM, Kernel, Level, aligned, aligned_mut, dispatch};
use colearn_tape::{Buffers, LANES, Pool, Real, SequenceShape};
use rayon::prelude::*;

/// Samples of a row: one AVX2 register of `f32`, half an AVX-512 one. Sixteen leave fewer rows empty, four use the
/// arithmetic units badly.
pub(crate) const GROUP: usize = 8;

/// The values of one unit and step for the samples of a group; samples that do not exist are zero.
pub(crate) type Row<F> = [F; GROUP];

/// How many rows of each unit and group are active, and which units are binary.
#[derive(Debug)]
pub(crate) struct Counts<F> {
    /// Unit after unit, group after group.
    rows: Vec<u32>,
    /// Of each unit the one value that is not zero, or zero if there is none or there are several.
    amplitudes: Vec<F>,
    groups: usize,
    steps: usize,
}

impl<F: Real> Counts<F> {
    /// Counts the active rows of the `values` of a sequence.
    pub(crate) fn new(values: &[F], shape: SequenceShape, pool: &mut Pool<F>) -> Self {
        let (steps, groups) = (shape.steps, shape.batch.div_ceil(GROUP));
        let mut rows = pool.take_indices(shape.units * groups);
        let mut amplitudes = pool.take(shape.units);
        let units = rows.par_chunks_mut(groups.max(1)).enumerate().with_min_len(4);
        units.zip(&mut amplitudes).for_each(|((n, counts), amplitude)| {
            counts.fill(0);
            *amplitude = dispatch(Count { unit: Unit { values, shape, n }, counts });
        });
        Self { rows, amplitudes, groups, steps }
    }

    /// What [`Counts::new`] takes for a sequence of this shape.
    pub(crate) fn buffers(shape: SequenceShape) -> Buffers {
        Buffers::indices(shape.units * shape.batch.div_ceil(GROUP)).and(Buffers::values(shape.units))
    }

    /// The one value of a unit that is not zero; `None` if there is none or there are several.
    pub(crate) fn amplitude(&self, unit: usize) -> Option<F> {
        Some(self.amplitudes[unit]).filter(|&a| a != F::zero())
    }

    /// Share of a unit's rows that are active.
    pub(crate) fn share(&self, unit: usize) -> f64 {
        let count: u32 = self.rows[unit * self.groups..(unit + 1) * self.groups].iter().sum();
        f64::from(count) / (self.steps * self.groups).max(1) as f64
    }

    pub(crate) fn recycle(self, pool: &mut Pool<F>) {
        pool.give_indices(self.rows);
        pool.give_vec(self.amplitudes);
    }
}

/// One unit of a sequence.
#[derive(Clone, Copy)]
struct Unit<'a, F> {
    values: &'a [F],
    shape: SequenceShape,
    n: usize,
}

impl<'a, F> Unit<'a, F> {
    /// The rows of the two groups of each block, step after step.
    #[inline(always)]
    fn blocks(self) -> impl Iterator<Item = &'a [[Row<F>; LANES / GROUP]]> {
        let Self { values, shape, n } = self;
        let len = shape.unit_len();
        let of_unit = move |block: &'a [F]| {
            block[n * len..(n + 1) * len].as_chunks::<GROUP>().0.as_chunks::<{ LANES / GROUP }>().0
        };
        values.chunks_exact(shape.block_len().max(1)).map(of_unit)
    }
}

/// Adds each group's active rows of one unit to its count, and returns the amplitude.
struct Count<'a, F> {
    unit: Unit<'a, F>,
    counts: &'a mut [u32],
}

#[inline(always)]
fn is_active<F: Real>(row: &[F]) -> bool {
    row.iter().fold(false, |any, x| any | (*x != F::zero()))
}

/// What values were seen, place by place of a row.
struct Seen<F> {
    /// Least and largest value that is not zero; zero counts as largest.
    least: Row<F>,
    largest: Row<F>,
    /// Zero, or NaN once a value was not finite.
    zero: Row<F>,
}

impl<F: Real> Seen<F> {
    #[inline(always)]
    fn add(&mut self, row: &Row<F>) {
        let seen = self.least.iter_mut().zip(&mut self.largest).zip(&mut self.zero);
        for (((least, largest), zero), &x) in seen.zip(row) {
            let or_infinite = if x == F::zero() { F::infinity() } else { x };
            *least = if or_infinite < *least { or_infinite } else { *least };
            *largest = if x > *largest { x } else { *largest };
            *zero += x * F::zero();
        }
    }

    /// The one value that is not zero, or zero.
    #[inline(always)]
    fn amplitude(&self) -> F {
        let least = self.least.iter().fold(F::infinity(), |least, &x| least.min(x));
        let largest = self.largest.iter().fold(F::zero(), |largest, &x| largest.max(x));
        let finite = self.zero.iter().all(|&x| x == F::zero());
        if finite && least == largest { largest } else { F::zero() }
    }
}

impl<F: Real> Kernel for Count<'_, F> {
    type Output = F;
    #[inline(always)]
    fn run<L: Level>(self) -> F {
        let zero = [F::zero(); GROUP];
        let mut seen = Seen { least: [F::infinity(); GROUP], largest: zero, zero };
        for (counts, rows) in self.counts.chunks_mut(LANES / GROUP).zip(self.unit.blocks()) {
            for row in rows {
                for (count, row) in counts.iter_mut().zip(row) {
                    *count += u32::from(is_active(row));
                    seen.add(row);
                }
            }
        }
        seen.amplitude()
    }
}

/// The listed rows of some units: steps and values, group by group, in the order of time.
#[derive(Debug)]
pub(crate) struct Active<F> {
    /// Where the rows of (unit, group) start; one more entry ends the last. Each range has one place more than rows.
    starts: Vec<u32>,
    steps: Vec<u32>,
    rows: Vec<F>,
    /// Of each unit and group where the rows of steps 0, [`MARK_STEPS`], 2 [`MARK_STEPS`] … start, from the unit's first on.
    marks: Vec<u32>,
    groups: usize,
    /// Marks of a unit and group.
    group_marks: usize,
}

/// Steps between marks: a search for the last row before a step would mispredict branches, which costs as much as some ten
/// rows.
const MARK_STEPS: usize = 16;

/// Writes the listed rows of one unit group by group.
struct Fill<'a, F> {
    unit: Unit<'a, F>,
    /// Whether rows of zeros are written too.
    every: bool,
    /// Where each group starts in `steps` and `rows`; the kernel moves it to the end.
    next: &'a mut [u32],
    /// Those of the unit.
    marks: &'a mut [u32],
    steps: &'a mut [u32],
    rows: &'a mut [Row<F>],
}

impl<F: Real> Kernel for Fill<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { unit, every, next, marks, steps, rows } = self;
        let of_group = marks.len() / next.len();
        let of_block = LANES / GROUP;
        let groups = next.chunks_mut(of_block).zip(marks.chunks_mut(of_block * of_group));
        for ((next, marks), values) in groups.zip(unit.blocks()) {
            for (step, values) in values.iter().enumerate() {
                if step % MARK_STEPS == 0 {
                    let marks = marks[step / MARK_STEPS..].iter_mut().step_by(of_group);
                    marks.zip(&*next).for_each(|(mark, &next)| *mark = next);
                }
                for (next, row) in next.iter_mut().zip(values) {
                    // Written whether active or not, and then written over: no branch that depends on the data.
                    let place = *next as usize;
                    steps[place] = u32::try_from(step).unwrap_or(u32::MAX);
                    rows[place] = *row;
                    *next += u32::from(every | is_active(row));
                }
            }
        }
    }
}

impl<F: Real> Active<F> {
    /// What [`Active::new`] takes for a sequence of this shape if all its rows are listed.
    pub(crate) fn buffers(shape: SequenceShape) -> Buffers {
        let counts = shape.units * shape.batch.div_ceil(GROUP);
        let room = (shape.steps + 1) * counts;
        let marks = Buffers::indices(counts * shape.steps.div_ceil(MARK_STEPS));
        let starts = Buffers::indices(counts + 1).and(marks);
        starts.and(Buffers::indices(room)).and(Buffers::array(room * GROUP))
    }

    /// The listed rows of those units of a sequence's `values` that `wanted` names; the others have none.
    pub(crate) fn new(
        values: &[F],
        shape: SequenceShape,
        counts: &Counts<F>,
        wanted: impl Fn(usize) -> bool,
        pool: &mut Pool<F>,
    ) -> Self {
        let groups = counts.groups;
        let mut starts = pool.take_indices(counts.rows.len() + 1);
        let all_steps = u32::try_from(counts.steps).unwrap_or(u32::MAX);
        let mut total = 0;
        let units = starts.chunks_mut(groups.max(1)).zip(counts.rows.chunks(groups.max(1)));
        for (unit, (starts, counted)) in units.enumerate() {
            let (wanted, every) = (wanted(unit), choice::lists_every_row(counts.share(unit)));
            for (start, &count) in starts.iter_mut().zip(counted) {
                *start = total;
                if wanted {
                    total += 1 + if every { all_steps } else { count };
                }
            }
        }
        starts[counts.rows.len()] = total;
        // A quarter, half or all of what there can be: the count changes from step to step, and the pool keeps buffers by
        // their length.
        let (total, full) = (total as usize, (counts.steps + 1) * counts.rows.len());
        let room =
            [full.div_ceil(4), full.div_ceil(2)].into_iter().find(|&room| total <= room).unwrap_or(full);
        let (steps, rows) = (pool.take_indices(room), pool.take(room * GROUP + ALIGN_ROOM));
        let group_marks = counts.steps.div_ceil(MARK_STEPS);
        let marks = pool.take_indices(counts.rows.len() * group_marks);
        let mut active = Self { starts, steps, rows, marks, groups, group_marks };
        active.fill(values, shape, counts);
        active
    }

    fn fill(&mut self, values: &[F], shape: SequenceShape, counts: &Counts<F>) {
        // Units write to ranges of their own: split the buffers at the units' starts.
        let groups = self.groups;
        let (mut steps, mut rows) =
            (&mut self.steps[..], aligned_mut(&mut self.rows).as_chunks_mut::<GROUP>().0);
        let mut parts = Vec::with_capacity(shape.units);
        let marks = self.marks.chunks_mut((groups * self.group_marks).max(1));
        for (k, marks) in (0..shape.units).zip(marks) {
            let starts = &self.starts[k * groups..=(k + 1) * groups];
            let count = (starts[groups] - starts[0]) as usize;
            let (mine, rest) = std::mem::take(&mut steps).split_at_mut(count);
            steps = rest;
            let (my_rows, rest) = std::mem::take(&mut rows).split_at_mut(count);
            rows = rest;
            if count > 0 {
                let unit = Unit { values, shape, n: k };
                parts.push((unit, choice::lists_every_row(counts.share(k)), starts, marks, mine, my_rows));
            }
        }
        parts.into_par_iter().with_min_len(4).for_each(|(unit, every, starts, marks, steps, rows)| {
            let mut next: Vec<u32> = starts[..groups].iter().map(|s| s - starts[0]).collect();
            dispatch(Fill { unit, every, next: &mut next, marks, steps, rows });
        });
    }

    /// Steps and values of the listed rows of one unit and group.
    #[inline(always)]
    pub(crate) fn of(&self, unit: usize, group: usize) -> (&[u32], &[Row<F>]) {
        let k = unit * self.groups + group;
        let range = self.starts[k] as usize..(self.starts[k + 1] as usize).saturating_sub(1);
        if range.start >= range.end {
            return (&[], &[]);
        }
        let (rows, _) = aligned(&self.rows)[range.start * GROUP..range.end * GROUP].as_chunks();
        (&self.steps[range], rows)
    }

    /// How many of these rows may be needed, if none from step `end` on is: at least those before it.
    #[inline(always)]
    pub(crate) fn count_until(&self, unit: usize, group: usize, end: usize) -> usize {
        let k = unit * self.groups + group;
        let marks = &self.marks[k * self.group_marks..(k + 1) * self.group_marks];
        match (marks.first(), marks.get(end.div_ceil(MARK_STEPS))) {
            (Some(first), Some(mark)) => (mark - first) as usize,
            _ => usize::MAX,
        }
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    pub(crate) fn recycle(self, pool: &mut Pool<F>) {
        pool.give_indices(self.starts);
        pool.give_indices(self.steps);
        pool.give_indices(self.marks);
        pool.give_vec(self.rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_tape::simd::{InstructionSet, dispatch_to};

    /// Unit 1 is silent.
    fn values(shape: SequenceShape) -> Vec<f64> {
        let spike = |k: usize| {
            let (row, unit) = (k / shape.block_len() * LANES, k / shape.unit_len() % shape.units);
            k * k % 101 < 9 && unit != 1 && row + k % LANES < shape.batch
        };
        (0..shape.len()).map(|k| if spike(k) { 1.0 + k as f64 } else { 0.0 }).collect()
    }

    #[test]
    fn active_rows_hold_every_entry_that_is_not_zero_and_none_is_empty() {
        for batch in [1, 8, 16, 21, 24] {
            let shape = SequenceShape { steps: 7, batch, units: 4 };
            let values = values(shape);
            let pool = &mut Pool::default();
            let counts = Counts::new(&values, shape, pool);
            let active = Active::new(&values, shape, &counts, |unit| unit != 2, pool);
            let mut rebuilt = vec![0.0; values.len()];
            let mut rows_of_unit = vec![0; shape.units];
            for (unit, count) in rows_of_unit.iter_mut().enumerate() {
                for group in 0..batch.div_ceil(GROUP) {
                    let (found, rows) = active.of(unit, group);
                    assert!(found.is_sorted() && rows.iter().all(|row| is_active(row)));
                    *count += rows.len();
                    for (&step, row) in found.iter().zip(rows) {
                        let (block, half) = (group / 2, group % 2);
                        let at = block * shape.block_len() + unit * shape.unit_len() + step as usize * LANES;
                        rebuilt[at + half * GROUP..][..GROUP].copy_from_slice(row);
                    }
                }
            }
            assert_eq!(rows_of_unit[2], 0);
            let unlisted = |k: usize| k / shape.unit_len() % shape.units == 2;
            let expected: Vec<f64> =
                values.iter().enumerate().map(|(k, &x)| if unlisted(k) { 0.0 } else { x }).collect();
            assert_eq!(rebuilt, expected, "{batch}");
            let share = rows_of_unit[3] as f64 / (shape.steps * batch.div_ceil(GROUP)) as f64;
            assert!((counts.share(3) - share).abs() < 1e-12 && counts.share(1) == 0.0);
        }
    }

    #[test]
    fn rows_until_a_step_are_those_before_it_and_few_more() {
        let shape = SequenceShape { steps: 3 * MARK_STEPS + 5, batch: 19, units: 4 };
        let (values, steps) = (values(shape), shape.steps);
        let pool = &mut Pool::default();
        let counts = Counts::new(&values, shape, pool);
        let active = Active::new(&values, shape, &counts, |_| true, pool);
        for (unit, group) in (0..shape.units).flat_map(|unit| [(unit, 0), (unit, 2)]) {
            let listed = active.of(unit, group).0;
            let before = |end: usize| listed.iter().filter(|&&step| (step as usize) < end).count();
            for end in 0..=steps {
                let found = active.count_until(unit, group, end).min(listed.len());
                let most = before(end.next_multiple_of(MARK_STEPS));
                assert!((before(end)..=most).contains(&found), "unit {unit}, step {end}: {found}");
            }
        }
    }

    #[test]
    fn an_amplitude_is_the_one_value_that_is_not_zero() {
        let shape = SequenceShape { steps: 3, batch: 11, units: 1 };
        let amplitude = |at: &[(usize, f32)]| {
            let mut values = vec![0.0; shape.len()];
            for &(k, x) in at {
                values[k / shape.batch * LANES + k % shape.batch] = x;
            }
            Counts::new(&values, shape, &mut Pool::default()).amplitude(0)
        };
        assert_eq!(amplitude(&[(3, 1.25), (10, 1.25), (32, 1.25)]), Some(1.25));
        assert_eq!(amplitude(&[]), None);
        for other in [1.5, -1.25, 1e-30, f32::NAN, f32::INFINITY] {
            assert_eq!(amplitude(&[(3, 1.25), (10, other)]), None, "{other}");
            assert_eq!(amplitude(&[(3, 1.25), (4, other), (32, 1.25)]), None, "{other}");
        }
        for alone in [f32::NAN, f32::INFINITY, -1.0] {
            assert_eq!(amplitude(&[(9, alone)]), None, "{alone}");
        }
    }

    #[test]
    fn every_instruction_set_counts_and_fills_alike() {
        let shape = SequenceShape { steps: 9, batch: 21, units: 1 };
        let values = values(shape);
        let unit = Unit { values: &values, shape, n: 0 };
        let run = |set, every| {
            let mut counts = [0; 3];
            let amplitude = dispatch_to(set, Count { unit, counts: &mut counts });
            let mut next = [0, 10, 20];
            let (mut places, mut rows, mut marks) = (vec![0; 30], vec![[0.0; GROUP]; 30], vec![0; 3]);
            let (next_places, steps, marked) = (&mut next, &mut places, &mut marks);
            let fill = Fill { unit, every, next: next_places, marks: marked, steps, rows: &mut rows };
            dispatch_to(set, fill);
            (amplitude, counts, next, places, rows, marks)
        };
        for every in [false, true] {
            let expected = run(InstructionSet::Portable, every);
            assert_eq!(expected.2 == [9, 19, 29], every);
            for set in InstructionSet::available() {
                assert_eq!(run(set, every), expected, "{set:?}");
            }
        }
    }
}
