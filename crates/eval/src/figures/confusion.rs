//! Which classes are taken for which.

use ndarray::Array2;

use super::panel::{Glyph, NARROW, legend, masthead};
use super::scale::{count, index, percent};
use super::svg::{Rect, Svg, shorten, text_width};
use crate::metrics::Evaluation;

const RECALL_WIDTH: f64 = 120.0;
const LONGEST_NAME: f64 = 150.0;
/// Least distance of two names of 9 px on a phone.
const NAME_PITCH: f64 = 12.0;
/// With more classes than this the matrix is that of the classes with most mistakes: its cells grow with their square.
const MOST_CLASSES: usize = 60;
/// How many classes are shown then.
const SHOWN_CLASSES: usize = 40;

/// Figure of a confusion matrix: rows are true classes, columns predicted ones, shades are shares of the row.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfusionMatrix {
    /// Headline.
    pub title: String,
    /// Names of the classes; missing ones are numbered.
    pub class_names: Vec<String>,
    /// Counts (C, C).
    pub counts: Array2<u64>,
    /// Samples of each class without a prediction (see [`Evaluation::undecided_by_class`]); may be empty.
    pub undecided: Vec<u64>,
}

/// Places on the page.
struct Layout {
    cell: f64,
    left: f64,
    top: f64,
    classes: usize,
}

impl ConfusionMatrix {
    /// The figure of an evaluation.
    #[must_use]
    pub fn new(title: impl Into<String>, class_names: Vec<String>, evaluation: &Evaluation) -> Self {
        Self {
            title: title.into(),
            class_names,
            counts: evaluation.confusion().clone(),
            undecided: evaluation.undecided_by_class().to_vec(),
        }
    }

    /// The figure as an SVG document.
    #[must_use]
    pub fn render(&self) -> String {
        let (svg, height) = self.draw();
        svg.finish(height)
    }

    /// The matrix that is drawn and how many classes it leaves out. Of many classes those are kept that are mistaken or
    /// mistaken for most often, in their order; a last row and column hold all others together, so that no sample is lost.
    fn shown(&self) -> (Self, usize) {
        let classes = self.counts.nrows().min(self.counts.ncols());
        if classes <= MOST_CLASSES {
            return (self.clone(), 0);
        }
        let mut mistakes = vec![0_u64; classes];
        for ((row, column), count) in self.counts.indexed_iter().filter(|((row, column), _)| row != column) {
            mistakes[row] += count;
            mistakes[column] += count;
        }
        for (mistakes, undecided) in mistakes.iter_mut().zip(&self.undecided) {
            *mistakes += undecided;
        }
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by_key(|class| (std::cmp::Reverse(mistakes[*class]), *class));
        order.truncate(SHOWN_CLASSES);
        order.sort_unstable();
        // Where each class goes; the others behind those that are kept.
        let place: Vec<usize> =
            (0..classes).map(|class| order.binary_search(&class).unwrap_or(SHOWN_CLASSES)).collect();
        let mut counts = Array2::zeros((SHOWN_CLASSES + 1, SHOWN_CLASSES + 1));
        for ((row, column), count) in self.counts.indexed_iter() {
            counts[[place[row], place[column]]] += count;
        }
        let mut undecided = vec![0; SHOWN_CLASSES + 1];
        for (class, count) in self.undecided.iter().enumerate().take(classes) {
            undecided[place[class]] += count;
        }
        let mut class_names: Vec<String> = order.iter().map(|class| self.name(*class)).collect();
        class_names.push("others".to_owned());
        (Self { title: self.title.clone(), class_names, counts, undecided }, classes - SHOWN_CLASSES)
    }

    fn draw(&self) -> (Svg, f64) {
        let (shown, left_out) = self.shown();
        shown.draw_all(&self.subtitle(), left_out)
    }

    fn draw_all(&self, subtitle: &str, left_out: usize) -> (Svg, f64) {
        let classes = self.counts.nrows().min(self.counts.ncols());
        let names: Vec<String> = (0..classes).map(|class| self.name(class)).collect();
        let longest = names.iter().map(|name| text_width(name, 11.0)).fold(0.0, f64::max);
        let cell = (560.0 / classes.max(1) as f64).clamp(22.0, 46.0);
        let layout = Layout { cell, left: 62.0 + longest, top: 132.0 + longest, classes };
        let side = cell * classes as f64;
        let width = (layout.left + side + RECALL_WIDTH + 28.0).max(520.0);
        let height = layout.top + side + 34.0;
        let subtitle = match left_out {
            0 => subtitle.to_owned(),
            _ => {
                format!("{subtitle}; {SHOWN_CLASSES} classes with most mistakes, {left_out} others together")
            }
        };
        let mut svg = Svg::new(width, &self.title, &subtitle);
        masthead(&mut svg, width, &self.title, &subtitle);
        let keys = [
            ("f0 bar", Glyph::Area, "correct, share of row"),
            ("f1 bar", Glyph::Area, "mistaken, share of row"),
        ];
        legend(&mut svg, (28.0, 84.0), width - 28.0, &keys);
        axis_names(&mut svg, &layout);
        for (row, name) in names.iter().enumerate() {
            let is_rest = left_out > 0 && row + 1 == classes;
            self.row(&mut svg, &layout, row, name, is_rest);
        }
        for (column, name) in names.iter().enumerate() {
            let x = layout.left + cell * (column as f64 + 0.5) + 4.0;
            svg.turned((x, layout.top - 8.0), -90.0, "ink", name);
        }
        (svg, height)
    }

    /// The figure for a page: the same as [`Self::render`], and narrow enough for a phone, without counts.
    #[must_use]
    pub fn inline(&self) -> [String; 2] {
        let (wide, height) = self.draw();
        let (shown, left_out) = self.shown();
        [wide.inline(height), shown.narrow(&self.subtitle(), left_out)]
    }

    /// Shades alone, with the names of as many classes as there is room for, evenly chosen.
    fn narrow(&self, subtitle: &str, left_out: usize) -> String {
        let classes = self.counts.nrows().min(self.counts.ncols());
        let mut svg = Svg::new(NARROW, &self.title, subtitle);
        let names: Vec<String> = (0..classes).map(|class| shorten(&self.name(class), 74.0, 9.0)).collect();
        let longest = names.iter().map(|name| text_width(name, 9.0)).fold(20.0, f64::max);
        let (left, top) = (longest + 24.0, longest + 40.0);
        let cell = ((NARROW - left - 6.0) / classes.max(1) as f64).min(30.0);
        let side = cell * classes as f64;
        let named_each = index((NAME_PITCH / cell).ceil()).max(1);
        let keys = [
            ("f0 bar", Glyph::Area, "correct, share of row"),
            ("f1 bar", Glyph::Area, "mistaken, share of row"),
        ];
        legend(&mut svg, (8.0, 18.0), NARROW, &keys);
        for (row, name) in names.iter().enumerate() {
            let y = top + cell * row as f64;
            if row % named_each == 0 {
                svg.text((left - 5.0, y + cell / 2.0 + 3.0), "end ink slight", name);
                svg.turned((left + cell * (row as f64 + 0.5) + 3.0, top - 5.0), -90.0, "ink slight", name);
            }
            for column in 0..classes {
                let x = left + cell * column as f64;
                let area = Rect::new(x + 0.4, y + 0.4, cell - 0.8, cell - 0.8);
                self.cell(&mut svg, area, (row, column), left_out > 0 && row + 1 == classes);
            }
        }
        let columns = if named_each == 1 {
            "Predicted class (columns)".to_owned()
        } else {
            format!("Predicted class (columns), 1 name in {named_each}")
        };
        svg.text((left, top + side + 16.0), "muted", &columns);
        svg.turned((12.0, top + side.max(90.0)), -90.0, "muted", "True class (rows)");
        svg.inline(top + side.max(90.0) + 24.0)
    }

    fn name(&self, class: usize) -> String {
        let name = self.class_names.get(class).cloned().unwrap_or_else(|| class.to_string());
        shorten(&name, LONGEST_NAME, 11.0)
    }

    fn support(&self, row: usize) -> u64 {
        self.counts.row(row).sum() + self.undecided.get(row).copied().unwrap_or(0)
    }

    fn subtitle(&self) -> String {
        let total = (0..self.counts.nrows()).map(|row| self.support(row)).sum::<u64>();
        let undecided: u64 = self.undecided.iter().sum();
        let correct = self.counts.diag().sum();
        let without = if undecided > 0 {
            format!(", {} without a prediction", count(undecided))
        } else {
            String::new()
        };
        let accuracy = percent(correct as f64 / total as f64);
        format!("Accuracy {accuracy} ({} of {} samples{without})", count(correct), count(total))
    }

    fn row(&self, svg: &mut Svg, layout: &Layout, row: usize, name: &str, is_rest: bool) {
        let (cell, support) = (layout.cell, self.support(row));
        let y = layout.top + cell * row as f64;
        let baseline = y + cell / 2.0 + 4.0;
        svg.text((layout.left - 10.0, baseline), "end ink", name);
        for column in 0..layout.classes {
            let x = layout.left + cell * column as f64;
            let area = Rect::new(x + 0.75, y + 0.75, cell - 1.5, cell - 1.5);
            if let Some((shade, hits)) = self.cell(svg, area, (row, column), is_rest) {
                cell_count(svg, (x + cell / 2.0, y + cell / 2.0), cell, shade, hits);
            }
        }
        if is_rest {
            return;
        }
        let left = layout.left + cell * layout.classes as f64 + 14.0;
        let track = Rect::new(left, y + cell / 2.0 - 3.0, 52.0, 6.0);
        svg.rect(track, "quietfill bar");
        if support > 0 {
            let recall = self.counts[[row, row]] as f64 / support as f64;
            svg.rect(Rect { width: track.width * recall, ..track }, "f0");
            svg.text((track.right() + 8.0, baseline), "ink", &percent(recall));
        } else {
            svg.text((track.right() + 8.0, baseline), "muted", "none");
        }
    }
}

impl ConfusionMatrix {
    /// Draws one cell; returns its shade and its count if there is one. `is_rest`: its row is that of several classes.
    fn cell(
        &self,
        svg: &mut Svg,
        area: Rect,
        (row, column): (usize, usize),
        is_rest: bool,
    ) -> Option<(f64, u64)> {
        svg.rect(area, "plot");
        let hits = self.counts[[row, column]];
        if hits == 0 {
            return None;
        }
        let share = hits as f64 / self.support(row) as f64;
        // The square root keeps rare mistakes visible beside a full diagonal.
        let shade = 0.08 + 0.84 * share.sqrt();
        let class = match row == column {
            // Right answers among the others cannot be told from mistakes among them.
            true if is_rest => "quietfill",
            true => "f0",
            false => "f1",
        };
        svg.shaded(area, class, Some(shade));
        Some((shade, hits))
    }
}

/// The count in the middle of a cell, in an ink that stands out from its shade, where there is room for it.
fn cell_count(svg: &mut Svg, centre: (f64, f64), cell: f64, shade: f64, hits: u64) {
    let text = count(hits);
    let room = cell - 2.0;
    let sizes = [("small", 10.0), ("tiny", 8.0)];
    let Some((class, size)) = sizes.into_iter().find(|(_, size)| text_width(&text, *size) <= room) else {
        return;
    };
    let ink = match shade {
        s if s < 0.5 => "ink",
        s if s < 0.8 => "dark",
        _ => "on",
    };
    svg.text((centre.0, centre.1 + 0.35 * size), &format!("mid {class} {ink}"), &text);
}

fn axis_names(svg: &mut Svg, layout: &Layout) {
    let side = layout.cell * layout.classes as f64;
    svg.text((layout.left + side + 14.0, layout.top - 10.0), "strong ink", "Recall");
    svg.text(
        (layout.left, layout.top + side + 20.0),
        "muted",
        "Predicted class (columns), number of samples",
    );
    svg.turned((24.0, layout.top + side), -90.0, "muted", "True class (rows)");
}
