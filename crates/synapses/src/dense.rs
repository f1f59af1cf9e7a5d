//! Synapses without delays.
//!
//! ```text
//! y[t, b, j] = Σ_i W[i, j] x[t, b, i]
//! ∂L/∂x = g Wᵀ,   ∂L/∂W[i, j] = Σ_t,b x[t, b, i] g[t, b, j]
//! ```
//!
//! A block of a sequence is a matrix (unit, step and sample), and these are products of such matrices ([`product`]). Where x
//! is sparse, y and the gradient of the weight are made of its events alone ([`product::Form`]). Threads share out blocks
//! and columns in parts of a fixed size, and gradients of the weight are summed over the parts in their order.

use crate::block::Signals;
use colearn_tape::layout::matrix;
use colearn_tape::product::{self, Form};
use colearn_tape::sequence::values;
use colearn_tape::{
    Buffers, Fused, Inputs, Pool, Pullback, Real, Recompute, Sequence, SequenceShape, SequenceValues,
    SequenceVar, Signal, Spikes, StepBuffers, Tape, Var,
};
use ndarray::{Array3, ArrayD, ArrayRef2, ArrayRef3, ArrayView3, ArrayViewMut3};

/// A sequence's values as (block, unit, step and lane).
pub(crate) fn by_block<F>(values: &[F], shape: SequenceShape) -> ArrayView3<'_, F> {
    let dim = (shape.blocks(), shape.units, shape.unit_len());
    ArrayView3::from_shape(dim, values).expect("a sequence of this shape")
}

/// The same for writing.
pub(crate) fn by_block_mut<F>(values: &mut [F], shape: SequenceShape) -> ArrayViewMut3<'_, F> {
    let dim = (shape.blocks(), shape.units, shape.unit_len());
    ArrayViewMut3::from_shape(dim, values).expect("a sequence of this shape")
}

/// The buffers of a layer from the units of `shape` to J = `outputs` in a training step, for an input that has few events or
/// many.
#[must_use]
pub fn buffers(shape: SequenceShape, input: Signals, outputs: usize) -> StepBuffers {
    let blocks = (shape.blocks(), shape.unit_len());
    let [forward, backward] = match input {
        Signals::Numbers => product::scratch_of_any(shape.units, outputs, blocks),
        Signals::Spikes => {
            // Multiplied as floats, or event by event.
            let [over_rows, over_columns] = product::scratch(Form::Dense, shape.units, outputs, blocks)
                .map(|dense| dense.and(Buffers::sequence(shape)));
            let [of_events, sums_of_events] = product::scratch(Form::Events, shape.units, outputs, blocks);
            [over_rows.or(of_events), over_columns.or(sums_of_events)]
        }
    };
    StepBuffers { forward, backward, ..StepBuffers::default() }
}

/// The layer's output (T, B, J) for x (T, B, I), without a tape.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn forward<F: Real>(x: &ArrayRef3<F>, weight: &ArrayRef2<F>, pool: &mut Pool<F>) -> Array3<F> {
    Sequence::over_array(x, pool, |x, pool| forward_sequence(x, weight, pool))
}

/// [`forward`] of a sequence.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn forward_sequence<F: Real>(x: &Sequence<F>, weight: &ArrayRef2<F>, pool: &mut Pool<F>) -> Sequence<F> {
    run((x.values(), x.shape()), weight, pool).0
}

/// The output for spikes, and how they were multiplied.
#[track_caller]
fn run_spikes<F: Real>(x: &Spikes<F>, weight: &ArrayRef2<F>, pool: &mut Pool<F>) -> (Sequence<F>, Form) {
    let form = Form::of_spikes(x);
    if form == Form::Dense {
        let floats = x.to_sequence(pool);
        let (y, _) = run_in((floats.values(), x.shape()), form, weight, pool);
        floats.recycle(pool);
        return (y, form);
    }
    assert_units(x.shape(), weight);
    let mut y = Sequence::taken(x.shape().with_units(weight.ncols()), pool);
    let of_y = y.shape();
    product::spikes_over_rows(weight, x, &mut by_block_mut(y.values_mut(), of_y), pool);
    (y, form)
}

/// The output for a signal of either kind.
#[track_caller]
fn run_any<F: Real>(
    (x, shape): (SequenceValues<'_, F>, SequenceShape),
    weight: &ArrayRef2<F>,
    pool: &mut Pool<F>,
) -> (Sequence<F>, Form) {
    match x {
        SequenceValues::Floats(x) => run((x, shape), weight, pool),
        SequenceValues::Spikes(spikes) => run_spikes(spikes, weight, pool),
    }
}

#[track_caller]
fn assert_units<F>(shape: SequenceShape, weight: &ArrayRef2<F>) {
    let (found, rows) = (shape.units, weight.nrows());
    assert_eq!(found, rows, "dense synapse: units of the input {shape:?} and rows of the weight");
}

/// The output, and how the input was multiplied.
#[track_caller]
fn run<F: Real>(
    (x, shape): (&[F], SequenceShape),
    weight: &ArrayRef2<F>,
    pool: &mut Pool<F>,
) -> (Sequence<F>, Form) {
    run_in((x, shape), Form::of(x), weight, pool)
}

#[track_caller]
fn run_in<F: Real>(
    (x, shape): (&[F], SequenceShape),
    form: Form,
    weight: &ArrayRef2<F>,
    pool: &mut Pool<F>,
) -> (Sequence<F>, Form) {
    assert_units(shape, weight);
    let mut y = Sequence::taken(shape.with_units(weight.ncols()), pool);
    let of_y = y.shape();
    product::over_rows(form, weight, &by_block(x, shape), &mut by_block_mut(y.values_mut(), of_y), pool);
    (y, form)
}

/// Records the layer: x (T, B, I) and weight (I, J) to y (T, B, J); x and y are both arrays or both sequences ([`Signal`]).
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn record<F: Real, S: Signal>(tape: &mut Tape<F>, x: S, weight: Var) -> S {
    let x = x.enter(tape);
    let shape = x.shape(tape);
    let (x_values, [weight_value], pool) = tape.workspace_of_sequence(x.var, [weight]);
    let (y, form) = run_any((x_values, shape), &matrix(weight_value), pool);
    let var = tape.fused(&[x.var, weight], y.into_value(), Dense { form, batch: shape.batch });
    S::leave(SequenceVar { var, batch: shape.batch }, tape)
}

#[derive(Debug)]
struct Dense {
    /// How the input is multiplied, forward and for the gradient of the weight.
    form: Form,
    batch: usize,
}

impl<F: Real> Fused<F> for Dense {
    fn name(&self) -> &'static str {
        "dense synapse"
    }

    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        Some(self)
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let (x, shape) = p.sequence(0, self.batch);
        let Pullback { inputs, gradient, wanted, pool, .. } = p;
        let weight = matrix(inputs[1]);
        let g = by_block(values(gradient), shape.with_units(weight.ncols()));
        let to_x = wanted[0].then(|| {
            let mut part = Sequence::taken(shape, pool);
            product::dense_over_rows(&weight, &g, &mut by_block_mut(part.values_mut(), shape));
            part.into_value()
        });
        let to_weight = wanted[1].then(|| {
            let mut part = pool.array(&[shape.units, weight.ncols()]);
            let mut to = part.view_mut().into_dimensionality().expect("made with two axes");
            match x {
                SequenceValues::Floats(x) => {
                    product::over_columns(self.form, &by_block(x, shape), &g, &mut to, pool);
                }
                SequenceValues::Spikes(spikes) if self.form == Form::Events => {
                    product::spikes_over_columns(spikes, &g, &mut to, pool);
                }
                SequenceValues::Spikes(spikes) => {
                    let floats = spikes.to_sequence(pool);
                    product::over_columns(self.form, &by_block(floats.values(), shape), &g, &mut to, pool);
                    floats.recycle(pool);
                }
            }
            part
        });
        vec![to_x, to_weight]
    }
}

impl<F: Real> Recompute<F> for Dense {
    fn recompute(&self, inputs: Inputs<'_, F>, pool: &mut Pool<F>) -> ArrayD<F> {
        run_any(inputs.sequence(0, self.batch), &matrix(inputs.values[1]), pool).0.into_value()
    }
}
