//! An experiment: everything that decides what a run computes.

use anyhow::{Context, Result, anyhow};
use colearn_data::DataConfig;
use colearn_network::NetworkConfig;
use colearn_network::config::{NetworkSection, NeuronSection, NormSection, ReadoutSection, SynapseSection};
use colearn_train::TrainConfig;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// The tables of an experiment file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Experiment {
    /// Sizes and dropout.
    pub network: NetworkSection,
    /// Hidden neurons.
    pub neuron: NeuronSection,
    /// Weights and delays.
    pub synapse: SynapseSection,
    /// Batch normalisation of every layer's current over steps and samples.
    pub norm: NormSection,
    /// How the readout's membranes over time become scores.
    pub readout: ReadoutSection,
    /// Training.
    pub train: TrainConfig,
    /// Which data, and how sound or spikes become what a network gets.
    pub data: DataConfig,
}

impl Experiment {
    /// The experiment in a text that [`Self::to_toml`] wrote.
    ///
    /// # Errors
    /// A key that is none, or a value that does not fit.
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| anyhow!("{}", error.message()))
    }

    /// All keys and values, for `config.toml` and for checkpoints.
    ///
    /// # Errors
    /// A number that TOML does not have.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).context("the experiment cannot be written as TOML")
    }

    pub(crate) fn to_table(&self) -> Result<Table> {
        Table::try_from(self).context("the experiment cannot be written as TOML")
    }

    pub(crate) fn from_table(table: Table) -> Result<Self> {
        Value::Table(table).try_into().map_err(|error: toml::de::Error| anyhow!("{}", error.message()))
    }

    /// The tables that describe the network.
    pub fn network(&self) -> NetworkConfig {
        NetworkConfig {
            network: self.network.clone(),
            neuron: self.neuron.clone(),
            synapse: self.synapse.clone(),
            norm: self.norm.clone(),
            readout: self.readout.clone(),
        }
    }

    /// Makes this an experiment of one of the named models.
    pub(crate) fn set_model(&mut self, name: &str) -> Result<()> {
        let mut network = self.network();
        network.set_model(name)?;
        NetworkConfig {
            network: self.network,
            neuron: self.neuron,
            synapse: self.synapse,
            norm: self.norm,
            readout: self.readout,
        } = network;
        Ok(())
    }
}
