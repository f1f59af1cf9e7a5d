//! What one neuron does with a current: the current, the membrane, the adaptation, the spikes.

use super::panel::{Glyph, Key, LEGEND_PITCH, NARROW, Panel, legend};
use super::scale::{Ticks, extent, rounded_out};
use super::svg::{Path, Rect, Svg};

const GAP: f64 = 34.0;
const CURRENT: f64 = 46.0;
const MEMBRANE: f64 = 92.0;
const ADAPTATION: f64 = 62.0;
const SPIKES: f64 = 30.0;

/// The course of one neuron's variables, a value a step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// Membrane potential u just before the spike, in thresholds.
    pub membrane: Vec<f64>,
    /// Adaptation w, in thresholds; empty for a neuron without.
    pub adaptation: Vec<f64>,
    /// Spikes; every value above one half is one.
    pub spikes: Vec<f64>,
}

/// Figure of the response of one neuron to a current, before and after training.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// Which neuron, and what it is given.
    pub title: String,
    /// Its parameters in words, beneath the title.
    pub subtitle: String,
    /// Length of a step in milliseconds.
    pub step_ms: f64,
    /// Threshold of the membrane.
    pub threshold: f64,
    /// Input current in thresholds, a value a step.
    pub current: Vec<f64>,
    /// With the parameters before training.
    pub before: Course,
    /// With the parameters after training.
    pub after: Course,
}

impl Response {
    /// The figure for a page.
    #[must_use]
    pub fn inline(&self) -> String {
        let count = |course: &Course| course.spikes.iter().filter(|spike| **spike > 0.5).count();
        let summary = format!("{} before training, {} after", count(&self.before), count(&self.after));
        let mut svg = Svg::new(NARROW, &self.title, &summary);
        svg.text((14.0, 20.0), "head ink", &super::svg::shorten(&self.title, NARROW - 20.0, 13.0));
        svg.text((14.0, 37.0), "muted", &super::svg::shorten(&self.subtitle, NARROW - 20.0, 11.0));
        let time = (0.0, (self.current.len().max(1) as f64) * self.step_ms);
        let ticks = Ticks::new(time.0, time.1, 6.0);
        let mut y = 66.0;
        let mut row = |height: f64| {
            let area = Rect::new(46.0, y, NARROW - 60.0, height);
            y += height + GAP;
            area
        };
        let area = row(CURRENT);
        self.stairs(&mut svg, area, time, &ticks);
        let membranes = [&self.before.membrane, &self.after.membrane];
        let area = row(MEMBRANE);
        self.curves(
            &mut svg,
            (area, time, &ticks),
            "Membrane u (thresholds)",
            membranes,
            Some(self.threshold),
        );
        if !self.after.adaptation.is_empty() {
            let adaptations = [&self.before.adaptation, &self.after.adaptation];
            let area = row(ADAPTATION);
            self.curves(&mut svg, (area, time, &ticks), "Adaptation w (thresholds)", adaptations, None);
        }
        let area = row(SPIKES);
        self.spikes(&mut svg, area, time, &ticks, &summary);
        let keys: [Key<'_>; 3] = [
            ("s0 line", Glyph::Line, "after training"),
            ("s1 thin dash", Glyph::Line, "before training"),
            ("outline hair dot", Glyph::Line, "threshold"),
        ];
        let lines = legend(&mut svg, (46.0, area.bottom() + 60.0), NARROW - 8.0, &keys);
        svg.inline(area.bottom() + 50.0 + LEGEND_PITCH * lines as f64)
    }

    /// The current, which holds its value for a step.
    fn stairs(&self, svg: &mut Svg, area: Rect, time: (f64, f64), ticks: &Ticks) {
        let range = rounded_out(extent(self.current.iter().copied().chain([0.0])), 3.0);
        let panel = Panel::new(area, time, range);
        panel.ground(svg);
        svg.text((area.x, area.y - 7.0), "muted", "Current I (thresholds)");
        panel.x_grid(svg, ticks);
        panel.y_axis(svg, &Ticks::new(range.0, range.1, 3.0));
        panel.x_ticks(svg, ticks);
        let edge = |step: usize| step as f64 * self.step_ms;
        let points: Vec<(f64, f64)> = (self.current.iter().enumerate())
            .flat_map(|(step, value)| [(edge(step), *value), (edge(step + 1), *value)])
            .collect();
        panel.curve(svg, &points, 2, "line");
    }

    fn curves(
        &self,
        svg: &mut Svg,
        (area, time, ticks): (Rect, (f64, f64), &Ticks),
        name: &str,
        courses: [&Vec<f64>; 2],
        threshold: Option<f64>,
    ) {
        let values = courses.iter().flat_map(|values| values.iter().copied());
        let range = rounded_out(extent(values.chain(threshold).chain([0.0])), 3.0);
        let panel = Panel::new(area, time, range);
        panel.ground(svg);
        svg.text((area.x, area.y - 7.0), "muted", name);
        panel.x_grid(svg, ticks);
        panel.y_axis(svg, &Ticks::new(range.0, range.1, 3.0));
        panel.x_ticks(svg, ticks);
        if let Some(threshold) = threshold {
            let y = panel.y.within(threshold);
            svg.line((area.x, y), (area.right(), y), "outline hair dot");
        }
        for (values, (colour, style)) in courses.into_iter().zip([(1, "thin dash"), (0, "line")]) {
            let points: Vec<(f64, f64)> = values
                .iter()
                .enumerate()
                .map(|(step, value)| ((step as f64 + 0.5) * self.step_ms, *value))
                .collect();
            panel.curve(svg, &points, colour, style);
        }
    }

    /// Ticks of both courses, after training above.
    fn spikes(&self, svg: &mut Svg, area: Rect, time: (f64, f64), ticks: &Ticks, summary: &str) {
        let panel = Panel::new(area, time, (0.0, 1.0));
        panel.ground(svg);
        svg.text((area.x, area.y - 7.0), "muted", &format!("Spikes: {summary}"));
        panel.x_grid(svg, ticks);
        for (course, top, class) in [(&self.after, 2.0, "s0 tick"), (&self.before, 17.0, "s1 tick")] {
            let mut path = Path::default();
            for (step, _) in course.spikes.iter().enumerate().filter(|(_, spike)| **spike > 0.5) {
                path.tick(panel.x.at((step as f64 + 0.5) * self.step_ms), area.y + top, 11.0);
            }
            svg.path(&path, class, None);
        }
        panel.x_axis(svg, ticks, "Time (ms)");
    }
}
