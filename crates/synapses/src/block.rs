//! A layer's synapses over sixteen samples, some steps at a time: inference that stays in the cache.
//!
//! The equations are those of [`crate::Delayed`]. A [`BlockHistory`] holds what a layer has read so far, a
//! [`BlockSynapse`] sums it for the next [`BLOCK_SYNAPSE_STEPS`] steps. Signals that are zero or one may be kept as codes and looked
//! up ([`crate::codes`]) instead of multiplied; [`crate::choice`] says when.

use crate::codes::{CodeTable, Encode, WORDS};
use crate::interpolation::Taps;
use crate::lag_kernels::{RowWidth, Source, accumulate};
use crate::table::{Synapses, Table};
use colearn_tape::simd::{
    ALIGN_ROOM, BINARY_STEPS, Code, Kernel, Level, aligned, aligned_mut, dispatch, looks_up_lagged, prefetch,
};
use colearn_tape::{LANES, Lanes, Pool, Real};
use ndarray::{ArrayRef2, ArrayView2, ArrayView3, Axis};
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

impl Signals {
    /// Whether they are kept as codes on this machine.
    fn are_codes<F: Real>(self) -> bool {
        self == Self::Spikes && looks_up_lagged::<F>()
    }
}

/// Weights and lags, in the form that the signals are kept in.
#[derive(Debug)]
enum Taken<F> {
    /// Rows of numbers.
    Rows(Table<F>),
    Codes(CodeTable<F>),
}

/// A layer's synapses, ready for blocks of sixteen samples.
#[derive(Debug)]
pub struct BlockSynapse<F> {
    table: Taken<F>,
    inputs: usize,
    taps: Taps,
    /// Rows before the first step.
    pad: usize,
}

impl<F: Real> BlockSynapse<F> {
    /// Synapses with weight and delay (I, J) that read `signals`.
    pub(crate) fn new(synapses: Synapses<'_, F>, signals: Signals, pool: &mut Pool<F>) -> Self {
        Self::with_delays(synapses, signals.are_codes::<F>(), pool)
    }

    fn with_delays(synapses: Synapses<'_, F>, by_code: bool, pool: &mut Pool<F>) -> Self {
        let Synapses { weight, max_delay, taps, .. } = synapses;
        let pad = max_delay + usize::from(taps == Taps::Two);
        Self::of(weight.dim(), |input, output| synapses.taps(input, output), (taps, pad), by_code, pool)
    }

    /// Synapses with weight (I, J) and no delays that read `signals`.
    #[must_use]
    pub fn without_delays(weight: &ArrayRef2<F>, signals: Signals, pool: &mut Pool<F>) -> Self {
        let synapse = |input, output| (weight[[input, output]], F::zero(), 0);
        Self::of(weight.dim(), synapse, (Taps::One, 0), signals.are_codes::<F>(), pool)
    }

    fn of(
        shape: (usize, usize),
        synapse: impl Fn(usize, usize) -> (F, F, u32) + Sync,
        (taps, pad): (Taps, usize),
        by_code: bool,
        pool: &mut Pool<F>,
    ) -> Self {
        let inputs = shape.0;
        let table = if by_code {
            Taken::Codes(CodeTable::new((inputs, inputs, shape.1), taps, synapse, pool))
        } else {
            Taken::Rows(Table::whole(shape, synapse, pool))
        };
        // One row more for the code of the step before the first, and for the far tap.
        Self { table, inputs, taps, pad: pad.max(1) }
    }

    /// An empty history of a block of samples for sequences of `steps` steps.
    #[must_use]
    pub fn history(&self, steps: usize, pool: &mut Pool<F>) -> BlockHistory<F> {
        let (taps, pad, width) = (self.taps, self.pad, RowWidth::best());
        let held = held_steps(pad, steps);
        let mut history = BlockHistory { rows: Vec::new(), codes: Vec::new(), width, held, pad, taps };
        let stride = history.stride();
        match &self.table {
            Taken::Rows(_) => {
                history.rows = pool.take(self.inputs * stride * LANES + ALIGN_ROOM);
                history.rows.fill(F::zero());
            }
            Taken::Codes(table) => {
                history.codes = pool.take_indices(table.width * stride * WORDS);
                history.codes.fill(0);
            }
        }
        history
    }

    /// The sums of `outputs` at steps `step` to `step` + [`BLOCK_SYNAPSE_STEPS`], output after output; `sums` is written over.
    /// The history must hold these steps; sums of steps after the end of the sequence mean nothing.
    ///
    /// # Panics
    /// If the history was made for other synapses, or `sums` for other outputs.
    #[track_caller]
    pub fn sums(&self, history: &BlockHistory<F>, step: usize, outputs: Range<usize>, sums: &mut [Lanes<F>]) {
        assert_eq!(sums.len(), outputs.len() * BLOCK_SYNAPSE_STEPS, "sums of {} outputs", outputs.len());
        let (stride, now) = (history.stride(), self.pad + step % history.held);
        let (x, table) = match &self.table {
            Taken::Codes(table) => {
                return table.sums(outputs, (&history.codes, stride, now), BLOCK_SYNAPSE_STEPS, sums);
            }
            Taken::Rows(table) => {
                let rows = aligned(&history.rows);
                (Source { rows, width: history.width, stride, pad: now }, table.rows(outputs))
            }
        };
        sums.fill(Lanes::default());
        accumulate(self.taps, x, table, sums, BLOCK_SYNAPSE_STEPS);
    }

    /// Gives the buffers back.
    pub fn recycle(self, pool: &mut Pool<F>) {
        match self.table {
            Taken::Rows(table) => table.recycle(pool),
            Taken::Codes(table) => table.recycle(pool),
        }
    }
}

/// Steps that a history holds beside the `pad` steps before them, when sequences have `steps`. Once they are full, the last
/// `pad` come to the front: at most two copies a step, and what is in use stays in the second-level cache.
fn held_steps(pad: usize, steps: usize) -> usize {
    let all = steps.next_multiple_of(BLOCK_SYNAPSE_STEPS);
    pad.div_ceil(2).next_multiple_of(BLOCK_SYNAPSE_STEPS).min(all).max(BLOCK_SYNAPSE_STEPS)
}

/// What the inputs of a layer sent lately, for sixteen samples: as far back as the largest delay reaches.
#[derive(Debug)]
pub struct BlockHistory<F> {
    /// One of the two is empty: rows of numbers, as the kernels want them, or codes as words of the pool.
    rows: Vec<F>,
    codes: Vec<u32>,
    width: RowWidth,
    /// Steps after the pad.
    held: usize,
    pad: usize,
    taps: Taps,
}

impl<F: Real> BlockHistory<F> {
    /// Parts of `units` units each, for threads to write.
    pub fn parts(&mut self, units: usize) -> impl Iterator<Item = HistoryPart<'_, F>> {
        let (width, held, pad, taps) = (self.width, self.held, self.pad, self.taps);
        let stride = self.stride();
        let rows = aligned_mut(&mut self.rows);
        let (first, second) = rows.split_at_mut(rows.len() / (LANES / width.samples()));
        let [first, second] = [first, second].map(|rows| rows.chunks_mut(units * stride * width.samples()));
        let second = second.chain(std::iter::repeat_with(|| &mut [][..]));
        let rows = first.zip(second).map(|(first, second)| ([first, second], &mut [][..]));
        let codes = self.codes.chunks_mut(units * stride * WORDS);
        let codes = codes.map(|codes| ([&mut [][..], &mut [][..]], codes));
        rows.chain(codes).enumerate().map(move |(k, (rows, codes))| HistoryPart {
            rows,
            codes,
            first: k * units,
            width,
            held,
            pad,
            taps,
        })
    }

    /// Rows from one unit to the next.
    fn stride(&self) -> usize {
        self.width.stride(self.pad + self.held)
    }

    /// Gives the buffers back.
    pub fn recycle(self, pool: &mut Pool<F>) {
        pool.give_vec(self.rows);
        pool.give_indices(self.codes);
    }
}

/// Some units of a [`BlockHistory`].
#[derive(Debug)]
pub struct HistoryPart<'a, F> {
    /// The units' rows of both parts of the samples.
    rows: [&'a mut [F]; 2],
    codes: &'a mut [u32],
    /// Number of the first unit in the layer.
    first: usize,
    width: RowWidth,
    /// Steps after the pad.
    held: usize,
    pad: usize,
    taps: Taps,
}

impl<F: Real> HistoryPart<'_, F> {
    /// Adds `rows` of unit `unit` of this part from step `step` on, at least one. Of a layer that reads [`Signals::Spikes`] they
    /// are zeros and ones. A unit's steps come in order and once, and no call crosses a multiple of [`BLOCK_SYNAPSE_STEPS`].
    ///
    /// # Panics
    /// If the part has no such unit, or there are no rows.
    #[track_caller]
    pub fn push(&mut self, unit: usize, step: usize, rows: &[Lanes<F>]) {
        assert!(!rows.is_empty(), "a push of no steps to unit {unit}");
        if self.codes.is_empty() {
            let (width, parts) = (self.width, self.rows_from(unit, step, rows.len()));
            dispatch(Write { parts, width, steps: rows.iter().copied() });
        } else {
            let place = step % self.held;
            let (start, stride) = (unit * self.stride() + self.pad + place, self.stride());
            let codes: &mut [Code] = bytemuck::cast_slice_mut(&mut *self.codes);
            if place == 0 {
                let of_unit = &mut codes[unit * stride..][..self.pad + self.held];
                recall(of_unit, self.pad, step == 0, [0; LANES]);
            }
            let codes = &mut codes[start - 1..start + rows.len()];
            dispatch(Encode { rows: rows.iter().copied(), codes, unit: self.first + unit, taps: self.taps });
        }
    }

    /// Adds steps `window` of all units of this part, of a layer that reads [`Signals::Numbers`], from `samples` (T, B, I) of
    /// at most sixteen samples. Windows come in order and once, and none crosses a multiple of [`BLOCK_SYNAPSE_STEPS`].
    ///
    /// # Panics
    /// If there are no such units or steps, or more samples, or the layer reads spikes.
    #[track_caller]
    pub fn push_samples(&mut self, samples: &ArrayView3<'_, F>, window: Range<usize>) {
        assert!(self.codes.is_empty(), "samples of a layer that reads spikes");
        let (steps, count, channels) = samples.dim();
        assert!(window.end <= steps && count <= LANES, "step {} of {steps}, {count} samples", window.end);
        let width = self.width;
        for unit in 0..self.rows[0].len() / (self.stride() * width.samples()) {
            let place = self.first + unit;
            let unit_samples = samples.index_axis(Axis(2), place);
            let parts = self.rows_from(unit, window.start, window.len());
            // Side by side in the memory order (N, T, B).
            if unit_samples.strides()[1] == 1 {
                // The next unit's steps are prefetched.
                let next = (place + 1 < channels).then(|| samples.index_axis(Axis(2), place + 1));
                let mut rows = [&[][..]; BLOCK_SYNAPSE_STEPS];
                for (to, step) in rows.iter_mut().zip(window.clone()) {
                    *to = row_of(&unit_samples, step);
                    if let Some(next) = &next {
                        prefetch(row_of(next, step), 0);
                    }
                }
                let rows = rows[..window.len()].iter().map(|row| Lanes::load(row, count));
                dispatch(Write { parts, width, steps: rows });
            } else {
                let rows = window.clone().map(|step| {
                    let mut row = Lanes::default();
                    row.0.iter_mut().zip(unit_samples.row(step)).for_each(|(to, &x)| *to = x);
                    row
                });
                dispatch(Write { parts, width, steps: rows });
            }
        }
    }

    /// The rows of a unit at steps `step` to `step` + `steps`, the next to be written; rows of sixteen samples have no second part.
    fn rows_from(&mut self, unit: usize, step: usize, steps: usize) -> [&mut [F]; 2] {
        let (place, samples) = (step % self.held, self.width.samples());
        let first = unit * self.stride() * samples;
        let of_unit = first..first + (self.pad + self.held) * samples;
        let pad = self.pad * samples;
        self.rows.each_mut().map(|rows| {
            if rows.is_empty() {
                return &mut rows[..];
            }
            let rows = &mut rows[of_unit.clone()];
            if place == 0 {
                recall(rows, pad, step == 0, F::zero());
            }
            &mut rows[pad + place * samples..][..steps * samples]
        })
    }

    /// Rows from one unit to the next.
    fn stride(&self) -> usize {
        self.width.stride(self.pad + self.held)
    }
}

/// One step of a unit's samples (step, sample), which lie side by side.
#[inline(always)]
fn row_of<'a, F>(samples: &ArrayView2<'a, F>, step: usize) -> &'a [F] {
    samples.index_axis_move(Axis(0), step).to_slice().expect("samples lie side by side")
}

/// Brings what a unit sent last before its next steps: the last `pad` entries to the front, or `zero` at the first step.
fn recall<T: Copy>(entries: &mut [T], pad: usize, first: bool, zero: T) {
    if first {
        entries[..pad].fill(zero);
    } else {
        entries.copy_within(entries.len() - pad.., 0);
    }
}

/// Writes the rows of some steps of a unit.
struct Write<'a, F, R> {
    parts: [&'a mut [F]; 2],
    width: RowWidth,
    steps: R,
}

impl<F: Real, R: Iterator<Item = Lanes<F>>> Kernel for Write<'_, F, R> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        self.width.write(self.parts, self.steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_tape::LANES;
    use ndarray::Array2;

    /// Histories of codes against histories of numbers, on every machine: pushed in parts of three units and windows of
    /// steps, summed in windows, some outputs at a time.
    #[test]
    fn spikes_as_codes_have_the_sums_of_numbers() {
        let (steps, inputs, outputs, max_delay) = (2 * BLOCK_SYNAPSE_STEPS + 3, 7, 5, 6);
        let number = |i: usize, j: usize| ((i * 31 + j * 17) as f64 * 0.7).sin();
        let weight = Array2::from_shape_fn((inputs, outputs), |(i, j)| number(i, j));
        let delay = Array2::from_shape_fn((inputs, outputs), |(i, j)| 3.0 + 3.1 * number(j, i));
        let spike = |i: usize, t: usize, lane: usize| (i * 5 + t * 3 + lane * 7 + t * i).is_multiple_of(4);
        let row =
            |i, t| Lanes(std::array::from_fn::<_, LANES, _>(|lane| f64::from(u8::from(spike(i, t, lane)))));
        for taps in [Taps::One, Taps::Two] {
            let run = |by_code| {
                let pool = &mut Pool::<f64>::default();
                let synapses = Synapses { weight: &weight, delay: &delay, max_delay, taps };
                let block = BlockSynapse::with_delays(synapses, by_code, pool);
                let mut history = block.history(steps, pool);
                let mut found = Vec::new();
                // A second sequence remembers nothing of the first.
                for _ in 0..2 {
                    for step in (0..steps).step_by(BLOCK_SYNAPSE_STEPS) {
                        let window = step..steps.min(step + BLOCK_SYNAPSE_STEPS);
                        for (part, mut units) in history.parts(3).enumerate() {
                            for unit in 0..3.min(inputs - part * 3) {
                                let rows: Vec<_> = window.clone().map(|t| row(part * 3 + unit, t)).collect();
                                // In two pieces, the second after what the first left.
                                let (first, second) = rows.split_at(rows.len() / 2);
                                units.push(unit, step, first);
                                units.push(unit, step + first.len(), second);
                            }
                        }
                        for outputs in [0..2, 2..outputs] {
                            let mut sums = vec![Lanes::splat(f64::NAN); outputs.len() * BLOCK_SYNAPSE_STEPS];
                            block.sums(&history, step, outputs, &mut sums);
                            let of_steps = sums.chunks_exact(BLOCK_SYNAPSE_STEPS);
                            found.extend(
                                of_steps.flat_map(|sums| &sums[..window.len()]).flat_map(|lanes| lanes.0),
                            );
                        }
                    }
                }
                let (first, second) = found.split_at(found.len() / 2);
                assert_eq!(first, second);
                history.recycle(pool);
                block.recycle(pool);
                let taken = pool.allocated_bytes();
                let again = BlockSynapse::with_delays(synapses, by_code, pool);
                again.history(steps, pool).recycle(pool);
                assert_eq!(pool.allocated_bytes(), taken, "buffers come back");
                found
            };
            for (place, (found, expected)) in run(true).iter().zip(&run(false)).enumerate() {
                assert!((found - expected).abs() < 1e-12, "{taps:?} {place}: {found} and {expected}");
            }
        }
    }
}
