//! Dropout: outputs set to zero at random in training, the rest scaled to keep the mean.
//!
//! y = m x / (1 − p) with m ∈ {0, 1}, P(m = 0) = p; the gradient takes the same factors (N. Srivastava et al. 2014).

use crate::config::DropoutMask;
use colearn_tape::sequence::{SequenceValues, values};
use colearn_tape::simd::{Kernel, Level, Word, dispatch, row_of_word};
use colearn_tape::{
    Fused, Inputs, LANES, Lanes, Pool, Pullback, Real, Recompute, Sequence, SequenceShape, SequenceVar,
    Signal, Spikes, Tape,
};
use ndarray::ArrayD;
use ndarray_rand::rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::ops::Range;

/// Records dropout of x (T, B, N), an array or a sequence, with probability `p`. Spikes stay spikes, of a larger amplitude.
pub(crate) fn record<F: Real, S: Signal>(
    tape: &mut Tape<F>,
    x: S,
    p: f64,
    mask: DropoutMask,
    rng: &mut ChaCha8Rng,
) -> S {
    let x = x.enter(tape);
    let shape = x.shape(tape);
    let share = tape.part().map(|part| (part.samples.clone(), part.of));
    let share = share.unwrap_or((0..shape.batch, shape.batch));
    assert_eq!(share.0.len(), shape.batch, "samples of a part of a batch");
    let (x_values, [], pool) = tape.workspace_of_sequence(x.var, []);
    let kept = Kept::draw(p, mask, shape, share, rng, pool);
    let batch = shape.batch;
    let var = match x_values {
        SequenceValues::Floats(x_values) => {
            let y = kept.multiply(x_values, shape, pool);
            tape.fused(&[x.var], y.into_value(), Dropout { kept, batch })
        }
        SequenceValues::Spikes(spikes) => {
            let y = kept.of_spikes(spikes, pool);
            tape.fused_spikes(&[x.var], y, Dropout { kept, batch })
        }
    };
    S::leave(SequenceVar { var, batch }, tape)
}

/// Which outputs are kept, as spikes of one step or of all, whose amplitude is the factor 1/(1 − p) of what is kept.
#[derive(Debug)]
struct Kept<F>(Spikes<F>);

impl<F: Real> Kept<F> {
    /// Draws unit by unit, in the order of steps and samples, for all samples of the batch, so that it does not matter which
    /// of them are in this part.
    fn draw(
        p: f64,
        mask: DropoutMask,
        shape: SequenceShape,
        (samples, of): (Range<usize>, usize),
        rng: &mut ChaCha8Rng,
        pool: &mut Pool<F>,
    ) -> Self {
        let steps = match mask {
            DropoutMask::Sequence => 1,
            DropoutMask::Step => shape.steps,
        };
        let mut kept = Spikes::taken(SequenceShape { steps, ..shape }, F::of(1.0 / (1.0 - p)), pool);
        let limit = p * 4_294_967_296.0;
        let mut draw = || f64::from(rng.next_u32()) >= limit;
        let words = kept.words_mut();
        words.fill(0);
        for unit in 0..shape.units {
            for step in 0..steps {
                (0..samples.start).for_each(|_| _ = draw());
                for sample in 0..shape.batch {
                    let at = (sample / LANES * shape.units + unit) * steps + step;
                    words[at] |= Word::from(draw()) << (sample % LANES);
                }
                (samples.end..of).for_each(|_| _ = draw());
            }
        }
        Self(kept)
    }

    /// Words of a unit of a block: one or T.
    fn steps(&self) -> usize {
        self.0.shape().steps
    }

    /// The spikes that are kept.
    fn of_spikes(&self, spikes: &Spikes<F>, pool: &mut Pool<F>) -> Spikes<F> {
        let steps = spikes.shape().steps;
        let mut y = Spikes::taken(spikes.shape(), spikes.amplitude() * self.0.amplitude(), pool);
        let units = y.words_mut().chunks_mut(steps.max(1)).zip(spikes.words().chunks(steps.max(1)));
        for ((to, from), kept) in units.zip(self.0.words().chunks(self.steps().max(1))) {
            // All words by the same, or each by its own.
            let one = (kept.len() == 1).then(|| kept[0]);
            for (t, (to, from)) in to.iter_mut().zip(from).enumerate() {
                *to = from & one.unwrap_or_else(|| kept[t]);
            }
        }
        y
    }

    /// Every row of a unit and block times the factors of its own, or all of them the same.
    fn multiply(&self, x: &[F], shape: SequenceShape, pool: &mut Pool<F>) -> Sequence<F> {
        let mut y = Sequence::taken(shape, pool);
        let len = shape.unit_len().max(1);
        let kept = self.0.words().par_chunks(self.steps().max(1));
        let units = y.values_mut().par_chunks_mut(len).zip(x.par_chunks(len)).zip(kept);
        units.with_min_len(16).for_each(|((to, from), kept)| {
            dispatch(Multiply { from, kept, factor: self.0.amplitude(), to });
        });
        y
    }
}

/// [`Kept::multiply`] of one unit of a block.
struct Multiply<'a, F> {
    from: &'a [F],
    kept: &'a [Word],
    factor: F,
    to: &'a mut [F],
}

impl<F: Real> Kernel for Multiply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { from, kept, factor, to } = self;
        let (from, to) = (from.as_chunks::<LANES>().0, to.as_chunks_mut::<LANES>().0);
        let one = (kept.len() == 1).then(|| row_of_word(kept[0], factor));
        for (t, (to, from)) in to.iter_mut().zip(from).enumerate() {
            let factors = one.unwrap_or_else(|| row_of_word(kept[t], factor));
            *to = (Lanes(*from) * Lanes(factors)).0;
        }
    }
}

#[derive(Debug)]
struct Dropout<F> {
    kept: Kept<F>,
    batch: usize,
}

impl<F: Real> Fused<F> for Dropout<F> {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        Some(self)
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        vec![Some(self.of(p.gradient, p.pool))]
    }

    fn recycle(self: Box<Self>, pool: &mut Pool<F>) {
        self.kept.0.recycle(pool);
    }
}

impl<F: Real> Dropout<F> {
    /// Floats or their gradient times the factors.
    fn of(&self, x: &ArrayD<F>, pool: &mut Pool<F>) -> ArrayD<F> {
        let shape = SequenceShape::of(x, self.batch);
        self.kept.multiply(values(x), shape, pool).into_value()
    }
}

impl<F: Real> Recompute<F> for Dropout<F> {
    fn recompute(&self, inputs: Inputs<'_, F>, pool: &mut Pool<F>) -> ArrayD<F> {
        self.of(inputs.values[0], pool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_neurons::{Neuron, NeuronModel, scan};
    use colearn_tape::Var;
    use ndarray::Array3;
    use ndarray_rand::rand::SeedableRng;

    fn dropped(mask: DropoutMask, seed: u64) -> (ArrayD<f64>, ArrayD<f64>) {
        let mut tape = Tape::<f64>::new();
        let x = tape.leaf(&Array3::ones((20, 10, 40)));
        let y = record(&mut tape, x, 0.25, mask, &mut ChaCha8Rng::seed_from_u64(seed));
        let loss = tape.sum(y);
        tape.backward(loss);
        (tape.value(y).clone(), tape.gradient(x).expect("a leaf").clone())
    }

    #[test]
    fn the_gradient_takes_the_same_factors_and_the_mean_is_kept() {
        for mask in [DropoutMask::Sequence, DropoutMask::Step] {
            let (y, g) = dropped(mask, 1);
            assert_eq!(y, g);
            let mean = y.mean().expect("not empty");
            assert!((mean - 1.0).abs() < 0.06, "{mask:?}: mean {mean}");
            assert!(y.iter().all(|v| *v == 0.0 || (*v - 4.0 / 3.0).abs() < 1e-12));
        }
    }

    #[test]
    fn a_sequence_mask_holds_over_all_steps_and_seeds_differ() {
        let (y, _) = dropped(DropoutMask::Sequence, 1);
        for t in 1..20 {
            assert_eq!(y.index_axis(ndarray::Axis(0), t), y.index_axis(ndarray::Axis(0), 0));
        }
        assert_eq!(y, dropped(DropoutMask::Sequence, 1).0);
        assert_ne!(y, dropped(DropoutMask::Sequence, 2).0);
    }

    /// What neurons send, with dropout as bits or as floats: values, and gradients of the currents.
    fn of_neurons(mask: DropoutMask, floats: bool) -> [ArrayD<f64>; 2] {
        let mut tape = Tape::<f64>::new();
        let current = |(t, b, n): (usize, usize, usize)| ((t * 7 + b * 5 + n * 3) % 11) as f64 * 0.3;
        let current = tape.leaf(&Array3::from_shape_fn((20, 21, 9), current));
        let alpha = tape.leaf(&ndarray::Array1::from_elem(9, 0.5));
        let neuron = Neuron::new(NeuronModel::Lif);
        let input = current.enter(&mut tape);
        let mut spikes = scan(&mut tape, &neuron, input, &[alpha]);
        assert!(tape.spikes(spikes.var).is_some());
        if floats {
            spikes = spikes.floats(&mut tape);
        }
        let y = record(&mut tape, spikes, 0.25, mask, &mut ChaCha8Rng::seed_from_u64(3));
        assert_eq!(tape.spikes(y.var).is_none(), floats);
        let y = Var::leave(y, &mut tape);
        let square = tape.square(y);
        let loss = tape.sum(square);
        tape.backward(loss);
        [tape.value(y).clone(), tape.gradient(current).expect("a leaf").clone()]
    }

    #[test]
    fn spikes_are_dropped_as_the_floats_they_stand_for() {
        for mask in [DropoutMask::Sequence, DropoutMask::Step] {
            let expected = of_neurons(mask, true);
            assert!(expected.iter().all(|array| array.iter().any(|&x| x != 0.0)));
            assert_eq!(of_neurons(mask, false), expected, "{mask:?}");
        }
    }
}
