//! What is read from the folder of one run.

use std::path::Path;

use anyhow::{Context, Result};
use colearn_eval::statistics::{Interval, wilson_interval};
use colearn_network::{Network, ParameterKind};
use colearn_train::{Checkpoint, initial_generator};
use serde::Deserialize;

use crate::experiment::Experiment;
use crate::figures::Pair;
use crate::stored::{self, EVALUATION, EXAMPLE, Example, StoredEvaluation};

/// A finished run.
pub(crate) struct Run {
    pub(crate) summary: RunSummary,
    pub(crate) epochs: Vec<Epoch>,
    /// Missing in folders from before it was written.
    pub(crate) evaluation: Option<StoredEvaluation>,
    /// Missing in folders from before it was written.
    pub(crate) example: Option<Example>,
    /// The network of the best epoch and before training, or why it cannot be had.
    pub(crate) networks: Result<Networks, String>,
}

/// The part of `summary.json` that is used, each key by itself, so that summaries of any kind of run can be read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunSummary {
    pub(crate) dataset: String,
    pub(crate) corpus: String,
    pub(crate) model: String,
    pub(crate) delay: String,
    pub(crate) seed: u64,
    pub(crate) epochs: usize,
    pub(crate) best_epoch: usize,
    pub(crate) parameters: usize,
    pub(crate) train_accuracy: Option<f64>,
    pub(crate) validation_accuracy: Option<f64>,
    pub(crate) test_accuracy: Option<f64>,
    pub(crate) protocol: String,
    pub(crate) protocol_warning: Option<String>,
    pub(crate) test_samples: u64,
    pub(crate) hidden_rates: Vec<f64>,
    pub(crate) wall_seconds: f64,
}

impl RunSummary {
    /// The model with the rule of its delays where its name does not tell it.
    pub(crate) fn name(&self) -> String {
        let fixed = if self.delay == "fixed" { ", fixed delays" } else { "" };
        format!("{}{fixed}", self.model)
    }

    /// Accuracy on the test split, or on validation where there is none.
    pub(crate) fn accuracy(&self) -> Option<f64> {
        self.test_accuracy.or(self.validation_accuracy)
    }
}

/// A row of `metrics.csv`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Epoch {
    pub(crate) number: u32,
    pub(crate) train_loss: f64,
    pub(crate) train_accuracy: f64,
    pub(crate) validation_loss: f64,
    pub(crate) validation_accuracy: f64,
    pub(crate) rates: Vec<f64>,
}

/// A network before training and at its best epoch.
pub(crate) struct Networks {
    /// Whether the hidden layers spike: without, only sizes are of use here.
    pub(crate) spiking: bool,
    pub(crate) best: Network<f32>,
    pub(crate) initial: Network<f32>,
    pub(crate) steps: usize,
    pub(crate) step_ms: f64,
}

impl Run {
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("summary.json");
        let summary: RunSummary = stored::read(&file)?.with_context(|| {
            format!("{}: no summary.json here; expected the folder of a finished run", folder.display())
        })?;
        let metrics = folder.join("metrics.csv");
        let text = std::fs::read_to_string(&metrics)
            .with_context(|| format!("{}: cannot be read", metrics.display()))?;
        let networks = Networks::read(&folder.join("best.ckpt")).map_err(|error| format!("{error:#}"));
        let mut epochs = epochs(&text);
        if networks.as_ref().is_ok_and(|networks| !networks.spiking) {
            // What such a run records there are no rates of spikes.
            for epoch in &mut epochs {
                epoch.rates.clear();
            }
        }
        Ok(Self {
            epochs,
            evaluation: stored::read(&folder.join(EVALUATION))?,
            example: Example::read(&folder.join(EXAMPLE))?,
            networks,
            summary,
        })
    }

    /// The name of the data.
    pub(crate) fn corpus(&self) -> &str {
        if self.summary.corpus.is_empty() { &self.summary.dataset } else { &self.summary.corpus }
    }

    pub(crate) fn selected_on_test(&self) -> bool {
        self.summary.protocol == "selected_on_test"
    }

    /// Name of the split of [`RunSummary::accuracy`].
    pub(crate) fn split(&self) -> &'static str {
        if self.summary.test_accuracy.is_some() { "test" } else { "validation" }
    }

    /// Samples of that split, where they are known.
    pub(crate) fn samples(&self) -> Option<u64> {
        let stored = self.evaluation.as_ref().map(|stored| stored.rounded.evaluation.samples);
        stored.or(Some(self.summary.test_samples).filter(|samples| *samples > 0))
    }

    /// Number of classes, where it is known.
    pub(crate) fn classes(&self) -> Option<usize> {
        let stored = self.evaluation.as_ref().map(|stored| stored.classes.len());
        stored
            .or_else(|| self.networks.as_ref().ok().map(|networks| networks.best.classes()))
            .filter(|classes| *classes > 0)
    }

    /// 95 % Wilson interval of the accuracy of this one run, as shares.
    pub(crate) fn binomial(&self) -> Option<Interval> {
        binomial(self.summary.accuracy()?, self.samples()?)
    }

    /// The networks of this run if they spike.
    pub(crate) fn spiking(&self) -> Option<&Networks> {
        self.networks.as_ref().ok().filter(|networks| networks.spiking)
    }

    /// Why this run has no spiking network to look into.
    pub(crate) fn without_network(&self) -> Option<String> {
        match &self.networks {
            Ok(networks) if networks.spiking => None,
            Ok(_) => Some("a network without spikes, which has none of this".to_owned()),
            Err(reason) => Some(format!("no spiking network to look into ({reason})")),
        }
    }
}

/// Wilson's interval at 95 % of an accuracy over so many samples.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an accuracy within 0 and 1 times a count, rounded"
)]
pub(super) fn binomial(accuracy: f64, samples: u64) -> Option<Interval> {
    let right = (accuracy.clamp(0.0, 1.0) * samples as f64).round();
    wilson_interval(right as u64, samples, 0.95)
}

impl Networks {
    fn read(file: &Path) -> Result<Self> {
        let checkpoint = Checkpoint::load(file)?;
        let experiment = Experiment::from_toml(&checkpoint.experiment)
            .with_context(|| format!("{}: the experiment in the checkpoint", file.display()))?;
        let description =
            experiment.network().validate(checkpoint.channels, checkpoint.classes.len().max(1))?;
        let mut best = Network::new(&description, &mut initial_generator(checkpoint.seed));
        let mut initial = best.clone();
        best.restore(checkpoint.network)?;
        initial.restore(checkpoint.initial)?;
        let spiking = description.is_spiking();
        Ok(Self { spiking, best, initial, steps: checkpoint.steps, step_ms: 1e3 * experiment.data.step_s })
    }

    /// Names of the hidden layers.
    pub(crate) fn hidden(&self) -> Vec<String> {
        (0..self.best.hidden_layers()).map(|layer| self.best.layer_name(layer)).collect()
    }

    /// Whether a parameter of this kind is there.
    pub(crate) fn has(&self, kind: ParameterKind) -> bool {
        self.best.parameters().iter().any(|parameter| parameter.kind == kind)
    }

    /// Before and after training.
    pub(crate) fn pair(&self) -> Pair<'_> {
        (&self.initial, &self.best)
    }
}

/// The rows of `metrics.csv`, by the names of its columns; what is no number is NaN.
fn epochs(text: &str) -> Vec<Epoch> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |names: &[&str]| head.iter().position(|name| names.contains(name));
    let columns = [
        column(&["train_loss"]),
        column(&["train_accuracy"]),
        column(&["validation_loss", "test_selects_loss"]),
        column(&["validation_accuracy", "test_selects_accuracy"]),
    ];
    let rates: Vec<usize> = (head.iter().enumerate())
        .filter(|(_, name)| name.starts_with("rate_hidden"))
        .map(|(index, _)| index)
        .collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |column: Option<usize>| -> f64 {
            column.and_then(|index| cells.get(index)?.parse().ok()).unwrap_or(f64::NAN)
        };
        let [train_loss, train_accuracy, validation_loss, validation_accuracy] = columns.map(number);
        let number_of_epoch = cells.first()?.parse().ok()?;
        let rates = rates.iter().map(|index| number(Some(*index))).collect();
        Some(Epoch {
            number: number_of_epoch,
            train_loss,
            train_accuracy,
            validation_loss,
            validation_accuracy,
            rates,
        })
    };
    lines.filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_by_name() {
        let text = "epoch,train_loss,rate_hidden0,test_selects_accuracy,new\n1,0.5,0.1,0.75,x\n2,,0.2,NaN,\nbroken\n";
        let found = epochs(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].number, found[0].train_loss.to_bits()), (1, 0.5_f64.to_bits()));
        assert_eq!(found[0].rates, [0.1]);
        assert!((found[0].validation_accuracy - 0.75).abs() < 1e-12);
        assert!(found[1].train_loss.is_nan() && found[0].train_accuracy.is_nan());
        assert_eq!(epochs(""), []);
    }

    #[test]
    fn the_interval_of_one_run_is_that_of_its_counts() {
        // Newcombe (1998): 81 of 263.
        let found = binomial(81.0 / 263.0, 263).unwrap();
        assert!((found.low - 0.2553).abs() < 5.1e-5 && (found.high - 0.3662).abs() < 5.1e-5);
        assert_eq!(binomial(0.5, 0), None);
    }
}
