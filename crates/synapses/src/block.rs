//! A layer's synapses over sixteen samples, some steps at a time: inference that stays in the cache.
//!
//! The equations are those of [`crate::Delayed`]. A [`BlockHistory`] holds what a layer has read so far, a
//! [`BlockSynapse`] sums it for the next [`BLOCK_SYNAPSE_STEPS`] steps. Signals that are zero or one may be kept as codes and looked
//! up ([`BinarySums`]) instead of multiplied; [`crate::choice`] says when.

use crate::choice;
use crate::lag_kernels::{Accumulate, Source};
use crate::table::{Synapses, Table};
use crate::two_tap::Taps;
use colearn_tape::simd::{BINARY_STEPS, BinarySums, Code, GROUP, Kernel, Level, dispatch};
use colearn_tape::{LANES, Lanes, Pool, Real};
use ndarray::ArrayRef2;
use std::ops::Range;

/// Steps that one call sums.
pub const BLOCK_SYNAPSE_STEPS: usize = BINARY_STEPS;

/// What a layer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signals {
    /// Any numbers.
    Numbers,
    /// Spikes: zero or one.
    Spikes,
}

/// How signals are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Rows,
    Codes,
}

/// A layer's synapses, ready for blocks of sixteen samples.
#[derive(Debug)]
pub struct BlockSynapse<F> {
    table: Table<F>,
    inputs: usize,
    taps: Taps,
    form: Form,
    /// Rows before the first step.
    pad: usize,
}

impl<F: Real> BlockSynapse<F> {
    /// Synapses with weight and delay (I, J) that read `signals`.
    pub(crate) fn new(synapses: Synapses<'_, F>, signals: Signals, pool: &mut Pool<F>) -> Self {
        let Synapses { weight, max_delay, taps, .. } = synapses;
        let pad = max_delay + usize::from(taps == Taps::Two);
        Self::of(weight.dim(), |input, output| synapses.taps(input, output), (taps, pad), signals, pool)
    }

    /// Synapses with weight (I, J) and no delays that read `signals`.
    #[must_use]
    pub fn without_delays(weight: &ArrayRef2<F>, signals: Signals, pool: &mut Pool<F>) -> Self {
        let synapse = |input, output| (weight[[input, output]], F::zero(), 0);
        Self::of(weight.dim(), synapse, (Taps::One, 0), signals, pool)
    }

    fn of(
        shape: (usize, usize),
        synapse: impl Fn(usize, usize) -> (F, F, u32) + Sync,
        (taps, pad): (Taps, usize),
        signals: Signals,
        pool: &mut Pool<F>,
    ) -> Self {
        let form = if choice::block_by_codes::<F>(signals, taps) { Form::Codes } else { Form::Rows };
        let inputs = shape.0;
        let width = if form == Form::Codes { inputs.next_multiple_of(GROUP) } else { inputs };
        Self { table: Table::padded(shape, width, synapse, pool), inputs, taps, form, pad }
    }

    /// An empty history of a block of samples for sequences of `steps` steps.
    #[must_use]
    pub fn history(&self, steps: usize, pool: &mut Pool<F>) -> BlockHistory<F> {
        let stride = self.pad + steps.next_multiple_of(BLOCK_SYNAPSE_STEPS);
        let mut history = BlockHistory { rows: Vec::new(), codes: Vec::new(), stride, pad: self.pad };
        match self.form {
            Form::Rows => {
                history.rows = pool.take_lanes(self.inputs * stride);
                history.rows.fill(Lanes::default());
            }
            Form::Codes => {
                history.codes = pool.take_indices(self.table.width * stride * WORDS);
                history.codes.fill(0);
            }
        }
        history
    }

    /// The sums of `outputs` at steps `step` to `step` + [`BLOCK_SYNAPSE_STEPS`], output after output; `sums` is written over.
    /// The history must hold these steps; steps after the end of the sequence are sums of zeros and of the past.
    ///
    /// # Panics
    /// If the history was made for other synapses, `sums` for other outputs, or `step` exceeds the sequence.
    #[track_caller]
    pub fn sums(&self, history: &BlockHistory<F>, step: usize, outputs: Range<usize>, sums: &mut [Lanes<F>]) {
        assert_eq!(sums.len(), outputs.len() * BLOCK_SYNAPSE_STEPS, "sums of {} outputs", outputs.len());
        let (stride, now) = (history.stride, self.pad + step);
        let table = self.table.rows(outputs);
        if self.form == Form::Codes {
            let codes: &[Code] = bytemuck::cast_slice(&history.codes);
            let (weights, lags) = (table.near.as_chunks::<GROUP>().0, table.lag.as_chunks::<GROUP>().0);
            let steps = BLOCK_SYNAPSE_STEPS;
            BinarySums { codes, stride, now, weights, lags, steps, sums }.run();
            return;
        }
        sums.fill(Lanes::default());
        let x = Source { rows: &history.rows, stride, pad: now };
        match self.taps {
            Taps::One => {
                dispatch(Accumulate::<F, 1> { x, table, y: sums, padded_steps: BLOCK_SYNAPSE_STEPS });
            }
            Taps::Two => {
                dispatch(Accumulate::<F, 2> { x, table, y: sums, padded_steps: BLOCK_SYNAPSE_STEPS });
            }
        }
    }

    /// Gives the buffers back.
    pub fn recycle(self, pool: &mut Pool<F>) {
        self.table.recycle(pool);
    }
}

/// `u32` words of a [`Code`].
const WORDS: usize = LANES / size_of::<u32>();

/// What the inputs of a layer sent so far, for sixteen samples.
#[derive(Debug)]
pub struct BlockHistory<F> {
    /// One of the two is empty: rows of numbers, or codes as words of the pool.
    rows: Vec<Lanes<F>>,
    codes: Vec<u32>,
    stride: usize,
    pad: usize,
}

impl<F: Real> BlockHistory<F> {
    /// Parts of `units` units each, for threads to write.
    pub fn parts(&mut self, units: usize) -> impl Iterator<Item = HistoryPart<'_, F>> {
        let (stride, pad) = (self.stride, self.pad);
        let rows = self.rows.chunks_mut(units * stride).map(move |rows| (rows, &mut [][..]));
        let codes = self.codes.chunks_mut(units * stride * WORDS).map(move |codes| (&mut [][..], codes));
        let parts = rows.chain(codes).enumerate();
        parts.map(move |(k, (rows, codes))| HistoryPart { rows, codes, first: k * units, stride, pad })
    }

    /// Gives the buffers back.
    pub fn recycle(self, pool: &mut Pool<F>) {
        pool.give_lanes(self.rows);
        pool.give_indices(self.codes);
    }
}

/// Some units of a [`BlockHistory`].
#[derive(Debug)]
pub struct HistoryPart<'a, F> {
    rows: &'a mut [Lanes<F>],
    codes: &'a mut [u32],
    /// Number of the first unit in the layer.
    first: usize,
    stride: usize,
    pad: usize,
}

impl<F: Real> HistoryPart<'_, F> {
    /// Adds `rows` of unit `unit` of this part from step `step` on. Of a layer that reads [`Signals::Spikes`] they are zeros
    /// and ones.
    ///
    /// # Panics
    /// If the part has no such unit, or the sequence no such steps.
    #[track_caller]
    pub fn push(&mut self, unit: usize, step: usize, rows: &[Lanes<F>]) {
        let start = unit * self.stride + self.pad + step;
        if self.codes.is_empty() {
            self.rows[start..start + rows.len()].copy_from_slice(rows);
        } else {
            let codes: &mut [Code] = bytemuck::cast_slice_mut(&mut *self.codes);
            let to = &mut codes[start..start + rows.len()];
            dispatch(Encode { rows, to, bit: 1 << ((self.first + unit) % GROUP) });
        }
    }

    /// Adds steps `step` to `step` + `steps` of samples `first` to `first` + `count` of one unit's (T, `batch`) block, of a
    /// layer that reads [`Signals::Numbers`].
    ///
    /// # Panics
    /// If the part has no such unit, the sequence no such steps, the block no such samples, or the layer reads spikes.
    #[track_caller]
    pub fn push_samples(
        &mut self,
        unit: usize,
        step: usize,
        steps: usize,
        (block, batch): (&[F], usize),
        (first, count): (usize, usize),
    ) {
        let start = unit * self.stride + self.pad + step;
        let from = block[step * batch..(step + steps) * batch].chunks_exact(batch);
        for (row, samples) in self.rows[start..start + steps].iter_mut().zip(from) {
            *row = Lanes::load(&samples[first..], count);
        }
    }
}

/// Spikes to codes.
struct Encode<'a, F> {
    rows: &'a [Lanes<F>],
    to: &'a mut [Code],
    bit: u8,
}

impl<F: Real> Kernel for Encode<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for (row, code) in self.rows.iter().zip(self.to) {
            // As a value: the compiler then turns the loop into one comparison and one store.
            *code = row.0.map(|x| if x == F::zero() { 0 } else { self.bit });
        }
    }
}
