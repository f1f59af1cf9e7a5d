//! A neuron one step at a time, for one sample: streaming inference.
//!
//! The same equations in the same order as [`crate::infer`]: the outputs are equal to the bit, also where currents are
//! infinite or zeros with a sign. Where one is not a number, both are; which of the many bit patterns a NaN has is up to the
//! compiler.
//!
//! ```
//! use colearn_neurons::{Neuron, NeuronModel, NeuronState, StepParameters, step};
//! use ndarray::arr1;
//!
//! let neuron = Neuron::new(NeuronModel::Lif);
//! let alpha = arr1(&[0.5f32, 0.9]);
//! let parameters = StepParameters::new(&neuron, &[alpha.view()]);
//! let mut state = NeuronState::new(&parameters);
//! let mut spikes = [0.0; 2];
//! step(&parameters, &mut state, &[3.0, 3.0], &mut spikes);
//! assert_eq!(spikes, [1.0, 0.0]);
//! ```

use crate::Neuron;
use crate::dynamics::{Dynamics, Values};
use crate::fire::{Fire, Membrane, Output};
use crate::models::Visitor;
use crate::shape::check;
use colearn_tape::Real;
use ndarray::ArrayView1;

/// A layer's parameters, clamped and laid out for [`step()`].
#[derive(Clone, Debug)]
pub struct StepParameters<F> {
    neuron: Neuron,
    units: usize,
    /// Parameter after parameter, each N values.
    values: Vec<F>,
}

impl<F: Real> StepParameters<F> {
    /// Takes stored parameters (vectors of N values) as [`crate::scan()`] does.
    ///
    /// # Panics
    /// If their number or shapes do not fit the model or each other.
    #[must_use]
    #[track_caller]
    pub fn new(neuron: &Neuron, parameters: &[ArrayView1<'_, F>]) -> Self {
        let units = parameters.first().map_or(0, ArrayView1::len);
        check(neuron, units, parameters);
        let values =
            parameters.iter().enumerate().flat_map(|(k, p)| p.iter().map(move |&x| neuron.clamp(k, x)));
        Self { neuron: neuron.clone(), units, values: values.collect() }
    }

    /// Number of units.
    #[must_use]
    pub fn units(&self) -> usize {
        self.units
    }
}

/// The state of N units of one sample between two steps under the same parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct NeuronState<F> {
    /// State variable after state variable, settled, each N values.
    states: Vec<F>,
    /// The outputs of the step before.
    spikes: Vec<F>,
}

impl<F: Real> NeuronState<F> {
    /// The zero state in which every sequence starts.
    #[must_use]
    pub fn new(parameters: &StepParameters<F>) -> Self {
        let zeros = |n| vec![F::zero(); n];
        let units = parameters.units;
        let states = zeros(units * parameters.neuron.model().states());
        Self { states, spikes: zeros(units) }
    }

    /// Back to the zero state.
    pub fn reset(&mut self) {
        self.states.fill(F::zero());
        self.spikes.fill(F::zero());
    }

    /// State variable `k` of all units after the last step (after its reset): 0 is the membrane.
    ///
    /// # Panics
    /// If the model has no such variable.
    #[must_use]
    pub fn variable(&self, k: usize) -> &[F] {
        let units = self.spikes.len();
        &self.states[k * units..(k + 1) * units]
    }
}

/// Advances `state` by one step under the currents `input` (N), and writes the outputs to `spikes` (N).
///
/// # Panics
/// If sizes differ from that of the parameters.
#[track_caller]
pub fn step<F: Real>(
    parameters: &StepParameters<F>,
    state: &mut NeuronState<F>,
    input: &[F],
    spikes: &mut [F],
) {
    let units = parameters.units;
    let name = parameters.neuron.model().name();
    assert_eq!(input.len(), units, "{name}: currents and units");
    assert_eq!(spikes.len(), units, "{name}: spikes and units");
    let variables = parameters.neuron.model().states();
    assert_eq!(
        (state.states.len(), state.spikes.len()),
        (variables * units, units),
        "{name}: size of the state"
    );
    parameters.neuron.model().visit(Advance { parameters, state, input, spikes });
}

struct Advance<'a, F> {
    parameters: &'a StepParameters<F>,
    state: &'a mut NeuronState<F>,
    input: &'a [F],
    spikes: &'a mut [F],
}

impl<F: Real> Visitor for Advance<'_, F> {
    type Output = ();

    fn visit<D: Dynamics>(self) {
        match Output::of::<D>(&self.parameters.neuron) {
            Output::Membrane => self.run::<D, _>(Membrane),
            Output::Spike(step, _) if D::SPIKING => self.run::<D, _>(step),
            Output::Soft(soft) if D::SPIKING => self.run::<D, _>(soft),
            Output::Spike(..) | Output::Soft(..) => {
                unreachable!("a model without spikes sends out its membrane")
            }
        }
    }
}

impl<F: Real> Advance<'_, F> {
    fn run<D: Dynamics, A: Fire<F>>(self, fire: A) {
        let Self { parameters, state, input, spikes } = self;
        let units = parameters.units;
        for (n, output) in spikes.iter_mut().enumerate() {
            let mut p = D::Parameters::splat(F::zero());
            for k in 0..D::PARAMETERS {
                *p.get_mut(k) = parameters.values[k * units + n];
            }
            let mut before = D::State::splat(F::zero());
            for k in 0..D::STATES {
                *before.get_mut(k) = state.states[k * units + n];
            }
            let now = D::integrate(&p, before, state.spikes[n], input[n]);
            let spike = fire.output(D::potential(&p, &now));
            let after = D::settle(&p, now, spike);
            for k in 0..D::STATES {
                state.states[k * units + n] = after.get(k);
            }
            state.spikes[n] = spike;
            *output = spike;
        }
    }
}
