//! From unit-major sequences to blocks of samples, and back.
//!
//! A packed block holds [`LANES`] samples: for each unit `pad` rows of zeros (the past before the first step), then one
//! row of lanes per step, then zeros up to a multiple of the kernels' block of steps.

use crate::codes::Encode;
use crate::two_tap::Taps;
use colearn_tape::simd::{Code, dispatch};
use colearn_tape::{LANES, Lanes, Real};
use rayon::prelude::*;

/// Direction of time inside a packed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// Row k is step k.
    Forward,
    /// Row k is step T − 1 − k: sums over the future become sums over the past.
    Reversed,
}

/// Where a packed block's rows are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// Real steps T.
    pub(crate) steps: usize,
    /// Samples B of the sequence.
    pub(crate) batch: usize,
    /// Rows of zeros before the first step.
    pub(crate) pad: usize,
    /// Rows after the pad: T rounded up to a multiple of the kernels' block of steps.
    pub(crate) padded_steps: usize,
}

impl Rows {
    /// Rows of one unit.
    pub(crate) fn stride(&self) -> usize {
        self.pad + self.padded_steps
    }

    /// Number of blocks of samples.
    pub(crate) fn blocks(&self) -> usize {
        self.batch.div_ceil(LANES)
    }

    /// Number of real samples in a block.
    fn count(&self, block: usize) -> usize {
        (self.batch - block * LANES).min(LANES)
    }

    fn row(&self, step: usize, time: Time) -> usize {
        match time {
            Time::Forward => step,
            Time::Reversed => self.steps - 1 - step,
        }
    }

    /// Copies one block of samples of those units of `from` (unit-major) that `units` names to `to`.
    pub(crate) fn pack<F: Real>(
        &self,
        from: &[F],
        units: &[u32],
        block: usize,
        time: Time,
        to: &mut [Lanes<F>],
    ) {
        let (count, first, len) = (self.count(block), block * LANES, self.steps * self.batch);
        let units = units.par_iter().with_min_len(8);
        to.par_chunks_mut(self.stride()).with_min_len(8).zip(units).for_each(|(rows, &unit)| {
            let unit = &from[unit as usize * len..][..len];
            rows[..self.pad].fill(Lanes::default());
            for step in 0..self.steps {
                rows[self.pad + self.row(step, time)] =
                    Lanes::load(&unit[step * self.batch + first..], count);
            }
            rows[self.pad + self.steps..].fill(Lanes::default());
        });
    }

    /// Encodes one block of samples of those units of `from` (unit-major) that `units` names, in their order. The pad and what
    /// follows the last step stay as they are.
    pub(crate) fn encode<F: Real>(
        &self,
        from: &[F],
        units: &[u32],
        taps: Taps,
        block: usize,
        to: &mut [Code],
    ) {
        let (count, first, len) = (self.count(block), block * LANES, self.steps * self.batch);
        let units = units.par_iter().with_min_len(8).enumerate();
        to.par_chunks_mut(self.stride()).with_min_len(8).zip(units).for_each(|(codes, (place, &unit))| {
            let unit = from[unit as usize * len..][..len].chunks_exact(self.batch);
            let rows = unit.map(|samples| Lanes::load(&samples[first..], count));
            let codes = &mut codes[self.pad - 1..self.pad + self.steps];
            dispatch(Encode { rows, codes, unit: place, taps });
        });
    }

    /// Copies one block of samples of one unit, `padded_steps` rows without pad, back to its (T, B) block.
    pub(crate) fn unpack<F: Real>(&self, rows: &[Lanes<F>], block: usize, time: Time, to: &mut [F]) {
        let (count, first) = (self.count(block), block * LANES);
        for step in 0..self.steps {
            rows[self.row(step, time)].store(&mut to[step * self.batch + first..], count);
        }
    }
}
