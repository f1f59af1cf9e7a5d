//! Numbers in words for tables that are read, and plain ones for tables that programs read.

use colearn_eval::statistics::{Interval, MeanEstimate, mean_estimate};

/// What stands where there is nothing to say.
pub(super) const NOTHING: &str = "–";

/// So many decimals, or a dash for what is infinite or not a number.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}").replace('-', "−") } else { NOTHING.to_owned() }
}

/// A share in percent with two decimals.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.2} %", 100.0 * share) } else { NOTHING.to_owned() }
}

/// The same with one decimal, for sentences.
pub(super) fn about(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", 100.0 * share) } else { NOTHING.to_owned() }
}

/// `low to high %`.
pub(super) fn range(interval: Interval) -> String {
    format!("{:.2} to {:.2} %", 100.0 * interval.low, 100.0 * interval.high)
}

/// `mean ± half width` in percent; the plain value of a single run.
pub(super) fn spread(values: &[f64]) -> String {
    let percents: Vec<f64> = values.iter().map(|share| 100.0 * share).collect();
    mean_estimate(&percents).map_or_else(|| NOTHING.to_owned(), |estimate| format!("{estimate:.2} %"))
}

/// Every digit; nothing where there is no number.
pub(super) fn plain(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or_else(String::new, |value| value.to_string())
}

pub(super) fn plain_count(value: Option<usize>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Mean, sample standard deviation, lower and upper end of the 95 % interval.
pub(super) fn plain_estimate(estimate: Option<MeanEstimate>) -> [String; 4] {
    let interval = estimate.and_then(|found| found.interval);
    [
        plain(estimate.map(|found| found.mean)),
        plain(estimate.and_then(|found| found.std)),
        plain(interval.map(|ends| ends.low)),
        plain(interval.map(|ends| ends.high)),
    ]
}

/// A count with a comma between groups of three digits.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `24 s`, `6 min 40 s`, `2 h 5 min`.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NOTHING.to_owned();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and is not negative"
    )]
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{whole} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([grouped(7), grouped(49_724), grouped(1_000_000)], ["7", "49,724", "1,000,000"]);
        assert_eq!([duration(24.4), duration(400.0), duration(7500.0)], ["24 s", "6 min 40 s", "2 h 5 min"]);
        assert_eq!([fixed(-1.25, 1), percent(f64::NAN), about(0.8534)], ["−1.2", "–", "85.3 %"]);
        assert_eq!([plain(Some(0.25)), plain(Some(f64::INFINITY)), plain(None)], ["0.25", "", ""]);
    }
}
