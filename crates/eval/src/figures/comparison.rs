//! Cells of an experiment side by side: a row a cell, or one quantity against another.

use super::panel::{FEW, Glyph, Key, NARROW, Panel, below_legend, key_drawing};
use super::scale::{Ticks, drawable, extent, figure, plain, rounded_out};
use super::series;
use super::svg::{Rect, Svg, shorten};
use crate::statistics::{Interval, mean_estimate};

const HEIGHT: f64 = 210.0;
const ROW: f64 = 40.0;
/// Room for the text of a row's mean.
const VALUE: f64 = 96.0;
/// Width of a drawing for a screen.
const WIDE: f64 = 860.0;

/// One row: repeated measurements of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct DotRow {
    /// Name of the cell.
    pub name: String,
    /// One value a run.
    pub values: Vec<f64>,
    /// The interval to draw; without one, the 95 % Student-t interval of the mean where there are several runs.
    pub interval: Option<Interval>,
}

/// Figure with a row per cell: a dot a run, the mean as an upright mark, its 95 % interval as a bar.
#[derive(Debug, Clone, PartialEq)]
pub struct DotRows {
    /// What is shown.
    pub title: String,
    /// The measure with its unit.
    pub measure: String,
    /// The rows from the top.
    pub rows: Vec<DotRow>,
    /// A level to mark, with its name.
    pub reference: Option<(f64, String)>,
    /// Whether the axis shows the reference even where it lies far from the values.
    pub from_reference: bool,
    /// Least and largest value that is possible, such as 0 and 100 %, beyond which no axis goes.
    pub limits: Option<(f64, f64)>,
}

impl DotRow {
    /// Mean and the interval that is drawn.
    #[must_use]
    pub fn estimate(&self) -> Option<(f64, Option<Interval>)> {
        let known: Vec<f64> = self.values.iter().copied().filter(|value| drawable(*value)).collect();
        let estimate = mean_estimate(&known)?;
        Some((estimate.mean, self.interval.or(estimate.interval)))
    }
}

impl DotRows {
    /// The figure for a page, as wide as a phone.
    #[must_use]
    pub fn inline(&self) -> String {
        self.draw(NARROW)
    }

    /// The same, as wide as a screen.
    #[must_use]
    pub fn wide(&self) -> String {
        self.draw(WIDE)
    }

    fn draw(&self, width: f64) -> String {
        let mut svg = Svg::new(width, &self.title, &self.description());
        let margin = if width > NARROW { 24.0 } else { 14.0 };
        let area = Rect::new(margin, 44.0, width - 2.0 * margin, ROW * self.rows.len().max(1) as f64 + 6.0);
        let reference = self.reference.as_ref().map(|reference| reference.0).filter(|_| self.from_reference);
        let ends =
            self.rows.iter().filter_map(|row| row.estimate()?.1).flat_map(|ends| [ends.low, ends.high]);
        let values = self.rows.iter().flat_map(|row| row.values.iter().copied());
        let (low, high) = extent(values.chain(ends).chain(reference));
        let air = 0.04 * (high - low);
        // An axis that begins at its reference, such as zero, needs no air there.
        let below = if reference.is_some_and(|level| level <= low) { 0.0 } else { air };
        let range = bounded(rounded_out((low - below, high + air), 5.0), self.limits);
        let panel = Panel::new(area, range, (0.0, 1.0));
        panel.ground(&mut svg);
        panel.heading(&mut svg, &self.title, "");
        let ticks = Ticks::new(panel.x.low, panel.x.high, if width > NARROW { 10.0 } else { 5.0 });
        panel.x_grid(&mut svg, &ticks);
        panel.x_axis(&mut svg, &ticks, &self.measure);
        if let Some((level, name)) = self.reference.as_ref().filter(|reference| {
            drawable(reference.0) && reference.0 >= panel.x.low && reference.0 <= panel.x.high
        }) {
            panel.upright(&mut svg, *level, "outline hair dash");
            let left = panel.x.at(*level) > area.x + area.width / 2.0;
            let (class, shift) = if left { ("end muted", -4.0) } else { ("muted", 4.0) };
            svg.text((panel.x.at(*level) + shift, area.y - 5.0), class, name);
        }
        for (index, row) in self.rows.iter().enumerate() {
            draw_row(&mut svg, &panel, row, index);
        }
        svg.inline(area.bottom() + 48.0)
    }

    fn description(&self) -> String {
        let rows = self.rows.iter().filter_map(|row| {
            let (mean, _) = row.estimate()?;
            Some(format!("{}: {}", row.name, figure(mean, 4)))
        });
        format!("{}. {}", self.measure, rows.collect::<Vec<_>>().join("; "))
    }
}

/// A range within the limits, unless nothing of it were left.
fn bounded((low, high): (f64, f64), limits: Option<(f64, f64)>) -> (f64, f64) {
    let Some((least, most)) = limits else { return (low, high) };
    let cut = (low.max(least), high.min(most));
    if cut.0 < cut.1 { cut } else { (low, high) }
}

fn draw_row(svg: &mut Svg, panel: &Panel, row: &DotRow, index: usize) {
    let area = panel.area;
    let top = area.y + ROW * index as f64;
    let y = top + 29.0;
    svg.text((area.x + 4.0, top + 14.0), "strong ink halo", &shorten(&row.name, area.width - VALUE, 11.0));
    let Some((mean, interval)) = row.estimate() else {
        svg.text((area.right() - 4.0, top + 14.0), "end muted", "no value");
        return;
    };
    if let Some(interval) = interval {
        let (from, to) = (panel.x.within(interval.low), panel.x.within(interval.high));
        svg.shaded(Rect::new(from, y - 5.0, to - from, 10.0), "f0", Some(0.25));
    }
    for value in row.values.iter().filter(|value| drawable(**value)) {
        svg.circle((panel.x.within(*value), y), 3.2, "f0 point");
    }
    let x = panel.x.within(mean);
    svg.line((x, y - 8.0), (x, y + 8.0), "s0 line");
    let half = interval.map_or_else(String::new, |ends| {
        let (below, above) = (mean - ends.low, ends.high - mean);
        if (below - above).abs() < 1e-6 * (below + above) {
            format!(" ± {}", fixed(above, mean))
        } else {
            String::new()
        }
    });
    svg.text((area.right() - 4.0, top + 14.0), "end ink halo", &format!("{}{half}", fixed(mean, mean)));
}

/// With two decimals beside a mean below a hundred, one below ten thousand, none above.
fn fixed(value: f64, mean: f64) -> String {
    if !drawable(value) || value.abs() >= 1e6 {
        return figure(value, 3);
    }
    let digits = if mean.abs() < 100.0 { 2 } else { usize::from(mean.abs() < 10_000.0) };
    format!("{value:.digits$}").replace('-', "−")
}

/// The runs of one cell as points.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterGroup {
    /// Name in the legend.
    pub name: String,
    /// For each run (x, y); x above zero.
    pub points: Vec<(f64, f64)>,
}

/// Figure of one quantity against another on a logarithmic axis: a dot a run, the mean of a cell as a mark of its own
/// shape with the 95 % interval of y as a bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// What is shown.
    pub title: String,
    /// Name of the horizontal axis, with its unit.
    pub x_name: String,
    /// Name of the vertical axis, with its unit.
    pub y_name: String,
    /// The groups in order, which decides colour and mark. One without points is left out and keeps the others'.
    pub groups: Vec<ScatterGroup>,
    /// Least and largest possible value of y, such as 0 and 100 %, beyond which the axis does not go.
    pub limits: Option<(f64, f64)>,
}

impl Scatter {
    /// The figure for a page.
    #[must_use]
    pub fn inline(&self) -> String {
        let mut svg = Svg::new(NARROW, &self.title, &format!("{} against {}", self.y_name, self.x_name));
        let names = self.names();
        let area = below_legend(&mut svg, HEIGHT, if self.groups.len() > FEW { &[] } else { &names });
        let shown: Vec<Vec<(f64, f64)>> = self.groups.iter().map(|group| logarithms(&group.points)).collect();
        let all = || shown.iter().flatten();
        let (low, high) = extent(all().map(|point| point.0));
        // At least a factor of three, so that equal sizes do not fill the axis.
        let (middle, half) = (f64::midpoint(low, high), (0.55 * (high - low)).max(0.25));
        let x = (middle - half, middle + half);
        let intervals: Vec<Option<Interval>> =
            shown.iter().map(|points| mean_estimate(&second(points))?.interval).collect();
        let ends = intervals.iter().flatten().flat_map(|ends| [ends.low, ends.high]);
        let (low, high) = extent(all().map(|point| point.1).chain(ends));
        let air = 0.06 * (high - low);
        let y = bounded(rounded_out((low - air, high + air), 5.0), self.limits);
        let panel = Panel::new(area, x, y);
        panel.ground(&mut svg);
        panel.heading_at(&mut svg, 50.0, &self.title, &self.y_name);
        panel.y_axis(&mut svg, &Ticks::new(y.0, y.1, 5.0));
        let (ticks, labels) = decades(x);
        panel.x_grid(&mut svg, &ticks);
        panel.x_ticks(&mut svg, &ticks);
        panel.x_named(&mut svg, &ticks, labels);
        panel.x_name(&mut svg, 36.0, &self.x_name);
        let groups = shown.iter().zip(&intervals).enumerate();
        for (index, (points, interval)) in groups.filter(|(_, (points, _))| !points.is_empty()) {
            group(&mut svg, &panel, points, *interval, index);
        }
        svg.inline(area.bottom() + 48.0)
    }

    /// The legend as a drawing of its own, where there are so many groups that figures leave it out.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        (self.groups.len() > FEW).then(|| key_drawing(&self.names()))
    }

    /// Mark and name of each group that has points.
    fn names(&self) -> Vec<Key<'_>> {
        let groups = self.groups.iter().enumerate().filter(|(_, group)| !group.points.is_empty());
        groups.map(|(index, group)| ("", Glyph::Mark(index), group.name.as_str())).collect()
    }
}

fn group(svg: &mut Svg, panel: &Panel, points: &[(f64, f64)], interval: Option<Interval>, index: usize) {
    let colour = series::colour(index);
    for (x, y) in points {
        svg.circle((panel.x.within(*x), panel.y.within(*y)), 2.6, &format!("f{colour} point"));
    }
    let (Some(x), Some(y)) = (mean_estimate(&first(points)), mean_estimate(&second(points))) else { return };
    let (x, y) = (panel.x.within(x.mean), panel.y.within(y.mean));
    if let Some(ends) = interval {
        svg.line((x, panel.y.within(ends.low)), (x, panel.y.within(ends.high)), &format!("s{colour} thin"));
    }
    series::mark(svg, (x, y), index);
}

/// Points whose x has a logarithm, with that in its place.
fn logarithms(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let known = points.iter().filter(|(x, y)| drawable(*x) && *x > 0.0 && drawable(*y));
    known.map(|(x, y)| (x.log10(), *y)).collect()
}

fn first(points: &[(f64, f64)]) -> Vec<f64> {
    points.iter().map(|point| point.0).collect()
}

fn second(points: &[(f64, f64)]) -> Vec<f64> {
    points.iter().map(|point| point.1).collect()
}

/// Ticks at 1, 2 and 5 times the powers of ten within a range of logarithms, or at equal distances where those are
/// fewer than three, and their labels.
fn decades((low, high): (f64, f64)) -> (Ticks, Vec<String>) {
    let inside = |value: &f64| value.log10() >= low - 1e-9 && value.log10() <= high + 1e-9;
    let round = (-12..=15).flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10.0_f64.powi(power)));
    let mut values: Vec<f64> = round.filter(inside).collect();
    if values.len() < 3 {
        values = Ticks::new(10.0_f64.powf(low), 10.0_f64.powf(high), 4.0).values;
        values.retain(|value| *value > 0.0 && inside(value));
    }
    let labels = values.iter().map(|value| short(*value)).collect();
    (Ticks { step: 1.0, values: values.into_iter().map(f64::log10).collect() }, labels)
}

/// `200`, `5 k`, `20 M`, `1 G`.
fn short(value: f64) -> String {
    let sizes = [(1e9, " G"), (1e6, " M"), (1e3, " k")];
    let size = sizes.into_iter().find(|(size, _)| value >= 0.999 * size);
    size.map_or_else(|| plain(value), |(size, sign)| format!("{}{sign}", plain(value / size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_a_logarithmic_axis_are_one_two_and_five() {
        let (ticks, labels) = decades((400.0_f64.log10(), 30_000.0_f64.log10()));
        assert_eq!(labels, ["500", "1 k", "2 k", "5 k", "10 k", "20 k"]);
        assert_eq!(ticks.values.len(), 6);
        let near = decades((7000.0_f64.log10(), 21_000.0_f64.log10())).1;
        assert_eq!(near, ["10 k", "15 k", "20 k"]);
    }

    #[test]
    fn a_row_draws_the_interval_it_is_given_or_that_of_its_mean() {
        let mut row = DotRow { name: "x".into(), values: vec![1.0, 2.0, 3.0, f64::NAN], interval: None };
        let (mean, interval) = row.estimate().unwrap();
        // t(0.975, 2) / √3 = 4.302653 / 1.732051
        assert!((mean - 2.0).abs() < 1e-12 && (interval.unwrap().high - 2.0 - 2.484_138).abs() < 1e-5);
        row.values.truncate(1);
        assert_eq!(row.estimate().unwrap().1, None);
        row.interval = Some(Interval { low: 0.5, high: 1.25 });
        assert_eq!(row.estimate().unwrap().1, row.interval);
    }

    #[test]
    fn points_without_a_logarithm_are_left_out() {
        assert_eq!(logarithms(&[(0.0, 1.0), (10.0, 2.0), (f64::NAN, 1.0), (-3.0, 1.0)]), [(1.0, 2.0)]);
    }
}
