//! How many numbers a network learns.
//!
//! For layers of sizes n₀ … n_L: weights Σ n_k n_{k+1}, as many delays where there are delays, the neuron's parameters
//! and two normalisation numbers a hidden unit, and three a class (readout decay, gain and bias).

use crate::{Network, Parameter, ParameterKind};
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
