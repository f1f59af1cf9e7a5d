//! The adaptive neuron discretised by the symplectic Euler method (Baronig et al. 2025, SE-adLIF).
//!
//! ```text
//! û[t] = α u[t−1] + (1 − α)(I[t] − w[t−1])        s[t] = H(û[t] − θ)
//! u[t] = û[t] (1 − s[t])
//! w[t] = β w[t−1] + (1 − β) q (a u[t] + b s[t])
//! ```
//!
//! Hard reset whose factor passes no gradient, w from the *new* u and s, q = 120. The state before the spike is
//! (û[t], w[t−1]); reset and adaptation happen after it.
//!
//! Gradient after the spike, with g = ∂L/∂u[t], h = ∂L/∂w[t] and k = g + (1 − β) q a h: (1 − s) k for û[t], β h for
//! w[t−1], (1 − β) q b h for s[t] (and −û k more if the factor were not detached); h (w[t−1] − q (a u + b s)) for β,
//! (1 − β) q u h for a, (1 − β) q s h for b. Before it, with g = ∂L/∂û[t]: α g for u[t−1], −(1 − α) g for w[t−1],
//! (1 − α) g for I[t] and g (u[t−1] − I[t] + w[t−1]) for α.

use super::adlif::{ADAPTATION, specs};
use super::coupled::coupled_modes;
use crate::dynamics::{
    Dynamics, ElementaryStep, IntegrateAdjoint, MEMBRANE, Model, SettleAdjoint, VariableSpec, leak,
};
use crate::parameters::ParameterSpec;
use crate::value::Value;
use colearn_tape::{Real, Tape, Var};

/// The scale of adaptation, q.
const Q: f64 = 120.0;

/// `DETACHED`: whether the reset factor passes no gradient. The model is the detached one; the other one has an exact
/// gradient under a soft step, and serves to check the rest of the adjoint against finite differences.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeAdlif<const DETACHED: bool>;

impl Model for SeAdlif<true> {
    type Dynamics = Self;

    const NAME: &'static str = "se_adlif";
    const LABEL: &'static str = "SE-adLIF";
    const SOURCE: &'static str = "Baronig et al. 2025: τ_u from 5 to 25 steps, τ_w from 60 to 300 steps";
    const EQUATIONS: &'static str =
        "û ← αu + (1 − α)(I − w), then u ← û(1 − s), w ← βw + (1 − β)q(au + bs), q = 120";
    const VARIABLES: &'static [VariableSpec] = &[MEMBRANE, ADAPTATION];
    const SPECS: &'static [ParameterSpec] = &specs([
        (0.818_730_753_077_981_8, 0.960_789_439_152_323_2),
        (0.983_471_453_821_617_5, 0.996_672_216_054_523_3),
        (0.0, 1.0),
        (0.0, 2.0),
    ]);
    const SETTLES: bool = true;
    const EXACT_GRADIENT: bool = false;

    /// w' = β w + c u' and u' = α u + (1 − α)(I − w) with c = (1 − β) q a: the same determinant αβ and the trace
    /// α + β − (1 − α) c as an adaptive model with a = c.
    fn modes(p: &[f64]) -> Vec<(f64, f64)> {
        coupled_modes(p[0], p[1], (1.0 - p[1]) * Q * p[2])
    }

    fn elementary<F: Real>(tape: &mut Tape<F>, step: &ElementaryStep<'_>) -> Vec<Var> {
        let driven = tape.subtract(step.input, step.state[1]);
        vec![leak(tape, step.parameters[0], step.state[0], driven), step.state[1]]
    }

    fn elementary_settle<F: Real>(
        tape: &mut Tape<F>,
        parameters: &[Var],
        state: Vec<Var>,
        output: Var,
    ) -> Vec<Var> {
        let held = tape.detach(output);
        let held = tape.negate(held);
        let kept = tape.offset(held, F::one());
        let u = tape.multiply(state[0], kept);
        let (of_u, of_s) = (tape.multiply(parameters[2], u), tape.multiply(parameters[3], output));
        let sum = tape.add(of_u, of_s);
        let drive = tape.scale(sum, F::of(Q));
        vec![u, leak(tape, parameters[1], state[1], drive)]
    }
}

impl<const DETACHED: bool> Dynamics for SeAdlif<DETACHED> {
    type State<V: Copy + Send + Sync> = [V; 2];
    type Parameters<V: Copy + Send + Sync> = [V; 4];

    #[inline(always)]
    fn integrate<F: Real, V: Value<F>>(&[alpha, ..]: &[F; 4], [u, w]: [V; 2], _s: V, input: V) -> [V; 2] {
        [u * alpha + (input - w) * (F::one() - alpha), w]
    }

    #[inline(always)]
    fn settle<F: Real, V: Value<F>>(&[_, beta, a, b]: &[F; 4], [u, w]: [V; 2], s: V) -> [V; 2] {
        let u = u * (V::one() - s);
        [u, w * beta + (u * a + s * b) * ((F::one() - beta) * F::of(Q))]
    }

    #[inline(always)]
    fn settle_adjoint<F: Real, V: Value<F>>(
        &[_, beta, a, b]: &[F; 4],
        [u_hat, w]: [V; 2],
        s: V,
        [g, h]: [V; 2],
    ) -> SettleAdjoint<Self, V> {
        let u = u_hat * (V::one() - s);
        let drive = h * ((F::one() - beta) * F::of(Q));
        let k = g + drive * a;
        let through_reset = if DETACHED { V::zero() } else { u_hat * k };
        SettleAdjoint {
            state: [(V::one() - s) * k, h * beta],
            spike: drive * b - through_reset,
            parameters: [V::zero(), h * (w - (u * a + s * b) * F::of(Q)), drive * u, drive * s],
        }
    }

    #[inline(always)]
    fn integrate_adjoint<F: Real, V: Value<F>>(
        &[alpha, ..]: &[F; 4],
        [u, w]: [V; 2],
        _s: V,
        input: V,
        _state: [V; 2],
        [g, g_w]: [V; 2],
    ) -> IntegrateAdjoint<Self, V> {
        let g_input = g * (F::one() - alpha);
        IntegrateAdjoint {
            state: [g * alpha, g_w - g_input],
            spike: V::zero(),
            input: g_input,
            parameters: [g * (u - input + w), V::zero(), V::zero(), V::zero()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backward::Backward;
    use crate::forward::{Forward, OutputMut};
    use crate::models::Visitor;
    use crate::{Firing, NeuronConfig, NeuronModel, Surrogate, initial};
    use colearn_tape::{LANES, Pool, SequenceShape};
    use ndarray::Array1;
    use ndarray_rand::RandomExt;
    use ndarray_rand::rand::SeedableRng;
    use ndarray_rand::rand_distr::StandardNormal;
    use rand_chacha::ChaCha8Rng;

    /// Inputs (currents, then parameters) of one unit, and what Σ weights·output is of them.
    struct Problem {
        neuron: crate::Neuron,
        shape: SequenceShape,
        weights: Vec<f64>,
    }

    impl Problem {
        fn run(&self, inputs: &[Array1<f64>]) -> f64 {
            let views: Vec<_> = inputs[1..].iter().map(|p| p.view()).collect();
            let mut output = vec![0.0; self.shape.len()];
            let input = inputs[0].as_slice().unwrap();
            let (neuron, shape) = (&self.neuron, self.shape);
            let out = OutputMut::Floats(&mut output);
            Forward { neuron, parameters: &views, shape, drives: None, input, output: out, states: None }
                .visit::<SeAdlif<false>>();
            output.iter().zip(&self.weights).map(|(y, w)| y * w).sum()
        }

        fn gradients(&self, inputs: &[Array1<f64>]) -> Vec<Array1<f64>> {
            let views: Vec<_> = inputs[1..].iter().map(|p| p.view()).collect();
            let (mut g_input, mut sums) = (vec![0.0; self.shape.len()], vec![0.0; 4]);
            Backward {
                neuron: &self.neuron,
                parameters: &views,
                shape: self.shape,
                norm: None,
                input: inputs[0].as_slice().unwrap(),
                gradient: &self.weights,
                g_input: &mut g_input,
                g_parameters: &mut sums,
                g_norms: &mut [[0.0; 2]],
                whole: true,
                pool: &mut Pool::default(),
            }
            .visit::<SeAdlif<false>>();
            std::iter::once(g_input.into()).chain(sums.into_iter().map(|g| ndarray::arr1(&[g]))).collect()
        }
    }

    /// With a soft step and the factor attached the gradient is exact.
    #[test]
    fn the_adjoint_without_detachment_matches_finite_differences() {
        let mut config = NeuronConfig::new(NeuronModel::SeAdlif);
        (config.firing, config.surrogate) = (Firing::Soft, Surrogate::Logistic { slope: 2.0 });
        let neuron = config.validate().unwrap();
        let shape = SequenceShape { steps: 6, batch: LANES, units: 1 };
        let mut rng = ChaCha8Rng::seed_from_u64(31);
        let weights = Array1::random_using(shape.len(), StandardNormal, &mut rng).to_vec();
        let mut inputs = vec![Array1::random_using(shape.len(), StandardNormal, &mut rng) * 6.0];
        inputs.extend(neuron.specs().iter().map(|s| initial(s, 1, &mut rng)));
        let problem = Problem { neuron, shape, weights };
        for (k, gradient) in problem.gradients(&inputs).iter().enumerate() {
            for (i, &derivative) in gradient.iter().enumerate() {
                let moved = |step: f64| {
                    let mut inputs = inputs.clone();
                    inputs[k][i] += step;
                    problem.run(&inputs)
                };
                let quotient = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let allowed = 1e-7 + 1e-5 * quotient.abs();
                assert!((derivative - quotient).abs() <= allowed, "{k} {i}: {derivative} against {quotient}");
            }
        }
    }
}
