//! The door for operations of other crates.

use crate::sequence::{SequenceShape, SequenceValues, Spikes};
use crate::{Pool, Real, Reduce};
use ndarray::ArrayD;
use std::fmt::Debug;

/// What a fused operation gets for its backward pass.
#[derive(Debug)]
pub struct Pullback<'a, F> {
    /// Values of the operation's inputs, in the order they were recorded; an empty array where one is spikes.
    pub inputs: &'a [&'a ArrayD<F>],
    /// The inputs that are spikes.
    pub spikes: &'a [Option<&'a Spikes<F>>],
    /// The operation's output; an empty array where it is spikes.
    pub output: &'a ArrayD<F>,
    /// ∂L/∂output, same shape as the output, any memory order.
    pub gradient: &'a ArrayD<F>,
    /// Which inputs need a gradient.
    pub wanted: &'a [bool],
    /// Adds over the other parts of the batch what the gradient sums over samples, where the tape records a part of one.
    pub reduce: Option<&'a dyn Reduce>,
    /// Buffers for the gradients returned and for scratch.
    pub pool: &'a mut Pool<F>,
}

impl<'a, F: Real> Pullback<'a, F> {
    /// Input `k`, a sequence of `batch` samples, and its size.
    ///
    /// # Panics
    /// If the input is not such a sequence.
    #[must_use]
    #[track_caller]
    pub fn sequence(&self, k: usize, batch: usize) -> (SequenceValues<'a, F>, SequenceShape) {
        sequence(self.inputs[k], self.spikes[k], batch)
    }
}

#[track_caller]
fn sequence<'a, F: Real>(
    value: &'a ArrayD<F>,
    spikes: Option<&'a Spikes<F>>,
    batch: usize,
) -> (SequenceValues<'a, F>, SequenceShape) {
    let shape = spikes.map_or_else(|| SequenceShape::of(value, batch), Spikes::shape);
    assert_eq!(shape.batch, batch, "samples of a sequence");
    (SequenceValues::of(value, spikes), shape)
}

/// The inputs of an operation that computes its output again.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, F> {
    /// Values; an empty array where one is spikes.
    pub values: &'a [&'a ArrayD<F>],
    /// The inputs that are spikes.
    pub spikes: &'a [Option<&'a Spikes<F>>],
}

impl<'a, F: Real> Inputs<'a, F> {
    /// Input `k`, a sequence of `batch` samples, and its size.
    ///
    /// # Panics
    /// If the input is not such a sequence.
    #[must_use]
    #[track_caller]
    pub fn sequence(&self, k: usize, batch: usize) -> (SequenceValues<'a, F>, SequenceShape) {
        sequence(self.values[k], self.spikes[k], batch)
    }
}

/// An operation recorded as one node, with whatever its forward pass saved.
///
/// The implementing struct *is* the saved state: its fields name what the backward pass needs beyond inputs and
/// output. Record it with [`crate::Tape::fused`].
pub trait Fused<F: Real>: Debug + Send {
    /// Name for messages.
    fn name(&self) -> &'static str;

    /// The vector-Jacobian product: for each input ∂L/∂input in the shape of that input, or `None` where
    /// [`Pullback::wanted`] is false or the gradient is zero everywhere.
    fn backward(&self, pullback: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>>;

    /// This operation as one that can compute its output again; `None` if it cannot. What can be computed again may be
    /// forgotten between the passes: [`crate::Tape::forget`].
    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        None
    }

    /// Gives saved buffers back to the pool when the tape is reset.
    fn recycle(self: Box<Self>, _pool: &mut Pool<F>) {}
}

/// An operation whose output can be computed again.
pub trait Recompute<F: Real> {
    /// The output once more, the same to the bit, from the values of the inputs.
    fn recompute(&self, inputs: Inputs<'_, F>, pool: &mut Pool<F>) -> ArrayD<F>;
}
