//! The listed rows of one unit and group, of floats or of spikes.

use super::{GROUP, MASK, Row};
use colearn_tape::Real;
use colearn_tape::simd::{Word, row_of_word};

/// The listed rows of one unit and group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Listed<'a, F> {
    Floats(FloatRows<'a, F>),
    Spikes(SpikeRows<'a, F>),
}

/// Rows with their steps, in the order of time.
pub(crate) trait Rows<F>: Copy {
    /// How many.
    fn len(self) -> usize;
    /// The first `count`, or all.
    fn first(self, count: usize) -> Self;
    /// Steps and rows.
    fn iter(self) -> impl Iterator<Item = (usize, Row<F>)>;
}

/// Rows of floats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FloatRows<'a, F> {
    pub(super) steps: &'a [u32],
    pub(super) rows: &'a [Row<F>],
}

impl<F: Real> Rows<F> for FloatRows<'_, F> {
    #[inline(always)]
    fn len(self) -> usize {
        self.steps.len()
    }

    #[inline(always)]
    fn first(self, count: usize) -> Self {
        let count = count.min(self.steps.len());
        Self { steps: &self.steps[..count], rows: &self.rows[..count] }
    }

    #[inline(always)]
    fn iter(self) -> impl Iterator<Item = (usize, Row<F>)> {
        self.steps.iter().zip(self.rows).map(|(&step, &row)| (step as usize, row))
    }
}

/// Rows of spikes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpikeRows<'a, F> {
    /// Steps above bits.
    pub(super) entries: &'a [u32],
    pub(super) amplitude: F,
}

impl<F: Real> Rows<F> for SpikeRows<'_, F> {
    #[inline(always)]
    fn len(self) -> usize {
        self.entries.len()
    }

    #[inline(always)]
    fn first(self, count: usize) -> Self {
        Self { entries: &self.entries[..count.min(self.entries.len())], ..self }
    }

    #[inline(always)]
    fn iter(self) -> impl Iterator<Item = (usize, Row<F>)> {
        let amplitude = self.amplitude;
        self.entries
            .iter()
            .map(move |&entry| ((entry >> GROUP) as usize, row_of_word((entry & MASK) as Word, amplitude)))
    }
}
