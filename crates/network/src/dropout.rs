//! Dropout: outputs set to zero at random in training, the rest scaled to keep the mean.
//!
//! y = m x / (1 − p) with m ∈ {0, 1}, P(m = 0) = p; the gradient takes the same factors (N. Srivastava et al. 2014).

use crate::config::DropoutMask;
use colearn_tape::sequence::values;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{
    Fused, LANES, Lanes, Pool, Pullback, Real, Recompute, Sequence, SequenceShape, SequenceVar, Signal, Tape,
};
use ndarray::ArrayD;
use ndarray_rand::rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::ops::Range;

/// Records dropout of x (T, B, N), an array or a sequence, with probability `p`.
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
    let ([value], pool) = tape.workspace([x.var]);
    let factors = factors(pool, p, mask, shape, share, rng);
    let y = multiply(values(value), shape, &factors, pool);
    let var = tape.fused(&[x.var], y.into_value(), Dropout { factors, batch: shape.batch });
    S::leave(SequenceVar { var, batch: shape.batch }, tape)
}

/// 0 or 1/(1 − p): one per unit and sample, or one per unit, step and sample, in the order of a sequence of one step or of
/// all. They are drawn unit by unit, in the order of steps and samples, for all samples of the batch, so that it does not
/// matter which of them are in this part.
fn factors<F: Real>(
    pool: &mut Pool<F>,
    p: f64,
    mask: DropoutMask,
    shape: SequenceShape,
    (samples, of): (Range<usize>, usize),
    rng: &mut ChaCha8Rng,
) -> Vec<F> {
    let steps = match mask {
        DropoutMask::Sequence => 1,
        DropoutMask::Step => shape.steps,
    };
    let drawn = SequenceShape { steps, ..shape };
    let keep = F::of(1.0 / (1.0 - p));
    let limit = p * 4_294_967_296.0;
    let mut draw = || if f64::from(rng.next_u32()) < limit { F::zero() } else { keep };
    let mut factors = pool.take(drawn.len());
    factors.fill(F::zero());
    for unit in 0..shape.units {
        for step in 0..steps {
            (0..samples.start).for_each(|_| _ = draw());
            for sample in 0..shape.batch {
                let at = (sample / LANES * shape.units + unit) * steps + step;
                factors[at * LANES + sample % LANES] = draw();
            }
            (samples.end..of).for_each(|_| _ = draw());
        }
    }
    factors
}

/// Every row of a unit and block by its own factors, or all of them by the same.
fn multiply<F: Real>(x: &[F], shape: SequenceShape, factors: &[F], pool: &mut Pool<F>) -> Sequence<F> {
    let mut y = Sequence::taken(shape, pool);
    let (len, units) = (shape.unit_len().max(1), shape.blocks() * shape.units);
    let factors = factors.par_chunks((factors.len() / units.max(1)).max(1));
    let units = y.values_mut().par_chunks_mut(len).zip(x.par_chunks(len)).zip(factors);
    units.with_min_len(16).for_each(|((to, from), factors)| {
        dispatch(Multiply { from, factors, to });
    });
    y
}

/// [`multiply`] of one unit of a block.
struct Multiply<'a, F> {
    from: &'a [F],
    factors: &'a [F],
    to: &'a mut [F],
}

impl<F: Real> Kernel for Multiply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { from, factors, to } = self;
        let (from, factors, to) =
            (from.as_chunks::<LANES>().0, factors.as_chunks::<LANES>().0, to.as_chunks_mut::<LANES>().0);
        // All rows by the same factors, or each by its own.
        let one = (factors.len() == 1).then(|| factors[0]);
        for (t, (to, from)) in to.iter_mut().zip(from).enumerate() {
            let factors = one.unwrap_or_else(|| factors[t]);
            *to = (Lanes(*from) * Lanes(factors)).0;
        }
    }
}

#[derive(Debug)]
struct Dropout<F> {
    factors: Vec<F>,
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
        vec![Some(self.recompute(&[p.gradient], p.pool))]
    }

    fn recycle(self: Box<Self>, pool: &mut Pool<F>) {
        pool.give_vec(self.factors);
    }
}

impl<F: Real> Recompute<F> for Dropout<F> {
    fn recompute(&self, inputs: &[&ArrayD<F>], pool: &mut Pool<F>) -> ArrayD<F> {
        let shape = SequenceShape::of(inputs[0], self.batch);
        multiply(values(inputs[0]), shape, &self.factors, pool).into_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
