//! Adam and AdamW of [`colearn_optim`] over the table of named parameters: rates and decays go by kind, frozen parameters
//! stay, bounds hold after each step.
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
use colearn_optim::{Adam, AdamSettings, OptimiserState, OtherShapes, Pace, Target};
use colearn_tape::Real;
use ndarray::ArrayD;

use crate::config::{Decay, TrainConfig};
use crate::error::TrainError;

/// Adam or AdamW with its moving means, for the parameters of a network.
#[derive(Debug, Clone)]
pub struct Optimiser<F> {
    adam: Adam<F>,
    decay: Decay,
}

impl<F: Real> Optimiser<F> {
    /// An optimiser for `parameters`, all moving means zero.
    #[must_use]
    pub fn new(config: &TrainConfig, parameters: &[Parameter<F>]) -> Self {
        let TrainConfig { optimiser: kind, beta1, beta2, epsilon, decay, .. } = *config;
        let settings = AdamSettings { kind, beta1, beta2, epsilon };
        Self { adam: Adam::new(settings, parameters.iter().map(|p| p.value.shape())), decay }
    }

    /// The moving means, for a checkpoint.
    #[must_use]
    pub fn state(&self) -> &OptimiserState<F> {
        self.adam.state()
    }

    /// Goes on from `state`.
    ///
    /// # Errors
    /// [`TrainError::Mismatch`] when the state belongs to parameters of another number or shape.
    pub fn restore(&mut self, state: OptimiserState<F>) -> Result<(), TrainError> {
        self.adam.restore(state).map_err(|OtherShapes { moment, found, expected }| TrainError::Mismatch {
            what: format!("optimiser state, {moment} moment"),
            found: format!("shapes {found:?}"),
            expected: format!("{expected:?}"),
        })
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
        assert_eq!(self.state().first.len(), parameters.len(), "moving means against parameters");
        let decay = self.decay;
        let targets = parameters.iter_mut().zip(gradients).map(|(parameter, gradient)| {
            let gradient = gradient.filter(|_| parameter.trainable);
            if let Some(gradient) = gradient {
                assert_eq!(gradient.shape(), parameter.value.shape(), "gradient of {}", parameter.name);
            }
            Target {
                value: parameter.value.view_mut(),
                gradient: gradient.map(|gradient| gradient.view()),
                pace: pace(parameter.kind),
                decay: decay.of(parameter.kind),
            }
        });
        self.adam.step(targets, scale);
        for (parameter, gradient) in parameters.iter_mut().zip(gradients) {
            if parameter.trainable && gradient.is_some() {
                parameter.enforce_bounds();
            }
        }
    }
}

#[cfg(test)]
mod tests;
