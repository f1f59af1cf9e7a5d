//! Operations and energy of one inference, from the sizes and the activity of a network.
//!
//! | part of a layer with J units | per inference of T steps, the mean of the split |
//! | --- | --- |
//! | synapses, spikes or binary values in | one addition a spike and target unit |
//! | synapses, other values in | one multiply-accumulate a value that is not zero and target unit |
//! | neurons | T J updates: one multiply-accumulate for u ← αu + I, three more with adaptation, one addition of the bias |
//!
//! The gain of the normalisation is part of the weights, its shift is the bias.

use colearn_network::{FanOut, ParameterKind};

use super::run::{Networks, Run};

/// Energy of an addition and of a multiply-accumulate (a multiplication, 3.7 pJ, and an addition) of 32-bit floating
/// point numbers at 45 nm and 0.9 V in picojoules: M. Horowitz, Computing's energy problem (and what we can do about
/// it), ISSCC 2014.
pub(super) const ADD_PJ: f64 = 0.9;
pub(super) const MAC_PJ: f64 = 4.6;

/// Operations of one inference.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Operations {
    /// Additions of a weight at a spike.
    pub(super) synaptic_adds: f64,
    /// Multiply-accumulates of a value and a weight.
    pub(super) synaptic_macs: f64,
    /// Additions in the neurons.
    pub(super) neuron_adds: f64,
    /// Multiply-accumulates in the neurons.
    pub(super) neuron_macs: f64,
}

impl Operations {
    pub(super) fn energy_nj(&self) -> f64 {
        1e-3 * (ADD_PJ * (self.synaptic_adds + self.neuron_adds)
            + MAC_PJ * (self.synaptic_macs + self.neuron_macs))
    }

    fn plus(self, other: Self) -> Self {
        Self {
            synaptic_adds: self.synaptic_adds + other.synaptic_adds,
            synaptic_macs: self.synaptic_macs + other.synaptic_macs,
            neuron_adds: self.neuron_adds + other.neuron_adds,
            neuron_macs: self.neuron_macs + other.neuron_macs,
        }
    }
}

/// The sizes and activity that decide the operations.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Work {
    pub(super) steps: f64,
    /// (I, J) of every matrix, the readout's last.
    pub(super) layers: Vec<(usize, usize)>,
    /// Spikes per unit and step of each hidden layer.
    pub(super) rates: Vec<f64>,
    /// Whether hidden neurons have an adaptation.
    pub(super) adaptive: bool,
    /// Synapses that a spike of each hidden layer reaches.
    pub(super) fan_outs: Vec<FanOut>,
    /// Share of the input that is not zero, and whether it is zeros and ones.
    pub(super) input: (f64, bool),
    /// Numbers in all weight matrices.
    pub(super) weights: usize,
}

impl Work {
    /// That of a run with spikes.
    pub(super) fn of(run: &Run) -> Option<Self> {
        let networks = run.spiking()?;
        let description = networks.best.description();
        let stored = run.evaluation.as_ref();
        let rates =
            stored.map_or_else(|| run.stored.hidden_rates.clone(), |stored| stored.rounded.rates.clone());
        let layers = description.layers();
        (rates.len() + 1 == layers.len()).then(|| Self {
            steps: steps(run, networks),
            layers,
            rates,
            adaptive: networks.best.neuron(0).is_some_and(|neuron| neuron.model().states() > 1),
            weights: weights(networks),
            fan_outs: description.config().fan_outs(description.classes()),
            // Old folders do not tell: every value then counts.
            input: stored.map_or((1.0, false), |stored| (stored.input_active, stored.input_binary)),
        })
    }

    /// Spikes of each hidden layer in one inference.
    pub(super) fn spikes(&self) -> Vec<f64> {
        self.rates
            .iter()
            .zip(&self.layers)
            .map(|(rate, (_, units))| rate * *units as f64 * self.steps)
            .collect()
    }

    /// Operations of each layer, the readout last.
    pub(super) fn operations(&self) -> Vec<Operations> {
        let spikes = self.spikes();
        let layer = |(index, (inputs, units)): (usize, &(usize, usize))| {
            let (wide, updates) = (*units as f64, self.steps * *units as f64);
            let hidden = index < spikes.len();
            let mut found = Operations {
                neuron_adds: updates,
                neuron_macs: updates * if hidden && self.adaptive { 4.0 } else { 1.0 },
                ..Operations::default()
            };
            if index > 0 {
                found.synaptic_adds = spikes[index - 1] * self.fan_outs[index - 1].next as f64;
            } else if self.input.1 {
                found.synaptic_adds = self.input.0 * self.steps * *inputs as f64 * wide;
            } else {
                found.synaptic_macs = self.input.0 * self.steps * *inputs as f64 * wide;
            }
            if hidden {
                found.synaptic_adds += spikes[index] * self.fan_outs[index].own as f64;
            }
            found
        };
        self.layers.iter().enumerate().map(layer).collect()
    }

    /// Multiply-accumulates of the same matrices, dense, at every step: what a network without spikes spends there.
    pub(super) fn dense_macs(&self) -> f64 {
        self.steps * self.weights as f64
    }

    pub(super) fn total(&self) -> Operations {
        self.operations().into_iter().fold(Operations::default(), Operations::plus)
    }
}

/// Steps of one inference, on average: those that were computed, which are fewer than configured where samples are shorter.
/// Old folders tell the configured ones alone.
pub(super) fn steps(run: &Run, networks: &Networks) -> f64 {
    let known = run.evaluation.as_ref().and_then(|stored| stored.rounded.steps);
    known.filter(|steps| steps.is_finite() && *steps > 0.0).unwrap_or(networks.steps as f64)
}

/// Numbers in all weight matrices.
pub(super) fn weights(networks: &Networks) -> usize {
    let matrices =
        networks.best.parameters().iter().filter(|parameter| parameter.kind == ParameterKind::Weight);
    matrices.map(|parameter| parameter.value.len()).sum()
}
