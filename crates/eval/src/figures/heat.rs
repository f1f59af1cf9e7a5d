//! Heat maps: an array over time and channels in shades of one colour, and the key of the shades.

use ndarray::Array2;

use super::panel::Panel;
use super::scale::{drawable, figure, index, plain};
use super::svg::{Path, Rect, Svg, shorten};

/// Shades of a heat map, without the ground.
const SHADES: usize = 16;
/// Smallest size of a cell in user units; larger arrays show the largest value of each cell.
const LEAST_WIDTH: f64 = 2.0;
const LEAST_HEIGHT: f64 = 1.0;

/// Draws `values` (T, C) over `area`, channel 0 at the bottom; what is not above `low` is left to the ground.
///
/// One path per shade in units of cells; equal neighbours in time are one rectangle.
pub(crate) fn heat_map(svg: &mut Svg, values: &Array2<f32>, area: Rect, (low, high): (f64, f64)) {
    let (steps, channels) = values.dim();
    let columns = steps.min(index(area.width / LEAST_WIDTH).max(1));
    let rows = channels.min(index(area.height / LEAST_HEIGHT).max(1));
    if steps == 0 || channels == 0 {
        return;
    }
    let mut paths: Vec<Path> = (0..=SHADES).map(|_| Path::default()).collect();
    for row in 0..rows {
        let shade = |column: usize| {
            let value = pooled(values, (column, columns), (row, rows));
            let shade = index(((value - low) / (high - low) * SHADES as f64).round().max(0.0)).min(SHADES);
            if value > low { shade.max(1) } else { 0 }
        };
        let y = (rows - 1 - row) as f64;
        let mut start = 0;
        while start < columns {
            let level = shade(start);
            let end = (start + 1..columns).find(|column| shade(*column) != level).unwrap_or(columns);
            if level > 0 {
                paths[level].rect(Rect::new(start as f64, y, (end - start) as f64, 1.0));
            }
            start = end;
        }
    }
    for (level, path) in paths.iter().enumerate() {
        let opacity = level as f64 / SHADES as f64;
        svg.cells(path, "f0 crisp", opacity, area, (columns as f64, rows as f64));
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

/// What the shades of a heat map mean, to the right of its panel in a drawing that ends at `right`.
pub(crate) fn shade_key(svg: &mut Svg, area: Rect, right: f64, (low, high): (f64, f64), unit: &str) {
    let x = area.right() + 12.0;
    let height = area.height / SHADES as f64;
    svg.rect(Rect::new(x, area.y, 8.0, area.height), "plot");
    for level in 1..=SHADES {
        let y = area.bottom() - level as f64 * height;
        let shade = Some(level as f64 / SHADES as f64);
        svg.shaded(Rect::new(x, y, 8.0, height), "f0 crisp", shade);
    }
    let label = |value: f64| if value.fract().abs() > 0.0 { figure(value, 3) } else { plain(value) };
    svg.text((x + 14.0, area.y + 9.0), "muted", &label(high));
    let low = if low.abs() < 1e-3 * (high - low) { 0.0 } else { low };
    svg.text((x + 14.0, area.bottom()), "muted", &label(low));
    let unit = shorten(unit, right - x - 18.0, 11.0);
    svg.text((x + 14.0, area.y + area.height / 2.0 + 4.0), "muted", &unit);
}

/// First and last index beside a stack of channels or units.
pub(crate) fn index_labels(svg: &mut Svg, panel: &Panel, size: usize) {
    let x = panel.area.x - 8.0;
    if size > 0 {
        svg.text((x, panel.area.bottom()), "end muted", "0");
    }
    if size > 1 {
        svg.text((x, panel.area.y + 9.0), "end muted", &(size - 1).to_string());
    }
}
