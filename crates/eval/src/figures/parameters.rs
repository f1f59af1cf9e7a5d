//! How the neuron parameters moved in training.

use super::delays::distribution;
use super::panel::{Glyph, HEAD, Key, NARROW, Panel, below_legend, legend, masthead};
use super::scale::{Ticks, extent, figure, histogram, plain};
use super::svg::{Rect, Svg};

const TOP: f64 = 152.0;
const PANEL_HEIGHT: f64 = 150.0;
const ROW_PITCH: f64 = PANEL_HEIGHT + 118.0;
const PITCH: f64 = 270.0;
const BINS: usize = 30;
const KEYS: [Key<'_>; 3] = [
    ("f0 bar", Glyph::Area, "after training"),
    ("outline thin", Glyph::Outline, "before training"),
    ("s1 thin dash", Glyph::Line, "bounds"),
];

/// What a figure says of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The field's symbol, such as α.
    pub symbol: String,
    /// What it is in a few words, such as "membrane decay".
    pub name: String,
    /// What it is measured in, such as "per step".
    pub unit: String,
    /// Whether it is a decay p per step, whose time constant τ = −Δt / ln p stands under each tick.
    pub is_decay: bool,
}

impl Parameter {
    fn heading(&self) -> String {
        format!("{}, {}", self.symbol, self.name)
    }

    fn axis(&self) -> String {
        let Self { symbol, unit, .. } = self;
        if self.is_decay {
            format!("{symbol} {unit}; below: τ = −Δt / ln {symbol} (ms)")
        } else {
            format!("{symbol} ({unit})")
        }
    }
}

/// The values of one parameter over the units of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSample {
    /// Which parameter.
    pub parameter: Parameter,
    /// Values before training; may be empty.
    pub before: Vec<f64>,
    /// Values after training.
    pub after: Vec<f64>,
    /// Bounds the training keeps the parameter in.
    pub bounds: Option<(f64, f64)>,
}

/// The parameters of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerParameters {
    /// Name of the layer.
    pub name: String,
    /// Its parameters, one panel each.
    pub parameters: Vec<ParameterSample>,
}

/// Figure with a row per layer and a histogram per parameter: after training filled, before training as an outline,
/// bounds as dotted lines. Decays carry the time constant under each tick.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterDistributions {
    /// Headline.
    pub title: String,
    /// Length of a step in milliseconds.
    pub step_ms: f64,
    /// The layers in order.
    pub layers: Vec<LayerParameters>,
}

impl ParameterDistributions {
    /// The figure as an SVG document.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.layers.iter().map(|layer| layer.parameters.len()).max().unwrap_or(0).max(2);
        let width = 28.0 + PITCH * columns as f64;
        let height = TOP + ROW_PITCH * self.layers.len().max(1) as f64 - 42.0;
        let subtitle = format!("Distribution over the units of each layer, Δt = {} ms", plain(self.step_ms));
        let mut svg = Svg::new(width, &self.title, &subtitle);
        masthead(&mut svg, width, &self.title, &subtitle);
        legend(&mut svg, (28.0, 84.0), width - 28.0, &KEYS);
        for (row, layer) in self.layers.iter().enumerate() {
            for (column, sample) in layer.parameters.iter().enumerate() {
                let left = 64.0 + PITCH * column as f64;
                let area = Rect::new(left, TOP + ROW_PITCH * row as f64, PITCH - 62.0, PANEL_HEIGHT);
                self.panel(&mut svg, (area, area.y), &layer.name, sample);
            }
        }
        svg.finish(height)
    }

    /// A drawing a layer and parameter, for a page.
    #[must_use]
    pub fn panels(&self) -> Vec<String> {
        let samples =
            self.layers.iter().flat_map(|layer| layer.parameters.iter().map(move |sample| (layer, sample)));
        let panel = |(layer, sample): (&LayerParameters, &ParameterSample)| {
            let title = format!("{}, {}", self.title, sample.parameter.heading());
            let units = sample.after.len();
            let mut svg =
                Svg::new(NARROW, &title, &format!("Distribution over {units} units of {}", layer.name));
            let area = below_legend(&mut svg, PANEL_HEIGHT, &KEYS);
            self.panel(&mut svg, (area, HEAD), &layer.name, sample);
            svg.inline(area.bottom() + if sample.parameter.is_decay { 62.0 } else { 48.0 })
        };
        samples.map(panel).collect()
    }

    /// The axes of a parameter in an area, with their heading above `head`.
    fn panel(&self, svg: &mut Svg, (area, head): (Rect, f64), layer: &str, sample: &ParameterSample) {
        let bounds = sample.bounds.map(|(low, high)| [low, high]);
        let values = sample.before.iter().chain(&sample.after).chain(bounds.iter().flatten()).copied();
        let range = extent(values);
        // A little air on both sides, so that a bound is not the frame.
        let air = 0.06 * (range.1 - range.0);
        let shown = (range.0 - air, range.1 + air);
        let before = histogram(&sample.before, None, range, BINS);
        let after = histogram(&sample.after, None, range, BINS);
        let measure = format!("{layer}, share of units (%)");
        let heading = sample.parameter.heading();
        let names = (heading.as_str(), measure.as_str());
        let panel = distribution(svg, (area, head), names, (shown, range), (&before, &after));
        for bound in bounds.iter().flatten() {
            panel.upright(svg, *bound, "s1 thin dash");
        }
        let ticks = Ticks::new(shown.0, shown.1, 6.0);
        if sample.parameter.is_decay {
            panel.x_ticks(svg, &ticks);
            self.decay_labels(svg, &panel, &ticks);
            panel.x_name(svg, 50.0, &sample.parameter.axis());
        } else {
            panel.x_axis(svg, &ticks, &sample.parameter.axis());
        }
    }

    /// The decay and, beneath it, its time constant.
    fn decay_labels(&self, svg: &mut Svg, panel: &Panel, ticks: &Ticks) {
        for value in panel.x_labels(svg, ticks) {
            let time_constant = -self.step_ms / value.ln();
            if time_constant.is_finite() && time_constant > 0.0 {
                svg.text(
                    (panel.x.at(value), panel.area.bottom() + 31.0),
                    "mid muted small",
                    &figure(time_constant, 3),
                );
            }
        }
    }
}
