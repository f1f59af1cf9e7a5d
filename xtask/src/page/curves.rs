//! Loss, accuracy and activity over the epochs.

use colearn_eval::figures::{BandCurves, CurveGroup};
use colearn_eval::page::{Block, Section};

use super::Group;
use super::run::{Epoch, Run};

pub(super) fn section(groups: &[Group]) -> Section {
    let chance = groups[0].runs[0].classes().map(|classes| (100.0 / classes as f64, "chance".to_owned()));
    let accuracies = |title: &str, value: fn(&Epoch) -> f64| BandCurves {
        top: Some(100.0),
        reference: chance.clone(),
        ..curves(groups, title, "Share of correct samples (%)", |e| Some(100.0 * value(e)))
    };
    let mut panels = vec![
        accuracies("Validation accuracy", |e| e.validation_accuracy),
        accuracies("Training accuracy", |e| e.train_accuracy),
        curves(groups, "Validation loss", "Mean cross-entropy (nats)", |e| Some(e.validation_loss)),
        curves(groups, "Training loss", "Mean cross-entropy (nats)", |e| Some(e.train_loss)),
    ];
    let epochs = groups.iter().flat_map(|group| &group.runs).flat_map(|run| &run.epochs);
    let layers = epochs.map(|epoch| epoch.rates.len()).max().unwrap_or(0);
    for layer in 0..layers {
        let title = format!("Firing rate, hidden{layer}");
        let rate = move |epoch: &Epoch| Some(100.0 * epoch.rates.get(layer)?);
        panels.push(curves(groups, &title, "Mean over units (spikes per 100 steps)", rate));
    }
    let key = panels[0].key();
    let mut blocks = vec![Block::Figure {
        panels: panels.iter().map(BandCurves::inline).chain(key).collect(),
        wide: None,
        caption: "Mean over the seeds of each cell (line) and its 95 % Student-t interval (band, with two or more seeds), \
                  epoch by epoch; where runs stopped early, over those that went on. Validation is with delays rounded, \
                  training as it ran: delays not rounded, dropout on, weights changing."
            .into(),
    }];
    if layers == 0 {
        blocks.push(Block::Missing("No firing rates: these networks do not spike.".into()));
    }
    Section { id: "curves".into(), title: "Learning curves".into(), blocks }
}

fn curves(groups: &[Group], title: &str, measure: &str, value: impl Fn(&Epoch) -> Option<f64>) -> BandCurves {
    let of_run = |run: &Run| -> Vec<(u32, f64)> {
        run.epochs.iter().filter_map(|epoch| Some((epoch.number, value(epoch)?))).collect()
    };
    // One curve a seed: with several speakers left out their mean.
    let of_seed = |group: &Group, seed: u64| -> Vec<(u32, f64)> {
        let runs = group.runs.iter().filter(|run| run.stored.seed() == seed).map(of_run).collect();
        let mean = CurveGroup { name: String::new(), runs };
        mean.band().into_iter().map(|point| (point.epoch, point.mean)).collect()
    };
    let group = |group: &Group| CurveGroup {
        name: group.label.clone(),
        runs: group.row.per_seed.iter().map(|known| of_seed(group, known.seed)).collect(),
    };
    BandCurves {
        title: title.to_owned(),
        measure: measure.to_owned(),
        groups: groups.iter().map(group).collect(),
        top: None,
        reference: None,
    }
}
