//! The accuracy of every cell and run, and what rounding the delays costs.

use colearn_eval::figures::{DotRow, DotRows};
use colearn_eval::page::{Block, Section};
use colearn_eval::statistics::{Interval, mean_estimate};
use colearn_eval::{Align, Table};

use super::{Group, dot};

const LEFT_THEN_RIGHT: [Align; 9] = [
    Align::Left,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
];

/// A share in percent with two decimals.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// `low to high %`.
fn range(interval: Interval) -> String {
    format!("{:.2} to {:.2} %", 100.0 * interval.low, 100.0 * interval.high)
}

/// `mean ± half width` in percent; the plain value of a single run.
pub(super) fn spread(values: &[f64]) -> String {
    let percents: Vec<f64> = values.iter().map(|share| 100.0 * share).collect();
    mean_estimate(&percents).map_or_else(|| "–".to_owned(), |estimate| format!("{estimate:.2} %"))
}

pub(super) fn section(groups: &[Group]) -> Section {
    let first = &groups[0].runs[0];
    let (split, chance) = (first.stored.split(), first.classes().map(|classes| 1.0 / classes as f64));
    let mut blocks: Vec<Block> = warnings(groups).into_iter().map(Block::Text).collect();
    let level = chance.map_or_else(String::new, |chance| format!(" Guessing reaches {}.", percent(chance)));
    blocks.push(Block::Table {
        name: "accuracy".into(),
        caption: format!(
            "Accuracy on the {split} split: mean over the seeds ± half of the 95 % Student-t interval of the mean, and \
             the sample standard deviation. The binomial interval is Wilson's at 95 % for one run with the mean accuracy: \
             what the finite split alone leaves open.{level}"
        ),
        table: table(groups, chance),
    });
    if groups.iter().any(|group| !group.row.values().is_empty()) {
        blocks.push(Block::Figure {
            panels: vec![figure(groups, split, chance)],
            wide: None,
            caption: caption(groups, chance),
        });
    }
    blocks.push(Block::Group {
        title: format!("Every run ({})", groups.iter().map(|group| group.runs.len()).sum::<usize>()),
        open: false,
        blocks: vec![Block::Table {
            name: "runs".into(),
            caption: "Every run with its best epoch and Wilson's 95 % interval of its own accuracy.".into(),
            table: runs(groups),
        }],
    });
    Section { id: "accuracy".into(), title: "Accuracy".into(), blocks }
}

fn warnings(groups: &[Group]) -> Vec<String> {
    let runs = groups.iter().flat_map(|group| &group.runs);
    let mut found: Vec<String> =
        runs.filter_map(|run| run.stored.protocol.warning()).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    found
}

fn table(groups: &[Group], chance: Option<f64>) -> Table {
    let mut table = Table::new([
        "cell",
        "seeds",
        "accuracy",
        "std",
        "binomial 95 %",
        "chance",
        "validation",
        "training",
        "parameters",
    ])
    .align(LEFT_THEN_RIGHT);
    for group in groups {
        let row = &group.row;
        let values = row.values();
        table.row([
            group.label.clone(),
            values.len().to_string(),
            spread(&values),
            row.accuracy.and_then(|found| found.std).map_or_else(|| "–".to_owned(), percent),
            row.binomial.map_or_else(|| "–".to_owned(), range),
            chance.map_or_else(|| "–".to_owned(), percent),
            spread(&group.by_seed(|run| run.stored.validation_accuracy)),
            spread(&group.by_seed(|run| run.stored.train_accuracy)),
            row.parameters.map_or_else(|| "–".to_owned(), |count| count.to_string()),
        ]);
    }
    table
}

fn figure(groups: &[Group], split: &str, chance: Option<f64>) -> String {
    let row = |group: &Group| {
        let values = group.row.values();
        let single = if values.len() == 1 { group.row.binomial } else { None };
        DotRow {
            name: group.label.clone(),
            values: values.iter().map(|share| 100.0 * share).collect(),
            interval: single.map(|ends| Interval { low: 100.0 * ends.low, high: 100.0 * ends.high }),
        }
    };
    let figure = DotRows {
        title: format!("Accuracy on the {split} split"),
        measure: "Share of correct samples (%)".into(),
        rows: groups.iter().map(row).filter(|row| !row.values.is_empty()).collect(),
        reference: chance.map(|chance| (100.0 * chance, "chance".to_owned())),
        from_reference: false,
    };
    figure.inline()
}

fn caption(groups: &[Group], chance: Option<f64>) -> String {
    let interval = if groups.iter().any(|group| group.row.values().len() > 1) {
        "its 95 % Student-t interval over the seeds (of a cell with one seed: Wilson's binomial interval)"
    } else {
        "Wilson's 95 % binomial interval"
    };
    let level = chance.map_or_else(String::new, |chance| {
        format!(" Chance is {}, marked where the axis reaches it.", percent(chance))
    });
    format!(
        "{}, the upright line the mean, the shaded bar {interval}. The axis does not begin at zero.{level}",
        dot(groups)
    )
}

fn runs(groups: &[Group]) -> Table {
    let mut table = Table::new([
        "cell",
        "seed",
        "accuracy",
        "95 % interval",
        "validation",
        "training",
        "best epoch",
        "epochs",
        "seconds",
    ])
    .align(LEFT_THEN_RIGHT);
    for (group, run) in groups.iter().flat_map(|group| group.runs.iter().map(move |run| (group, run))) {
        let stored = &run.stored;
        let share = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), percent);
        table.row([
            group.label.clone(),
            run.name(),
            percent(stored.accuracy),
            run.binomial().map_or_else(|| "–".to_owned(), range),
            share(stored.validation_accuracy),
            share(stored.train_accuracy),
            stored.best_epoch.to_string(),
            stored.epochs.to_string(),
            format!("{:.0}", stored.wall_seconds),
        ]);
    }
    table
}
