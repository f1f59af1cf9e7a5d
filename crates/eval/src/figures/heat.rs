//! Heat maps: an array over time and channels in shades of one colour, or of two around zero, and the key of the shades.

use ndarray::Array2;

use super::panel::Panel;
use super::scale::{drawable, figure, index, plain};
use super::svg::{Path, Rect, Svg, shorten};

/// Shades of a colour, without the ground.
const SHADES: usize = 16;
/// Smallest size of a cell in user units; larger arrays show one value for each cell.
const LEAST_WIDTH: f64 = 2.0;
const LEAST_HEIGHT: f64 = 1.0;
/// Values below zero that reach less than this share of those above it, or the other way round, are no side of their own.
const ONE_SIDED: f64 = 0.05;

/// How values become shades.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shades {
    /// One colour from the ground, at the first value, to the second.
    From(f64, f64),
    /// Signed values up to this size: zero is the ground, so that padding with zeros is not drawn, values above it have one
    /// colour and those below it another.
    Around(f64),
}

impl Shades {
    /// What suits values from `low` to `high`.
    pub(crate) fn of((low, high): (f64, f64)) -> Self {
        let most = high.max(-low);
        if low < -ONE_SIDED * most && high > ONE_SIDED * most {
            Self::Around(most)
        } else {
            Self::From(low, high)
        }
    }

    /// The class of the colour of `value` and its shade, 0 for the ground.
    fn shade(self, value: f64) -> (usize, usize) {
        let level = |share: f64| index((share * SHADES as f64).round().max(0.0)).min(SHADES);
        match self {
            Self::From(low, high) if value > low => (0, level((value - low) / (high - low)).max(1)),
            Self::Around(most) => (usize::from(value < 0.0), level(value.abs() / most)),
            Self::From(..) => (0, 0),
        }
    }

    /// Whichever of two values shows more.
    fn stronger(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Around(_) if b.abs() > a.abs() => b,
            Self::Around(_) => a,
            Self::From(..) => a.max(b),
        }
    }
}

/// Draws `values` (T, C) over `area`, channel 0 at the bottom.
///
/// One path per shade in units of cells; equal neighbours in time are one rectangle.
pub(crate) fn heat_map(svg: &mut Svg, values: &Array2<f32>, area: Rect, shades: Shades) {
    let (steps, channels) = values.dim();
    let columns = steps.min(index(area.width / LEAST_WIDTH).max(1));
    let rows = channels.min(index(area.height / LEAST_HEIGHT).max(1));
    if steps == 0 || channels == 0 {
        return;
    }
    let mut paths: [Vec<Path>; 2] = [0, 1].map(|_| (0..=SHADES).map(|_| Path::default()).collect());
    for row in 0..rows {
        let shade = |column: usize| shades.shade(pooled(values, (column, columns), (row, rows), shades));
        let y = (rows - 1 - row) as f64;
        let mut start = 0;
        while start < columns {
            let (colour, level) = shade(start);
            let end = (start + 1..columns).find(|next| shade(*next) != (colour, level)).unwrap_or(columns);
            if level > 0 {
                paths[colour][level].rect(Rect::new(start as f64, y, (end - start) as f64, 1.0));
            }
            start = end;
        }
    }
    for (paths, class) in paths.iter().zip(["f0 crisp", "f1 crisp"]) {
        for (level, path) in paths.iter().enumerate() {
            let opacity = level as f64 / SHADES as f64;
            svg.cells(path, class, opacity, area, (columns as f64, rows as f64));
        }
    }
}

/// The strongest drawable value of a cell of the coarser grid; NaN if there is none.
fn pooled(
    values: &Array2<f32>,
    (column, columns): (usize, usize),
    (row, rows): (usize, usize),
    shades: Shades,
) -> f64 {
    let (steps, channels) = values.dim();
    let mut found = f64::NAN;
    for step in column * steps / columns..(column + 1) * steps / columns {
        for channel in row * channels / rows..(row + 1) * channels / rows {
            let value = f64::from(values[[step, channel]]);
            if drawable(value) {
                found = if found.is_nan() { value } else { shades.stronger(found, value) };
            }
        }
    }
    found
}

/// What the shades of a heat map mean, to the right of its panel in a drawing that ends at `right`.
pub(crate) fn shade_key(svg: &mut Svg, area: Rect, right: f64, shades: Shades, unit: &str) {
    let x = area.right() + 12.0;
    svg.rect(Rect::new(x, area.y, 8.0, area.height), "plot");
    let (low, high, ground) = match shades {
        Shades::From(low, high) => (low, high, area.bottom()),
        Shades::Around(most) => (-most, most, area.y + area.height / 2.0),
    };
    let mut column = |class: &str, end: f64| {
        let height = (end - ground) / SHADES as f64;
        for level in 1..=SHADES {
            let (a, b) = (ground + (level - 1) as f64 * height, ground + level as f64 * height);
            let shade = Some(level as f64 / SHADES as f64);
            svg.shaded(Rect::new(x, a.min(b), 8.0, height.abs()), class, shade);
        }
    };
    column("f0 crisp", area.y);
    if let Shades::Around(_) = shades {
        column("f1 crisp", area.bottom());
    }
    let label = |value: f64| if value.fract().abs() > 0.0 { figure(value, 3) } else { plain(value) };
    svg.text((x + 14.0, area.y + 9.0), "muted", &label(high));
    let low = if low.abs() < 1e-3 * (high - low) { 0.0 } else { low };
    svg.text((x + 14.0, area.bottom()), "muted", &label(low));
    let unit = shorten(unit, right - x - 18.0, 11.0);
    svg.text((x + 14.0, area.y + area.height / 2.0 + 4.0), "muted", &unit);
}

/// First and last index beside a stack of channels or units.
pub(crate) fn index_labels(svg: &mut Svg, panel: &Panel, size: usize) {
    let x = panel.area.x - 8.0;
    if size > 0 {
        svg.text((x, panel.area.bottom()), "end muted", "0");
    }
    if size > 1 {
        svg.text((x, panel.area.y + 9.0), "end muted", &(size - 1).to_string());
    }
}

/// Least distance of two frequencies beside a stack of channels, in user units.
const APART: f64 = 13.0;

/// Frequencies in Hz that a stack of channels may be marked at.
fn round_frequencies() -> impl DoubleEndedIterator<Item = f64> {
    (1..5).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)))
}

/// Round frequencies beside a stack of `size` channels, channel 0 at the bottom, with these centres in Hz. False, and nothing
/// is drawn, where the centres are not those of the channels, do not rise or hold less than two round frequencies.
pub(crate) fn frequency_labels(svg: &mut Svg, panel: &Panel, size: usize, centres: &[f64]) -> bool {
    let rise = centres.windows(2).all(|pair| pair[0] < pair[1]);
    if centres.len() != size || !rise || !centres.iter().all(|hz| drawable(*hz)) {
        return false;
    }
    // Between two centres the frequency is taken to rise evenly.
    let place = |hz: f64| {
        let above = centres.partition_point(|centre| *centre < hz);
        match (above.checked_sub(1).map(|below| centres[below]), centres.get(above)) {
            (_, Some(centre)) if *centre <= hz => Some(above as f64),
            (Some(below), Some(centre)) => Some(above as f64 - (centre - hz) / (centre - below)),
            _ => None,
        }
    };
    let places: Vec<(f64, f64)> =
        (round_frequencies().rev()).filter_map(|hz| Some((panel.y.at(place(hz)? + 0.5), hz))).collect();
    if places.len() < 2 {
        return false;
    }
    let mut last = f64::NEG_INFINITY;
    for (y, hz) in places {
        if y - last >= APART {
            let left = panel.area.x;
            svg.line((left - 4.0, y), (left, y), "axis hair crisp");
            svg.text((left - 8.0, y + 4.0), "end muted", &hz.to_string());
            last = y;
        }
    }
    true
}

/// What a stack of channels is, in words: with the unit of the marks beside it.
pub(crate) fn stack_label(label: &str, in_hz: bool) -> String {
    if in_hz { format!("{label} (centre in Hz)") } else { format!("{label} (index)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marks beside a stack of channels: text and height above the bottom.
    fn marks(size: usize, centres: &[f64]) -> Vec<(String, f64)> {
        let panel = Panel::new(Rect::new(40.0, 0.0, 100.0, 100.0), (0.0, 1.0), (0.0, size.max(1) as f64));
        let mut svg = Svg::new(200.0, "t", "d");
        let drawn = frequency_labels(&mut svg, &panel, size, centres);
        let text = svg.inline(100.0);
        assert_eq!(drawn, text.contains("<text"), "{text}");
        let parts = text.split("<text ").skip(1).map(|part| {
            let y = part.split("y=\"").nth(1).unwrap().split('"').next().unwrap().parse::<f64>().unwrap();
            let words = part.split('>').nth(1).unwrap().split('<').next().unwrap();
            (words.to_owned(), 100.0 + 4.0 - y)
        });
        parts.collect()
    }

    #[test]
    fn channels_are_marked_at_round_frequencies() {
        // Ten channels of ten units: 200 Hz is the middle of the second, 500 Hz of the fifth, 1000 Hz of the last.
        let even: Vec<f64> = (1..=10).map(|k| 100.0 * f64::from(k)).collect();
        let expected = [("1000", 95.0), ("500", 45.0), ("200", 15.0)];
        let found = marks(10, &even);
        assert_eq!(found.iter().map(|(words, _)| words.as_str()).collect::<Vec<_>>(), expected.map(|e| e.0));
        for ((_, y), (words, expected)) in found.iter().zip(expected) {
            assert!((y - expected).abs() < 0.06, "{words}: {y}, not {expected}");
        }
        // Not theirs, not rising, not finite, or without a round frequency.
        let reversed: Vec<f64> = even.iter().rev().copied().collect();
        for none in [&even[..9], &reversed, &[f64::NAN; 10], &[130.0, 131.0]] {
            assert_eq!(marks(if none.len() == 2 { 2 } else { 10 }, none), []);
        }
        assert_eq!(marks(0, &[]), []);
    }

    #[test]
    fn zero_is_the_ground_of_signed_values() {
        let shades = Shades::of((-2.0, 3.0));
        assert_eq!(shades, Shades::Around(3.0));
        assert_eq!([shades.shade(0.0), shades.shade(3.0), shades.shade(-3.0)], [(0, 0), (0, 16), (1, 16)]);
        assert_eq!(Shades::of((0.0, 3.0)), Shades::From(0.0, 3.0));
        assert_eq!(Shades::of((-0.01, 3.0)), Shades::From(-0.01, 3.0));
    }

    #[test]
    fn padding_with_zeros_draws_nothing() {
        let draw = |steps: usize| {
            let value =
                |(step, _): (usize, usize)| if step < 4 { [1.0, -2.0, 0.5, -0.25][step] } else { 0.0 };
            let mut svg = Svg::new(100.0, "t", "d");
            let area = Rect::new(0.0, 0.0, 10.0 * steps as f64, 20.0);
            heat_map(&mut svg, &Array2::from_shape_fn((steps, 2), value), area, Shades::of((-2.0, 1.0)));
            svg.inline(20.0)
        };
        let (short, padded) = (draw(4), draw(40));
        assert_eq!(short.matches('z').count(), 8, "a cell each");
        assert_eq!(padded.matches('z').count(), short.matches('z').count());
    }
}
