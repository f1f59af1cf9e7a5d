//! The checked form of a network's description.

use super::neuron::Units;
use super::{Delay, NetworkConfig};
use colearn_neurons::Neuron;

/// A checked network description: everything needed to build it.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidNetwork {
    pub(crate) config: NetworkConfig,
    pub(crate) inputs: usize,
    pub(crate) classes: usize,
    /// What hidden layers are made of.
    pub(crate) units: Units,
    pub(crate) readout: Neuron,
}

impl ValidNetwork {
    /// The description.
    #[must_use]
    pub fn config(&self) -> &NetworkConfig {
        &self.config
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

    /// `hidden0`, `hidden1`, …, `readout`.
    #[must_use]
    pub fn layer_name(&self, layer: usize) -> String {
        self.config.layer_name(layer)
    }

    /// Whether matrix `layer` (the last is the readout's) has delays.
    #[must_use]
    pub fn has_delays(&self, layer: usize) -> bool {
        self.config.synapse.has_delays(&self.layer_name(layer))
    }

    /// Whether hidden layers send out spikes.
    #[must_use]
    pub fn is_spiking(&self) -> bool {
        self.config.neuron.model.is_spiking()
    }

    /// Columns of the matrices of a layer: its units, times candidate and gates where it has those.
    pub(crate) fn columns(&self, layer: usize) -> usize {
        let (_, units) = self.layers()[layer];
        let is_readout = layer == self.config.network.hidden.len();
        if is_readout { units } else { units * self.config.neuron.model.columns() }
    }

    /// Whether a layer has recurrent weights.
    pub(crate) fn is_recurrent(&self, layer: usize) -> bool {
        let is_readout = layer == self.config.network.hidden.len();
        !is_readout && (self.config.neuron.recurrent || !self.is_spiking())
    }

    /// Whether the recurrent synapses of a layer (the last is the readout) have delays.
    #[must_use]
    pub fn has_recurrent_delays(&self, layer: usize) -> bool {
        self.is_recurrent(layer) && self.config.synapse.recurrent_delay != Delay::None
    }
}
