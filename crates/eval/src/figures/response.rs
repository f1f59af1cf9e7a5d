//! What one neuron does with a current: the current, the variables of its state, the spikes.

use super::panel::{Glyph, Key, LEGEND_PITCH, NARROW, Panel, legend};
use super::scale::{Ticks, extent, rounded_out};
use super::svg::{Path, Rect, Svg};

const GAP: f64 = 34.0;
const CURRENT: f64 = 46.0;
const MEMBRANE: f64 = 92.0;
const OTHER: f64 = 62.0;
const SPIKES: f64 = 30.0;

/// A variable of a neuron's state.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The field's symbol, such as u.
    pub symbol: String,
    /// What it is in a few words, such as "membrane".
    pub name: String,
    /// What it is measured in.
    pub unit: String,
}

impl Variable {
    /// Above its curves.
    fn heading(&self) -> String {
        let mut letters = self.name.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        format!("{first}{} {} ({})", letters.as_str(), self.symbol, self.unit)
    }
}

/// The course of one neuron, a value a step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// Each variable of the state just before the spike, the membrane first.
    pub states: Vec<Vec<f64>>,
    /// What the membrane is compared with, in thresholds.
    pub threshold: Vec<f64>,
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
    /// The variables of its state, the membrane first.
    pub variables: Vec<Variable>,
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
        for (k, variable) in self.variables.iter().enumerate() {
            let area = row(if k == 0 { MEMBRANE } else { OTHER });
            self.curves(&mut svg, (area, time, &ticks), variable, k);
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

    /// State variable `k` of both courses; the membrane with what it is compared with.
    fn curves(
        &self,
        svg: &mut Svg,
        (area, time, ticks): (Rect, (f64, f64), &Ticks),
        variable: &Variable,
        k: usize,
    ) {
        let courses = [&self.before, &self.after];
        let thresholds = courses.map(|course| if k == 0 { &course.threshold[..] } else { &[] });
        let states = courses.map(|course| course.states.get(k).map_or(&[][..], |values| values));
        let values = states.iter().chain(&thresholds).flat_map(|values| values.iter().copied());
        let range = rounded_out(extent(values.chain([0.0])), 3.0);
        let panel = Panel::new(area, time, range);
        panel.ground(svg);
        svg.text((area.x, area.y - 7.0), "muted", &variable.heading());
        panel.x_grid(svg, ticks);
        panel.y_axis(svg, &Ticks::new(range.0, range.1, 3.0));
        panel.x_ticks(svg, ticks);
        let points = |values: &[f64]| -> Vec<(f64, f64)> {
            let middle = |(step, value): (usize, &f64)| ((step as f64 + 0.5) * self.step_ms, *value);
            values.iter().enumerate().map(middle).collect()
        };
        // One line where training did not change it, as most do not.
        let changed = thresholds[0] != thresholds[1];
        for threshold in thresholds.into_iter().skip(usize::from(!changed)) {
            svg.path(&panel.polyline(&points(threshold)).0, "outline hair dot", None);
        }
        for (values, (colour, style)) in states.into_iter().zip([(1, "thin dash"), (0, "line")]) {
            panel.curve(svg, &points(values), colour, style);
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
