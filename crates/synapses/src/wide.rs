//! Delayed synapses with a kernel over all lags: triangle and Gaussian, exactly as in DCLS.
//!
//! ```text
//! y[t, b, j] = Σ_k Σ_i K_k[i, j] x[t − k, b, i],        K_k[i, j] = W[i, j] κ_k(d[i, j])
//! ∂L/∂K_k[i, j] = Σ_t,b g[t, b, j] x[t − k, b, i]
//! ∂L/∂W[i, j] = Σ_k κ_k ∂L/∂K_k[i, j],   ∂L/∂d[i, j] = W[i, j] Σ_k dκ_k/dd ∂L/∂K_k[i, j]
//! ```
//!
//! Each lag is a matrix product over shifted columns of the blocks (unit, step and sample), so the cost is D + 1 times that
//! of a dense layer. The annealed Gaussian of Hammouamri et al. 2024 is this form; [`crate::smooth`] is the cheap one.

use crate::dense::{by_block, by_block_mut};
use crate::interpolation::{Interpolation, taps};
use crate::two_tap::assert_shapes;
use colearn_tape::layout::matrix;
use colearn_tape::sequence::values;
use colearn_tape::{
    Buffers, Fused, Inputs, LANES, Pool, Pullback, Real, Recompute, Sequence, SequenceShape, SequenceVar,
    Signal, StepBuffers, Tape, Var,
};
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayD, ArrayRef2, ArrayView3, ArrayViewMut3, Axis, s};

/// Columns (steps × samples) that one task handles.
const TASK_COLUMNS: usize = 1600;

/// Kernel of a wide synapse.
#[derive(Clone, Copy, Debug)]
pub struct Shape<F> {
    /// Triangle or Gaussian (the others work too: they are their own oracle here).
    pub interpolation: Interpolation,
    /// Spread σ in steps.
    pub spread: F,
    /// Largest delay D in steps.
    pub max_delay: usize,
}

impl<F: Real> Shape<F> {
    /// Calls `each` with weight index (i, j), taps and slopes of every synapse.
    fn for_each_synapse(&self, delay: &ArrayRef2<F>, mut each: impl FnMut((usize, usize), &[F], &[F])) {
        let mut kappa = vec![F::zero(); self.max_delay + 1];
        let mut slope = kappa.clone();
        for (place, &delay) in delay.indexed_iter() {
            let used = delay.max(F::zero()).min(F::of(self.max_delay as f64));
            taps(self.interpolation, used, self.spread, &mut kappa, &mut slope);
            each(place, &kappa, &slope);
        }
    }

    /// The dense kernel K, shape (D + 1, I, J).
    fn kernel(&self, weight: &ArrayRef2<F>, delay: &ArrayRef2<F>, pool: &mut Pool<F>) -> Array3<F> {
        let (inputs, outputs) = weight.dim();
        let shape = (self.max_delay + 1, inputs, outputs);
        let mut kernel =
            Array3::from_shape_vec(shape, pool.take(shape.0 * inputs * outputs)).expect("taken so");
        self.for_each_synapse(delay, |(i, j), kappa, _| {
            for (k, &tap) in kappa.iter().enumerate() {
                kernel[[k, i, j]] = weight[[i, j]] * tap;
            }
        });
        kernel
    }
}

/// Columns `first..` of one task, moved by `shift` columns: the overlapping ranges in the task and in the source.
fn overlap(first: usize, len: usize, shift: isize, columns: usize) -> Option<(usize, usize, usize)> {
    // Column c of the task reads column c + shift of the source.
    let start = first.max(usize::try_from(-shift).unwrap_or(0));
    let limit = columns.checked_sub(usize::try_from(shift).unwrap_or(0))?;
    let end = (first + len).min(limit);
    (start < end).then(|| (start - first, start.wrapping_add_signed(shift), end - start))
}

/// `to = Σ_k left_k · (from shifted by k lags)` of every block; `direction` −1 reads the past, +1 the future.
fn convolve<F: Real>(
    kernel: &ArrayView3<'_, F>,
    transposed: bool,
    from: &ArrayView3<'_, F>,
    direction: isize,
    to: &mut ArrayViewMut3<'_, F>,
) {
    let columns = from.dim().2;
    let blocks = to.outer_iter_mut().into_par_iter().zip(from.outer_iter());
    blocks.for_each(|(mut to, from)| {
        let tasks = to.axis_chunks_iter_mut(Axis(1), TASK_COLUMNS).into_par_iter().enumerate();
        tasks.for_each(|(task, mut to)| {
            to.fill(F::zero());
            let (first, len) = (task * TASK_COLUMNS, to.ncols());
            for (lag, slice) in kernel.outer_iter().enumerate() {
                let shift =
                    direction * isize::try_from(lag * LANES).expect("a sequence fits the address space");
                let Some((here, there, len)) = overlap(first, len, shift, columns) else { continue };
                let left = if transposed { slice.reversed_axes() } else { slice };
                let right = from.slice(s![.., there..there + len]);
                let mut to = to.slice_mut(s![.., here..here + len]);
                general_mat_mul(F::one(), &left, &right, F::one(), &mut to);
            }
        });
    });
}

/// The buffers of a layer (I, J) = `(inputs, outputs)` in a training step: the dense kernel, and the gradient of it.
#[must_use]
pub fn buffers((inputs, outputs): (usize, usize), max_delay: usize) -> StepBuffers {
    let kernel = Buffers::values((max_delay + 1) * inputs * outputs);
    StepBuffers { forward: kernel.clone(), backward: kernel, ..StepBuffers::default() }
}

/// The layer's output (T, B, J) for the sequence x (T, B, I), without a tape.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn forward_sequence<F: Real>(
    x: &Sequence<F>,
    weight: &ArrayRef2<F>,
    delay: &ArrayRef2<F>,
    shape: Shape<F>,
    pool: &mut Pool<F>,
) -> Sequence<F> {
    run((x.values(), x.shape()), (weight, delay), shape, pool)
}

#[track_caller]
fn run<F: Real>(
    (x, of_x): (&[F], SequenceShape),
    (weight, delay): (&ArrayRef2<F>, &ArrayRef2<F>),
    shape: Shape<F>,
    pool: &mut Pool<F>,
) -> Sequence<F> {
    assert_shapes(of_x, weight, delay);
    let kernel = shape.kernel(weight, delay, pool);
    let mut y = Sequence::taken(of_x.with_units(weight.ncols()), pool);
    let of_y = y.shape();
    let mut to = by_block_mut(y.values_mut(), of_y);
    convolve(&kernel.view(), true, &by_block(x, of_x), -1, &mut to);
    pool.give(kernel);
    y
}

/// Records the layer: x (T, B, I), weight and delay (I, J) to y (T, B, J); x and y are both arrays or both sequences
/// ([`Signal`]).
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn record<F: Real, S: Signal>(tape: &mut Tape<F>, x: S, weight: Var, delay: Var, shape: Shape<F>) -> S {
    let x = x.enter(tape).floats(tape);
    let of_x = x.shape(tape);
    let ([x_value, weight_value, delay_value], pool) = tape.workspace([x.var, weight, delay]);
    let y = run((values(x_value), of_x), (&matrix(weight_value), &matrix(delay_value)), shape, pool);
    let op = Wide { shape, batch: of_x.batch };
    let var = tape.fused(&[x.var, weight, delay], y.into_value(), op);
    S::leave(SequenceVar { var, batch: of_x.batch }, tape)
}

#[derive(Debug)]
struct Wide<F> {
    shape: Shape<F>,
    batch: usize,
}

impl<F: Real> Fused<F> for Wide<F> {
    fn name(&self) -> &'static str {
        "wide delayed synapse"
    }

    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        Some(self)
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let Pullback { inputs, gradient, wanted, pool, .. } = p;
        let (x, weight, delay) = (values(inputs[0]), matrix(inputs[1]), matrix(inputs[2]));
        let of_x = SequenceShape::of(inputs[0], self.batch);
        let g = by_block(values(gradient), of_x.with_units(weight.ncols()));
        let to_x = wanted[0].then(|| {
            let kernel = self.shape.kernel(&weight, &delay, pool);
            let mut part = Sequence::taken(of_x, pool);
            convolve(&kernel.view(), false, &g, 1, &mut by_block_mut(part.values_mut(), of_x));
            pool.give(kernel);
            part.into_value()
        });
        let [to_weight, to_delay] =
            self.shape.correlate(&by_block(x, of_x), &g, (&weight, &delay), [wanted[1], wanted[2]], pool);
        vec![to_x, to_weight, to_delay]
    }
}

impl<F: Real> Recompute<F> for Wide<F> {
    fn recompute(&self, inputs: Inputs<'_, F>, pool: &mut Pool<F>) -> ArrayD<F> {
        let x = (values(inputs.values[0]), SequenceShape::of(inputs.values[0], self.batch));
        run(x, (&matrix(inputs.values[1]), &matrix(inputs.values[2])), self.shape, pool).into_value()
    }
}

impl<F: Real> Shape<F> {
    /// ∂L/∂W and ∂L/∂d, those that are `wanted`, of a layer that read x, for g = ∂L/∂y; both (block, unit, step and lane).
    pub(crate) fn correlate(
        &self,
        x: &ArrayView3<'_, F>,
        g: &ArrayView3<'_, F>,
        (weight, delay): (&ArrayRef2<F>, &ArrayRef2<F>),
        wanted: [bool; 2],
        pool: &mut Pool<F>,
    ) -> [Option<ArrayD<F>>; 2] {
        if wanted == [false; 2] {
            return [None, None];
        }
        let kernel = self.kernel_gradient(x, g, pool);
        let [to_weight, to_delay] = self.reduce(weight, delay, &kernel, pool);
        pool.give(kernel);
        let give = |part: ArrayD<F>, wanted: bool, pool: &mut Pool<F>| {
            if wanted {
                return Some(part);
            }
            pool.give(part);
            None
        };
        [give(to_weight, wanted[0], pool), give(to_delay, wanted[1], pool)]
    }

    /// ∂L/∂K, shape (D + 1, I, J), lags in parallel.
    fn kernel_gradient(&self, x: &ArrayView3<'_, F>, g: &ArrayView3<'_, F>, pool: &mut Pool<F>) -> Array3<F> {
        let shape = (self.max_delay + 1, x.dim().1, g.dim().1);
        let mut kernel =
            Array3::from_shape_vec(shape, pool.take(shape.0 * shape.1 * shape.2)).expect("taken so");
        let columns = x.dim().2;
        kernel.outer_iter_mut().into_par_iter().enumerate().for_each(|(lag, mut slice)| {
            let shift = (lag * LANES).min(columns);
            slice.fill(F::zero());
            for (x, g) in x.outer_iter().zip(g.outer_iter()) {
                let (x, g) = (x.slice(s![.., ..columns - shift]), g.slice(s![.., shift..]));
                general_mat_mul(F::one(), &x, &g.t(), F::one(), &mut slice);
            }
        });
        kernel
    }

    /// ∂L/∂W and ∂L/∂d from ∂L/∂K.
    fn reduce(
        &self,
        weight: &ArrayRef2<F>,
        delay: &ArrayRef2<F>,
        kernel: &Array3<F>,
        pool: &mut Pool<F>,
    ) -> [ArrayD<F>; 2] {
        let (inputs, outputs) = weight.dim();
        let (mut to_weight, mut to_delay) = (pool.array(&[inputs, outputs]), pool.array(&[inputs, outputs]));
        let largest = F::of(self.max_delay as f64);
        self.for_each_synapse(delay, |(i, j), kappa, slope| {
            let along =
                |values: &[F]| values.iter().enumerate().map(|(k, &v)| v * kernel[[k, i, j]]).sum::<F>();
            let inside = delay[[i, j]] >= F::zero() && delay[[i, j]] <= largest;
            to_weight[[i, j]] = along(kappa);
            to_delay[[i, j]] = if inside { weight[[i, j]] * along(slope) } else { F::zero() };
        });
        [to_weight, to_delay]
    }
}
