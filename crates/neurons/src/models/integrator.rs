//! The leaky integrator: a neuron that never fires, for readouts.
//!
//! ```text
//! u[t] = α u[t−1] + (1 − α) I[t]
//! ```
//!
//! Its output is u. Gradient, with g = ∂L/∂u[t]: α g for u[t−1], (1 − α) g for I[t], g (u[t−1] − I[t]) for α.

use crate::dynamics::{Dynamics, ElementaryStep, IntegrateAdjoint, MEMBRANE, Model, VariableSpec, leak};
use crate::parameters::ParameterSpec;
use crate::value::Value;
use colearn_tape::{Real, Tape, Var};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Integrator;

impl Model for Integrator {
    type Dynamics = Self;

    const NAME: &'static str = "integrator";
    const LABEL: &'static str = "leaky integrator";
    const SOURCE: &'static str = "the readout of Bittar & Garner 2022: τ from 5 to 25 steps";
    const EQUATIONS: &'static str = "u ← αu + (1 − α)I, no spikes";
    const VARIABLES: &'static [VariableSpec] = &[MEMBRANE];
    const SPECS: &'static [ParameterSpec] = &[ParameterSpec::decay(
        ("alpha", "α"),
        ("u", "membrane decay"),
        (0.818_730_753_077_981_8, 0.960_789_439_152_323_2),
    )];

    fn modes(p: &[f64]) -> Vec<(f64, f64)> {
        vec![(p[0], 0.0)]
    }

    fn elementary<F: Real>(tape: &mut Tape<F>, step: &ElementaryStep<'_>) -> Vec<Var> {
        vec![leak(tape, step.parameters[0], step.state[0], step.input)]
    }
}

impl Dynamics for Integrator {
    type State<V: Copy + Send + Sync> = [V; 1];
    type Parameters<V: Copy + Send + Sync> = [V; 1];

    const SPIKING: bool = false;

    #[inline(always)]
    fn integrate<F: Real, V: Value<F>>(&[alpha]: &[F; 1], [u]: [V; 1], _output: V, input: V) -> [V; 1] {
        [u * alpha + input * (F::one() - alpha)]
    }

    #[inline(always)]
    fn integrate_adjoint<F: Real, V: Value<F>>(
        &[alpha]: &[F; 1],
        [u]: [V; 1],
        _output: V,
        input: V,
        _state: [V; 1],
        [g]: [V; 1],
    ) -> IntegrateAdjoint<Self, V> {
        IntegrateAdjoint {
            state: [g * alpha],
            spike: V::zero(),
            input: g * (F::one() - alpha),
            parameters: [g * (u - input)],
        }
    }
}
