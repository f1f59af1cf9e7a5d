//! The accuracy of every cell and run, and what rounding the delays costs.

use colearn_eval::figures::{DotRow, DotRows};
use colearn_eval::page::{Block, Section};
use colearn_eval::statistics::{Interval, mean_estimate, sample_std};
use colearn_eval::{Align, Table};

use super::Group;
use super::run::{Run, binomial};

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

/// Whatever a run has of a quantity.
fn known(group: &Group, value: impl Fn(&Run) -> Option<f64>) -> Vec<f64> {
    group.runs.iter().filter_map(value).collect()
}

pub(super) fn section(groups: &[Group]) -> Section {
    let first = &groups[0].runs[0];
    let (split, chance) = (first.split(), first.classes().map(|classes| 1.0 / classes as f64));
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
    blocks.push(Block::Figure {
        panels: vec![figure(groups, split, chance)],
        wide: None,
        caption: caption(groups, chance),
    });
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
    let mut found: Vec<String> = groups
        .iter()
        .flat_map(|group| &group.runs)
        .filter_map(|run| run.summary.protocol_warning.clone())
        .collect();
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
        let values = known(group, |run| run.summary.accuracy());
        let samples = group.runs.iter().find_map(Run::samples);
        let mean = mean_estimate(&values).map(|estimate| estimate.mean);
        let interval = mean.zip(samples).and_then(|(mean, samples)| binomial(mean, samples));
        table.row([
            group.label.clone(),
            group.runs.len().to_string(),
            spread(&values),
            sample_std(&values).map_or_else(|| "–".to_owned(), percent),
            interval.map_or_else(|| "–".to_owned(), range),
            chance.map_or_else(|| "–".to_owned(), percent),
            spread(&known(group, |run| run.summary.validation_accuracy)),
            spread(&known(group, |run| run.summary.train_accuracy)),
            group.runs[0].summary.parameters.to_string(),
        ]);
    }
    table
}

fn figure(groups: &[Group], split: &str, chance: Option<f64>) -> String {
    let row = |group: &Group| {
        let values = known(group, |run| run.summary.accuracy());
        let single = if values.len() == 1 { group.runs.iter().find_map(Run::binomial) } else { None };
        DotRow {
            name: group.label.clone(),
            values: values.iter().map(|share| 100.0 * share).collect(),
            interval: single.map(|ends| Interval { low: 100.0 * ends.low, high: 100.0 * ends.high }),
        }
    };
    let figure = DotRows {
        title: format!("Accuracy on the {split} split"),
        measure: "Share of correct samples (%)".into(),
        rows: groups.iter().map(row).collect(),
        reference: chance.map(|chance| (100.0 * chance, "chance".to_owned())),
        from_reference: false,
    };
    figure.inline()
}

fn caption(groups: &[Group], chance: Option<f64>) -> String {
    let interval = if groups.iter().any(|group| group.runs.len() > 1) {
        "its 95 % Student-t interval over the seeds (of a cell with one run: Wilson's binomial interval)"
    } else {
        "Wilson's 95 % binomial interval"
    };
    let level = chance.map_or_else(String::new, |chance| {
        format!(" Chance is {}, marked where the axis reaches it.", percent(chance))
    });
    format!(
        "A dot is a run, the upright line the mean, the shaded bar {interval}. The axis does not begin at zero.{level}"
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
        let summary = &run.summary;
        let share = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), percent);
        table.row([
            group.label.clone(),
            summary.seed.to_string(),
            share(summary.accuracy()),
            run.binomial().map_or_else(|| "–".to_owned(), range),
            share(summary.validation_accuracy),
            share(summary.train_accuracy),
            summary.best_epoch.to_string(),
            summary.epochs.to_string(),
            format!("{:.0}", summary.wall_seconds),
        ]);
    }
    table
}
