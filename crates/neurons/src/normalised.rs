//! Batch normalisation and a scan as one operation.
//!
//! ```text
//! I[t, b, n] = scale[n] · x[t, b, n] + shift[n],   scale = γ/√(v + ε),   shift = η − m · scale
//! ∂L/∂γ = Σ g x̂,   ∂L/∂η = Σ g,   ∂L/∂x = scale · (g − (Σ g + x̂ Σ g x̂)/(T·B)),   x̂ = (x − m)/√(v + ε)
//! ```
//!
//! with g = ∂L/∂I from the scan and mean m and variance v over (T, B) of the same x (S. Ioffe, C. Szegedy 2015). Of a batch
//! that is recorded in parts ([`colearn_tape::Part`]), statistics and both sums are over all of it. No current is
//! stored: the scan computes it from x forward and once more backward, so that a layer keeps its synaptic sums and its
//! spikes and nothing else.

use crate::Neuron;
use crate::chunk::Drives;
use crate::norm::{BatchNorm, Normalisation};
use crate::scan;
use colearn_tape::layout::vector;
use colearn_tape::{Pool, Real, Sequence, Signal, Tape, Var};
use ndarray::{Array3, ArrayRef3, ArrayView1};

/// Records `neuron` over the normalised `input` (T, B, N) and returns its output (T, B, N), both arrays or both sequences
/// ([`Signal`]). `norm` holds the statistics
/// of that input; `gain`, `bias` and the `parameters` are vectors of N values.
///
/// # Panics
/// If shapes do not fit, or a variable is forgotten or belongs to another tape or an earlier recording.
#[track_caller]
pub fn scan_normalised<F: Real, S: Signal>(
    tape: &mut Tape<F>,
    neuron: &Neuron,
    input: S,
    [gain, bias]: [Var; 2],
    norm: BatchNorm<F>,
    parameters: &[Var],
) -> S {
    let norm = Normalisation::new(norm, &vector(tape.value(gain)), &vector(tape.value(bias)));
    scan::record(tape, neuron, input, Some(([gain, bias], norm)), parameters)
}

/// The output of `neuron` over currents scale · x + shift of `input` x (T, B, N), with nothing kept. `affine` holds N
/// scales and N shifts.
///
/// # Panics
/// If shapes do not fit.
#[track_caller]
pub fn infer_scaled<F: Real>(
    neuron: &Neuron,
    input: &ArrayRef3<F>,
    affine: [&[F]; 2],
    parameters: &[ArrayView1<'_, F>],
    pool: &mut Pool<F>,
) -> Array3<F> {
    Sequence::over_array(input, pool, |input, pool| {
        infer_sequence(neuron, input, Some(affine), parameters, pool)
    })
}

/// The output of `neuron` over the sequence `input`, with nothing kept: of currents scale · x + shift where `affine` holds N
/// scales and N shifts, else of the inputs themselves.
///
/// # Panics
/// If shapes do not fit.
#[track_caller]
pub fn infer_sequence<F: Real>(
    neuron: &Neuron,
    input: &Sequence<F>,
    affine: Option<[&[F]; 2]>,
    parameters: &[ArrayView1<'_, F>],
    pool: &mut Pool<F>,
) -> Sequence<F> {
    let drives: Drives<'_, F> = affine.map(Into::into);
    let input = (input.shape(), input.values());
    scan::run(neuron, input, drives, parameters, pool)
}
