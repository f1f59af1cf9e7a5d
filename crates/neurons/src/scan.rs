//! A neuron over a whole sequence: on a tape, with a trace, or as bare inference.
//!
//! Inputs are currents of shape (T, B, N) (step, sample, unit) in any memory order, outputs have the same shape; or both
//! are sequences, in blocks of samples (see [`colearn_tape::sequence`]). The state starts at zero. Parameters are vectors
//! of N stored values in the order of [`crate::NeuronModel::specs`]; what is used is the stored value clamped to its
//! bounds, and a parameter outside its bounds has no gradient.
//!
//! ```
//! use colearn_neurons::{Neuron, NeuronModel, scan};
//! use colearn_tape::Tape;
//! use ndarray::{Array3, arr1};
//!
//! let neuron = Neuron::new(NeuronModel::Lif);
//! let mut tape = Tape::<f64>::new();
//! let current = tape.leaf(&Array3::from_elem((20, 1, 2), 1.5));
//! let alpha = tape.leaf(&arr1(&[0.5, 0.9]));
//! let spikes = scan(&mut tape, &neuron, current, &[alpha]);
//! let count = tape.sum(spikes);
//! assert!(tape.value(count).sum() > 2.0);
//! tape.backward(count);
//! assert!(tape.gradient(alpha).is_some() && tape.gradient(current).is_some());
//! ```

use crate::backward::{self, Backward};
use crate::chunk::{Drives, check_drives};
use crate::forward::{Forward, OutputMut};
use crate::norm::{Normalisation, affine_gradients};
use crate::shape::{check, masked};
use crate::{Neuron, NeuronModel};
use colearn_tape::layout::vector;
use colearn_tape::sequence::values;
use colearn_tape::{
    Buffers, Fused, LANES, Pool, Pullback, Real, Sequence, SequenceShape, SequenceVar, Signal, Spikes,
    StepBuffers, Tape, Var,
};
use ndarray::{Array3, Array4, ArrayD, ArrayRef3, ArrayView1, ArrayView3, Axis};

/// What a neuron did over a sequence.
#[derive(Clone, Debug)]
pub struct Trace<F> {
    /// Spikes, or the membrane of a model without spikes: (T, B, N).
    pub output: Array3<F>,
    /// State variables just before the spike: (variable, T, B, N), the membrane first.
    ///
    /// Where a model resets after the spike, this is the membrane that was compared with the threshold.
    pub states: Array4<F>,
}

impl<F> Trace<F> {
    /// State variable `k` just before the spike: (T, B, N).
    ///
    /// # Panics
    /// If the model has no such variable.
    #[must_use]
    #[track_caller]
    pub fn state(&self, k: usize) -> ArrayView3<'_, F> {
        self.states.index_axis(Axis(0), k)
    }

    /// The membrane u just before the spike: (T, B, N).
    #[must_use]
    pub fn membrane(&self) -> ArrayView3<'_, F> {
        self.state(0)
    }
}

/// Records `neuron` over `input` (T, B, N) and returns its output (T, B, N), both arrays or both sequences ([`Signal`]):
/// spikes, or the membrane of a model without spikes. A sequence of spikes is kept as bits. `parameters` are vectors of N
/// values.
///
/// # Panics
/// If shapes do not fit, or a variable is forgotten or belongs to another tape or an earlier recording.
#[track_caller]
pub fn scan<F: Real, S: Signal>(tape: &mut Tape<F>, neuron: &Neuron, input: S, parameters: &[Var]) -> S {
    record(tape, neuron, input, None, parameters)
}

/// The buffers of a recorded scan, normalised or not, of `model` over a sequence of its units in a training step, beside its
/// input, its output and their gradients.
#[must_use]
pub fn scan_buffers(model: NeuronModel, shape: SequenceShape) -> StepBuffers {
    let sums = Buffers::values(shape.units * model.specs().len());
    let backward = backward::buffers(model.states(), shape.steps, shape.units).and(sums);
    StepBuffers { backward, ..StepBuffers::default() }
}

/// Records a scan over `input`; with a normalisation of it, its gain and bias come along.
#[track_caller]
pub(crate) fn record<F: Real, S: Signal>(
    tape: &mut Tape<F>,
    neuron: &Neuron,
    input: S,
    norm: Option<([Var; 2], Normalisation<F>)>,
    parameters: &[Var],
) -> S {
    let input = input.enter(tape);
    let shape = input.shape(tape);
    let (affine, norm) = norm.unzip();
    let mut pool = std::mem::take(tape.pool());
    let output = {
        let stored: Vec<_> = parameters.iter().map(|&p| vector(tape.value(p))).collect();
        let drives = norm.as_ref().map(Normalisation::drives);
        let input = (shape, values(tape.value(input.var)));
        if neuron.sends_spikes() {
            Sent::Spikes(run_to_spikes(neuron, input, drives, &stored, &mut pool))
        } else {
            Sent::Floats(run(neuron, input, drives, &stored, &mut pool))
        }
    };
    *tape.pool() = pool;
    let affine = affine.into_iter().flatten();
    let inputs: Vec<Var> =
        std::iter::once(input.var).chain(affine).chain(parameters.iter().copied()).collect();
    let op = Scan { neuron: neuron.clone(), batch: shape.batch, norm };
    let var = match output {
        Sent::Spikes(spikes) => tape.fused_spikes(&inputs, spikes, op),
        Sent::Floats(output) => tape.fused(&inputs, output.into_value(), op),
    };
    S::leave(SequenceVar { var, batch: shape.batch }, tape)
}

/// The output of a recorded scan.
enum Sent<F> {
    Floats(Sequence<F>),
    Spikes(Spikes<F>),
}

/// The spikes of a neuron.
#[track_caller]
fn run_to_spikes<F: Real>(
    neuron: &Neuron,
    (shape, input): (SequenceShape, &[F]),
    drives: Drives<'_, F>,
    parameters: &[ArrayView1<'_, F>],
    pool: &mut Pool<F>,
) -> Spikes<F> {
    check(neuron, shape.units, parameters);
    check_drives(drives, shape.units);
    let mut spikes = Spikes::taken(shape, F::one(), pool);
    let output = OutputMut::Spikes(spikes.words_mut());
    neuron.model().visit(Forward { neuron, parameters, shape, drives, input, output, states: None });
    spikes
}

/// The output of `neuron` over `input`, of which `drives` make its currents.
#[track_caller]
pub(crate) fn run<F: Real>(
    neuron: &Neuron,
    (shape, input): (SequenceShape, &[F]),
    drives: Drives<'_, F>,
    parameters: &[ArrayView1<'_, F>],
    pool: &mut Pool<F>,
) -> Sequence<F> {
    check(neuron, shape.units, parameters);
    check_drives(drives, shape.units);
    let mut sequence = Sequence::taken(shape, pool);
    let output = OutputMut::Floats(sequence.values_mut());
    neuron.model().visit(Forward { neuron, parameters, shape, drives, input, output, states: None });
    sequence
}

/// Runs `neuron` over `input` (T, B, N) and keeps its states, without a tape. Arguments as [`scan`].
///
/// # Panics
/// If shapes do not fit.
#[track_caller]
pub fn forward<F: Real>(
    neuron: &Neuron,
    input: &ArrayRef3<F>,
    parameters: &[ArrayView1<'_, F>],
    pool: &mut Pool<F>,
) -> Trace<F> {
    check(neuron, input.dim().2, parameters);
    let input = Sequence::from_array(input, pool);
    let (sequence, states) = with_states(neuron, &input, parameters, pool);
    input.recycle(pool);
    let output = sequence.to_array(pool);
    sequence.recycle(pool);
    Trace { output, states }
}

/// The output of a neuron, and its states (variable, T, B, N).
fn with_states<F: Real>(
    neuron: &Neuron,
    input: &Sequence<F>,
    parameters: &[ArrayView1<'_, F>],
    pool: &mut Pool<F>,
) -> (Sequence<F>, Array4<F>) {
    let (shape, variables) = (input.shape(), neuron.model().states());
    let mut output = Sequence::taken(shape, pool);
    // Every unit's variables are a unit of their own here.
    let mut states = Sequence::taken(shape.with_units(shape.units * variables), pool);
    neuron.model().visit(Forward {
        neuron,
        parameters,
        shape,
        drives: None,
        input: input.values(),
        output: OutputMut::Floats(output.values_mut()),
        states: Some(states.values_mut()),
    });
    let by_unit = states.values();
    let at = |(variable, t, b, n): (usize, usize, usize, usize)| {
        let unit = (b / LANES * shape.units + n) * variables + variable;
        by_unit[(unit * shape.steps + t) * LANES + b % LANES]
    };
    let states_out = Array4::from_shape_fn((variables, shape.steps, shape.batch, shape.units), at);
    states.recycle(pool);
    (output, states_out)
}

/// The output of `neuron` over `input` (T, B, N), with no state kept. Arguments as [`scan`]. The result may be given
/// back to `pool`.
///
/// # Panics
/// If shapes do not fit.
#[track_caller]
pub fn infer<F: Real>(
    neuron: &Neuron,
    input: &ArrayRef3<F>,
    parameters: &[ArrayView1<'_, F>],
    pool: &mut Pool<F>,
) -> Array3<F> {
    Sequence::over_array(input, pool, |input, pool| {
        run(neuron, (input.shape(), input.values()), None, parameters, pool)
    })
}

/// A scan on a tape. Its backward pass runs its forward pass once more. Its variables: the input, gain and bias if it is
/// normalised, and the parameters.
#[derive(Debug)]
struct Scan<F> {
    neuron: Neuron,
    batch: usize,
    norm: Option<Normalisation<F>>,
}

impl<F: Real> Fused<F> for Scan<F> {
    fn name(&self) -> &'static str {
        if self.norm.is_some() { "normalised neuron" } else { self.neuron.model().name() }
    }

    fn backward(&self, pullback: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let Pullback { inputs, gradient, wanted, reduce, pool, .. } = pullback;
        let (neuron, norm) = (&self.neuron, self.norm.as_ref());
        let count = neuron.specs().len();
        let first = if norm.is_some() { 3 } else { 1 };
        let parameters: Vec<_> = inputs[first..first + count].iter().map(|p| vector(p)).collect();
        let shape = SequenceShape::of(inputs[0], self.batch);
        let (input, above) = (values(inputs[0]), values(gradient));
        let mut to_input = Sequence::taken(shape, pool);
        let g_input = to_input.values_mut();
        let mut sums = pool.take(shape.units * count);
        let mut g_norms = vec![[F::zero(); 2]; shape.units];
        neuron.model().visit(Backward {
            neuron,
            parameters: &parameters,
            shape,
            norm,
            input,
            gradient: above,
            g_input: &mut *g_input,
            g_parameters: &mut sums,
            g_norms: &mut g_norms,
            whole: reduce.is_none(),
            pool,
        });
        if let (Some(norm), Some(reduce)) = (norm, reduce) {
            norm.pull_back_over(reduce, shape, input, g_input, &g_norms);
        }
        let mut gradients = Vec::with_capacity(inputs.len());
        if wanted[0] {
            gradients.push(Some(to_input.into_value()));
        } else {
            to_input.recycle(pool);
            gradients.push(None);
        }
        if norm.is_some() {
            gradients.extend(affine_gradients(&g_norms, [wanted[1], wanted[2]], pool));
        }
        for (k, stored) in parameters.iter().enumerate() {
            gradients.push(wanted[first + k].then(|| masked(neuron, k, stored, &sums, pool)));
        }
        pool.give_vec(sums);
        gradients
    }
}
