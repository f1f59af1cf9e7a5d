//! Shapes of parameters and recurrent weights, checked in one place.

use crate::Neuron;
use crate::dynamics::{Dynamics, Values};
use colearn_tape::Real;
use ndarray::{ArrayRef2, ArrayView1};

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
