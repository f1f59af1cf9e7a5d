//! How a real delay d becomes weights κ_k over the lags k = 0 … D.
//!
//! | name | x_k(d) | source |
//! | --- | --- | --- |
//! | linear | max(0, 1 − \|k − d\|) | DCLS version 1, half-width 1 |
//! | triangle | max(0, 1 + σ − \|k − d\|) | DCLS "max" |
//! | Gaussian | exp(−(k − d)² / 2(σ + 0.27)²) | DCLS "gauss" |
//!
//! with κ_k = x_k / (Σ_m x_m + ε), ε = 10⁻⁷ (Khalfaoui-Hassani et al., Dilated Convolution with Learnable Spacings;
//! Hammouamri et al. 2024 for delays). Slopes: dκ_k/dd = (x'_k − κ_k Σ_m x'_m) / (Σ_m x_m + ε), where x'_k is
//! sign(k − d) on the support of the triangles and x_k (k − d)/(σ + 0.27)² for the Gaussian.
//!
//! That is DCLS's slope on whole delays too, where the triangle has its corners: 0 on each corner, and so no slope at all
//! for a whole delay without spread. The fast form of linear interpolation ([`two_taps`]) has the slope to the right there
//! (at D that to the left), a true one-sided derivative: a delay that lies on a whole step still learns.

use colearn_tape::Real;
use serde::{Deserialize, Serialize};

/// Added to the sum of the taps before dividing by it, as DCLS does.
pub const EPSILON: f64 = 1e-7;

/// Width of the Gaussian at spread zero, in steps.
pub const GAUSSIAN_FLOOR: f64 = 0.27;

/// How a real delay is spread over whole lags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// The two neighbouring lags share the weight. The spread is not used.
    #[default]
    Linear,
    /// A triangle of half-width 1 + σ, cut at lags 0 and D and scaled to keep its sum.
    Triangle,
    /// A Gaussian of width σ + 0.27, cut at lags 0 and D and scaled to keep its sum.
    Gaussian,
    /// Linear interpolation, then one Gaussian of width σ over time for the whole layer. It is not cut at the lags 0
    /// and D (it looks ahead while σ > 0) and equals `linear` at σ = 0; a training form only.
    Smoothed,
    /// Delays rounded to whole steps; no gradient for the delay. What a network is evaluated with.
    Whole,
}

/// Whether delays are used as they are or rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taps {
    /// Linear interpolation between the two neighbouring lags.
    Two,
    /// The nearest whole lag; no gradient for the delay.
    One,
}

/// κ and dκ/dd for one delay in [0, D], written to `taps` and `slopes`, both D + 1 long.
///
/// For [`Interpolation::Smoothed`] this is the linear part, without the smoothing over time.
///
/// # Panics
/// If the two slices differ in length or are empty.
pub fn taps<F: Real>(kind: Interpolation, delay: F, spread: F, taps: &mut [F], slopes: &mut [F]) {
    assert_eq!(taps.len(), slopes.len(), "taps and slopes");
    assert!(!taps.is_empty(), "at least lag 0 is needed");
    match kind {
        Interpolation::Linear | Interpolation::Smoothed => triangle(delay, F::one(), taps, slopes),
        Interpolation::Triangle => triangle(delay, F::one() + spread.abs(), taps, slopes),
        Interpolation::Gaussian => gaussian(delay, spread.abs() + F::of(GAUSSIAN_FLOOR), taps, slopes),
        Interpolation::Whole => {
            taps.fill(F::zero());
            slopes.fill(F::zero());
            let lag = delay.round().to_usize().expect("the delay is clamped to a finite range");
            taps[lag] = F::one() / (F::one() + F::of(EPSILON));
            return;
        }
    }
    let total = taps.iter().copied().sum::<F>() + F::of(EPSILON);
    let slope = slopes.iter().copied().sum::<F>();
    for (tap, change) in taps.iter_mut().zip(slopes) {
        *tap /= total;
        *change = (*change - *tap * slope) / total;
    }
}

fn triangle<F: Real>(delay: F, half_width: F, taps: &mut [F], slopes: &mut [F]) {
    for (lag, (tap, slope)) in taps.iter_mut().zip(slopes).enumerate() {
        let distance = F::of(lag as f64) - delay;
        let inside = distance.abs() < half_width;
        *tap = if inside { half_width - distance.abs() } else { F::zero() };
        *slope = if inside && distance != F::zero() { distance.signum() } else { F::zero() };
    }
}

fn gaussian<F: Real>(delay: F, width: F, taps: &mut [F], slopes: &mut [F]) {
    let scale = F::one() / (width * width);
    for (lag, (tap, slope)) in taps.iter_mut().zip(slopes).enumerate() {
        let distance = F::of(lag as f64) - delay;
        *tap = (-(distance * distance) * scale / F::of(2.0)).exp();
        *slope = *tap * distance * scale;
    }
}

/// The two taps of linear interpolation: lag l = min(⌊d⌋, D − 1) and the share r = d − l of lag l + 1.
///
/// At d = D this gives l = D − 1, r = 1, so a slope between two lags exists everywhere.
///
/// # Panics
/// If `max_delay` is zero.
#[inline]
pub fn two_taps<F: Real>(delay: F, max_delay: usize) -> (usize, F) {
    let floor = delay.floor().to_usize().unwrap_or(0);
    let lag =
        floor.min(max_delay.checked_sub(1).expect("two taps need a largest delay of at least one step"));
    (lag, delay - F::of(lag as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(kind: Interpolation, delay: f64, spread: f64, max_delay: usize) -> (Vec<f64>, Vec<f64>) {
        let (mut t, mut s) = (vec![0.0; max_delay + 1], vec![0.0; max_delay + 1]);
        taps(kind, delay, spread, &mut t, &mut s);
        (t, s)
    }

    const KINDS: [Interpolation; 4] =
        [Interpolation::Linear, Interpolation::Triangle, Interpolation::Gaussian, Interpolation::Whole];

    proptest! {
        #[test]
        fn taps_sum_to_one_and_slopes_to_zero(d in 0.0..12.0f64, spread in 0.0..8.0f64) {
            for kind in KINDS {
                let (t, s) = at(kind, d, spread, 12);
                prop_assert!((t.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{kind:?}: {t:?}");
                prop_assert!(s.iter().sum::<f64>().abs() < 1e-6, "{kind:?}: {s:?}");
            }
        }

        #[test]
        fn slopes_are_the_derivative_of_the_taps(d in 0.01..11.99f64, spread in 0.0..8.0f64) {
            let h = 1e-6;
            for kind in [Interpolation::Linear, Interpolation::Triangle, Interpolation::Gaussian] {
                // A triangle has kinks where a lag meets its centre or its edge.
                let edge = match kind { Interpolation::Triangle => spread, _ => 0.0 };
                let near_kink = |x: f64| (x - x.round()).abs() < 1e-4;
                if kind != Interpolation::Gaussian && (near_kink(d) || near_kink(d + edge) || near_kink(d - edge)) {
                    continue;
                }
                let (_, slopes) = at(kind, d, spread, 12);
                let (up, down) = (at(kind, d + h, spread, 12).0, at(kind, d - h, spread, 12).0);
                for k in 0..=12 {
                    let quotient = (up[k] - down[k]) / (2.0 * h);
                    prop_assert!((slopes[k] - quotient).abs() < 1e-6, "{kind:?} lag {k}: {} {quotient}", slopes[k]);
                }
            }
        }

        #[test]
        fn two_taps_are_the_linear_kernel(d in 0.0..=12.0f64) {
            let (lag, share) = two_taps(d, 12);
            let (t, _) = at(Interpolation::Linear, d, 0.0, 12);
            let scale = 1.0 / (1.0 + EPSILON);
            prop_assert!((t[lag] - (1.0 - share) * scale).abs() < 1e-12);
            prop_assert!((t[lag + 1] - share * scale).abs() < 1e-12);
        }
    }

    #[test]
    fn a_whole_delay_is_one_tap_in_every_form() {
        for kind in [Interpolation::Linear, Interpolation::Whole] {
            for d in 0..=5 {
                let (t, _) = at(kind, d as f64, 0.0, 5);
                assert!((t[d] - 1.0).abs() < 1e-6, "{kind:?} {d}: {t:?}");
            }
        }
    }
}
