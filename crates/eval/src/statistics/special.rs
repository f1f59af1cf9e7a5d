//! The special functions behind the t distribution.
//!
//! | function | way | source |
//! |---|---|---|
//! | ln Γ(x) | Stirling's series above 10, the recurrence Γ(x + 1) = x Γ(x) below | Abramowitz & Stegun, 6.1.41 and 6.1.15 |
//! | I_x(a, b) | continued fraction, evaluated by the modified method of Lentz | Abramowitz & Stegun, 26.5.8 and 26.5.2 |

use std::f64::consts::TAU;

/// From here on the series for ln Γ is exact to the last digits.
const LARGE: f64 = 10.0;

/// Stirling's series: B₂ₖ / (2k (2k − 1)), the factors of x^(1 − 2k).
const STIRLING: [f64; 6] =
    [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0];

/// Terms after which the continued fraction is given up. It needs about √max(a, b) of them.
const MOST_TERMS: u32 = 100_000;

/// ln Γ(x) for finite x > 0, otherwise not a number.
///
/// ```
/// use colearn_eval::statistics::ln_gamma;
///
/// assert!((ln_gamma(5.0) - 24_f64.ln()).abs() < 1e-14);
/// ```
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    if !(x > 0.0 && x.is_finite()) {
        return f64::NAN;
    }
    let (mut large, mut product) = (x, 1.0);
    while large < LARGE {
        product *= large;
        large += 1.0;
    }
    let inverse = 1.0 / large;
    let series = STIRLING.iter().rev().fold(0.0, |sum, factor| sum * inverse * inverse + factor) * inverse;
    (large - 0.5) * large.ln() - large + 0.5 * TAU.ln() + series - f64::ln(product)
}

/// The regularised incomplete beta function I_x(a, b) = ∫₀ˣ t^(a−1) (1 − t)^(b−1) dt / B(a, b), for a, b > 0 and
/// 0 ≤ x ≤ 1, otherwise not a number.
///
/// ```
/// use colearn_eval::statistics::regularised_beta;
///
/// // I_x(1, b) = 1 − (1 − x)^b
/// assert!((regularised_beta(1.0, 3.0, 0.25) - (1.0 - 0.75_f64.powi(3))).abs() < 1e-14);
/// ```
#[must_use]
pub fn regularised_beta(a: f64, b: f64, x: f64) -> f64 {
    beta_of(a, b, x, 1.0 - x)
}

/// [`regularised_beta`] where 1 − x is known better than by subtraction.
pub(super) fn beta_of(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    let inside = (0.0..=1.0).contains(&x) && a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite();
    if !inside {
        return f64::NAN;
    }
    if x <= 0.0 || rest <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let front = a * x.ln() + b * rest.ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    // The fraction converges fast below the mean; above it the mirrored one does: I_x(a, b) = 1 − I_(1−x)(b, a).
    if x < (a + 1.0) / (a + b + 2.0) {
        front.exp() / (a * fraction(a, b, x))
    } else {
        1.0 - front.exp() / (b * fraction(b, a, rest))
    }
}

/// The continued fraction 1 + d₁/(1 + d₂/(1 + …)) with d₂ₘ₊₁ = −(a+m)(a+b+m) x / ((a+2m)(a+2m+1)) and
/// d₂ₘ = m(b−m) x / ((a+2m−1)(a+2m)).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut value, mut upper, mut lower) = (1.0_f64, 1.0_f64, 0.0_f64);
    for term in 1..MOST_TERMS {
        let m = f64::from(term / 2);
        let factor = if term % 2 == 1 {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        } else {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        };
        lower = 1.0 / away_from_zero(1.0 + factor * lower);
        upper = away_from_zero(1.0 + factor / upper);
        let change = upper * lower;
        value *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nonsense_is_no_number() {
        for x in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(ln_gamma(x).is_nan(), "{x}");
        }
        for (a, b, x) in [(0.0, 1.0, 0.5), (1.0, -1.0, 0.5), (1.0, 1.0, 1.5), (1.0, 1.0, f64::NAN)] {
            assert!(regularised_beta(a, b, x).is_nan(), "{a} {b} {x}");
        }
    }

    proptest! {
        #[test]
        fn gamma_grows_by_its_recurrence(x in 0.01_f64..200.0) {
            prop_assert!((ln_gamma(x + 1.0) - ln_gamma(x) - x.ln()).abs() < 1e-11);
        }

        #[test]
        fn beta_is_symmetric_and_rises_from_zero_to_one(a in 0.1_f64..50.0, b in 0.1_f64..50.0, x in 0.0_f64..1.0) {
            let value = regularised_beta(a, b, x);
            prop_assert!((0.0..=1.0).contains(&value));
            prop_assert!((value + regularised_beta(b, a, 1.0 - x) - 1.0).abs() < 1e-12);
            prop_assert!(regularised_beta(a, b, (x + 0.01).min(1.0)) >= value - 1e-14);
            prop_assert!(regularised_beta(a, b, 0.0).abs() < 1e-300);
            prop_assert!((regularised_beta(a, b, 1.0) - 1.0).abs() < 1e-300);
        }
    }
}
