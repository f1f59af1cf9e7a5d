//! Statistics of batch normalisation over steps and samples, one unit at a time, and what they make of a layer's sums.
//!
//! ```text
//! x̂ = (x − m)/√(v + ε),   y = γ x̂ + η        m, v: mean and biased variance over (T, B)
//! ```
//!
//! (S. Ioffe, C. Szegedy 2015, with time as a second batch axis, as Bittar & Garner 2022.) Threads share out units. In
//! training the scans normalise ([`colearn_layers::scan_normalised`], [`colearn_layers::scan_gated_normalised`]) and have
//! the gradients.

use colearn_neurons::BatchNorm;
use colearn_tape::sequence::values;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{LANES, Lanes, Real, Reduce, SequenceShape, SequenceVar, Tape};
use ndarray::{Array1, ArrayRef1, Zip};
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

/// Mean and biased variance of one unit: of each block in two passes, while it is in the cache, and of all blocks from
/// these (T. Chan, G. Golub, R. LeVeque 1979), so that a mean far from zero costs no digits and memory is read once.
struct Moments<'a, F> {
    values: &'a [F],
    shape: SequenceShape,
    n: usize,
}

/// Sums that are under way at a time: one alone would wait for each addition.
const SUMS: usize = 4;

/// Σ f(x) over rows of samples, lane by lane.
#[inline(always)]
fn sum_of_rows<F: Real>(rows: &[[F; LANES]], f: impl Fn(F) -> F) -> [F; LANES] {
    let mut sums = [[F::zero(); LANES]; SUMS];
    let (fours, rest) = rows.as_chunks::<SUMS>();
    for rows in fours {
        for (sum, row) in sums.iter_mut().zip(rows) {
            for l in 0..LANES {
                sum[l] += f(row[l]);
            }
        }
    }
    for (sum, row) in sums.iter_mut().zip(rest) {
        for l in 0..LANES {
            sum[l] += f(row[l]);
        }
    }
    let [a, b, c, d] = sums;
    std::array::from_fn(|l| (a[l] + b[l]) + (c[l] + d[l]))
}

impl<F: Real> Kernel for Moments<'_, F> {
    type Output = (F, F);
    #[inline(always)]
    fn run<L: Level>(self) -> (F, F) {
        let Self { values, shape, n } = self;
        let len = shape.unit_len();
        let (mut count, mut mean, mut squares) = (F::zero(), F::zero(), F::zero());
        for (k, block) in values.chunks_exact(shape.block_len()).enumerate() {
            let rows = block[n * len..(n + 1) * len].as_chunks::<LANES>().0;
            let samples = shape.samples(k);
            // Lanes without a sample are zero and left out of what is not.
            let total = |lanes: [F; LANES]| lanes[..samples].iter().fold(F::zero(), |sum, &x| sum + x);
            let own = F::of((shape.steps * samples) as f64);
            let own_mean = total(sum_of_rows(rows, |x| x)) / own;
            let own_squares = total(sum_of_rows(rows, |x| (x - own_mean) * (x - own_mean)));
            let all = count + own;
            let apart = own_mean - mean;
            mean += apart * (own / all);
            squares += own_squares + apart * apart * (count * own / all);
            count = all;
        }
        (mean, squares / count)
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

/// Mean and variance of every unit of a sequence x; zero of an empty one.
pub(crate) fn statistics<F: Real>((x, shape): (&[F], SequenceShape)) -> Statistics<F> {
    let of_unit =
        |n| if shape.is_empty() { (F::zero(), F::zero()) } else { dispatch(Moments { values: x, shape, n }) };
    let moments: Vec<(F, F)> = (0..shape.units).into_par_iter().map(of_unit).collect();
    let mean = moments.iter().map(|m| m.0).collect();
    let variance = moments.iter().map(|m| m.1).collect();
    Statistics { mean, variance, count: shape.values().max(1) }
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

/// Mean and variance of every unit of a recorded sequence; over all parts where that is a part of a batch.
pub(crate) fn statistics_of<F: Real>(tape: &Tape<F>, x: SequenceVar) -> Statistics<F> {
    let own = statistics((values(tape.value(x.var)), x.shape(tape)));
    match tape.part() {
        Some(part) => own.over_parts(&*part.reduce),
        None => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_tape::{Pool, Sequence};
    use ndarray::{Array3, Axis};

    /// One block, and two of which the second has few samples.
    fn inputs() -> [Array3<f64>; 2] {
        [5, 19].map(|batch| {
            Array3::from_shape_fn((7, batch, 3), |(t, b, n)| {
                ((t * 31 + b * 17 + n * 7) % 23) as f64 * 0.3 - n as f64
            })
        })
    }

    fn of(x: &Array3<f64>) -> Statistics<f64> {
        let x = Sequence::from_array(x, &mut Pool::default());
        statistics((x.values(), x.shape()))
    }

    #[test]
    fn statistics_are_those_of_all_steps_and_samples() {
        for x in inputs() {
            let found = of(&x);
            for (n, unit) in x.axis_iter(Axis(2)).enumerate() {
                let mean = unit.mean().expect("not empty");
                let variance = unit.mapv(|x| (x - mean) * (x - mean)).mean().expect("not empty");
                approx::assert_abs_diff_eq!(found.mean[n], mean, epsilon = 1e-13);
                approx::assert_abs_diff_eq!(found.variance[n], variance, epsilon = 1e-13);
            }
            assert_eq!(found.count, x.len() / 3);
        }
    }

    /// What the scans are given.
    #[test]
    fn a_norm_is_the_mean_and_the_inverse_deviation() {
        let found = of(&inputs()[0]);
        let norm = found.norm(0.25);
        assert_eq!(norm.mean, found.mean.to_vec());
        for (inverse, v) in norm.inverse.iter().zip(&found.variance) {
            approx::assert_relative_eq!(inverse * inverse * (v + 0.25), 1.0, max_relative = 1e-14);
        }
    }

    #[test]
    fn a_normalised_unit_has_mean_zero_and_variance_one() {
        for mut x in inputs() {
            let (scale, shift) = affine(&of(&x), &Array1::ones(3), &Array1::zeros(3), 0.0);
            x.indexed_iter_mut().for_each(|((_, _, n), x)| *x = *x * scale[n] + shift[n]);
            let after = of(&x);
            approx::assert_abs_diff_eq!(after.mean, Array1::zeros(3), epsilon = 1e-12);
            approx::assert_abs_diff_eq!(after.variance, Array1::ones(3), epsilon = 1e-12);
        }
    }
}
