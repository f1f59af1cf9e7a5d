//! How many rows of each unit and group are active, and which units are binary.

use super::{GROUP, Row, Unit, groups_of};
use crate::samples::Samples;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{Buffers, LANES, Pool, Real, SequenceShape};
use rayon::prelude::*;

/// How many rows of each unit and group are active, and which units are binary.
#[derive(Debug)]
pub(crate) struct Counts<F> {
    /// Unit after unit, group after group.
    pub(super) rows: Vec<u32>,
    /// Of each unit the one value that is not zero, or zero if there is none or there are several.
    amplitudes: Vec<F>,
    pub(super) groups: usize,
    pub(super) steps: usize,
}

impl<F: Real> Counts<F> {
    /// Counts the active rows of a sequence.
    pub(crate) fn new(values: Samples<'_, F>, shape: SequenceShape, pool: &mut Pool<F>) -> Self {
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

/// Adds each group's active rows of one unit to its count, and returns the amplitude.
pub(super) struct Count<'a, F> {
    pub(super) unit: Unit<'a, F>,
    pub(super) counts: &'a mut [u32],
}

#[inline(always)]
pub(super) fn is_active<F: Real>(row: &[F]) -> bool {
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
            match rows {
                Samples::Floats(rows) => {
                    for row in rows {
                        for (count, row) in counts.iter_mut().zip(row.as_chunks().0) {
                            *count += u32::from(is_active(row));
                            seen.add(row);
                        }
                    }
                }
                Samples::Spikes(words, amplitude) => {
                    let mut any = 0;
                    for &word in words {
                        any |= word;
                        for (count, bits) in counts.iter_mut().zip(groups_of(word)) {
                            *count += u32::from(bits != 0);
                        }
                    }
                    if any != 0 {
                        seen.add(&[amplitude; GROUP]);
                    }
                }
            }
        }
        seen.amplitude()
    }
}
