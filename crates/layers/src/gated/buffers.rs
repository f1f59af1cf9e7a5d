//! What a gated layer takes from a pool, in the words in which [`super`] takes it.

use super::GatedModel;
use colearn_tape::product::{self, Form};
use colearn_tape::{Buffers, LANES, SequenceShape, StepBuffers};

/// The buffers of a recorded gated layer, normalised or not, over a sequence of its units in a training step, beside its
/// input, its output and their gradients.
#[must_use]
pub fn gated_buffers(model: GatedModel, shape: SequenceShape) -> StepBuffers {
    let SequenceShape { steps, units, .. } = shape;
    let (all, rows) = (shape.blocks(), steps * model.gates() * units);
    let weights = || Buffers::values(model.gates() * units * units);
    let has_resets = model == GatedModel::Gru;
    let kept_rows = if has_resets { steps * units } else { 1 };
    let kept = Buffers::values(if has_resets { shape.len() } else { 0 });
    let blocks = Buffers::lanes(all * rows).and(Buffers::lanes(all * kept_rows));
    let scan = blocks.and(Buffers::lanes(all * 3 * units)).and(weights());
    let columns = (all, steps.saturating_sub(1) * LANES);
    let product = |outputs| {
        let [_, over_columns] = product::scratch(Form::Dense, units, outputs, columns);
        over_columns
    };
    let to_weights = product(units).or(product((model.gates() - 1) * units));
    StepBuffers {
        kept: Buffers::lanes(all * rows),
        again: Buffers::none(),
        forward: Buffers::lanes(all * steps * units).and(Buffers::lanes(all * units)).and(weights()),
        backward: scan.or(to_weights).and(kept),
    }
}
