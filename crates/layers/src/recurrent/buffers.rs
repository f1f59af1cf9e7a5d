//! What a recurrent scan takes from a pool, in the words in which [`super`] takes it.

use super::kept::{Keep, Room};
use super::kernels::{look_up_scratch, segment_scratch};
use super::weights::table_lanes;
use colearn_neurons::NeuronModel;
use colearn_synapses::Synapse;
use colearn_tape::simd::looks_up;
use colearn_tape::{Buffers, LANES, Real, SequenceShape, StepBuffers, product};

/// The buffers of a recurrent layer of `model` in a training step, beside its input, its output and their gradients.
pub(crate) fn buffers<F: Real>(
    model: NeuronModel,
    shape: SequenceShape,
    recurrent: Synapse<F, ()>,
) -> StepBuffers {
    let SequenceShape { steps, units, .. } = shape;
    let (all, states, parameters) = (shape.blocks(), model.states(), model.specs().len() * units);
    let g_currents = Buffers::lanes(all * steps * units);
    let (packed, history, to_synapses) = match recurrent {
        Synapse::Dense { .. } => {
            let [_, product] = product::scratch_of_any(units, units, (all, steps.saturating_sub(1) * LANES));
            (Buffers::values(units * units), 0, product)
        }
        Synapse::Delayed { form, .. } => {
            let (table, history) = form.step_buffers(units);
            (table, history, form.correlation_buffers(shape, units).and(Buffers::sequence(shape)))
        }
    };
    // A task of one block; where tasks have more, there are fewer of them.
    let segments = Buffers::lanes(all * (segment_scratch(states, units) + history));
    let sums = Buffers::lanes(all * parameters).and(Buffers::values(parameters));
    let scan = g_currents.and(segments).and(sums).and(packed);
    let forward = |looks_up| of_forward(states, shape, recurrent, looks_up);
    StepBuffers {
        kept: kept(states, shape),
        again: Buffers::none(),
        forward: forward(false).or(forward(looks_up::<F>())),
        backward: scan.or(to_synapses.and(Buffers::values(parameters))),
    }
}

/// Currents and marks of a recording.
pub(super) fn kept(states: usize, shape: SequenceShape) -> Buffers {
    let (all, room) = (shape.blocks(), Room::of(Keep::Recording, shape.steps));
    let marks = Buffers::lanes(all * room.mark_lanes(states * shape.units));
    Buffers::lanes(all * room.currents * shape.units).and(marks)
}

/// Scratch of the forward pass of a recording: states of a step, V, outputs in blocks, and what looking up needs, or delays.
pub(super) fn of_forward<F: Real>(
    states: usize,
    shape: SequenceShape,
    recurrent: Synapse<F, ()>,
    looks_up: bool,
) -> Buffers {
    let (all, units) = (shape.blocks(), shape.units);
    let room = Room::of(Keep::Recording, shape.steps);
    let (weights, own) = match recurrent {
        Synapse::Dense { .. } => {
            let (tables, own) = if looks_up { (table_lanes(units), look_up_scratch(units)) } else { (0, 1) };
            (Buffers::values(units * units).and(Buffers::lanes(tables)), own)
        }
        Synapse::Delayed { form, .. } => form.step_buffers(units),
    };
    let outputs = Buffers::lanes(all * shape.steps * units);
    Buffers::lanes(all * room.states * states * units)
        .and(weights)
        .and(Buffers::lanes(all * own))
        .and(outputs)
}
