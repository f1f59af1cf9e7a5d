//! The workloads: networks and batches of the sizes that published comparisons use.

use anyhow::{Context, Result};
use colearn_network::config::Delay;
use colearn_network::{NetworkConfig, ValidNetwork};
use colearn_synapses::Interpolation;

/// One workload: a network, a batch, and how often its hidden units fire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) inputs: usize,
    /// Units of each of the two hidden layers.
    pub(crate) hidden: usize,
    pub(crate) classes: usize,
    pub(crate) batch: usize,
    pub(crate) steps: usize,
    /// Largest delay in steps; 0 without delays.
    pub(crate) max_delay: usize,
    pub(crate) adaptive: bool,
    pub(crate) recurrent: bool,
    /// Spikes per hidden unit and step of the networks compared with.
    pub(crate) rate: f64,
}

const SHD: Workload = Workload {
    name: "W1",
    text: "140-128-128-20, adaptive, no delays",
    inputs: 140,
    hidden: 128,
    classes: 20,
    batch: 128,
    steps: 100,
    max_delay: 0,
    adaptive: true,
    recurrent: false,
    rate: 0.12,
};

/// Every workload. A delay of 24 steps is a kernel of 25 taps where delays are dense convolutions.
pub(crate) const WORKLOADS: [Workload; 7] = [
    SHD,
    Workload { name: "W1L", text: "140-128-128-20, plain LIF, no delays", adaptive: false, ..SHD },
    Workload { name: "W2", text: "140-128-128-20, adaptive, 25 taps", max_delay: 24, rate: 0.075, ..SHD },
    Workload {
        name: "W2S",
        text: "140-256-256-20, plain LIF, 25 taps, batch 256",
        hidden: 256,
        batch: 256,
        max_delay: 24,
        adaptive: false,
        rate: 0.075,
        ..SHD
    },
    Workload {
        name: "W3",
        text: "140-512-512-35, adaptive, 25 taps",
        hidden: 512,
        classes: 35,
        max_delay: 24,
        rate: 0.075,
        ..SHD
    },
    Workload { name: "W4", text: "700-128-128-20, adaptive, no delays", inputs: 700, ..SHD },
    Workload { name: "W5", text: "140-128-128-20, adaptive, recurrent", recurrent: true, ..SHD },
];

impl Workload {
    /// The workload of that name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let known = || WORKLOADS.map(|workload| workload.name).join(", ");
        WORKLOADS
            .into_iter()
            .find(|workload| workload.name.eq_ignore_ascii_case(name))
            .with_context(|| format!("workload {name}: expected one of {}", known()))
    }

    /// The network: constrained adaptive neurons with the time constants of Bittar & Garner 2022, batch normalisation
    /// everywhere, a leaky readout with the sum of softmaxes, no dropout.
    pub(crate) fn network(&self, kernel: Interpolation) -> Result<ValidNetwork> {
        let mut config = NetworkConfig::default();
        config.set_model(if self.adaptive { "cadlif" } else { "lif" })?;
        config.network.hidden = vec![self.hidden; 2];
        config.network.dropout = 0.0;
        config.neuron.recurrent = self.recurrent;
        config.neuron.bounds.insert("alpha".to_owned(), ((-1.0_f64 / 5.0).exp(), (-1.0_f64 / 25.0).exp()));
        if self.adaptive {
            let beta = ((-1.0_f64 / 30.0).exp(), (-1.0_f64 / 120.0).exp());
            config.neuron.bounds.insert("beta".to_owned(), beta);
        }
        if self.max_delay > 0 {
            config.synapse.delay = Delay::Learned;
            config.synapse.max_delay = self.max_delay;
            config.synapse.kernel = kernel;
        }
        config.norm.initial_rate = self.rate;
        Ok(config.validate(self.inputs, self.classes)?)
    }

    /// Multiply-adds of the synapses of one sample at two taps a synapse (one without delays), every one counted
    /// whether a spike is there or not: (forward, backward).
    pub(crate) fn multiply_adds(&self) -> (f64, f64) {
        let first = self.inputs * self.hidden;
        let others = self.hidden * self.hidden + self.hidden * self.classes;
        let recurrent = if self.recurrent { 2 * self.hidden * self.hidden } else { 0 };
        let steps = self.steps as f64;
        let taps = if self.max_delay > 0 { 2.0 } else { 1.0 };
        let forward = taps * (first + others) as f64 + recurrent as f64;
        let backward = taps * (first + 2 * others) as f64 + 2.0 * recurrent as f64;
        (steps * forward, steps * backward)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_is_a_valid_network_of_its_size() {
        for workload in WORKLOADS {
            let network = workload.network(Interpolation::Linear).unwrap();
            assert_eq!(network.inputs(), workload.inputs);
            assert_eq!(network.layers()[1], (workload.hidden, workload.hidden), "{}", workload.name);
            assert_eq!(network.has_delays(0), workload.max_delay > 0, "{}", workload.name);
            assert_eq!(Workload::named(workload.name).unwrap(), workload);
        }
        assert!(Workload::named("W9").unwrap_err().to_string().contains("W2S"));
    }

    #[test]
    fn multiply_adds_count_every_synapse_once_a_tap_and_step() {
        let (forward, backward) = Workload::named("W2").unwrap().multiply_adds();
        assert_eq!((forward, backward), (7_372_800.0, 11_161_600.0));
    }
}
