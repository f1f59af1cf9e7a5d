//! From unit-major sequences to blocks of samples, and back.
//!
//! A packed block holds [`LANES`] samples in one or two parts ([`RowWidth`]). In a part each unit has `pad` rows of zeros (the past
//! before the first step), then one row of samples per step, then zeros up to a multiple of the kernels' block of steps.

use crate::codes::Encode;
use crate::lag_kernels::RowWidth;
use crate::two_tap::Taps;
use colearn_tape::simd::{Code, Kernel, Level, dispatch};
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

    /// Copies one block of samples of those units of `from` (unit-major) that `units` names to `to`: rows as
    /// [`crate::lag_kernels::Source`] has them.
    pub(crate) fn pack<F: Real>(
        &self,
        from: &[F],
        units: &[u32],
        block: usize,
        time: Time,
        (to, width): (&mut [F], RowWidth),
    ) {
        let (numbers, stride) = (width.samples(), self.stride() * width.samples());
        let len = self.steps * self.batch;
        to.par_chunks_exact_mut(stride).with_min_len(8).enumerate().for_each(|(k, to)| {
            let (part, unit) = (k / units.len(), units[k % units.len()] as usize);
            let from = &from[unit * len..][..len];
            let first = block * LANES + part * numbers;
            match width {
                RowWidth::Sixteen => dispatch(Pack::<F, 16> { rows: self, from, first, time, to }),
                RowWidth::Eight => dispatch(Pack::<F, 8> { rows: self, from, first, time, to }),
            }
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
    pub(crate) fn unpack<F: Real>(&self, from: &[Lanes<F>], block: usize, time: Time, to: &mut [F]) {
        dispatch(Unpack { rows: self, from, block, time, to });
    }
}

/// [`Rows::unpack`].
struct Unpack<'a, F> {
    rows: &'a Rows,
    from: &'a [Lanes<F>],
    block: usize,
    time: Time,
    to: &'a mut [F],
}

impl<F: Real> Kernel for Unpack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { rows, from, block, time, to } = self;
        let (count, first) = (rows.count(block), block * LANES);
        for (step, samples) in to.chunks_exact_mut(rows.batch).enumerate() {
            from[rows.row(step, time)].store(&mut samples[first..], count);
        }
    }
}

/// [`Rows::pack`] for one unit and part, whose first sample is `first`.
struct Pack<'a, F, const N: usize> {
    rows: &'a Rows,
    from: &'a [F],
    first: usize,
    time: Time,
    to: &'a mut [F],
}

impl<F: Real, const N: usize> Kernel for Pack<'_, F, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { rows, from, first, time, to } = self;
        let (to, _) = to.as_chunks_mut::<N>();
        let count = rows.batch.saturating_sub(first).min(N);
        to[..rows.pad].fill([F::zero(); N]);
        to[rows.pad + rows.steps..].fill([F::zero(); N]);
        for step in 0..rows.steps {
            let to = &mut to[rows.pad + rows.row(step, time)];
            let samples = &from[step * rows.batch..][..rows.batch];
            if count == N {
                *to = *<&[F; N]>::try_from(&samples[first..first + N]).expect("sliced to this length");
            } else {
                *to = [F::zero(); N];
                to[..count].copy_from_slice(&samples[rows.batch - count..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocks, the second with five samples; two of four units, in another order.
    #[test]
    fn a_packed_block_has_its_samples_in_time_and_zeros_around_them() {
        let rows = Rows { steps: 7, batch: 21, pad: 3, padded_steps: 10 };
        let unit = rows.steps * rows.batch;
        let from: Vec<f64> = (1..=4 * unit).map(|k| k as f64).collect();
        let units = [3, 1];
        for (width, time) in [RowWidth::Sixteen, RowWidth::Eight]
            .into_iter()
            .flat_map(|width| [Time::Forward, Time::Reversed].map(|time| (width, time)))
        {
            for block in 0..rows.blocks() {
                let mut packed = vec![f64::NAN; units.len() * rows.stride() * LANES];
                rows.pack(&from, &units, block, time, (&mut packed, width));
                let samples = width.samples();
                for (k, &found) in packed.iter().enumerate() {
                    let (line, sample) = (k / samples, k % samples);
                    let (of_unit, row) = (line / rows.stride(), line % rows.stride());
                    let (part, place) = (of_unit / units.len(), of_unit % units.len());
                    let sample = block * LANES + part * samples + sample;
                    let step = (row.wrapping_sub(rows.pad) < rows.steps).then(|| match time {
                        Time::Forward => row - rows.pad,
                        Time::Reversed => rows.steps - 1 - (row - rows.pad),
                    });
                    let expected = match step {
                        Some(step) if sample < rows.batch => {
                            from[units[place] as usize * unit + step * rows.batch + sample]
                        }
                        _ => 0.0,
                    };
                    let same = found.to_bits() == expected.to_bits();
                    assert!(same, "{width:?} {time:?} block {block}, number {k}: {found}, not {expected}");
                }
            }
        }
    }
}
