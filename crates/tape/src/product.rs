//! Matrix products whose long axis is shared out between threads: those of layers without delays, and the gradients of
//! recurrent weights.
//!
//! One operand is a signal (block, unit, column), a column being a step of a sample: see [`crate::sequence`]. What is not
//! zero in it may be little: [`Form::of`] chooses between multiplying every entry and events alone. Where values are finite
//! both give the same up to rounding; zero times infinity or NaN is NaN in the dense form and left out in the other.

mod events;
#[cfg(test)]
mod tests;

use crate::{Buffers, Pool, Real, Spikes};
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{ArrayRef2, ArrayRef3, ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis, s};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

/// Columns of one part of a dense sum, about. Fixed: results cannot depend on the number of threads.
const COLUMNS: usize = 3200;

/// Columns that one task handles where they are shared out.
const TASK_COLUMNS: usize = 1600;

/// Share of entries that are not zero below which a signal's events are taken one by one. Milliseconds of processor time for the
/// sums of a layer from 140 to 128 units (AVX-512, Zen 4, `layer_speed` of colearn-synapses): 9.6 to 10.6 dense; by
/// events 3.3 at 3 %, 4.3 at 12 %, 5.8 at 23 %, 6.6 at 30 %.
const SPARSE: f64 = 0.35;

/// Of so many entries of a signal the first [`LOOK`] are looked at for its share of events. A prime: units whose length it
/// divided would always be looked at in the same steps, the first ones, when layers are still silent.
const LOOK_EVERY: usize = 2039;

/// See [`LOOK_EVERY`].
const LOOK: usize = 64;

/// How a signal is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Every entry.
    Dense,
    /// The entries that are not zero: spikes, or counts of spikes.
    Events,
}

impl Form {
    /// The faster form for spikes.
    #[must_use]
    pub fn of_spikes<F: Real>(spikes: &Spikes<F>) -> Self {
        let fired: usize = spikes.words().iter().map(|word| word.count_ones() as usize).sum();
        let all = spikes.shape().values() * spikes.shape().units;
        if (fired as f64) < SPARSE * all as f64 { Self::Events } else { Self::Dense }
    }

    /// The faster form for a signal, by a thirty-second of its entries. A choice by the data alone: results do not depend on the
    /// number of threads.
    #[must_use]
    pub fn of<F: Real>(signal: &[F]) -> Self {
        let look = |part: &[F]| {
            let part = &part[..part.len().min(LOOK)];
            (part.iter().map(|&x| u32::from(x != F::zero())).sum::<u32>() as usize, part.len())
        };
        let parts = signal.par_chunks(LOOK_EVERY).with_min_len(64).map(look);
        let (events, seen) = parts.reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        if (events as f64) < SPARSE * seen as f64 { Self::Events } else { Self::Dense }
    }
}

/// How a signal of some blocks and columns is cut into parts of about `columns` columns: blocks of a part, and columns
/// that a part takes of each. It depends on the shape alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    blocks: usize,
    columns: usize,
}

impl Parts {
    fn of((blocks, columns): (usize, usize), about: usize) -> Self {
        let columns = columns.max(1);
        if columns < about {
            return Self { blocks: (about / columns).clamp(1, blocks.max(1)), columns };
        }
        Self { blocks: 1, columns: columns.div_ceil(columns / about) }
    }

    /// How many there are.
    fn count(self, (blocks, columns): (usize, usize)) -> usize {
        blocks.div_ceil(self.blocks) * columns.div_ceil(self.columns)
    }

    /// The parts of a signal, in their order.
    fn cut<'a, F>(self, signal: &ArrayView3<'a, F>) -> Vec<ArrayView3<'a, F>> {
        let (blocks, _, columns) = signal.dim();
        let starts = (0..blocks).step_by(self.blocks);
        let starts = starts.flat_map(|block| (0..columns).step_by(self.columns).map(move |at| (block, at)));
        let part = |(block, at): (usize, usize)| {
            let (last, end) = (blocks.min(block + self.blocks), columns.min(at + self.columns));
            (*signal).slice_move(s![block..last, .., at..end])
        };
        starts.map(part).collect()
    }

    /// The same for writing.
    fn cut_mut<F>(self, signal: &mut ArrayRef3<F>) -> Vec<ArrayViewMut3<'_, F>> {
        let mut parts = Vec::new();
        for mut rest in signal.axis_chunks_iter_mut(Axis(0), self.blocks) {
            while rest.dim().2 > self.columns {
                let (part, after) = rest.split_at(Axis(2), self.columns);
                parts.push(part);
                rest = after;
            }
            if rest.dim().2 > 0 {
                parts.push(rest);
            }
        }
        parts
    }
}

/// What [`over_rows`] and [`over_columns`] hold as scratch for this many inputs and outputs, and for signals of this many
/// blocks and columns of each.
#[must_use]
pub fn scratch(form: Form, inputs: usize, outputs: usize, blocks: (usize, usize)) -> [Buffers; 2] {
    match form {
        Form::Dense => {
            let parts = Parts::of(blocks, COLUMNS).count(blocks);
            [Buffers::none(), Buffers::values(parts * inputs * outputs)]
        }
        Form::Events => events::scratch(inputs, outputs, blocks),
    }
}

/// The same of a signal whose form is not known.
#[must_use]
pub fn scratch_of_any(inputs: usize, outputs: usize, blocks: (usize, usize)) -> [Buffers; 2] {
    let [over_rows, over_columns] = scratch(Form::Dense, inputs, outputs, blocks);
    let [of_events, sums_of_events] = scratch(Form::Events, inputs, outputs, blocks);
    [over_rows.or(of_events), over_columns.or(sums_of_events)]
}

/// Blocks and columns of a signal.
fn extent<F>(signal: &ArrayRef3<F>) -> (usize, usize) {
    (signal.dim().0, signal.dim().2)
}

/// `to[k] = weightᵀ · signal[k]` for `weight` (M, N), blocks `signal` (K, M, C) and `to` (K, N, C), with far more columns
/// than M and N: a layer's sums over its inputs. Rows of `signal` and `to` are contiguous.
///
/// # Panics
/// If the shapes do not fit, or rows are not contiguous.
#[track_caller]
pub fn over_rows<F: Real>(
    form: Form,
    weight: &ArrayRef2<F>,
    signal: &ArrayRef3<F>,
    to: &mut ArrayRef3<F>,
    pool: &mut Pool<F>,
) {
    assert_eq!(weight.nrows(), signal.dim().1, "rows of the operands of a product over rows");
    let (blocks, columns) = extent(signal);
    assert_eq!(to.dim(), (blocks, weight.ncols(), columns), "the shape of a product over rows");
    assert_contiguous([signal, to]);
    match form {
        Form::Dense => dense_over_rows(&weight.t(), signal, to),
        Form::Events => events::over_rows(weight, events::Signal::Floats(signal.view()), to, pool),
    }
}

/// [`over_rows`] of a signal of spikes, by their events.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn spikes_over_rows<F: Real>(
    weight: &ArrayRef2<F>,
    signal: &Spikes<F>,
    to: &mut ArrayRef3<F>,
    pool: &mut Pool<F>,
) {
    let shape = signal.shape();
    assert_eq!(weight.nrows(), shape.units, "rows of the operands of a product over rows");
    let expected = (shape.blocks(), weight.ncols(), shape.unit_len());
    assert_eq!(to.dim(), expected, "the shape of a product over rows");
    events::over_rows(weight, events::Signal::of_spikes(signal), to, pool);
}

/// [`over_columns`] of a signal of spikes, by their events.
///
/// # Panics
/// If the shapes do not fit, or rows are not contiguous.
#[track_caller]
pub fn spikes_over_columns<F: Real>(
    signal: &Spikes<F>,
    right: &ArrayRef3<F>,
    to: &mut ArrayRef2<F>,
    pool: &mut Pool<F>,
) {
    let shape = signal.shape();
    assert_eq!(
        (shape.blocks(), shape.unit_len()),
        extent(right),
        "blocks and columns of a product over columns"
    );
    assert_eq!(to.dim(), (shape.units, right.dim().1), "rows of the operands and the shape of their product");
    assert_contiguous([right]);
    to.fill(F::zero());
    if !shape.is_empty() && !right.is_empty() {
        events::over_columns(events::Signal::of_spikes(signal), right, to, pool);
    }
}

#[track_caller]
fn assert_contiguous<F: Real, const N: usize>(signals: [&ArrayRef3<F>; N]) {
    for signal in signals {
        let contiguous = signal.is_empty() || signal.dim().2 < 2 || signal.strides()[2] == 1;
        assert!(contiguous, "rows of a signal lie side by side: strides {:?}", signal.strides());
    }
}

/// `to[k] = left · right[k]` for `left` (N, M), blocks `right` (K, M, C) and `to` (K, N, C), with far more columns than M and
/// N. Parts of a fixed number of columns in parallel.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn dense_over_rows<F: Real>(left: &ArrayRef2<F>, right: &ArrayRef3<F>, to: &mut ArrayRef3<F>) {
    assert_eq!(left.ncols(), right.dim().1, "columns and rows of the operands of a product over rows");
    let (blocks, columns) = extent(right);
    assert_eq!(to.dim(), (blocks, left.nrows(), columns), "the shape of a product over rows");
    let parts = Parts { blocks: 1, columns: TASK_COLUMNS };
    let tasks = parts.cut_mut(to).into_par_iter().zip(parts.cut(&right.view())).with_max_len(1);
    tasks.for_each(|(mut to, right)| {
        let (right, mut to) = (right.index_axis(Axis(0), 0), to.index_axis_mut(Axis(0), 0));
        general_mat_mul(F::one(), left, &right, F::zero(), &mut to);
    });
}

/// `to = Σ_k signal[k] · right[k]ᵀ` for blocks `signal` (K, M, C), `right` (K, N, C) and `to` (M, N), with far more columns
/// than M and N: the gradient of a weight, summed over steps and samples. Rows of both operands are contiguous.
///
/// Blocks and columns are cut into parts that the shapes alone fix, whose products are computed in parallel and added in
/// their order: a product has to bring its operands into another order first, which sharing out rows would repeat for every
/// share.
///
/// # Panics
/// If the shapes do not fit, or rows are not contiguous.
#[track_caller]
pub fn over_columns<F: Real>(
    form: Form,
    signal: &ArrayRef3<F>,
    right: &ArrayRef3<F>,
    to: &mut ArrayRef2<F>,
    pool: &mut Pool<F>,
) {
    assert_eq!(extent(signal), extent(right), "blocks and columns of the operands of a product over columns");
    assert_eq!(
        to.dim(),
        (signal.dim().1, right.dim().1),
        "rows of the operands and the shape of their product"
    );
    assert_contiguous([signal, right]);
    to.fill(F::zero());
    if signal.is_empty() || right.is_empty() {
        return;
    }
    match form {
        Form::Dense => dense_over_columns(signal, right, to, pool),
        Form::Events => events::over_columns(events::Signal::Floats(signal.view()), right, to, pool),
    }
}

fn dense_over_columns<F: Real>(
    left: &ArrayRef3<F>,
    right: &ArrayRef3<F>,
    to: &mut ArrayRef2<F>,
    pool: &mut Pool<F>,
) {
    let (dim, len) = (to.dim(), to.len());
    let parts = Parts::of(extent(left), COLUMNS);
    let mut sums = pool.take(parts.count(extent(left)) * len);
    let pairs = parts.cut(&left.view()).into_par_iter().zip(parts.cut(&right.view()));
    sums.par_chunks_mut(len).zip(pairs).with_max_len(1).for_each(|(part, (left, right))| {
        let mut part = ArrayViewMut2::from_shape(dim, part).expect("taken with this length");
        for (k, (left, right)) in left.outer_iter().zip(right.outer_iter()).enumerate() {
            let before = if k == 0 { F::zero() } else { F::one() };
            general_mat_mul(F::one(), &left, &right.t(), before, &mut part);
        }
    });
    for part in sums.chunks(len) {
        let part = ArrayView2::from_shape(dim, part).expect("taken with this length");
        to.zip_mut_with(&part, |to, &x| *to += x);
    }
    pool.give_vec(sums);
}
