//! Shapes of parameters, checked in one place, the values that are used, and where gradients flow to.

use crate::Neuron;
use crate::dynamics::{Dynamics, Values};
use colearn_tape::{Pool, Real};
use ndarray::{ArrayD, ArrayView1};

/// Checks that parameters are made for `units` units.
///
/// # Panics
/// If their number or lengths are others.
#[track_caller]
pub fn check<F>(neuron: &Neuron, units: usize, parameters: &[ArrayView1<'_, F>]) {
    let name = neuron.model().name();
    assert_eq!(parameters.len(), neuron.specs().len(), "{name}: number of parameters");
    for (spec, values) in neuron.specs().iter().zip(parameters) {
        assert_eq!(values.len(), units, "{name}: values of `{}` and units", spec.name);
    }
}

/// The values that are used, unit by unit: clamped to their bounds.
#[must_use]
pub fn clamped<F: Real, D: Dynamics>(
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

/// The gradient of parameter `k`: its `sums`, which lie unit by unit, parameter by parameter, where the stored value is inside its bounds, zero elsewhere.
#[must_use]
pub fn masked<F: Real>(
    neuron: &Neuron,
    k: usize,
    stored: &ArrayView1<'_, F>,
    sums: &[F],
    pool: &mut Pool<F>,
) -> ArrayD<F> {
    let count = neuron.specs().len();
    let mut gradient = pool.array(&[stored.len()]);
    for (n, (g, &stored)) in gradient.iter_mut().zip(stored).enumerate() {
        *g = if neuron.is_free(k, stored) { sums[n * count + k] } else { F::zero() };
    }
    gradient
}
