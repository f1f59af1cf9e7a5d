//! The accuracy of every cell and run, and what rounding the delays costs.

use colearn_eval::figures::{DotRow, DotRows};
use colearn_eval::page::{Block, Section};
use colearn_eval::statistics::{Interval, mean};
use colearn_eval::{Align, Table};

use super::numbers::{NOTHING, percent, plain, plain_count, plain_estimate, range, spread};
use super::{Group, dot};

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
        data: Some(data(groups, chance)),
    });
    // A dot alone says nothing that the table does not.
    if groups.iter().map(|group| group.row.values().len()).sum::<usize>() > 1 {
        let figure = figure(groups, split, chance);
        blocks.push(Block::Figure {
            panels: vec![figure.inline()],
            wide: Some(figure.wide()),
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
            data: Some(runs_data(groups)),
        }],
    });
    Section { id: "accuracy".into(), title: "Accuracy".into(), blocks }
}

/// What must be said before any number: what results may be called, and what could not be read.
fn warnings(groups: &[Group]) -> Vec<String> {
    let runs = || groups.iter().flat_map(|group| &group.runs);
    let mut found: Vec<String> =
        runs().filter_map(|run| run.stored.protocol.warning()).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    let undecided = |run: &super::run::Run| {
        let report = &run.evaluation.as_ref()?.rounded.evaluation;
        (report.undecided > 0).then(|| format!("{} of {}", report.undecided, report.samples))
    };
    for (group, run) in groups.iter().flat_map(|group| group.runs.iter().map(move |run| (group, run))) {
        if let Some(count) = undecided(run) {
            found.push(format!(
                "{}, seed {}: {count} samples have a score that is infinite or not a number; they count as wrong.",
                group.label,
                run.name()
            ));
        }
    }
    found.extend(runs().flat_map(|run| run.damage.iter().cloned()));
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
    .align(columns());
    for group in groups {
        let row = &group.row;
        let values = row.values();
        table.row([
            group.label.clone(),
            values.len().to_string(),
            spread(&values),
            row.accuracy.and_then(|found| found.std).map_or_else(|| NOTHING.to_owned(), percent),
            row.binomial.map_or_else(|| NOTHING.to_owned(), range),
            chance.map_or_else(|| NOTHING.to_owned(), percent),
            spread(&group.by_seed(|run| run.stored.validation_accuracy)),
            spread(&group.by_seed(|run| run.stored.train_accuracy)),
            row.parameters.map_or_else(|| NOTHING.to_owned(), |count| count.to_string()),
        ]);
    }
    table
}

/// Names to the left, numbers to the right.
fn columns() -> impl Iterator<Item = Align> {
    std::iter::once(Align::Left).chain(std::iter::repeat_n(Align::Right, 8))
}

/// Accuracies as shares from 0 to 1.
fn data(groups: &[Group], chance: Option<f64>) -> Table {
    let mut table = Table::new([
        "cell",
        "seeds",
        "accuracy_mean",
        "accuracy_std",
        "accuracy_ci95_low",
        "accuracy_ci95_high",
        "binomial95_low",
        "binomial95_high",
        "chance",
        "validation_mean",
        "training_mean",
        "parameters",
    ]);
    for group in groups {
        let row = &group.row;
        let [accuracy, std, low, high] = plain_estimate(row.accuracy);
        let of = |value: fn(&super::run::Run) -> Option<f64>| plain(mean(&group.by_seed(value)));
        table.row([
            group.label.clone(),
            row.values().len().to_string(),
            accuracy,
            std,
            low,
            high,
            plain(row.binomial.map(|ends| ends.low)),
            plain(row.binomial.map(|ends| ends.high)),
            plain(chance),
            of(|run| run.stored.validation_accuracy),
            of(|run| run.stored.train_accuracy),
            plain_count(row.parameters),
        ]);
    }
    table
}

fn figure(groups: &[Group], split: &str, chance: Option<f64>) -> DotRows {
    let row = |group: &Group| {
        let values = group.row.values();
        let single = if values.len() == 1 { group.row.binomial } else { None };
        DotRow {
            name: group.label.clone(),
            values: values.iter().map(|share| 100.0 * share).collect(),
            interval: single.map(|ends| Interval { low: 100.0 * ends.low, high: 100.0 * ends.high }),
        }
    };
    DotRows {
        title: format!("Accuracy on the {split} split"),
        measure: "Share of correct samples (%)".into(),
        rows: groups.iter().map(row).filter(|row| !row.values.is_empty()).collect(),
        reference: chance.map(|chance| (100.0 * chance, "chance".to_owned())),
        from_reference: false,
        limits: Some((0.0, 100.0)),
    }
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
    .align(columns());
    for (group, run) in groups.iter().flat_map(|group| group.runs.iter().map(move |run| (group, run))) {
        let stored = &run.stored;
        let share = |value: Option<f64>| value.map_or_else(|| NOTHING.to_owned(), percent);
        table.row([
            group.label.clone(),
            run.name(),
            percent(stored.accuracy),
            run.binomial().map_or_else(|| NOTHING.to_owned(), range),
            share(stored.validation_accuracy),
            share(stored.train_accuracy),
            stored.best_epoch.to_string(),
            stored.epochs.to_string(),
            format!("{:.0}", stored.wall_seconds),
        ]);
    }
    table
}

/// Accuracies as shares from 0 to 1.
fn runs_data(groups: &[Group]) -> Table {
    let mut table = Table::new([
        "cell",
        "seed",
        "left_out",
        "accuracy",
        "ci95_low",
        "ci95_high",
        "samples",
        "validation",
        "training",
        "best_epoch",
        "epochs",
        "seconds",
        "parameters",
    ]);
    for (group, run) in groups.iter().flat_map(|group| group.runs.iter().map(move |run| (group, run))) {
        let (stored, ends) = (&run.stored, run.binomial());
        table.row([
            group.label.clone(),
            stored.seed().to_string(),
            stored.experiment.data.leave_out.clone().unwrap_or_default(),
            plain(Some(stored.accuracy)),
            plain(ends.map(|ends| ends.low)),
            plain(ends.map(|ends| ends.high)),
            stored.samples.to_string(),
            plain(stored.validation_accuracy),
            plain(stored.train_accuracy),
            stored.best_epoch.to_string(),
            stored.epochs.to_string(),
            plain(Some(stored.wall_seconds)),
            stored.parameters.to_string(),
        ]);
    }
    table
}
