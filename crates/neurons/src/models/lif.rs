//! The leaky integrate-and-fire neuron.
//!
//! ```text
//! u[t] = α (u[t−1] − s[t−1]) + (1 − α) I[t]        s[t] = H(u[t] − θ)
//! ```
//!
//! Soft reset by one, multiplied by α (Bittar & Garner 2022, LIF). Gradient, with g = ∂L/∂u[t]: α g for u[t−1],
//! −α g for s[t−1], (1 − α) g for I[t], g (u[t−1] − s[t−1] − I[t]) for α.

use crate::dynamics::{Dynamics, ElementaryStep, IntegrateAdjoint, MEMBRANE, Model, VariableSpec, leak};
use crate::parameters::ParameterSpec;
use crate::value::Value;
use colearn_tape::{Real, Tape, Var};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Lif;

impl Model for Lif {
    type Dynamics = Self;

    const NAME: &'static str = "lif";
    const LABEL: &'static str = "LIF";
    const SOURCE: &'static str = "Bittar & Garner 2022; bounds of the reproductions of Deckers et al. 2024 \
                                  (Karilanova et al. 2025): τ from 0.98 to 24.5 steps";
    const EQUATIONS: &'static str = "u ← α(u − s) + (1 − α)I";
    const VARIABLES: &'static [VariableSpec] = &[MEMBRANE];
    const SPECS: &'static [ParameterSpec] =
        &[ParameterSpec::decay(("alpha", "α"), ("u", "membrane decay"), (0.36, 0.96))];

    fn modes(p: &[f64]) -> Vec<(f64, f64)> {
        vec![(p[0], 0.0)]
    }

    fn elementary<F: Real>(tape: &mut Tape<F>, step: &ElementaryStep<'_>) -> Vec<Var> {
        let reset = tape.subtract(step.state[0], step.output);
        vec![leak(tape, step.parameters[0], reset, step.input)]
    }
}

impl Dynamics for Lif {
    type State<V: Copy + Send + Sync> = [V; 1];
    type Parameters<V: Copy + Send + Sync> = [V; 1];

    #[inline(always)]
    fn integrate<F: Real, V: Value<F>>(&[alpha]: &[F; 1], [u]: [V; 1], s: V, input: V) -> [V; 1] {
        [(u - s) * alpha + input * (F::one() - alpha)]
    }

    #[inline(always)]
    fn integrate_adjoint<F: Real, V: Value<F>>(
        &[alpha]: &[F; 1],
        [u]: [V; 1],
        s: V,
        input: V,
        _state: [V; 1],
        [g]: [V; 1],
    ) -> IntegrateAdjoint<Self, V> {
        IntegrateAdjoint {
            state: [g * alpha],
            spike: g * -alpha,
            input: g * (F::one() - alpha),
            parameters: [g * (u - s - input)],
        }
    }
}
