//! The adaptive leaky integrate-and-fire neuron, in two boxes of parameters.
//!
//! ```text
//! w[t] = β w[t−1] + a u[t−1] + b s[t−1]
//! u[t] = α (u[t−1] − s[t−1]) + (1 − α)(I[t] − w[t])        s[t] = H(u[t] − θ)
//! ```
//!
//! w first, from the old u and s, then u from the new w (Bittar & Garner 2022). AdLIF has the box of that paper,
//! about half of which is unstable below threshold; cAdLIF has the constrained box of Deckers et al. 2024, all of
//! which is stable (see [`crate::analysis`]).
//!
//! Gradient, with g = ∂L/∂u[t] and h = ∂L/∂w[t] − (1 − α) g:
//!
//! | of | is |
//! | --- | --- |
//! | u[t−1] | α g + a h |
//! | w[t−1] | β h |
//! | s[t−1] | −α g + b h |
//! | I[t] | (1 − α) g |
//! | α, β, a, b | g (u[t−1] − s[t−1] − I[t] + w[t]), h w[t−1], h u[t−1], h s[t−1] |

use crate::dynamics::{Dynamics, IntegrateAdjoint};
use crate::parameters::{ParameterRole, ParameterSpec};
use crate::row::Value;
use colearn_tape::Real;

/// The box of Bittar & Garner 2022: τ_u from 5 to 25 steps, τ_w from 30 to 120 steps.
pub(crate) const UNCONSTRAINED: [ParameterSpec; 4] = [
    ParameterSpec::uniform(
        "alpha",
        ParameterRole::TimeConstant,
        (0.818_730_753_077_981_8, 0.960_789_439_152_323_2),
    ),
    ParameterSpec::uniform(
        "beta",
        ParameterRole::TimeConstant,
        (0.967_216_100_482_005_9, 0.991_701_292_638_876),
    ),
    ParameterSpec::uniform("a", ParameterRole::Adaptation, (-1.0, 1.0)),
    ParameterSpec::uniform("b", ParameterRole::Adaptation, (0.0, 2.0)),
];

/// The constrained box of Deckers et al. 2024: τ_u from 0.98 to 24.5 steps, τ_w from 24.5 to 99.5 steps.
pub(crate) const CONSTRAINED: [ParameterSpec; 4] = [
    ParameterSpec::uniform("alpha", ParameterRole::TimeConstant, (0.36, 0.96)),
    ParameterSpec::uniform("beta", ParameterRole::TimeConstant, (0.96, 0.99)),
    ParameterSpec::uniform("a", ParameterRole::Adaptation, (0.0, 1.0)),
    ParameterSpec::uniform("b", ParameterRole::Adaptation, (0.0, 2.0)),
];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Adlif;

impl<F: Real> Dynamics<F, 2, 4> for Adlif {
    #[inline(always)]
    fn integrate<V: Value<F>>(&[alpha, beta, a, b]: &[F; 4], [u, w]: [V; 2], s: V, input: V) -> [V; 2] {
        let w = w * beta + u * a + s * b;
        [(u - s) * alpha + (input - w) * (F::one() - alpha), w]
    }

    #[inline(always)]
    fn integrate_adjoint<V: Value<F>>(
        &[alpha, beta, a, b]: &[F; 4],
        [u, w]: [V; 2],
        s: V,
        input: V,
        [_, w_now]: [V; 2],
        [g, g_w]: [V; 2],
    ) -> IntegrateAdjoint<V, 2, 4> {
        let g_input = g * (F::one() - alpha);
        let h = g_w - g_input;
        IntegrateAdjoint {
            state: [g * alpha + h * a, h * beta],
            spike: h * b - g * alpha,
            input: g_input,
            parameters: [g * (u - s - input + w_now), h * w, h * u, h * s],
        }
    }
}
