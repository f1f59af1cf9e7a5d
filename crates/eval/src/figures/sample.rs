//! One sample of a data set: its spikes, and what it looks like in steps.

use ndarray::Array2;

use super::heat::{Shades, frequency_labels, heat_map, shade_key, stack_label};
use super::panel::{Panel, masthead};
use super::scale::{Ticks, count, drawable, extent};
use super::svg::{Path, Rect, Svg};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const PLOT_WIDTH: f64 = 756.0;
const TOP: f64 = 122.0;
const GAP: f64 = 56.0;
const SPIKES_HEIGHT: f64 = 320.0;
const MAP_HEIGHT: f64 = 190.0;
/// Ticks lie on a grid of this width in user units: what falls on one place is drawn once.
const GRID: f64 = 0.5;

/// Spikes of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleSpikes {
    /// Times in milliseconds, in any order.
    pub times_ms: Vec<f64>,
    /// Channel of each spike, as many as times and each below `channels`; others are left out.
    pub units: Vec<usize>,
    /// Number of channels.
    pub channels: usize,
    /// What the channels are, for example "Channel".
    pub label: String,
}

/// A sample as values per step and channel.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleMap {
    /// Headline of the panel.
    pub name: String,
    /// What the channels are, for example "Mel band".
    pub label: String,
    /// Centre of each channel in Hz, rising; empty where the channels are no frequencies.
    pub hz: Vec<f64>,
    /// More about the values, behind the label; may be empty.
    pub remark: String,
    /// Values (T, C).
    pub values: Array2<f32>,
    /// Unit of the values, for the key.
    pub unit: String,
    /// The value of the ground; `None`: the smallest one.
    pub least: Option<f64>,
    /// When step 0 begins, in milliseconds.
    pub start_ms: f64,
    /// Length of a step in milliseconds.
    pub step_ms: f64,
}

/// Figure of one sample of a data set: its spikes as ticks and values in steps as heat maps, over one time axis.
///
/// Channel 0 is at the bottom. Step t covers the time from start + t·Δt to start + (t+1)·Δt. Spikes too close to be
/// told apart on the page, half a unit, are drawn once.
///
/// ```
/// use colearn_eval::figures::{SampleFigure, SampleSpikes};
///
/// let figure = SampleFigure {
///     title: "Two spikes".into(),
///     subtitle: "nobody, 0.02 s".into(),
///     spikes: Some(SampleSpikes {
///         times_ms: vec![1.5, 20.0],
///         units: vec![0, 3],
///         channels: 4,
///         label: "Channel".into(),
///     }),
///     maps: vec![],
///     kept_ms: None,
/// };
/// assert!(figure.render().contains("2 spikes"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SampleFigure {
    /// Headline.
    pub title: String,
    /// Second line: which sample this is.
    pub subtitle: String,
    /// The spikes of a sample that has any kind of them.
    pub spikes: Option<SampleSpikes>,
    /// Heat maps from top to bottom.
    pub maps: Vec<SampleMap>,
    /// The time in milliseconds from which on a network gets nothing; a line where the sample is longer.
    pub kept_ms: Option<f64>,
}

impl SampleFigure {
    /// The figure as an SVG document.
    #[must_use]
    pub fn render(&self) -> String {
        let mut svg = Svg::new(WIDTH, &self.title, &self.subtitle);
        masthead(&mut svg, WIDTH, &self.title, &self.subtitle);
        let time = self.time();
        let ticks = Ticks::new(time.0, time.1, 10.0);
        let panels = usize::from(self.spikes.is_some()) + self.maps.len();
        let mut y = TOP;
        for number in 0..panels {
            let map = number.checked_sub(usize::from(self.spikes.is_some())).map(|map| &self.maps[map]);
            let height = if map.is_some() { MAP_HEIGHT } else { SPIKES_HEIGHT };
            let area = Rect::new(LEFT, y, PLOT_WIDTH, height);
            let panel = match (map, &self.spikes) {
                (Some(map), _) => map.draw(&mut svg, area, time),
                (None, Some(spikes)) => spikes.draw(&mut svg, area, time, &ticks),
                (None, None) => break,
            };
            if let Some(kept) = self.kept_ms.filter(|kept| *kept < time.1) {
                panel.upright(&mut svg, kept, "mark thin dash");
            }
            if number + 1 == panels {
                panel.x_axis(&mut svg, &ticks, "Time (ms)");
            } else {
                panel.x_ticks(&mut svg, &ticks);
            }
            y += height + GAP;
        }
        svg.finish(y)
    }

    /// From the first step or 0 to the last spike or step; without any, what a network would get.
    fn time(&self) -> (f64, f64) {
        let starts = self.maps.iter().map(|map| map.start_ms);
        let ends = self.maps.iter().map(|map| map.start_ms + map.values.nrows() as f64 * map.step_ms);
        let spikes = self.spikes.iter().flat_map(|spikes| spikes.places().map(|(time, _)| time));
        let start = starts.filter(|start| drawable(*start)).fold(0.0, f64::min);
        let end = ends.chain(spikes).filter(|end| drawable(*end)).fold(start, f64::max);
        if end > start {
            return (start, end);
        }
        let kept = self.kept_ms.filter(|kept| drawable(*kept) && *kept > start);
        (start, kept.unwrap_or(start + 1.0))
    }
}

impl SampleSpikes {
    /// Time and channel of every spike that can be drawn.
    fn places(&self) -> impl Iterator<Item = (f64, usize)> {
        let pairs = self.times_ms.iter().copied().zip(self.units.iter().copied());
        pairs.filter(|(time, unit)| drawable(*time) && *unit < self.channels)
    }

    fn draw(&self, svg: &mut Svg, area: Rect, time: (f64, f64), ticks: &Ticks) -> Panel {
        let panel = Panel::new(area, time, (0.0, self.channels.max(1) as f64));
        panel.ground(svg);
        let number = count(self.places().count() as u64);
        let heading = format!("{} (index); {number} spikes, a tick each", self.label);
        panel.heading(svg, "Spikes", &heading);
        panel.x_grid(svg, ticks);
        channel_axis(svg, &panel, self.channels);
        svg.path(&self.ticks(&panel), "spike speck", None);
        panel
    }

    /// All ticks as one path: per column of the grid from top to bottom, ticks that overlap as one.
    fn ticks(&self, panel: &Panel) -> Path {
        let on_grid = |value: f64| (value / GRID).round() * GRID;
        let row = panel.area.height / self.channels.max(1) as f64;
        let length = on_grid(0.85 * row).clamp(1.5, 12.0);
        let top = |unit: usize| {
            let middle = panel.area.bottom() - (unit as f64 + 0.5) * row;
            on_grid(middle - length / 2.0).clamp(panel.area.y, panel.area.bottom() - length)
        };
        let mut places: Vec<(f64, f64)> =
            self.places().map(|(time, unit)| (on_grid(panel.x.within(time)), top(unit))).collect();
        places.sort_by(|(x, y), (other_x, other_y)| x.total_cmp(other_x).then(y.total_cmp(other_y)));
        let overlap = |(x, y): &(f64, f64), (next_x, next_y): &(f64, f64)| {
            next_x - x < GRID / 2.0 && next_y - y < length - GRID / 2.0
        };
        let mut path = Path::default();
        let mut pen = (0.0, 0.0);
        for run in places.chunk_by(overlap) {
            if let ([(x, y), ..], [.., (_, last)]) = (run, run) {
                let height = last - y + length;
                path.next_tick(x - pen.0, y - pen.1, height);
                pen = (*x, y + height);
            }
        }
        path
    }
}

impl SampleMap {
    fn draw(&self, svg: &mut Svg, area: Rect, time: (f64, f64)) -> Panel {
        let (steps, channels) = self.values.dim();
        let panel = Panel::new(area, time, (0.0, channels.max(1) as f64));
        panel.ground(svg);
        let remark = if self.remark.is_empty() { String::new() } else { format!("; {}", self.remark) };
        let in_hz = frequency_labels(svg, &panel, channels, &self.hz);
        if !in_hz {
            channel_axis(svg, &panel, channels);
        }
        panel.heading(svg, &self.name, &format!("{}{remark}", stack_label(&self.label, in_hz)));
        let shades = self.shades();
        let (left, right) =
            (panel.x.at(self.start_ms), panel.x.at(self.start_ms + steps as f64 * self.step_ms));
        heat_map(svg, &self.values, Rect::new(left, area.y, right - left, area.height), shades);
        shade_key(svg, area, WIDTH, shades, &self.unit);
        panel
    }

    fn shades(&self) -> Shades {
        let values = self.values.iter().map(|value| f64::from(*value)).filter(|value| drawable(*value));
        match self.least.filter(|least| drawable(*least)) {
            Some(least) => {
                let most = values.fold(least, f64::max);
                Shades::From(least, if most > least { most } else { least + 1.0 })
            }
            None => Shades::of(extent(values)),
        }
    }
}

/// Ticks at round channels, in the middle of their rows.
fn channel_axis(svg: &mut Svg, panel: &Panel, channels: usize) {
    let last = channels.saturating_sub(1) as f64;
    let mut ticks = Ticks::whole(0.0, last, 5.0);
    if channels == 0 {
        ticks.values.clear();
    }
    let left = panel.area.x;
    for (value, label) in ticks.values.iter().zip(ticks.labels()) {
        let y = panel.y.at(value + 0.5);
        svg.line((left - 4.0, y), (left, y), "axis hair crisp");
        svg.text((left - 8.0, y + 4.0), "end muted", &label);
    }
}
