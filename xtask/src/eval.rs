//! `cargo xtask eval`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use colearn_data::{DataConfig, Dataset, Protocol, Sample, Split, shortened};
use colearn_eval::metrics::predicted_class;
use colearn_eval::{Align, EvaluationReport, Table};
use colearn_network::{Delays, Network};
use colearn_store::{LARGEST_TABLE, read_bounded, write_whole};
use colearn_tape::Pool;
use colearn_train::{Checkpoint, RunFiles, RunId, SplitResult, evaluate_each, initial_generator};
use ndarray::ArrayView1;
use serde::Serialize;

use crate::cli::{EvalArgs, SplitName};
use crate::experiment::Experiment;
use crate::progress::activity;
use crate::report::{row, undecided};
use crate::seen;
use crate::stored::Origin;
use crate::terminal::{say, say_json, say_line, use_threads};

/// More classes than this make no readable confusion table.
const WIDEST: usize = 12;

/// What `--csv` begins with; scores follow.
const FIRST_COLUMNS: [&str; 4] = ["id", "true_class", "predicted_class", "right"];

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

/// What the network makes of one sample.
#[derive(Debug, Serialize)]
struct Prediction {
    id: String,
    true_class: String,
    /// Nothing where a score is not finite.
    predicted_class: Option<String>,
    /// In the order of the classes; in JSON `null` where it is not finite.
    scores: Vec<f32>,
}

impl Prediction {
    fn of(sample: &Sample, scores: &ArrayView1<'_, f32>, classes: &[String]) -> Self {
        Self {
            id: sample.id.clone(),
            true_class: classes[sample.label].clone(),
            predicted_class: predicted_class(scores).map(|class| classes[class].clone()),
            scores: scores.to_vec(),
        }
    }
}

pub(crate) fn run(args: &EvalArgs) -> Result<ExitCode> {
    use_threads(args.threads)?;
    args.csv.as_deref().map_or(Ok(()), expect_own)?;
    let path = best_of(&args.checkpoint);
    let file = path.display().to_string();
    let checkpoint = Checkpoint::load(&path)?;
    check_origin(&path, &checkpoint)?;
    let experiment = Experiment::from_toml(&checkpoint.experiment)
        .with_context(|| format!("{file}: the experiment in the checkpoint"))?;
    let mut data = load(args, &experiment, &checkpoint)?;
    let said = seen::said(&data, chosen(args.split, &data).name(), &checkpoint)?;
    data.notes.extend(said);
    let description = experiment.network().validate(checkpoint.channels, checkpoint.classes.len())?;
    let mut network = Network::new(&description, &mut initial_generator(checkpoint.seed));
    network.restore(checkpoint.network).with_context(|| file.clone())?;
    let (split, name) = choose(args.split, &data)?;
    let batch = experiment.train.batch.max(1);
    let mut predictions = Vec::new();
    let (mut pool, classes) = (Pool::default(), &data.classes);
    let each = |index: usize, scores: ArrayView1<'_, f32>| {
        predictions.push(Prediction::of(&split.samples[index], &scores, classes));
    };
    let result = evaluate_each(&network, split, checkpoint.steps, batch, (Delays::Rounded, &mut pool), each)?;
    if let Some(file) = &args.csv {
        write_whole(file, &csv(&predictions, classes)?)?;
    }
    if args.json {
        let report = Report {
            checkpoint: file,
            dataset: &data.name,
            model: experiment.network().model_name(),
            split: name,
            rounded: true,
            run: checkpoint.run,
            protocol: data.protocol,
            classes: &data.classes,
            hidden_rates: &result.rates,
            rate: data.facts.rate,
            notes: &data.notes,
            evaluation: result.evaluation.report(),
            predictions: &predictions,
        };
        say_json(&serde_json::to_string_pretty(&report).context("the report cannot be written as JSON")?);
    } else {
        show(&experiment, &data, name, &result);
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses a checkpoint that lies in the folder of another run, or as the best one of a run whose best one is another.
fn check_origin(file: &Path, checkpoint: &Checkpoint) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let Some(origin) = Origin::of_folder(folder) else { return Ok(()) };
    let best = file.file_name() == RunFiles::in_folder(folder).best.file_name();
    origin.check_checkpoint(file, checkpoint, best)
}

/// The checkpoint: of a run's folder its best one.
fn best_of(path: &Path) -> PathBuf {
    if path.is_dir() { RunFiles::in_folder(path).best } else { path.to_owned() }
}

/// Refuses to replace a file that is no table of predictions, such as the checkpoint itself.
fn expect_own(file: &Path) -> Result<()> {
    if !file.metadata().is_ok_and(|found| found.is_file() && found.len() > 0) {
        return Ok(());
    }
    let head = FIRST_COLUMNS.join(",");
    if !read_bounded(file, LARGEST_TABLE).is_ok_and(|bytes| bytes.starts_with(head.as_bytes())) {
        bail!(
            "{}: is there and is no table of predictions; expected for --csv a file that begins with {head:?}, which is \
             replaced, or none",
            file.display()
        );
    }
    Ok(())
}

/// A row a sample: its name, both classes, whether they are equal, and a column of scores for each class.
fn csv(predictions: &[Prediction], classes: &[String]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = FIRST_COLUMNS.map(str::to_owned);
    writer.write_record(names.into_iter().chain(classes.iter().map(|class| format!("score_{class}"))))?;
    for Prediction { id, true_class, predicted_class, scores } in predictions {
        let right = u8::from(predicted_class.as_ref() == Some(true_class)).to_string();
        let predicted = predicted_class.clone().unwrap_or_default();
        let head = [id.clone(), true_class.clone(), predicted, right];
        writer.write_record(head.into_iter().chain(scores.iter().map(f32::to_string)))?;
    }
    writer.into_inner().context("the predictions cannot be written as CSV")
}

/// The data as in training, or another set with the same front end, standardised with the stored statistics.
fn load(args: &EvalArgs, experiment: &Experiment, checkpoint: &Checkpoint) -> Result<Dataset> {
    let mut config = experiment.data.clone();
    if let Some(name) = args.data.filter(|name| *name != config.name) {
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
    if args.root.is_some() {
        config.root.clone_from(&args.root);
    }
    seen::as_in_training(&mut config, &experiment.data, checkpoint)?;
    let data = config.load_with(&args.load.options(Some(&checkpoint.normaliser)))?;
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

fn show(experiment: &Experiment, data: &Dataset, name: &str, result: &SplitResult) {
    let report = result.evaluation.report();
    say_line(format!("{} on {}, delays rounded", experiment.network().model_name(), data.name));
    for note in &data.notes {
        say_line(format!("  {note}"));
    }
    say("");
    let numbers = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
    let mut table = Table::new(["split", "samples", "accuracy", "95 % interval", "loss"]).align(numbers);
    table.row(row(name, result));
    say(&table);
    if let Some(line) = undecided(&report) {
        say(line);
    }
    if let Some(warning) = data.protocol.warning().filter(|_| data.protocol == Protocol::SelectedOnTest) {
        say(warning);
    }
    let chance = 100.0 * report.chance.unwrap_or_default();
    say(format!("chance {chance:.1} %, {}", activity(&experiment.network().model_name(), &result.rates)));
    if report.samples == report.undecided {
        return;
    }
    say("");
    let mut classes = Table::new(["class", "samples", "precision", "recall", "F1"]).align(numbers);
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    for (class, metrics) in data.classes.iter().zip(&report.per_class) {
        classes.row([
            class.clone(),
            metrics.support.to_string(),
            percent(metrics.precision),
            percent(metrics.recall),
            percent(metrics.f1),
        ]);
    }
    say(&classes);
    if data.classes.len() <= WIDEST {
        let head = std::iter::once("true \\ predicted").chain(data.classes.iter().map(String::as_str));
        let aligned =
            std::iter::once(Align::Left).chain(std::iter::repeat_n(Align::Right, data.classes.len()));
        let mut confusion = Table::new(head).align(aligned);
        for (class, counts) in data.classes.iter().zip(&report.confusion) {
            confusion.row(std::iter::once(class.clone()).chain(counts.iter().map(u64::to_string)));
        }
        say(&confusion);
    }
}
