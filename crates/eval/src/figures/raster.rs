//! One sample on its way through the network.

use ndarray::Array2;

use super::heat::{heat_map, index_labels, shade_key};
use super::panel::{NARROW, Panel, masthead};
use super::scale::{Ticks, drawable, extent, percent, rounded_out};
use super::svg::{Path, Rect, Svg, shorten};

const GAP: f64 = 56.0;

/// Sizes of the drawing: of a screen or a paper, or of a phone.
#[derive(Clone, Copy)]
struct Layout {
    width: f64,
    left: f64,
    plot: f64,
    top: f64,
    input: f64,
    layer: f64,
    readout: f64,
}

const WIDE: Layout =
    Layout { width: 960.0, left: 64.0, plot: 756.0, top: 122.0, input: 130.0, layer: 190.0, readout: 150.0 };
const PHONE: Layout =
    Layout { width: NARROW, left: 38.0, plot: 222.0, top: 44.0, input: 90.0, layer: 130.0, readout: 120.0 };

/// The spikes of one hidden layer.
#[derive(Debug, Clone, PartialEq)]
pub struct RasterLayer {
    /// Name of the layer.
    pub name: String,
    /// Spikes (T, N); every value above one half is drawn as a tick.
    pub spikes: Array2<f32>,
}

/// Figure of one sample: input as a heat map, spikes of the hidden layers, readout per class, over one time axis.
///
/// Step t covers the time from t·Δt to (t+1)·Δt; spikes and readout are drawn at its middle.
#[derive(Debug, Clone, PartialEq)]
pub struct SpikeRaster {
    /// Headline.
    pub title: String,
    /// Length of a step in milliseconds.
    pub step_ms: f64,
    /// Input (T, C).
    pub input: Array2<f32>,
    /// What the channels of the input are, for example "Mel channel".
    pub input_label: String,
    /// The hidden layers in order.
    pub layers: Vec<RasterLayer>,
    /// Readout (T, K).
    pub readout: Array2<f32>,
    /// What the readout shows, with its unit.
    pub readout_label: String,
    /// Names of the classes; missing ones are numbered.
    pub class_names: Vec<String>,
    /// The true class.
    pub true_class: usize,
    /// The class the network decided for.
    pub predicted_class: Option<usize>,
}

impl SpikeRaster {
    /// The figure as an SVG document.
    #[must_use]
    pub fn render(&self) -> String {
        let (svg, height) = self.draw(WIDE);
        svg.finish(height)
    }

    /// The figure for a page: the same as [`Self::render`], and narrow enough for a phone.
    #[must_use]
    pub fn inline(&self) -> [String; 2] {
        [WIDE, PHONE].map(|layout| {
            let (svg, height) = self.draw(layout);
            svg.inline(height)
        })
    }

    fn draw(&self, layout: Layout) -> (Svg, f64) {
        let verdict = self.verdict();
        let mut svg = Svg::new(layout.width, &self.title, &verdict);
        if layout.width > NARROW {
            masthead(&mut svg, layout.width, &self.title, &verdict);
        }
        let steps = self
            .layers
            .iter()
            .map(|layer| layer.spikes.nrows())
            .chain([self.input.nrows(), self.readout.nrows()]);
        let duration = steps.max().unwrap_or(0).max(1) as f64 * self.step_ms;
        let time = if drawable(duration) && duration > 0.0 { (0.0, duration) } else { (0.0, 1.0) };
        let ticks = Ticks::new(time.0, time.1, if layout.width > NARROW { 10.0 } else { 5.0 });
        let area = |y: f64, height: f64| Rect::new(layout.left, y, layout.plot, height);
        let mut y = layout.top;
        self.input_panel(&mut svg, area(y, layout.input), layout.width, time, &ticks);
        y += layout.input + GAP;
        for layer in &self.layers {
            self.layer_panel(&mut svg, area(y, layout.layer), time, &ticks, layer);
            y += layout.layer + GAP;
        }
        self.readout_panel(&mut svg, area(y, layout.readout), layout.width, time, &ticks);
        (svg, y + layout.readout + 56.0)
    }

    fn name(&self, class: usize) -> String {
        self.class_names.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
    }

    fn verdict(&self) -> String {
        let truth = self.name(self.true_class);
        match self.predicted_class {
            Some(predicted) if predicted == self.true_class => format!("True class “{truth}”, recognised"),
            Some(predicted) => format!("True class “{truth}”, taken for “{}”", self.name(predicted)),
            None => format!("True class “{truth}”, no prediction"),
        }
    }

    fn input_panel(&self, svg: &mut Svg, area: Rect, width: f64, time: (f64, f64), ticks: &Ticks) {
        let (steps, channels) = self.input.dim();
        let panel = Panel::new(area, time, (0.0, channels.max(1) as f64));
        panel.ground(svg);
        let (low, high) = extent(self.input.iter().map(|value| f64::from(*value)));
        panel.heading(svg, "Input", &format!("{} (index)", self.input_label));
        let right = panel.x.at(steps as f64 * self.step_ms);
        heat_map(svg, &self.input, Rect::new(area.x, area.y, right - area.x, area.height), (low, high));
        shade_key(svg, area, width, (low, high), "input value");
        index_labels(svg, &panel, channels);
        panel.x_ticks(svg, ticks);
    }

    fn layer_panel(&self, svg: &mut Svg, area: Rect, time: (f64, f64), ticks: &Ticks, layer: &RasterLayer) {
        let (steps, units) = layer.spikes.dim();
        let panel = Panel::new(area, time, (0.0, units.max(1) as f64));
        panel.ground(svg);
        panel.x_grid(svg, ticks);
        let row = area.height / units.max(1) as f64;
        let length = (0.85 * row).max(2.4);
        let mut path = Path::default();
        let mut spikes = 0_usize;
        for ((step, unit), _) in layer.spikes.indexed_iter().filter(|(_, spike)| **spike > 0.5) {
            let x = panel.x.at((step as f64 + 0.5) * self.step_ms);
            path.tick(x, area.bottom() - (unit as f64 + 0.5) * row - length / 2.0, length);
            spikes += 1;
        }
        svg.path(&path, "spike tick", None);
        let rate = spikes as f64 / (steps.max(1) * units.max(1)) as f64;
        panel.heading(svg, &layer.name, &format!("Unit (index); {} of steps spike", percent(rate)));
        index_labels(svg, &panel, units);
        panel.x_ticks(svg, ticks);
    }

    fn readout_panel(&self, svg: &mut Svg, area: Rect, width: f64, time: (f64, f64), ticks: &Ticks) {
        let range = rounded_out(extent(self.readout.iter().map(|value| f64::from(*value))), 4.0);
        let panel = Panel::new(area, time, range);
        panel.ground(svg);
        panel.heading(svg, "Readout", &self.readout_label);
        panel.x_grid(svg, ticks);
        panel.y_axis(svg, &Ticks::new(range.0, range.1, 4.0));
        let named = [self.predicted_class, Some(self.true_class)];
        for class in (0..self.readout.ncols()).filter(|class| !named.contains(&Some(*class))) {
            svg.path(&self.trace(&panel, class), "quiet hair", None);
        }
        let mut labels = Vec::new();
        if let Some(predicted) = self.predicted_class.filter(|class| *class != self.true_class) {
            self.highlight(svg, &panel, predicted, 1, "predicted", &mut labels);
        }
        let role = if self.predicted_class == Some(self.true_class) { "true, predicted" } else { "true" };
        self.highlight(svg, &panel, self.true_class, 0, role, &mut labels);
        place_labels(svg, area, width, labels);
        panel.x_axis(svg, ticks, "Time (ms)");
    }

    fn trace(&self, panel: &Panel, class: usize) -> Path {
        let mut path = Path::default();
        let mut pen_down = false;
        for (step, value) in self.readout.column(class).iter().enumerate() {
            let value = f64::from(*value);
            if !drawable(value) {
                pen_down = false;
                continue;
            }
            let (x, y) = (panel.x.at((step as f64 + 0.5) * self.step_ms), panel.y.within(value));
            if pen_down {
                path.line_to(x, y);
            } else {
                path.move_to(x, y);
            }
            pen_down = true;
        }
        path
    }

    /// Draws a named class and notes where its label wants to be.
    fn highlight(
        &self,
        svg: &mut Svg,
        panel: &Panel,
        class: usize,
        colour: usize,
        role: &'static str,
        labels: &mut Vec<EndLabel>,
    ) {
        if class >= self.readout.ncols() {
            return;
        }
        svg.path(&self.trace(panel, class), &format!("line s{colour}"), None);
        let last = self
            .readout
            .column(class)
            .iter()
            .rev()
            .map(|value| f64::from(*value))
            .find(|value| drawable(*value));
        if let Some(last) = last {
            labels.push(EndLabel { y: panel.y.within(last), colour, name: self.name(class), role });
        }
    }
}

/// A label at the right end of a curve.
struct EndLabel {
    y: f64,
    colour: usize,
    name: String,
    role: &'static str,
}

/// Writes at most two labels of two lines each beside the panel, pushed apart where they would touch.
fn place_labels(svg: &mut Svg, area: Rect, width: f64, mut labels: Vec<EndLabel>) {
    const HEIGHT: f64 = 32.0;
    labels.sort_by(|left, right| left.y.total_cmp(&right.y));
    let count = labels.len();
    let mut lowest = area.y + 8.0;
    for (position, label) in labels.into_iter().enumerate() {
        let room = HEIGHT * (count - 1 - position) as f64;
        let y = label.y.max(lowest).min(area.bottom() - 14.0 - room);
        let room = width - area.right() - 22.0;
        let x = area.right() + 10.0;
        svg.text((x, y + 2.0), &format!("strong f{}", label.colour), &shorten(&label.name, room, 11.0));
        svg.text((x, y + 15.0), "muted small", label.role);
        lowest = y + HEIGHT;
    }
}
