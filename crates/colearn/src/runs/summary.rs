//! `summary.json`: what a finished run says of itself.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use colearn_data::{Dataset, Protocol};
use colearn_network::config::Delay;
use colearn_network::{Network, NetworkState};
use colearn_store::{LARGEST_TEXT, fingerprint, read_text};
use colearn_train::{EpochRecord, RunId, SplitResult};
use serde::Serialize;

use super::experiment::Experiment;
use super::made::Made;
use super::results::Results;
use super::stored::StoredData;
use super::words::activity;

/// What `train` and the summary say of a run that was begun by an older version.
pub(crate) const TIMES_NOTE: &str = "this run was begun by a version that did not count loading; of its part only steps and \
                                     validation are in the times";

/// `summary.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    dataset: String,
    /// The name the data set gives itself.
    corpus: String,
    /// Rate, front end and fingerprints of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<StoredData>,
    model: String,
    /// `none`, `fixed` (random whole delays, not learned) or `learned`.
    delay: Delay,
    seed: u64,
    /// Epochs that were trained.
    epochs: usize,
    parameters: usize,
    /// Without frozen ones, such as fixed delays.
    trainable_parameters: usize,
    /// Counted from 1.
    best_epoch: usize,
    train_accuracy: Option<f64>,
    validation_accuracy: Option<f64>,
    test_accuracy: Option<f64>,
    /// Of the reported split (test, or validation without one) with learned delays that were not rounded.
    unrounded_accuracy: Option<f64>,
    /// What results on this set may be called: `clean`, `no_test` or `selected_on_test`.
    protocol: Protocol,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_warning: Option<&'static str>,
    test_samples: u64,
    validation_samples: u64,
    classes: usize,
    /// Sequence length T.
    steps: usize,
    /// Whether delays were rounded to whole steps for these results.
    rounded: bool,
    /// Batches of all epochs that changed nothing, since a number was not finite.
    skipped_batches: usize,
    /// Neurons of the best network with an eigenvalue outside the unit circle below threshold.
    unstable_neurons: usize,
    /// SHA-256 of parameters and running statistics of the best network: equal for equal bits.
    best_sha256: String,
    /// The same of the network after the last epoch.
    last_sha256: Option<String>,
    /// Spikes per unit and step of each hidden layer, on the test split or else on validation; mean |output| where there
    /// are no spikes.
    hidden_rates: Vec<f64>,
    /// Of training with loading, the mean over the epochs; validation is not counted.
    samples_per_second: f64,
    /// Seconds in which training waited for batches; `null` where a part of the run did not count them.
    waited_seconds: Option<f64>,
    /// From the start of the program to its results, over all sittings of a run that was resumed.
    wall_seconds: f64,
    /// There if a part of the run kept no such times, but those of steps and validation alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    times_note: Option<&'static str>,
    /// Of the process; `null` where it ran others beside this one, or the system does not tell.
    peak_rss_bytes: Option<u64>,
    /// The identity of the run, as in its settings and checkpoints.
    run: Option<RunId>,
    /// SHA-256 of the other texts of the folder, figures left out.
    files: BTreeMap<String, String>,
    /// How the run was made.
    #[serde(flatten)]
    made: Made,
}

impl Summary {
    pub(crate) fn new(
        experiment: &Experiment,
        data: &Dataset,
        network: &Network<f32>,
        history: &[EpochRecord],
        best_epoch: usize,
        results: &Results,
    ) -> Self {
        let accuracy = |result: &SplitResult| result.evaluation.report().accuracy;
        let seconds: f64 =
            history.iter().map(|record| data.train.len() as f64 / record.samples_per_second).sum();
        Self {
            dataset: experiment.data.name.to_string(),
            corpus: data.name.clone(),
            data: StoredData::of(&data.facts),
            model: experiment.network().model_name(),
            delay: experiment.synapse.delay,
            seed: experiment.train.seed,
            epochs: history.len(),
            parameters: network.parameter_count(),
            trainable_parameters: network
                .parameters()
                .iter()
                .filter(|p| p.trainable)
                .map(|p| p.value.len())
                .sum(),
            best_epoch: best_epoch + 1,
            train_accuracy: accuracy(&results.train),
            validation_accuracy: accuracy(&results.validation),
            test_accuracy: results.test.as_ref().and_then(accuracy),
            unrounded_accuracy: results.unrounded.as_ref().and_then(accuracy),
            protocol: data.protocol,
            protocol_warning: data.protocol.warning(),
            test_samples: results.test.as_ref().map_or(0, |test| test.evaluation.samples()),
            validation_samples: results.validation.evaluation.samples(),
            classes: data.classes.len(),
            steps: data.steps,
            rounded: true,
            skipped_batches: history.iter().map(|record| record.skipped_batches).sum(),
            unstable_neurons: network.unstable_units().iter().sum(),
            best_sha256: fingerprint(&network.state()),
            last_sha256: None,
            hidden_rates: results.reported(data.protocol).0.rates.clone(),
            samples_per_second: (history.len() * data.train.len()) as f64 / seconds,
            waited_seconds: history.iter().map(|record| record.waited).sum(),
            wall_seconds: 0.0,
            times_note: None,
            peak_rss_bytes: None,
            run: None,
            files: BTreeMap::new(),
            made: Made::now(),
        }
    }

    /// With the peak memory of this process, which did nothing but this run.
    pub(crate) fn with_peak_memory(self) -> Self {
        Self { peak_rss_bytes: peak_memory(), ..self }
    }

    /// With the wall time of the run in seconds, and whether that is `whole`.
    pub(crate) fn with_wall(self, wall_seconds: f64, whole: bool) -> Self {
        Self { wall_seconds, times_note: (!whole).then_some(TIMES_NOTE), ..self }
    }

    /// With the network after the last epoch.
    pub(crate) fn with_last(self, last: &NetworkState<f32>) -> Self {
        Self { last_sha256: Some(fingerprint(last)), ..self }
    }

    /// With the run, and names and SHA-256 of what else it has written.
    pub(crate) fn of_run(self, run: &RunId, files: BTreeMap<String, String>) -> Self {
        Self { run: Some(run.clone()), files, ..self }
    }

    pub(crate) fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).context("the summary cannot be written as JSON")?;
        Ok(text + "\n")
    }

    /// The lines below the table of results.
    pub(crate) fn lines(&self, classes: usize) -> Vec<String> {
        let mut lines = vec![
            format!(
                "best epoch {} of {}, chosen on {}; delays rounded",
                self.best_epoch,
                self.epochs,
                if self.protocol == Protocol::SelectedOnTest { "the TEST split" } else { "validation" }
            ),
            format!("chance {:.1} %, {}", 100.0 / classes as f64, activity(&self.model, &self.hidden_rates)),
            format!(
                "{} parameters, {:.1} s in all, {:.0} samples per second of training with loading{}",
                self.parameters,
                self.wall_seconds,
                self.samples_per_second,
                self.waited_seconds
                    .map_or_else(String::new, |s| format!(", of which {s:.1} s waiting for data"))
            ),
        ];
        lines.extend(self.times_note.map(|note| format!("times: {note}")));
        if self.skipped_batches > 0 {
            lines.push(format!("{} batches skipped, since a number was not finite", self.skipped_batches));
        }
        if self.unstable_neurons > 0 {
            lines.push(format!("{} neurons unstable below threshold", self.unstable_neurons));
        }
        lines.extend(self.protocol_warning.map(str::to_owned));
        lines
    }
}

/// The largest resident memory of this process so far, where the system tells it.
pub fn peak_memory() -> Option<u64> {
    let status = read_text(Path::new("/proc/self/status"), LARGEST_TEXT).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}
