//! From a block of a sequence to the rows that the kernels over all steps read, and back.
//!
//! Packed rows hold the samples of a block in one or two parts ([`RowWidth`]). In a part each unit has `pad` rows of zeros
//! (the past before the first step), then one row of samples per step, then zeros up to a multiple of the kernels' block of
//! steps. The next unit may begin some rows later ([`RowWidth::stride`]).

use crate::codes::Encode;
use crate::interpolation::Taps;
use crate::lag_kernels::RowWidth;
use crate::samples::Samples;
use colearn_tape::simd::{Code, Kernel, Level, dispatch, row_of_word};
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

    /// The rows of unit `unit` in a block.
    fn of<'a, F: Real>(&self, block: Samples<'a, F>, unit: u32) -> Samples<'a, F> {
        let first = unit as usize * self.steps;
        block.rows(first..first + self.steps)
    }

    /// Copies those units of a block that `units` names to `to`: rows as [`crate::lag_kernels::Source`] has them.
    pub(crate) fn pack<F: Real>(
        &self,
        block: Samples<'_, F>,
        units: &[u32],
        time: Time,
        (to, width): (&mut [F], RowWidth),
    ) {
        let len = self.stride() * width.samples();
        let (first, second) = to.split_at_mut(units.len() * len);
        let second = second.par_chunks_exact_mut(len.max(1)).map(Some);
        let none = rayon::iter::repeat_n((), units.len()).map(|()| None);
        let parts = first.par_chunks_exact_mut(len.max(1)).zip(second.chain(none));
        parts.zip(units).with_min_len(8).for_each(|((first, second), &unit)| {
            let parts = [first, second.unwrap_or_default()];
            dispatch(Pack { rows: *self, from: self.of(block, unit), time, width, parts });
        });
    }

    /// Encodes those units of a block that `units` names, in their order. The pad and what follows the last step stay as they
    /// are.
    pub(crate) fn encode<F: Real>(&self, block: Samples<'_, F>, units: &[u32], taps: Taps, to: &mut [Code]) {
        let units = units.par_iter().with_min_len(8).enumerate();
        to.par_chunks_mut(self.stride()).with_min_len(8).zip(units).for_each(|(codes, (place, &unit))| {
            let codes = &mut codes[self.pad - 1..self.pad + self.steps];
            match self.of(block, unit) {
                Samples::Floats(rows) => {
                    let rows = rows.iter().map(|&row| Lanes(row));
                    dispatch(Encode { rows, codes, unit: place, taps });
                }
                Samples::Spikes(words, _) => {
                    dispatch(Encode { rows: words.iter().copied(), codes, unit: place, taps });
                }
            }
        });
    }

    /// Copies one unit's `padded_steps` rows without pad to its rows of a block.
    pub(crate) fn unpack<F: Real>(&self, from: &[Lanes<F>], time: Time, to: &mut [F]) {
        dispatch(Unpack { from: &from[..self.steps], time, to });
    }
}

/// One unit of [`Rows::pack`].
struct Pack<'a, F> {
    rows: Rows,
    from: Samples<'a, F>,
    time: Time,
    width: RowWidth,
    parts: [&'a mut [F]; 2],
}

impl<F: Real> Kernel for Pack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { rows: Rows { steps, pad, padded_steps }, from, time, width, parts } = self;
        let samples = width.samples();
        let inner = parts.map(|part| {
            if part.is_empty() {
                return part;
            }
            let (before, rest) = part.split_at_mut(pad * samples);
            let (inner, after) = rest[..padded_steps * samples].split_at_mut(steps * samples);
            before.fill(F::zero());
            after.fill(F::zero());
            inner
        });
        match (from, time) {
            (Samples::Floats(rows), Time::Forward) => width.write(inner, rows.iter().map(|&row| Lanes(row))),
            (Samples::Floats(rows), Time::Reversed) => {
                width.write(inner, rows.iter().rev().map(|&row| Lanes(row)));
            }
            (Samples::Spikes(words, amplitude), Time::Forward) => {
                width.write(inner, words.iter().map(|&word| Lanes(row_of_word(word, amplitude))));
            }
            (Samples::Spikes(..), Time::Reversed) => unreachable!("gradients are floats"),
        }
    }
}

/// [`Rows::unpack`].
struct Unpack<'a, F> {
    from: &'a [Lanes<F>],
    time: Time,
    to: &'a mut [F],
}

impl<F: Real> Kernel for Unpack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { from, time, to } = self;
        let to = to.as_chunks_mut::<LANES>().0;
        match time {
            Time::Forward => to.iter_mut().zip(from).for_each(|(to, from)| *to = from.0),
            Time::Reversed => to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = from.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_rows_are_in_time_and_have_zeros_around_them() {
        packed_blocks(Rows { steps: 7, pad: 3, padded_steps: 10 });
        // Units lie some rows apart.
        let rows = Rows { steps: 117, pad: 8, padded_steps: 120 };
        assert!(rows.stride() > 128);
        packed_blocks(rows);
    }

    /// Two of four units, in another order.
    fn packed_blocks(rows: Rows) {
        let unit = rows.steps * LANES;
        let block: Vec<f64> = (1..=4 * unit).map(|k| k as f64).collect();
        let units = [3, 1];
        for (width, time) in [RowWidth::Sixteen, RowWidth::Eight]
            .into_iter()
            .flat_map(|width| [Time::Forward, Time::Reversed].map(|time| (width, time)))
        {
            let mut packed = vec![f64::NAN; units.len() * rows.stride() * LANES];
            rows.pack(Samples::of_floats(&block), &units, time, (&mut packed, width));
            let samples = width.samples();
            for (k, &found) in packed.iter().enumerate() {
                let (line, sample) = (k / samples, k % samples);
                let (of_unit, row) = (line / rows.stride(), line % rows.stride());
                let (part, place) = (of_unit / units.len(), of_unit % units.len());
                if row >= rows.pad + rows.padded_steps {
                    assert!(found.is_nan(), "{width:?} {time:?}, number {k}: {found}");
                    continue;
                }
                let step = (row.wrapping_sub(rows.pad) < rows.steps).then(|| match time {
                    Time::Forward => row - rows.pad,
                    Time::Reversed => rows.steps - 1 - (row - rows.pad),
                });
                let lane = part * samples + sample;
                let expected =
                    step.map_or(0.0, |step| block[units[place] as usize * unit + step * LANES + lane]);
                let same = found.to_bits() == expected.to_bits();
                assert!(same, "{width:?} {time:?}, number {k}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn unpacked_rows_are_those_of_a_block_in_either_direction_of_time() {
        let rows = Rows { steps: 3, pad: 2, padded_steps: 10 };
        let from: Vec<_> = (0..10).map(|k| Lanes::splat(f64::from(k))).collect();
        for (time, expected) in [(Time::Forward, [0.0, 1.0, 2.0]), (Time::Reversed, [2.0, 1.0, 0.0])] {
            let mut to = vec![9.0; 3 * LANES];
            rows.unpack(&from, time, &mut to);
            assert_eq!(to, expected.map(|x| [x; LANES]).concat());
        }
    }
}
