//! Neurons of a layer over a whole sequence, recurrent or not: on a tape, with a trace, or as bare inference.
//!
//! Arguments and results are those of [`colearn_neurons::scan()`] and its kin; `recurrent` is V (N, N), V[i, j] from unit i
//! to unit j, and with delays d (N, N) in steps ([`Synapse`]). Their diagonals are not used and have no gradient. Without
//! `recurrent` they are those functions. A recurrent scan saves its total currents and the states of every tenth step, the
//! other runs its forward pass once more.

use crate::recurrent::{self, Blocks, Keep, Recurrent, RecurrentBackward, RecurrentForward};
use colearn_neurons::driver::{Drives, Normalisation, affine_gradients, check, check_drives, masked};
use colearn_neurons::{BatchNorm, Neuron, NeuronModel, Trace};
use colearn_synapses::Synapse;
use colearn_tape::layout::{matrix, vector};
use colearn_tape::sequence::values;
use colearn_tape::simd::looks_up;
use colearn_tape::{
    Fused, Pool, Pullback, Real, Sequence, SequenceShape, SequenceVar, Signal, StepBuffers, Tape, Var,
};
use ndarray::{Array3, ArrayD, ArrayRef2, ArrayRef3, ArrayView1, ArrayView2};

/// Records `neuron` over `input` (T, B, N) and returns its output (T, B, N), both arrays or both sequences ([`Signal`]):
/// spikes, or the membrane of a model without spikes. `parameters` are vectors of N values.
///
/// # Panics
/// If shapes do not fit, a variable is forgotten or belongs to another tape or an earlier recording, or recurrent delays are
/// smoothed with a spread, which looks ahead.
#[track_caller]
pub fn scan<F: Real, S: Signal>(
    tape: &mut Tape<F>,
    neuron: &Neuron,
    input: S,
    parameters: &[Var],
    recurrent: Option<Synapse<F, Var>>,
) -> S {
    match recurrent {
        None => colearn_neurons::scan(tape, neuron, input, parameters),
        Some(recurrent) => record(tape, neuron, input, None, parameters, recurrent),
    }
}

/// [`scan`] over the normalised `input`: `norm` holds the statistics of that input; `gain` and `bias` are vectors of N values.
///
/// # Panics
/// As [`scan`].
#[track_caller]
pub fn scan_normalised<F: Real, S: Signal>(
    tape: &mut Tape<F>,
    neuron: &Neuron,
    input: S,
    [gain, bias]: [Var; 2],
    norm: BatchNorm<F>,
    parameters: &[Var],
    recurrent: Option<Synapse<F, Var>>,
) -> S {
    let Some(recurrent) = recurrent else {
        return colearn_neurons::scan_normalised(tape, neuron, input, [gain, bias], norm, parameters);
    };
    let norm = Normalisation::new(norm, &vector(tape.value(gain)), &vector(tape.value(bias)));
    record(tape, neuron, input, Some(([gain, bias], norm)), parameters, recurrent)
}

/// The buffers of a recorded scan, normalised or not, of `model` over a sequence of its units in a training step, beside its
/// input, its output and their gradients.
#[must_use]
pub fn scan_buffers<F: Real>(
    model: NeuronModel,
    shape: SequenceShape,
    recurrent: Option<Synapse<F, ()>>,
) -> StepBuffers {
    match recurrent {
        None => colearn_neurons::scan_buffers(model, shape),
        Some(recurrent) => recurrent::buffers(model, shape, recurrent),
    }
}

/// Records a recurrent scan over `input`; with a normalisation of it, its gain and bias come along.
#[track_caller]
fn record<F: Real, S: Signal>(
    tape: &mut Tape<F>,
    neuron: &Neuron,
    input: S,
    norm: Option<([Var; 2], Normalisation<F>)>,
    parameters: &[Var],
    recurrent: Synapse<F, Var>,
) -> S {
    let input = input.enter(tape).floats(tape);
    let shape = input.shape(tape);
    let (affine, norm) = norm.unzip();
    let mut pool = std::mem::take(tape.pool());
    let (output, saved) = {
        let stored: Vec<_> = parameters.iter().map(|&p| vector(tape.value(p))).collect();
        let drives = norm.as_ref().map(Normalisation::drives);
        let input = (shape, values(tape.value(input.var)));
        let recurrent = recurrent.map(|var| matrix(tape.value(var)));
        run(neuron, input, drives, &stored, recurrent.by_ref(), Keep::Recording, &mut pool)
    };
    *tape.pool() = pool;
    let inputs = std::iter::once(input.var).chain(affine.into_iter().flatten());
    let inputs: Vec<Var> =
        inputs.chain(parameters.iter().copied()).chain(recurrent.matrices().copied()).collect();
    let form = recurrent.form();
    let op = Scan { neuron: neuron.clone(), batch: shape.batch, norm, form, saved };
    let var = tape.fused(&inputs, output.into_value(), op);
    S::leave(SequenceVar { var, batch: shape.batch }, tape)
}

/// Checks that V, and d, are made for `units` units.
#[track_caller]
pub(crate) fn check_recurrent<F>(neuron: &Neuron, units: usize, recurrent: &Recurrent<'_, F>) {
    for matrix in recurrent.matrices() {
        let name = neuron.model().name();
        assert_eq!(matrix.dim(), (units, units), "{name}: shape of the recurrent weights and delays");
    }
}

/// The output of `neuron` over `input`, of which `drives` make its currents, and what `keep` says.
#[track_caller]
fn run<F: Real>(
    neuron: &Neuron,
    (shape, input): (SequenceShape, &[F]),
    drives: Drives<'_, F>,
    parameters: &[ArrayView1<'_, F>],
    recurrent: Recurrent<'_, F>,
    keep: Keep,
    pool: &mut Pool<F>,
) -> (Sequence<F>, Blocks<F>) {
    check(neuron, shape.units, parameters);
    check_recurrent(neuron, shape.units, &recurrent);
    check_drives(drives, shape.units);
    let mut sequence = Sequence::taken(shape, pool);
    let output = sequence.values_mut();
    let run =
        RecurrentForward { neuron, parameters, recurrent, shape, drives, input, output, pool: &mut *pool };
    let saved = run.run(keep, looks_up::<F>());
    (sequence, saved)
}

/// Runs `neuron` over `input` (T, B, N) and keeps its states, without a tape. Arguments as [`scan`].
///
/// # Panics
/// As [`scan`].
#[track_caller]
pub fn forward<F: Real>(
    neuron: &Neuron,
    input: &ArrayRef3<F>,
    parameters: &[ArrayView1<'_, F>],
    recurrent: Option<Synapse<F, &ArrayRef2<F>>>,
    pool: &mut Pool<F>,
) -> Trace<F> {
    let Some(recurrent) = recurrent else {
        return colearn_neurons::forward(neuron, input, parameters, pool);
    };
    let shape = SequenceShape::of_array(input);
    let input = Sequence::from_array(input, pool);
    let of_input = (shape, input.values());
    let (sequence, blocks) = run(neuron, of_input, None, parameters, recurrent, Keep::States, pool);
    let states = blocks.into_states(neuron, shape, pool);
    input.recycle(pool);
    let output = sequence.to_array(pool);
    sequence.recycle(pool);
    Trace { output, states }
}

/// The output of `neuron` over `input` (T, B, N), with no state kept. Arguments as [`scan`]. The result may be given
/// back to `pool`.
///
/// # Panics
/// As [`scan`].
#[track_caller]
pub fn infer<F: Real>(
    neuron: &Neuron,
    input: &ArrayRef3<F>,
    parameters: &[ArrayView1<'_, F>],
    recurrent: Option<Synapse<F, &ArrayRef2<F>>>,
    pool: &mut Pool<F>,
) -> Array3<F> {
    Sequence::over_array(input, pool, |input, pool| {
        infer_sequence(neuron, input, None, parameters, recurrent, pool)
    })
}

/// The output of `neuron` over the sequence `input`, with nothing kept: of currents scale · x + shift where `affine` holds N
/// scales and N shifts, else of the inputs themselves.
///
/// # Panics
/// As [`scan`].
#[track_caller]
pub fn infer_sequence<F: Real>(
    neuron: &Neuron,
    input: &Sequence<F>,
    affine: Option<[&[F]; 2]>,
    parameters: &[ArrayView1<'_, F>],
    recurrent: Option<Synapse<F, &ArrayRef2<F>>>,
    pool: &mut Pool<F>,
) -> Sequence<F> {
    let Some(recurrent) = recurrent else {
        return colearn_neurons::infer_sequence(neuron, input, affine, parameters, pool);
    };
    let (of_input, drives) = ((input.shape(), input.values()), affine.map(Into::into));
    let (output, blocks) = run(neuron, of_input, drives, parameters, recurrent, Keep::Nothing, pool);
    blocks.recycle(pool);
    output
}

/// A recurrent scan on a tape, with what its backward pass needs. Its variables: the input, gain and bias if it is
/// normalised, the parameters, V, and d with delays.
#[derive(Debug)]
struct Scan<F> {
    neuron: Neuron,
    batch: usize,
    norm: Option<Normalisation<F>>,
    form: Synapse<F, ()>,
    saved: Blocks<F>,
}

impl<F: Real> Fused<F> for Scan<F> {
    fn name(&self) -> &'static str {
        "recurrent neuron"
    }

    fn backward(&self, pullback: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let Pullback { inputs, output, gradient, wanted, reduce, pool, .. } = pullback;
        let (neuron, norm) = (&self.neuron, self.norm.as_ref());
        let count = neuron.specs().len();
        let first = if norm.is_some() { 3 } else { 1 };
        let parameters: Vec<_> = inputs[first..first + count].iter().map(|p| vector(p)).collect();
        let mut matrices = inputs[first + count..].iter().map(|v| matrix(v));
        let recurrent: Synapse<F, ArrayView2<'_, F>> =
            self.form.map(|()| matrices.next().expect("recorded with its matrices"));
        let shape = SequenceShape::of(inputs[0], self.batch);
        let mut to_input = Sequence::taken(shape, pool);
        let g_input = to_input.values_mut();
        let mut sums = pool.take(shape.units * count);
        neuron.model().visit(RecurrentBackward {
            neuron,
            parameters: &parameters,
            recurrent: recurrent.by_ref(),
            shape,
            saved: &self.saved,
            gradient: values(gradient),
            g_current: &mut *g_input,
            g_parameters: &mut sums,
            pool,
        });
        let wanted_of_synapses = &wanted[first + count..];
        let to_synapses = recurrent::gradients(
            recurrent.by_ref(),
            values(output),
            g_input,
            shape,
            wanted_of_synapses,
            pool,
        );
        let affine = norm.map(|norm| {
            let mut g_norms = vec![[F::zero(); 2]; shape.units];
            norm.pull_back(shape, values(inputs[0]), g_input, &mut g_norms, reduce);
            affine_gradients(&g_norms, [wanted[1], wanted[2]], pool)
        });
        let to_input = if wanted[0] {
            Some(to_input.into_value())
        } else {
            to_input.recycle(pool);
            None
        };
        let mut gradients: Vec<_> = std::iter::once(to_input).chain(affine.into_iter().flatten()).collect();
        for (k, stored) in parameters.iter().enumerate() {
            gradients.push(wanted[first + k].then(|| masked(neuron, k, stored, &sums, pool)));
        }
        gradients.extend(to_synapses);
        pool.give_vec(sums);
        gradients
    }

    fn recycle(self: Box<Self>, pool: &mut Pool<F>) {
        self.saved.recycle(pool);
    }
}
