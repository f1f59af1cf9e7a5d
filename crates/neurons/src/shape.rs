//! Shapes of sequences, parameters and recurrent weights, checked in one place.

use crate::Neuron;
use crate::dynamics::{Dynamics, Values};
use colearn_tape::Real;
use ndarray::{ArrayRef2, ArrayRef3, ArrayView1};

/// The size of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) steps: usize,
    pub(crate) batch: usize,
    pub(crate) units: usize,
}

impl Shape {
    /// The shape of `input`, after a check that the parameters and recurrent weights are made for it.
    #[track_caller]
    pub(crate) fn of<F>(
        neuron: &Neuron,
        input: &ArrayRef3<F>,
        parameters: &[ArrayView1<'_, F>],
        recurrent: Option<&ArrayRef2<F>>,
    ) -> Self {
        let (steps, batch, units) = input.dim();
        check(neuron, units, parameters, recurrent);
        Self { steps, batch, units }
    }

    /// Values of one unit.
    pub(crate) fn block(self) -> usize {
        self.steps * self.batch
    }

    /// Values of all units.
    pub(crate) fn len(self) -> usize {
        self.block() * self.units
    }
}

/// Checks that parameters and recurrent weights are made for `units` units.
#[track_caller]
pub(crate) fn check<F>(
    neuron: &Neuron,
    units: usize,
    parameters: &[ArrayView1<'_, F>],
    recurrent: Option<&ArrayRef2<F>>,
) {
    let name = neuron.model().name();
    assert_eq!(parameters.len(), neuron.specs().len(), "{name}: number of parameters");
    for (spec, values) in neuron.specs().iter().zip(parameters) {
        assert_eq!(values.len(), units, "{name}: values of `{}` and units", spec.name);
    }
    if let Some(weights) = recurrent {
        assert_eq!(weights.dim(), (units, units), "{name}: shape of the recurrent weights");
    }
}

/// The values that are used, unit by unit: clamped to their bounds.
pub(crate) fn clamped<F: Real, D: Dynamics>(
    neuron: &Neuron,
    parameters: &[ArrayView1<'_, F>],
    units: usize,
) -> Vec<D::Parameters<F>> {
    let of_unit = |n: usize| {
        let mut values = D::Parameters::splat(F::zero());
        for (k, stored) in parameters.iter().enumerate() {
            *values.get_mut(k) = neuron.clamp(k, stored[n]);
        }
        values
    };
    (0..units).map(of_unit).collect()
}
