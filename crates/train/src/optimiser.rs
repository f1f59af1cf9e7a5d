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

/// How far a step goes for one kind of parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Learning rate η.
    pub rate: f64,
    /// Decay b₁ of the mean gradient in this step; `None`: as configured. It is that of the correction 1 − b₁ᵗ too, as in
    /// PyTorch.
    pub beta1: Option<f64>,
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
        self.step_at(parameters, gradients, |kind| Pace { rate: rate(kind), beta1: None }, scale);
    }

    /// As [`Self::step`], with a decay of the mean gradient that may differ from step to step.
    ///
    /// # Panics
    /// As [`Self::step`].
    #[track_caller]
    pub fn step_at(
        &mut self,
        parameters: &mut [Parameter<F>],
        gradients: &[Option<&ArrayD<F>>],
        pace: impl Fn(ParameterKind) -> Pace,
        scale: f64,
    ) {
        assert_eq!(gradients.len(), parameters.len(), "gradients against parameters");
        assert_eq!(self.state.first.len(), parameters.len(), "moving means against parameters");
        self.state.steps += 1;
        let steps = ParameterKind::ALL.map(|kind| self.numbers(kind, pace(kind), scale));
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

    fn numbers(&self, kind: ParameterKind, Pace { rate, beta1 }: Pace, scale: f64) -> Step<F> {
        let beta1 = beta1.unwrap_or(self.beta1);
        let steps = i32::try_from(self.state.steps).unwrap_or(i32::MAX);
        let decay = self.decay.of(kind);
        let (coupled, keep) = match self.kind {
            OptimiserKind::Adam => (decay, 1.0),
            OptimiserKind::AdamW => (0.0, 1.0 - rate * decay),
        };
        Step {
            beta1: F::of(beta1),
            beta2: F::of(self.beta2),
            epsilon: F::of(self.epsilon),
            scale: F::of(scale),
            coupled: F::of(coupled),
            keep: F::of(keep),
            size: F::of(rate / (1.0 - beta1.powi(steps))),
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
mod tests;
