//! Named parameters: the one table that optimisers, checkpoints, figures and counts read.

use colearn_tape::Real;
use ndarray::ArrayD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a parameter is, which decides its learning rate and its weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// A connection strength, shape (I, J).
    Weight,
    /// A synaptic delay in steps, shape (I, J).
    Delay,
    /// A decay per step (α of the membrane, β of the adaptation), one per unit.
    TimeConstant,
    /// An adaptation strength (a, b), one per unit.
    Adaptation,
    /// Gain or bias of a normalisation, one per unit.
    Norm,
}

impl ParameterKind {
    /// Every kind, in the order of tables.
    pub const ALL: [Self; 5] = [Self::Weight, Self::Delay, Self::TimeConstant, Self::Adaptation, Self::Norm];
}

impl fmt::Display for ParameterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weight => "weight",
            Self::Delay => "delay",
            Self::TimeConstant => "time constant",
            Self::Adaptation => "adaptation",
            Self::Norm => "norm",
        })
    }
}

/// A named array of numbers that training may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "F: Serialize", deserialize = "F: Deserialize<'de>"))]
pub struct Parameter<F> {
    /// Unique in the network, like `hidden0.weight` or `readout.alpha`.
    pub name: String,
    /// What it is.
    pub kind: ParameterKind,
    /// Whether training changes it.
    pub trainable: bool,
    /// Smallest and largest value that the network uses (stored values outside are clamped when used).
    pub bounds: Option<(F, F)>,
    /// Whether the *stored* value is clamped to the bounds after each step (delays), or only the value used.
    pub clamp_stored: bool,
    /// The values.
    pub value: ArrayD<F>,
}

impl<F: Real> Parameter<F> {
    /// Clamps the stored value to the bounds if this parameter asks for it.
    pub fn enforce_bounds(&mut self) {
        if let (true, Some((low, high))) = (self.clamp_stored, self.bounds) {
            self.value.mapv_inplace(|x| x.max(low).min(high));
        }
    }

    /// The values as the network uses them: clamped to the bounds.
    #[must_use]
    pub fn used(&self) -> ArrayD<F> {
        match self.bounds {
            Some((low, high)) => self.value.mapv(|x| x.max(low).min(high)),
            None => self.value.clone(),
        }
    }
}
