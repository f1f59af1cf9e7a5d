//! What a two-tap layer takes from a pool, in the words in which [`super`] takes it.

use super::{Taps, rows_of, task_units};
use crate::active::{Active, Counts, GROUP};
use crate::codes::{self, CodeTable};
use crate::lag_kernels::BLOCK_STEPS;
use crate::packing::Rows;
use crate::row_kernels::Lines;
use crate::sparse;
use crate::table::Table;
use colearn_tape::simd::{BINARY_STEPS, looks_up_lagged};
use colearn_tape::{Buffers, LANES, Real, SequenceShape, StepBuffers};

/// What the sums of a layer (`Convolution::run`) take for I = `inputs` units that are summed at all steps, beside its tables.
fn convolution_buffers(rows: Rows, lines: Lines, inputs: usize, outputs: usize) -> Buffers {
    let tiles = outputs.div_ceil(task_units(outputs)) * lines.tile() * GROUP;
    let room = Buffers::array(inputs * rows.stride() * LANES).and(Buffers::array(tiles));
    room.and(Buffers::lanes(outputs * rows.padded_steps))
}

/// The buffers of a layer from the units of `shape` to J = `outputs` in a training step, as if its input had units of every
/// kind and all rows were listed.
#[must_use]
pub fn buffers<F: Real>(shape: SequenceShape, outputs: usize, max_delay: usize, taps: Taps) -> StepBuffers {
    let inputs = shape.units;
    let (lines, synapses) = (Lines::new(shape.steps, max_delay), inputs * outputs);
    let rows = |block_steps| rows_of(shape.steps, max_delay, block_steps);
    let (counts, table) = (Counts::<F>::buffers(shape), Table::<F>::buffers(synapses));
    let active = Active::<F>::buffers(shape);
    let mut forward = convolution_buffers(rows(BLOCK_STEPS), lines, inputs, outputs);
    if looks_up_lagged::<F>() {
        let (rows, width) = (rows(BINARY_STEPS), inputs.next_multiple_of(codes::group(taps)));
        let codes = Buffers::indices(width * rows.stride() * codes::WORDS);
        let tables = CodeTable::<F>::buffers(inputs, outputs, taps).and(codes);
        forward = forward.or(convolution_buffers(rows, lines, inputs, outputs).and(tables));
    }
    let to_x = convolution_buffers(rows(BLOCK_STEPS), lines, outputs, inputs).and(table.clone());
    let to_synapses = Buffers::values(2 * synapses).and(table.clone());
    let to_synapses = to_synapses.and(sparse::buffers(inputs, outputs, lines)).and(counts.clone());
    StepBuffers {
        kept: Buffers::none(),
        again: active,
        forward: forward.and(counts).and(table.clone()).and(table),
        backward: to_x.or(to_synapses),
    }
}
