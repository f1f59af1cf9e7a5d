//! One set of axes: frame, grid, ticks, labels, legend, and the marks that several figures share.

use std::borrow::Cow;

use super::scale::{Scale, Ticks, drawable};
use super::series;
use super::svg::{Path, Rect, Svg, shorten, text_width};

/// An entry of a legend: class of the glyph, the glyph, the name.
pub(crate) type Key<'a> = (&'a str, Glyph, &'a str);

/// The sample in front of a name in a legend.
#[derive(Clone, Copy)]
pub(crate) enum Glyph {
    Line,
    Area,
    Outline,
    Dot,
    /// A line with the mark of a series.
    Series(usize),
    /// The mark of a series alone.
    Mark(usize),
}

/// Width of a drawing that is one panel: that of a phone, so that its type is never shrunk.
pub(crate) const NARROW: f64 = 360.0;

/// The heading of a drawing that is one panel lies above this.
pub(crate) const HEAD: f64 = 50.0;

/// The axes of a drawing that is one panel, this high.
pub(crate) fn single(height: f64) -> Rect {
    Rect::new(46.0, HEAD, NARROW - 60.0, height)
}

/// A rectangle of the page with a data range on each axis.
pub(crate) struct Panel {
    pub(crate) area: Rect,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
}

impl Panel {
    pub(crate) fn new(area: Rect, x: (f64, f64), y: (f64, f64)) -> Self {
        Self {
            area,
            x: Scale { low: x.0, high: x.1, from: area.x, to: area.right() },
            y: Scale { low: y.0, high: y.1, from: area.bottom(), to: area.y },
        }
    }

    /// The ground of the panel.
    pub(crate) fn ground(&self, svg: &mut Svg) {
        svg.rect(self.area, "plot");
    }

    /// Name of the panel and, beneath it in muted type, what the vertical axis shows with its unit.
    pub(crate) fn heading(&self, svg: &mut Svg, name: &str, measure: &str) {
        self.heading_at(svg, self.area.y, name, measure);
    }

    /// As [`Self::heading`], above `top`.
    pub(crate) fn heading_at(&self, svg: &mut Svg, top: f64, name: &str, measure: &str) {
        let left = self.area.x;
        svg.text((left, top - 26.0), "head ink", &shorten(name, self.area.width, 13.0));
        svg.text((left, top - 10.0), "muted", &shorten(measure, self.area.width, 11.0));
    }

    /// Horizontal grid lines with labels on the left.
    pub(crate) fn y_axis(&self, svg: &mut Svg, ticks: &Ticks) {
        for (value, label) in ticks.values.iter().zip(ticks.labels()) {
            let y = self.y.at(*value);
            svg.line((self.area.x, y), (self.area.right(), y), "grid hair crisp");
            svg.text((self.area.x - 8.0, y + 4.0), "end muted", &label);
        }
    }

    /// Vertical grid lines, where several panels share the horizontal axis.
    pub(crate) fn x_grid(&self, svg: &mut Svg, ticks: &Ticks) {
        for value in &ticks.values {
            self.upright(svg, *value, "grid hair crisp");
        }
    }

    /// Base line with ticks; no labels.
    pub(crate) fn x_ticks(&self, svg: &mut Svg, ticks: &Ticks) {
        let y = self.area.bottom();
        svg.line((self.area.x, y), (self.area.right(), y), "axis hair crisp");
        for value in &ticks.values {
            let x = self.x.at(*value);
            svg.line((x, y), (x, y + 4.0), "axis hair crisp");
        }
    }

    /// Base line with ticks, labels and the name of the axis with its unit.
    pub(crate) fn x_axis(&self, svg: &mut Svg, ticks: &Ticks, name: &str) {
        self.x_ticks(svg, ticks);
        self.x_labels(svg, ticks);
        self.x_name(svg, 36.0, name);
    }

    /// Labels under the ticks, leaving out those that would touch; returns the labelled values.
    pub(crate) fn x_labels(&self, svg: &mut Svg, ticks: &Ticks) -> Vec<f64> {
        self.x_named(svg, ticks, ticks.labels())
    }

    /// As [`Self::x_labels`], with other labels.
    pub(crate) fn x_named(&self, svg: &mut Svg, ticks: &Ticks, labels: Vec<String>) -> Vec<f64> {
        let mut taken = f64::NEG_INFINITY;
        let mut labelled = Vec::new();
        for (value, label) in ticks.values.iter().zip(labels) {
            let (x, half) = (self.x.at(*value), text_width(&label, 11.0) / 2.0);
            if x - half > taken + 3.0 {
                svg.text((x, self.area.bottom() + 17.0), "mid muted", &label);
                labelled.push(*value);
                taken = x + half;
            }
        }
        labelled
    }

    /// The name of the horizontal axis, `below` the base line.
    pub(crate) fn x_name(&self, svg: &mut Svg, below: f64, name: &str) {
        let centre = self.area.x + self.area.width / 2.0;
        svg.text((centre, self.area.bottom() + below), "mid muted", name);
    }

    /// A curve; gaps where a point is not drawable, a dot where a point stands alone.
    pub(crate) fn curve(&self, svg: &mut Svg, points: &[(f64, f64)], colour: usize, style: &str) {
        let (path, alone) = self.polyline(points);
        for at in alone {
            svg.circle(at, 3.0, &format!("f{colour}"));
        }
        svg.path(&path, &format!("{style} s{colour}"), None);
    }

    /// The lines between points, and the places of points without a neighbour.
    pub(crate) fn polyline(&self, points: &[(f64, f64)]) -> (Path, Vec<(f64, f64)>) {
        let (mut path, mut alone) = (Path::default(), Vec::new());
        let points = thinned(points);
        for run in points.split(|point| !shown(point)) {
            match run {
                [] => {}
                [(x, y)] => alone.push((self.x.at(*x), self.y.within(*y))),
                [(x, y), rest @ ..] => {
                    path.move_to(self.x.at(*x), self.y.within(*y));
                    for (x, y) in rest {
                        path.line_to(self.x.at(*x), self.y.within(*y));
                    }
                }
            }
        }
        (path, alone)
    }

    /// The area between two curves, given as (x, low, high); gaps where a point is not drawable.
    pub(crate) fn band(&self, svg: &mut Svg, points: &[(f64, f64, f64)], class: &str) {
        let shown = |point: &(f64, f64, f64)| [point.0, point.1, point.2].into_iter().all(drawable);
        let mut path = Path::default();
        let parts = points.chunks(points.len().div_ceil(MOST_POINTS).max(1));
        // Of many points the widest band of each part.
        let widest = |part: &[(f64, f64, f64)]| {
            let known = part.iter().filter(|point| shown(point)).copied();
            known.reduce(|a, b| (a.0, a.1.min(b.1), a.2.max(b.2))).unwrap_or((f64::NAN, f64::NAN, f64::NAN))
        };
        let points: Vec<(f64, f64, f64)> = parts.map(widest).collect();
        for run in points.split(|point| !shown(point)).filter(|run| run.len() > 1) {
            path.move_to(self.x.at(run[0].0), self.y.within(run[0].2));
            run[1..].iter().for_each(|(x, _, high)| path.line_to(self.x.at(*x), self.y.within(*high)));
            run.iter().rev().for_each(|(x, low, _)| path.line_to(self.x.at(*x), self.y.within(*low)));
            path.close();
        }
        svg.path(&path, class, None);
    }

    /// Filled bars over equal bins of a range of the horizontal axis.
    pub(crate) fn bars(&self, svg: &mut Svg, range: (f64, f64), heights: &[f64], class: &str) {
        let mut path = Path::default();
        for (bin, height) in heights.iter().enumerate().filter(|(_, height)| **height > 0.0) {
            let (left, right) = self.bin(range, bin, heights.len());
            let top = self.y.within(*height);
            let gap = if right - left > 4.0 { 1.0 } else { 0.0 };
            path.rect(Rect::new(left + gap / 2.0, top, right - left - gap, self.area.bottom() - top));
        }
        svg.path(&path, class, None);
    }

    /// The stepped outline of a histogram.
    pub(crate) fn steps(&self, svg: &mut Svg, range: (f64, f64), heights: &[f64], class: &str) {
        if heights.iter().all(|height| *height <= 0.0) {
            return;
        }
        let mut path = Path::default();
        let base = self.area.bottom();
        path.move_to(self.x.at(range.0), base);
        for (bin, height) in heights.iter().enumerate() {
            let (left, right) = self.bin(range, bin, heights.len());
            let top = self.y.within(*height);
            path.line_to(left, top);
            path.line_to(right, top);
        }
        path.line_to(self.x.at(range.1), base);
        svg.path(&path, class, None);
    }

    /// A vertical line over the whole height.
    pub(crate) fn upright(&self, svg: &mut Svg, value: f64, class: &str) {
        let x = self.x.at(value);
        if x >= self.area.x - 0.5 && x <= self.area.right() + 0.5 {
            svg.line((x, self.area.y), (x, self.area.bottom()), class);
        }
    }

    fn bin(&self, (low, high): (f64, f64), bin: usize, bins: usize) -> (f64, f64) {
        let edge = |index: usize| self.x.at(low + (high - low) * index as f64 / bins as f64);
        (edge(bin), edge(bin + 1))
    }
}

/// A curve of more points than this is drawn by the least and the largest of each part: a figure does not grow with what
/// is in it beyond what can be seen.
const MOST_POINTS: usize = 1000;

fn shown(point: &(f64, f64)) -> bool {
    drawable(point.0) && drawable(point.1)
}

/// The points, or of many the two outermost of each part in their order; a part without any drawable point is a gap.
fn thinned(points: &[(f64, f64)]) -> Cow<'_, [(f64, f64)]> {
    if points.len() <= MOST_POINTS {
        return Cow::Borrowed(points);
    }
    let mut kept = Vec::new();
    for part in points.chunks((2 * points.len()).div_ceil(MOST_POINTS)) {
        let known = || part.iter().enumerate().filter(|(_, point)| shown(point));
        let least = known().min_by(|a, b| a.1.1.total_cmp(&b.1.1)).map(|found| found.0);
        let most = known().max_by(|a, b| a.1.1.total_cmp(&b.1.1)).map(|found| found.0);
        match least.zip(most) {
            None => kept.push((f64::NAN, f64::NAN)),
            Some((a, b)) if a == b => kept.push(part[a]),
            Some((a, b)) => kept.extend([part[a.min(b)], part[a.max(b)]]),
        }
    }
    Cow::Owned(kept)
}

/// More groups than this have their legend in a drawing of its own, once for several figures.
pub(crate) const FEW: usize = 6;

/// A legend as a drawing of its own.
pub(crate) fn key_drawing(keys: &[Key<'_>]) -> String {
    let mut svg = Svg::new(NARROW, "Key", "Colours and styles of the cells");
    svg.text((14.0, 24.0), "head ink", "Key");
    for (line, key) in keys.iter().enumerate() {
        legend(&mut svg, (14.0, 48.0 + LEGEND_PITCH * line as f64), NARROW - 8.0, std::slice::from_ref(key));
    }
    svg.inline(48.0 + LEGEND_PITCH * keys.len() as f64)
}

/// Distance of the lines of a legend.
pub(crate) const LEGEND_PITCH: f64 = 18.0;

/// A row of legend entries from `at` to the right, wrapped before `right`; returns the number of lines.
pub(crate) fn legend(svg: &mut Svg, at: (f64, f64), right: f64, keys: &[Key<'_>]) -> usize {
    let (places, lines) = legend_places(at.0, right, keys);
    for ((class, glyph, _), (name, x, line)) in keys.iter().zip(places) {
        let y = at.1 + LEGEND_PITCH * line as f64;
        key_glyph(svg, (x, y - 4.0), class, *glyph);
        svg.text((x + 20.0, y), "muted", &name);
    }
    lines
}

/// Name as it is written, left edge and line of each entry, and the number of lines.
fn legend_places(left: f64, right: f64, keys: &[Key<'_>]) -> (Vec<(String, f64, usize)>, usize) {
    let (mut x, mut line) = (left, 0_usize);
    let place = |(_, _, name): &Key<'_>| {
        let name = shorten(name, (right - left - 20.0).max(20.0), 11.0);
        let width = 20.0 + text_width(&name, 11.0) + 14.0;
        if x + width - 14.0 > right && x > left {
            x = left;
            line += 1;
        }
        let found = (name, x, line);
        x += width;
        found
    };
    let places = keys.iter().map(place).collect();
    (places, line + 1)
}

/// The axes of a drawing that is one panel, this high, below a heading and a legend, which it draws; nothing where there are
/// no keys.
pub(crate) fn below_legend(svg: &mut Svg, height: f64, keys: &[Key<'_>]) -> Rect {
    let area = single(height);
    if keys.is_empty() {
        return area;
    }
    let lines = legend_places(area.x, NARROW - 8.0, keys).1;
    let lower = LEGEND_PITCH * lines as f64 + 4.0;
    legend(svg, (area.x, area.y + 8.0), NARROW - 8.0, keys);
    Rect { y: area.y + lower, ..area }
}

/// The sample of a line or area beside its name, 14 units wide and centred on `at.1`.
fn key_glyph(svg: &mut Svg, at: (f64, f64), class: &str, glyph: Glyph) {
    match glyph {
        Glyph::Area => svg.rect(Rect::new(at.0 + 2.0, at.1 - 5.0, 10.0, 10.0), class),
        Glyph::Outline => {
            let mut path = Path::default();
            path.rect(Rect::new(at.0 + 2.0, at.1 - 5.0, 10.0, 10.0));
            svg.path(&path, class, None);
        }
        Glyph::Dot => svg.circle((at.0 + 7.0, at.1), 4.0, class),
        Glyph::Line => svg.line(at, (at.0 + 14.0, at.1), class),
        Glyph::Series(index) => {
            svg.line((at.0 - 2.0, at.1), (at.0 + 16.0, at.1), class);
            series::mark(svg, (at.0 + 7.0, at.1), index);
        }
        Glyph::Mark(index) => series::mark(svg, (at.0 + 7.0, at.1), index),
    }
}

/// Title and subtitle at the head of a figure.
pub(crate) fn masthead(svg: &mut Svg, width: f64, title: &str, subtitle: &str) {
    svg.text((28.0, 36.0), "title ink", &shorten(title, width - 56.0, 18.0));
    svg.text((28.0, 57.0), "sub muted", &shorten(subtitle, width - 56.0, 12.5));
}
