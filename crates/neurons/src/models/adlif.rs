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

use super::coupled::coupled_modes;
use crate::dynamics::{Dynamics, ElementaryStep, IntegrateAdjoint, MEMBRANE, Model, VariableSpec, leak};
use crate::parameters::ParameterSpec;
use crate::value::Value;
use colearn_tape::{Real, Tape, Var};

/// The adaptation w of adaptive models.
pub(crate) const ADAPTATION: VariableSpec =
    VariableSpec { symbol: "w", meaning: "adaptation", unit: "thresholds" };

/// Parameters of an adaptive model within these bounds of α, β, a and b.
pub(crate) const fn specs(bounds: [(f64, f64); 4]) -> [ParameterSpec; 4] {
    let [alpha, beta, a, b] = bounds;
    [
        ParameterSpec::decay(("alpha", "α"), ("u", "membrane decay"), alpha),
        ParameterSpec::decay(("beta", "β"), ("w", "adaptation decay"), beta),
        ParameterSpec::coupling(("a", "a"), ("w", "subthreshold coupling"), a),
        ParameterSpec::coupling(("b", "b"), ("w", "spike-triggered jump"), b),
    ]
}

/// The equations of both boxes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adlif;

const EQUATIONS: &str = "w ← βw + au + bs, then u ← α(u − s) + (1 − α)(I − w)";

/// AdLIF: the box of Bittar & Garner 2022.
pub(crate) struct Unconstrained;

/// cAdLIF: the box of Deckers et al. 2024.
pub(crate) struct Constrained;

impl Model for Unconstrained {
    type Dynamics = Adlif;
    const NAME: &'static str = "adlif";
    const LABEL: &'static str = "AdLIF";
    const SOURCE: &'static str = "Bittar & Garner 2022: τ_u from 5 to 25 steps, τ_w from 30 to 120 steps";
    const EQUATIONS: &'static str = EQUATIONS;
    const VARIABLES: &'static [VariableSpec] = &[MEMBRANE, ADAPTATION];
    const SPECS: &'static [ParameterSpec] = &specs([
        (0.818_730_753_077_981_8, 0.960_789_439_152_323_2),
        (0.967_216_100_482_005_9, 0.991_701_292_638_876),
        (-1.0, 1.0),
        (0.0, 2.0),
    ]);

    fn modes(p: &[f64]) -> Vec<(f64, f64)> {
        coupled_modes(p[0], p[1], p[2])
    }

    fn elementary<F: Real>(tape: &mut Tape<F>, step: &ElementaryStep<'_>) -> Vec<Var> {
        let (&[alpha, beta, a, b], &[u, w]) = (step.parameters, step.state) else {
            unreachable!("four parameters, two variables")
        };
        let (kept, of_u, of_s) = (tape.multiply(beta, w), tape.multiply(a, u), tape.multiply(b, step.output));
        let sum = tape.add(kept, of_u);
        let w = tape.add(sum, of_s);
        let (reset, driven) = (tape.subtract(u, step.output), tape.subtract(step.input, w));
        vec![leak(tape, alpha, reset, driven), w]
    }
}

impl Model for Constrained {
    type Dynamics = Adlif;
    const NAME: &'static str = "cadlif";
    const LABEL: &'static str = "cAdLIF";
    const SOURCE: &'static str =
        "Deckers et al. 2024: τ_u from 0.98 to 24.5 steps, τ_w from 24.5 to 99.5 steps";
    const EQUATIONS: &'static str = EQUATIONS;
    const VARIABLES: &'static [VariableSpec] = &[MEMBRANE, ADAPTATION];
    const SPECS: &'static [ParameterSpec] = &specs([(0.36, 0.96), (0.96, 0.99), (0.0, 1.0), (0.0, 2.0)]);

    fn modes(p: &[f64]) -> Vec<(f64, f64)> {
        coupled_modes(p[0], p[1], p[2])
    }

    fn elementary<F: Real>(tape: &mut Tape<F>, step: &ElementaryStep<'_>) -> Vec<Var> {
        Unconstrained::elementary(tape, step)
    }
}

impl Dynamics for Adlif {
    type State<V: Copy + Send + Sync> = [V; 2];
    type Parameters<V: Copy + Send + Sync> = [V; 4];

    #[inline(always)]
    fn integrate<F: Real, V: Value<F>>(
        &[alpha, beta, a, b]: &[F; 4],
        [u, w]: [V; 2],
        s: V,
        input: V,
    ) -> [V; 2] {
        let w = w * beta + u * a + s * b;
        [(u - s) * alpha + (input - w) * (F::one() - alpha), w]
    }

    #[inline(always)]
    fn integrate_adjoint<F: Real, V: Value<F>>(
        &[alpha, beta, a, b]: &[F; 4],
        [u, w]: [V; 2],
        s: V,
        input: V,
        [_, w_now]: [V; 2],
        [g, g_w]: [V; 2],
    ) -> IntegrateAdjoint<Self, V> {
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
