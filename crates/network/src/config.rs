//! What a network is made of, as experiment files say it, and the checked form.
//!
//! | table | holds |
//! | --- | --- |
//! | `[network]` | sizes and dropout |
//! | `[neuron]` | model, surrogate, threshold, bounds, start |
//! | `[synapse]` | delays: whether, where, how long, how interpolated |
//! | `[norm]` | batch normalisation and the initial activity |
//! | `[readout]` | how membranes over time become scores |

mod neuron;
mod synapse;
mod valid;

use crate::NetworkError;
use colearn_neurons::{Neuron, NeuronModel};
use colearn_synapses::Interpolation;
use colearn_tape::simd::within;
pub(crate) use neuron::Units;
pub use neuron::{Clamp, HiddenModel, NeuronSection, Start};
use serde::{Deserialize, Serialize};
pub use synapse::{Delay, SynapseSection};
pub use valid::ValidNetwork;

/// `[network]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSection {
    /// Units of each hidden layer. Range: 1 to 16 layers of 1 to 65536. Unit: units. Source: 128, 128 is the size that
    /// Deckers et al. 2024 use for SHD.
    pub hidden: Vec<usize>,
    /// Share of hidden outputs set to zero in training. Range: 0 to below 1. Unit: none. Source: Srivastava et al. 2014,
    /// the value is an own choice.
    pub dropout: f64,
    /// What a draw of dropout covers: a unit for the whole sequence of a sample, or one step of it. Range: `sequence`,
    /// `step`. Source: `sequence` as in Hammouamri et al. 2024.
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

/// `[norm]`: batch normalisation of every layer's current over steps and samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NormSection {
    /// Gain γ that hidden layers start with. A constrained adaptive layer with unit-variance current hardly fires (below
    /// 1 %), so its gain is raised by [`NormSection::initial_rate`] before training. Range: above 0. Unit: none. Source:
    /// Ioffe & Szegedy 2015.
    pub gain: f64,
    /// If above zero, one pass over the first batch sets the hidden layers' gains, first layer first, so that each fires
    /// at this mean rate. 0 keeps `gain`, which unconstrained AdLIF may need: its unstable units fire without end, and in a
    /// layer that reaches the mean with them alone the others are silent. Range: 0 to 0.5. Unit: spikes per unit and
    /// step. Source: own choice.
    pub initial_rate: f64,
    /// Weight of a new batch in the running statistics. Range: above 0 to 1. Unit: none. Source: Bittar & Garner 2022.
    pub momentum: f64,
    /// Where the statistics of inference come from: `moving` with `momentum` from batch to batch, or `recomputed` over the
    /// whole training split before each validation. `auto` recomputes where an epoch has so few batches that moving ones
    /// lag more than two epochs behind the weights: fewer than 1 / (2 momentum), which is 10. Range: `auto`, `moving`,
    /// `recomputed`. Source: `recomputed` from Wu & Johnson 2021, the limit is an own choice.
    pub statistics: RunningStatistics,
    /// Added to the variance. Range: above 0. Unit: squared threshold. Source: Ioffe & Szegedy 2015.
    pub epsilon: f64,
}

impl Default for NormSection {
    fn default() -> Self {
        Self {
            gain: 1.0,
            initial_rate: 0.05,
            momentum: 0.05,
            statistics: RunningStatistics::Auto,
            epsilon: 1e-5,
        }
    }
}

impl NormSection {
    /// Whether statistics are recomputed before each validation of a training of `batches` batches an epoch.
    #[must_use]
    pub fn recomputes(&self, batches: usize) -> bool {
        match self.statistics {
            RunningStatistics::Auto => batches as f64 * self.momentum < 0.5,
            RunningStatistics::Moving => false,
            RunningStatistics::Recomputed => true,
        }
    }
}

/// Where the statistics of inference come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunningStatistics {
    /// Recomputed where moving ones would lag behind.
    #[default]
    Auto,
    /// Moving from batch to batch.
    Moving,
    /// Recomputed over the training split before each validation.
    Recomputed,
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
    /// How the readout's membranes over time become one score a class. Range: `sum_of_softmaxes`, `mean`, `last`,
    /// `maximum`. Source: `sum_of_softmaxes` from Bittar & Garner 2022.
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

/// The networks without spikes and delays that the paper's are compared with, by name.
pub const BASELINE_NAMES: [&str; 3] = ["rnn", "ligru", "gru"];

/// Every model that [`NetworkConfig::set_model`] knows by name: the paper's, those of the other spiking neurons with and
/// without learned delays, and those without spikes.
#[must_use]
pub fn model_names() -> Vec<String> {
    let paper = MODEL_NAMES.map(str::to_owned);
    let spiking = NeuronModel::ALL.iter().filter(|model| model.is_spiking()).map(|model| model.name());
    let others = spiking.filter(|name| !MODEL_NAMES.contains(name));
    let others = others.flat_map(|name| [name.to_owned(), format!("d-{name}")]);
    paper.into_iter().chain(others).chain(BASELINE_NAMES.map(str::to_owned)).collect()
}

/// Most units of a layer, inputs or classes: far above any use, low enough that sizes cannot overflow.
pub(crate) const MOST_UNITS: usize = 65_536;

/// Most numbers in weights, delays and dense kernels: 1 GiB of `f32`.
const MOST_NUMBERS: usize = 1 << 28;

impl NetworkConfig {
    /// Numbers in all matrices, delays and dense kernels; `None` if they overflow.
    fn numbers(&self, inputs: usize, classes: usize) -> Option<usize> {
        let wide = matches!(self.synapse.kernel, Interpolation::Triangle | Interpolation::Gaussian);
        let each = |delay, max_delay: usize| match (delay, wide) {
            (Delay::None, _) => 1,
            (_, false) => 2,
            (_, true) => max_delay + 3,
        };
        let (own, each) = (
            each(self.synapse.recurrent_delay, self.synapse.recurrent_max_delay),
            each(self.synapse.delay, self.synapse.max_delay),
        );
        let (hidden, columns) = (&self.network.hidden, self.neuron.model.columns());
        let of_hidden = hidden.iter().map(|n| n.checked_mul(columns));
        let to = of_hidden.chain(std::iter::once(Some(classes)));
        let matrices = std::iter::once(&inputs)
            .chain(hidden)
            .zip(to)
            .try_fold(0usize, |sum, (from, to)| sum.checked_add(from.checked_mul(to?)?.checked_mul(each)?))?;
        let recurrent =
            if self.neuron.recurrent || !self.neuron.model.is_spiking() { columns * own } else { 0 };
        hidden.iter().try_fold(matrices, |sum, n| sum.checked_add(n.checked_mul(*n)?.checked_mul(recurrent)?))
    }

    /// `hidden0`, `hidden1`, …, `readout`.
    fn layer_name(&self, layer: usize) -> String {
        if layer == self.network.hidden.len() { "readout".to_owned() } else { format!("hidden{layer}") }
    }

    /// Sets hidden layers and delays by name: one of [`model_names()`]. With the prefix `d-` delays
    /// are learned.
    ///
    /// # Errors
    /// An unknown name.
    pub fn set_model(&mut self, name: &str) -> Result<(), NetworkError> {
        let (delay, model) = match name.strip_prefix("d-") {
            Some(model) => (Delay::Learned, model),
            None => (Delay::None, name),
        };
        let known = HiddenModel::named(model).filter(|m| m.is_spiking() || delay == Delay::None);
        self.neuron.model =
            known.ok_or_else(|| NetworkError::Model { found: name.to_owned(), expected: model_names() })?;
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
        number("network.dropout", *dropout, |x| (0.0..1.0).contains(&x), "0 ≤ dropout < 1")?;
        let layers: Vec<String> = (0..=hidden.len()).map(|layer| self.layer_name(layer)).collect();
        self.synapse.validate(&layers)?;
        let possible = self.synapse.delay == Delay::None || self.neuron.model.is_spiking();
        let found = format!("{:?}", self.synapse.delay).to_lowercase();
        check(possible, "synapse.delay", found, "none: layers without spikes have no delays")?;
        self.synapse.validate_recurrent(self.neuron.recurrent && self.neuron.model.is_spiking())?;
        let numbers = self.numbers(inputs, classes);
        let few = numbers.is_some_and(|n| n <= MOST_NUMBERS);
        let found = numbers.map_or_else(|| "more than can be counted".to_owned(), |n| n.to_string());
        check(
            few,
            "weights, delays and kernel taps of network.hidden",
            found,
            "at most 268435456 (2^28) numbers",
        )?;
        let NormSection { gain, initial_rate, momentum, epsilon, .. } = self.norm;
        let positive = |x: f64| x > 0.0 && x.is_finite();
        number("norm.gain", gain, positive, "a finite number above 0")?;
        let rate = |x| (0.0..=0.5).contains(&x);
        number("norm.initial_rate", initial_rate, rate, "0 (off) to 0.5 spikes per step")?;
        number("norm.momentum", momentum, |x| x > 0.0 && x <= 1.0, "0 < momentum ≤ 1")?;
        number("norm.epsilon", epsilon, positive, "a finite number above 0")?;
        let units = self.neuron.validate()?;
        let readout = Neuron::new(NeuronModel::Integrator);
        Ok(ValidNetwork { config: self.clone(), inputs, classes, units, readout })
    }
}

/// Checks a number that is rounded to `f32` before it is used.
fn number(
    key: &'static str,
    value: f64,
    holds: impl Fn(f64) -> bool,
    expected: &'static str,
) -> Result<(), NetworkError> {
    within(value, holds).map_err(|found| NetworkError::Value { key, found, expected })
}
