//! Spikes: a sequence of which every value is zero or the amplitude, kept as bits.

use super::{Sequence, SequenceShape, values};
use crate::{LANES, Pool, Real};
use colearn_simd::{Kernel, Level, Word, dispatch, row_of_word};
use ndarray::{Array3, ArrayD};
use rayon::prelude::*;

/// A binary sequence: a [`Word`] for a unit and a step of a block, in the order (block, unit, step). A thirty-second of
/// what single-precision floats take.
#[derive(Debug)]
pub struct Spikes<F> {
    /// Words, two in each: a buffer of the pool.
    buffer: Vec<u32>,
    shape: SequenceShape,
    amplitude: F,
}

impl<F: Real> Spikes<F> {
    /// Spikes of left-over words: write every one. Bits of lanes without a sample are zero.
    #[must_use]
    pub fn taken(shape: SequenceShape, amplitude: F, pool: &mut Pool<F>) -> Self {
        Self { buffer: pool.take_indices((shape.len() / LANES).div_ceil(2)), shape, amplitude }
    }

    /// Its size.
    #[must_use]
    pub fn shape(&self) -> SequenceShape {
        self.shape
    }

    /// The value where a bit is set.
    #[must_use]
    pub fn amplitude(&self) -> F {
        self.amplitude
    }

    /// All words, block after block, and of a block unit after unit.
    #[must_use]
    pub fn words(&self) -> &[Word] {
        &bytemuck::cast_slice(&self.buffer)[..self.shape.len() / LANES]
    }

    /// All words for writing.
    #[must_use]
    pub fn words_mut(&mut self) -> &mut [Word] {
        &mut bytemuck::cast_slice_mut(&mut self.buffer)[..self.shape.len() / LANES]
    }

    /// The words of one unit of a block, step after step.
    ///
    /// # Panics
    /// If there is no such block or unit.
    #[must_use]
    #[track_caller]
    pub fn unit(&self, block: usize, unit: usize) -> &[Word] {
        let SequenceShape { steps, units, .. } = self.shape;
        &self.words()[(block * units + unit) * steps..][..steps]
    }

    /// The same signal as floats.
    #[must_use]
    pub fn to_sequence(&self, pool: &mut Pool<F>) -> Sequence<F> {
        let mut sequence = Sequence::taken(self.shape, pool);
        let steps = self.shape.steps.max(1);
        let units = sequence.values_mut().par_chunks_mut(steps * LANES).zip(self.words().par_chunks(steps));
        units.with_min_len(16).for_each(|(rows, words)| {
            dispatch(Expand { words, amplitude: self.amplitude, rows: rows.as_chunks_mut().0 });
        });
        sequence
    }

    /// As an array (T, B, N).
    #[must_use]
    pub fn to_array(&self, pool: &mut Pool<F>) -> Array3<F> {
        let sequence = self.to_sequence(pool);
        let array = sequence.to_array(pool);
        sequence.recycle(pool);
        array
    }

    /// Gives the buffer back.
    pub fn recycle(self, pool: &mut Pool<F>) {
        pool.give_indices(self.buffer);
    }
}

/// Writes words as rows.
struct Expand<'a, F> {
    words: &'a [Word],
    amplitude: F,
    rows: &'a mut [[F; LANES]],
}

impl<F: Real> Kernel for Expand<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for (row, &word) in self.rows.iter_mut().zip(self.words) {
            *row = row_of_word(word, self.amplitude);
        }
    }
}

/// What a sequence on a tape holds.
#[derive(Clone, Copy, Debug)]
pub enum SequenceValues<'a, F> {
    /// Floats, block after block.
    Floats(&'a [F]),
    /// Zeros and one amplitude.
    Spikes(&'a Spikes<F>),
}

impl<'a, F: Real> SequenceValues<'a, F> {
    pub(crate) fn of(value: &'a ArrayD<F>, spikes: Option<&'a Spikes<F>>) -> Self {
        spikes.map_or_else(|| Self::Floats(values(value)), Self::Spikes)
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(self) -> bool {
        match self {
            Self::Floats(values) => values.is_empty(),
            Self::Spikes(spikes) => spikes.shape().is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fused, Pullback, SequenceVar, Signal, Tape, Var};

    const SHAPE: SequenceShape = SequenceShape { steps: 3, batch: 19, units: 5 };

    fn fires(t: usize, b: usize, n: usize) -> bool {
        (t * 7 + b * 5 + n * 3).is_multiple_of(4)
    }

    fn spikes(pool: &mut Pool<f64>) -> Spikes<f64> {
        let mut spikes = Spikes::taken(SHAPE, 1.25, pool);
        for (at, word) in spikes.words_mut().iter_mut().enumerate() {
            let (t, n, k) =
                (at % SHAPE.steps, at / SHAPE.steps % SHAPE.units, at / SHAPE.steps / SHAPE.units);
            let fired = |lane: &usize| k * LANES + lane < SHAPE.batch && fires(t, k * LANES + lane, n);
            *word = (0..LANES).filter(fired).fold(0, |word, lane| word | 1 << lane);
        }
        spikes
    }

    #[test]
    fn bits_are_the_samples_of_each_unit_and_step() {
        let pool = &mut Pool::default();
        let found = spikes(pool);
        for ((t, b, n), x) in found.to_array(pool).indexed_iter() {
            assert_eq!(x.to_bits(), if fires(t, b, n) { 1.25f64 } else { 0.0 }.to_bits());
            let word = found.unit(b / LANES, n)[t];
            assert_eq!(word >> (b % LANES) & 1 == 1, fires(t, b, n));
        }
        let before = pool.allocated_bytes();
        found.recycle(pool);
        let _again = spikes(pool);
        assert_eq!(pool.allocated_bytes(), before, "a buffer that came back");
    }

    /// Spikes that come from nowhere, and whose gradient is that of a weight.
    #[derive(Debug)]
    struct Source;

    impl Fused<f64> for Source {
        fn name(&self) -> &'static str {
            "source of spikes"
        }

        fn backward(&self, p: Pullback<'_, f64>) -> Vec<Option<ArrayD<f64>>> {
            assert_eq!(p.gradient.shape(), SHAPE.dim());
            vec![Some(ArrayD::from_elem(vec![1], p.gradient.sum()))]
        }
    }

    fn recorded(tape: &mut Tape<f64>) -> (Var, SequenceVar) {
        let leaf = tape.leaf(&ndarray::arr1(&[1.0]));
        let value = spikes(tape.pool());
        let var = tape.fused_spikes(&[leaf], value, Source);
        (leaf, SequenceVar { var, batch: SHAPE.batch })
    }

    #[test]
    fn spikes_on_a_tape_have_a_gradient_of_floats() {
        let mut tape = Tape::new();
        let (leaf, sequence) = recorded(&mut tape);
        assert_eq!(sequence.shape(&tape), SHAPE);
        let expected = sequence.to_array(&tape);
        let array = Var::leave(sequence, &mut tape);
        assert_eq!(tape.value(array), &expected.clone().into_dyn());
        let square = tape.square(array);
        let loss = tape.sum(square);
        tape.backward(loss);
        approx::assert_abs_diff_eq!(tape.gradient(leaf).expect("a leaf").sum(), 2.0 * expected.sum());
        let floats = sequence.floats(&mut tape);
        assert_eq!(floats.to_array(&tape), expected);
        assert_eq!(floats.floats(&mut tape), floats);
        // Buffers come back.
        tape.reset();
        let allocated = tape.pool().allocated_bytes();
        let (_, sequence) = recorded(&mut tape);
        let _ = sequence.floats(&mut tape);
        assert_eq!(tape.pool().allocated_bytes(), allocated);
    }

    #[test]
    #[should_panic(expected = "spikes")]
    fn spikes_are_not_taken_for_an_array() {
        let mut tape = Tape::new();
        let (_, sequence) = recorded(&mut tape);
        let _ = tape.square(sequence.var);
    }
}
