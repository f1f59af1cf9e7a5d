//! An utterance on its way through the network, and which classes are taken for which.

use colearn_eval::figures::ConfusionMatrix;
use colearn_eval::page::{Block, Section};
use colearn_eval::{Align, EvaluationReport, Table};
use ndarray::Array2;

use super::{Group, counted, folded, per_cell, slug};

/// More samples than this in a cell of a confusion matrix are an error in the file; sums of fewer cannot overflow.
const MOST_SAMPLES: u64 = 1 << 32;
/// The table of the counts of more classes is not shown.
const MOST_CLASSES: usize = 60;
/// Rows of the table of mistakes.
const MISTAKES: usize = 10;

pub(super) fn raster(groups: &[Group]) -> Section {
    let blocks = per_cell(groups, |group| {
        let Some((run, example)) = group.runs.iter().find_map(|run| Some((run, run.example.as_ref()?)))
        else {
            return vec![Block::Missing(format!(
                "{}: no example utterance in the folders of these runs (written by trainings of spiking networks since \
                 example.json is kept).",
                group.label
            ))];
        };
        let title = format!("{}, seed {}", group.label, run.name());
        let [wide, narrow] = example.raster(&title, run.stored.data.as_ref()).inline();
        let class = |class: usize| example.classes.get(class).map_or("?", String::as_str);
        let heard =
            example.predicted_class.map_or_else(|| "nothing".to_owned(), |c| format!("“{}”", class(c)));
        vec![Block::Figure {
            panels: vec![narrow],
            wide: Some(wide),
            caption: format!(
                "The utterance {} of the {} split, “{}”, heard as {heard} by {} (seed {}), delays rounded: the input as the \
                 network gets it (blue above zero, red below, zeros and so the padding not drawn), every spike of the hidden \
                 layers as a tick, and the membrane of each class in the readout; what is too much to be told apart is drawn \
                 once. A step lasts {} ms; all panels share the time axis.",
                example.id,
                example.split,
                class(example.true_class),
                group.label,
                run.name(),
                example.step_ms
            ),
        }]
    });
    Section { id: "raster".into(), title: "An utterance through the layers".into(), blocks }
}

pub(super) fn confusion(groups: &[Group]) -> Section {
    let blocks = per_cell(groups, |group| {
        let reports: Vec<&EvaluationReport> =
            group.runs.iter().filter_map(|run| Some(&run.evaluation.as_ref()?.rounded.evaluation)).collect();
        let stored = group.runs.iter().find_map(|run| run.evaluation.as_ref());
        let Some((stored, counts)) = stored.zip(sum(&reports)) else {
            return vec![Block::Missing(format!(
                "{}: no confusion matrix in the folders of these runs (they are from before evaluation.json was kept).",
                group.label
            ))];
        };
        let figure = ConfusionMatrix {
            title: format!("{}, {} split", group.label, stored.split),
            class_names: stored.classes.clone(),
            undecided: undecided(&reports, &counts),
            counts,
        };
        let [wide, narrow] = figure.inline();
        let caption = format!(
            "Rows are true classes, columns predicted ones, on the {} split with delays rounded, the counts of {} added up. \
             The shade is the share of the row, by its square root so that rare mistakes stay visible.",
            stored.split,
            counted(reports.len(), "run")
        );
        vec![
            Block::Figure { panels: vec![narrow], wide: Some(wide), caption },
            folded(
                "The most frequent mistakes",
                Block::Table {
                    name: format!("mistakes-{}", slug(&group.label)),
                    caption: format!("The most frequent mistakes of {}.", group.label),
                    table: mistakes(&figure.counts, &figure.class_names),
                    data: Some(all_mistakes(&figure.counts, &figure.class_names)),
                },
            ),
            counts_of(group, &figure),
        ]
    });
    Section { id: "confusion".into(), title: "Confusion".into(), blocks }
}

/// The counts in full: folded away, and of many classes, whose table grows with their square, as a file of pairs.
fn counts_of(group: &Group, figure: &ConfusionMatrix) -> Block {
    let name = format!("confusion-{}", slug(&group.label));
    if figure.counts.nrows() > MOST_CLASSES {
        let caption = format!("All counts of {} that are not zero, right answers among them.", group.label);
        return Block::Data { name, caption, data: pairs(&figure.counts, &figure.class_names) };
    }
    let caption =
        format!("Counts of {}: true class in the rows, predicted class in the columns.", group.label);
    let table = whole(&figure.counts, &figure.class_names);
    let blocks = vec![Block::Table { name, caption, table, data: None }];
    Block::Group { title: "The counts".into(), open: false, blocks }
}

/// The counts of all runs; `None` without any, where they have other classes, or where a count is none.
fn sum(reports: &[&EvaluationReport]) -> Option<Array2<u64>> {
    let classes = reports.first()?.confusion.len();
    let mut counts = Array2::zeros((classes, classes));
    for report in reports {
        let fits = |row: &Vec<u64>| row.len() == classes && row.iter().all(|count| *count <= MOST_SAMPLES);
        if report.confusion.len() != classes || !report.confusion.iter().all(fits) {
            return None;
        }
        for (mut row, found) in counts.rows_mut().into_iter().zip(&report.confusion) {
            row.iter_mut().zip(found).for_each(|(count, more)| *count += more);
        }
    }
    Some(counts)
}

/// Samples of each class in no column.
fn undecided(reports: &[&EvaluationReport], counts: &Array2<u64>) -> Vec<u64> {
    let support = |class: usize| {
        reports
            .iter()
            .filter_map(|report| report.per_class.get(class))
            .map(|class| class.support.min(MOST_SAMPLES))
            .sum::<u64>()
    };
    (0..counts.nrows()).map(|class| support(class).saturating_sub(counts.row(class).sum())).collect()
}

fn name(names: &[String], class: usize) -> String {
    names.get(class).cloned().unwrap_or_else(|| class.to_string())
}

/// Count, true and predicted class of what is not zero, the largest first.
fn sorted(counts: &Array2<u64>) -> Vec<(u64, usize, usize)> {
    let counted = counts.indexed_iter().filter(|(_, count)| **count > 0);
    let mut pairs: Vec<(u64, usize, usize)> =
        counted.map(|((row, column), count)| (*count, row, column)).collect();
    pairs.sort_by_key(|(count, row, column)| (std::cmp::Reverse(*count), *row, *column));
    pairs
}

fn pairs(counts: &Array2<u64>, names: &[String]) -> Table {
    let mut table = Table::new(["true_class", "predicted_class", "times"]);
    for (count, row, column) in sorted(counts) {
        table.row([name(names, row), name(names, column), count.to_string()]);
    }
    table
}

fn all_mistakes(counts: &Array2<u64>, names: &[String]) -> Table {
    let totals = counts.sum_axis(ndarray::Axis(1));
    let mut table = Table::new(["true_class", "predicted_class", "times", "share_of_class"]);
    for (count, row, column) in sorted(counts).into_iter().filter(|(_, row, column)| row != column) {
        let share = count as f64 / totals[row].max(1) as f64;
        table.row([name(names, row), name(names, column), count.to_string(), share.to_string()]);
    }
    table
}

fn mistakes(counts: &Array2<u64>, names: &[String]) -> Table {
    let pairs = sorted(counts).into_iter().filter(|(_, row, column)| row != column);
    let mut table = Table::new(["true class", "taken for", "times", "share of the class"]).align([
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Right,
    ]);
    for (count, row, column) in pairs.take(MISTAKES) {
        let share = 100.0 * count as f64 / counts.row(row).sum().max(1) as f64;
        table.row([name(names, row), name(names, column), count.to_string(), format!("{share:.1} %")]);
    }
    table
}

fn whole(counts: &Array2<u64>, names: &[String]) -> Table {
    let classes = 0..counts.nrows();
    let head = std::iter::once("true \\ predicted".to_owned()).chain(classes.clone().map(|c| name(names, c)));
    let aligned = std::iter::once(Align::Left).chain(std::iter::repeat_n(Align::Right, counts.nrows()));
    let mut table = Table::new(head).align(aligned);
    for class in classes {
        let cells = counts.row(class).iter().map(u64::to_string).collect::<Vec<_>>();
        table.row(std::iter::once(name(names, class)).chain(cells));
    }
    table
}
