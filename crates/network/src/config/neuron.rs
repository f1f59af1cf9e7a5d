//! `[neuron]`: what hidden layers are made of, and how their own parameters start, move and stay.

use crate::NetworkError;
use colearn_layers::{Activation, GatedModel, GatedUnit};
use colearn_neurons::{Firing, Neuron, NeuronConfig, NeuronModel, Surrogate};
use colearn_tape::simd::single;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

/// `[neuron]`: every hidden layer's neuron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NeuronSection {
    /// The equations. `rnn`, `ligru` and `gru` are without spikes: they have no parameters of their own, are recurrent
    /// by themselves, take no delays, and ignore surrogate, threshold and firing. Range: `lif`, `adlif`, `cadlif`,
    /// `se_adlif`, `alif`, `rnn`, `ligru`, `gru`. Source: `cadlif` from Deckers et al. 2024, the others in docs/equations.md.
    pub model: HiddenModel,
    /// The derivative used in place of the spike's: a name, or a table with its parameters like `{ fast_sigmoid = {
    /// slope = 10.0 } }`, which are above 0. Range: `boxcar`, `fast_sigmoid`, `arc_tangent`, `logistic`, `triangle`,
    /// `exponential`. Source: `boxcar` from Bittar & Garner 2022.
    #[serde(deserialize_with = "surrogate")]
    pub surrogate: Surrogate,
    /// Threshold θ of the membrane. Range: above 0. Unit: that of the membrane. Source: Bittar & Garner 2022.
    pub threshold: f64,
    /// Names of the neuron's parameters that stay as they start; the others are learned. Range: those that the model
    /// has, such as `alpha`, `beta`, `a` and `b` (docs/equations.md). Source: own choice.
    pub frozen: BTreeSet<String>,
    /// Parameters that have one value in all units and are not learned, by name; a and b at 0 leave a neuron without
    /// adaptation. Range: names as in `frozen`, each value within the parameter's bounds. Source: own choice.
    pub fixed: BTreeMap<String, f64>,
    /// Whether the neuron's parameters start spread over their bounds or all in the middle of them. Range: `uniform`,
    /// `middle`. Source: `uniform` from Bittar & Garner 2022.
    pub start: Start,
    /// What keeps time constants and adaptation, the readout's included, within their bounds: the value that is used is
    /// clamped, or the one that is stored. Range: `used`, `stored`. Source: `used` from Bittar & Garner 2022.
    pub clamp: Clamp,
    /// Whether spikes also reach the layer's own units one step later, through a learned matrix. Range: `true`, `false`.
    /// Source: Bittar & Garner 2022.
    pub recurrent: bool,
    /// Bounds in place of the model's own, by parameter name. Range: decays within [0, 1], others finite, low ≤ high.
    /// Source: the model's own from Deckers et al. 2024.
    pub bounds: BTreeMap<String, (f64, f64)>,
    /// Whether units spike, or the step is replaced by the surrogate's soft function, to check gradients. Range:
    /// `spike`, `soft`. Source: own choice.
    pub firing: Firing,
    /// φ of a layer without spikes in place of its usual one. Range: `tanh`, `relu`, `sigmoid`. Source: see
    /// docs/equations.md.
    pub activation: Option<Activation>,
}

impl Default for NeuronSection {
    fn default() -> Self {
        let NeuronConfig { model, surrogate, threshold, firing, bounds, .. } =
            NeuronConfig::new(NeuronModel::Cadlif);
        Self {
            model: model.into(),
            surrogate,
            threshold,
            frozen: BTreeSet::new(),
            fixed: BTreeMap::new(),
            start: Start::default(),
            clamp: Clamp::default(),
            recurrent: false,
            bounds,
            firing,
            activation: None,
        }
    }
}

/// How the parameters of a hidden layer's neurons start. Both draw the same random numbers, so that weights and delays
/// of one seed do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Uniformly distributed over their bounds: heterogeneous units.
    #[default]
    Uniform,
    /// In the middle of their bounds: units that are all alike.
    Middle,
}

/// What keeps time constants and adaptation strengths within their bounds. (Delays are always clamped as stored.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clamp {
    /// The value used is clamped, the stored one is not (Bittar & Garner 2022): once it is outside no gradient reaches
    /// it, and it stays on its bound unless momentum or decay bring it back.
    #[default]
    Used,
    /// The stored value is clamped after every step of the optimiser, so that a gradient can always take it back inside.
    Stored,
}

/// What hidden layers are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HiddenModel {
    /// Spiking neurons.
    Spiking(NeuronModel),
    /// Recurrent units without spikes, to compare with.
    Gated(GatedModel),
}

/// The names of hidden layers in configurations.
static NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| HiddenModel::all().map(HiddenModel::name).collect());

impl HiddenModel {
    /// The name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spiking(model) => model.name(),
            Self::Gated(model) => model.name(),
        }
    }

    /// Every model that hidden layers can be made of.
    pub fn all() -> impl Iterator<Item = Self> {
        let spiking = NeuronModel::ALL.iter().filter(|m| m.is_spiking()).map(|&m| Self::Spiking(m));
        spiking.chain(GatedModel::ALL.map(Self::Gated))
    }

    /// The model of this name, `None` if there is none that makes hidden layers.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|model| model.name() == name)
    }

    /// Whether the layer's outputs are spikes.
    #[must_use]
    pub fn is_spiking(self) -> bool {
        matches!(self, Self::Spiking(_))
    }

    /// Matrix columns of a unit: 1, and one more for every gate.
    pub(crate) fn columns(self) -> usize {
        match self {
            Self::Spiking(_) => 1,
            Self::Gated(model) => model.gates(),
        }
    }
}

impl From<NeuronModel> for HiddenModel {
    fn from(model: NeuronModel) -> Self {
        Self::Spiking(model)
    }
}

impl From<GatedModel> for HiddenModel {
    fn from(model: GatedModel) -> Self {
        Self::Gated(model)
    }
}

impl Serialize for HiddenModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for HiddenModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = HiddenModel;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "one of {}", NAMES.join(", "))
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<HiddenModel, E> {
                HiddenModel::named(name).ok_or_else(|| E::unknown_variant(name, &NAMES))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// A surrogate by its name alone, or with its parameters.
fn surrogate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Surrogate, D::Error> {
    struct NameOrTable;
    impl<'de> Visitor<'de> for NameOrTable {
        type Value = Surrogate;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(
                f,
                "one of {}, or a table like {{ boxcar = {{ half_width = 0.5 }} }}",
                Surrogate::NAMES.join(", ")
            )
        }

        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Surrogate, E> {
            Surrogate::named(name).ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Surrogate, A::Error> {
            Surrogate::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(NameOrTable)
}

/// The checked units of a layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Units {
    /// Neurons.
    Neurons(Neuron),
    /// Units without spikes.
    Gated(GatedUnit),
}

impl NeuronSection {
    /// Checks every value.
    pub(super) fn validate(&self) -> Result<Units, NetworkError> {
        match self.model {
            HiddenModel::Spiking(model) => self.neuron(model).map(Units::Neurons),
            HiddenModel::Gated(model) => self.gated(model).map(Units::Gated),
        }
    }

    fn neuron(&self, model: NeuronModel) -> Result<Neuron, NetworkError> {
        let wrong =
            |key, found: &str, expected| Err(NetworkError::Value { key, found: found.to_owned(), expected });
        if !model.is_spiking() {
            return wrong("neuron.model", model.name(), "a model of hidden layers");
        }
        if self.activation.is_some() {
            return wrong("neuron.activation", "set", "nothing with a spiking model");
        }
        self.check_names(
            "neuron.frozen",
            self.frozen.iter(),
            model.specs().iter().map(|s| s.name).collect(),
        )?;
        self.check_names("neuron.fixed", self.fixed.keys(), model.specs().iter().map(|s| s.name).collect())?;
        let Self { surrogate, threshold, ref bounds, firing, .. } = *self;
        let mut config = NeuronConfig { model, surrogate, threshold, firing, bounds: bounds.clone() };
        let neuron = config.validate()?;
        for (name, &value) in &self.fixed {
            let spec = neuron.specs().iter().find(|spec| spec.name == name).expect("checked above");
            let (low, high) = spec.bounds;
            if !(low <= value && value <= high) || single(value).is_none() {
                return Err(NetworkError::Fixed { name: name.clone(), found: value, low, high });
            }
            config.bounds.insert(name.clone(), (value, value));
        }
        Ok(config.validate()?)
    }

    fn gated(&self, model: GatedModel) -> Result<GatedUnit, NetworkError> {
        for (key, names) in [
            ("neuron.frozen", self.frozen.iter().collect::<Vec<_>>()),
            ("neuron.fixed", self.fixed.keys().collect()),
            ("neuron.bounds", self.bounds.keys().collect()),
        ] {
            self.check_names(key, names.into_iter(), Vec::new())?;
        }
        if self.recurrent {
            return Err(NetworkError::Value {
                key: "neuron.recurrent",
                found: "true".to_owned(),
                expected: "false: layers without spikes are recurrent by themselves",
            });
        }
        let activation = self.activation.unwrap_or(model.usual_activation());
        Ok(GatedUnit { model, activation })
    }

    /// Checks that every one of `names` is `known`.
    fn check_names<'a>(
        &self,
        key: &'static str,
        mut names: impl Iterator<Item = &'a String>,
        known: Vec<&'static str>,
    ) -> Result<(), NetworkError> {
        match names.find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(unknown) => {
                let (model, found) = (self.model.name(), unknown.clone());
                Err(NetworkError::Parameter { key, model, found, expected: known })
            }
        }
    }

    /// Whether training changes a parameter of the hidden neurons.
    pub(crate) fn learns(&self, name: &str) -> bool {
        !self.frozen.contains(name) && !self.fixed.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_model_and_the_documentation_of_the_key_lists_it() {
        let source = include_str!("neuron.rs");
        let end = source.find("pub model: HiddenModel").expect("the key is in this file");
        for &name in NAMES.iter() {
            assert_eq!(HiddenModel::named(name).map(HiddenModel::name), Some(name));
            assert!(
                source[..end].contains(&format!("`{name}`")),
                "{name} is not in the range of neuron.model"
            );
        }
        assert_eq!(HiddenModel::named("integrator"), None);
    }
}
