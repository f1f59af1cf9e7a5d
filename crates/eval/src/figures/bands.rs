//! One measured quantity over the epochs, for several groups of repeated runs.

use std::collections::BTreeMap;

use super::panel::{FEW, Glyph, HEAD, Key, Panel, below_legend, key_drawing};
use super::scale::{Ticks, drawable, extent, figure, from_zero, rounded_out};
use super::series;
use super::svg::Svg;
use crate::statistics::mean_estimate;

const HEIGHT: f64 = 190.0;

/// What a curve stands for, which decides how it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// One of several cells, by its rank: a colour, a mark and a style of line of its own.
    Cell(usize),
    /// Training, beside [`Look::Validation`].
    Training,
    /// Validation, beside [`Look::Training`].
    Validation,
}

impl Look {
    fn colour(self) -> usize {
        match self {
            Self::Cell(index) => series::colour(index),
            Self::Training => 0,
            Self::Validation => 1,
        }
    }

    fn style(self) -> &'static str {
        match self {
            Self::Cell(index) => series::style(index),
            Self::Training => "line dash",
            Self::Validation => "line",
        }
    }
}

/// The curves of runs that differ in their seed alone.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveGroup {
    /// Name in the legend.
    pub name: String,
    /// How it is drawn.
    pub look: Look,
    /// For each run its points: number of the epoch and value.
    pub runs: Vec<Vec<(u32, f64)>>,
    /// Epochs to mark on the mean curve, such as the best one of each run.
    pub best: Vec<u32>,
}

/// A point of the mean curve of a group: epoch, mean, and the 95 % Student-t interval of the mean where several runs
/// have a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BandPoint {
    /// Number of the epoch.
    pub epoch: u32,
    /// Mean over the runs that have a value.
    pub mean: f64,
    /// Lower and upper end of the interval.
    pub interval: Option<(f64, f64)>,
}

impl CurveGroup {
    /// Mean and interval at each epoch that any run has; values that are not finite are left out.
    #[must_use]
    pub fn band(&self) -> Vec<BandPoint> {
        let mut by_epoch: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for (epoch, value) in self.runs.iter().flatten().filter(|point| drawable(point.1)) {
            by_epoch.entry(*epoch).or_default().push(*value);
        }
        let point = |(epoch, values): (u32, Vec<f64>)| {
            let estimate = mean_estimate(&values)?;
            let interval = estimate.interval.map(|interval| (interval.low, interval.high));
            Some(BandPoint { epoch, mean: estimate.mean, interval })
        };
        by_epoch.into_iter().filter_map(point).collect()
    }
}

/// Figure of one quantity per epoch: the mean over the runs of each group as a line, its 95 % interval as a band.
#[derive(Debug, Clone, PartialEq)]
pub struct BandCurves {
    /// What is shown.
    pub title: String,
    /// What the vertical axis measures, with its unit.
    pub measure: String,
    /// The groups in order. One without points is left out.
    pub groups: Vec<CurveGroup>,
    /// Largest possible value, such as 100 %; without it the axis ends above the largest value.
    pub top: Option<f64>,
    /// A level to mark, with its name.
    pub reference: Option<(f64, String)>,
}

impl BandCurves {
    /// The figure for a page.
    #[must_use]
    pub fn inline(&self) -> String {
        let bands: Vec<Vec<BandPoint>> = self.groups.iter().map(CurveGroup::band).collect();
        let mut svg = Svg::new(super::panel::NARROW, &self.title, &self.description(&bands));
        let classes = self.classes();
        let keys = if self.groups.len() > FEW { Vec::new() } else { self.keys(&classes) };
        let area = below_legend(&mut svg, HEIGHT, &keys);
        let epochs = extent(bands.iter().flatten().map(|point| f64::from(point.epoch)));
        let range = match self.top {
            Some(top) => (0.0, top),
            None => rounded_out(from_zero(bands.iter().flatten().map(|point| point.mean)), 5.0),
        };
        let panel = Panel::new(area, epochs, range);
        panel.ground(&mut svg);
        panel.heading_at(&mut svg, HEAD, &self.title, &self.measure);
        panel.y_axis(&mut svg, &Ticks::new(range.0, range.1, 5.0));
        panel.x_axis(&mut svg, &Ticks::whole(epochs.0, epochs.1, 6.0), "Epoch");
        if let Some((level, name)) = self.reference.as_ref().filter(|reference| drawable(reference.0)) {
            let y = panel.y.within(*level);
            svg.line((area.x, y), (area.right(), y), "outline hair dash");
            let below = if y < area.y + 20.0 { 14.0 } else { -5.0 };
            svg.text((area.right() - 4.0, y + below), "end muted halo", name);
        }
        self.curves(&mut svg, &panel, &bands);
        svg.inline(area.bottom() + 48.0)
    }

    /// Bands below, curves above them, best epochs on top.
    fn curves(&self, svg: &mut Svg, panel: &Panel, bands: &[Vec<BandPoint>]) {
        for (group, band) in self.groups.iter().zip(bands) {
            let spread = |point: &BandPoint| {
                let (low, high) = point.interval.unwrap_or((f64::NAN, f64::NAN));
                (f64::from(point.epoch), low, high)
            };
            let strength = if bands.len() > FEW { "faint" } else { "band" };
            let class = format!("{strength} f{}", group.look.colour());
            panel.band(svg, &band.iter().map(spread).collect::<Vec<_>>(), &class);
        }
        for (group, band) in self.groups.iter().zip(bands).filter(|(_, band)| !band.is_empty()) {
            let points: Vec<(f64, f64)> =
                band.iter().map(|point| (f64::from(point.epoch), point.mean)).collect();
            match group.look {
                Look::Cell(index) if self.groups.len() > 1 => {
                    series::marked_curve(svg, panel, &points, index);
                }
                look => panel.curve(svg, &points, look.colour(), look.style()),
            }
            best(svg, panel, group, band);
        }
    }

    /// The legend as a drawing of its own, where there are so many groups that figures leave it out.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        (self.groups.len() > FEW).then(|| key_drawing(&self.keys(&self.classes())))
    }

    fn classes(&self) -> Vec<String> {
        let looks = self.groups.iter().map(|group| group.look);
        looks.map(|look| format!("{} s{}", look.style(), look.colour())).collect()
    }

    fn keys<'a>(&'a self, classes: &'a [String]) -> Vec<Key<'a>> {
        let glyph = |group: &CurveGroup| match group.look {
            Look::Cell(index) if self.groups.len() > 1 => Glyph::Series(index),
            _ => Glyph::Line,
        };
        let groups = self.groups.iter().zip(classes).filter(|(group, _)| !group.band().is_empty());
        groups.map(|(group, class)| (class.as_str(), glyph(group), group.name.as_str())).collect()
    }

    fn description(&self, bands: &[Vec<BandPoint>]) -> String {
        let last = self.groups.iter().zip(bands).filter_map(|(group, band)| {
            let point = band.last()?;
            Some(format!("{}: {} at epoch {}", group.name, figure(point.mean, 3), point.epoch))
        });
        format!("{}. {}", self.measure, last.collect::<Vec<_>>().join("; "))
    }
}

/// An open circle on the curve at each best epoch; an upright line where it is one.
fn best(svg: &mut Svg, panel: &Panel, group: &CurveGroup, band: &[BandPoint]) {
    let mut best = group.best.clone();
    best.sort_unstable();
    best.dedup();
    if let [epoch] = best[..] {
        panel.upright(svg, f64::from(epoch), "mark hair dot");
    }
    for epoch in best {
        if let Some(point) = band.iter().find(|point| point.epoch == epoch) {
            let at = (panel.x.at(f64::from(epoch)), panel.y.within(point.mean));
            svg.circle(at, 4.5, &format!("hole line s{}", group.look.colour()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn the_band_is_the_interval_of_the_mean() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        let group = CurveGroup {
            name: "five".into(),
            look: Look::Cell(0),
            best: vec![],
            runs: values.iter().map(|value| vec![(1, *value), (2, 2.0 * value)]).collect(),
        };
        let band = group.band();
        assert_eq!(band.len(), 2);
        // 2.776445 · √2.5 / √5 = 1.963243
        let (low, high) = band[0].interval.unwrap();
        assert_relative_eq!(band[0].mean, 3.0);
        assert_relative_eq!(high - 3.0, 1.963_243, epsilon = 1e-6);
        assert_relative_eq!(3.0 - low, high - 3.0, epsilon = 1e-12);
        assert_relative_eq!(band[1].mean, 6.0);
    }

    #[test]
    fn runs_of_unequal_length_and_gaps_are_counted_where_they_are() {
        let runs = vec![vec![(1, 0.5), (2, 0.75)], vec![(1, 0.25), (2, f64::NAN)]];
        let band = CurveGroup { name: String::new(), look: Look::Cell(0), runs, best: vec![] }.band();
        assert_relative_eq!(band[0].mean, 0.375);
        assert!(band[0].interval.is_some());
        assert_eq!(band[1], BandPoint { epoch: 2, mean: 0.75, interval: None });
    }
}
