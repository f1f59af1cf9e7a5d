//! From unit-major sequences to blocks of samples, and back.
//!
//! A packed block holds [`LANES`] samples in one or two parts ([`RowWidth`]). In a part each unit has `pad` rows of zeros (the past
//! before the first step), then one row of samples per step, then zeros up to a multiple of the kernels' block of steps. The
//! next unit may begin some rows later ([`RowWidth::stride`]).

use crate::codes::Encode;
use crate::interpolation::Taps;
use crate::lag_kernels::RowWidth;
use colearn_tape::simd::{Code, Kernel, Level, copy_row, dispatch, prefetch};
use colearn_tape::{LANES, Lanes, Real};
use rayon::prelude::*;

/// Steps between a row that is copied and one that is asked for.
const AHEAD: usize = 20;

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
    /// Rows from one unit to the next; what follows the padded steps is never read.
    pub(crate) fn stride(&self) -> usize {
        RowWidth::best().stride(self.pad + self.padded_steps)
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
            let first = block * LANES + part * numbers;
            let count = self.batch.saturating_sub(first).min(numbers);
            let (pad, rest) = to.split_at_mut(self.pad * numbers);
            let (to, end) = rest[..self.padded_steps * numbers].split_at_mut(self.steps * numbers);
            pad.fill(F::zero());
            end.fill(F::zero());
            let from = Samples {
                values: &from[unit * len + first.min(self.batch)..],
                batch: self.batch,
                count,
                ahead: AHEAD * self.batch,
            };
            pack_rows(from, time, (to, width));
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
            let values = &from[unit as usize * len + first..];
            let rows = (0..self.steps).map(|step| {
                prefetch(values, (step + AHEAD) * self.batch);
                Lanes::load(&values[step * self.batch..], count)
            });
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

/// Some samples of a unit over time, in unit-major values.
#[derive(Clone, Copy)]
pub(crate) struct Samples<'a, F> {
    /// From the first of them on, to the end of the unit or beyond.
    pub(crate) values: &'a [F],
    /// Distance of two steps.
    pub(crate) batch: usize,
    /// How many there are, at most a row.
    pub(crate) count: usize,
    /// Distance of what is asked for while a row is copied.
    pub(crate) ahead: usize,
}

/// Copies samples to rows, as many steps as `to` holds. Samples that a row lacks are zero.
pub(crate) fn pack_rows<F: Real>(from: Samples<'_, F>, time: Time, (to, width): (&mut [F], RowWidth)) {
    match width {
        RowWidth::Sixteen => dispatch(Pack::<F, 16> { from, time, to: to.as_chunks_mut().0 }),
        RowWidth::Eight => dispatch(Pack::<F, 8> { from, time, to: to.as_chunks_mut().0 }),
    }
}

/// [`pack_rows`].
struct Pack<'a, F, const N: usize> {
    from: Samples<'a, F>,
    time: Time,
    to: &'a mut [[F; N]],
}

impl<F: Real, const N: usize> Kernel for Pack<'_, F, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { from: Samples { values, batch, count, ahead }, time, to } = self;
        let last = to.len().saturating_sub(1);
        for step in 0..to.len() {
            prefetch(values, step * batch + ahead);
            let row = match time {
                Time::Forward => step,
                Time::Reversed => last - step,
            };
            copy_row(&values[step * batch..], count, &mut to[row]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_block_has_its_samples_in_time_and_zeros_around_them() {
        packed_blocks(Rows { steps: 7, batch: 21, pad: 3, padded_steps: 10 });
        // Units lie some rows apart.
        let rows = Rows { steps: 117, batch: 21, pad: 8, padded_steps: 120 };
        assert!(rows.stride() > 128);
        packed_blocks(rows);
    }

    /// Two blocks, the second with five samples; two of four units, in another order.
    fn packed_blocks(rows: Rows) {
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
                    if row >= rows.pad + rows.padded_steps {
                        assert!(found.is_nan(), "{width:?} {time:?} block {block}, number {k}: {found}");
                        continue;
                    }
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
