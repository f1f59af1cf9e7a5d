//! What a network is made of, as experiment files say it, and the checked form.
//!
//! | table | holds |
//! | --- | --- |
//! | `[network]` | sizes and dropout |
//! | `[neuron]` | model, surrogate, threshold, bounds |
//! | `[synapse]` | delays: whether, how long, how interpolated |
//! | `[norm]` | batch normalisation and the initial activity |
//! | `[readout]` | how membranes over time become scores |

use crate::NetworkError;
use colearn_neurons::{Firing, Neuron, NeuronConfig, NeuronModel, Surrogate};
use colearn_synapses::Interpolation;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// `[network]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSection {
    /// Units of each hidden layer. Default 128, 128 (the paper's size for SHD).
    pub hidden: Vec<usize>,
    /// Share of hidden outputs set to zero in training, in [0, 1).
    pub dropout: f64,
    /// Whether a dropped unit is silent for the whole sequence of a sample, or each step is drawn anew.
    pub dropout_mask: DropoutMask,
}

/// What one draw of dropout covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropoutMask {
    /// One unit of one sample over all steps.
    #[default]
    Sequence,
    /// One unit of one sample at one step.
    Step,
}

impl Default for NetworkSection {
    fn default() -> Self {
        Self { hidden: vec![128, 128], dropout: 0.25, dropout_mask: DropoutMask::Sequence }
    }
}

/// `[neuron]`: every hidden layer's neuron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NeuronSection {
    /// The equations: `lif`, `adlif`, `cadlif`, `se_adlif`.
    pub model: NeuronModel,
    /// The derivative used in place of the spike's: a name (`boxcar`, `fast_sigmoid`, `arc_tangent`, `logistic`,
    /// `triangle`, `exponential`), or a table with its parameters like `{ fast_sigmoid = { slope = 10.0 } }`.
    #[serde(deserialize_with = "surrogate")]
    pub surrogate: Surrogate,
    /// Threshold θ.
    pub threshold: f64,
    /// Names of the neuron's parameters that stay as they start (`alpha`, `beta`, `a`, `b`); the others are learned.
    pub frozen: BTreeSet<String>,
    /// Whether spikes also reach the layer's own units one step later, through a learned matrix.
    pub recurrent: bool,
    /// Bounds in place of the model's own, by parameter name.
    pub bounds: BTreeMap<String, (f64, f64)>,
    /// `spike`; `soft` replaces the step by the surrogate's soft function, to check gradients.
    pub firing: Firing,
}

impl Default for NeuronSection {
    fn default() -> Self {
        let NeuronConfig { model, surrogate, threshold, firing, bounds, .. } =
            NeuronConfig::new(NeuronModel::Cadlif);
        Self { model, surrogate, threshold, frozen: BTreeSet::new(), recurrent: false, bounds, firing }
    }
}

/// A surrogate by its name alone, or with its parameters.
fn surrogate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Surrogate, D::Error> {
    struct NameOrTable;
    impl<'de> Visitor<'de> for NameOrTable {
        type Value = Surrogate;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

/// Whether synapses have delays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delay {
    /// No delays.
    None,
    /// Random whole delays that stay as they are.
    Fixed,
    /// Random delays, learned.
    #[default]
    Learned,
}

/// `[synapse]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SynapseSection {
    /// `none`, `fixed` or `learned`.
    pub delay: Delay,
    /// Largest delay D in steps, 1 to 1000. Delays start uniformly distributed over [0, D].
    pub max_delay: usize,
    /// How a real delay is spread over whole lags in training: `linear`, `triangle`, `gaussian`, `smoothed`, `whole`.
    pub kernel: Interpolation,
    /// Whether the synapses from the last hidden layer to the readout have delays too (the paper's count says so).
    pub readout_delay: bool,
}

impl Default for SynapseSection {
    fn default() -> Self {
        Self { delay: Delay::Learned, max_delay: 24, kernel: Interpolation::Linear, readout_delay: true }
    }
}

/// `[norm]`: batch normalisation of every layer's current over steps and samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NormSection {
    /// Gain γ that hidden layers start with, > 0. A constrained adaptive layer with unit-variance current hardly fires
    /// (below 1 %), so its gain is raised by [`NormSection::initial_rate`] before training.
    pub gain: f64,
    /// If above zero, one pass over the first batch sets the hidden layers' gains, first layer first, so that each
    /// fires at this mean rate (spikes per unit and step). 0 keeps `gain`.
    pub initial_rate: f64,
    /// Weight of a new batch in the running statistics, in (0, 1].
    pub momentum: f64,
    /// Added to the variance, > 0.
    pub epsilon: f64,
}

impl Default for NormSection {
    fn default() -> Self {
        Self { gain: 1.0, initial_rate: 0.05, momentum: 0.05, epsilon: 1e-5 }
    }
}

/// How the readout membranes u (T, B, C) become scores (B, C).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Σ over t of softmax(u at t) (Bittar & Garner 2022; cross-entropy applies a second softmax).
    #[default]
    SumOfSoftmaxes,
    /// Mean over time.
    Mean,
    /// The last step.
    Last,
    /// Maximum over time.
    Maximum,
}

/// `[readout]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadoutSection {
    /// `sum_of_softmaxes`, `mean`, `last` or `maximum`.
    pub pooling: Pooling,
}

/// A whole network as configurations describe it. The default is d-cAdLIF with two hidden layers of 128.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// Sizes and dropout.
    pub network: NetworkSection,
    /// Hidden neurons.
    pub neuron: NeuronSection,
    /// Synapses.
    pub synapse: SynapseSection,
    /// Normalisation.
    pub norm: NormSection,
    /// Readout.
    pub readout: ReadoutSection,
}

/// The six models of the paper by name.
pub const MODEL_NAMES: [&str; 6] = ["lif", "adlif", "cadlif", "d-lif", "d-adlif", "d-cadlif"];

/// Most units of a layer, inputs or classes: far above any use, low enough that sizes cannot overflow.
const MOST_UNITS: usize = 65_536;

/// Most numbers in weights, delays and dense kernels: 1 GiB of `f32`.
const MOST_NUMBERS: usize = 1 << 28;

impl NetworkConfig {
    /// Numbers in all matrices, delays and dense kernels; `None` if they overflow.
    fn numbers(&self, inputs: usize, classes: usize) -> Option<usize> {
        let wide = matches!(self.synapse.kernel, Interpolation::Triangle | Interpolation::Gaussian);
        let each = match (self.synapse.delay, wide) {
            (Delay::None, _) => 1,
            (_, false) => 2,
            (_, true) => self.synapse.max_delay + 3,
        };
        let hidden = &self.network.hidden;
        let to = hidden.iter().chain(std::iter::once(&classes));
        let matrices = std::iter::once(&inputs)
            .chain(hidden)
            .zip(to)
            .try_fold(0usize, |sum, (from, to)| sum.checked_add(from.checked_mul(*to)?.checked_mul(each)?))?;
        let recurrent = usize::from(self.neuron.recurrent);
        hidden.iter().try_fold(matrices, |sum, n| sum.checked_add(n.checked_mul(*n)?.checked_mul(recurrent)?))
    }

    /// Sets neuron model and delays by the paper's name: `lif` … `d-cadlif`. With the prefix `d-` delays are learned.
    ///
    /// # Errors
    /// An unknown name.
    pub fn set_model(&mut self, name: &str) -> Result<(), NetworkError> {
        let (delay, model) = match name.strip_prefix("d-") {
            Some(model) => (Delay::Learned, model),
            None => (Delay::None, name),
        };
        let known = NeuronModel::ALL.iter().find(|m| m.is_spiking() && m.name() == model);
        self.neuron.model = *known
            .ok_or_else(|| NetworkError::Model { found: name.to_owned(), expected: MODEL_NAMES.to_vec() })?;
        self.synapse.delay = delay;
        Ok(())
    }

    /// The paper's name of this model: the neuron's name, with `d-` if there are delays.
    #[must_use]
    pub fn model_name(&self) -> String {
        let prefix = if self.synapse.delay == Delay::None { "" } else { "d-" };
        format!("{prefix}{}", self.neuron.model.name())
    }

    /// Checks every value for a data set with `inputs` channels and `classes` classes.
    ///
    /// # Errors
    /// The first value outside its range, by key.
    pub fn validate(&self, inputs: usize, classes: usize) -> Result<ValidNetwork, NetworkError> {
        let check = |holds: bool, key, found: String, expected| {
            if holds { Ok(()) } else { Err(NetworkError::Value { key, found, expected }) }
        };
        let size = |n: usize| (1..=MOST_UNITS).contains(&n);
        check(size(inputs), "inputs of the network", inputs.to_string(), "1 to 65536")?;
        check(size(classes), "classes of the network", classes.to_string(), "1 to 65536")?;
        let NetworkSection { hidden, dropout, .. } = &self.network;
        let fits = !hidden.is_empty() && hidden.len() <= 16 && hidden.iter().all(|n| size(*n));
        check(fits, "network.hidden", format!("{hidden:?}"), "1 to 16 layers of 1 to 65536 units")?;
        check((0.0..1.0).contains(dropout), "network.dropout", dropout.to_string(), "0 ≤ dropout < 1")?;
        let max_delay = self.synapse.max_delay;
        check(
            (1..=1000).contains(&max_delay),
            "synapse.max_delay",
            max_delay.to_string(),
            "1 to 1000 steps",
        )?;
        let numbers = self.numbers(inputs, classes);
        let few = numbers.is_some_and(|n| n <= MOST_NUMBERS);
        let found = numbers.map_or_else(|| "more than can be counted".to_owned(), |n| n.to_string());
        check(
            few,
            "weights, delays and kernel taps of network.hidden",
            found,
            "at most 268435456 (2^28) numbers",
        )?;
        let NormSection { gain, initial_rate, momentum, epsilon } = self.norm;
        let positive = |x: f64| x > 0.0 && x.is_finite();
        check(positive(gain), "norm.gain", gain.to_string(), "a finite number above 0")?;
        let rate = (0.0..=0.5).contains(&initial_rate);
        check(rate, "norm.initial_rate", initial_rate.to_string(), "0 (off) to 0.5 spikes per step")?;
        check(momentum > 0.0 && momentum <= 1.0, "norm.momentum", momentum.to_string(), "0 < momentum ≤ 1")?;
        check(positive(epsilon), "norm.epsilon", epsilon.to_string(), "a finite number above 0")?;
        let spiking = self.neuron.model.is_spiking();
        check(spiking, "neuron.model", self.neuron.model.name().to_owned(), "a spiking model")?;
        let known = |name: &String| self.neuron.model.specs().iter().any(|spec| spec.name == name);
        if let Some(unknown) = self.neuron.frozen.iter().find(|name| !known(name)) {
            let names = self.neuron.model.specs().iter().map(|spec| spec.name).collect();
            return Err(NetworkError::Frozen { found: unknown.clone(), expected: names });
        }
        let NeuronSection { model, surrogate, threshold, ref bounds, firing, .. } = self.neuron;
        let neuron =
            NeuronConfig { model, surrogate, threshold, firing, bounds: bounds.clone() }.validate()?;
        let readout = Neuron::new(NeuronModel::Integrator);
        Ok(ValidNetwork { config: self.clone(), inputs, classes, neuron, readout })
    }
}

/// A checked network description: everything needed to build it.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidNetwork {
    pub(crate) config: NetworkConfig,
    pub(crate) inputs: usize,
    pub(crate) classes: usize,
    pub(crate) neuron: Neuron,
    pub(crate) readout: Neuron,
}

impl ValidNetwork {
    /// The description.
    #[must_use]
    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Whether the hidden layers spike.
    #[must_use]
    pub fn is_spiking(&self) -> bool {
        self.config.neuron.model.is_spiking()
    }

    /// Input channels C.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Units on both sides of every matrix: (inputs, hidden 0), …, (last hidden, classes).
    #[must_use]
    pub fn layers(&self) -> Vec<(usize, usize)> {
        let hidden = &self.config.network.hidden;
        let from = std::iter::once(self.inputs).chain(hidden.iter().copied());
        let to = hidden.iter().copied().chain(std::iter::once(self.classes));
        from.zip(to).collect()
    }

    /// Whether matrix `layer` (the last is the readout's) has delays.
    #[must_use]
    pub fn has_delays(&self, layer: usize) -> bool {
        let is_readout = layer == self.config.network.hidden.len();
        self.config.synapse.delay != Delay::None && (!is_readout || self.config.synapse.readout_delay)
    }
}
