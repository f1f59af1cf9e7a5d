//! A layer's neurons one step at a time, for one sample, recurrent or not: streaming inference.
//!
//! The same equations in the same order as [`crate::infer`]: the outputs are equal to the bit, also where currents are
//! infinite or zeros with a sign. Where one is not a number, both are; which of the many bit patterns a NaN has is up to the
//! compiler.
//!
//! ```
//! use colearn_layers::{LayerStep, Neuron, NeuronModel};
//! use colearn_synapses::Synapse;
//! use ndarray::{arr1, arr2};
//!
//! let neuron = Neuron::new(NeuronModel::Lif);
//! let (alpha, weight) = (arr1(&[0.5f32, 0.5]), arr2(&[[0.0, 4.0], [0.0, 0.0]]));
//! let mut layer = LayerStep::new(&neuron, &[alpha.view()], Some(Synapse::new(&*weight, None)));
//! assert_eq!(layer.step(&[3.0, 0.0]), [1.0, 0.0]);
//! assert_eq!(layer.step(&[0.0, 0.0]), [0.0, 1.0]);
//! ```

mod product;

use crate::recurrent::adds_by_table;
use crate::scan::check_recurrent;
use colearn_neurons::driver::{Dynamics, Fire, Membrane, Output, Step, Visitor};
use colearn_neurons::{Neuron, NeuronState, StepParameters, step};
use colearn_synapses::Synapse;
use colearn_synapses::steps::StepLine;
use colearn_tape::Real;
use colearn_tape::simd::{dispatch, looks_up};
use ndarray::{ArrayRef2, ArrayView1};
use product::AddProduct;

/// A layer of N neurons with its parameters and its state.
#[derive(Clone, Debug)]
pub struct LayerStep<F> {
    parameters: StepParameters<F>,
    state: NeuronState<F>,
    recurrent: Own<F>,
    /// The total current of the step.
    current: Vec<F>,
    /// The outputs of the step before.
    output: Vec<F>,
    /// Whether there was a step, so that there are outputs to add.
    begun: bool,
}

/// What the layer's units get from each other.
#[derive(Clone, Debug)]
enum Own<F> {
    Nothing,
    Dense {
        /// V without its diagonal, row by row.
        weights: Vec<F>,
        /// Whether outputs are 0 or 1, and are looked up in a scan.
        kind: Kind,
        /// Whether zero times each weight is a zero.
        finite: bool,
    },
    Delayed(StepLine<F>),
}

/// How a scan adds a neuron's outputs.
#[derive(Clone, Copy, Debug)]
struct Kind {
    is_binary: bool,
    by_table: bool,
}

/// Asks a neuron for its [`Kind`].
struct KindOf<'a, F>(&'a Neuron, std::marker::PhantomData<F>);

impl<F: Real> Visitor for KindOf<'_, F> {
    type Output = Kind;

    fn visit<D: Dynamics>(self) -> Kind {
        fn of<F: Real, A: Fire<F>>(_: A) -> Kind {
            Kind { is_binary: A::BINARY, by_table: adds_by_table::<F, A>(looks_up::<F>()) }
        }
        match Output::<F>::of::<D>(self.0) {
            Output::Spike(spike, _) => of::<F, Step<F>>(spike),
            Output::Soft(soft) => of(soft),
            Output::Membrane => of::<F, Membrane>(Membrane),
        }
    }
}

impl<F: Real> LayerStep<F> {
    /// Neurons with stored parameters (vectors of N values) and the synapses between them, in the zero state in which every
    /// sequence starts. Arguments as [`crate::scan()`].
    ///
    /// # Panics
    /// If their number or shapes do not fit the model or each other, or recurrent delays are smoothed with a spread.
    #[must_use]
    #[track_caller]
    pub fn new(
        neuron: &Neuron,
        parameters: &[ArrayView1<'_, F>],
        recurrent: Option<Synapse<F, &ArrayRef2<F>>>,
    ) -> Self {
        let parameters = StepParameters::new(neuron, parameters);
        let units = parameters.units();
        if let Some(recurrent) = &recurrent {
            check_recurrent(neuron, units, recurrent);
        }
        let recurrent = match recurrent {
            None => Own::Nothing,
            Some(Synapse::Dense { weight }) => {
                let without_diagonal =
                    weight.indexed_iter().map(|((i, j), &v)| if i == j { F::zero() } else { v });
                let weights: Vec<F> = without_diagonal.collect();
                let finite = weights.iter().all(|v| v.is_finite());
                let kind = neuron.model().visit(KindOf::<F>(neuron, std::marker::PhantomData));
                Own::Dense { weights, kind, finite }
            }
            Some(Synapse::Delayed { weight, delay, form }) => Own::Delayed(form.step_line(weight, delay)),
        };
        let (state, zeros) = (NeuronState::new(&parameters), vec![F::zero(); units]);
        Self { parameters, state, recurrent, current: zeros.clone(), output: zeros, begun: false }
    }

    /// One step under the currents `input` (N): the outputs (N).
    ///
    /// # Panics
    /// If there are not N currents.
    #[track_caller]
    pub fn step(&mut self, input: &[F]) -> &[F] {
        let Self { parameters, state, recurrent, current, output, begun } = self;
        assert_eq!(input.len(), current.len(), "currents and units of a layer");
        current.copy_from_slice(input);
        match recurrent {
            Own::Dense { weights, kind, finite } if *begun => {
                let negative_zero = |x: &F| x.is_zero() && x.is_sign_negative();
                let all = !kind.is_binary || !*finite || current.iter().any(negative_zero);
                dispatch(AddProduct { weights, spikes: output, current, by_table: kind.by_table, all });
            }
            Own::Delayed(line) => line.add_to(current),
            Own::Nothing | Own::Dense { .. } => {}
        }
        *begun = true;
        step(parameters, state, current, output);
        if let Own::Delayed(line) = recurrent {
            line.push(output);
        }
        output
    }

    /// The neurons' state after the last step.
    #[must_use]
    pub fn state(&self) -> &NeuronState<F> {
        &self.state
    }

    /// Back to the zero state.
    pub fn reset(&mut self) {
        self.state.reset();
        self.output.fill(F::zero());
        self.begun = false;
        if let Own::Delayed(line) = &mut self.recurrent {
            line.reset();
        }
    }
}
