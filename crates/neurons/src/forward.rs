//! The forward scan over time of units that do not see each other.
//!
//! Parallel over pairs of blocks and [`UNITS`] units; of a pair's samples of a unit (see [`crate::chunk`]) one loop over time
//! with the state in the first-level cache. Work: steps × batch × units times the model's ten or so operations; the reads
//! and writes of memory are what it costs.

use crate::Neuron;
use crate::chunk::{self, Chunk, Drive, Drives, Pair, Running, drive};
use crate::dynamics::{Dynamics, Values};
use crate::fire::{Fire, Membrane, Output};
use crate::models::Visitor;
use crate::shape::clamped;
use colearn_tape::simd::{Kernel, Level, Word, dispatch, word_of_row};
use colearn_tape::{LANES, Real, SequenceShape};
use ndarray::ArrayView1;
use rayon::prelude::*;

/// Units a task works on. Fixed: results cannot depend on the number of threads.
pub(crate) const UNITS: usize = 4;

/// Where outputs go.
#[derive(Debug)]
pub(crate) enum OutputMut<'a, F> {
    /// Rows of floats.
    Floats(&'a mut [F]),
    /// A word a unit and step of a block, of spikes alone.
    Spikes(&'a mut [Word]),
}

/// How outputs are kept.
pub(crate) trait Form<F> {
    /// What they are kept in.
    type Item: Send;
    /// Items of a unit, step and block.
    const LEN: usize;
    /// Writes a chunk's outputs at step `t` to the items of both blocks.
    fn store(chunk: &Chunk<F>, items: &mut [&mut [Self::Item]], t: usize);
}

/// As floats.
pub(crate) struct Floats;

impl<F: Real> Form<F> for Floats {
    type Item = F;
    const LEN: usize = LANES;

    #[inline(always)]
    fn store(chunk: &Chunk<F>, items: &mut [&mut [F]], t: usize) {
        chunk::store(chunk, items, t);
    }
}

/// As words.
pub(crate) struct Bits;

impl<F: Real> Form<F> for Bits {
    type Item = Word;
    const LEN: usize = 1;

    #[inline(always)]
    fn store(chunk: &Chunk<F>, items: &mut [&mut [Word]], t: usize) {
        for (words, row) in items.iter_mut().zip(chunk.as_chunks::<LANES>().0) {
            if let Some(word) = words.get_mut(t) {
                *word = word_of_row(row);
            }
        }
    }
}

/// Runs a neuron over a sequence.
#[derive(Debug)]
pub(crate) struct Forward<'a, F> {
    pub(crate) neuron: &'a Neuron,
    pub(crate) parameters: &'a [ArrayView1<'a, F>],
    pub(crate) shape: SequenceShape,
    /// What turns inputs into currents.
    pub(crate) drives: Drives<'a, F>,
    /// Inputs.
    pub(crate) input: &'a [F],
    /// Receives the outputs.
    pub(crate) output: OutputMut<'a, F>,
    /// Receives the states before the spike, (block, unit, variable, step, lane); `None` if nobody needs them.
    pub(crate) states: Option<&'a mut [F]>,
}

impl<F: Real> Visitor for Forward<'_, F> {
    type Output = ();

    fn visit<D: Dynamics>(self) {
        let Self { neuron, parameters, shape, drives, input, output, states } = self;
        let run = Run { neuron, parameters, shape, drives, input, states };
        match (Output::of::<D>(neuron), output) {
            (Output::Spike(step, _), OutputMut::Spikes(to)) if D::SPIKING => run.run::<D, _, Bits>(step, to),
            (_, OutputMut::Spikes(_)) => unreachable!("only spikes are kept as bits"),
            (Output::Membrane, OutputMut::Floats(to)) => run.run::<D, _, Floats>(Membrane, to),
            (Output::Spike(step, _), OutputMut::Floats(to)) if D::SPIKING => {
                run.run::<D, _, Floats>(step, to);
            }
            (Output::Soft(soft), OutputMut::Floats(to)) if D::SPIKING => run.run::<D, _, Floats>(soft, to),
            (Output::Spike(..) | Output::Soft(..), _) => {
                unreachable!("a model without spikes sends out its membrane")
            }
        }
    }
}

/// [`Forward`] without its output, whose form is known by then.
struct Run<'a, F> {
    neuron: &'a Neuron,
    parameters: &'a [ArrayView1<'a, F>],
    shape: SequenceShape,
    drives: Drives<'a, F>,
    input: &'a [F],
    states: Option<&'a mut [F]>,
}

/// What a task writes: the outputs of some units in a pair of blocks, and their states.
struct Task<'a, F, T> {
    /// The blocks.
    blocks: [usize; 2],
    /// Number of the first unit.
    first: usize,
    output: [&'a mut [T]; 2],
    states: [&'a mut [F]; 2],
}

/// Pairs of blocks, and of each pair units in parts of [`UNITS`]; of a sequence with `len` floats a unit.
fn split<F>(values: &mut [F], (units, len): (usize, usize)) -> impl Iterator<Item = [&mut [F]; 2]> {
    let (block, part) = ((units * len).max(1), (UNITS * len).max(1));
    values.chunks_mut(2 * block).flat_map(move |pair| {
        let (first, second) = pair.split_at_mut(block);
        let second = second.chunks_mut(part).chain(std::iter::repeat_with(Default::default));
        first.chunks_mut(part).zip(second).map(|(first, second)| [first, second])
    })
}

impl<F: Real> Run<'_, F> {
    fn run<D: Dynamics, A: Fire<F>, O: Form<F>>(self, fire: A, output: &mut [O::Item]) {
        let Self { neuron, parameters, shape, drives, input, states } = self;
        if shape.is_empty() {
            return;
        }
        let parameters = clamped::<F, D>(neuron, parameters, shape.units);
        let (len, of_output, saves) = (shape.unit_len(), shape.steps * O::LEN, states.is_some());
        let states = split(states.unwrap_or_default(), (shape.units, D::STATES * len));
        let states = states.chain(std::iter::repeat_with(Default::default));
        let places = chunk::pairs(shape)
            .flat_map(|blocks| (0..shape.units).step_by(UNITS).map(move |first| (blocks, first)));
        let tasks = split(output, (shape.units, of_output)).zip(states).zip(places);
        let tasks: Vec<_> =
            tasks.map(|((output, states), (blocks, first))| Task { blocks, first, output, states }).collect();
        tasks.into_par_iter().for_each(|Task { blocks, first, output, states }| {
            let [first_output, second_output] = output;
            let [first_states, second_states] = states;
            let units = first_output.len() / of_output;
            let mut outputs = [first_output.chunks_mut(of_output), second_output.chunks_mut(of_output)];
            let of_states = D::STATES * len;
            let mut states = [first_states.chunks_mut(of_states), second_states.chunks_mut(of_states)];
            for (n, &p) in parameters.iter().enumerate().skip(first).take(units) {
                let output = outputs.each_mut().map(|units| units.next().unwrap_or_default());
                let states = states.each_mut().map(|units| units.next().unwrap_or_default());
                let drive = drive(drives, n);
                let input = chunk::rows_of(input, shape, blocks, n);
                let samples = chunk::samples(shape, blocks[0]);
                if saves {
                    dispatch(Unit::<F, D, A, O, true> { p, fire, drive, samples, input, output, states });
                } else {
                    dispatch(Unit::<F, D, A, O, false> { p, fire, drive, samples, input, output, states });
                }
            }
        });
    }
}

/// One unit in a pair of blocks.
pub(crate) struct Unit<'a, F: Real, D: Dynamics, A, O: Form<F>, const SAVE: bool> {
    pub(crate) p: D::Parameters<F>,
    pub(crate) fire: A,
    pub(crate) drive: Drive<F>,
    /// Lanes of the pair that hold a sample.
    pub(crate) samples: usize,
    pub(crate) input: Pair<'a, F>,
    pub(crate) output: [&'a mut [O::Item]; 2],
    /// Variable after variable.
    pub(crate) states: [&'a mut [F]; 2],
}

impl<F, D, A, O, const SAVE: bool> Kernel for Unit<'_, F, D, A, O, SAVE>
where
    F: Real,
    D: Dynamics,
    A: Fire<F>,
    O: Form<F>,
{
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { p, fire, drive, samples, input, mut output, mut states } = self;
        let steps = input[0].len() / LANES;
        let mut running = Running::<F, D>::start();
        let (mut before, mut x): (_, Chunk<F>) = (running.state, running.output);
        for t in 0..steps {
            chunk::load(input, t, &mut x);
            running.step(&p, fire, drive, &x, &mut before);
            // What belongs to no sample is zero in every sequence. It has no part in other samples, so that the neurons of
            // these lanes may go on with whatever they sent.
            let mut sent = running.output;
            chunk::mask(&mut sent, samples);
            O::store(&sent, &mut output, t);
            if SAVE {
                for k in 0..D::STATES {
                    chunk::store(before.get_ref(k), &mut states, k * steps + t);
                }
            }
        }
    }
}
