//! Batch normalisation over steps and samples, one unit at a time.
//!
//! ```text
//! x̂ = (x − m)/√(v + ε),   y = γ x̂ + η        m, v: mean and biased variance over (T, B)
//! ∂L/∂γ = Σ g x̂,   ∂L/∂η = Σ g,   ∂L/∂x = γ/√(v + ε) · (g − (Σ g + x̂ Σ g x̂)/(T·B))
//! ```
//!
//! (S. Ioffe, C. Szegedy 2015, with time as a second batch axis, as Bittar & Garner 2022.) A unit's values are
//! contiguous in unit-major order; threads share out units.

use colearn_neurons::BatchNorm;
use colearn_tape::layout::{release, sequence, to_units, units, units_mut, vector};
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{Fused, LANES, Lanes, Pool, Pullback, Real, Tape, Var};
use ndarray::{Array1, ArrayD, ArrayRef1, ArrayView3, Zip};
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

/// y = scale · x + shift.
struct Affine<'a, F> {
    from: &'a [F],
    to: &'a mut [F],
    scale: F,
    shift: F,
}

impl<F: Real> Kernel for Affine<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        for (y, &x) in self.to.iter_mut().zip(self.from) {
            *y = L::multiply_add(x, self.scale, self.shift);
        }
    }
}

/// Σ g and Σ g x̂ for one unit.
struct GradientSums<'a, F> {
    g: &'a [F],
    x: &'a [F],
    mean: F,
    inverse: F,
}

impl<F: Real> Kernel for GradientSums<'_, F> {
    type Output = (F, F);
    #[inline(always)]
    fn run<L: Level>(self) -> (F, F) {
        let Self { g, x, mean, inverse } = self;
        let (g_blocks, g_rest) = g.as_chunks::<LANES>();
        let (x_blocks, x_rest) = x.as_chunks::<LANES>();
        let (mut plain, mut scaled) = (Lanes::default(), Lanes::default());
        for (g, x) in g_blocks.iter().zip(x_blocks) {
            for l in 0..LANES {
                plain.0[l] += g[l];
                scaled.0[l] += g[l] * ((x[l] - mean) * inverse);
            }
        }
        let rest = g_rest.iter().zip(x_rest);
        rest.fold((plain.total(), scaled.total()), |(p, s), (&g, &x)| (p + g, s + g * ((x - mean) * inverse)))
    }
}

/// `to = factor · (g − plain − x̂ · scaled)` for one unit.
struct InputGradient<'a, F> {
    g: &'a [F],
    x: &'a [F],
    to: &'a mut [F],
    mean: F,
    inverse: F,
    factor: F,
    plain: F,
    scaled: F,
}

impl<F: Real> Kernel for InputGradient<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        for ((to, &g), &x) in self.to.iter_mut().zip(self.g).zip(self.x) {
            *to = self.factor * (g - self.plain - (x - self.mean) * self.inverse * self.scaled);
        }
    }
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

/// Mean and variance of every unit of a recorded x (T, B, N).
pub(crate) fn statistics_of<F: Real>(tape: &mut Tape<F>, x: Var) -> Statistics<F> {
    let ([x], pool) = tape.workspace([x]);
    statistics(&sequence(x), pool)
}

/// Records the normalisation of x (T, B, N) with its own `statistics`; gain and bias are (N).
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub(crate) fn record<F: Real>(
    tape: &mut Tape<F>,
    x: Var,
    [gain, bias]: [Var; 2],
    statistics: &Statistics<F>,
    epsilon: F,
) -> Var {
    let ([x_value, gain_value, bias_value], pool) = tape.workspace([x, gain, bias]);
    let view = sequence(x_value);
    let (gain_value, bias_value) = (vector(gain_value), vector(bias_value));
    let (scale, shift) = affine(statistics, &gain_value, &bias_value, epsilon);
    let (steps, batch, n) = view.dim();
    let mut y = pool.sequence(steps, batch, n);
    let len = unit_len(&view);
    let from = to_units(&view, pool);
    let values = units(&from).expect("made unit-major").par_chunks(len);
    let to = units_mut(&mut y).expect("made unit-major").par_chunks_mut(len);
    to.zip(values).enumerate().for_each(|(unit, (to, from))| {
        dispatch(Affine { from, to, scale: scale[unit], shift: shift[unit] });
    });
    release(from, pool);
    let BatchNorm { mean, inverse } = statistics.norm(epsilon);
    let op = Normalise { mean: mean.into(), inverse: inverse.into() };
    tape.fused(&[x, gain, bias], y.into_dyn(), op)
}

#[derive(Debug)]
struct Normalise<F> {
    mean: Array1<F>,
    /// 1/√(v + ε).
    inverse: Array1<F>,
}

impl<F: Real> Fused<F> for Normalise<F> {
    fn name(&self) -> &'static str {
        "batch normalisation"
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let Pullback { inputs, gradient, wanted, pool, .. } = p;
        let (x_view, g_view, gain) = (sequence(inputs[0]), sequence(gradient), vector(inputs[1]));
        let (steps, batch, n) = x_view.dim();
        let len = unit_len(&x_view);
        let (x, g) = (to_units(&x_view, pool), to_units(&g_view, pool));
        let x_units = units(&x).expect("made unit-major").par_chunks(len);
        let g_units = units(&g).expect("made unit-major").par_chunks(len);
        let pairs = g_units.zip(x_units).enumerate();
        let sums: Vec<(F, F)> = pairs
            .clone()
            .map(|(k, (g, x))| dispatch(GradientSums { g, x, mean: self.mean[k], inverse: self.inverse[k] }))
            .collect();
        let to_x = wanted[0].then(|| {
            let mut part = pool.sequence(steps, batch, n);
            let to = units_mut(&mut part).expect("made unit-major").par_chunks_mut(len);
            let count = F::of(len as f64);
            to.zip(pairs).for_each(|(to, (k, (g, x)))| {
                let (mean, inverse) = (self.mean[k], self.inverse[k]);
                let (plain, scaled) = (sums[k].0 / count, sums[k].1 / count);
                dispatch(InputGradient { g, x, to, mean, inverse, factor: gain[k] * inverse, plain, scaled });
            });
            part.into_dyn()
        });
        let of_sums = |pick: fn(&(F, F)) -> F| Array1::from_iter(sums.iter().map(pick)).into_dyn();
        let to_gain = wanted[1].then(|| of_sums(|s| s.1));
        let to_bias = wanted[2].then(|| of_sums(|s| s.0));
        release(x, pool);
        release(g, pool);
        vec![to_x, to_gain, to_bias]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_tape::check::{self, Tolerance};
    use ndarray::{Array3, arr1, arr2};

    fn input() -> Array3<f64> {
        Array3::from_shape_fn((7, 5, 3), |(t, b, n)| ((t * 31 + b * 17 + n * 7) % 23) as f64 * 0.3 - n as f64)
    }

    fn gradients(f: impl Fn(&mut Tape<f64>, &[Var]) -> Var) -> Vec<ArrayD<f64>> {
        let mut tape = Tape::new();
        let leaves =
            [tape.leaf(&input()), tape.leaf(&arr1(&[0.7, -1.3, 2.0])), tape.leaf(&arr1(&[0.1, 0.5, -0.4]))];
        let y = f(&mut tape, &leaves);
        let squared = tape.square(y);
        let cubed = tape.multiply(squared, y);
        let loss = tape.sum(cubed);
        tape.backward(loss);
        let mut found = vec![tape.value(y).clone()];
        found.extend(
            leaves.iter().map(|&v| tape.gradient(v).expect("a gradient flows to every leaf").clone()),
        );
        found
    }

    fn normalised(tape: &mut Tape<f64>, v: &[Var]) -> Var {
        let statistics = statistics_of(tape, v[0]);
        record(tape, v[0], [v[1], v[2]], &statistics, 1e-5)
    }

    /// The one operation of the neurons' crate against normalisation and scan as two.
    #[test]
    fn a_normalised_scan_equals_normalisation_and_scan() {
        use colearn_neurons::{Firing, NeuronConfig, NeuronModel, Surrogate, scan, scan_normalised};
        for (model, is_recurrent) in NeuronModel::ALL.iter().flat_map(|m| [(m, false), (m, true)]) {
            let mut config = NeuronConfig::new(*model);
            (config.firing, config.surrogate) = (Firing::Soft, Surrogate::Logistic { slope: 4.0 });
            let neuron = config.validate().unwrap();
            let run = |fused: bool| {
                let mut tape = Tape::<f64>::new();
                let x = Array3::from_shape_fn((9, 37, 3), |(t, b, n)| {
                    ((t * 31 + b * 17 + n * 7) % 23) as f64 * 0.3 - n as f64
                });
                let leaves =
                    [tape.leaf(&x), tape.leaf(&arr1(&[2.7, -1.3, 3.0])), tape.leaf(&arr1(&[0.1, 0.5, -0.4]))];
                let middle = |bounds: (f64, f64)| arr1(&[bounds.0, 0.5 * (bounds.0 + bounds.1), bounds.1]);
                let parameters: Vec<Var> =
                    neuron.specs().iter().map(|s| tape.leaf(&middle(s.bounds))).collect();
                let v = is_recurrent
                    .then(|| tape.leaf(&arr2(&[[9.0, 0.4, -0.3], [0.2, 9.0, 0.5], [-0.6, 0.1, 9.0]])));
                let statistics = statistics_of(&mut tape, leaves[0]);
                let norm = [leaves[1], leaves[2]];
                let y = if fused {
                    let of_batch = statistics.norm(1e-5);
                    scan_normalised(&mut tape, &neuron, leaves[0], norm, of_batch, &parameters, v)
                } else {
                    let current = record(&mut tape, leaves[0], norm, &statistics, 1e-5);
                    scan(&mut tape, &neuron, current, &parameters, v)
                };
                let squared = tape.square(y);
                let cubed = tape.multiply(squared, y);
                let loss = tape.sum(cubed);
                tape.backward(loss);
                let mut found = vec![tape.value(y).clone()];
                let all = leaves.iter().chain(&parameters).chain(&v);
                found.extend(all.map(|&v| tape.gradient(v).unwrap().clone()));
                found
            };
            for (k, (fused, expected)) in run(true).iter().zip(&run(false)).enumerate() {
                let largest = expected.iter().fold(0.0f64, |m, x| m.max(x.abs()));
                let difference = (fused - expected).iter().fold(0.0f64, |m, x| m.max(x.abs()));
                assert!(
                    largest > 0.0 && difference <= 1e-11 * largest,
                    "{model:?} recurrent {is_recurrent} {k}: {difference}"
                );
            }
        }
    }

    #[test]
    fn fused_equals_elementary_operations() {
        let fused = gradients(normalised);
        let elementary = gradients(|tape, v| {
            let count = 35.0;
            let over_batch = |tape: &mut Tape<f64>, x: Var| {
                let steps = tape.sum_axis(x, 0);
                let total = tape.sum_axis(steps, 0);
                tape.scale(total, 1.0 / count)
            };
            let mean = over_batch(tape, v[0]);
            let centred = tape.subtract(v[0], mean);
            let square = tape.square(centred);
            let variance = over_batch(tape, square);
            let variance = tape.offset(variance, 1e-5);
            let deviation = tape.sqrt(variance);
            let unit = tape.divide(centred, deviation);
            let scaled = tape.multiply(unit, v[1]);
            tape.add(scaled, v[2])
        });
        for (fused, elementary) in fused.iter().zip(&elementary) {
            approx::assert_relative_eq!(fused, elementary, epsilon = 1e-10, max_relative = 1e-10);
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        let f = |tape: &mut Tape<f64>, v: &[Var]| {
            let y = normalised(tape, v);
            let y = tape.tanh(y);
            tape.sum(y)
        };
        let inputs =
            [input().into_dyn(), arr1(&[0.7, -1.3, 2.0]).into_dyn(), arr1(&[0.1, 0.5, -0.4]).into_dyn()];
        check::coordinates(f, &inputs, Tolerance::default()).expect("gradients agree");
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
