//! Products with a sparse signal, event by event ([`Events`]).
//!
//! A panel holds some columns with their outputs side by side, so that what an event adds is contiguous. Columns are
//! brought there and back by panel, in the cache.

use super::{Parts, extent};
use crate::{Buffers, LANES, Lanes, Pool, Real, Spikes};
use colearn_simd::{
    EVENT_COLUMNS, Events, FromPanel, Kernel, Level, PANEL_ROWS, ToPanel, Word, dispatch, prefetch_all,
};
use ndarray::parallel::prelude::*;
use ndarray::{ArrayRef2, ArrayRef3, ArrayView2, ArrayView3, ArrayViewMut2, Axis};
use rayon::slice::ParallelSliceMut;
use std::ops::Range;

/// A signal (block, unit, column).
#[derive(Clone, Copy)]
pub(super) enum Signal<'a, F> {
    Floats(ArrayView3<'a, F>),
    /// A word for sixteen columns, and the amplitude.
    Spikes(ArrayView3<'a, Word>, F),
}

impl<'a, F: Real> Signal<'a, F> {
    pub(super) fn of_spikes(spikes: &'a Spikes<F>) -> Self {
        let shape = spikes.shape();
        let words = ArrayView3::from_shape((shape.blocks(), shape.units, shape.steps), spikes.words());
        Self::Spikes(words.expect("a word for a unit and step of a block"), spikes.amplitude())
    }

    fn extent(&self) -> (usize, usize) {
        match self {
            Self::Floats(floats) => extent(floats),
            Self::Spikes(words, _) => (words.dim().0, words.dim().2 * LANES),
        }
    }

    /// The blocks of each part.
    fn cut(self, parts: Parts) -> Vec<Vec<OfBlock<'a, F>>> {
        match self {
            Self::Floats(floats) => {
                let of_part = |part: ArrayView3<'a, F>| {
                    (0..part.dim().0).map(|k| OfBlock::Floats(part.index_axis_move(Axis(0), k))).collect()
                };
                parts.cut(&floats).into_iter().map(of_part).collect()
            }
            Self::Spikes(words, amplitude) => {
                let of_part = |part: ArrayView3<'a, Word>| {
                    let block = |k| OfBlock::Spikes(part.index_axis_move(Axis(0), k), amplitude);
                    (0..part.dim().0).map(block).collect()
                };
                let parts = Parts { columns: parts.columns.div_ceil(LANES), ..parts };
                parts.cut(&words).into_iter().map(of_part).collect()
            }
        }
    }
}

/// Units and columns of a block.
#[derive(Clone, Copy)]
enum OfBlock<'a, F> {
    Floats(ArrayView2<'a, F>),
    Spikes(ArrayView2<'a, Word>, F),
}

impl<'a, F: Real> OfBlock<'a, F> {
    /// What every event of spikes is worth.
    #[inline(always)]
    fn amplitudes(self) -> [F; EVENT_COLUMNS] {
        match self {
            Self::Floats(_) => [F::zero(); EVENT_COLUMNS],
            Self::Spikes(_, amplitude) => [amplitude; EVENT_COLUMNS],
        }
    }

    /// Lists the events of some columns of unit `i`, and returns their values.
    #[inline(always)]
    fn list<'b>(
        self,
        i: usize,
        columns: Range<usize>,
        events: &mut Events,
        amplitudes: &'b [F; EVENT_COLUMNS],
    ) -> &'b [F]
    where
        'a: 'b,
    {
        match self {
            Self::Floats(floats) => {
                let row = panel_row(&floats, i, columns, AHEAD);
                events.list(row);
                row
            }
            Self::Spikes(words, _) => {
                let row =
                    words.index_axis_move(Axis(0), i).to_slice().expect("words of a unit are contiguous");
                events.list_words(&row[columns.start / LANES..columns.end.div_ceil(LANES)]);
                amplitudes
            }
        }
    }
}

/// Columns of a part, about. Small parts, because events are not spread evenly over time.
const PART_COLUMNS: usize = 5 * EVENT_COLUMNS;

/// Most parts: each has sums of its own in [`over_columns`].
const PARTS: usize = 64;

/// What is one task, and in [`over_columns`] one term of a sum: results depend on it, and it depends on the shape alone.
fn parts((blocks, columns): (usize, usize)) -> Parts {
    let few = (blocks * columns).div_ceil(PARTS).next_multiple_of(EVENT_COLUMNS);
    let parts = Parts::of((blocks, columns), few.max(PART_COLUMNS));
    // Whole panels, where a block is cut.
    let cut = parts.columns < columns;
    Parts {
        columns: if cut { parts.columns.next_multiple_of(EVENT_COLUMNS) } else { parts.columns },
        ..parts
    }
}

/// Lanes that hold one row of `outputs`.
fn width(outputs: usize) -> usize {
    outputs.div_ceil(LANES)
}

/// Distance of the columns of a panel. Odd: columns at multiples of 4096 bytes would meet in one set of the
/// first-level cache.
fn stride(outputs: usize) -> usize {
    width(outputs) | 1
}

/// Rows as whole numbers of lanes, filled up with zeros.
fn padded<F: Real>(matrix: &ArrayRef2<F>, to: &mut [Lanes<F>]) {
    to.fill(Lanes::default());
    for (row, to) in matrix.rows().into_iter().zip(to.chunks_mut(width(matrix.ncols()).max(1))) {
        for (j, &x) in row.iter().enumerate() {
            to[j / LANES].0[j % LANES] = x;
        }
    }
}

/// Lanes of a padded weight and of a panel.
fn lengths((inputs, outputs): (usize, usize)) -> (usize, usize) {
    (inputs * width(outputs), EVENT_COLUMNS * stride(outputs))
}

/// See [`super::scratch`].
pub(super) fn scratch(inputs: usize, outputs: usize, blocks: (usize, usize)) -> [Buffers; 2] {
    let (weight, panel) = lengths((inputs, outputs));
    let parts = parts(blocks).count(blocks);
    [weight, parts * weight].map(|len| Buffers::lanes(len).and(Buffers::lanes(parts * panel)))
}

/// [`super::over_rows`].
pub(super) fn over_rows<F: Real>(
    weight: &ArrayRef2<F>,
    signal: Signal<'_, F>,
    to: &mut ArrayRef3<F>,
    pool: &mut Pool<F>,
) {
    let (len, panel) = lengths(weight.dim());
    let mut weights = pool.take_lanes(len);
    let parts = parts(signal.extent());
    let mut panels = pool.take_lanes(parts.count(signal.extent()) * panel);
    padded(weight, &mut weights);
    let tasks = parts.cut_mut(to).into_par_iter().zip(signal.cut(parts));
    panels.par_chunks_mut(panel.max(1)).zip(tasks).with_max_len(1).for_each(|(panel, (mut to, signal))| {
        for (to, signal) in to.outer_iter_mut().zip(signal) {
            dispatch(OverRows { weights: &weights, signal, panel: &mut *panel, to });
        }
    });
    pool.give_lanes(panels);
    pool.give_lanes(weights);
}

/// Rows between the signal's row that is listed and the one that is asked for.
const AHEAD: usize = 2;

/// Columns of row `i`; asks for the same of the row `ahead` rows later, or for the next columns of the first ones.
#[inline(always)]
fn panel_row<'a, F: Real>(
    matrix: &ArrayView2<'a, F>,
    i: usize,
    columns: Range<usize>,
    ahead: usize,
) -> &'a [F] {
    let row = |i| {
        let row = matrix.index_axis_move(Axis(0), i);
        row.to_slice().expect("rows of a signal are contiguous")
    };
    let (ahead, len) = (i + ahead, columns.len());
    if ahead < matrix.nrows() {
        prefetch_all(&row(ahead)[columns.clone()]);
    } else if columns.end < matrix.ncols() {
        let first = (ahead - matrix.nrows()).min(i);
        prefetch_all(&row(first)[columns.end..matrix.ncols().min(columns.end + len)]);
    }
    &row(i)[columns]
}

/// Sums of some columns.
struct OverRows<'a, 's, F> {
    /// Rows of the weight, padded.
    weights: &'a [Lanes<F>],
    signal: OfBlock<'s, F>,
    panel: &'a mut [Lanes<F>],
    to: ArrayViewMut2<'a, F>,
}

impl<F: Real> Kernel for OverRows<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { weights, signal, panel, mut to } = self;
        let (outputs, columns) = to.dim();
        let (width, stride) = (width(outputs), stride(outputs));
        let (mut events, amplitudes) = (Events::default(), signal.amplitudes());
        for first in (0..columns).step_by(EVENT_COLUMNS) {
            let count = EVENT_COLUMNS.min(columns - first);
            let panel = &mut panel[..count * stride];
            panel.fill(Lanes::default());
            for (i, weights) in weights.chunks(width.max(1)).enumerate() {
                let row = signal.list(i, first..first + count, &mut events, &amplitudes);
                events.scatter::<F, L>(row, weights, panel, stride);
            }
            let mut rows = to.rows_mut().into_iter().map(|row| {
                let row = row.into_slice().expect("rows of the sums are contiguous");
                &mut row[first..first + count]
            });
            for place in 0..outputs.div_ceil(PANEL_ROWS) {
                let rows = std::array::from_fn(|_| rows.next().unwrap_or_default());
                FromPanel { panel, stride, place, rows }.run();
            }
        }
    }
}

/// Adds [`super::over_columns`] to `to`.
pub(super) fn over_columns<F: Real>(
    signal: Signal<'_, F>,
    right: &ArrayRef3<F>,
    to: &mut ArrayRef2<F>,
    pool: &mut Pool<F>,
) {
    let (part, panel) = lengths(to.dim());
    let parts = parts(signal.extent());
    let count = parts.count(signal.extent());
    let (mut sums, mut panels) = (pool.take_lanes(count * part), pool.take_lanes(count * panel));
    let pairs = signal.cut(parts).into_par_iter().zip(parts.cut(&right.view()));
    let room = sums.par_chunks_mut(part).zip(panels.par_chunks_mut(panel));
    room.zip(pairs).with_max_len(1).for_each(|((sums, panel), (signal, right))| {
        sums.fill(Lanes::default());
        for (signal, right) in signal.into_iter().zip(right.outer_iter()) {
            dispatch(OverColumns { signal, right, panel: &mut *panel, sums: &mut *sums });
        }
    });
    let width = width(right.dim().1);
    to.axis_iter_mut(Axis(0)).into_par_iter().with_min_len(16).enumerate().for_each(|(i, mut row)| {
        for sums in sums.chunks(part) {
            let numbers = sums[i * width..(i + 1) * width].iter().flat_map(|lanes| &lanes.0);
            row.iter_mut().zip(numbers).for_each(|(to, &sum)| *to += sum);
        }
    });
    pool.give_lanes(panels);
    pool.give_lanes(sums);
}

/// Products over some columns.
struct OverColumns<'a, 's, F> {
    signal: OfBlock<'s, F>,
    right: ArrayView2<'a, F>,
    panel: &'a mut [Lanes<F>],
    /// Added to: a padded row for each of the signal's.
    sums: &'a mut [Lanes<F>],
}

impl<F: Real> Kernel for OverColumns<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { signal, right, panel, sums } = self;
        let (outputs, columns) = right.dim();
        let (width, stride) = (width(outputs), stride(outputs));
        let (mut events, amplitudes) = (Events::default(), signal.amplitudes());
        panel.fill(Lanes::default());
        for first in (0..columns).step_by(EVENT_COLUMNS) {
            let count = EVENT_COLUMNS.min(columns - first);
            for place in 0..outputs.div_ceil(PANEL_ROWS) {
                let row = |j: usize| {
                    let row = place * PANEL_ROWS + j;
                    if row < outputs { panel_row(&right, row, first..first + count, PANEL_ROWS) } else { &[] }
                };
                ToPanel { rows: std::array::from_fn(row), panel, stride, place }.run();
            }
            for (i, sums) in sums.chunks_mut(width).enumerate() {
                let row = signal.list(i, first..first + count, &mut events, &amplitudes);
                events.gather::<F, L>(row, panel, stride, sums);
            }
        }
    }
}
