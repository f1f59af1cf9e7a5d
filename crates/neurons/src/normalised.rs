//! Batch normalisation and a neuron as one operation.
//!
//! ```text
//! I[t, b, n] = scale[n] · x[t, b, n] + shift[n],   scale = γ/√(v + ε),   shift = η − m · scale
//! ∂L/∂γ = Σ g x̂,   ∂L/∂η = Σ g,   ∂L/∂x = scale · (g − (Σ g + x̂ Σ g x̂)/(T·B)),   x̂ = (x − m)/√(v + ε)
//! ```
//!
//! with g = ∂L/∂I from the scan and mean m and variance v over (T, B) of the same x (S. Ioffe, C. Szegedy 2015). The
//! current is never stored: the scan computes it from x forward and once more backward, so that a layer keeps its
//! synaptic sums and its spikes and nothing else.

use crate::Neuron;
use crate::backward::{Backward, Norms};
use crate::forward::Forward;
use crate::scan::masked;
use crate::shape::Shape;
use colearn_tape::layout::{sequence, vector};
use colearn_tape::{Fused, Pool, Pullback, Real, Tape, Var, layout};
use ndarray::{Array3, ArrayD, ArrayRef3, ArrayView1};

/// Mean and 1/√(v + ε) of every unit's input over steps and samples.
#[derive(Clone, Debug)]
pub struct BatchNorm<F> {
    /// m.
    pub mean: Vec<F>,
    /// 1/√(v + ε).
    pub inverse: Vec<F>,
}

impl<F: Real> BatchNorm<F> {
    /// Scale and shift for gain γ and bias η.
    fn affine(&self, gain: &ArrayView1<'_, F>, bias: &ArrayView1<'_, F>) -> (Vec<F>, Vec<F>) {
        assert_eq!(gain.len(), self.mean.len(), "gains and units of a normalised neuron");
        assert_eq!(bias.len(), self.mean.len(), "biases and units of a normalised neuron");
        let scale: Vec<F> = gain.iter().zip(&self.inverse).map(|(&gain, &inverse)| gain * inverse).collect();
        let shift = bias.iter().zip(&self.mean).zip(&scale).map(|((&bias, &m), &s)| bias - m * s).collect();
        (scale, shift)
    }
}

/// Records `neuron` over the normalised `input` (T, B, N) and returns its output (T, B, N). `norm` holds the statistics
/// of that input; `gain`, `bias` and the `parameters` are vectors of N values. The neuron is not recurrent.
///
/// # Panics
/// If shapes do not fit, or a variable belongs to another tape or an earlier recording.
#[track_caller]
pub fn scan_normalised<F: Real>(
    tape: &mut Tape<F>,
    neuron: &Neuron,
    input: Var,
    [gain, bias]: [Var; 2],
    norm: BatchNorm<F>,
    parameters: &[Var],
) -> Var {
    let mut pool = std::mem::take(tape.pool());
    let (scale, shift) = norm.affine(&vector(tape.value(gain)), &vector(tape.value(bias)));
    let values: Vec<_> = parameters.iter().map(|&p| vector(tape.value(p))).collect();
    let output = infer_scaled(neuron, &sequence(tape.value(input)), [&scale, &shift], &values, &mut pool);
    *tape.pool() = pool;
    let inputs: Vec<Var> = [input, gain, bias].into_iter().chain(parameters.iter().copied()).collect();
    let op = NormalisedScan { neuron: neuron.clone(), norm, scale, shift };
    tape.fused(&inputs, output.into_dyn(), op)
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
    let shape = Shape::of(neuron, input, parameters, None);
    assert_eq!(affine.map(<[F]>::len), [shape.units; 2], "scales and shifts of {} units", shape.units);
    let input = layout::to_units(input, pool);
    let mut output = pool.take(shape.len());
    neuron.model().visit(Forward {
        neuron,
        parameters,
        shape,
        drives: Some(affine.into()),
        input: layout::units(&input).expect("the copy is unit-major"),
        output: &mut output,
        states: None,
    });
    layout::release(input, pool);
    layout::from_units(shape.steps, shape.batch, shape.units, output)
}

/// A normalised scan on a tape: its statistics, and what they make of gain and bias.
#[derive(Debug)]
struct NormalisedScan<F> {
    neuron: Neuron,
    norm: BatchNorm<F>,
    scale: Vec<F>,
    shift: Vec<F>,
}

impl<F: Real> Fused<F> for NormalisedScan<F> {
    fn name(&self) -> &'static str {
        "normalised neuron"
    }

    fn backward(&self, pullback: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let Pullback { inputs, gradient, wanted, pool, .. } = pullback;
        let neuron = &self.neuron;
        let count = neuron.specs().len();
        let x = sequence(inputs[0]);
        let parameters: Vec<_> = inputs[3..].iter().map(|p| vector(p)).collect();
        let shape = Shape::of(neuron, &x, &parameters, None);
        let gradient = sequence(gradient);
        let gradient = layout::to_units(&gradient, pool);
        let x = layout::to_units(&x, pool);
        let mut g_input = pool.take(shape.len());
        let mut sums = pool.take(shape.units * count);
        let mut g_norms = vec![[F::zero(); 2]; shape.units];
        neuron.model().visit(Backward {
            neuron,
            parameters: &parameters,
            shape,
            norms: Some(Norms {
                mean: &self.norm.mean,
                inverse: &self.norm.inverse,
                scale: &self.scale,
                shift: &self.shift,
            }),
            input: layout::units(&x).expect("the copy is unit-major"),
            gradient: layout::units(&gradient).expect("the copy is unit-major"),
            g_input: &mut g_input,
            g_parameters: &mut sums,
            g_norms: &mut g_norms,
            pool,
        });
        layout::release(x, pool);
        layout::release(gradient, pool);
        let g_input = layout::from_units(shape.steps, shape.batch, shape.units, g_input);
        let mut gradients = vec![Some(g_input.into_dyn())];
        for k in 0..2 {
            let part = || {
                let mut part = pool.array(&[shape.units]);
                part.iter_mut().zip(&g_norms).for_each(|(to, g)| *to = g[k]);
                part
            };
            gradients.push(wanted[k + 1].then(part));
        }
        for (k, values) in parameters.iter().enumerate() {
            gradients.push(wanted[k + 3].then(|| masked(neuron, k, values, &sums, pool)));
        }
        pool.give_vec(sums);
        gradients
    }
}
