//! Matrix products whose long axis is shared out between threads: those of layers without delays, and the gradients of
//! recurrent weights.
//!
//! One operand is a signal (block, unit, column), a column being a step of a sample: see [`crate::sequence`]. What is not
//! zero in it may be little: [`Form::of`] chooses between multiplying every entry and events alone. Where values are finite
//! both give the same up to rounding; zero times infinity or NaN is NaN in the dense form and left out in the other.

mod events;

use crate::{Buffers, Pool, Real};
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
    fn cut<'a, F>(self, signal: &'a ArrayRef3<F>) -> Vec<ArrayView3<'a, F>> {
        let blocks = signal.axis_chunks_iter(Axis(0), self.blocks);
        let columns = |blocks: ArrayView3<'a, F>| -> Vec<_> {
            let starts = (0..blocks.dim().2).step_by(self.columns);
            let end = |start: usize| blocks.dim().2.min(start + self.columns);
            starts.map(|start| blocks.slice_move(s![.., .., start..end(start)])).collect()
        };
        blocks.flat_map(columns).collect()
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
        Form::Events => events::over_rows(weight, signal, to, pool),
    }
}

#[track_caller]
fn assert_contiguous<F: Real>(signals: [&ArrayRef3<F>; 2]) {
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
    let tasks = parts.cut_mut(to).into_par_iter().zip(parts.cut(right)).with_max_len(1);
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
        Form::Events => events::over_columns(signal, right, to, pool),
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
    let pairs = parts.cut(left).into_par_iter().zip(parts.cut(right));
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

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_simd::EVENT_COLUMNS;
    use ndarray::{Array2, Array3};

    fn matrix(rows: usize, columns: usize, phase: f64) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, k)| ((i * 31 + k) as f64 * 0.7 + phase).sin())
    }

    /// Blocks of different numbers.
    fn dense((blocks, columns): (usize, usize), rows: usize, phase: f64) -> Array3<f64> {
        Array3::from_shape_fn((blocks, rows, columns), |(b, i, k)| {
            ((i * 31 + k + b * 17) as f64 * 0.7 + phase).sin()
        })
    }

    /// A signal with this share of events, about.
    fn signal(blocks: (usize, usize), rows: usize, share: f64) -> Array3<f64> {
        dense(blocks, rows, 0.0).mapv(|x| if x.abs() < share { x * 3.0 } else { 0.0 })
    }

    const FORMS: [Form; 2] = [Form::Dense, Form::Events];

    /// A pool whose buffers for such products hold NaN.
    fn dirty(inputs: usize, outputs: usize, blocks: (usize, usize)) -> Pool<f64> {
        let mut pool = Pool::default();
        let nan = |rows| Array3::from_elem((blocks.0, rows, blocks.1), f64::NAN);
        let weight = Array2::from_elem((inputs, outputs), f64::NAN);
        for form in FORMS {
            let (signal, mut sums) = (nan(inputs), nan(outputs));
            over_rows(form, &weight, &signal, &mut sums, &mut pool);
            over_columns(form, &signal, &sums, &mut weight.clone(), &mut pool);
        }
        pool
    }

    #[test]
    fn scratch_is_what_products_take() {
        let sizes = [
            (3, 16, (1, 700)),
            (5, 35, (1, 5 * EVENT_COLUMNS + 1)),
            (2, 7, (1, 2 * COLUMNS + 3)),
            (1, 2, (1, 400 * EVENT_COLUMNS)),
            (2, 5, (8, 1600)),
            (2, 5, (70, 160)),
            (1, 3, (3, 7 * EVENT_COLUMNS + 2)),
        ];
        for (form, (inputs, outputs, blocks)) in FORMS.into_iter().flat_map(|f| sizes.map(|size| (f, size))) {
            let (signal, weight) = (signal(blocks, inputs, 0.3), matrix(inputs, outputs, 1.0));
            let (mut sums, mut gradient) = (dense(blocks, outputs, 2.0), weight.clone());
            let mut pools = [Pool::default(), Pool::default()];
            over_rows(form, &weight, &signal, &mut sums, &mut pools[0]);
            over_columns(form, &signal, &sums, &mut gradient, &mut pools[1]);
            let expected = scratch(form, inputs, outputs, blocks).map(|scratch| scratch.bytes::<f64>());
            assert_eq!(
                pools.map(|pool| pool.allocated_bytes()),
                expected,
                "{form:?} {inputs} {outputs} {blocks:?}"
            );
        }
    }

    #[test]
    fn the_product_over_columns_is_the_product_whatever_their_number() {
        let one = [0, 1, EVENT_COLUMNS, COLUMNS - 1, COLUMNS, COLUMNS + 7, 2 * COLUMNS + 1].map(|c| (1, c));
        for blocks in one.into_iter().chain([(5, 32), (3, COLUMNS + 5), (2, 6 * EVENT_COLUMNS), (131, 16)]) {
            for (form, outputs) in FORMS.into_iter().flat_map(|form| [5, 16, 35].map(|n| (form, n))) {
                let (left, right) = (signal(blocks, 3, 0.3), dense(blocks, outputs, 1.0));
                let mut found = Array2::ones((3, outputs));
                over_columns(form, &left, &right, &mut found, &mut dirty(3, outputs, blocks));
                let each = left.outer_iter().zip(right.outer_iter());
                let expected =
                    each.fold(Array2::zeros((3, outputs)), |sum, (left, right)| sum + left.dot(&right.t()));
                approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-10);
            }
        }
        for form in FORMS {
            let (none, some) = (Array3::<f64>::zeros((1, 0, 4)), Array3::zeros((1, 2, 4)));
            over_columns(form, &none, &some, &mut Array2::zeros((0, 2)), &mut Pool::default());
            over_columns(form, &some, &none, &mut Array2::zeros((2, 0)), &mut Pool::default());
        }
    }

    #[test]
    fn the_product_over_rows_is_the_product_in_both_forms() {
        let edges = [EVENT_COLUMNS - 1, EVENT_COLUMNS, EVENT_COLUMNS + 1];
        let one =
            [0, 1, 5 * EVENT_COLUMNS + 1, 2 * TASK_COLUMNS + 3].into_iter().chain(edges).map(|c| (1, c));
        for blocks in one.chain([(3, 48), (2, TASK_COLUMNS + 3), (0, 16), (131, 16)]) {
            for (form, outputs) in FORMS.into_iter().flat_map(|form| [0, 1, 16, 35].map(|n| (form, n))) {
                for inputs in [0, 7] {
                    let (weight, signal) = (matrix(inputs, outputs, 2.0), signal(blocks, inputs, 0.2));
                    let mut found = Array3::ones((blocks.0, outputs, blocks.1));
                    over_rows(form, &weight, &signal, &mut found, &mut dirty(inputs, outputs, blocks));
                    for (found, signal) in found.outer_iter().zip(signal.outer_iter()) {
                        approx::assert_abs_diff_eq!(found, weight.t().dot(&signal), epsilon = 1e-12);
                    }
                }
            }
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        for blocks in [(1, 2 * COLUMNS + 1), (7, 1600)] {
            let (signal, right) = (signal(blocks, 40, 0.3), dense(blocks, 20, 1.0));
            let run = |threads: usize, form: Form| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let (mut gradient, mut sums) = (Array2::zeros((40, 20)), right.clone());
                    over_columns(form, &signal, &right, &mut gradient, &mut Pool::default());
                    over_rows(form, &gradient, &signal, &mut sums, &mut Pool::default());
                    (gradient, sums)
                })
            };
            for form in FORMS {
                assert_eq!(run(1, form), run(3, form), "{form:?}");
            }
        }
    }

    #[test]
    fn rows_that_are_not_contiguous_are_refused_in_both_forms() {
        for form in FORMS {
            let refused = std::panic::catch_unwind(|| {
                let (left, right) = (signal((1, 4), 9, 0.3), dense((1, 9), 3, 1.0));
                let left = left.view().permuted_axes([0, 2, 1]);
                over_columns(form, &left, &right, &mut Array2::zeros((4, 3)), &mut Pool::default());
            });
            assert!(refused.is_err(), "{form:?}");
        }
    }

    #[test]
    #[should_panic(expected = "the shape of a product over rows")]
    fn a_result_with_more_columns_is_refused() {
        dense_over_rows(&matrix(2, 3, 0.0), &dense((1, 1600), 3, 1.0), &mut Array3::zeros((1, 2, 3200)));
    }

    #[test]
    fn rows_of_a_wider_signal_are_taken_as_they_are() {
        let (left, right) = (signal((2, 300), 4, 0.3), dense((2, 300), 20, 1.0));
        let (left, right) = (left.slice(s![.., .., ..290]), right.slice(s![.., .., 10..]));
        for form in FORMS {
            let mut found = Array2::zeros((4, 20));
            over_columns(form, &left, &right, &mut found, &mut Pool::default());
            let each = left.outer_iter().zip(right.outer_iter());
            let expected = each.fold(Array2::zeros((4, 20)), |sum, (left, right)| sum + left.dot(&right.t()));
            approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-12);
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
