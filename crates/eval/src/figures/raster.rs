//! One sample on its way through the network.

use ndarray::Array2;

use super::heat::{Shades, frequency_labels, heat_map, index_labels, shade_key, stack_label};
use super::panel::{NARROW, Panel, masthead};
use super::scale::{Ticks, drawable, extent, index, percent, rounded_out};
use super::svg::{Path, Rect, Svg, shorten};

const GAP: f64 = 50.0;
/// Least distance of two ticks in user units: of more steps or units, those that share a place are drawn once.
const LEAST: f64 = 2.0;
/// Most layers that are drawn: of more, the first and the last ones.
const MOST_LAYERS: usize = 8;
/// Most classes whose membranes are drawn: of more, those that reach highest.
const MOST_CLASSES: usize = 24;

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
    Layout { width: 960.0, left: 64.0, plot: 756.0, top: 122.0, input: 110.0, layer: 132.0, readout: 124.0 };
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
    /// Steps of the sample itself, behind which the input is padding; `None` where that is not known.
    pub length: Option<usize>,
    /// What the channels of the input are, for example "Mel channel".
    pub input_label: String,
    /// Centre of each channel in Hz, rising; empty where the channels are no frequencies or these are not known.
    pub input_hz: Vec<f64>,
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
        for layer in self.shown_layers() {
            self.layer_panel(&mut svg, area(y, layout.layer), time, &ticks, layer);
            y += layout.layer + GAP;
        }
        self.readout_panel(&mut svg, area(y, layout.readout), layout.width, time, &ticks);
        (svg, y + layout.readout + 56.0)
    }

    fn shown_layers(&self) -> impl Iterator<Item = &RasterLayer> {
        let (count, half) = (self.layers.len(), MOST_LAYERS / 2);
        let shown = move |index: usize| count <= MOST_LAYERS || index < half || index >= count - half;
        self.layers.iter().enumerate().filter(move |(index, _)| shown(*index)).map(|(_, layer)| layer)
    }

    /// Where the sample ends and padding begins.
    fn end(&self, svg: &mut Svg, panel: &Panel, name: bool) {
        let Some(end) = self.length.filter(|length| *length < self.input.nrows()) else { return };
        let end = end as f64 * self.step_ms;
        panel.upright(svg, end, "mark hair dot");
        if name && panel.area.right() - panel.x.at(end) > 60.0 {
            svg.text((panel.x.at(end) + 5.0, panel.area.y + 14.0), "muted halo", "padding");
        }
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
        let shades = Shades::of(extent(self.input.iter().map(|value| f64::from(*value))));
        let in_hz = frequency_labels(svg, &panel, channels, &self.input_hz);
        panel.heading(svg, "Input", &stack_label(&self.input_label, in_hz));
        let right = panel.x.at(steps as f64 * self.step_ms);
        heat_map(svg, &self.input, Rect::new(area.x, area.y, right - area.x, area.height), shades);
        shade_key(svg, area, width, shades, "input value");
        self.end(svg, &panel, true);
        if !in_hz {
            index_labels(svg, &panel, channels);
        }
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
        // One place for each step and unit, or of a grid where there are more of them than can be told apart.
        let places = |count: usize, room: f64| count.min(index(room / LEAST).max(1));
        let (columns, rows) = (places(steps, area.width), places(units, area.height));
        let mut taken = Array2::from_elem((columns, rows), false);
        for ((step, unit), _) in layer.spikes.indexed_iter().filter(|(_, spike)| **spike > 0.5) {
            spikes += 1;
            if std::mem::replace(&mut taken[[step * columns / steps, unit * rows / units]], true) {
                continue;
            }
            let x = panel.x.at((step as f64 + 0.5) * self.step_ms);
            path.tick(x, area.bottom() - (unit as f64 + 0.5) * row - length / 2.0, length);
        }
        svg.path(&path, "spike tick", None);
        self.end(svg, &panel, false);
        let rate = spikes as f64 / (steps.max(1) * units.max(1)) as f64;
        panel.heading(svg, &layer.name, &format!("Unit (index); {} of steps spike", percent(rate)));
        index_labels(svg, &panel, units);
        panel.x_ticks(svg, ticks);
    }

    fn readout_panel(&self, svg: &mut Svg, area: Rect, width: f64, time: (f64, f64), ticks: &Ticks) {
        let range = rounded_out(extent(self.readout.iter().map(|value| f64::from(*value))), 4.0);
        let panel = Panel::new(area, time, range);
        panel.ground(svg);
        let (others, all) = (self.highest(), self.readout.ncols());
        let measure = if all > MOST_CLASSES {
            format!("{}; the {MOST_CLASSES} highest of {all} classes", self.readout_label)
        } else {
            self.readout_label.clone()
        };
        panel.heading(svg, "Readout", &measure);
        panel.x_grid(svg, ticks);
        panel.y_axis(svg, &Ticks::new(range.0, range.1, 4.0));
        for class in others {
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
        let values = self.readout.column(class);
        let place = |(step, value): (usize, &f32)| ((step as f64 + 0.5) * self.step_ms, f64::from(*value));
        panel.polyline(&values.iter().enumerate().map(place).collect::<Vec<_>>()).0
    }

    /// The classes beside the true and the predicted one, of many those whose membranes reach highest, in their order.
    fn highest(&self) -> Vec<usize> {
        let top = |class: usize| self.readout.column(class).iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut classes: Vec<usize> = (0..self.readout.ncols()).collect();
        if classes.len() > MOST_CLASSES {
            classes.sort_by(|a, b| top(*b).total_cmp(&top(*a)));
            classes.truncate(MOST_CLASSES);
            classes.sort_unstable();
        }
        classes.retain(|class| *class != self.true_class && Some(*class) != self.predicted_class);
        classes
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
