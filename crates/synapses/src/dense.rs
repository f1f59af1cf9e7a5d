//! Synapses without delays.
//!
//! ```text
//! y[t, b, j] = Σ_i W[i, j] x[t, b, i]
//! ∂L/∂x = g Wᵀ,   ∂L/∂W[i, j] = Σ_t,b x[t, b, i] g[t, b, j]
//! ```
//!
//! In unit-major order these are matrix products over T·B columns ([`product`]). Where x is sparse, y and the gradient of
//! the weight are made of its events alone ([`product::Form`]). Threads share out blocks of columns of a fixed size, and
//! gradients of the weight are summed over the blocks in their order.

use colearn_tape::layout::{matrix, release, sequence, to_units, units, units_mut};
use colearn_tape::product::{self, Form};
use colearn_tape::{Fused, Pool, Pullback, Real, Recompute, Tape, Var};
use ndarray::{Array3, ArrayD, ArrayRef2, ArrayRef3, ArrayView2, ArrayViewMut2};

/// Unit-major values as a matrix of this shape (N, T·B).
pub(crate) fn by_unit<F>(values: &[F], shape: (usize, usize)) -> ArrayView2<'_, F> {
    ArrayView2::from_shape(shape, values).expect("whole units")
}

/// Unit-major values as a matrix of this shape (N, T·B) for writing.
pub(crate) fn by_unit_mut<F>(values: &mut [F], shape: (usize, usize)) -> ArrayViewMut2<'_, F> {
    ArrayViewMut2::from_shape(shape, values).expect("whole units")
}

/// The layer's output (T, B, J) in unit-major order, without a tape.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn forward<F: Real>(x: &ArrayRef3<F>, weight: &ArrayRef2<F>, pool: &mut Pool<F>) -> Array3<F> {
    run(x, weight, pool).0
}

/// The output, and how the input was multiplied.
#[track_caller]
fn run<F: Real>(x: &ArrayRef3<F>, weight: &ArrayRef2<F>, pool: &mut Pool<F>) -> (Array3<F>, Form) {
    let (steps, batch, n) = x.dim();
    assert_eq!(n, weight.nrows(), "dense synapse: units of the input {:?} and rows of the weight", x.dim());
    let columns = steps * batch;
    let mut y = pool.sequence(steps, batch, weight.ncols());
    let x = to_units(x, pool);
    let values = units(&x).expect("made unit-major");
    let mut to = by_unit_mut(units_mut(&mut y).expect("made unit-major"), (weight.ncols(), columns));
    let form = Form::of(values);
    product::over_rows(form, weight, &by_unit(values, (n, columns)), &mut to, pool);
    release(x, pool);
    (y, form)
}

/// Records the layer: x (T, B, I) and weight (I, J) to y (T, B, J).
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn record<F: Real>(tape: &mut Tape<F>, x: Var, weight: Var) -> Var {
    let ([x_value, weight_value], pool) = tape.workspace([x, weight]);
    let (y, form) = run(&sequence(x_value), &matrix(weight_value), pool);
    tape.fused(&[x, weight], y.into_dyn(), Dense { form })
}

#[derive(Debug)]
struct Dense {
    /// How the input is multiplied, forward and for the gradient of the weight.
    form: Form,
}

impl<F: Real> Fused<F> for Dense {
    fn name(&self) -> &'static str {
        "dense synapse"
    }

    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        Some(self)
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let Pullback { inputs, gradient, wanted, pool, .. } = p;
        let (x, weight) = (sequence(inputs[0]), matrix(inputs[1]));
        let (steps, batch, n) = x.dim();
        let columns = steps * batch;
        let g = sequence(gradient);
        let g = to_units(&g, pool);
        let g_matrix = by_unit(units(&g).expect("made unit-major"), (weight.ncols(), columns));
        let to_x = wanted[0].then(|| {
            let mut part = pool.sequence(steps, batch, n);
            let mut to = by_unit_mut(units_mut(&mut part).expect("made unit-major"), (n, columns));
            product::dense_over_rows(&weight, &g_matrix, &mut to);
            part.into_dyn()
        });
        let to_weight = wanted[1].then(|| {
            let x = to_units(&x, pool);
            let mut part = pool.array(&[n, weight.ncols()]);
            let mut to = part.view_mut().into_dimensionality().expect("made with two axes");
            let values = units(&x).expect("made unit-major");
            product::over_columns(self.form, &by_unit(values, (n, columns)), &g_matrix, &mut to, pool);
            release(x, pool);
            part
        });
        release(g, pool);
        vec![to_x, to_weight]
    }
}

impl<F: Real> Recompute<F> for Dense {
    fn recompute(&self, inputs: &[&ArrayD<F>], pool: &mut Pool<F>) -> ArrayD<F> {
        forward(&sequence(inputs[0]), &matrix(inputs[1]), pool).into_dyn()
    }
}
