//! Where the delays of each layer ended up.

use super::panel::{Glyph, HEAD, Key, NARROW, Panel, below_legend, legend, masthead};
use super::scale::{Ticks, drawable, figure, from_zero, histogram};
use super::svg::{Rect, Svg};

const COLUMNS: usize = 3;
const WIDTH: f64 = 1040.0;
const TOP: f64 = 152.0;
const PANEL_HEIGHT: f64 = 190.0;
const ROW_PITCH: f64 = PANEL_HEIGHT + 106.0;
const BINS: usize = 40;
const KEYS: [Key<'_>; 3] = [
    ("f0 bar", Glyph::Area, "after training"),
    ("outline thin", Glyph::Outline, "before training"),
    ("s1 line", Glyph::Line, "median after training"),
];

/// Values with an optional weight each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// The values.
    pub values: Vec<f64>,
    /// A weight per value, of which the absolute value counts; `None` weighs all values equally.
    pub weights: Option<Vec<f64>>,
}

impl From<Vec<f64>> for Sample {
    fn from(values: Vec<f64>) -> Self {
        Self { values, weights: None }
    }
}

/// The delays of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct DelayLayer {
    /// Name of the layer.
    pub name: String,
    /// Delays after training, in steps.
    pub learned: Sample,
    /// Delays before training, in steps; may be empty.
    pub initial: Sample,
    /// Largest delay allowed, in steps; without it the axis ends at the largest delay found.
    pub max_delay: Option<f64>,
}

/// Figure with one histogram per layer: delays after training filled, before training as an outline.
#[derive(Debug, Clone, PartialEq)]
pub struct DelayHistograms {
    /// Headline.
    pub title: String,
    /// Length of a step in milliseconds.
    pub step_ms: f64,
    /// The layers in order.
    pub layers: Vec<DelayLayer>,
}

impl DelayHistograms {
    /// The figure as an SVG document.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.layers.len().clamp(1, COLUMNS);
        let rows = self.layers.len().div_ceil(columns).max(1);
        let width = if columns == 1 { 640.0 } else { WIDTH };
        let height = TOP + ROW_PITCH * rows as f64 - 48.0;
        let weighted = self.layers.iter().any(|layer| layer.learned.weights.is_some());
        let what =
            if weighted { "weighted by the absolute synaptic weight" } else { "every synapse counted once" };
        let subtitle = format!("Distribution of the delays per layer, {what}");
        let mut svg = Svg::new(width, &self.title, &self.description());
        masthead(&mut svg, width, &self.title, &subtitle);
        legend(&mut svg, (28.0, 84.0), width - 28.0, &KEYS);
        let pitch = (width - 28.0) / columns as f64;
        for (position, layer) in self.layers.iter().enumerate() {
            let (row, column) = (position / columns, position % columns);
            let left = 64.0 + pitch * column as f64;
            let area = Rect::new(left, TOP + ROW_PITCH * row as f64, pitch - 72.0, PANEL_HEIGHT);
            self.layer(&mut svg, area, area.y, layer);
        }
        svg.finish(height)
    }

    /// A drawing a layer, for a page.
    #[must_use]
    pub fn panels(&self) -> Vec<String> {
        let panel = |layer: &DelayLayer| {
            let mut svg = Svg::new(NARROW, &format!("{}, {}", self.title, layer.name), &self.median(layer));
            let area = below_legend(&mut svg, PANEL_HEIGHT, &KEYS);
            self.layer(&mut svg, area, HEAD, layer);
            svg.inline(area.bottom() + 48.0)
        };
        self.layers.iter().map(panel).collect()
    }

    fn median(&self, layer: &DelayLayer) -> String {
        match weighted_median(&layer.learned) {
            Some(median) => format!("{}: median {} ms", layer.name, figure(median * self.step_ms, 3)),
            None => format!("{}: no delays", layer.name),
        }
    }

    fn description(&self) -> String {
        self.layers.iter().map(|layer| self.median(layer)).collect::<Vec<_>>().join("; ")
    }

    /// The axes of a layer in `area`, with their heading above `head`.
    fn layer(&self, svg: &mut Svg, area: Rect, head: f64, layer: &DelayLayer) {
        let in_ms =
            |sample: &Sample| -> Vec<f64> { sample.values.iter().map(|d| d * self.step_ms).collect() };
        let (learned, initial) = (in_ms(&layer.learned), in_ms(&layer.initial));
        let range = match layer.max_delay.map(|delay| delay * self.step_ms) {
            Some(limit) if drawable(limit) && limit > 0.0 => (0.0, limit),
            _ => from_zero(learned.iter().chain(&initial).copied()),
        };
        let after = histogram(&learned, layer.learned.weights.as_deref(), range, BINS);
        let before = histogram(&initial, layer.initial.weights.as_deref(), range, BINS);
        let measure = if layer.learned.weights.is_some() {
            "Share of total |weight| (%)"
        } else {
            "Share of synapses (%)"
        };
        let names = (layer.name.as_str(), measure);
        let panel = distribution(svg, (area, head), names, (range, range), (&before, &after));
        panel.x_axis(svg, &Ticks::new(range.0, range.1, 6.0), "Delay (ms)");
        if let Some(median) = weighted_median(&layer.learned).map(|median| median * self.step_ms) {
            let x = panel.x.within(median);
            svg.line((x, area.y), (x, area.bottom()), "s1 line");
            let left = x > area.x + area.width / 2.0;
            let (class, shift) = if left { ("end ink strong halo", -7.0) } else { ("ink strong halo", 7.0) };
            svg.text((x + shift, area.y + 14.0), class, &format!("{} ms", figure(median, 3)));
        }
    }
}

/// Axes in an area, with their heading above `head`, over the range `shown`, with a filled histogram and an outline over
/// `range`, both given as shares and drawn in percent.
pub(super) fn distribution(
    svg: &mut Svg,
    (area, head): (Rect, f64),
    (name, measure): (&str, &str),
    (shown, range): ((f64, f64), (f64, f64)),
    (before, after): (&[f64], &[f64]),
) -> Panel {
    let percents = |shares: &[f64]| -> Vec<f64> { shares.iter().map(|share| 100.0 * share).collect() };
    let (before, after) = (percents(before), percents(after));
    // Eighteen percent of headroom keep labels at the upper edge clear of the bars.
    let highest = from_zero(before.iter().chain(&after).copied()).1;
    let panel = Panel::new(area, shown, (0.0, 1.18 * highest));
    panel.ground(svg);
    panel.heading_at(svg, head, name, measure);
    panel.y_axis(svg, &Ticks::new(0.0, 1.18 * highest, 5.0));
    panel.bars(svg, range, &after, "f0 bar");
    panel.steps(svg, range, &before, "outline thin");
    panel
}

/// The value that splits the total weight in half.
fn weighted_median(sample: &Sample) -> Option<f64> {
    let weight = |position: usize| match &sample.weights {
        Some(weights) => weights.get(position).map_or(0.0, |weight| weight.abs()),
        None => 1.0,
    };
    let mut pairs: Vec<(f64, f64)> = (sample.values.iter().enumerate())
        .map(|(position, value)| (*value, weight(position)))
        .filter(|(value, weight)| drawable(*value) && drawable(*weight) && *weight > 0.0)
        .collect();
    pairs.sort_by(|left, right| left.0.total_cmp(&right.0));
    let half = pairs.iter().map(|pair| pair.1).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    pairs
        .iter()
        .position(|pair| {
            sum += pair.1;
            sum >= half
        })
        .map(|position| pairs[position].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_follows_the_weights() {
        let mut sample = Sample::from(vec![3.0, 1.0, 2.0, f64::NAN]);
        assert_eq!(weighted_median(&sample), Some(2.0));
        sample.weights = Some(vec![-9.0, 1.0, 1.0, 1.0]);
        assert_eq!(weighted_median(&sample), Some(3.0));
        assert_eq!(weighted_median(&Sample::default()), None);
    }
}
