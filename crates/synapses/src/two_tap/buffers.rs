//! What a two-tap layer takes from a pool, in the words in which [`super`] takes it.

use super::convolution::{self, rows_of};
use crate::active::{Active, Counts};
use crate::block::Signals;
use crate::codes::CodeTable;
use crate::interpolation::Taps;
use crate::lag_kernels::BLOCK_STEPS;
use crate::row_kernels::Lines;
use crate::sparse;
use crate::table::Table;
use colearn_tape::simd::{BINARY_STEPS, looks_up_lagged};
use colearn_tape::{Buffers, Real, SequenceShape, StepBuffers};

/// The buffers of a layer from the units of `shape` to J = `outputs` in a training step, as if its input had units of every
/// kind and all rows were listed.
#[must_use]
pub fn buffers<F: Real>(
    (shape, input): (SequenceShape, Signals),
    outputs: usize,
    max_delay: usize,
    taps: Taps,
) -> StepBuffers {
    let inputs = shape.units;
    let (lines, synapses) = (Lines::new(shape.steps, max_delay), inputs * outputs);
    let rows = |block_steps| rows_of(shape.steps, max_delay, block_steps);
    let (counts, table) = (Counts::<F>::buffers(shape), Table::<F>::buffers(synapses));
    let active = Active::<F>::buffers(shape, input);
    let blocks = shape.blocks();
    let form = |block_steps| (rows(block_steps), lines, taps);
    let mut forward = convolution::buffers(blocks, form(BLOCK_STEPS), (inputs, outputs), false);
    if looks_up_lagged::<F>() {
        let tables = CodeTable::<F>::buffers(inputs, outputs, taps);
        let coded = convolution::buffers(blocks, form(BINARY_STEPS), (inputs, outputs), true);
        forward = forward.or(coded.and(tables));
    }
    let to_x = convolution::buffers(blocks, form(BLOCK_STEPS), (outputs, inputs), false).and(table.clone());
    let to_synapses = correlation::<F>((inputs, outputs), lines).and(counts.clone());
    StepBuffers {
        kept: Buffers::none(),
        again: active,
        forward: forward.and(counts).and(table.clone()).and(table),
        backward: to_x.or(to_synapses),
    }
}

/// What [`super::correlate`] of a layer (I, J) takes beside the listed rows and what it returns.
fn correlation<F: Real>((inputs, outputs): (usize, usize), lines: Lines) -> Buffers {
    let sums = Buffers::values(2 * inputs * outputs).and(Table::<F>::buffers(inputs * outputs));
    sums.and(sparse::buffers(inputs, outputs, lines))
}

/// What [`super::correlate`] takes where the rows of a sequence of floats are listed for it alone.
pub(crate) fn correlation_buffers<F: Real>(
    shape: SequenceShape,
    outputs: usize,
    max_delay: usize,
) -> Buffers {
    let listed = Counts::<F>::buffers(shape).and(Active::<F>::buffers(shape, Signals::Numbers));
    correlation::<F>((shape.units, outputs), Lines::new(shape.steps, max_delay)).and(listed)
}
