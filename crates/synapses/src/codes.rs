//! Spikes as codes, and the tables that sum them by look-up ([`BinarySums`]).
//!
//! With whole delays four units share a table, with two taps two: their bits say whether the unit fired at the step that
//! is read, and at the one before it.

use crate::interpolation::Taps;
use crate::table::TASK_ROWS;
use bytemuck::{AnyBitPattern, NoUninit};
use colearn_tape::simd::{BinarySums, Code, Kernel, Level, TABLE_BITS, Word, dispatch};
use colearn_tape::{Buffers, LANES, Lanes, Pool, Real};
use rayon::prelude::*;
use std::ops::Range;

/// `u32` words of a [`Code`]: codes live in the pool's buffers of indices.
pub(crate) const WORDS: usize = LANES / size_of::<u32>();

/// Units that share a table.
pub(crate) fn group(taps: Taps) -> usize {
    match taps {
        Taps::One => TABLE_BITS,
        Taps::Two => TABLE_BITS / 2,
    }
}

/// Weights and lags in the order of [`BinarySums`]; a row holds the synapses of one output.
#[derive(Debug)]
pub(crate) struct CodeTable<F> {
    weights: Vec<F>,
    lags: Vec<u32>,
    taps: Taps,
    /// Units of a row: those there are, and silent ones that fill the last group.
    pub(crate) width: usize,
}

impl<F: Real> CodeTable<F> {
    /// A table of `outputs` rows with the synapses from `inputs` units, whose near and far weight and lag `synapse(input,
    /// output)` says. `room` is the most inputs that a table of this layer can have: the pool keeps buffers by length.
    pub(crate) fn new(
        (inputs, room, outputs): (usize, usize, usize),
        taps: Taps,
        synapse: impl Fn(usize, usize) -> (F, F, u32) + Sync,
        pool: &mut Pool<F>,
    ) -> Self {
        let units = group(taps);
        let (width, room) = (inputs.next_multiple_of(units), room.next_multiple_of(units));
        let bits = TABLE_BITS / units;
        let mut table = Self {
            weights: pool.take(outputs * room * bits),
            lags: pool.take_indices(outputs * room),
            taps,
            width,
        };
        if width > 0 {
            let weights = table.weights[..outputs * width * bits].par_chunks_mut(TASK_ROWS * width * bits);
            let tasks = weights.zip(table.lags[..outputs * width].par_chunks_mut(TASK_ROWS * width));
            tasks.enumerate().for_each(|(k, (weights, lags))| {
                let first = k * TASK_ROWS;
                dispatch(Fill { weights, lags, first, width, inputs, synapse: &synapse });
            });
        }
        table
    }

    /// What a table of `outputs` rows with room for `inputs` units takes.
    pub(crate) fn buffers(inputs: usize, outputs: usize, taps: Taps) -> Buffers {
        let units = group(taps);
        let room = outputs * inputs.next_multiple_of(units);
        Buffers::values(room * (TABLE_BITS / units)).and(Buffers::indices(room))
    }

    /// The sums of `outputs` over `steps` steps from row `now` of the codes on; see [`BinarySums`].
    pub(crate) fn sums(
        &self,
        outputs: Range<usize>,
        (codes, stride, now): (&[u32], usize, usize),
        steps: usize,
        sums: &mut [Lanes<F>],
    ) {
        let codes: &[Code] = bytemuck::cast_slice(codes);
        let range = outputs.start * self.width..outputs.end * self.width;
        let bits = TABLE_BITS / group(self.taps);
        let weights = self.weights[range.start * bits..range.end * bits].as_chunks().0;
        let lags = &self.lags[range];
        match self.taps {
            Taps::One => {
                let lags = lags.as_chunks().0;
                BinarySums::<F, TABLE_BITS> { codes, stride, now, weights, lags, steps, sums }.run();
            }
            Taps::Two => {
                let lags = lags.as_chunks().0;
                BinarySums::<F, { TABLE_BITS / 2 }> { codes, stride, now, weights, lags, steps, sums }.run();
            }
        }
    }

    pub(crate) fn recycle(self, pool: &mut Pool<F>) {
        pool.give_vec(self.weights);
        pool.give_indices(self.lags);
    }
}

/// Fills rows of a table from output `first` on.
struct Fill<'a, F, S> {
    weights: &'a mut [F],
    lags: &'a mut [u32],
    first: usize,
    width: usize,
    inputs: usize,
    synapse: &'a S,
}

impl<F: Real, S: Fn(usize, usize) -> (F, F, u32)> Kernel for Fill<'_, F, S> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { weights, lags, first, width, inputs, synapse } = self;
        let bits = weights.len() / lags.len();
        for (place, (lag, weights)) in lags.iter_mut().zip(weights.chunks_exact_mut(bits)).enumerate() {
            let (output, input) = (first + place / width, place % width);
            let (near, far, own) =
                if input < inputs { synapse(input, output) } else { (F::zero(), F::zero(), 0) };
            *lag = own;
            for (weight, value) in weights.iter_mut().zip([near, far]) {
                *weight = value;
            }
        }
    }
}

/// Sixteen samples that are zero or not.
pub(crate) trait Fired {
    /// A [`Code`] in the form in which this is turned into one.
    type Bytes: Copy + NoUninit + AnyBitPattern;
    /// `bit` in the bytes of the samples that are not zero, and above it the bit `far` of the code `before`.
    fn code(self, bit: u8, before: Self::Bytes, far: u8) -> Self::Bytes;
}

impl<F: Real> Fired for Lanes<F> {
    type Bytes = Code;

    #[inline(always)]
    fn code(self, bit: u8, before: Code, far: u8) -> Code {
        // As a value: the compiler then turns the loop into one comparison and one store.
        let mut now = self.0.map(|x| if x == F::zero() { 0 } else { bit });
        for (now, before) in now.iter_mut().zip(before) {
            *now |= (before & far) << 1;
        }
        now
    }
}

/// One in every byte.
const ONES: u64 = 0x0101_0101_0101_0101;

impl Fired for Word {
    type Bytes = [u64; 2];

    #[inline(always)]
    fn code(self, bit: u8, before: [u64; 2], far: u8) -> [u64; 2] {
        let bytes = self.to_le_bytes();
        std::array::from_fn(|half| {
            // Seven bits times a number with a one every seven places: bit l comes to the lowest place of byte l.
            let byte = u64::from(bytes[half]);
            let fired = (((byte & 0x7F) * 0x0002_0408_1020_4081) & ONES) | ((byte >> 7) << 56);
            let before = u64::from_le(before[half]) & (u64::from(far) * ONES);
            ((fired * u64::from(bit)) | (before << 1)).to_le()
        })
    }
}

/// Appends steps of one unit to its codes.
pub(crate) struct Encode<'a, R> {
    /// Rows of sixteen samples, step after step.
    pub(crate) rows: R,
    /// The unit's codes from the step before these on: one more than steps.
    pub(crate) codes: &'a mut [Code],
    /// Place of the unit in its layer or list.
    pub(crate) unit: usize,
    pub(crate) taps: Taps,
}

impl<T: Fired, R: Iterator<Item = T>> Kernel for Encode<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { rows, codes, unit, taps } = self;
        let units = group(taps);
        let bit = 1u8 << (unit % units * (TABLE_BITS / units));
        let far = if taps == Taps::Two { bit } else { 0 };
        let Some((first, codes)) = codes.split_first_mut() else { return };
        let mut before: T::Bytes = bytemuck::cast(*first);
        for (row, code) in rows.zip(codes) {
            before = row.code(bit, before, far);
            *code = bytemuck::cast(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: usize = 20;

    /// Spikes of `inputs` units as codes, and their sums by table, against the definition. On every machine: where spikes are
    /// not looked up, the table is summed by its equation.
    fn compare(taps: Taps, inputs: usize, outputs: usize) {
        let (pad, mut pool) = (7, Pool::<f64>::default());
        let far = taps == Taps::Two;
        let spike = |i: usize, t: usize, lane: usize| (i * 5 + t * 3 + lane * 7 + t * i).is_multiple_of(4);
        let weight = |i: usize, j: usize| ((i * 31 + j * 17) as f64 * 0.7).sin();
        let synapse = |i: usize, j: usize| {
            let second = if far { weight(i + 100, j) } else { 0.0 };
            (weight(i, j), second, u32::try_from((i * 3 + j * 5) % 7).expect("small"))
        };
        let table = CodeTable::new((inputs, inputs + 5, outputs), taps, synapse, &mut pool);
        assert_eq!(table.width, inputs.next_multiple_of(group(taps)));
        let stride = pad + STEPS;
        let mut codes = vec![0u32; table.width * stride * WORDS];
        let by_unit = bytemuck::cast_slice_mut::<_, Code>(&mut codes).chunks_exact_mut(stride);
        for (unit, codes) in by_unit.enumerate().take(inputs) {
            let lanes = |t| Lanes(std::array::from_fn(|lane| f64::from(spike(unit, t, lane))));
            dispatch(Encode { rows: (0..STEPS).map(lanes), codes: &mut codes[pad - 1..], unit, taps });
        }
        let some = 1..outputs;
        let mut sums = vec![Lanes::splat(f64::NAN); some.len() * STEPS];
        table.sums(some.clone(), (&codes, stride, pad), STEPS, &mut sums);
        for (j, sums) in some.zip(sums.chunks_exact(STEPS)) {
            for (t, sum) in sums.iter().enumerate() {
                for (lane, &found) in sum.0.iter().enumerate() {
                    let at = |i: usize, lag: usize| t >= lag && spike(i, t - lag, lane);
                    let expected: f64 = (0..inputs)
                        .map(|i| {
                            let (near, far, lag) = synapse(i, j);
                            let lag = lag as usize;
                            near * f64::from(at(i, lag)) + far * f64::from(at(i, lag + 1))
                        })
                        .sum();
                    assert!(
                        (found - expected).abs() < 1e-12,
                        "{taps:?} {inputs} inputs, output {j} step {t} sample {lane}: {found} and {expected}"
                    );
                }
            }
        }
        table.recycle(&mut pool);
        let kept = outputs * (inputs + 5).next_multiple_of(group(taps)) * TABLE_BITS / group(taps);
        let before = pool.allocated_bytes();
        let _again = pool.take(kept);
        assert_eq!(pool.allocated_bytes(), before, "a buffer that came back");
    }

    #[test]
    fn sums_by_table_are_those_of_the_definition() {
        for taps in [Taps::One, Taps::Two] {
            for inputs in [1, 2, 3, 4, 9] {
                compare(taps, inputs, 3);
            }
            compare(taps, 6, TASK_ROWS * 2 + 1);
        }
    }
}
