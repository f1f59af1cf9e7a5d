//! What the parameters mean: time constants, stability and gain below threshold.
//!
//! Below threshold the adaptive model is the linear map
//!
//! ```text
//! w' = β w + a u,   u' = α u + (1 − α)(I − w')
//! ```
//!
//! with determinant αβ and trace α + β − (1 − α) a. Both eigenvalues lie inside the unit circle exactly where
//! −(1 − β) < a < (1 + α)(1 + β)/(1 − α) (the Jury conditions |trace| < 1 + determinant, determinant < 1).
//!
//! ```
//! use colearn_neurons::analysis::{decay, is_stable, steady_state_gain, time_constant};
//!
//! // At steps of 10 ms, a decay of 0.96 is a time constant of 245 ms.
//! assert_eq!((time_constant(0.96, 0.01) * 1000.0_f64).round(), 245.0);
//! assert!((decay(time_constant(0.96, 0.01), 0.01) - 0.96).abs() < 1e-12);
//! assert!(is_stable(0.9, 0.98, 0.5) && !is_stable(0.9, 0.98, -0.5));
//! assert!((steady_state_gain(0.98, 0.5) - 1.0 / 26.0).abs() < 1e-12);
//! ```

use crate::models::NeuronModel;
pub use crate::models::coupled::Eigenvalues;

/// τ = −Δt/ln α, in the unit of `dt`: the time in which a decay of α per step falls to 1/e.
#[must_use]
pub fn time_constant(decay: f64, dt: f64) -> f64 {
    -dt / decay.ln()
}

/// α = exp(−Δt/τ): the decay per step of a time constant in the unit of `dt`.
#[must_use]
pub fn decay(time_constant: f64, dt: f64) -> f64 {
    (-dt / time_constant).exp()
}

/// Values of a for which the sub-threshold map is stable: the open interval (−(1 − β), (1 + α)(1 + β)/(1 − α)).
#[must_use]
pub fn stable_coupling(alpha: f64, beta: f64) -> (f64, f64) {
    (-(1.0 - beta), (1.0 + alpha) * (1.0 + beta) / (1.0 - alpha))
}

/// Whether the sub-threshold map settles, for α and β in (0, 1).
#[must_use]
pub fn is_stable(alpha: f64, beta: f64, a: f64) -> bool {
    let (low, high) = stable_coupling(alpha, beta);
    low < a && a < high
}

/// Eigenvalues (real, imaginary) of the sub-threshold map of any model, without recurrence: one for each state variable.
/// `parameters` are the values in use, in the order of [`NeuronModel::specs`].
///
/// # Panics
/// If there are fewer values than the model has parameters.
///
/// ```
/// use colearn_neurons::{NeuronModel, analysis::modes};
///
/// assert_eq!(modes(NeuronModel::Lif, &[0.5]), [(0.5, 0.0)]);
/// let pair = modes(NeuronModel::Cadlif, &[0.7, 0.97, 0.8, 1.0]);
/// assert!(pair[0].1 > 0.0 && pair[1] == (pair[0].0, -pair[0].1));
/// ```
#[must_use]
#[track_caller]
pub fn modes(model: NeuronModel, parameters: &[f64]) -> Vec<(f64, f64)> {
    let needed = model.specs().len();
    assert!(
        parameters.len() >= needed,
        "{}: found {} values, expected {needed}",
        model.name(),
        parameters.len()
    );
    model.linear_modes(parameters)
}

/// u/I at rest under constant input below threshold: 1/(1 + a/(1 − β)).
#[must_use]
pub fn steady_state_gain(beta: f64, a: f64) -> f64 {
    1.0 / (1.0 + a / (1.0 - beta))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_inequality_says_what_the_eigenvalues_say(
            alpha in 0.01..0.999f64, beta in 0.01..0.999f64, a in -3.0..20.0f64
        ) {
            let radius = Eigenvalues::of(alpha, beta, a).radius();
            // On the edge both are right: rounding decides.
            prop_assume!((radius - 1.0).abs() > 1e-9);
            prop_assert_eq!(is_stable(alpha, beta, a), radius < 1.0);
        }

        #[test]
        fn eigenvalues_have_the_trace_and_determinant_of_the_map(
            alpha in 0.01..0.999f64, beta in 0.01..0.999f64, a in -3.0..3.0f64
        ) {
            let (sum, product) = match Eigenvalues::of(alpha, beta, a) {
                Eigenvalues::Real(x, y) => (x + y, x * y),
                Eigenvalues::Complex { real, imaginary } => (2.0 * real, real * real + imaginary * imaginary),
            };
            // Written as the matrix of (u, w) → (u', w').
            let matrix = [[alpha - (1.0 - alpha) * a, -(1.0 - alpha) * beta], [a, beta]];
            let determinant = matrix[0][0] * matrix[1][1] - matrix[0][1] * matrix[1][0];
            prop_assert!((sum - matrix[0][0] - matrix[1][1]).abs() < 1e-12);
            prop_assert!((product - determinant).abs() < 1e-10);
        }

        #[test]
        fn decay_and_time_constant_are_inverse(alpha in 0.01..0.999f64, dt in 0.001..10.0f64) {
            prop_assert!((decay(time_constant(alpha, dt), dt) - alpha).abs() < 1e-12);
        }
    }

    proptest! {
        /// Without input the membrane of a linear map follows u[t+2] = trace u[t+1] − determinant u[t].
        #[test]
        fn a_free_membrane_moves_as_the_modes_say(
            x in 0.0..1.0f64, y in 0.0..1.0f64, z in 0.0..1.0f64, index in 0..NeuronModel::ALL.len()
        ) {
            let model = NeuronModel::ALL[index];
            let at = |k: usize, share: f64| model.specs().get(k).map(|s| s.bounds.0 + share * (s.bounds.1 - s.bounds.0));
            let values: Vec<f64> = [at(0, x), at(1, y), at(2, z), at(3, 0.5)].into_iter().flatten().collect();
            let parameters: Vec<_> = values.iter().map(|value| ndarray::arr1(&[*value])).collect();
            let views: Vec<_> = parameters.iter().map(|value| value.view()).collect();
            let mut input = ndarray::Array3::zeros((8, 1, 1));
            input[[0, 0, 0]] = 1e-3;
            let trace = crate::forward(
                &crate::Neuron::new(model), &input, &views, &mut colearn_tape::Pool::default(),
            );
            let u: Vec<f64> = trace.membrane().iter().copied().collect();
            let found = modes(model, &values);
            let sum: f64 = found.iter().map(|mode| mode.0).sum();
            let product = match found[..] {
                [(a, b), (c, d)] => a * c - b * d,
                _ => 0.0,
            };
            for t in 1..6 {
                let expected = sum * u[t + 1] - product * u[t];
                prop_assert!((u[t + 2] - expected).abs() < 1e-12, "{:?}: {} and {}", model, u[t + 2], expected);
            }
        }
    }

    /// α = β = 1/2 is exact in binary: the edges are met.
    #[test]
    fn on_the_edge_a_map_never_settles_and_equal_eigenvalues_are_real() {
        let (low, high) = stable_coupling(0.5, 0.5);
        assert_eq!((low, high), (-0.5, 4.5));
        assert_eq!([low, -0.25, 4.25, high].map(|a| is_stable(0.5, 0.5, a)), [false, true, true, false]);
        approx::assert_relative_eq!(Eigenvalues::of(0.5, 0.5, low).radius(), 1.0);
        assert_eq!(Eigenvalues::of(0.5, 0.5, 0.0), Eigenvalues::Real(0.5, 0.5));
    }

    #[test]
    fn the_whole_constrained_box_is_stable() {
        let bounds: Vec<_> = NeuronModel::Cadlif.specs().iter().map(|spec| spec.bounds).collect();
        let [alpha, beta, a, _] = bounds[..] else { panic!("four parameters") };
        for alpha in [alpha.0, alpha.1] {
            for beta in [beta.0, beta.1] {
                for a in [a.0, a.1] {
                    assert!(is_stable(alpha, beta, a), "{alpha} {beta} {a}");
                }
            }
        }
    }
}
