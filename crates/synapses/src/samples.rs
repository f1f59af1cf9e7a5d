//! The rows of a signal, whatever it is: sixteen samples of one unit and step as floats, or as the bits of a word.

use colearn_tape::sequence::SequenceValues;
use colearn_tape::simd::Word;
use colearn_tape::{LANES, Real};
use std::ops::Range;

/// Rows of samples in the order of a sequence: (block, unit, step).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Samples<'a, F> {
    /// Any numbers.
    Floats(&'a [[F; LANES]]),
    /// Zeros and this amplitude.
    Spikes(&'a [Word], F),
}

impl<'a, F: Real> Samples<'a, F> {
    /// All rows of a sequence of floats.
    pub(crate) fn of_floats(values: &'a [F]) -> Self {
        Self::Floats(values.as_chunks().0)
    }

    /// All rows of a sequence.
    pub(crate) fn of(values: SequenceValues<'a, F>) -> Self {
        match values {
            SequenceValues::Floats(values) => Self::of_floats(values),
            SequenceValues::Spikes(spikes) => Self::Spikes(spikes.words(), spikes.amplitude()),
        }
    }

    /// Some of the rows.
    #[inline(always)]
    pub(crate) fn rows(self, range: Range<usize>) -> Self {
        match self {
            Self::Floats(rows) => Self::Floats(&rows[range]),
            Self::Spikes(words, amplitude) => Self::Spikes(&words[range], amplitude),
        }
    }

    /// Number of rows.
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Floats(rows) => rows.len(),
            Self::Spikes(words, _) => words.len(),
        }
    }

    /// Parts of `len` rows, one after the other; what is left at the end is none.
    pub(crate) fn parts(self, len: usize) -> impl Iterator<Item = Self> {
        let count = self.len() / len.max(1);
        (0..count).map(move |k| self.rows(k * len..(k + 1) * len))
    }
}
