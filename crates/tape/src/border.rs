//! Sequences and arrays (T, B, N) on a tape, and the ways between them.

use crate::sequence::{Sequence, SequenceShape, SequenceValues, blocks, from_blocks};
use crate::{Fused, Inputs, Pool, Pullback, Real, Recompute, Tape, Var, layout};
use ndarray::{Array3, ArrayD};

/// A sequence on a tape: floats, or spikes as bits ([`crate::Spikes`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceVar {
    /// The value (block, unit, step, lane), or spikes.
    pub var: Var,
    /// B.
    pub batch: usize,
}

impl SequenceVar {
    /// Its size.
    ///
    /// # Panics
    /// If the variable is not a sequence of this tape, or forgotten.
    #[must_use]
    #[track_caller]
    pub fn shape<F: Real>(self, tape: &Tape<F>) -> SequenceShape {
        match tape.spikes(self.var) {
            Some(spikes) => spikes.shape(),
            None => SequenceShape::of(tape.value(self.var), self.batch),
        }
    }

    /// The sequence for operations that know floats alone: spikes are written as such.
    ///
    /// # Panics
    /// If the variable is not a sequence of this tape.
    #[must_use]
    #[track_caller]
    pub fn floats<F: Real>(self, tape: &mut Tape<F>) -> Self {
        if tape.spikes(self.var).is_none() {
            return self;
        }
        let (values, [], pool) = tape.workspace_of_sequence(self.var, []);
        let SequenceValues::Spikes(spikes) = values else { unreachable!("asked above") };
        let value = spikes.to_sequence(pool).into_value();
        Self { var: tape.fused(&[self.var], value, Expand), ..self }
    }

    /// Its values as an array (T, B, N).
    ///
    /// # Panics
    /// If the variable is not a sequence of this tape, or forgotten.
    #[must_use]
    #[track_caller]
    pub fn to_array<F: Real>(self, tape: &Tape<F>) -> Array3<F> {
        let pool = &mut Pool::default();
        match tape.spikes(self.var) {
            Some(spikes) => spikes.to_array(pool),
            None => from_blocks(&blocks(tape.value(self.var)), self.batch, pool),
        }
    }
}

/// What operations over sequences are recorded on: an array (T, B, N), which comes into blocks and out of them again, or
/// a sequence, which stays one.
pub trait Signal: Copy {
    /// The sequence; an array's is recorded.
    fn enter<F: Real>(self, tape: &mut Tape<F>) -> SequenceVar;
    /// The same form again.
    fn leave<F: Real>(sequence: SequenceVar, tape: &mut Tape<F>) -> Self;
}

impl Signal for SequenceVar {
    fn enter<F: Real>(self, _tape: &mut Tape<F>) -> SequenceVar {
        self
    }

    fn leave<F: Real>(sequence: SequenceVar, _tape: &mut Tape<F>) -> Self {
        sequence
    }
}

impl Signal for Var {
    #[track_caller]
    fn enter<F: Real>(self, tape: &mut Tape<F>) -> SequenceVar {
        let ([array], pool) = tape.workspace([self]);
        let array = layout::sequence(array);
        let batch = array.dim().1;
        let value = Sequence::from_array(&array, pool).into_value();
        SequenceVar { var: tape.fused(&[self], value, IntoBlocks { batch }), batch }
    }

    #[track_caller]
    fn leave<F: Real>(sequence: SequenceVar, tape: &mut Tape<F>) -> Self {
        let SequenceVar { var, batch } = sequence.floats(tape);
        let ([value], pool) = tape.workspace([var]);
        let array = from_blocks(&blocks(value), batch, pool);
        tape.fused(&[var], array.into_dyn(), OutOfBlocks { batch })
    }
}

/// From an array (T, B, N).
#[derive(Debug)]
struct IntoBlocks {
    batch: usize,
}

impl<F: Real> Fused<F> for IntoBlocks {
    fn name(&self) -> &'static str {
        "into blocks"
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        vec![p.wanted[0].then(|| from_blocks(&blocks(p.gradient), self.batch, p.pool).into_dyn())]
    }

    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        Some(self)
    }
}

impl<F: Real> Recompute<F> for IntoBlocks {
    fn recompute(&self, inputs: Inputs<'_, F>, pool: &mut Pool<F>) -> ArrayD<F> {
        Sequence::from_array(&layout::sequence(inputs.values[0]), pool).into_value()
    }
}

/// To an array (T, B, N).
#[derive(Debug)]
struct OutOfBlocks {
    batch: usize,
}

impl<F: Real> Fused<F> for OutOfBlocks {
    fn name(&self) -> &'static str {
        "out of blocks"
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        vec![Some(Sequence::from_array(&layout::sequence(p.gradient), p.pool).into_value())]
    }

    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        Some(self)
    }
}

impl<F: Real> Recompute<F> for OutOfBlocks {
    fn recompute(&self, inputs: Inputs<'_, F>, pool: &mut Pool<F>) -> ArrayD<F> {
        from_blocks(&blocks(inputs.values[0]), self.batch, pool).into_dyn()
    }
}

/// From spikes to floats.
#[derive(Debug)]
struct Expand;

impl<F: Real> Fused<F> for Expand {
    fn name(&self) -> &'static str {
        "spikes as floats"
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        vec![p.wanted[0].then(|| {
            let mut part = p.pool.array(p.gradient.shape());
            part.assign(p.gradient);
            part
        })]
    }

    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        Some(self)
    }
}

impl<F: Real> Recompute<F> for Expand {
    fn recompute(&self, inputs: Inputs<'_, F>, pool: &mut Pool<F>) -> ArrayD<F> {
        inputs.spikes[0].expect("recorded on spikes").to_sequence(pool).into_value()
    }
}
