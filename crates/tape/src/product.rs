//! Matrix products whose long axis is shared out between threads: those of layers without delays, and the gradients of
//! recurrent weights.
//!
//! One operand is a signal (units × columns, a column being a step of a sample), and what is not zero in it may be
//! little: [`Form::of`] chooses between multiplying every entry and events alone. Where values are finite both give the
//! same up to rounding; zero times infinity or NaN is NaN in the dense form and left out in the other.

mod events;

use crate::{Pool, Real};
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{ArrayRef2, ArrayView2, ArrayViewMut2, Axis};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

/// Columns of one part of a dense sum. Fixed: results cannot depend on the number of threads.
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

/// Numbers that [`over_rows`] and [`over_columns`] hold as scratch for this many inputs and outputs.
#[must_use]
pub fn scratch(form: Form, inputs: usize, outputs: usize, columns: usize) -> [usize; 2] {
    match form {
        Form::Dense => [0, columns.div_ceil(COLUMNS) * inputs * outputs],
        Form::Events => events::scratch(inputs, outputs, columns),
    }
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
    assert_contiguous([signal, to]);
    match form {
        Form::Dense => dense_over_rows(&weight.t(), signal, to),
        Form::Events => events::over_rows(weight, signal, to, pool),
    }
}

#[track_caller]
fn assert_contiguous<F: Real>(matrices: [&ArrayRef2<F>; 2]) {
    for matrix in matrices {
        let contiguous = matrix.is_empty() || matrix.ncols() < 2 || matrix.strides()[1] == 1;
        assert!(contiguous, "rows of a signal lie side by side: strides {:?}", matrix.strides());
    }
}

/// `to = left · right` for `left` (N, M), `right` (M, K) and `to` (N, K), with K much longer than M and N. Blocks of columns
/// of a fixed size in parallel.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn dense_over_rows<F: Real>(left: &ArrayRef2<F>, right: &ArrayRef2<F>, to: &mut ArrayRef2<F>) {
    assert_eq!(left.ncols(), right.nrows(), "columns and rows of the operands of a product over rows");
    assert_eq!(to.dim(), (left.nrows(), right.ncols()), "the shape of a product over rows");
    to.axis_chunks_iter_mut(Axis(1), TASK_COLUMNS)
        .into_par_iter()
        .zip(right.axis_chunks_iter(Axis(1), TASK_COLUMNS))
        .with_max_len(1)
        .for_each(|(mut to, right)| general_mat_mul(F::one(), left, &right, F::zero(), &mut to));
}

/// `to = signal · rightᵀ` for `signal` (M, K), `right` (N, K) and `to` (M, N), with K much longer than M and N: the gradient
/// of a weight, summed over steps and samples. Rows of both operands are contiguous.
///
/// K is cut into parts of a length that the shapes alone fix, whose products are computed in parallel and added in their order: a product
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
    assert_contiguous([signal, right]);
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
    use colearn_simd::EVENT_COLUMNS;
    use ndarray::{Array2, s};

    fn matrix(rows: usize, columns: usize, phase: f64) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, k)| ((i * 31 + k) as f64 * 0.7 + phase).sin())
    }

    /// A signal with this share of events, about.
    fn signal(rows: usize, columns: usize, share: f64) -> Array2<f64> {
        matrix(rows, columns, 0.0).mapv(|x| if x.abs() < share { x * 3.0 } else { 0.0 })
    }

    const FORMS: [Form; 2] = [Form::Dense, Form::Events];

    /// A pool whose buffers for such products hold NaN.
    fn dirty(inputs: usize, outputs: usize, columns: usize) -> Pool<f64> {
        let mut pool = Pool::default();
        let nan = |rows, columns| Array2::from_elem((rows, columns), f64::NAN);
        for form in FORMS {
            let (signal, mut sums) = (nan(inputs, columns), nan(outputs, columns));
            over_rows(form, &nan(inputs, outputs), &signal, &mut sums, &mut pool);
            over_columns(form, &signal, &sums, &mut nan(inputs, outputs), &mut pool);
        }
        pool
    }

    #[test]
    fn scratch_is_what_products_take() {
        let sizes = [
            (3, 16, 700),
            (5, 35, 5 * EVENT_COLUMNS + 1),
            (2, 7, 2 * COLUMNS + 3),
            (1, 2, 400 * EVENT_COLUMNS),
        ];
        for (form, (inputs, outputs, columns)) in FORMS.into_iter().flat_map(|f| sizes.map(|size| (f, size)))
        {
            let (signal, weight) = (signal(inputs, columns, 0.3), matrix(inputs, outputs, 1.0));
            let (mut sums, mut gradient) = (matrix(outputs, columns, 2.0), weight.clone());
            let mut pools = [Pool::default(), Pool::default()];
            over_rows(form, &weight, &signal, &mut sums, &mut pools[0]);
            over_columns(form, &signal, &sums, &mut gradient, &mut pools[1]);
            let expected = scratch(form, inputs, outputs, columns).map(|numbers| numbers * size_of::<f64>());
            assert_eq!(
                pools.map(|pool| pool.allocated_bytes()),
                expected,
                "{form:?} {inputs} {outputs} {columns}"
            );
        }
    }

    #[test]
    fn the_product_over_columns_is_the_product_whatever_their_number() {
        for columns in [0, 1, EVENT_COLUMNS, COLUMNS - 1, COLUMNS, COLUMNS + 7, 2 * COLUMNS + 1] {
            for (form, outputs) in FORMS.into_iter().flat_map(|form| [5, 16, 35].map(|n| (form, n))) {
                let (left, right) = (signal(3, columns, 0.3), matrix(outputs, columns, 1.0));
                let mut found = Array2::ones((3, outputs));
                over_columns(form, &left, &right, &mut found, &mut dirty(3, outputs, columns));
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
        let edges = [EVENT_COLUMNS - 1, EVENT_COLUMNS, EVENT_COLUMNS + 1];
        for columns in [0, 1, 5 * EVENT_COLUMNS + 1, 2 * TASK_COLUMNS + 3].into_iter().chain(edges) {
            for (form, outputs) in FORMS.into_iter().flat_map(|form| [0, 1, 16, 35].map(|n| (form, n))) {
                for inputs in [0, 7] {
                    let (weight, signal) = (matrix(inputs, outputs, 2.0), signal(inputs, columns, 0.2));
                    let mut found = Array2::ones((outputs, columns));
                    over_rows(form, &weight, &signal, &mut found, &mut dirty(inputs, outputs, columns));
                    approx::assert_abs_diff_eq!(found, weight.t().dot(&signal), epsilon = 1e-12);
                }
            }
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let columns = 2 * COLUMNS + 1;
        let (signal, right) = (signal(40, columns, 0.3), matrix(20, columns, 1.0));
        let run = |threads: usize, form: Form| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (mut gradient, mut sums) = (Array2::zeros((40, 20)), Array2::zeros((20, columns)));
                over_columns(form, &signal, &right, &mut gradient, &mut Pool::default());
                over_rows(form, &gradient, &signal, &mut sums, &mut Pool::default());
                (gradient, sums)
            })
        };
        for form in FORMS {
            assert_eq!(run(1, form), run(3, form), "{form:?}");
        }
    }

    #[test]
    fn rows_that_are_not_contiguous_are_refused_in_both_forms() {
        for form in FORMS {
            let refused = std::panic::catch_unwind(|| {
                let (left, right) = (signal(9, 4, 0.3), matrix(3, 9, 1.0));
                over_columns(form, &left.t(), &right, &mut Array2::zeros((4, 3)), &mut Pool::default());
            });
            assert!(refused.is_err(), "{form:?}");
        }
    }

    #[test]
    #[should_panic(expected = "the shape of a product over rows")]
    fn a_result_with_more_columns_is_refused() {
        dense_over_rows(&matrix(2, 3, 0.0), &matrix(3, 1600, 1.0), &mut Array2::zeros((2, 3200)));
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
        for (percent, form) in [(0, Form::Events), (25, Form::Events), (50, Form::Dense), (100, Form::Dense)]
        {
            let signal: Vec<f64> = (0..40_000).map(|k| f64::from(k % 100 < percent)).collect();
            assert_eq!(Form::of(&signal), form, "{percent} %");
        }
        assert_eq!(Form::of::<f32>(&[]), Form::Dense);
        // Units that begin in silence, of a length that is a power of two.
        let late: Vec<f32> = (0..64 * 2048).map(|k| if k % 2048 < 256 { 0.0 } else { 1.0 }).collect();
        assert_eq!(Form::of(&late), Form::Dense);
    }
}
