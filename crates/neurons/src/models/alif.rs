//! The leaky integrate-and-fire neuron whose threshold adapts (ALIF, spike-frequency adaptation).
//!
//! ```text
//! u[t] = α (u[t−1] − s[t−1]) + (1 − α) I[t]
//! b[t] = ρ b[t−1] + (1 − ρ) s[t−1]                 s[t] = H(u[t] − β_a b[t] − θ)
//! ```
//!
//! b is a running mean of the neuron's own spikes, and the threshold rises with it by β_a b (Bellec et al. 2018, LSNN;
//! Salaj et al. 2021). The membrane is that of LIF. The potential that meets θ is φ = u − β_a b.
//!
//! Gradient, with q = ∂L/∂φ[t], g = ∂L/∂u[t] (q among it) and h = ∂L/∂b[t] (−β_a q among it):
//!
//! | of | is |
//! | --- | --- |
//! | u[t−1] | α g |
//! | b[t−1] | ρ h |
//! | s[t−1] | (1 − ρ) h − α g |
//! | I[t] | (1 − α) g |
//! | α, ρ, β_a | g (u[t−1] − s[t−1] − I[t]), h (b[t−1] − s[t−1]), −q b[t] |

use crate::dynamics::{Dynamics, ElementaryStep, IntegrateAdjoint, MEMBRANE, Model, VariableSpec, leak};
use crate::parameters::ParameterSpec;
use crate::value::Value;
use colearn_tape::{Real, Tape, Var};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Alif;

impl Model for Alif {
    type Dynamics = Self;

    const NAME: &'static str = "alif";
    const LABEL: &'static str = "ALIF";
    const SOURCE: &'static str = "Bellec et al. 2018, Salaj et al. 2021; own bounds: τ_u from 0.98 to 24.5 steps as LIF, \
                                  τ_b from 30 to 300 steps, and a strength at which one spike lifts the threshold by up to \
                                  a few tenths, as theirs does at their step of 1 ms";
    const EQUATIONS: &'static str = "u ← α(u − s) + (1 − α)I, b ← ρb + (1 − ρ)s, spike where u − β_a b > θ";
    const VARIABLES: &'static [VariableSpec] =
        &[MEMBRANE, VariableSpec { symbol: "b", meaning: "threshold adaptation", unit: "spikes per step" }];
    const SPECS: &'static [ParameterSpec] = &[
        ParameterSpec::decay(("alpha", "α"), ("u", "membrane decay"), (0.36, 0.96)),
        ParameterSpec::decay(
            ("rho", "ρ"),
            ("b", "threshold decay"),
            (0.967_216_100_482_005_9, 0.996_672_216_054_523_3),
        ),
        ParameterSpec::coupling(("beta_a", "β_a"), ("b", "threshold strength"), (0.0, 30.0)),
    ];

    fn modes(p: &[f64]) -> Vec<(f64, f64)> {
        vec![(p[0], 0.0), (p[1], 0.0)]
    }

    fn elementary<F: Real>(tape: &mut Tape<F>, step: &ElementaryStep<'_>) -> Vec<Var> {
        let reset = tape.subtract(step.state[0], step.output);
        let u = leak(tape, step.parameters[0], reset, step.input);
        vec![u, leak(tape, step.parameters[1], step.state[1], step.output)]
    }

    fn elementary_potential<F: Real>(tape: &mut Tape<F>, parameters: &[Var], state: &[Var]) -> Var {
        let risen = tape.multiply(parameters[2], state[1]);
        tape.subtract(state[0], risen)
    }
}

impl Dynamics for Alif {
    type State<V: Copy + Send + Sync> = [V; 2];
    type Parameters<V: Copy + Send + Sync> = [V; 3];

    #[inline(always)]
    fn integrate<F: Real, V: Value<F>>(&[alpha, rho, _]: &[F; 3], [u, b]: [V; 2], s: V, input: V) -> [V; 2] {
        [(u - s) * alpha + input * (F::one() - alpha), b * rho + s * (F::one() - rho)]
    }

    #[inline(always)]
    fn integrate_adjoint<F: Real, V: Value<F>>(
        &[alpha, rho, _]: &[F; 3],
        [u, b]: [V; 2],
        s: V,
        input: V,
        _state: [V; 2],
        [g, h]: [V; 2],
    ) -> IntegrateAdjoint<Self, V> {
        IntegrateAdjoint {
            state: [g * alpha, h * rho],
            spike: h * (F::one() - rho) - g * alpha,
            input: g * (F::one() - alpha),
            parameters: [g * (u - s - input), h * (b - s), V::zero()],
        }
    }

    #[inline(always)]
    fn potential<F: Real, V: Value<F>>(&[.., beta]: &[F; 3], &[u, b]: &[V; 2]) -> V {
        u - b * beta
    }

    #[inline(always)]
    fn potential_adjoint<F: Real, V: Value<F>>(
        &[.., beta]: &[F; 3],
        &[_, b]: &[V; 2],
        q: V,
        [g, h]: &mut [V; 2],
        [.., of_beta]: &mut [V; 3],
    ) {
        *g = *g + q;
        *h = *h - q * beta;
        *of_beta = *of_beta - q * b;
    }
}
