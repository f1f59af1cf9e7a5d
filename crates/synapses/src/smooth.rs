//! One Gaussian over time for a whole layer: the spread that commutes with the delays.
//!
//! ```text
//! y[t, b, j] = Σ_|k| ≤ R  h_k z[t − k, b, j],   h_k = exp(−k²/2σ²) / Σ_m exp(−m²/2σ²),   R = ⌈3σ⌉
//! ```
//!
//! Smoothing the *sum* of a two-tap layer equals smoothing every presynaptic signal, Σ_i w_i (h ∗ x_i)(t − d_i) =
//! h ∗ Σ_i w_i x_i(t − d_i), so an annealed spread costs 2R + 1 multiply-adds per output and step instead of D + 1 per
//! synapse. Edge rule: the Gaussian is not cut at the lags 0 and D (it looks up to R steps ahead), and what leaves the
//! sequence is lost (z is zero outside, h is not rescaled). At σ = 0 it is the identity. It is symmetric, hence its own
//! adjoint.

use colearn_tape::layout::{release, sequence, to_units, units, units_mut};
use colearn_tape::{Fused, Pool, Pullback, Real, Tape, Var};
use ndarray::{Array3, ArrayD, ArrayRef3};
use rayon::prelude::*;

/// h_0 … h_R for a spread of `sigma` steps; `[1]` below 0.02, where e^(−1/2σ²) is zero in every precision.
///
/// # Panics
/// If `sigma` is negative or not finite.
#[must_use]
pub fn half_kernel<F: Real>(sigma: F) -> Vec<F> {
    assert!(sigma >= F::zero() && sigma.is_finite(), "spread {sigma} of a smoothed synapse");
    // Narrower than this the neighbours' weight is zero in every precision, and σ² may not be a number any more.
    if sigma < F::of(0.02) {
        return vec![F::one()];
    }
    let radius = (F::of(3.0) * sigma).ceil().to_usize().expect("a finite spread has a finite radius");
    let at = |k: usize| (-(F::of((k * k) as f64)) / (F::of(2.0) * sigma * sigma)).exp();
    let total = F::one() + F::of(2.0) * (1..=radius).map(at).sum::<F>();
    (0..=radius).map(|k| at(k) / total).collect()
}

/// z (T, B, N) smoothed over time, in unit-major order, without a tape.
#[must_use]
pub fn forward<F: Real>(z: &ArrayRef3<F>, sigma: F, pool: &mut Pool<F>) -> Array3<F> {
    let (steps, batch, n) = z.dim();
    let kernel = half_kernel(sigma);
    let mut y = pool.sequence(steps, batch, n);
    let z = to_units(z, pool);
    let unit = steps * batch;
    let from = units(&z).expect("made unit-major");
    let to = units_mut(&mut y).expect("made unit-major");
    to.par_chunks_mut(unit.max(1)).zip(from.par_chunks(unit.max(1))).for_each(|(to, from)| {
        to.iter_mut().zip(from).for_each(|(y, &z)| *y = kernel[0] * z);
        for (lag, &h) in kernel.iter().enumerate().skip(1).take(steps.saturating_sub(1)) {
            let shift = lag * batch;
            to[shift..].iter_mut().zip(from).for_each(|(y, &z)| *y += h * z);
            to.iter_mut().zip(&from[shift..]).for_each(|(y, &z)| *y += h * z);
        }
    });
    release(z, pool);
    y
}

/// Records the smoothing of z (T, B, N).
///
/// # Panics
/// If `z` is no sequence.
#[track_caller]
pub fn record<F: Real>(tape: &mut Tape<F>, z: Var, sigma: F) -> Var {
    let ([value], pool) = tape.workspace([z]);
    let y = forward(&sequence(value), sigma, pool);
    tape.fused(&[z], y.into_dyn(), Smooth { sigma })
}

#[derive(Debug)]
struct Smooth<F> {
    sigma: F,
}

impl<F: Real> Fused<F> for Smooth<F> {
    fn name(&self) -> &'static str {
        "smoothing over time"
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        vec![Some(forward(&sequence(p.gradient), self.sigma, p.pool).into_dyn())]
    }
}
