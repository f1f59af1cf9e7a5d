//! The leaky integrate-and-fire neuron.
//!
//! ```text
//! u[t] = α (u[t−1] − s[t−1]) + (1 − α) I[t]        s[t] = H(u[t] − θ)
//! ```
//!
//! Soft reset by one, multiplied by α (Bittar & Garner 2022, LIF). Gradient, with g = ∂L/∂u[t]: α g for u[t−1],
//! −α g for s[t−1], (1 − α) g for I[t], g (u[t−1] − s[t−1] − I[t]) for α.

use crate::dynamics::{Dynamics, IntegrateAdjoint};
use crate::parameters::{ParameterRole, ParameterSpec};
use crate::row::Value;
use colearn_tape::Real;

/// Bounds of the reproductions of Deckers et al. 2024 (Karilanova et al. 2025): τ from 0.98 to 24.5 steps.
pub(crate) const PARAMETERS: [ParameterSpec; 1] =
    [ParameterSpec::uniform("alpha", ParameterRole::TimeConstant, (0.36, 0.96))];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Lif;

impl<F: Real> Dynamics<F, 1, 1> for Lif {
    #[inline(always)]
    fn integrate<V: Value<F>>(&[alpha]: &[F; 1], [u]: [V; 1], s: V, input: V) -> [V; 1] {
        [(u - s) * alpha + input * (F::one() - alpha)]
    }

    #[inline(always)]
    fn integrate_adjoint<V: Value<F>>(
        &[alpha]: &[F; 1],
        [u]: [V; 1],
        s: V,
        input: V,
        _state: [V; 1],
        [g]: [V; 1],
    ) -> IntegrateAdjoint<V, 1, 1> {
        IntegrateAdjoint {
            state: [g * alpha],
            spike: g * -alpha,
            input: g * (F::one() - alpha),
            parameters: [g * (u - s - input)],
        }
    }
}
