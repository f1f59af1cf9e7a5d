//! From data to the page: ranges, ticks at 1-2-5 steps, histograms and the text of numbers.

/// Larger values are treated as not finite: their differences might not be.
const LARGEST: f64 = 1e100;

/// Straight-line map from a data range to a range on the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Scale {
    /// The place of `value`; NaN if it is not drawable.
    pub(crate) fn at(&self, value: f64) -> f64 {
        if drawable(value) {
            self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
        } else {
            f64::NAN
        }
    }

    /// Like [`Self::at`], but never outside of the range on the page.
    pub(crate) fn within(&self, value: f64) -> f64 {
        self.at(value.clamp(self.low, self.high))
    }
}

pub(crate) fn drawable(value: f64) -> bool {
    value.abs() < LARGEST
}

/// Smallest and largest drawable value, widened where they (nearly) coincide; (0, 1) without any.
pub(crate) fn extent(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .into_iter()
        .filter(|value| drawable(*value))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let size = low.abs().max(high.abs());
    if high - low > 1e-9 * size {
        return (low, high);
    }
    let margin = if size > 0.0 { 0.1 * size } else { 0.5 };
    (low - margin, high + margin)
}

/// From zero to the largest value, or to one if no value is above zero.
pub(crate) fn from_zero(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let top = values.into_iter().filter(|value| drawable(*value)).fold(0.0, f64::max);
    (0.0, if top > 0.0 { top } else { 1.0 })
}

/// Tick positions of an axis and the distance between them.
#[derive(Debug, Clone)]
pub(crate) struct Ticks {
    pub(crate) step: f64,
    pub(crate) values: Vec<f64>,
}

impl Ticks {
    /// About `target` ticks, 3 or more, at multiples of 1, 2 or 5 times a power of ten within [`low`, `high`]; never fewer
    /// than two, since one number alone is no scale.
    pub(crate) fn new(low: f64, high: f64, target: f64) -> Self {
        let ticks = |target: f64| Self::with_step(low, high, nice_step((high - low) / target));
        let found = ticks(target);
        if found.values.len() > 1 { found } else { ticks(2.0 * target) }
    }

    /// Ticks at whole numbers, for epochs.
    pub(crate) fn whole(low: f64, high: f64, target: f64) -> Self {
        Self::with_step(low, high, nice_step((high - low) / target).max(1.0))
    }

    fn with_step(low: f64, high: f64, step: f64) -> Self {
        let slack = 1e-9 * step;
        let first = ((low - slack) / step).ceil();
        let values = (0..100)
            .map(|index| (first + f64::from(index)) * step)
            .take_while(|value| *value <= high + slack)
            .collect();
        Self { step, values }
    }

    /// The tick labels.
    pub(crate) fn labels(&self) -> Vec<String> {
        self.values.iter().map(|value| tick_label(*value, self.step)).collect()
    }
}

/// The range widened to whole ticks.
pub(crate) fn rounded_out((low, high): (f64, f64), target: f64) -> (f64, f64) {
    let step = nice_step((high - low) / target);
    ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step)
}

/// The smallest 1, 2 or 5 times a power of ten that is not below `raw`.
fn nice_step(raw: f64) -> f64 {
    if !(raw > 0.0 && raw.is_finite()) {
        return 1.0;
    }
    let power = 10.0_f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= raw * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

fn tick_label(value: f64, step: f64) -> String {
    if value.abs() < 1e-9 * step {
        return "0".into();
    }
    if value.abs() >= 1e6 || step < 1e-5 {
        return proper_minus(&format!("{value:.2e}").replace(".00e", "e").replace("0e", "e"));
    }
    let decimals = (0..6).find(|digits| {
        let scaled = step * 10.0_f64.powi(*digits);
        (scaled - scaled.round()).abs() < 1e-6
    });
    proper_minus(&format!("{value:.*}", usize::try_from(decimals.unwrap_or(6)).unwrap_or(6)))
}

/// `value` with about `digits` significant digits, without an exponent where that is short.
pub(crate) fn figure(value: f64, digits: i32) -> String {
    if !drawable(value) {
        return "–".into();
    }
    if value.abs() < 1e-12 {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..6.0).contains(&magnitude) {
        return proper_minus(&format!("{value:.1e}"));
    }
    let decimals = (f64::from(digits - 1) - magnitude).max(0.0);
    proper_minus(&format!("{value:.*}", index(decimals)))
}

/// `value` with at most four significant digits and no trailing zeros.
pub(crate) fn plain(value: f64) -> String {
    let text = figure(value, 4);
    if text.contains('.') && !text.contains('e') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// A share as percent with one decimal.
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", 100.0 * share) } else { "–".into() }
}

/// A count with thin spaces between groups of three digits.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) && digits.len() > 4 {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

fn proper_minus(text: &str) -> String {
    text.replace('-', "−")
}

/// Whole part of a value that is not negative, saturating; NaN becomes zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float to integer casts saturate, which is what an index clamped afterwards needs"
)]
pub(crate) fn index(value: f64) -> usize {
    value as usize
}

/// Shares of the total weight in `bins` equal bins over [`low`, `high`]; values outside count in the end bins. All
/// zero when there is no weight. Without `weights` every value weighs one; a value without a weight is left out.
pub(crate) fn histogram(
    values: &[f64],
    weights: Option<&[f64]>,
    (low, high): (f64, f64),
    bins: usize,
) -> Vec<f64> {
    let mut shares = vec![0.0; bins];
    let mut total = 0.0;
    for (position, value) in values.iter().enumerate() {
        let weight = match weights {
            Some(weights) => weights.get(position).map_or(0.0, |weight| weight.abs()),
            None => 1.0,
        };
        if drawable(*value) && drawable(weight) && bins > 0 {
            let bin = index((value - low) / (high - low) * bins as f64);
            shares[bin.min(bins - 1)] += weight;
            total += weight;
        }
    }
    if total > 0.0 {
        for share in &mut shares {
            *share /= total;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_inside_the_range() {
        for (low, high, labels) in [
            (0.0, 1.0, vec!["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (0.0, 100.0, vec!["0", "20", "40", "60", "80", "100"]),
            (-0.3, 0.3, vec!["−0.2", "0", "0.2"]),
            (0.0, 0.012, vec!["0", "0.005", "0.010"]),
            (1e7, 3e7, vec!["1e7", "1.5e7", "2e7", "2.5e7", "3e7"]),
        ] {
            assert_eq!(Ticks::new(low, high, 5.0).labels(), labels, "{low} to {high}");
        }
        // Three ticks would be 5 apart, which leaves one of them.
        assert_eq!(Ticks::new(-4.0, 4.0, 3.0).labels(), ["−4", "−2", "0", "2", "4"]);
        assert_eq!(Ticks::whole(1.0, 3.0, 8.0).labels(), ["1", "2", "3"]);
    }

    #[test]
    fn every_range_can_be_drawn() {
        let samples: [&[f64]; 6] =
            [&[], &[f64::NAN, f64::INFINITY], &[3.0], &[0.0, 0.0], &[-1e300, 1e300], &[1.0, 1.0 + 1e-15]];
        for sample in samples {
            let (low, high) = rounded_out(extent(sample.iter().copied()), 5.0);
            assert!(low < high && (high - low).is_finite(), "{sample:?}");
            assert!(Ticks::new(low, high, 5.0).values.len() > 1, "{sample:?}");
        }
    }

    #[test]
    fn histograms_share_out_everything() {
        let shares = histogram(&[0.0, 0.5, 1.0, 2.0, f64::NAN], None, (0.0, 1.0), 4);
        assert_eq!(shares, [0.25, 0.0, 0.25, 0.5]);
        let weighted = histogram(&[0.1, 0.9], Some(&[-3.0, 1.0]), (0.0, 1.0), 2);
        assert_eq!(weighted, [0.75, 0.25]);
        assert_eq!(histogram(&[], None, (0.0, 1.0), 2), [0.0, 0.0]);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([figure(0.123_45, 3), figure(-12.345, 3), figure(1234.5, 3)], ["0.123", "−12.3", "1234"]);
        assert_eq!([figure(f64::NAN, 3), figure(0.0, 3), figure(2.5e9, 3)], ["–", "0", "2.5e9"]);
        assert_eq!([count(1234), count(12_345)], ["1234", "12\u{2009}345"]);
        assert_eq!([plain(10.0), plain(2.5), plain(0.1)], ["10", "2.5", "0.1"]);
        assert_eq!(percent(0.931_2), "93.1 %");
    }
}
