//! Loss, accuracy and activity over the epochs of a training.

use super::panel::{Glyph, Key, LEGEND_PITCH, Panel, legend, masthead};
use super::scale::{Ticks, drawable, extent, figure, from_zero, percent, rounded_out};
use super::svg::{Rect, Svg};
use super::theme::SERIES;

const TOP: f64 = 120.0;
const PANEL_HEIGHT: f64 = 230.0;

/// What was measured in one epoch. Values that are not finite are gaps in the curves.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochPoint {
    /// Number of the epoch.
    pub epoch: u32,
    /// Mean training loss in nats.
    pub train_loss: f64,
    /// Mean validation loss in nats.
    pub validation_loss: Option<f64>,
    /// Training accuracy, 0 to 1.
    pub train_accuracy: f64,
    /// Validation accuracy, 0 to 1.
    pub validation_accuracy: Option<f64>,
    /// Validation accuracy with every delay rounded to whole steps, 0 to 1.
    pub rounded_accuracy: Option<f64>,
    /// Mean firing rate of each hidden layer in spikes per step.
    pub firing_rates: Vec<f64>,
}

/// Figure of loss, accuracy and the firing rate of the hidden layers per epoch, side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingCurves {
    /// Headline.
    pub title: String,
    /// One entry per epoch, in order.
    pub epochs: Vec<EpochPoint>,
    /// Accuracy of guessing, drawn as a line.
    pub chance: Option<f64>,
    /// Epoch to mark as the best one.
    pub best_epoch: Option<u32>,
    /// Names of the hidden layers; without any there is no panel of firing rates.
    pub layer_names: Vec<String>,
}

impl TrainingCurves {
    /// The figure as an SVG document.
    #[must_use]
    pub fn render(&self) -> String {
        let panels = if self.layer_names.is_empty() { 2 } else { 3 };
        let width = if panels == 2 { 860.0 } else { 1120.0 };
        let pitch = (width - 28.0) / f64::from(panels);
        let areas: Vec<Rect> = (0..panels)
            .map(|panel| Rect::new(64.0 + pitch * f64::from(panel), TOP, pitch - 68.0, PANEL_HEIGHT))
            .collect();
        let summary = self.summary();
        let mut svg = Svg::new(width, &self.title, &summary);
        masthead(&mut svg, width, &self.title, &summary);
        let mut lines = self.loss(&mut svg, areas[0]);
        lines = lines.max(self.accuracy(&mut svg, areas[1]));
        if let Some(area) = areas.get(2) {
            lines = lines.max(self.activity(&mut svg, *area));
        }
        svg.finish(TOP + PANEL_HEIGHT + 72.0 + LEGEND_PITCH * lines as f64)
    }

    fn summary(&self) -> String {
        let best = self.best_epoch.and_then(|best| self.epochs.iter().find(|point| point.epoch == best));
        match (best, self.epochs.last()) {
            (Some(best), _) => {
                let accuracy = best.validation_accuracy.map_or_else(String::new, |accuracy| {
                    format!(": validation accuracy {}", percent(accuracy))
                });
                let rounded = best.rounded_accuracy.map_or_else(String::new, |accuracy| {
                    format!(", {} with rounded delays", percent(accuracy))
                });
                format!("Best epoch {}{accuracy}{rounded}", best.epoch)
            }
            (None, Some(last)) => {
                format!(
                    "{} epochs, final training loss {} nats",
                    self.epochs.len(),
                    figure(last.train_loss, 3)
                )
            }
            (None, None) => "No epoch yet".into(),
        }
    }

    fn points(&self, value: impl Fn(&EpochPoint) -> Option<f64>) -> Vec<(f64, f64)> {
        self.epochs.iter().map(|point| (f64::from(point.epoch), value(point).unwrap_or(f64::NAN))).collect()
    }

    fn panel(&self, area: Rect, y: (f64, f64)) -> Panel {
        let (mut low, mut high) = extent(self.epochs.iter().map(|point| f64::from(point.epoch)));
        if self.epochs.len() == 1 {
            (low, high) = (f64::midpoint(low, high) - 1.0, f64::midpoint(low, high) + 1.0);
        }
        Panel::new(area, (low, high), y)
    }

    fn axes(&self, svg: &mut Svg, panel: &Panel, y_ticks: &Ticks) {
        panel.ground(svg);
        panel.y_axis(svg, y_ticks);
        panel.x_axis(svg, &Ticks::whole(panel.x.low, panel.x.high, 6.0), "Epoch");
        if let Some(best) = self.best_epoch {
            panel.upright(svg, f64::from(best), "mark hair dot");
        }
    }

    fn loss(&self, svg: &mut Svg, area: Rect) -> usize {
        let train = self.points(|point| Some(point.train_loss));
        let validation = self.points(|point| point.validation_loss);
        let range = rounded_out(from_zero(train.iter().chain(&validation).map(|point| point.1)), 5.0);
        let panel = self.panel(area, range);
        panel.heading(svg, "Loss", "Mean cross-entropy (nats)");
        self.axes(svg, &panel, &Ticks::new(range.0, range.1, 5.0));
        panel.curve(svg, &train, 0, "line dash");
        panel.curve(svg, &validation, 1, "line");
        if let Some(best) = self.best_epoch {
            name_best(svg, &panel, best);
        }
        let keys = [("line dash s0", Glyph::Line, "training"), ("line s1", Glyph::Line, "validation")];
        below(svg, area, &keys)
    }

    fn accuracy(&self, svg: &mut Svg, area: Rect) -> usize {
        let percents = |value: Option<f64>| value.map(|value| 100.0 * value);
        let panel = self.panel(area, (0.0, 100.0));
        panel.heading(svg, "Accuracy", "Share of correct samples (%)");
        self.axes(svg, &panel, &Ticks::new(0.0, 100.0, 5.0));
        if let Some(chance) = self.chance.filter(|chance| (0.0..=1.0).contains(chance)) {
            let y = panel.y.at(100.0 * chance);
            svg.line((area.x, y), (area.right(), y), "outline hair dash");
            let label = format!("chance {}", percent(chance));
            svg.text(
                (area.right() - 6.0, if y < area.y + 20.0 { y + 14.0 } else { y - 6.0 }),
                "end muted halo",
                &label,
            );
        }
        panel.curve(svg, &self.points(|point| percents(Some(point.train_accuracy))), 0, "line dash");
        panel.curve(svg, &self.points(|point| percents(point.rounded_accuracy)), 2, "thin");
        let validation = self.points(|point| percents(point.validation_accuracy));
        panel.curve(svg, &validation, 1, "line");
        let best = self.best_epoch.map(f64::from);
        if let Some((x, y)) =
            validation.iter().find(|point| Some(point.0.to_bits()) == best.map(f64::to_bits))
        {
            let at = (panel.x.at(*x), panel.y.within(*y));
            svg.circle(at, 4.5, "hole line s1");
        }
        let mut keys: Vec<Key<'_>> =
            vec![("line dash s0", Glyph::Line, "training"), ("line s1", Glyph::Line, "validation")];
        if self.epochs.iter().any(|point| point.rounded_accuracy.is_some_and(drawable)) {
            keys.push(("thin s2", Glyph::Line, "rounded delays"));
        }
        below(svg, area, &keys)
    }

    fn activity(&self, svg: &mut Svg, area: Rect) -> usize {
        let names = &self.layer_names;
        let curves: Vec<Vec<(f64, f64)>> = (0..names.len())
            .map(|layer| self.points(|point| point.firing_rates.get(layer).map(|rate| 100.0 * rate)))
            .collect();
        let range = rounded_out(from_zero(curves.iter().flatten().map(|point| point.1)), 5.0);
        let panel = self.panel(area, range);
        panel.heading(svg, "Firing rate", "Mean over units (spikes per 100 steps)");
        self.axes(svg, &panel, &Ticks::new(range.0, range.1, 5.0));
        let classes: Vec<String> =
            (0..names.len()).map(|layer| format!("line s{}", (layer + 2) % SERIES)).collect();
        for (layer, curve) in curves.iter().enumerate() {
            panel.curve(svg, curve, (layer + 2) % SERIES, "line");
        }
        let keys: Vec<Key<'_>> = classes
            .iter()
            .zip(names)
            .map(|(class, name)| (class.as_str(), Glyph::Line, name.as_str()))
            .collect();
        below(svg, area, &keys)
    }
}

/// The legend under the axis; returns its number of lines.
fn below(svg: &mut Svg, area: Rect, keys: &[Key<'_>]) -> usize {
    legend(svg, (area.x, area.bottom() + 62.0), area.right(), keys)
}

/// Names the marked epoch in the first panel, whose curves keep clear of the upper right corner.
fn name_best(svg: &mut Svg, panel: &Panel, best: u32) {
    let x = panel.x.within(f64::from(best));
    let left = x > panel.area.x + panel.area.width / 2.0;
    let (class, shift) = if left { ("end ink halo", -7.0) } else { ("ink halo", 7.0) };
    svg.text((x + shift, panel.area.y + 15.0), class, &format!("best: epoch {best}"));
}
