//! `[synapse]`: delays, whether, where, how long and how interpolated.

use super::number;
use crate::NetworkError;
use colearn_synapses::{Delayed, Interpolation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
    /// Whether synapses have delays, and whether these are learned. Range: `none`, `fixed`, `learned`. Source: Deckers
    /// et al. 2024.
    pub delay: Delay,
    /// Largest delay D. Range: 1 to 1000. Unit: steps. Source: 24 as in Hammouamri et al. 2024.
    pub max_delay: usize,
    /// Delays start uniformly distributed over [0, this · D]. Range: 0 to 1. Unit: none. Source: Hammouamri et al. 2024.
    pub initial_range: f64,
    /// How a real delay is spread over whole lags in training. Range: `linear`, `triangle`, `gaussian`, `smoothed`,
    /// `whole`. Source: `triangle` and `gaussian` from Hammouamri et al. 2024.
    pub kernel: Interpolation,
    /// Whether the synapses from the last hidden layer to the readout have delays too. Range: `true`, `false`. Source:
    /// Deckers et al. 2024, by their count of parameters.
    pub readout_delay: bool,
    /// Layers whose synapses, those that lead to them, have no delays. Range: `hidden0`, `hidden1`, …, `readout`.
    /// Source: own choice.
    pub without_delay: BTreeSet<String>,
    /// Whether the spikes that reach their own layer, with `neuron.recurrent`, also do so after a delay each, and whether
    /// these delays are learned. With `kernel` they cannot be learned where it is `smoothed`, which looks ahead. Range:
    /// `none`, `fixed`, `learned`. Source: Queant et al. 2025.
    pub recurrent_delay: Delay,
    /// Largest recurrent delay, beyond the one step that recurrence takes. Range: 1 to 1000. Unit: steps. Source: own
    /// choice.
    pub recurrent_max_delay: usize,
}

impl Default for SynapseSection {
    fn default() -> Self {
        Self {
            delay: Delay::Learned,
            max_delay: 24,
            initial_range: 1.0,
            kernel: Interpolation::Linear,
            readout_delay: true,
            without_delay: BTreeSet::new(),
            recurrent_delay: Delay::None,
            recurrent_max_delay: 24,
        }
    }
}

impl SynapseSection {
    /// Checks every value for the layers of these names, the readout last.
    pub(super) fn validate(&self, layers: &[String]) -> Result<(), NetworkError> {
        let wrong = |key, found, expected| Err(NetworkError::Value { key, found, expected });
        if !(1..=1000).contains(&self.max_delay) {
            return wrong("synapse.max_delay", self.max_delay.to_string(), "1 to 1000 steps");
        }
        number("synapse.initial_range", self.initial_range, |x| (0.0..=1.0).contains(&x), "0 to 1")?;
        if let Some(unknown) = self.without_delay.iter().find(|name| !layers.contains(name)) {
            return Err(NetworkError::Layer { found: unknown.clone(), expected: layers.to_vec() });
        }
        if self.delay != Delay::None && !layers.iter().any(|name| self.has_delays(name)) {
            let names: Vec<&str> = self.without_delay.iter().map(String::as_str).collect();
            let expected = "a layer with delays, or synapse.delay = none";
            return wrong("synapse.without_delay", format!("[{}]", names.join(", ")), expected);
        }
        Ok(())
    }

    /// Checks the recurrent delays, for layers that are recurrent by `neuron.recurrent` or not.
    pub(super) fn validate_recurrent(&self, is_recurrent: bool) -> Result<(), NetworkError> {
        let wrong = |key, found, expected| Err(NetworkError::Value { key, found, expected });
        if !(1..=1000).contains(&self.recurrent_max_delay) {
            let found = self.recurrent_max_delay.to_string();
            return wrong("synapse.recurrent_max_delay", found, "1 to 1000 steps");
        }
        let found = format!("{:?}", self.recurrent_delay).to_lowercase();
        if self.recurrent_delay != Delay::None && !is_recurrent {
            let expected = "none, or a spiking model with neuron.recurrent = true";
            return wrong("synapse.recurrent_delay", found, expected);
        }
        if self.recurrent_delay == Delay::Learned && self.kernel == Interpolation::Smoothed {
            let expected =
                "none or fixed with synapse.kernel = smoothed: it looks ahead of what is recurrent";
            return wrong("synapse.recurrent_delay", found, expected);
        }
        Ok(())
    }

    /// What layers with delays train with, at this spread in steps.
    pub(crate) fn in_training<F>(&self, spread: F) -> Delayed<F> {
        self.form(self.delay, self.max_delay, spread)
    }

    /// What recurrent synapses with delays train with.
    pub(crate) fn recurrent_in_training<F>(&self, spread: F) -> Delayed<F> {
        self.form(self.recurrent_delay, self.recurrent_max_delay, spread)
    }

    fn form<F>(&self, delay: Delay, max_delay: usize, spread: F) -> Delayed<F> {
        // Fixed delays are whole: two taps would compute one of them for nothing.
        let interpolation = if delay == Delay::Fixed { Interpolation::Whole } else { self.kernel };
        Delayed { max_delay, interpolation, spread }
    }

    /// Whether the synapses that lead to the layer of this name have delays.
    pub(super) fn has_delays(&self, layer: &str) -> bool {
        self.delay != Delay::None
            && !self.without_delay.contains(layer)
            && (self.readout_delay || layer != "readout")
    }
}
