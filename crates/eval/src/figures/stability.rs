//! The eigenvalues of neurons in the complex plane, beside the unit circle.

use std::collections::BTreeSet;
use std::f64::consts::TAU;

use super::panel::{Glyph, LEGEND_PITCH, NARROW, Panel, legend, single};
use super::scale::{Ticks, count, drawable, figure, index};
use super::svg::Svg;

const HEIGHT: f64 = 236.0;
/// Corners of the circle's polygon.
const CORNERS: u32 = 720;
/// Of more eigenvalues than this, one is drawn in each square of a grid this wide: the others would lie upon it.
const MOST_DOTS: usize = 2000;
const GRID: f64 = 3.0;
/// An imaginary part above this makes a neuron oscillate.
const REAL: f64 = 1e-9;

/// The eigenvalues of one neuron, (real, imaginary) each.
pub type Modes = Vec<(f64, f64)>;

/// Figure of the eigenvalues of a layer's neurons before and after training. Inside the unit circle a disturbance dies
/// out; eigenvalues off the real axis make it oscillate while it does.
#[derive(Debug, Clone, PartialEq)]
pub struct StabilityMap {
    /// Name of the layer.
    pub layer: String,
    /// Modes of each neuron before training.
    pub before: Vec<Modes>,
    /// Modes of each neuron after training.
    pub after: Vec<Modes>,
}

/// How many neurons of a layer oscillate, and the largest modulus of their eigenvalues.
#[must_use]
pub fn stability_summary(neurons: &[Modes]) -> (usize, Option<f64>) {
    let oscillating = neurons.iter().filter(|modes| oscillates(modes)).count();
    let moduli = neurons.iter().flatten().map(|(real, imaginary)| real.hypot(*imaginary));
    (oscillating, moduli.filter(|modulus| drawable(*modulus)).reduce(f64::max))
}

fn oscillates(modes: &[(f64, f64)]) -> bool {
    modes.iter().any(|mode| mode.1.abs() > REAL)
}

impl StabilityMap {
    /// Two drawings for a page with the same ranges: before and after training.
    #[must_use]
    pub fn panels(&self) -> [String; 2] {
        [("before training", &self.before), ("after training", &self.after)]
            .map(|(when, neurons)| self.panel(when, neurons))
    }

    fn panel(&self, when: &str, neurons: &[Modes]) -> String {
        let (oscillating, radius) = stability_summary(neurons);
        let radius = radius.map_or_else(|| "–".to_owned(), |radius| figure(radius, 3));
        let summary =
            format!("{} of {} oscillate; largest |λ| {radius}", count(oscillating as u64), neurons.len());
        let title = format!("{}, {when}", self.layer);
        let mut svg = Svg::new(NARROW, &title, &summary);
        let area = single(HEIGHT);
        let (x, y) = self.ranges(area.width, area.height);
        let panel = Panel::new(area, x, y);
        panel.ground(&mut svg);
        panel.heading(&mut svg, &title, &format!("Im λ; {summary}"));
        panel.y_axis(&mut svg, &Ticks::new(y.0, y.1, 8.0));
        let ticks = Ticks::new(x.0, x.1, 7.0);
        panel.x_grid(&mut svg, &ticks);
        panel.x_axis(&mut svg, &ticks, "Re λ");
        let inside = |(re, im): (f64, f64)| {
            let shown = re >= x.0 && re <= x.1 && im >= y.0 && im <= y.1;
            if shown { (re, im) } else { (f64::NAN, f64::NAN) }
        };
        let circle = (0..=CORNERS).map(|corner| {
            let (sine, cosine) = (TAU * f64::from(corner) / f64::from(CORNERS)).sin_cos();
            inside((cosine, sine))
        });
        panel.curve(&mut svg, &circle.collect::<Vec<_>>(), 2, "thin");
        let all: usize = neurons.iter().map(Vec::len).sum();
        let mut taken = BTreeSet::new();
        for modes in neurons {
            let class = if oscillates(modes) { "f1 point" } else { "f0 point" };
            for (re, im) in modes.iter().copied().map(inside).filter(|mode| drawable(mode.0)) {
                let at = (panel.x.at(re), panel.y.at(im));
                let place = (index(at.0 / GRID), index(at.1 / GRID), class);
                if all <= MOST_DOTS || taken.insert(place) {
                    svg.circle(at, 2.8, class);
                }
            }
        }
        let keys = [
            ("f1 point", Glyph::Dot, "oscillates (complex pair)"),
            ("f0 point", Glyph::Dot, "does not (real)"),
            ("thin s2", Glyph::Line, "unit circle: |λ| = 1"),
        ];
        let lines = legend(&mut svg, (area.x, area.bottom() + 60.0), NARROW - 8.0, &keys);
        svg.inline(area.bottom() + 50.0 + LEGEND_PITCH * lines as f64)
    }

    /// Ranges of both axes with equal units: all eigenvalues before and after, the origin's side of them, and the point
    /// one, with some air. Eigenvalues far outside of the unit circle do not stretch the axes beyond ±3.
    fn ranges(&self, width: f64, height: f64) -> ((f64, f64), (f64, f64)) {
        let modes = self.before.iter().chain(&self.after).flatten();
        let known = modes.filter(|mode| drawable(mode.0) && drawable(mode.1));
        let (mut left, mut right, mut top) = (0.4_f64, 1.0_f64, 0.25_f64);
        for (re, im) in known {
            left = left.min(re.max(-3.0));
            right = right.max(re.min(3.0));
            top = top.max(im.abs().min(3.0));
        }
        let (left, right, top) = (left - 0.06, right + 0.06, top + 0.06);
        let unit = ((right - left) / width).max(2.0 * top / height);
        let centre = f64::midpoint(left, right);
        let (half, tall) = (unit * width / 2.0, unit * height / 2.0);
        ((centre - half, centre + half), (-tall, tall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oscillation_and_radius_are_counted() {
        let neurons = vec![vec![(0.6, 0.8), (0.6, -0.8)], vec![(0.9, 0.0), (0.5, 0.0)], vec![(0.3, 0.0)]];
        let (oscillating, radius) = stability_summary(&neurons);
        assert_eq!(oscillating, 1);
        assert!((radius.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(stability_summary(&[]), (0, None));
    }

    #[test]
    fn both_axes_have_the_same_unit_and_hold_every_mode() {
        let map = StabilityMap {
            layer: "l".into(),
            before: vec![vec![(-0.9, 0.0)]],
            after: vec![vec![(0.2, 0.9), (0.2, -0.9)]],
        };
        let (x, y) = map.ranges(300.0, 200.0);
        assert!(((x.1 - x.0) / 300.0 - (y.1 - y.0) / 200.0).abs() < 1e-12);
        assert!(x.0 < -0.9 && x.1 > 1.0 && y.0 < -0.9 && y.1 > 0.9);
        let svg = &map.panels()[1];
        assert_eq!(svg.matches("<circle").count(), 4, "two modes and two keys of the legend");
    }
}
