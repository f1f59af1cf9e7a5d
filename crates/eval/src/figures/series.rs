//! How cells that share a figure are told apart: each has a colour and a shape; from the seventh on shapes are open and lines
//! dashed, so that twelve differ in print and for eyes that see few colours.

use super::panel::Panel;
use super::svg::{Path, Svg};
use super::theme::SERIES;

/// Styles of lines, for each round through the colours.
const STYLES: [&str; 3] = ["line", "line dash", "line dot"];
/// Marks on a curve.
const MARKS_ON_CURVE: usize = 3;

/// Corners of the shapes around their centre, a shape a colour.
const SHAPES: [&[(f64, f64)]; SERIES] = [
    &[(-5.0, 0.0), (0.0, -5.0), (5.0, 0.0), (0.0, 5.0)],
    &[(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)],
    &[(0.0, -5.0), (5.0, 4.0), (-5.0, 4.0)],
    &[(0.0, 5.0), (5.0, -4.0), (-5.0, -4.0)],
    &[(-5.0, -1.6), (0.0, -5.0), (5.0, -1.6), (3.2, 4.4), (-3.2, 4.4)],
    &[
        (-1.6, -5.0),
        (1.6, -5.0),
        (1.6, -1.6),
        (5.0, -1.6),
        (5.0, 1.6),
        (1.6, 1.6),
        (1.6, 5.0),
        (-1.6, 5.0),
        (-1.6, 1.6),
        (-5.0, 1.6),
        (-5.0, -1.6),
        (-1.6, -1.6),
    ],
];

/// The colour of the series with this index.
pub(crate) fn colour(index: usize) -> usize {
    index % SERIES
}

/// The style of its line.
pub(crate) fn style(index: usize) -> &'static str {
    STYLES[index / SERIES % STYLES.len()]
}

/// Draws its mark.
pub(crate) fn mark(svg: &mut Svg, (x, y): (f64, f64), index: usize) {
    let mut path = Path::default();
    for (corner, (right, down)) in SHAPES[index % SERIES].iter().enumerate() {
        if corner == 0 { path.move_to(x + right, y + down) } else { path.line_to(x + right, y + down) }
    }
    path.close();
    let open = (index / SERIES) % 2 == 1;
    let class = if open { format!("hole thin s{}", colour(index)) } else { format!("f{}", colour(index)) };
    svg.path(&path, &class, None);
}

/// Draws its curve with some marks on it, at other places than those of its neighbours.
pub(crate) fn marked_curve(svg: &mut Svg, panel: &Panel, points: &[(f64, f64)], index: usize) {
    panel.curve(svg, points, colour(index), style(index));
    let last = points.len().saturating_sub(1) as f64;
    for number in 0..MARKS_ON_CURVE {
        let share = (number as f64 + (0.1 + 0.17 * index as f64).fract()) / MARKS_ON_CURVE as f64;
        if let Some((x, y)) = points.get(super::scale::index((share * last).round())) {
            let at = (panel.x.at(*x), panel.y.within(*y));
            if at.0.is_finite() && at.1.is_finite() {
                mark(svg, at, index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_series_look_all_different() {
        let looks: Vec<String> = (0..2 * SERIES)
            .map(|index| {
                let mut svg = Svg::new(10.0, "", "");
                mark(&mut svg, (0.0, 0.0), index);
                format!("{} {} {}", svg.inline(10.0), colour(index), style(index))
            })
            .collect();
        for (index, look) in looks.iter().enumerate() {
            assert!(!looks[..index].contains(look), "{index}");
        }
        // Without colours, too: a shape or a style of its own.
        for first in 0..2 * SERIES {
            for second in 0..first {
                let alike = first % SERIES == second % SERIES;
                assert!(!alike || style(first) != style(second), "{first} and {second}");
            }
        }
    }
}
