//! Numbers of configurations, which are `f64`, as the `f32` that training computes with.

/// The `f32` nearest to `value`. `None` where it does not stand for it: infinity in place of a finite number, zero in
/// place of another.
#[must_use]
pub fn single(value: f64) -> Option<f32> {
    let rounded = rounded(value);
    let stands = rounded.is_finite() == value.is_finite() && (rounded.abs() > 0.0) == (value.abs() > 0.0);
    (stands || value.is_nan()).then_some(rounded)
}

/// Whether `value` is in a range, and still is as the `f32` that is computed with: 10⁻⁵⁰ is above 0 and 1 − 10⁻⁸ below 1, but
/// in `f32` they are 0 and 1. `holds` says what is in the range.
///
/// ```
/// use colearn_simd::within;
///
/// assert_eq!(within(0.5, |x| x < 1.0), Ok(()));
/// assert_eq!(within(2.0, |x| x < 1.0), Err("2".to_owned()));
/// assert_eq!(within(0.99999999, |x| x < 1.0), Err("0.99999999 (1 in f32)".to_owned()));
/// ```
///
/// # Errors
/// The value in words for a message, with what it is in `f32` where that is the reason.
pub fn within(value: f64, holds: impl Fn(f64) -> bool) -> Result<(), String> {
    if !holds(value) {
        return Err(number(value));
    }
    match single(value) {
        Some(rounded) if holds(f64::from(rounded)) => Ok(()),
        _ => Err(with_single(value)),
    }
}

/// A number for a message, with what it is in `f32` where that does not stand for it.
#[must_use]
pub fn in_words(value: f64) -> String {
    if single(value).is_none() { with_single(value) } else { number(value) }
}

fn with_single(value: f64) -> String {
    format!("{} ({} in f32)", number(value), number(f64::from(rounded(value))))
}

/// Not `1` and three hundred zeros.
fn number(value: f64) -> String {
    let plain = !value.is_finite() || value.abs() <= 0.0 || (1e-7..1e16).contains(&value.abs());
    if plain { value.to_string() } else { format!("{value:e}") }
}

#[expect(clippy::cast_possible_truncation, reason = "what rounding does is the question")]
fn rounded(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_f32_cannot_hold_is_told() {
        for value in [0.0, -0.0, 1.0, -3.5, 1e38, 1e-45, f64::INFINITY] {
            assert!(single(value).is_some(), "{value}");
        }
        assert!(single(f64::NAN).is_some_and(f32::is_nan));
        for value in [1e39, -1e39, f64::MAX, 1e-50, -1e-50, f64::MIN_POSITIVE] {
            assert_eq!(single(value), None, "{value}");
        }
        assert_eq!(in_words(1e39), "1e39 (inf in f32)");
        assert_eq!(in_words(-1e-50), "-1e-50 (-0 in f32)");
        assert_eq!(
            [in_words(0.25), in_words(f64::NAN), in_words(1e300)],
            ["0.25", "NaN", "1e300 (inf in f32)"]
        );
    }

    #[test]
    fn a_range_holds_before_and_after_rounding() {
        let positive = |x: f64| x > 0.0 && x.is_finite();
        assert_eq!(within(5e-3, positive), Ok(()));
        assert_eq!(within(-1.0, positive), Err("-1".to_owned()));
        assert_eq!(within(1e-50, positive), Err("1e-50 (0 in f32)".to_owned()));
        assert_eq!(within(1e39, positive), Err("1e39 (inf in f32)".to_owned()));
        // Nothing where a small number was asked for: not what zero asks for.
        assert_eq!(within(1e-50, |x| x >= 0.0), Err("1e-50 (0 in f32)".to_owned()));
        let share = |x: f64| (0.0..1.0).contains(&x);
        assert_eq!(within(0.999_999_9, share), Ok(()));
        assert_eq!(within(0.999_999_99, share), Err("0.99999999 (1 in f32)".to_owned()));
        assert_eq!(within(f64::NAN, share), Err("NaN".to_owned()));
    }
}
