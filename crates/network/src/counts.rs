//! How many numbers a network learns, and how many synapses a spike reaches.
//!
//! For layers of sizes n₀ … n_L: weights Σ n_k n_{k+1}, as many delays where there are delays, the neuron's parameters
//! and two normalisation numbers a hidden unit, and three a class (readout decay, gain and bias).

use crate::{Network, NetworkConfig, Parameter, ParameterKind};
use colearn_tape::Real;

/// One row of the parameter table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterRow {
    /// The parameter's name.
    pub name: String,
    /// What it is.
    pub kind: ParameterKind,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How many numbers it holds.
    pub count: usize,
    /// Whether training changes it.
    pub trainable: bool,
}

impl<F: Real> Network<F> {
    /// One row a parameter, first layer first.
    #[must_use]
    pub fn parameter_table(&self) -> Vec<ParameterRow> {
        let row = |p: &Parameter<F>| ParameterRow {
            name: p.name.clone(),
            kind: p.kind,
            shape: p.value.shape().to_vec(),
            count: p.value.len(),
            trainable: p.trainable,
        };
        self.parameters.iter().map(row).collect()
    }

    /// Number of all parameters, frozen ones included.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|p| p.value.len()).sum()
    }

    /// Number of parameters of each kind, in the order of [`ParameterKind::ALL`].
    #[must_use]
    pub fn counts_by_kind(&self) -> Vec<(ParameterKind, usize)> {
        let count = |kind| self.parameters.iter().filter(|p| p.kind == kind).map(|p| p.value.len()).sum();
        ParameterKind::ALL.iter().map(|&kind| (kind, count(kind))).collect()
    }
}

/// Synapses that one spike of a hidden unit reaches: as many additions it causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FanOut {
    /// Units of the next layer, of the readout in the end.
    pub next: usize,
    /// Other units of the same layer, where spikes also reach those. A unit does not feed itself.
    pub own: usize,
}

impl FanOut {
    /// All of them.
    #[must_use]
    pub const fn total(self) -> usize {
        self.next + self.own
    }
}

impl NetworkConfig {
    /// The synapses behind a spike of each hidden layer, first layer first, with `classes` units in the readout. Layers
    /// without spikes have none to count.
    ///
    /// ```
    /// use colearn_network::NetworkConfig;
    ///
    /// let mut config = NetworkConfig::default();
    /// config.network.hidden = vec![8, 4];
    /// config.neuron.recurrent = true;
    /// let totals: Vec<usize> = config.fan_outs(5).into_iter().map(|synapses| synapses.total()).collect();
    /// assert_eq!(totals, [4 + 7, 5 + 3]);
    /// ```
    #[must_use]
    pub fn fan_outs(&self, classes: usize) -> Vec<FanOut> {
        let hidden = &self.network.hidden;
        let next = hidden.iter().skip(1).chain(std::iter::once(&classes));
        let own = |units: usize| if self.neuron.recurrent { units.saturating_sub(1) } else { 0 };
        hidden.iter().zip(next).map(|(&units, &next)| FanOut { next, own: own(units) }).collect()
    }
}
