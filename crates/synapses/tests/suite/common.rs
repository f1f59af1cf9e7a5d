//! What the tests of this crate share.

use colearn_synapses::interpolation::taps;
use colearn_synapses::{Delayed, Interpolation};
use colearn_tape::{Tape, Var};
use ndarray::{Array, Array2, Array3, ArrayD, Dimension, Ix2, Ix3, IxDyn};
use ndarray_rand::RandomExt;
use ndarray_rand::rand::SeedableRng;
use ndarray_rand::rand_distr::Uniform;
use rand_chacha::ChaCha8Rng;

pub(crate) fn random<D: Dimension>(shape: D, low: f64, high: f64, seed: u64) -> Array<f64, D> {
    Array::random_using(shape, Uniform::new(low, high).unwrap(), &mut ChaCha8Rng::seed_from_u64(seed))
}

/// Largest |x − y| relative to the largest |y|; NaN anywhere gives NaN.
pub(crate) fn relative_difference(x: &ArrayD<f64>, y: &ArrayD<f64>) -> f64 {
    assert_eq!(x.shape(), y.shape());
    let nan_max = |m: f64, v: f64| if v > m || v.is_nan() { v } else { m };
    let top = y.iter().fold(1e-300, |m, v| nan_max(m, v.abs()));
    x.iter().zip(y).fold(0.0, |m, (a, b)| nan_max(m, (a - b).abs())) / top
}

#[track_caller]
pub(crate) fn assert_close<D: Dimension>(
    name: &str,
    x: &ndarray::ArrayView<'_, f64, D>,
    y: &Array<f64, D>,
    tolerance: f64,
) {
    let difference = relative_difference(&x.to_owned().into_dyn(), &y.to_owned().into_dyn());
    assert!(difference <= tolerance, "{name}: relative difference {difference:e}, allowed {tolerance:e}");
}

/// A layer with its data: what every comparison starts from.
pub(crate) struct Case {
    pub(crate) x: Array3<f64>,
    pub(crate) weight: Array2<f64>,
    pub(crate) delay: Array2<f64>,
    /// Weights of the output in the scalar L = Σ G · y.
    pub(crate) g: Array3<f64>,
    pub(crate) synapse: Delayed<f64>,
}

impl Case {
    pub(crate) fn new(dim: (usize, usize, usize, usize), synapse: Delayed<f64>, seed: u64) -> Self {
        let (steps, batch, inputs, outputs) = dim;
        let top = synapse.max_delay as f64;
        let mut x = random(Ix3(steps, batch, inputs), -1.0, 1.0, seed);
        x.mapv_inplace(|v| if v.abs() < 0.5 { 0.0 } else { v });
        Self {
            x,
            weight: random(Ix2(inputs, outputs), -1.0, 1.0, seed + 1),
            // Away from whole delays, where the slope has a kink.
            delay: random(Ix2(inputs, outputs), 0.0, top, seed + 2)
                .mapv(|d| (d.floor().min(top - 1.0)) + 0.1 + 0.8 * d.fract()),
            g: random(Ix3(steps, batch, outputs), -1.0, 1.0, seed + 3),
            synapse,
        }
    }

    /// y and the gradients of x, W and d, with the layer recorded by `record`.
    pub(crate) fn gradients(
        &self,
        record: impl Fn(&mut Tape<f64>, Var, Var, Var) -> Var,
    ) -> [ArrayD<f64>; 4] {
        let mut tape = Tape::new();
        let (x, w, d) = (tape.leaf(&self.x), tape.leaf(&self.weight), tape.leaf(&self.delay));
        let y = record(&mut tape, x, w, d);
        let g = tape.constant(self.g.clone());
        let product = tape.multiply(y, g);
        let loss = tape.sum(product);
        tape.backward(loss);
        let gradient = |v: Var, shape: &[usize]| {
            tape.gradient(v).cloned().unwrap_or_else(|| ArrayD::zeros(IxDyn(shape)))
        };
        [
            tape.value(y).clone(),
            gradient(x, self.x.shape()),
            gradient(w, self.weight.shape()),
            gradient(d, self.delay.shape()),
        ]
    }

    pub(crate) fn fused(&self) -> [ArrayD<f64>; 4] {
        self.gradients(|tape, x, w, d| self.synapse.record(tape, x, w, d))
    }

    /// The definition, loop by loop: y = Σ_i Σ_k W κ_k(d) x[t − k] and its derivatives, then smoothing if asked for.
    pub(crate) fn naive(&self) -> [ArrayD<f64>; 4] {
        let (steps, batch, inputs) = self.x.dim();
        let outputs = self.weight.ncols();
        let top = self.synapse.max_delay;
        let smooth = smoothing_matrix(&self.synapse, steps);
        // Smoothing is a symmetric matrix over time: apply it to the gradient first, to the output last.
        let g = over_time(&smooth, &self.g);
        let mut y = Array3::zeros((steps, batch, outputs));
        let (mut gx, mut gw, mut gd) =
            (Array3::zeros(self.x.dim()), Array2::zeros(self.weight.dim()), Array2::zeros(self.weight.dim()));
        let (mut kappa, mut slope) = (vec![0.0; top + 1], vec![0.0; top + 1]);
        for i in 0..inputs {
            for j in 0..outputs {
                let stored: f64 = self.delay[[i, j]];
                let inside = (0.0..=top as f64).contains(&stored);
                let d = stored.clamp(0.0, top as f64);
                taps(self.synapse.interpolation, d, self.synapse.spread, &mut kappa, &mut slope);
                let w = self.weight[[i, j]];
                for k in 0..=top.min(steps - 1) {
                    for t in k..steps {
                        for b in 0..batch {
                            let (x, g) = (self.x[[t - k, b, i]], g[[t, b, j]]);
                            y[[t, b, j]] += w * kappa[k] * x;
                            gx[[t - k, b, i]] += w * kappa[k] * g;
                            gw[[i, j]] += kappa[k] * x * g;
                            gd[[i, j]] += if inside { w * slope[k] * x * g } else { 0.0 };
                        }
                    }
                }
            }
        }
        [over_time(&smooth, &y).into_dyn(), gx.into_dyn(), gw.into_dyn(), gd.into_dyn()]
    }
}

fn smoothing_matrix(synapse: &Delayed<f64>, steps: usize) -> Array2<f64> {
    if synapse.interpolation != Interpolation::Smoothed || synapse.spread == 0.0 {
        return Array2::eye(steps);
    }
    let radius = (3.0 * synapse.spread).ceil();
    let h = |k: f64| (-(k * k) / (2.0 * synapse.spread * synapse.spread)).exp();
    let total = 1.0 + 2.0 * (1..100).map(f64::from).filter(|k| *k <= radius).map(h).sum::<f64>();
    Array2::from_shape_fn((steps, steps), |(t, s)| {
        let k = t.abs_diff(s) as f64;
        if k <= radius { h(k) / total } else { 0.0 }
    })
}

fn over_time(matrix: &Array2<f64>, x: &Array3<f64>) -> Array3<f64> {
    let (steps, batch, n) = x.dim();
    let flat = x.to_owned().into_shape_with_order((steps, batch * n)).unwrap();
    matrix.dot(&flat).into_shape_with_order((steps, batch, n)).unwrap()
}
