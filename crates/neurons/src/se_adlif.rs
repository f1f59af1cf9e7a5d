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

use crate::dynamics::{Dynamics, IntegrateAdjoint, SettleAdjoint};
use crate::parameters::{ParameterRole, ParameterSpec};
use crate::row::Value;
use colearn_tape::Real;

/// The scale of adaptation, q.
pub(crate) const Q: f64 = 120.0;

/// τ_u from 5 to 25 steps, τ_w from 60 to 300 steps.
pub(crate) const PARAMETERS: [ParameterSpec; 4] = [
    ParameterSpec::uniform(
        "alpha",
        ParameterRole::TimeConstant,
        (0.818_730_753_077_981_8, 0.960_789_439_152_323_2),
    ),
    ParameterSpec::uniform(
        "beta",
        ParameterRole::TimeConstant,
        (0.983_471_453_821_617_5, 0.996_672_216_054_523_3),
    ),
    ParameterSpec::uniform("a", ParameterRole::Adaptation, (0.0, 1.0)),
    ParameterSpec::uniform("b", ParameterRole::Adaptation, (0.0, 2.0)),
];

/// `DETACHED`: whether the reset factor passes no gradient. The model is the detached one; the other one has an exact
/// gradient under a soft step, and serves to check the rest of the adjoint against finite differences.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeAdlif<const DETACHED: bool>;

impl<F: Real, const DETACHED: bool> Dynamics<F, 2, 4> for SeAdlif<DETACHED> {
    #[inline(always)]
    fn integrate<V: Value<F>>(&[alpha, ..]: &[F; 4], [u, w]: [V; 2], _s: V, input: V) -> [V; 2] {
        [u * alpha + (input - w) * (F::one() - alpha), w]
    }

    #[inline(always)]
    fn settle<V: Value<F>>(&[_, beta, a, b]: &[F; 4], [u, w]: [V; 2], s: V) -> [V; 2] {
        let u = u * (V::one() - s);
        [u, w * beta + (u * a + s * b) * ((F::one() - beta) * F::of(Q))]
    }

    #[inline(always)]
    fn settle_adjoint<V: Value<F>>(
        &[_, beta, a, b]: &[F; 4],
        [u_hat, w]: [V; 2],
        s: V,
        [g, h]: [V; 2],
    ) -> SettleAdjoint<V, 2, 4> {
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
    fn integrate_adjoint<V: Value<F>>(
        &[alpha, ..]: &[F; 4],
        [u, w]: [V; 2],
        _s: V,
        input: V,
        _state: [V; 2],
        [g, g_w]: [V; 2],
    ) -> IntegrateAdjoint<V, 2, 4> {
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
    use crate::forward::Forward;
    use crate::model::Visitor;
    use crate::shape::Shape;
    use crate::{Firing, NeuronConfig, NeuronModel, Surrogate, initial};
    use colearn_tape::Pool;
    use ndarray::Array1;
    use ndarray_rand::RandomExt;
    use ndarray_rand::rand::SeedableRng;
    use ndarray_rand::rand_distr::StandardNormal;
    use rand_chacha::ChaCha8Rng;

    /// Inputs (currents, then parameters) of one unit, and what Σ weights·output is of them.
    struct Problem {
        neuron: crate::Neuron,
        shape: Shape,
        weights: Vec<f64>,
    }

    impl Problem {
        fn run(&self, inputs: &[Array1<f64>]) -> f64 {
            let views: Vec<_> = inputs[1..].iter().map(|p| p.view()).collect();
            let mut output = vec![0.0; self.shape.len()];
            let input = inputs[0].as_slice().unwrap();
            let (neuron, shape) = (&self.neuron, self.shape);
            let out = &mut output;
            Forward { neuron, parameters: &views, shape, drives: None, input, output: out, states: None }
                .visit::<SeAdlif<false>, 2, 4>();
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
                pool: &mut Pool::default(),
            }
            .visit::<SeAdlif<false>, 2, 4>();
            std::iter::once(g_input.into()).chain(sums.into_iter().map(|g| ndarray::arr1(&[g]))).collect()
        }
    }

    /// With a soft step and the factor attached the gradient is exact.
    #[test]
    fn the_adjoint_without_detachment_matches_finite_differences() {
        let mut config = NeuronConfig::new(NeuronModel::SeAdlif);
        (config.firing, config.surrogate) = (Firing::Soft, Surrogate::Logistic { slope: 2.0 });
        let neuron = config.validate().unwrap();
        let shape = Shape { steps: 6, batch: 3, units: 1 };
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
