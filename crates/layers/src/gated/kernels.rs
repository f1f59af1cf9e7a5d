//! The loops of a gated layer over one block of sixteen samples: time outside, units inside.

use super::activation::{sigmoid, sigmoid_slope};
use super::{GatedModel, GatedUnit};
use crate::recurrent::add_product;
use colearn_neurons::driver::Drives;
use colearn_tape::simd::{Kernel, Level};
use colearn_tape::{LANES, Lanes, Real, SequenceShape};

/// Forward over all time and units. With G gates the rows of a step are G·N: candidates, updates, resets.
pub(super) struct ForwardBlock<'a, F> {
    pub(super) unit: GatedUnit,
    /// Vᵀ, row by row: the weights into candidate 0, into candidate 1, …, into the last gate.
    pub(super) weights: &'a [F],
    pub(super) shape: SequenceShape,
    /// What turns inputs into currents.
    pub(super) drives: Drives<'a, F>,
    /// Inputs of the block: (G·N, T, lane).
    pub(super) input: &'a [F],
    /// Steps that `gates` has room for: all, or one that is written over and over.
    pub(super) kept: usize,
    /// Receives candidates and gates: (T, G·N).
    pub(super) gates: &'a mut [Lanes<F>],
    /// Room for N values.
    pub(super) scratch: &'a mut [Lanes<F>],
    /// Receives the outputs: (T, N).
    pub(super) outputs: &'a mut [Lanes<F>],
}

impl<F: Real> Kernel for ForwardBlock<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let SequenceShape { steps, units, .. } = self.shape;
        let GatedUnit { model, activation } = self.unit;
        let rows = model.gates() * units;
        let (into_candidates, into_gates) = self.weights.split_at(units * units);
        let input = self.input.as_chunks::<LANES>().0;
        for t in 0..steps {
            let (past, now) = self.outputs.split_at_mut(t * units);
            let past = &past[t.saturating_sub(1) * units..];
            let row = if self.kept == steps { t } else { 0 };
            let sums = &mut self.gates[row * rows..(row + 1) * rows];
            for (k, sum) in sums.iter_mut().enumerate() {
                let x = Lanes(input[k * steps + t]);
                *sum = match self.drives {
                    None => x,
                    Some((scale, shift)) => x * Lanes::splat(scale[k]) + Lanes::splat(shift[k]),
                };
            }
            let (candidates, gates) = sums.split_at_mut(units);
            if t > 0 && model != GatedModel::Rnn {
                add_product::<F, L>(into_gates, past, gates);
            }
            for gate in gates.iter_mut() {
                *gate = gate.map(sigmoid);
            }
            if t > 0 && model == GatedModel::Gru {
                for ((kept, reset), h) in self.scratch.iter_mut().zip(&gates[units..]).zip(past) {
                    *kept = *reset * *h;
                }
                add_product::<F, L>(into_candidates, self.scratch, candidates);
            } else if t > 0 {
                add_product::<F, L>(into_candidates, past, candidates);
            }
            for n in 0..units {
                let candidate = activation.of_lanes(candidates[n]);
                candidates[n] = candidate;
                now[n] = if model == GatedModel::Rnn {
                    candidate
                } else {
                    let h = if t > 0 { past[n] } else { Lanes::default() };
                    mix(gates[n], h, candidate)
                };
            }
        }
    }
}

/// z h + (1 − z) c.
#[inline(always)]
fn mix<F: Real>(z: Lanes<F>, h: Lanes<F>, c: Lanes<F>) -> Lanes<F> {
    z * h + (Lanes::splat(F::one()) - z) * c
}

/// Backward over all time and units.
pub(super) struct BackwardBlock<'a, F> {
    pub(super) unit: GatedUnit,
    /// V row by row, first its columns into candidates (N, N), then those into gates (N, (G − 1)·N).
    pub(super) weights: &'a [F],
    pub(super) shape: SequenceShape,
    /// Candidates and gates: (T, G·N).
    pub(super) gates: &'a [Lanes<F>],
    /// Outputs of the block: (N, T, lane).
    pub(super) output: &'a [F],
    /// ∂L/∂output of the block: (N, T, lane).
    pub(super) gradient: &'a [F],
    /// Receives ∂L/∂input: (T, G·N).
    pub(super) g_input: &'a mut [Lanes<F>],
    /// Receives r ⊙ h[t−1] of a model with resets: (T, N); not used by the others.
    pub(super) kept: &'a mut [Lanes<F>],
    /// Room for three rows of N values.
    pub(super) scratch: &'a mut [Lanes<F>],
}

impl<F: Real> Kernel for BackwardBlock<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let SequenceShape { steps, units, .. } = self.shape;
        let model = self.unit.model;
        let rows = model.gates() * units;
        let (from_candidates, from_gates) = self.weights.split_at(units * units);
        let [output, gradient] = [self.output, self.gradient].map(|values| values.as_chunks::<LANES>().0);
        self.scratch.fill(Lanes::default());
        let (carried, rest) = self.scratch.split_at_mut(units);
        let (before, g_kept) = rest.split_at_mut(units);
        for t in (0..steps).rev() {
            for (n, h) in before.iter_mut().enumerate() {
                *h = if t > 0 { Lanes(output[n * steps + t - 1]) } else { Lanes::default() };
            }
            let (candidates, gates) = self.gates[t * rows..(t + 1) * rows].split_at(units);
            let (g_candidates, g_gates) = self.g_input[t * rows..(t + 1) * rows].split_at_mut(units);
            for n in 0..units {
                let above = Lanes(gradient[n * steps + t]);
                let g = above + carried[n];
                let (c, slope) = (candidates[n], self.unit.activation.slopes(candidates[n]));
                if model == GatedModel::Rnn {
                    g_candidates[n] = g * slope;
                    carried[n] = Lanes::default();
                } else {
                    let z = gates[n];
                    g_candidates[n] = g * (Lanes::splat(F::one()) - z) * slope;
                    g_gates[n] = g * (before[n] - c) * z.map(sigmoid_slope);
                    carried[n] = g * z;
                }
            }
            if model == GatedModel::Gru {
                g_kept.fill(Lanes::default());
                add_product::<F, L>(from_candidates, g_candidates, g_kept);
                for n in 0..units {
                    let (r, h, g) = (gates[units + n], before[n], g_kept[n]);
                    g_gates[units + n] = g * h * r.map(sigmoid_slope);
                    carried[n] = carried[n] + g * r;
                    self.kept[t * units + n] = r * h;
                }
            } else {
                add_product::<F, L>(from_candidates, g_candidates, carried);
            }
            if model != GatedModel::Rnn {
                add_product::<F, L>(from_gates, g_gates, carried);
            }
        }
    }
}
