//! Whether two sets of repeated measurements have different means, and corrections for asking more than once.

use serde::{Deserialize, Serialize};

use super::special::beta_of;
use super::{Interval, mean, sample_std, student_quantile};

/// Welch's test of two sets of measurements with unequal variances.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WelchTest {
    /// Mean of the first set minus mean of the second.
    pub difference: f64,
    /// 95 % interval of the difference.
    pub interval: Interval,
    /// The difference in units of its standard error.
    pub t: f64,
    /// Degrees of freedom by Welch and Satterthwaite, no whole number in general.
    pub degrees: f64,
    /// Probability of a |t| at least as large if the means were equal (two-sided), not corrected.
    pub p: f64,
}

/// Welch's t-test (1947, Biometrika 34, 28) of the means of two independent sets.
///
/// With vᵢ = sᵢ²/nᵢ: t = (x̄₁ − x̄₂) / √(v₁ + v₂), ν = (v₁ + v₂)² / (v₁²/(n₁−1) + v₂²/(n₂−1)). `None` with fewer than two
/// values in a set, when no set varies at all, or when a value is not finite.
///
/// ```
/// use colearn_eval::statistics::welch_test;
///
/// let test = welch_test(&[0.96, 0.97, 0.95], &[0.90, 0.92, 0.93]).expect("both sets vary");
/// assert!(test.p < 0.05 && test.interval.low > 0.0);
/// ```
#[must_use]
pub fn welch_test(first: &[f64], second: &[f64]) -> Option<WelchTest> {
    let of = |values: &[f64]| {
        let share = sample_std(values)?.powi(2) / values.len() as f64;
        Some((mean(values)?, share, share * share / (values.len() - 1) as f64))
    };
    let ((mean1, v1, q1), (mean2, v2, q2)) = (of(first)?, of(second)?);
    let (difference, error) = (mean1 - mean2, (v1 + v2).sqrt());
    let (t, degrees) = (difference / error, (v1 + v2).powi(2) / (q1 + q2));
    if !(t.is_finite() && degrees.is_finite()) {
        return None;
    }
    let half = student_quantile(0.975, degrees)? * error;
    let interval = Interval { low: difference - half, high: difference + half };
    Some(WelchTest { difference, interval, t, degrees, p: student_t_two_sided(t, degrees) })
}

/// P(|X| ≥ |t|) of Student's t with `degrees` > 0 degrees of freedom: I_x(ν/2, 1/2) at x = ν/(ν + t²) (Abramowitz &
/// Stegun, 26.7.1). Not a number for other degrees.
#[must_use]
pub fn student_t_two_sided(t: f64, degrees: f64) -> f64 {
    let square = t * t;
    if square.is_infinite() && degrees > 0.0 {
        return 0.0;
    }
    beta_of(degrees / 2.0, 0.5, degrees / (degrees + square), square / (degrees + square))
}

/// The p-values corrected by Holm's step-down rule (1979, Scand. J. Stat. 6, 65), in the order given.
///
/// With p₍₁₎ ≤ … ≤ p₍ₘ₎ the corrected value of the k-th is the largest of (m − j + 1) p₍ⱼ₎ over j ≤ k, at most 1. Rejecting
/// what is below a level then keeps the chance of any wrong rejection among all m below that level.
///
/// ```
/// use colearn_eval::statistics::holm;
///
/// assert_eq!(holm(&[0.01, 0.5, 0.02]), [0.03, 0.5, 0.04]);
/// ```
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        largest = largest.max((p_values.len() - rank) as f64 * p_values[index]).min(1.0);
        corrected[index] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_tested_is_not() {
        assert_eq!(welch_test(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(welch_test(&[], &[]), None);
        assert_eq!(welch_test(&[1.0, 1.0], &[2.0, 2.0]), None, "nothing varies");
        assert_eq!(welch_test(&[1.0, f64::NAN], &[2.0, 3.0]), None);
        assert!(welch_test(&[1.0, 1.0], &[2.0, 3.0]).is_some(), "one set varies");
        assert!(student_t_two_sided(1.0, 0.0).is_nan());
        assert!(student_t_two_sided(f64::INFINITY, 3.0) < 1e-300);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn the_interval_touches_zero_where_p_is_five_percent() {
        // Shifting one set by one end of the interval makes the difference just significant.
        let (first, second) = ([0.9, 0.95, 0.97, 0.91], [0.8, 0.99, 0.7]);
        let test = welch_test(&first, &second).unwrap();
        let shifted = first.map(|value| value - test.interval.high);
        let p = welch_test(&shifted, &second).unwrap().p;
        assert!((p - 0.05).abs() < 1e-12, "{p}");
    }

    proptest! {
        #[test]
        fn exchanging_the_sets_changes_the_sign_only(
            first in prop::collection::vec(0.0_f64..1.0, 2..6),
            second in prop::collection::vec(0.0_f64..1.0, 2..6),
        ) {
            let (Some(ab), Some(ba)) = (welch_test(&first, &second), welch_test(&second, &first)) else {
                return Ok(());
            };
            prop_assert!((ab.t + ba.t).abs() < 1e-12 * (1.0 + ab.t.abs()));
            prop_assert!((ab.p - ba.p).abs() < 1e-12 && (0.0..=1.0).contains(&ab.p));
            prop_assert!((ab.interval.low + ba.interval.high).abs() < 1e-9 * (1.0 + ab.interval.low.abs()));
        }

        #[test]
        fn corrected_values_keep_the_order_and_are_no_smaller(
            values in prop::collection::vec(0.0_f64..1.0, 1..9),
        ) {
            let corrected = holm(&values);
            for (i, j) in (0..values.len()).flat_map(|i| (0..values.len()).map(move |j| (i, j))) {
                prop_assert!(corrected[i] >= values[i] && corrected[i] <= 1.0);
                prop_assert!(values[i] > values[j] || corrected[i] <= corrected[j]);
            }
        }
    }
}
