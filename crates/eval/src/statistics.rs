//! Mean, spread and confidence intervals over seeds, and of an accuracy.
//!
//! | quantity | formula | source |
//! |---|---|---|
//! | interval of a mean | x̄ ± t₁₋ₐ/₂,ₙ₋₁ · s / √n | Student (1908) |
//! | distribution of t | I_x(ν/2, 1/2), x = ν/(ν + t²) | Abramowitz & Stegun, 26.7.1 |
//! | quantile of t, many degrees of freedom | expansion around the normal quantile | Abramowitz & Stegun, 26.7.5 |
//! | difference of two means | t = (x̄₁ − x̄₂)/√(s₁²/n₁ + s₂²/n₂) | Welch (1947), Biometrika 34, 28 |
//! | several tests at once | step-down | Holm (1979), Scand. J. Stat. 6, 65 |
//! | interval of a share k of n | score interval | Wilson (1927), J. Am. Stat. Assoc. 22, 209 |
//!
//! ```
//! use colearn_eval::statistics::{mean_estimate, wilson_interval};
//!
//! let over_seeds = mean_estimate(&[0.912, 0.905, 0.921, 0.917, 0.909]).expect("five values");
//! assert_eq!(format!("{over_seeds:.3}"), "0.913 ± 0.008");
//! let accuracy = wilson_interval(912, 1000, 0.95).expect("there are samples");
//! assert!(accuracy.low > 0.89 && accuracy.high < 0.93);
//! ```

mod special;
mod welch;

use std::f64::consts::TAU;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use special::{ln_gamma, regularised_beta};
pub use welch::{WelchTest, holm, student_t_two_sided, welch_test};

/// Above this many degrees of freedom the expansion 26.7.5 is exact to about ten digits.
const MANY_DEGREES: f64 = 1000.0;

/// A range of values with its two ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Mean, spread and 95 % interval of repeated measurements, for example one per seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanEstimate {
    /// Number of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divisor n − 1); `None` for a single value.
    pub std: Option<f64>,
    /// 95 % Student-t interval of the mean; `None` for a single value.
    pub interval: Option<Interval>,
}

/// `mean ± half width of the interval`, with the formatter's precision (three decimals if none is given).
impl fmt::Display for MeanEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(3);
        match self.interval {
            Some(interval) => write!(f, "{:.digits$} ± {:.digits$}", self.mean, interval.high - self.mean),
            None => write!(f, "{:.digits$}", self.mean),
        }
    }
}

/// Arithmetic mean, or `None` without values.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation (divisor n − 1), or `None` with fewer than two values.
#[must_use]
pub fn sample_std(values: &[f64]) -> Option<f64> {
    let centre = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Mean, standard deviation and 95 % Student-t interval, or `None` without values.
#[must_use]
pub fn mean_estimate(values: &[f64]) -> Option<MeanEstimate> {
    let centre = mean(values)?;
    let std = sample_std(values);
    let interval = std.and_then(|std| {
        let half = student_t_quantile(0.975, values.len() as u64 - 1)? * std / (values.len() as f64).sqrt();
        Some(Interval { low: centre - half, high: centre + half })
    });
    Some(MeanEstimate { n: values.len(), mean: centre, std, interval })
}

/// Wilson's score interval at `level` (such as 0.95) of a share of `successes` among `n`.
///
/// With p = k/n and z the normal quantile: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n). Unlike the plain normal
/// interval it stays within [0, 1] and does not shrink to a point at 0 or n successes. `None` if n is zero, there are
/// more successes than trials, or the level is not strictly between 0 and 1.
#[must_use]
pub fn wilson_interval(successes: u64, n: u64, level: f64) -> Option<Interval> {
    if n == 0 || successes > n || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let z = normal_quantile(0.5 + level / 2.0)?;
    let (count, share) = (n as f64, successes as f64 / n as f64);
    let spread = z * (share * (1.0 - share) / count + (z / (2.0 * count)).powi(2)).sqrt();
    let centre = share + z * z / (2.0 * count);
    let scale = 1.0 + z * z / count;
    Some(Interval { low: ((centre - spread) / scale).max(0.0), high: ((centre + spread) / scale).min(1.0) })
}

/// Quantile of the standard normal distribution for 0 < p < 1, otherwise `None`.
#[must_use]
pub fn normal_quantile(p: f64) -> Option<f64> {
    quantile(p, normal_central)
}

/// Quantile of Student's t distribution with `degrees` degrees of freedom for 0 < p < 1, otherwise `None`.
#[must_use]
pub fn student_t_quantile(p: f64, degrees: u64) -> Option<f64> {
    student_quantile(p, degrees as f64)
}

/// The same for any positive number of degrees.
fn student_quantile(p: f64, n: f64) -> Option<f64> {
    if n.is_nan() || n <= 0.0 {
        return None;
    }
    if n <= MANY_DEGREES {
        return quantile(p, |t| 1.0 - student_t_two_sided(t, n));
    }
    let z = normal_quantile(p)?;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    Some(z + first / n + second / (n * n) + third / n.powi(3))
}

/// Solves P(|X| ≤ x) = |2p − 1| by bisection; `central` gives that probability of a symmetric distribution.
fn quantile(p: f64, central: impl Fn(f64) -> f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0) {
        return None;
    }
    let target = (2.0 * p - 1.0).abs();
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    while central(high) < target && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if central(middle) < target { low = middle } else { high = middle }
    }
    Some(f64::midpoint(low, high).copysign(p - 0.5))
}

/// P(|X| ≤ x) of the standard normal: 2 φ(x) Σ x^(2k+1) / (1·3·…·(2k+1)).
fn normal_central(x: f64) -> f64 {
    if x > 8.0 {
        return 1.0;
    }
    let (mut term, mut sum, mut odd) = (x, 0.0, 1.0);
    while term > 1e-18 * sum {
        sum += term;
        odd += 2.0;
        term *= x * x / odd;
    }
    2.0 * sum * (-x * x / 2.0).exp() / TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn t_quantiles_of_the_printed_tables() {
        // Any printed table of the t distribution, for example Abramowitz & Stegun, table 26.10.
        let printed = [
            (0.975, 1, 12.706),
            (0.975, 2, 4.303),
            (0.975, 3, 3.182),
            (0.975, 4, 2.776),
            (0.975, 5, 2.571),
            (0.975, 9, 2.262),
            (0.975, 10, 2.228),
            (0.975, 29, 2.045),
            (0.975, 30, 2.042),
            (0.975, 120, 1.980),
            (0.95, 7, 1.895),
            (0.995, 12, 3.055),
            (0.90, 1, 3.078),
        ];
        for (p, degrees, value) in printed {
            let found = student_t_quantile(p, degrees).unwrap();
            assert!((found - value).abs() < 5.1e-4, "t({p}, {degrees}): {found} against {value}");
        }
    }

    #[test]
    fn one_and_two_degrees_have_closed_forms() {
        for p in [0.01, 0.2, 0.6, 0.9, 0.99] {
            let cauchy = (std::f64::consts::PI * (p - 0.5)).tan();
            assert_relative_eq!(student_t_quantile(p, 1).unwrap(), cauchy, max_relative = 1e-9);
            let two = (2.0 * p - 1.0) / (2.0 * p * (1.0 - p)).sqrt();
            assert_relative_eq!(student_t_quantile(p, 2).unwrap(), two, max_relative = 1e-9);
        }
    }

    #[test]
    fn the_two_ways_to_the_quantile_meet() {
        let sum = student_quantile(0.975, MANY_DEGREES).unwrap();
        let expansion = student_quantile(0.975, MANY_DEGREES + 1.0).unwrap();
        assert!(sum > expansion && sum - expansion < 5e-6);
        let z = normal_quantile(0.975).unwrap();
        assert_relative_eq!(z, 1.959_963_984_540_054, epsilon = 1e-12);
        assert_relative_eq!(student_t_quantile(0.975, u64::MAX).unwrap(), z, epsilon = 1e-12);
        assert_relative_eq!(normal_quantile(0.5).unwrap(), 0.0, epsilon = 1e-12);
        assert_relative_eq!(normal_quantile(0.025).unwrap(), -z, epsilon = 1e-12);
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(student_t_quantile(1.0, 3), None);
        assert_eq!(student_t_quantile(f64::NAN, 3), None);
        assert_eq!(student_t_quantile(0.9, 0), None);
        assert_eq!(wilson_interval(0, 0, 0.95), None);
        assert_eq!(wilson_interval(3, 2, 0.95), None);
        assert_eq!(wilson_interval(1, 2, 1.0), None);
        assert_eq!(mean_estimate(&[]), None);
        let single = mean_estimate(&[0.5]).unwrap();
        assert_eq!((single.std, single.interval), (None, None));
    }

    #[test]
    fn wilson_of_a_published_example() {
        // Newcombe (1998), Statistics in Medicine 17, 857, table I: 81/263, 15/148, 0/20 and 1/29 by method 3.
        for (k, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = wilson_interval(k, n, 0.95).unwrap();
            assert!(
                (found.low - low).abs() < 5.1e-5 && (found.high - high).abs() < 5.1e-5,
                "{k}/{n}: {found:?}"
            );
        }
    }

    #[test]
    fn interval_of_a_mean_by_hand() {
        let estimate = mean_estimate(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_relative_eq!(estimate.mean, 3.0);
        assert_relative_eq!(estimate.std.unwrap(), 2.5_f64.sqrt());
        // 2.776445 · √2.5 / √5 = 1.963243
        assert_relative_eq!(estimate.interval.unwrap().high, 4.963_243, epsilon = 1e-6);
        assert_eq!(format!("{estimate:.2}"), "3.00 ± 1.96");
    }
}
