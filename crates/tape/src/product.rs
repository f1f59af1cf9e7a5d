//! Matrix products whose long axis is shared out between threads: those of a layer without delays.
//!
//! One operand is a signal (units × columns, a column being a step of a sample), and what is not zero in it may be
//! little: [`Form`] says whether every entry is multiplied or events alone, and is the one place that chooses.

mod events;

use crate::{Pool, Real};
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{ArrayRef2, ArrayView2, ArrayViewMut2, Axis};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

/// Columns of one part of the sum. Fixed: results cannot depend on the number of threads.
const COLUMNS: usize = 3200;

/// Columns that one task handles where they are shared out.
const TASK_COLUMNS: usize = 1600;

/// Share of entries that are not zero below which a signal's events are taken one by one. Nanoseconds for sixteen outputs of an
/// entry, sums and gradients (128 outputs, AVX-512, Zen 4): 0.39 and 0.45 in a dense product; by events 0.16 and 0.15 at
/// 3 %, 0.24 and 0.20 at 12 %, 0.33 and 0.29 at 23 %.
const SPARSE: f64 = 0.4;

/// Of so many entries of a signal the first [`LOOK`] are looked at for its share of events.
const LOOK_EVERY: usize = 2048;

/// See [`LOOK_EVERY`].
const LOOK: usize = 256;

/// How a signal is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Every entry.
    Dense,
    /// The entries that are not zero: spikes, or counts of spikes.
    Events,
}

impl Form {
    /// The faster form for a signal, by an eighth of its entries. A choice by the data alone: results do not depend on the
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

/// Numbers that both products of a layer with this many inputs and outputs hold as scratch if they go by events.
#[must_use]
pub fn scratch(inputs: usize, outputs: usize, columns: usize) -> usize {
    events::scratch(inputs, outputs, columns)
}

/// `to = weightᵀ · signal` for `weight` (M, N), `signal` (M, K) and `to` (N, K), with K much longer than M and N: a layer's
/// sums over its inputs. Rows of `signal` and `to` are contiguous.
///
/// # Panics
/// If the shapes do not fit, or rows are not contiguous.
#[track_caller]
pub fn over_rows<F: Real>(
    form: Form,
    weight: &ArrayRef2<F>,
    signal: &ArrayRef2<F>,
    to: &mut ArrayRef2<F>,
    pool: &mut Pool<F>,
) {
    assert_eq!(weight.nrows(), signal.nrows(), "rows of the operands of a product over rows");
    assert_eq!(to.dim(), (weight.ncols(), signal.ncols()), "the shape of a product over rows");
    match form {
        Form::Dense => by_columns(&weight.t(), signal, to),
        Form::Events => events::over_rows(weight, signal, to, pool),
    }
}

/// `to = left · right`, blocks of columns of a fixed size in parallel.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn by_columns<F: Real>(left: &ArrayRef2<F>, right: &ArrayRef2<F>, to: &mut ArrayRef2<F>) {
    to.axis_chunks_iter_mut(Axis(1), TASK_COLUMNS)
        .into_par_iter()
        .zip(right.axis_chunks_iter(Axis(1), TASK_COLUMNS))
        .for_each(|(mut to, right)| general_mat_mul(F::one(), left, &right, F::zero(), &mut to));
}

/// `to = signal · rightᵀ` for `signal` (M, K), `right` (N, K) and `to` (M, N), with K much longer than M and N: the gradient
/// of a weight, summed over steps and samples. Rows of both operands are contiguous.
///
/// K is cut into parts of a fixed length, whose products are computed in parallel and added in their order: a product
/// has to bring its operands into another order first, which sharing out rows would repeat for every share.
///
/// # Panics
/// If the shapes do not fit, or rows are not contiguous.
#[track_caller]
pub fn over_columns<F: Real>(
    form: Form,
    signal: &ArrayRef2<F>,
    right: &ArrayRef2<F>,
    to: &mut ArrayRef2<F>,
    pool: &mut Pool<F>,
) {
    assert_eq!(signal.ncols(), right.ncols(), "columns of the operands of a product over columns");
    assert_eq!(
        to.dim(),
        (signal.nrows(), right.nrows()),
        "rows of the operands and the shape of their product"
    );
    to.fill(F::zero());
    if signal.is_empty() || right.is_empty() {
        return;
    }
    match form {
        Form::Dense => dense_over_columns(signal, right, to, pool),
        Form::Events => events::over_columns(signal, right, to, pool),
    }
}

fn dense_over_columns<F: Real>(
    left: &ArrayRef2<F>,
    right: &ArrayRef2<F>,
    to: &mut ArrayRef2<F>,
    pool: &mut Pool<F>,
) {
    let (dim, len) = (to.dim(), to.len());
    let mut sums = pool.take(left.ncols().div_ceil(COLUMNS) * len);
    let pairs = left.axis_chunks_iter(Axis(1), COLUMNS).into_par_iter();
    let pairs = pairs.zip(right.axis_chunks_iter(Axis(1), COLUMNS));
    sums.par_chunks_mut(len).zip(pairs).for_each(|(part, (left, right))| {
        let mut part = ArrayViewMut2::from_shape(dim, part).expect("taken with this length");
        general_mat_mul(F::one(), &left, &right.t(), F::zero(), &mut part);
    });
    for part in sums.chunks(len) {
        let part = ArrayView2::from_shape(dim, part).expect("taken with this length");
        to.zip_mut_with(&part, |to, &x| *to += x);
    }
    pool.give_vec(sums);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};

    fn matrix(rows: usize, columns: usize, phase: f64) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, k)| ((i * 31 + k) as f64 * 0.7 + phase).sin())
    }

    /// A signal with this share of events, about.
    fn signal(rows: usize, columns: usize, share: f64) -> Array2<f64> {
        matrix(rows, columns, 0.0).mapv(|x| if x.abs() < share { x * 3.0 } else { 0.0 })
    }

    const FORMS: [Form; 2] = [Form::Dense, Form::Events];

    #[test]
    fn the_product_over_columns_is_the_product_whatever_their_number() {
        for columns in [0, 1, COLUMNS - 1, COLUMNS, COLUMNS + 7, 2 * COLUMNS + 1] {
            for (form, outputs) in FORMS.into_iter().flat_map(|form| [5, 16, 35].map(|n| (form, n))) {
                let (left, right) = (signal(3, columns, 0.3), matrix(outputs, columns, 1.0));
                let mut found = Array2::ones((3, outputs));
                over_columns(form, &left, &right, &mut found, &mut Pool::default());
                for ((i, j), &found) in found.indexed_iter() {
                    let expected: f64 = left.row(i).iter().zip(right.row(j)).map(|(a, b)| a * b).sum();
                    approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-10);
                }
            }
        }
        for form in FORMS {
            let (none, some) = (Array2::<f64>::zeros((0, 4)), Array2::zeros((2, 4)));
            over_columns(form, &none, &some, &mut Array2::zeros((0, 2)), &mut Pool::default());
            over_columns(form, &some, &none, &mut Array2::zeros((2, 0)), &mut Pool::default());
        }
    }

    #[test]
    fn the_product_over_rows_is_the_product_in_both_forms() {
        for columns in [0, 1, 127, 128, 1281, 2 * TASK_COLUMNS + 3] {
            for (form, outputs) in FORMS.into_iter().flat_map(|form| [0, 1, 16, 35].map(|n| (form, n))) {
                let (weight, signal) = (matrix(7, outputs, 2.0), signal(7, columns, 0.2));
                let mut found = Array2::ones((outputs, columns));
                over_rows(form, &weight, &signal, &mut found, &mut Pool::default());
                approx::assert_abs_diff_eq!(found, weight.t().dot(&signal), epsilon = 1e-12);
            }
        }
    }

    #[test]
    fn rows_of_a_wider_matrix_are_taken_as_they_are() {
        let (left, right) = (signal(4, 300, 0.3), matrix(20, 300, 1.0));
        let (left, right) = (left.slice(s![.., ..290]), right.slice(s![.., 10..]));
        for form in FORMS {
            let mut found = Array2::zeros((4, 20));
            over_columns(form, &left, &right, &mut found, &mut Pool::default());
            approx::assert_abs_diff_eq!(found, left.dot(&right.t()), epsilon = 1e-12);
        }
    }

    #[test]
    fn events_are_taken_where_they_are_few() {
        for (share, form) in
            [(0.0, Form::Events), (0.3, Form::Events), (0.8, Form::Dense), (2.0, Form::Dense)]
        {
            let signal = signal(16, 1000, share);
            assert_eq!(Form::of(signal.as_slice().unwrap()), form, "{share}");
        }
        assert_eq!(Form::of::<f32>(&[]), Form::Dense);
    }
}
