//! Dropout: outputs set to zero at random in training, the rest scaled to keep the mean.
//!
//! y = m x / (1 − p) with m ∈ {0, 1}, P(m = 0) = p; the gradient takes the same factors (N. Srivastava et al. 2014).

use crate::config::DropoutMask;
use colearn_tape::layout::{release, sequence, to_units, units, units_mut};
use colearn_tape::{Fused, Pool, Pullback, Real, Recompute, Tape, Var};
use ndarray::{Array3, ArrayD, ArrayView3};
use ndarray_rand::rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::ops::Range;

/// Records dropout of x (T, B, N) with probability `p`.
pub(crate) fn record<F: Real>(
    tape: &mut Tape<F>,
    x: Var,
    p: f64,
    mask: DropoutMask,
    rng: &mut ChaCha8Rng,
) -> Var {
    let share = tape.part().map(|part| (part.samples.clone(), part.of));
    let ([value], pool) = tape.workspace([x]);
    let (steps, batch, n) = sequence(value).dim();
    let share = share.unwrap_or((0..batch, batch));
    assert_eq!(share.0.len(), batch, "samples of a part of a batch");
    let factors = factors(pool, p, mask, (steps, share, n), rng);
    let y = multiply(&sequence(value), &factors, mask, pool);
    tape.fused(&[x], y.into_dyn(), Dropout { factors, mask })
}

/// 0 or 1/(1 − p): one per unit and sample, or one per unit, step and sample, in unit-major order. All samples of the
/// batch have theirs drawn, so that it does not matter which of them are in this part.
fn factors<F: Real>(
    pool: &mut Pool<F>,
    p: f64,
    mask: DropoutMask,
    (steps, (samples, of), n): (usize, (Range<usize>, usize), usize),
    rng: &mut ChaCha8Rng,
) -> Vec<F> {
    let rows = match mask {
        DropoutMask::Sequence => n,
        DropoutMask::Step => steps * n,
    };
    let keep = F::of(1.0 / (1.0 - p));
    let limit = p * 4_294_967_296.0;
    let mut draw = || if f64::from(rng.next_u32()) < limit { F::zero() } else { keep };
    let len = samples.len();
    let mut factors = pool.take(rows * len);
    for row in 0..rows {
        (0..samples.start).for_each(|_| _ = draw());
        factors[row * len..(row + 1) * len].iter_mut().for_each(|factor| *factor = draw());
        (samples.end..of).for_each(|_| _ = draw());
    }
    factors
}

fn multiply<F: Real>(
    x: &ArrayView3<'_, F>,
    factors: &[F],
    mask: DropoutMask,
    pool: &mut Pool<F>,
) -> Array3<F> {
    let (steps, batch, n) = x.dim();
    let mut y = pool.sequence(steps, batch, n);
    let x = to_units(x, pool);
    let from = units(&x).expect("made unit-major");
    let to = units_mut(&mut y).expect("made unit-major");
    let len = (steps * batch).max(1);
    to.par_chunks_mut(len).zip(from.par_chunks(len)).enumerate().for_each(|(unit, (to, from))| {
        let times = |to: &mut [F], from: &[F], factors: &[F]| {
            to.iter_mut().zip(from).zip(factors).for_each(|((y, &x), &f)| *y = x * f);
        };
        match mask {
            DropoutMask::Step => times(to, from, &factors[unit * len..]),
            DropoutMask::Sequence => {
                let factors = &factors[unit * batch..(unit + 1) * batch];
                to.chunks_mut(batch).zip(from.chunks(batch)).for_each(|(to, from)| times(to, from, factors));
            }
        }
    });
    release(x, pool);
    y
}

#[derive(Debug)]
struct Dropout<F> {
    factors: Vec<F>,
    mask: DropoutMask,
}

impl<F: Real> Fused<F> for Dropout<F> {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        Some(self)
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        vec![Some(multiply(&sequence(p.gradient), &self.factors, self.mask, p.pool).into_dyn())]
    }

    fn recycle(self: Box<Self>, pool: &mut Pool<F>) {
        pool.give_vec(self.factors);
    }
}

impl<F: Real> Recompute<F> for Dropout<F> {
    fn recompute(&self, inputs: &[&ArrayD<F>], pool: &mut Pool<F>) -> ArrayD<F> {
        multiply(&sequence(inputs[0]), &self.factors, self.mask, pool).into_dyn()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
