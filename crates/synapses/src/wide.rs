//! Delayed synapses with a kernel over all lags: triangle and Gaussian, exactly as in DCLS.
//!
//! ```text
//! y[t, b, j] = Σ_k Σ_i K_k[i, j] x[t − k, b, i],        K_k[i, j] = W[i, j] κ_k(d[i, j])
//! ∂L/∂K_k[i, j] = Σ_t,b g[t, b, j] x[t − k, b, i]
//! ∂L/∂W[i, j] = Σ_k κ_k ∂L/∂K_k[i, j],   ∂L/∂d[i, j] = W[i, j] Σ_k dκ_k/dd ∂L/∂K_k[i, j]
//! ```
//!
//! Each lag is a matrix product over shifted columns of the unit-major sequence, so the cost is D + 1 times that of a
//! dense layer. The annealed Gaussian of Hammouamri et al. 2024 is this form; [`crate::smooth`] is the cheap one.

use crate::dense::{by_unit, by_unit_mut};
use crate::interpolation::{Interpolation, taps};
use colearn_tape::layout::{matrix, release, sequence, to_units, units, units_mut};
use colearn_tape::{Fused, Pool, Pullback, Real, Recompute, Tape, Var};
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayD, ArrayRef2, ArrayRef3, ArrayView2, ArrayView3, ArrayViewMut2, Axis, s};

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

/// `to = Σ_k left_k · (from shifted by k lags)`; `direction` −1 reads the past, +1 the future.
fn convolve<F: Real>(
    kernel: &ArrayView3<'_, F>,
    transposed: bool,
    from: &ArrayView2<'_, F>,
    direction: isize,
    batch: usize,
    to: &mut ArrayViewMut2<'_, F>,
) {
    let columns = from.ncols();
    to.axis_chunks_iter_mut(Axis(1), TASK_COLUMNS).into_par_iter().enumerate().for_each(|(task, mut to)| {
        to.fill(F::zero());
        let (first, len) = (task * TASK_COLUMNS, to.ncols());
        for (lag, slice) in kernel.outer_iter().enumerate() {
            let shift = direction * isize::try_from(lag * batch).expect("a sequence fits the address space");
            let Some((here, there, len)) = overlap(first, len, shift, columns) else { continue };
            let left = if transposed { slice.reversed_axes() } else { slice };
            let right = from.slice(s![.., there..there + len]);
            general_mat_mul(F::one(), &left, &right, F::one(), &mut to.slice_mut(s![.., here..here + len]));
        }
    });
}

/// The layer's output (T, B, J) in unit-major order, without a tape.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn forward<F: Real>(
    x: &ArrayRef3<F>,
    weight: &ArrayRef2<F>,
    delay: &ArrayRef2<F>,
    shape: Shape<F>,
    pool: &mut Pool<F>,
) -> Array3<F> {
    assert_eq!(weight.dim(), delay.dim(), "delayed synapse: shapes of weight and delay");
    assert_eq!(
        x.dim().2,
        weight.nrows(),
        "delayed synapse: units of the input {:?} and rows of the weight",
        x.dim()
    );
    let (steps, batch, n) = x.dim();
    let kernel = shape.kernel(weight, delay, pool);
    let mut y = pool.sequence(steps, batch, weight.ncols());
    let x = to_units(x, pool);
    let mut to = by_unit_mut(units_mut(&mut y).expect("made unit-major"), (weight.ncols(), steps * batch));
    convolve(
        &kernel.view(),
        true,
        &by_unit(units(&x).expect("made unit-major"), (n, steps * batch)),
        -1,
        batch,
        &mut to,
    );
    release(x, pool);
    pool.give(kernel);
    y
}

/// Records the layer: x (T, B, I), weight and delay (I, J) to y (T, B, J).
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn record<F: Real>(tape: &mut Tape<F>, x: Var, weight: Var, delay: Var, shape: Shape<F>) -> Var {
    let ([x_value, weight_value, delay_value], pool) = tape.workspace([x, weight, delay]);
    let y = forward(&sequence(x_value), &matrix(weight_value), &matrix(delay_value), shape, pool);
    tape.fused(&[x, weight, delay], y.into_dyn(), Wide { shape })
}

#[derive(Debug)]
struct Wide<F> {
    shape: Shape<F>,
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
        let (x, weight, delay) = (sequence(inputs[0]), matrix(inputs[1]), matrix(inputs[2]));
        let (steps, batch, n) = x.dim();
        let g = sequence(gradient);
        let g = to_units(&g, pool);
        let g_matrix = by_unit(units(&g).expect("made unit-major"), (weight.ncols(), steps * batch));
        let to_x = wanted[0].then(|| {
            let kernel = self.shape.kernel(&weight, &delay, pool);
            let mut part = pool.sequence(steps, batch, n);
            let mut to = by_unit_mut(units_mut(&mut part).expect("made unit-major"), (n, steps * batch));
            convolve(&kernel.view(), false, &g_matrix, 1, batch, &mut to);
            pool.give(kernel);
            part.into_dyn()
        });
        let (mut to_weight, mut to_delay) = (None, None);
        if wanted[1] || wanted[2] {
            let x = to_units(&x, pool);
            let x_matrix = by_unit(units(&x).expect("made unit-major"), (n, steps * batch));
            let kernel = self.kernel_gradient(&x_matrix, &g_matrix, batch, pool);
            let [w, d] = self.reduce(&weight, &delay, &kernel, pool);
            pool.give(kernel);
            release(x, pool);
            to_weight = Some(w);
            to_delay = Some(d);
        }
        release(g, pool);
        vec![to_x, to_weight.filter(|_| wanted[1]), to_delay.filter(|_| wanted[2])]
    }
}

impl<F: Real> Recompute<F> for Wide<F> {
    fn recompute(&self, inputs: &[&ArrayD<F>], pool: &mut Pool<F>) -> ArrayD<F> {
        forward(&sequence(inputs[0]), &matrix(inputs[1]), &matrix(inputs[2]), self.shape, pool).into_dyn()
    }
}

impl<F: Real> Wide<F> {
    /// ∂L/∂K, shape (D + 1, I, J), lags in parallel.
    fn kernel_gradient(
        &self,
        x: &ArrayView2<'_, F>,
        g: &ArrayView2<'_, F>,
        batch: usize,
        pool: &mut Pool<F>,
    ) -> Array3<F> {
        let shape = (self.shape.max_delay + 1, x.nrows(), g.nrows());
        let mut kernel =
            Array3::from_shape_vec(shape, pool.take(shape.0 * shape.1 * shape.2)).expect("taken so");
        let columns = x.ncols();
        kernel.outer_iter_mut().into_par_iter().enumerate().for_each(|(lag, mut slice)| {
            let shift = (lag * batch).min(columns);
            let (x, g) = (x.slice(s![.., ..columns - shift]), g.slice(s![.., shift..]));
            general_mat_mul(F::one(), &x, &g.t(), F::zero(), &mut slice);
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
        let largest = F::of(self.shape.max_delay as f64);
        self.shape.for_each_synapse(delay, |(i, j), kappa, slope| {
            let along =
                |values: &[F]| values.iter().enumerate().map(|(k, &v)| v * kernel[[k, i, j]]).sum::<F>();
            let inside = delay[[i, j]] >= F::zero() && delay[[i, j]] <= largest;
            to_weight[[i, j]] = along(kappa);
            to_delay[[i, j]] = if inside { weight[[i, j]] * along(slope) } else { F::zero() };
        });
        [to_weight, to_delay]
    }
}
