//! Results of a network on the splits, as a table and as `summary.json`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use colearn_data::{Dataset, Pad, Protocol, Split};
use colearn_eval::metrics::predicted_class;
use colearn_eval::{Align, EvaluationReport, Table};
use colearn_network::config::Delay;
use colearn_network::{Delays, Network, NetworkState, Parameter, ParameterKind};
use colearn_store::{LARGEST_TEXT, fingerprint, read_text};
use colearn_tape::Pool;
use colearn_train::{EpochRecord, RunId, SplitResult, evaluate, evaluate_each};
use serde::Serialize;

use crate::experiment::Experiment;
use crate::made::Made;
use crate::memory::Step;
use crate::progress::activity;
use crate::stored::{StoredData, Wrong};

/// Results with rounded delays, in inference mode.
pub(crate) struct Results {
    pub(crate) train: SplitResult,
    pub(crate) validation: SplitResult,
    pub(crate) test: Option<SplitResult>,
    /// The reported split once more with the delays as they were learned, where there are any.
    pub(crate) unrounded: Option<SplitResult>,
    /// The samples of the reported split that were not recognised.
    pub(crate) wrong: Vec<Wrong>,
}

impl Results {
    pub(crate) fn of(network: &Network<f32>, data: &Dataset, batch: usize) -> Result<Self> {
        let mut pool = Pool::default();
        let mut on = |split: &Split, delays| evaluate(network, split, data.steps, batch, delays, &mut pool);
        let learned = |p: &Parameter<f32>| p.kind == ParameterKind::Delay && p.trainable;
        let reported = data.test.as_ref().unwrap_or(&data.validation);
        let unrounded = network.parameters().iter().any(learned).then(|| on(reported, Delays::Stored));
        let unrounded = unrounded.transpose()?;
        let train = on(&data.train, Delays::Rounded)?;
        let mut wrong = Vec::new();
        let result = evaluate_each(
            network,
            reported,
            data.steps,
            batch,
            (Delays::Rounded, &mut pool),
            |index, scores| {
                wrong.extend(Wrong::of(&reported.samples[index], predicted_class(&scores)));
            },
        )?;
        let (validation, test) = match &data.test {
            Some(_) => {
                let validation =
                    evaluate(network, &data.validation, data.steps, batch, Delays::Rounded, &mut pool)?;
                (validation, Some(result))
            }
            None => (result, None),
        };
        Ok(Self { train, validation, test, unrounded, wrong })
    }

    /// The result to report: that of the test split, or of validation where there is none.
    pub(crate) fn reported(&self, protocol: Protocol) -> (&SplitResult, &'static str) {
        self.test.as_ref().map_or((&self.validation, protocol.selecting_split()), |test| (test, "test"))
    }

    /// A row a split.
    pub(crate) fn table(&self, protocol: Protocol) -> Table {
        let mut table = Table::new(["split", "samples", "accuracy", "95 % interval", "loss"]).align([
            Align::Left,
            Align::Right,
            Align::Right,
            Align::Right,
            Align::Right,
        ]);
        let splits = [
            ("train", Some(&self.train)),
            (protocol.selecting_split(), Some(&self.validation)),
            ("test", self.test.as_ref()),
        ];
        for (name, result) in splits {
            match result {
                Some(result) => table.row(row(name, result)),
                None if protocol == Protocol::SelectedOnTest => continue,
                None => table.row([name, "none"]),
            };
        }
        table
    }
}

/// Name, samples, accuracy, its interval and the loss of one split.
pub(crate) fn row(name: &str, result: &SplitResult) -> [String; 5] {
    let report = result.evaluation.report();
    let decided = report.undecided < report.samples;
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    let interval = report
        .accuracy_interval
        .filter(|_| decided)
        .map(|range| format!("{} to {} %", percent(range.low), percent(range.high)));
    [
        name.to_owned(),
        report.samples.to_string(),
        report
            .accuracy
            .filter(|_| decided)
            .map_or_else(|| "none".to_owned(), |accuracy| format!("{} %", percent(accuracy))),
        interval.unwrap_or_default(),
        report.loss.map_or_else(|| "none".to_owned(), |loss| format!("{loss:.3}")),
    ]
}

/// What is to be said where scores are infinite or not a number; `None` where every sample was decided.
pub(crate) fn undecided(report: &EvaluationReport) -> Option<String> {
    let (count, samples) = (report.undecided, report.samples);
    let reason = "a score was infinite or not a number";
    match count {
        0 => None,
        _ if count == samples => Some(format!("no sample was decided: in each of the {samples}, {reason}")),
        _ => Some(format!("{count} of {samples} samples were not decided and count as wrong: {reason}")),
    }
}

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
pub(crate) fn peak_memory() -> Option<u64> {
    let status = read_text(Path::new("/proc/self/status"), LARGEST_TEXT).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}

/// The head of a run: the data, its notes, the network.
pub(crate) fn head(experiment: &Experiment, data: &Dataset, network: &Network<f32>) -> Vec<String> {
    let count =
        |split: Option<&Split>| split.map_or_else(|| "no".to_owned(), |split| split.len().to_string());
    let mut lines = vec![format!(
        "data     {}: {} training, {} {}, {} test utterances; {} classes, {} channels, {}{} steps of {} ms",
        data.name,
        data.train.len(),
        data.validation.len(),
        data.protocol.selecting_split(),
        count(data.test.as_ref()),
        data.classes.len(),
        data.channels,
        if experiment.data.pad == Pad::Longest { "up to " } else { "" },
        data.train.batch_steps(data.steps),
        1e3 * data.step_s
    )];
    let warning = data.protocol.warning().filter(|_| data.protocol == Protocol::SelectedOnTest);
    let notes = data.notes.iter().map(String::as_str).chain(warning);
    lines.extend(notes.map(|note| format!("         {note}")));
    let counts = network.counts_by_kind().into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(kind, count)| format!("{kind} {count}")).collect();
    lines.push(format!(
        "model    {}, hidden layers {:?}: {} parameters ({})",
        experiment.network().model_name(),
        experiment.network.hidden,
        network.parameter_count(),
        counts.join(", ")
    ));
    lines.push(format!("threads  {}", rayon::current_num_threads()));
    let step = Step::of(&experiment.train, data);
    let predicted = step.in_words(network.description());
    lines.push(format!("memory   {predicted} beside program and data"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_eval::Evaluation;
    use ndarray::array;

    #[test]
    fn scores_that_are_no_numbers_are_no_result() {
        let mut evaluation = Evaluation::new(2);
        let shown = |evaluation: &Evaluation| {
            let result = SplitResult { evaluation: evaluation.clone(), rates: vec![], steps: 1.0 };
            (row("test", &result), undecided(&evaluation.report()))
        };
        evaluation.update(&array![[f32::NAN, 1.0], [f32::INFINITY, 0.0]], &[1, 0]).unwrap();
        let (cells, line) = shown(&evaluation);
        assert_eq!(cells, ["test", "2", "none", "", "none"]);
        assert_eq!(
            line.unwrap(),
            "no sample was decided: in each of the 2, a score was infinite or not a number"
        );
        evaluation.update(&array![[1.0_f32, 0.0], [2.0, 0.0]], &[0, 0]).unwrap();
        let (cells, line) = shown(&evaluation);
        assert_eq!(cells[..3], ["test", "4", "50.0 %"]);
        assert!(line.unwrap().starts_with("2 of 4 samples were not decided and count as wrong: a score was"));
        let mut decided = Evaluation::new(2);
        decided.update(&array![[1.0_f32, 0.0]], &[1]).unwrap();
        assert_eq!((shown(&decided).0[2].as_str(), shown(&decided).1), ("0.0 %", None));
    }
}
