//! Loss, accuracy and activity over the epochs.

use colearn_eval::figures::{BandCurves, CurveGroup, Look};
use colearn_eval::page::{Block, Section};

use super::run::{Epoch, Run};
use super::{DETAILED, Group, per_cell};

/// A value of an epoch, where there is one.
type Value = fn(&Epoch) -> Option<f64>;

const ACCURACY: &str = "Share of correct samples (%)";
const LOSS: &str = "Mean cross-entropy (nats)";

pub(super) fn section(groups: &[Group]) -> Section {
    let chance = groups[0].runs[0].classes().map(|classes| (100.0 / classes as f64, "chance".to_owned()));
    let mut blocks = Vec::new();
    if groups.len() > 1 {
        blocks.push(overview(groups, chance.as_ref()));
    }
    let details = per_cell(groups, |group| {
        vec![Block::Figure {
            panels: of_cell(group, chance.as_ref()).iter().map(BandCurves::inline).collect(),
            wide: None,
            caption: caption(group),
        }]
    });
    if groups.len() > 1 {
        let title = "Training and validation of each cell".to_owned();
        blocks.push(Block::Group { title, open: false, blocks: details });
    } else {
        blocks.extend(details);
    }
    if layers(groups) == 0 {
        blocks.push(Block::Missing("No firing rates: these networks do not spike.".into()));
    }
    Section { id: "curves".into(), title: "Learning curves".into(), blocks }
}

fn layers(groups: &[Group]) -> usize {
    let epochs = groups.iter().flat_map(|group| &group.runs).flat_map(|run| &run.epochs);
    epochs.map(|epoch| epoch.rates.len()).max().unwrap_or(0)
}

/// Validation of all cells, the best ones where there are very many.
fn overview(groups: &[Group], chance: Option<&(f64, String)>) -> Block {
    let shown = &groups[..groups.len().min(DETAILED)];
    let of_cells = |value: Value| -> Vec<CurveGroup> {
        let curve = |(rank, group): (usize, &Group)| CurveGroup {
            name: group.label.clone(),
            best: Vec::new(),
            ..curve(group, Look::Cell(rank), "", value)
        };
        shown.iter().enumerate().map(curve).collect()
    };
    let figures = [
        accuracy("Validation accuracy", of_cells(|e| Some(100.0 * e.validation_accuracy)), chance),
        plot("Validation loss", LOSS, of_cells(|e| Some(e.validation_loss))),
    ];
    let left_out = match groups.len() - shown.len() {
        0 => String::new(),
        more => format!(" The {DETAILED} best cells; {more} more are in the tables."),
    };
    Block::Figure {
        panels: figures[0].key().into_iter().chain(figures.iter().map(BandCurves::inline)).collect(),
        wide: None,
        caption: format!(
            "Mean over the seeds of each cell (line) and its 95 % Student-t interval (band, with two or more seeds), epoch by \
             epoch; where runs stopped early, over those that went on. Delays rounded. Cells in the order of their results.\
             {left_out}"
        ),
    }
}

/// Training and validation in one panel each for accuracy and loss, and the activity of all layers.
fn of_cell(group: &Group, chance: Option<&(f64, String)>) -> Vec<BandCurves> {
    let both = |train: Value, validation: Value| {
        vec![
            curve(group, Look::Training, "training", train),
            curve(group, Look::Validation, "validation", validation),
        ]
    };
    let accuracies = both(|e| Some(100.0 * e.train_accuracy), |e| Some(100.0 * e.validation_accuracy));
    let losses = both(|e| Some(e.train_loss), |e| Some(e.validation_loss));
    let mut figures = vec![accuracy("Accuracy", accuracies, chance), plot("Loss", LOSS, losses)];
    let layers = layers(std::slice::from_ref(group));
    if layers > 0 {
        let rate = |layer: usize| {
            let value = move |epoch: &Epoch| Some(100.0 * epoch.rates.get(layer)?);
            CurveGroup {
                best: Vec::new(),
                ..curve(group, Look::Cell(layer), &format!("hidden{layer}"), value)
            }
        };
        let rates = (0..layers.min(DETAILED)).map(rate).collect();
        figures.push(plot("Firing rate", "Mean over units (spikes per 100 steps)", rates));
    }
    figures
}

fn caption(group: &Group) -> String {
    let many = if group.runs.len() > 1 {
        " Mean over the seeds (line) and its 95 % Student-t interval (band); where runs stopped early, over those that went on."
    } else {
        ""
    };
    format!(
        "Open circles mark the best epoch of each run, chosen on the validation curve. Validation is with delays rounded, \
         training as it ran: delays not rounded, dropout on, weights changing.{many}"
    )
}

fn accuracy(title: &str, groups: Vec<CurveGroup>, chance: Option<&(f64, String)>) -> BandCurves {
    BandCurves { top: Some(100.0), reference: chance.cloned(), ..plot(title, ACCURACY, groups) }
}

fn plot(title: &str, measure: &str, groups: Vec<CurveGroup>) -> BandCurves {
    BandCurves { title: title.to_owned(), measure: measure.to_owned(), groups, top: None, reference: None }
}

/// One curve of a cell, with the best epochs of its runs on that of validation.
fn curve(group: &Group, look: Look, name: &str, value: impl Fn(&Epoch) -> Option<f64>) -> CurveGroup {
    let of_run = |run: &Run| -> Vec<(u32, f64)> {
        run.epochs.iter().filter_map(|epoch| Some((epoch.number, value(epoch)?))).collect()
    };
    let plain = |runs| CurveGroup { name: name.to_owned(), look, runs, best: Vec::new() };
    // One curve a seed: with several speakers left out their mean.
    let of_seed = |seed: u64| -> Vec<(u32, f64)> {
        let runs = group.runs.iter().filter(|run| run.stored.seed() == seed).map(of_run).collect();
        plain(runs).band().into_iter().map(|point| (point.epoch, point.mean)).collect()
    };
    let best = group.runs.iter().filter(|_| look == Look::Validation);
    CurveGroup {
        best: best.filter_map(|run| u32::try_from(run.stored.best_epoch).ok()).collect(),
        ..plain(group.row.per_seed.iter().map(|known| of_seed(known.seed)).collect())
    }
}
