//! Statistics of batch normalisation over steps and samples, one unit at a time, and what they make of a layer's sums.
//!
//! ```text
//! x̂ = (x − m)/√(v + ε),   y = γ x̂ + η        m, v: mean and biased variance over (T, B)
//! ```
//!
//! (S. Ioffe, C. Szegedy 2015, with time as a second batch axis, as Bittar & Garner 2022.) A unit's values are
//! contiguous in unit-major order; threads share out units. In training the scans normalise
//! ([`colearn_neurons::scan_normalised`], [`colearn_neurons::scan_gated_normalised`]) and have the gradients.

use colearn_neurons::BatchNorm;
use colearn_tape::layout::{release, sequence, to_units, units, units_mut};
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{LANES, Lanes, Pool, Real, Reduce, Tape, Var};
use ndarray::{Array1, ArrayRef1, ArrayView3, Zip};
use rayon::prelude::*;

/// Mean and biased variance of every unit over one batch, with the number of values they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics<F> {
    /// Mean per unit.
    pub mean: Array1<F>,
    /// Biased variance per unit.
    pub variance: Array1<F>,
    /// Steps × samples.
    pub count: usize,
}

impl<F: Real> Statistics<F> {
    /// Mean and 1/√(v + ε).
    pub(crate) fn norm(&self, epsilon: F) -> BatchNorm<F> {
        let inverse = self.variance.iter().map(|&v| F::one() / (v + epsilon).sqrt()).collect();
        BatchNorm { mean: self.mean.to_vec(), inverse }
    }

    /// The statistics of all parts of a batch together, from those of this part: count and mean first, then the squared
    /// deviations from that mean, so that a mean far from zero costs no digits.
    fn over_parts(self, reduce: &dyn Reduce) -> Self {
        let own = self.count as f64;
        let mut sums: Vec<f64> = self.mean.iter().map(|m| own * m.as_f64()).chain([own]).collect();
        reduce.sum(&mut sums);
        let count = sums.pop().expect("the count is the last of them");
        let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
        let of_part = self.mean.iter().zip(&self.variance).zip(&mean);
        let squares = |((m, v), all): ((&F, &F), &f64)| own * (v.as_f64() + (m.as_f64() - all).powi(2));
        let mut sums: Vec<f64> = of_part.map(squares).collect();
        reduce.sum(&mut sums);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
        let whole = count as usize;
        Self {
            mean: mean.into_iter().map(F::of).collect(),
            variance: sums.into_iter().map(|sum| F::of(sum / count)).collect(),
            count: whole,
        }
    }
}

/// Mean and biased variance, lane by lane and then over the lanes, in two passes.
struct Moments<'a, F>(&'a [F]);

impl<F: Real> Kernel for Moments<'_, F> {
    type Output = (F, F);
    #[inline(always)]
    fn run<L: Level>(self) -> (F, F) {
        let count = F::of(self.0.len() as f64);
        let mean = sum(self.0, |x| x) / count;
        let variance = sum(self.0, |x| (x - mean) * (x - mean)) / count;
        (mean, variance)
    }
}

/// Σ f(x), sixteen numbers side by side and then over the lanes.
#[inline(always)]
pub(crate) fn sum<F: Real, S: Real>(values: &[F], f: impl Fn(F) -> S) -> S {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut lanes = Lanes::<S>::default();
    for block in blocks {
        for (lane, &x) in lanes.0.iter_mut().zip(block) {
            *lane += f(x);
        }
    }
    rest.iter().fold(lanes.total(), |sum, &x| sum + f(x))
}

fn unit_len(x: &ArrayView3<'_, impl Sized>) -> usize {
    (x.dim().0 * x.dim().1).max(1)
}

/// Mean and variance of every unit of x (T, B, N).
pub(crate) fn statistics<F: Real>(x: &ArrayView3<'_, F>, pool: &mut Pool<F>) -> Statistics<F> {
    let len = unit_len(x);
    let x = to_units(x, pool);
    let values = units(&x).expect("made unit-major");
    let moments: Vec<(F, F)> = values.par_chunks(len).map(|unit| dispatch(Moments(unit))).collect();
    release(x, pool);
    let mean = moments.iter().map(|m| m.0).collect();
    let variance = moments.iter().map(|m| m.1).collect();
    Statistics { mean, variance, count: len }
}

/// Scale and shift that normalise with `statistics` and apply gain and bias: y = scale · x + shift.
pub(crate) fn affine<F: Real>(
    statistics: &Statistics<F>,
    gain: &ArrayRef1<F>,
    bias: &ArrayRef1<F>,
    epsilon: F,
) -> (Array1<F>, Array1<F>) {
    let scale =
        Zip::from(gain).and(&statistics.variance).map_collect(|&gain, &v| gain / (v + epsilon).sqrt());
    let shift =
        Zip::from(bias).and(&statistics.mean).and(&scale).map_collect(|&bias, &m, &scale| bias - m * scale);
    (scale, shift)
}

/// y = scale · x + shift per unit, written over x (unit-major).
pub(crate) fn apply_in_place<F: Real>(x: &mut ndarray::Array3<F>, scale: &Array1<F>, shift: &Array1<F>) {
    let len = unit_len(&x.view());
    let values = units_mut(x).expect("layers keep unit-major order");
    values
        .par_chunks_mut(len)
        .zip(scale.as_slice().expect("one axis").par_iter().zip(shift.as_slice().expect("one axis")))
        .for_each(|(unit, (&scale, &shift))| unit.iter_mut().for_each(|x| *x = *x * scale + shift));
}

/// Mean and variance of every unit of a recorded x (T, B, N); over all parts where that is a part of a batch.
pub(crate) fn statistics_of<F: Real>(tape: &mut Tape<F>, x: Var) -> Statistics<F> {
    let ([x], pool) = tape.workspace([x]);
    let own = statistics(&sequence(x), pool);
    match tape.part() {
        Some(part) => own.over_parts(&*part.reduce),
        None => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    fn input() -> Array3<f64> {
        Array3::from_shape_fn((7, 5, 3), |(t, b, n)| ((t * 31 + b * 17 + n * 7) % 23) as f64 * 0.3 - n as f64)
    }

    /// What the scans are given.
    #[test]
    fn a_norm_is_the_mean_and_the_inverse_deviation() {
        let found = statistics(&input().view(), &mut Pool::default());
        let norm = found.norm(0.25);
        assert_eq!(norm.mean, found.mean.to_vec());
        for (inverse, v) in norm.inverse.iter().zip(&found.variance) {
            approx::assert_relative_eq!(inverse * inverse * (v + 0.25), 1.0, max_relative = 1e-14);
        }
    }

    #[test]
    fn a_normalised_unit_has_mean_zero_and_variance_one() {
        let mut pool = Pool::default();
        let mut x = colearn_tape::layout::to_units(&input(), &mut pool).into_owned();
        let found = statistics(&x.view(), &mut pool);
        let (scale, shift) = affine(&found, &Array1::ones(3), &Array1::zeros(3), 0.0);
        apply_in_place(&mut x, &scale, &shift);
        let after = statistics(&x.view(), &mut pool);
        approx::assert_abs_diff_eq!(after.mean, Array1::zeros(3), epsilon = 1e-12);
        approx::assert_abs_diff_eq!(after.variance, Array1::ones(3), epsilon = 1e-12);
    }
}
