//! One sample on its way through the network.

use ndarray::Array2;

use super::panel::{Panel, masthead};
use super::scale::{Ticks, drawable, extent, figure, index, percent, rounded_out};
use super::svg::{Path, Rect, Svg, shorten};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const PLOT_WIDTH: f64 = 756.0;
const TOP: f64 = 122.0;
const GAP: f64 = 56.0;
const INPUT_HEIGHT: f64 = 130.0;
const LAYER_HEIGHT: f64 = 190.0;
const READOUT_HEIGHT: f64 = 150.0;
/// Shades of the heat map.
const SHADES: usize = 16;
/// Finest grid of the heat map; larger inputs show the largest value of each cell.
const MOST_ROWS: usize = 130;
const MOST_COLUMNS: usize = 378;

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
        let layers = self.layers.len() as f64;
        let height = TOP + INPUT_HEIGHT + layers * (GAP + LAYER_HEIGHT) + GAP + READOUT_HEIGHT + 56.0;
        let verdict = self.verdict();
        let mut svg = Svg::new(WIDTH, &self.title, &verdict);
        masthead(&mut svg, WIDTH, &self.title, &verdict);
        let steps = self
            .layers
            .iter()
            .map(|layer| layer.spikes.nrows())
            .chain([self.input.nrows(), self.readout.nrows()]);
        let duration = steps.max().unwrap_or(0).max(1) as f64 * self.step_ms;
        let time = if drawable(duration) && duration > 0.0 { (0.0, duration) } else { (0.0, 1.0) };
        let ticks = Ticks::new(time.0, time.1, 10.0);
        let mut y = TOP;
        self.input_panel(&mut svg, Rect::new(LEFT, y, PLOT_WIDTH, INPUT_HEIGHT), time, &ticks);
        y += INPUT_HEIGHT + GAP;
        for layer in &self.layers {
            self.layer_panel(&mut svg, Rect::new(LEFT, y, PLOT_WIDTH, LAYER_HEIGHT), time, &ticks, layer);
            y += LAYER_HEIGHT + GAP;
        }
        self.readout_panel(&mut svg, Rect::new(LEFT, y, PLOT_WIDTH, READOUT_HEIGHT), time, &ticks);
        svg.finish(height)
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

    fn input_panel(&self, svg: &mut Svg, area: Rect, time: (f64, f64), ticks: &Ticks) {
        let (steps, channels) = self.input.dim();
        let panel = Panel::new(area, time, (0.0, channels.max(1) as f64));
        panel.ground(svg);
        let (low, high) = extent(self.input.iter().map(|value| f64::from(*value)));
        panel.heading(svg, "Input", &format!("{} (index)", self.input_label));
        if steps > 0 && channels > 0 {
            let right = panel.x.at(steps as f64 * self.step_ms);
            heat_map(svg, &self.input, Rect::new(area.x, area.y, right - area.x, area.height), (low, high));
        }
        shade_key(svg, area, (low, high));
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
        panel.heading(
            svg,
            &layer.name,
            &format!("Unit (index); {} of all steps hold a spike", percent(rate)),
        );
        index_labels(svg, &panel, units);
        panel.x_ticks(svg, ticks);
    }

    fn readout_panel(&self, svg: &mut Svg, area: Rect, time: (f64, f64), ticks: &Ticks) {
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
        place_labels(svg, area, labels);
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
fn place_labels(svg: &mut Svg, area: Rect, mut labels: Vec<EndLabel>) {
    const HEIGHT: f64 = 32.0;
    labels.sort_by(|left, right| left.y.total_cmp(&right.y));
    let count = labels.len();
    let mut lowest = area.y + 8.0;
    for (position, label) in labels.into_iter().enumerate() {
        let room = HEIGHT * (count - 1 - position) as f64;
        let y = label.y.max(lowest).min(area.bottom() - 14.0 - room);
        let room = WIDTH - area.right() - 22.0;
        let x = area.right() + 10.0;
        svg.text((x, y + 2.0), &format!("strong f{}", label.colour), &shorten(&label.name, room, 11.0));
        svg.text((x, y + 15.0), "muted small", label.role);
        lowest = y + HEIGHT;
    }
}

/// What the shades of the heat map mean, beside it.
fn shade_key(svg: &mut Svg, area: Rect, (low, high): (f64, f64)) {
    let x = area.right() + 12.0;
    let height = area.height / SHADES as f64;
    svg.rect(Rect::new(x, area.y, 8.0, area.height), "plot");
    for level in 1..=SHADES {
        let y = area.bottom() - level as f64 * height;
        let shade = Some(level as f64 / SHADES as f64);
        svg.shaded(Rect::new(x, y, 8.0, height), "f0 crisp", shade);
    }
    svg.text((x + 14.0, area.y + 9.0), "muted", &figure(high, 3));
    let low = if low.abs() < 1e-3 * (high - low) { 0.0 } else { low };
    svg.text((x + 14.0, area.bottom()), "muted", &figure(low, 3));
    svg.text((x + 14.0, area.y + area.height / 2.0 + 4.0), "muted", "input value");
}

/// First and last index beside a stack of channels or units.
fn index_labels(svg: &mut Svg, panel: &Panel, size: usize) {
    let x = panel.area.x - 8.0;
    if size > 0 {
        svg.text((x, panel.area.bottom()), "end muted", "0");
    }
    if size > 1 {
        svg.text((x, panel.area.y + 9.0), "end muted", &(size - 1).to_string());
    }
}

/// Shades of one colour, a path per shade; equal neighbours in time are one rectangle.
fn heat_map(svg: &mut Svg, values: &Array2<f32>, area: Rect, (low, high): (f64, f64)) {
    let (steps, channels) = values.dim();
    let (columns, rows) = (steps.min(MOST_COLUMNS), channels.min(MOST_ROWS));
    let (width, height) = (area.width / columns as f64, area.height / rows as f64);
    let mut paths: Vec<Path> = (0..=SHADES).map(|_| Path::default()).collect();
    for row in 0..rows {
        let shade = |column: usize| {
            let value = pooled(values, (column, columns), (row, rows));
            index(((value - low) / (high - low) * SHADES as f64).round().max(0.0)).min(SHADES)
        };
        let y = area.bottom() - (row + 1) as f64 * height;
        let mut start = 0;
        while start < columns {
            let level = shade(start);
            let end = (start + 1..columns).find(|column| shade(*column) != level).unwrap_or(columns);
            if level > 0 {
                let run = Rect::new(area.x + start as f64 * width, y, (end - start) as f64 * width, height);
                paths[level].rect(run);
            }
            start = end;
        }
    }
    for (level, path) in paths.iter().enumerate() {
        svg.path(path, "f0 crisp", Some(level as f64 / SHADES as f64));
    }
}

/// Largest drawable value of a cell of the coarser grid; NaN if there is none.
fn pooled(values: &Array2<f32>, (column, columns): (usize, usize), (row, rows): (usize, usize)) -> f64 {
    let (steps, channels) = values.dim();
    let mut largest = f64::NAN;
    for step in column * steps / columns..(column + 1) * steps / columns {
        for channel in row * channels / rows..(row + 1) * channels / rows {
            let value = f64::from(values[[step, channel]]);
            if drawable(value) {
                largest = largest.max(value);
            }
        }
    }
    largest
}
