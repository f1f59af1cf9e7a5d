//! A finished run as its settings and its summary tell it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use colearn_data::{Pad, Protocol};
use colearn_network::config::Delay;
use colearn_store::{LARGEST_TEXT, read_text};
use serde::Deserialize;

use super::{Origin, StoredData, numbers};
use crate::runs::experiment::Experiment;
use crate::runs::made::Made;
use crate::runs::run_folder::{CONFIG, SUMMARY};

/// What `summary.json` holds and is needed elsewhere. Keys that older folders lack are optional.
#[derive(Debug, Deserialize)]
struct StoredSummary {
    #[serde(default)]
    corpus: String,
    parameters: usize,
    trainable_parameters: usize,
    best_epoch: usize,
    #[serde(default)]
    epochs: usize,
    train_accuracy: Option<f64>,
    validation_accuracy: Option<f64>,
    test_accuracy: Option<f64>,
    unrounded_accuracy: Option<f64>,
    #[serde(default)]
    protocol: Protocol,
    #[serde(default)]
    test_samples: u64,
    #[serde(default)]
    validation_samples: u64,
    classes: Option<usize>,
    #[serde(default, deserialize_with = "numbers::list")]
    hidden_rates: Vec<f64>,
    #[serde(default)]
    wall_seconds: f64,
    data: Option<StoredData>,
    #[serde(flatten)]
    origin: Origin,
    #[serde(flatten)]
    made: Made,
}

/// A finished run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoredRun {
    /// Its folder.
    pub folder: PathBuf,
    /// Every setting.
    pub experiment: Experiment,
    /// The name that the data give themselves.
    pub corpus: String,
    /// Share of right answers on the split that is reported.
    pub accuracy: f64,
    /// The same with learned delays that were not rounded.
    pub unrounded: Option<f64>,
    /// Share of right answers on the training split.
    pub train_accuracy: Option<f64>,
    /// Share of right answers on the split that selects.
    pub validation_accuracy: Option<f64>,
    /// Samples of that split, 0 where the folder does not tell.
    pub samples: u64,
    /// What the result may be called.
    pub protocol: Protocol,
    /// All of them.
    pub parameters: usize,
    /// Those that are learned.
    pub trainable_parameters: usize,
    /// Counted from 1.
    pub best_epoch: usize,
    /// Epochs that were trained.
    pub epochs: usize,
    /// Classes of the data, where the folder tells.
    pub classes: Option<usize>,
    /// Spikes per unit and step of each hidden layer; mean |output| where there are no spikes.
    pub hidden_rates: Vec<f64>,
    /// Seconds it took, over all its sittings.
    pub wall_seconds: f64,
    /// Fingerprints of the data, which older folders lack.
    pub(crate) data: Option<StoredData>,
    pub(crate) made: Made,
    /// Hidden spikes of one utterance, on average.
    pub spikes: Option<f64>,
    /// Additions that those spikes cause in the matrices behind them, on average. The first matrix, which gets the input,
    /// is not counted.
    pub synaptic_operations: Option<f64>,
    /// What the other files of the folder are held to.
    pub(crate) origin: Origin,
}

impl StoredRun {
    /// Reads `summary.json` and `config.toml` of a finished run, which must be of one and the same run.
    ///
    /// # Errors
    /// When the folder holds no finished run, or files of several.
    pub fn read(folder: &Path) -> Result<Self> {
        let text = |name: &str| read_text(&folder.join(name), LARGEST_TEXT);
        let place = folder.display();
        let settings = text(CONFIG)?;
        let experiment = Experiment::from_toml(&settings)
            .with_context(|| format!("{place}/config.toml: not the settings of a run"))?;
        let summary: StoredSummary = serde_json::from_str(&text(SUMMARY)?)
            .map_err(|error| anyhow!("{place}/summary.json: not the summary of a run: {error}"))?;
        summary.origin.check_settings(&folder.join(CONFIG), &settings)?;
        let (accuracy, samples) = match summary.test_accuracy {
            Some(accuracy) => (Some(accuracy), summary.test_samples),
            None => (summary.validation_accuracy, summary.validation_samples),
        };
        let accuracy = accuracy.with_context(|| {
            format!("{place}/summary.json: found no accuracy; expected test_accuracy or validation_accuracy")
        })?;
        let layers = hidden_spikes(&experiment, &summary.hidden_rates);
        let spikes = layers.as_ref().map(|layers| layers.iter().sum());
        let synaptic_operations = layers.zip(summary.classes).map(|(layers, classes)| {
            let fan_outs = experiment.network().fan_outs(classes);
            layers.iter().zip(fan_outs).map(|(spikes, synapses)| spikes * synapses.total() as f64).sum()
        });
        let corpus = match summary.corpus.as_str() {
            "" => experiment.data.name.to_string(),
            name => name.to_owned(),
        };
        Ok(Self {
            folder: folder.to_owned(),
            corpus,
            train_accuracy: summary.train_accuracy,
            validation_accuracy: summary.validation_accuracy,
            epochs: summary.epochs,
            classes: summary.classes,
            hidden_rates: summary.hidden_rates,
            wall_seconds: summary.wall_seconds,
            data: summary.data,
            made: summary.made,
            accuracy,
            unrounded: summary.unrounded_accuracy,
            samples,
            protocol: summary.protocol,
            parameters: summary.parameters,
            trainable_parameters: summary.trainable_parameters,
            best_epoch: summary.best_epoch,
            spikes,
            synaptic_operations,
            origin: summary.origin,
            experiment,
        })
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.experiment.train.seed
    }

    /// The model with the rule of its delays where its name does not tell it.
    pub fn model(&self) -> String {
        let synapse = &self.experiment.synapse;
        let fixed = if synapse.delay == Delay::Fixed { ", fixed delays" } else { "" };
        let recurrent = match synapse.recurrent_delay {
            Delay::None => "",
            Delay::Fixed => ", fixed recurrent delays",
            Delay::Learned => ", recurrent delays",
        };
        format!("{}{fixed}{recurrent}", self.experiment.network().model_name())
    }

    /// The split of the accuracy, by the name it must have in tables.
    pub fn split(&self) -> &'static str {
        if self.protocol == Protocol::Clean { "test" } else { self.protocol.selecting_split() }
    }

    /// The split of the accuracy, with a mark where it also selected.
    pub fn reported_on(&self) -> &'static str {
        match self.protocol {
            Protocol::Clean => "test",
            Protocol::NoTest => "validation, which selected",
            Protocol::SelectedOnTest => "TEST, which selected",
        }
    }
}

/// Spikes of each hidden layer in one utterance: rate × units × steps. `None` where units do not spike or sequences have
/// no common length.
fn hidden_spikes(experiment: &Experiment, rates: &[f64]) -> Option<Vec<f64>> {
    let hidden = &experiment.network.hidden;
    let counted = experiment.neuron.model.is_spiking()
        && experiment.data.pad == Pad::Fixed
        && rates.len() == hidden.len();
    let steps = experiment.data.sequence_steps() as f64;
    counted.then(|| rates.iter().zip(hidden).map(|(rate, units)| rate * *units as f64 * steps).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = r#"{"parameters": 10, "trainable_parameters": 8, "best_epoch": 2, "test_accuracy": null,
        "validation_accuracy": 0.75, "protocol": "no_test", "validation_samples": 40, "classes": 5,
        "hidden_rates": [0.1, 0.5], "of a later version": 1}"#;

    #[test]
    fn spikes_and_operations_follow_from_rates_and_sizes() {
        let folder = tempfile::tempdir().unwrap();
        let mut experiment = Experiment::default();
        experiment.network.hidden = vec![8, 4];
        experiment.data.steps = 20;
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("config.toml", &experiment.to_toml().unwrap());
        write("summary.json", SUMMARY);
        let run = StoredRun::read(folder.path()).unwrap();
        assert_eq!((run.samples, run.reported_on()), (40, "validation, which selected"));
        // 0.1 · 8 · 20 = 16 and 0.5 · 4 · 20 = 40 spikes; 16 · 4 + 40 · 5 = 264 additions.
        assert!((run.spikes.unwrap() - 56.0).abs() < 1e-9);
        assert!((run.synaptic_operations.unwrap() - 264.0).abs() < 1e-9);
        experiment.neuron.recurrent = true;
        write("config.toml", &experiment.to_toml().unwrap());
        // To the other units of the same layer: 16 · 7 + 40 · 3 = 232 more.
        assert!((StoredRun::read(folder.path()).unwrap().synaptic_operations.unwrap() - 496.0).abs() < 1e-9);
        experiment.data.pad = Pad::Longest;
        write("config.toml", &experiment.to_toml().unwrap());
        assert_eq!(StoredRun::read(folder.path()).unwrap().spikes, None);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = || format!("{:#}", StoredRun::read(folder.path()).unwrap_err());
        assert!(error().contains("config.toml: cannot be read"));
        std::fs::write(folder.path().join("config.toml"), "[train]\nepochs = \"many\"").unwrap();
        assert!(error().contains("config.toml: not the settings of a run"));
        std::fs::write(folder.path().join("config.toml"), "").unwrap();
        std::fs::write(folder.path().join("summary.json"), "{}").unwrap();
        assert!(error().contains("summary.json: not the summary of a run: missing field"));
        let none = SUMMARY.replace("0.75", "null");
        std::fs::write(folder.path().join("summary.json"), none).unwrap();
        assert!(error().contains("summary.json: found no accuracy"), "{}", error());
    }
}
