//! Adam and AdamW over the table of named parameters.
//!
//! | symbol | meaning | default |
//! |---|---|---|
//! | p, g | parameter and its gradient | – |
//! | m, v | moving means of g and g² | 0 |
//! | b₁, b₂ | their decays per step | 0.9, 0.999 |
//! | η | learning rate of the parameter's kind in this step | – |
//! | ε | keeps the quotient finite | 1e-8 |
//! | λ | weight decay of the parameter's kind | 1e-5 for weights, otherwise 0 |
//!
//! ```text
//! Adam:   g ← g + λ p                      AdamW:   p ← p − η λ p
//! m ← b₁ m + (1 − b₁) g,   v ← b₂ v + (1 − b₂) g²
//! p ← p − η · m / (1 − b₁ᵗ) / (√(v / (1 − b₂ᵗ)) + ε),     t = 1, 2, …
//! ```
//!
//! Kingma & Ba (2015), arXiv:1412.6980, algorithm 1; Loshchilov & Hutter (2019), arXiv:1711.05101, algorithm 2. One
//! fused pass over each parameter, no allocation after the first step.
//!
//! ```
//! use colearn_network::{Parameter, ParameterKind};
//! use colearn_train::{Optimiser, TrainConfig};
//! use ndarray::{ArrayD, arr1};
//!
//! let mut parameters = [Parameter {
//!     name: "w".into(), kind: ParameterKind::Weight, trainable: true, bounds: None, clamp_stored: false,
//!     value: arr1(&[1.0_f64, -2.0]).into_dyn(),
//! }];
//! let mut adam = Optimiser::new(&TrainConfig::default(), &parameters);
//! for _ in 0..2000 {
//!     let gradient: ArrayD<f64> = parameters[0].value.mapv(|x| 2.0 * x); // of x²
//!     adam.step(&mut parameters, &[Some(&gradient)], |_| 0.01, 1.0);
//! }
//! assert!(parameters[0].value.iter().all(|x| x.abs() < 1e-3));
//! ```

use colearn_network::{Parameter, ParameterKind};
use colearn_tape::Real;
use ndarray::{ArrayD, Zip};
use serde::{Deserialize, Serialize};

use crate::config::{Decay, OptimiserKind, TrainConfig};
use crate::error::TrainError;

/// Adam or AdamW with its moving means.
#[derive(Debug, Clone)]
pub struct Optimiser<F> {
    kind: OptimiserKind,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    decay: Decay,
    state: OptimiserState<F>,
}

/// What an optimiser remembers from step to step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "F: Serialize", deserialize = "F: Deserialize<'de>"))]
pub struct OptimiserState<F> {
    /// Steps taken.
    pub steps: u64,
    /// Moving mean of the gradient of each parameter, in the order of the parameters.
    pub first: Vec<ArrayD<F>>,
    /// Moving mean of the squared gradient of each parameter.
    pub second: Vec<ArrayD<F>>,
}

/// The numbers of one step for one kind of parameter.
#[derive(Clone, Copy)]
struct Step<F> {
    beta1: F,
    beta2: F,
    epsilon: F,
    /// Factor on the gradient (clipping).
    scale: F,
    /// λ in the gradient (Adam).
    coupled: F,
    /// 1 − η λ on the parameter (AdamW).
    keep: F,
    /// η / (1 − b₁ᵗ).
    size: F,
    /// 1 / √(1 − b₂ᵗ).
    root: F,
}

impl<F: Real> Optimiser<F> {
    /// An optimiser for `parameters`, all moving means zero.
    #[must_use]
    pub fn new(config: &TrainConfig, parameters: &[Parameter<F>]) -> Self {
        let zeros = || parameters.iter().map(|p| ArrayD::zeros(p.value.raw_dim())).collect();
        Self {
            kind: config.optimiser,
            beta1: config.beta1,
            beta2: config.beta2,
            epsilon: config.epsilon,
            decay: config.decay,
            state: OptimiserState { steps: 0, first: zeros(), second: zeros() },
        }
    }

    /// The moving means, for a checkpoint.
    #[must_use]
    pub fn state(&self) -> &OptimiserState<F> {
        &self.state
    }

    /// Goes on from `state`.
    ///
    /// # Errors
    /// [`TrainError::Mismatch`] when the state belongs to parameters of another number or shape.
    pub fn restore(&mut self, state: OptimiserState<F>) -> Result<(), TrainError> {
        for (what, mine, theirs) in [
            ("optimiser state, first moment", &self.state.first, &state.first),
            ("optimiser state, second moment", &self.state.second, &state.second),
        ] {
            let shapes = |arrays: &[ArrayD<F>]| arrays.iter().map(|a| a.shape().to_vec()).collect::<Vec<_>>();
            let (expected, found) = (shapes(mine), shapes(theirs));
            if expected != found {
                return Err(TrainError::Mismatch {
                    what: what.to_owned(),
                    found: format!("shapes {found:?}"),
                    expected: format!("{expected:?}"),
                });
            }
        }
        self.state = state;
        Ok(())
    }

    /// One step down `scale` times the gradients, then the bounds of every parameter that moved.
    ///
    /// `gradients` are in the order of `parameters`. A parameter that is frozen, or that has no gradient because the
    /// loss does not depend on it, keeps its value and its moving means.
    ///
    /// # Panics
    /// When there are not as many gradients as parameters, the optimiser was made for other parameters, or a gradient
    /// has another shape than its parameter.
    #[track_caller]
    pub fn step(
        &mut self,
        parameters: &mut [Parameter<F>],
        gradients: &[Option<&ArrayD<F>>],
        rate: impl Fn(ParameterKind) -> f64,
        scale: f64,
    ) {
        assert_eq!(gradients.len(), parameters.len(), "gradients against parameters");
        assert_eq!(self.state.first.len(), parameters.len(), "moving means against parameters");
        self.state.steps += 1;
        let steps = ParameterKind::ALL.map(|kind| self.numbers(kind, rate(kind), scale));
        let moments = self.state.first.iter_mut().zip(&mut self.state.second);
        for ((parameter, gradient), (first, second)) in parameters.iter_mut().zip(gradients).zip(moments) {
            let (true, Some(gradient)) = (parameter.trainable, gradient) else { continue };
            assert_eq!(gradient.shape(), parameter.value.shape(), "gradient of {}", parameter.name);
            let kind = ParameterKind::ALL.iter().position(|kind| *kind == parameter.kind);
            let numbers = steps[kind.expect("ALL holds every kind")];
            Zip::from(&mut parameter.value)
                .and(*gradient)
                .and(first)
                .and(second)
                .for_each(|p, &g, m, v| numbers.update(p, g, m, v));
            parameter.enforce_bounds();
        }
    }

    fn numbers(&self, kind: ParameterKind, rate: f64, scale: f64) -> Step<F> {
        let steps = i32::try_from(self.state.steps).unwrap_or(i32::MAX);
        let decay = self.decay.of(kind);
        let (coupled, keep) = match self.kind {
            OptimiserKind::Adam => (decay, 1.0),
            OptimiserKind::AdamW => (0.0, 1.0 - rate * decay),
        };
        Step {
            beta1: F::of(self.beta1),
            beta2: F::of(self.beta2),
            epsilon: F::of(self.epsilon),
            scale: F::of(scale),
            coupled: F::of(coupled),
            keep: F::of(keep),
            size: F::of(rate / (1.0 - self.beta1.powi(steps))),
            root: F::of(1.0 / (1.0 - self.beta2.powi(steps)).sqrt()),
        }
    }
}

impl<F: Real> Step<F> {
    #[inline(always)]
    fn update(self, p: &mut F, g: F, m: &mut F, v: &mut F) {
        let one = F::one();
        let g = g * self.scale + self.coupled * *p;
        *m = self.beta1 * *m + (one - self.beta1) * g;
        *v = self.beta2 * *v + (one - self.beta2) * g * g;
        *p = self.keep * *p - self.size * *m / (v.sqrt() * self.root + self.epsilon);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use ndarray::{Array2, ShapeBuilder, arr1};

    fn parameter(name: &str, kind: ParameterKind, values: &[f64]) -> Parameter<f64> {
        let value = arr1(values).into_dyn();
        Parameter { name: name.into(), kind, trainable: true, bounds: None, clamp_stored: false, value }
    }

    fn config(optimiser: OptimiserKind, decay: f64) -> TrainConfig {
        TrainConfig {
            optimiser,
            decay: Decay { weight: decay, ..Decay::default() },
            ..TrainConfig::default()
        }
    }

    /// A gradient that changes sign and size from step to step.
    fn gradient(step: usize, p: f64) -> f64 {
        (0.7 * step as f64).sin() + 0.3 * p
    }

    /// The published formulas for one number, the moments as the sums they stand for.
    fn reference(kind: OptimiserKind, decay: f64, rate: f64, start: f64, steps: usize) -> f64 {
        let (b1, b2, epsilon) = (0.9_f64, 0.999_f64, 1e-8);
        let (mut p, mut gradients) = (start, Vec::new());
        for t in 1..=steps {
            let mut g = gradient(t, p);
            match kind {
                OptimiserKind::Adam => g += decay * p,
                OptimiserKind::AdamW => p -= rate * decay * p,
            }
            gradients.push(g);
            let mean = |b: f64, power: i32| {
                let terms = gradients.iter().rev().enumerate();
                let sum: f64 = terms.map(|(age, g)| (1.0 - b) * b.powf(age as f64) * g.powi(power)).sum();
                sum / (1.0 - b.powf(t as f64))
            };
            p -= rate * mean(b1, 1) / (mean(b2, 2).sqrt() + epsilon);
        }
        p
    }

    #[test]
    fn two_steps_by_hand() {
        let mut parameters = [parameter("w", ParameterKind::Weight, &[1.0])];
        let mut adam = Optimiser::new(&config(OptimiserKind::Adam, 0.0), &parameters);
        let (first, second) = (arr1(&[0.5]).into_dyn(), arr1(&[-0.25]).into_dyn());
        adam.step(&mut parameters, &[Some(&first)], |_| 0.1, 1.0);
        assert_relative_eq!(parameters[0].value[0], 0.9, epsilon = 1e-7);
        adam.step(&mut parameters, &[Some(&second)], |_| 0.1, 1.0);
        // m = 0.9·0.05 − 0.1·0.25 = 0.02, v = 0.999·0.00025 + 0.001·0.0625 = 0.00031225;
        // m / 0.19 = 0.105263, √(v / 0.001999) = 0.395222; 0.9 − 0.1 · 0.266338
        assert_relative_eq!(parameters[0].value[0], 0.873_366, epsilon = 1e-5);
    }

    #[test]
    fn fifty_steps_follow_the_formulas() {
        for kind in [OptimiserKind::Adam, OptimiserKind::AdamW] {
            for decay in [0.0, 0.3] {
                let start = [0.8, -1.7, 0.0];
                let mut parameters = [parameter("w", ParameterKind::Weight, &start)];
                let mut optimiser = Optimiser::new(&config(kind, decay), &parameters);
                for t in 1..=50 {
                    let gradient = parameters[0].value.mapv(|p| gradient(t, p));
                    optimiser.step(&mut parameters, &[Some(&gradient)], |_| 0.02, 1.0);
                }
                for (&found, &start) in parameters[0].value.iter().zip(&start) {
                    let expected = reference(kind, decay, 0.02, start, 50);
                    assert_relative_eq!(found, expected, epsilon = 1e-12, max_relative = 1e-11);
                }
            }
        }
    }

    #[test]
    fn decay_without_gradient_moves_adam_by_the_rate_and_adamw_by_the_product() {
        for (kind, expected) in
            [(OptimiserKind::Adam, 4.0 - 0.1), (OptimiserKind::AdamW, 4.0 * (1.0 - 0.1 * 0.5))]
        {
            let mut parameters = [parameter("w", ParameterKind::Weight, &[4.0])];
            let mut optimiser = Optimiser::new(&config(kind, 0.5), &parameters);
            let zero = arr1(&[0.0]).into_dyn();
            optimiser.step(&mut parameters, &[Some(&zero)], |_| 0.1, 1.0);
            assert_relative_eq!(parameters[0].value[0], expected, epsilon = 1e-8);
        }
    }

    #[test]
    fn frozen_and_unreached_parameters_keep_their_bits() {
        let mut parameters = [
            parameter("frozen", ParameterKind::Weight, &[1.5]),
            parameter("unreached", ParameterKind::Norm, &[2.5]),
            parameter("moving", ParameterKind::Weight, &[3.5]),
        ];
        parameters[0].trainable = false;
        let before = parameters.clone();
        let mut adam = Optimiser::new(&config(OptimiserKind::AdamW, 0.1), &parameters);
        let one = arr1(&[1.0]).into_dyn();
        for _ in 0..3 {
            adam.step(&mut parameters, &[Some(&one), None, Some(&one)], |_| 0.1, 1.0);
        }
        assert_eq!(parameters[..2], before[..2]);
        assert_ne!(parameters[2], before[2]);
        assert!(adam.state().first[..2].iter().all(|m| m[0].to_bits() == 0));
    }

    #[test]
    fn rates_and_decays_go_by_kind_and_bounds_hold_after_the_step() {
        let mut parameters = ParameterKind::ALL.map(|kind| parameter(&kind.to_string(), kind, &[0.5]));
        parameters[1].bounds = Some((0.0, 24.0));
        parameters[1].clamp_stored = true;
        let mut adam = Optimiser::new(&TrainConfig::default(), &parameters);
        let ones = arr1(&[1.0]).into_dyn();
        let rate = |kind| if kind == ParameterKind::Delay { 0.9 } else { 0.01 * (1 + kind as usize) as f64 };
        adam.step(&mut parameters, &[Some(&ones); 5], rate, 1.0);
        let found: Vec<f64> = parameters.iter().map(|p| p.value[0]).collect();
        for (found, expected) in found.iter().zip([0.49, 0.0, 0.47, 0.46, 0.45]) {
            assert_relative_eq!(*found, expected, epsilon = 1e-7);
        }
    }

    #[test]
    fn clipping_scales_the_gradient_before_the_moments() {
        let run = |gradient: f64, scale: f64| {
            let mut parameters = [parameter("w", ParameterKind::Norm, &[1.0])];
            let mut adam = Optimiser::new(&TrainConfig::default(), &parameters);
            adam.step(&mut parameters, &[Some(&arr1(&[gradient]).into_dyn())], |_| 0.1, scale);
            adam.state().clone()
        };
        assert_eq!(run(8.0, 0.25), run(2.0, 1.0));
    }

    #[test]
    fn the_memory_order_of_a_gradient_does_not_matter() {
        let shape = (3, 4);
        let standard = Array2::from_shape_fn(shape, |(i, j)| i as f64 - 0.7 * j as f64);
        let mut other = Array2::zeros(shape.f());
        other.assign(&standard);
        let [a, b] = [standard, other].map(|gradient| {
            let mut parameters = [parameter("w", ParameterKind::Weight, &[])];
            parameters[0].value = Array2::zeros(shape).into_dyn();
            let mut adam = Optimiser::new(&TrainConfig::default(), &parameters);
            adam.step(&mut parameters, &[Some(&gradient.into_dyn())], |_| 0.1, 1.0);
            parameters
        });
        assert_eq!(a, b);
    }

    #[test]
    fn a_state_of_other_shapes_is_refused() {
        let mut adam =
            Optimiser::new(&TrainConfig::default(), &[parameter("w", ParameterKind::Weight, &[0.0; 3])]);
        let other =
            Optimiser::new(&TrainConfig::default(), &[parameter("w", ParameterKind::Weight, &[0.0; 2])]);
        let error = adam.restore(other.state().clone()).unwrap_err().to_string();
        assert!(error.contains("found shapes [[2]]; expected [[3]]"), "{error}");
    }

    /// A decay is driven over its upper bound and then called back, as the network does: with no gradient outside.
    #[test]
    fn a_stored_value_that_is_clamped_comes_back_and_one_that_is_not_stays_out() {
        let (low, high) = (0.96, 0.99);
        let driven = |clamp_stored: bool| {
            let mut parameters = [parameter("beta", ParameterKind::TimeConstant, &[0.975, 0.98])];
            (parameters[0].bounds, parameters[0].clamp_stored) = (Some((low, high)), clamp_stored);
            let mut adam = Optimiser::new(&TrainConfig::default(), &parameters);
            let mut used = Vec::new();
            for step in 0..400 {
                // Downhill is up, and later down.
                let sign = if step < 100 { -1.0 } else { 1.0 };
                let inside = |x: &f64| f64::from(u8::from((low..=high).contains(x)));
                let gradient = parameters[0].value.mapv(|x| sign * inside(&x));
                adam.step(&mut parameters, &[Some(&gradient)], |_| 0.01, 1.0);
                used.push(parameters[0].used().sum() / 2.0);
            }
            (used[99], used[399])
        };
        let (stuck, free) = (driven(false), driven(true));
        for (found, expected) in [(stuck.0, high), (stuck.1, high), (free.0, high), (free.1, low)] {
            assert!((found - expected).abs() < 1e-12, "stuck {stuck:?}, free {free:?}");
        }
    }
}
