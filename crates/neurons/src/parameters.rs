//! What a model's parameters are, where they may lie and where they start.

use colearn_tape::Real;
use ndarray::Array1;
use ndarray_rand::rand::Rng;

/// What a parameter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterRole {
    /// A decay per step, between 0 and 1.
    TimeConstant,
    /// A strength of adaptation: its coupling to the membrane or to spikes, or that of the threshold to it.
    Adaptation,
}

/// One parameter of a model; every unit has its own value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParameterSpec {
    /// The name in configurations, such as `alpha`.
    pub name: &'static str,
    /// The field's symbol for it, such as `α`.
    pub symbol: &'static str,
    /// What it is, in a few words.
    pub meaning: &'static str,
    /// The symbol of the state variable whose equation it stands in.
    pub variable: &'static str,
    /// What it does.
    pub role: ParameterRole,
    /// The value used is clamped to this interval; outside of it the gradient is zero.
    pub bounds: (f64, f64),
    /// Values start uniformly distributed over this interval.
    pub initial: (f64, f64),
}

impl ParameterSpec {
    /// A decay per step of the state variable `variable`, between 0 and 1, that starts uniformly distributed over all of
    /// its bounds.
    pub(crate) const fn decay(
        (name, symbol): (&'static str, &'static str),
        (variable, meaning): (&'static str, &'static str),
        bounds: (f64, f64),
    ) -> Self {
        Self { name, symbol, meaning, variable, role: ParameterRole::TimeConstant, bounds, initial: bounds }
    }

    /// A strength of adaptation in the equation of `variable` that starts uniformly distributed over all of its bounds.
    pub(crate) const fn coupling(
        (name, symbol): (&'static str, &'static str),
        (variable, meaning): (&'static str, &'static str),
        bounds: (f64, f64),
    ) -> Self {
        Self { name, symbol, meaning, variable, role: ParameterRole::Adaptation, bounds, initial: bounds }
    }

    /// What a value is measured in.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        match self.role {
            ParameterRole::TimeConstant => "per step",
            ParameterRole::Adaptation => "no unit",
        }
    }
}

/// `units` starting values, drawn uniformly from [`ParameterSpec::initial`].
///
/// Values are drawn in `f64` and rounded, so that `f32` and `f64` networks of one seed start alike.
///
/// ```
/// use colearn_neurons::{Neuron, NeuronModel, initial};
/// use ndarray_rand::rand::{SeedableRng, rngs::StdRng};
///
/// let neuron = Neuron::new(NeuronModel::Cadlif);
/// let alpha = initial::<f32>(&neuron.specs()[0], 128, &mut StdRng::seed_from_u64(1));
/// assert!(alpha.iter().all(|a| (0.36..=0.96).contains(a)));
/// ```
pub fn initial<F: Real>(spec: &ParameterSpec, units: usize, rng: &mut (impl Rng + ?Sized)) -> Array1<F> {
    let (low, high) = spec.initial;
    // Rounding may step over the upper bound by half a unit in the last place: clamping keeps the value in the box.
    let draw = |_| F::of(low + (high - low) * rng.random::<f64>()).max(F::of(low)).min(F::of(high));
    (0..units).map(draw).collect()
}
