//! The leaky integrator: a neuron that never fires, for readouts.
//!
//! ```text
//! u[t] = α u[t−1] + (1 − α) I[t]
//! ```
//!
//! Its output is u. Gradient, with g = ∂L/∂u[t]: α g for u[t−1], (1 − α) g for I[t], g (u[t−1] − I[t]) for α.

use crate::dynamics::{Dynamics, IntegrateAdjoint};
use crate::parameters::{ParameterRole, ParameterSpec};
use crate::row::Value;
use colearn_tape::Real;

/// The readout of Bittar & Garner 2022: τ from 5 to 25 steps.
pub(crate) const PARAMETERS: [ParameterSpec; 1] = [ParameterSpec::uniform(
    "alpha",
    ParameterRole::TimeConstant,
    (0.818_730_753_077_981_8, 0.960_789_439_152_323_2),
)];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Integrator;

impl<F: Real> Dynamics<F, 1, 1> for Integrator {
    const SPIKING: bool = false;

    #[inline(always)]
    fn integrate<V: Value<F>>(&[alpha]: &[F; 1], [u]: [V; 1], _output: V, input: V) -> [V; 1] {
        [u * alpha + input * (F::one() - alpha)]
    }

    #[inline(always)]
    fn integrate_adjoint<V: Value<F>>(
        &[alpha]: &[F; 1],
        [u]: [V; 1],
        _output: V,
        input: V,
        _state: [V; 1],
        [g]: [V; 1],
    ) -> IntegrateAdjoint<V, 1, 1> {
        IntegrateAdjoint {
            state: [g * alpha],
            spike: V::zero(),
            input: g * (F::one() - alpha),
            parameters: [g * (u - input)],
        }
    }
}
