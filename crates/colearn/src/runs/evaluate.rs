//! A checkpoint on a split of its data, or of others with the same classes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use colearn_data::{DataConfig, DataName, Dataset, Protocol, Split, shortened};
use colearn_eval::{Align, EvaluationReport, Table};
use colearn_network::Delays;
use colearn_store::write_whole;
use colearn_tape::Pool;
use colearn_train::{RunId, SplitResult, evaluate_each};
use ndarray::ArrayView1;
use serde::Serialize;

use super::loading::Loading;
use super::model::Model;
use super::recorded::{self, Prediction, Record};
use super::results::{row, undecided};
use super::seen;
use super::words::activity;

/// More classes than this make no readable confusion table.
const WIDEST: usize = 12;

/// What to evaluate on what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvaluationRequest {
    /// The checkpoint, or a run's folder: its best one.
    pub checkpoint: PathBuf,
    /// Another data set with the same classes.
    pub data: Option<DataName>,
    /// Folder of the data set, if it is elsewhere than in training.
    pub root: Option<PathBuf>,
    /// Which part of the data; by default test, or validation where there is no test split.
    pub split: Option<SplitName>,
    /// What may be kept of data.
    pub loading: Loading,
    /// Names of samples whose way through the network is recorded.
    pub record: Vec<String>,
}

/// A split of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitName {
    /// What networks are trained on.
    Train,
    /// What epochs and settings are chosen on.
    Validation,
    /// What results are reported on.
    Test,
}

impl SplitName {
    /// As a data set names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// What a network does on a split, delays rounded.
#[derive(Debug)]
pub struct Evaluated {
    model: Model,
    data: Dataset,
    split: &'static str,
    result: SplitResult,
    predictions: Vec<Prediction>,
    records: Vec<Record>,
}

/// Runs a checkpoint on a split.
///
/// # Errors
/// A file that is no checkpoint, data that cannot be read or have other classes, or other features than in training.
pub fn evaluate(request: &EvaluationRequest) -> Result<Evaluated> {
    let model = Model::load(&request.checkpoint)?;
    let mut data = load(request, &model)?;
    let said = seen::said(&data, chosen(request.split, &data).name(), &model.checkpoint)?;
    data.notes.extend(said);
    let (split, name) = choose(request.split, &data)?;
    let wanted = recorded::places(split, name, &request.record)?;
    let batch = model.experiment.train.batch.max(1);
    let mut predictions = Vec::new();
    let (mut pool, classes) = (Pool::default(), &data.classes);
    let each = |index: usize, scores: ArrayView1<'_, f32>| {
        predictions.push(Prediction::of(&split.samples[index], &scores, classes));
    };
    let (steps, delays) = (model.checkpoint.steps, Delays::Rounded);
    let result = evaluate_each(&model.network, split, steps, batch, (delays, &mut pool), each)?;
    let records = Record::all(&model, split, &wanted, &mut pool)?;
    Ok(Evaluated { model, split: name, result, predictions, records, data })
}

impl Evaluated {
    /// What was evaluated, and what there is to say of the data: lines with names in them.
    pub fn heading(&self) -> Vec<String> {
        let model = self.model.experiment.network().model_name();
        let mut lines = vec![format!("{model} on {}, delays rounded", self.data.name)];
        lines.extend(self.data.notes.iter().map(|note| format!("  {note}")));
        lines
    }

    /// The results in texts and tables.
    pub fn tables(&self) -> Vec<String> {
        let (result, report) = (&self.result, self.result.evaluation.report());
        let model = self.model.experiment.network().model_name();
        let numbers = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
        let mut table = Table::new(["split", "samples", "accuracy", "95 % interval", "loss"]).align(numbers);
        table.row(row(self.split, result));
        let mut texts = vec![table.to_string()];
        texts.extend(undecided(&report));
        let protocol = self.data.protocol;
        let warning = protocol.warning().filter(|_| protocol == Protocol::SelectedOnTest);
        texts.extend(warning.map(str::to_owned));
        let chance = 100.0 * report.chance.unwrap_or_default();
        texts.push(format!("chance {chance:.1} %, {}", activity(&model, &result.rates)));
        if report.samples > report.undecided {
            texts.push(String::new());
            texts.extend(self.classes(&report));
        }
        texts
    }

    /// Precision and recall of each class, and the confusion of a few.
    fn classes(&self, report: &EvaluationReport) -> Vec<String> {
        let names = &self.data.classes;
        let numbers = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
        let mut classes = Table::new(["class", "samples", "precision", "recall", "F1"]).align(numbers);
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        for (class, metrics) in names.iter().zip(&report.per_class) {
            classes.row([
                class.clone(),
                metrics.support.to_string(),
                percent(metrics.precision),
                percent(metrics.recall),
                percent(metrics.f1),
            ]);
        }
        let mut texts = vec![classes.to_string()];
        if names.len() <= WIDEST {
            let head = std::iter::once("true \\ predicted").chain(names.iter().map(String::as_str));
            let aligned = std::iter::once(Align::Left).chain(std::iter::repeat_n(Align::Right, names.len()));
            let mut confusion = Table::new(head).align(aligned);
            for (class, counts) in names.iter().zip(&report.confusion) {
                confusion.row(std::iter::once(class.clone()).chain(counts.iter().map(u64::to_string)));
            }
            texts.push(confusion.to_string());
        }
        texts
    }

    /// Everything as JSON, with the scores of every sample.
    ///
    /// # Errors
    /// When a name cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        let Self { model, data, split, result, predictions, .. } = self;
        let report = Report {
            checkpoint: model.file.display().to_string(),
            dataset: &data.name,
            model: model.experiment.network().model_name(),
            split,
            rounded: true,
            run: model.checkpoint.run.clone(),
            protocol: data.protocol,
            classes: &data.classes,
            hidden_rates: &result.rates,
            rate: data.facts.rate,
            notes: &data.notes,
            evaluation: result.evaluation.report(),
            predictions,
        };
        serde_json::to_string_pretty(&report).context("the report cannot be written as JSON")
    }

    /// Writes prediction and scores of every sample to a table, a row a sample.
    ///
    /// # Errors
    /// When the file cannot be written; see also [`expect_csv`](super::expect_csv).
    pub fn write_csv(&self, file: &Path) -> Result<()> {
        Ok(write_whole(file, &recorded::csv(&self.predictions, &self.data.classes)?)?)
    }

    /// Writes ids, classes and scores of every sample, and what was recorded, to a file that NumPy reads. Arrays: `id`,
    /// `classes`, `true_class` and `predicted_class` (places in `classes`, −1 where a score is not finite), `scores` (samples,
    /// classes); of record number K, whose name is in `record_id`: `recordK_input` (steps, channels), `recordK_LAYER` of each
    /// hidden layer (steps, units), which are bytes where it spikes, `recordK_membrane` of the readout (steps, classes).
    ///
    /// # Errors
    /// When the file cannot be written; see also [`expect_npz`](super::expect_npz).
    pub fn write_npz(&self, file: &Path) -> Result<()> {
        Ok(write_whole(file, &recorded::npz(&self.predictions, &self.data.classes, &self.records)?)?)
    }
}

/// `--json`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    checkpoint: String,
    dataset: &'a str,
    model: String,
    split: &'static str,
    rounded: bool,
    /// The run that the checkpoint is of.
    run: Option<RunId>,
    /// What results on this set may be called: `clean`, `no_test` or `selected_on_test`.
    protocol: Protocol,
    classes: &'a [String],
    /// Spikes per unit and step of each hidden layer; mean |output| where there are no spikes.
    hidden_rates: &'a [f64],
    /// Sample rate that features were made at, in Hz; `null` for spikes.
    rate: Option<u32>,
    /// What there is to say of the data: samples that the network was trained on, rates that were changed.
    notes: &'a [String],
    #[serde(flatten)]
    evaluation: EvaluationReport,
    /// Every sample, in the order of the split.
    predictions: &'a [Prediction],
}

/// The data as in training, or another set with the same front end, standardised with the stored statistics.
fn load(request: &EvaluationRequest, model: &Model) -> Result<Dataset> {
    let (checkpoint, trained) = (&model.checkpoint, &model.experiment.data);
    let mut config = trained.clone();
    if let Some(name) = request.data.filter(|name| *name != config.name) {
        let usual = DataConfig::default_for(name);
        config = DataConfig {
            name,
            root: None,
            leave_out: None,
            validation_share: usual.validation_share,
            split: usual.split,
            task: usual.task,
            ..config
        };
    }
    if request.root.is_some() {
        config.root.clone_from(&request.root);
    }
    seen::as_in_training(&mut config, trained, checkpoint)?;
    let data = config.load_with(&request.loading.options(Some(&checkpoint.normaliser)))?;
    if data.classes != checkpoint.classes {
        bail!(
            "{}: found the classes {}; expected those of the checkpoint, {}",
            data.name,
            shortened(&data.classes),
            shortened(&checkpoint.classes)
        );
    }
    Ok(data)
}

/// The split that is asked for, or the one to report on.
fn chosen(name: Option<SplitName>, data: &Dataset) -> SplitName {
    name.unwrap_or(if data.test.is_some() { SplitName::Test } else { SplitName::Validation })
}

fn choose(name: Option<SplitName>, data: &Dataset) -> Result<(&Split, &'static str)> {
    let name = chosen(name, data);
    let split = match name {
        SplitName::Train => Some(&data.train),
        SplitName::Validation => Some(&data.validation),
        SplitName::Test => data.test.as_ref(),
    };
    let split = split.with_context(|| {
        format!(
            "{}: this data set has no test split; expected --split validation or --split train",
            data.name
        )
    })?;
    let name = if name == SplitName::Validation { data.protocol.selecting_split() } else { name.name() };
    Ok((split, name))
}
