//! Recurrence as composition: any model driven by what its layer's units sent before.
//!
//! ```text
//! current[t, j] = I[t, j] + Σ_{i≠j} V[i, j] s[t−1, i]                               without delays
//! current[t, j] = I[t, j] + Σ_{i≠j} V[i, j] Σ_l κ_l(d[i, j]) s[t−1−l, i]            l = 0 … D
//! ```
//!
//! With delays it is DelRec's recurrence (A. Queant et al. 2025) with the κ of [`colearn_synapses::interpolation`]; where all
//! delays are zero it is the first one, but for the factor 1/(1 + 10⁻⁷) of κ.
//!
//! Units see each other, so that tasks are blocks of sixteen samples instead of chunks of units: inside a block, time
//! runs outside and units run inside. Gradients, with g[t] = ∂L/∂current[t] (which is also ∂L/∂I[t]): s[t−1, i] gets
//! Σ_j V[i, j] g[t, j], and V[i, j] gets Σ_t,b s[t−1, b, i] g[t, b, j], one matrix product over the whole sequence
//! after the scan, by events where spikes are few. With delays, time runs backwards through the same sums of taps
//! ([`colearn_synapses::steps`]), and V and d get what a feed-forward delayed layer would give them that read s one step
//! later. Without delays, sums of spikes are looked up where the machine does that faster. The diagonals of V and d are
//! neither used nor trained: a neuron's own past is its dynamics' business.
//!
//! Work: 2·steps·batch·units² for the product, each way, and as much for ∂L/∂V; with delays times the taps of a synapse.

mod buffers;
mod kept;
mod kernels;
mod packing;
mod weights;

pub(crate) use buffers::buffers;
use colearn_neurons::Neuron;
use colearn_neurons::driver::{Drives, Dynamics, Fire, Membrane, Output, Visitor, clamped};
use colearn_synapses::Synapse;
use colearn_tape::simd::dispatch;
use colearn_tape::{LANES, Lanes, Pool, Real, SequenceShape};
pub(crate) use kept::Keep;
use kept::Room;
pub(crate) use kernels::add_product;
use kernels::{BackwardBlocks, ForwardBlocks, segment_scratch};
use ndarray::{Array4, ArrayRef2, ArrayView1};
use packing::pack;
pub(crate) use packing::unpack;
use rayon::prelude::*;
use weights::Packed;
pub(crate) use weights::{adds_by_table, gradients, shifted};

/// The synapses between a layer's units: V, and d with delays, (N, N).
pub(crate) type Recurrent<'a, F> = Synapse<F, &'a ArrayRef2<F>>;

/// What a recurrent scan saves, sixteen samples side by side.
#[derive(Debug)]
pub(crate) struct Blocks<F> {
    /// Total current: (block, T, N).
    currents: Vec<Lanes<F>>,
    /// States before the spike, (block, T, variable, N); of a recording those of the last step of each segment but the
    /// last, (block, segments − 1, variable, N).
    states: Vec<Lanes<F>>,
}

impl<F: Real> Blocks<F> {
    /// The states (variable, T, B, N) of a run that kept all of them ([`Keep::States`]).
    pub(crate) fn into_states(self, neuron: &Neuron, shape: SequenceShape, pool: &mut Pool<F>) -> Array4<F> {
        let variables = neuron.model().states();
        let dim = (variables, shape.steps, shape.batch, shape.units);
        let states = Array4::from_shape_fn(dim, |(variable, t, b, n)| {
            let step = b / LANES * shape.steps + t;
            self.states[(step * variables + variable) * shape.units + n].0[b % LANES]
        });
        self.recycle(pool);
        states
    }

    pub(crate) fn recycle(self, pool: &mut Pool<F>) {
        pool.give_lanes(self.currents);
        pool.give_lanes(self.states);
    }
}

/// Most blocks in a task. Forward they share reads of tables of weights, backward the scratch of a segment.
const TASK_BLOCKS: usize = 4;

/// Blocks in a task, so that all threads have as many as possible; one with delays, whose history fills a cache. What is
/// computed does not depend on it.
fn task_blocks<F>(all: usize, recurrent: &Recurrent<'_, F>) -> usize {
    let most = if matches!(recurrent, Synapse::Dense { .. }) { TASK_BLOCKS } else { 1 };
    let threads = rayon::current_num_threads();
    let rounds = all.div_ceil(threads * most).max(1);
    all.div_ceil(threads * rounds).clamp(1, most)
}

/// Runs a recurrent layer over a sequence.
#[derive(Debug)]
pub(crate) struct RecurrentForward<'a, F> {
    pub(crate) neuron: &'a Neuron,
    pub(crate) parameters: &'a [ArrayView1<'a, F>],
    pub(crate) recurrent: Recurrent<'a, F>,
    pub(crate) shape: SequenceShape,
    /// What turns inputs into currents.
    pub(crate) drives: Drives<'a, F>,
    /// Inputs.
    pub(crate) input: &'a [F],
    /// Receives the outputs.
    pub(crate) output: &'a mut [F],
    pub(crate) pool: &'a mut Pool<F>,
}

impl<F: Real> RecurrentForward<'_, F> {
    /// Runs and returns what `keep` says, or buffers without meaning; sums of spikes are looked up if `looks_up`.
    pub(crate) fn run(self, keep: Keep, looks_up: bool) -> Blocks<F> {
        let Self { neuron, parameters, recurrent, shape, drives, input, output, pool } = self;
        let (all, row) = (shape.blocks(), neuron.model().states() * shape.units);
        let room = Room::of(keep, shape.steps);
        let mut saved = Saved {
            currents: pool.take_lanes(all * room.currents * shape.units),
            states: pool.take_lanes(all * room.states * row),
            marks: pool.take_lanes(all * room.mark_lanes(row)),
        };
        if shape.is_empty() {
            return saved.kept(keep, pool);
        }
        let mut spikes = pool.take_lanes(all * shape.steps * shape.units);
        pack(input, shape, drives, &mut spikes);
        let (saved_out, spikes_out) = (&mut saved, &mut spikes[..]);
        let run = Run {
            neuron,
            parameters,
            recurrent,
            shape,
            room,
            looks_up,
            saved: saved_out,
            spikes: spikes_out,
            pool: &mut *pool,
        };
        neuron.model().visit(run);
        unpack(&spikes, shape, output);
        pool.give_lanes(spikes);
        saved.kept(keep, pool)
    }
}

/// What the forward pass writes.
struct Saved<F> {
    currents: Vec<Lanes<F>>,
    states: Vec<Lanes<F>>,
    /// States at the end of segments.
    marks: Vec<Lanes<F>>,
}

impl<F: Real> Saved<F> {
    fn kept(self, keep: Keep, pool: &mut Pool<F>) -> Blocks<F> {
        let Self { currents, states, marks } = self;
        let (states, other) = if keep == Keep::Recording { (marks, states) } else { (states, marks) };
        pool.give_lanes(other);
        Blocks { currents, states }
    }
}

/// The forward pass with its buffers.
struct Run<'a, F> {
    neuron: &'a Neuron,
    parameters: &'a [ArrayView1<'a, F>],
    recurrent: Recurrent<'a, F>,
    shape: SequenceShape,
    room: Room,
    /// Whether outputs that are 0 or 1 are looked up.
    looks_up: bool,
    saved: &'a mut Saved<F>,
    spikes: &'a mut [Lanes<F>],
    pool: &'a mut Pool<F>,
}

impl<F: Real> Visitor for Run<'_, F> {
    type Output = ();

    fn visit<D: Dynamics>(self) {
        match Output::of::<D>(self.neuron) {
            Output::Membrane => self.run::<D, _>(Membrane),
            Output::Spike(step, _) if D::SPIKING => self.run::<D, _>(step),
            Output::Soft(soft) if D::SPIKING => self.run::<D, _>(soft),
            Output::Spike(..) | Output::Soft(..) => {
                unreachable!("a model without spikes sends out its membrane")
            }
        }
    }
}

impl<F: Real> Run<'_, F> {
    fn run<D: Dynamics, A: Fire<F>>(self, fire: A) {
        let Self { neuron, parameters, recurrent, shape, room, looks_up, saved, spikes, pool } = self;
        let parameters = clamped::<F, D>(neuron, parameters, shape.units);
        let (all, row) = (shape.blocks(), D::STATES * shape.units);
        let packed = Packed::forward(recurrent, adds_by_table::<F, A>(looks_up), pool);
        let own = packed.block_scratch(shape.units);
        let mut scratch = pool.take_lanes(all * own);
        let width = task_blocks(all, &recurrent);
        let currents = saved.currents.par_chunks_mut(width * room.currents * shape.units);
        let states = saved.states.par_chunks_mut(width * room.states * row);
        let marks = saved.marks.par_chunks_mut(width * room.mark_lanes(row));
        let buffers = currents.zip(states).zip(marks).zip(scratch.par_chunks_mut(width * own));
        let spikes = spikes.par_chunks_mut(width * shape.steps * shape.units);
        spikes.zip(buffers).for_each(|(spikes, (((currents, states), marks), scratch))| {
            dispatch(ForwardBlocks::<F, D, A> {
                parameters: &parameters,
                fire,
                weights: packed.weights(),
                shape,
                room,
                currents,
                states,
                marks,
                spikes,
                scratch,
            });
        });
        packed.recycle(pool);
        pool.give_lanes(scratch);
    }
}

/// Pulls ∂L/∂output of a recurrent layer back to its input currents and the parameters.
#[derive(Debug)]
pub(crate) struct RecurrentBackward<'a, F> {
    pub(crate) neuron: &'a Neuron,
    pub(crate) parameters: &'a [ArrayView1<'a, F>],
    pub(crate) recurrent: Recurrent<'a, F>,
    pub(crate) shape: SequenceShape,
    pub(crate) saved: &'a Blocks<F>,
    /// ∂L/∂output.
    pub(crate) gradient: &'a [F],
    /// Receives ∂L/∂current.
    pub(crate) g_current: &'a mut [F],
    /// Receives ∂L/∂(value used), unit by unit, parameter by parameter; not masked.
    pub(crate) g_parameters: &'a mut [F],
    pub(crate) pool: &'a mut Pool<F>,
}

impl<F: Real> Visitor for RecurrentBackward<'_, F> {
    type Output = ();

    fn visit<D: Dynamics>(self) {
        let Self { neuron, shape, saved, pool, .. } = self;
        self.g_parameters.fill(F::zero());
        if shape.is_empty() {
            return;
        }
        let output = Output::of::<D>(neuron);
        let parameters = clamped::<F, D>(neuron, self.parameters, shape.units);
        let packed = Packed::backward(self.recurrent, pool);
        let (all, rows) = (shape.blocks(), shape.steps * shape.units);
        let mut g_currents = pool.take_lanes(all * rows);
        pack(self.gradient, shape, None, &mut g_currents);
        let width = task_blocks(all, &self.recurrent);
        let room = segment_scratch(D::STATES, shape.units) + packed.history();
        let mut scratch = pool.take_lanes(all.div_ceil(width) * room);
        let mut sums = pool.take_lanes(all * D::PARAMETERS * shape.units);
        // Without marks there is one register a block: see `Room::mark_lanes`.
        let marks = Room::of(Keep::Recording, shape.steps).mark_lanes(D::STATES * shape.units);
        let saved = saved.currents.par_chunks(width * rows).zip(saved.states.par_chunks(width * marks));
        g_currents
            .par_chunks_mut(width * rows)
            .zip(scratch.par_chunks_mut(room))
            .zip(sums.par_chunks_mut(width * D::PARAMETERS * shape.units))
            .zip(saved)
            .for_each(|(((g_currents, scratch), sums), (currents, marks))| {
                dispatch(BackwardBlocks::<F, D> {
                    parameters: &parameters,
                    output,
                    weights: packed.weights(),
                    shape,
                    currents,
                    marks,
                    g_currents,
                    scratch,
                    sums,
                });
            });
        unpack(&g_currents, shape, self.g_current);
        for (k, sums) in sums.chunks(D::PARAMETERS * shape.units).enumerate() {
            for (total, lanes) in self.g_parameters.iter_mut().zip(sums) {
                *total += lanes.0[..shape.samples(k)].iter().fold(F::zero(), |sum, &x| sum + x);
            }
        }
        pool.give_lanes(g_currents);
        pool.give_lanes(scratch);
        pool.give_lanes(sums);
        packed.recycle(pool);
    }
}

#[cfg(test)]
mod tests;
