//! A model with its options: what a configuration says, and what is left of it once it is checked.

use crate::models::NeuronModel;
use crate::parameters::{ParameterRole, ParameterSpec};
use crate::{Error, Surrogate};
use colearn_tape::Real;
use colearn_tape::simd::{single, within};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a neuron sends out when its membrane is at u.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Firing {
    /// The step H(u − θ), with the surrogate as its derivative.
    #[default]
    Spike,
    /// The surrogate's soft function of u − θ, whose derivative is exact: to check gradients.
    Soft,
}

/// A neuron as configurations describe it.
///
/// ```
/// use colearn_neurons::{NeuronConfig, NeuronModel};
///
/// let mut config = NeuronConfig::new(NeuronModel::Cadlif);
/// config.bounds.insert("alpha".into(), (0.5, 0.9));
/// let neuron = config.validate()?;
/// assert_eq!(neuron.specs()[0].bounds, (0.5, 0.9));
/// # Ok::<(), colearn_neurons::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeuronConfig {
    /// The equations.
    pub model: NeuronModel,
    /// The derivative used in place of the step's.
    #[serde(default)]
    pub surrogate: Surrogate,
    /// θ: the neuron fires where u > θ.
    #[serde(default = "one")]
    pub threshold: f64,
    /// Step or soft step.
    #[serde(default)]
    pub firing: Firing,
    /// Bounds in place of the model's own, by parameter name. They also become the range of starting values.
    #[serde(default)]
    pub bounds: BTreeMap<String, (f64, f64)>,
}

fn one() -> f64 {
    1.0
}

impl NeuronConfig {
    /// The model with θ = 1, the box-car surrogate and the model's own bounds.
    #[must_use]
    pub fn new(model: NeuronModel) -> Self {
        let (surrogate, firing) = (Surrogate::default(), Firing::default());
        Self { model, surrogate, threshold: 1.0, firing, bounds: BTreeMap::new() }
    }

    /// Checks every number.
    ///
    /// # Errors
    /// A threshold or surrogate that is not positive and finite, bounds of a parameter that the model does not have,
    /// or bounds that are no interval of finite numbers (within [0, 1] for time constants).
    pub fn validate(&self) -> Result<Neuron, Error> {
        if within(self.threshold, |x| x.is_finite() && x > 0.0).is_err() {
            return Err(Error::Threshold { found: self.threshold });
        }
        self.surrogate.validate()?;
        let (name, mut specs) = (self.model.name(), self.model.specs().to_vec());
        for (parameter, &(low, high)) in &self.bounds {
            let known: Vec<&'static str> = specs.iter().map(|s| s.name).collect();
            let Some(spec) = specs.iter_mut().find(|s| s.name == parameter) else {
                return Err(Error::UnknownParameter { model: name, found: parameter.clone(), known });
            };
            let (expected, holds) = match spec.role {
                ParameterRole::TimeConstant => {
                    ("0 ≤ low ≤ high ≤ 1", 0.0 <= low && low <= high && high <= 1.0)
                }
                ParameterRole::Adaptation => {
                    ("finite low ≤ high", low.is_finite() && high.is_finite() && low <= high)
                }
            };
            if !holds || single(low).is_none() || single(high).is_none() {
                return Err(Error::Bounds { model: name, name: spec.name, expected, low, high });
            }
            spec.bounds = (low, high);
            spec.initial = (low, high);
        }
        Ok(Neuron {
            model: self.model,
            surrogate: self.surrogate,
            threshold: self.threshold,
            firing: self.firing,
            specs,
        })
    }
}

/// A checked neuron: every number in it makes sense.
#[derive(Clone, Debug, PartialEq)]
pub struct Neuron {
    model: NeuronModel,
    surrogate: Surrogate,
    threshold: f64,
    firing: Firing,
    specs: Vec<ParameterSpec>,
}

impl Neuron {
    /// Whether outputs are spikes, zero or one: neither a membrane nor a soft step.
    #[must_use]
    pub fn sends_spikes(&self) -> bool {
        self.firing == Firing::Spike && self.model.is_spiking()
    }

    /// The model with θ = 1, the box-car surrogate and the model's own bounds.
    #[must_use]
    pub fn new(model: NeuronModel) -> Self {
        NeuronConfig::new(model).validate().expect("the defaults of every model are valid")
    }

    /// The equations.
    #[must_use]
    pub fn model(&self) -> NeuronModel {
        self.model
    }

    /// The derivative used in place of the step's.
    #[must_use]
    pub fn surrogate(&self) -> Surrogate {
        self.surrogate
    }

    /// θ.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Step or soft step.
    #[must_use]
    pub fn firing(&self) -> Firing {
        self.firing
    }

    /// The parameters with the bounds in force, in the order in which every function of this crate takes them.
    #[must_use]
    pub fn specs(&self) -> &[ParameterSpec] {
        &self.specs
    }

    /// The value of parameter `k` that is used where `stored` is stored.
    pub(crate) fn clamp<F: Real>(&self, k: usize, stored: F) -> F {
        let (low, high) = self.specs[k].bounds;
        let (low, high) = (F::of(low), F::of(high));
        // Comparisons rather than max and min: a NaN stays visible.
        if stored < low {
            low
        } else if stored > high {
            high
        } else {
            stored
        }
    }

    /// Whether a gradient flows to parameter `k` where `stored` is stored: inside and on the bounds.
    pub(crate) fn is_free<F: Real>(&self, k: usize, stored: F) -> bool {
        let (low, high) = self.specs[k].bounds;
        stored >= F::of(low) && stored <= F::of(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_numbers_are_named() {
        let refused = |change: &dyn Fn(&mut NeuronConfig)| {
            let mut config = NeuronConfig::new(NeuronModel::Cadlif);
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert!(refused(&|c| c.threshold = f64::NAN).contains("NaN"));
        assert_eq!(refused(&|c| c.threshold = 0.0), Error::Threshold { found: 0.0 }.to_string());
        assert!(refused(&|c| c.surrogate = Surrogate::Triangle { slope: -1.0 }).contains("-1"));
        let bounds = |name: &'static str, low, high| {
            refused(&|c| {
                c.bounds.insert(name.into(), (low, high));
            })
        };
        assert!(bounds("gamma", 0.0, 1.0).contains("alpha"));
        assert!(bounds("alpha", 0.9, 1.1).contains("1.1"));
        assert!(bounds("a", 1.0, 0.0).contains("[1, 0]"));
        assert!(bounds("b", 0.0, f64::INFINITY).contains("inf"));
        assert!(bounds("b", 1e-50, 1.0).contains("[1e-50 (0 in f32), 1]"));
        assert!(refused(&|c| c.threshold = 1e39).ends_with("found 1e39 (inf in f32)"));
        let steep = Surrogate::ArcTangent { slope: 1e-50 };
        assert!(refused(&|c| c.surrogate = steep).ends_with("found 1e-50 (0 in f32)"));
    }

    #[test]
    fn a_neuron_is_what_its_configuration_says() {
        let mut config = NeuronConfig::new(NeuronModel::Lif);
        config.threshold = 0.75;
        config.surrogate = Surrogate::ArcTangent { slope: 3.0 };
        config.bounds.insert("alpha".into(), (0.25, 0.5));
        let neuron = config.validate().expect("all numbers are in range");
        assert_eq!((neuron.model(), neuron.surrogate()), (NeuronModel::Lif, config.surrogate));
        assert_eq!((neuron.threshold(), neuron.specs()[0].bounds), (0.75, (0.25, 0.5)));
    }
}
