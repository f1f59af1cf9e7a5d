//! `cargo xtask train`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use colearn_data::{Dataset, SplitRule};
use colearn_network::Network;
use colearn_network::config::Delay;
use colearn_store::FolderLock;
use colearn_train::{Checkpoint, Outcome, Trainer, ValidTrain, initial_generator};

use crate::cli::TrainArgs;
use crate::experiment::Experiment;
use crate::figures::{self, Subject};
use crate::overrides::leaves;
use crate::progress::Progress;
use crate::report::{Results, Summary, head};
use crate::run_folder::RunFolder;
use crate::terminal::{say, use_threads};

/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// A run that is about to begin or to go on.
struct Plan {
    experiment: Experiment,
    train: ValidTrain,
    folder: RunFolder,
    /// Keeps other processes out of the folder.
    _lock: FolderLock,
    checkpoint: Option<Checkpoint>,
    /// When this process began, and what earlier ones spent in epochs.
    start: Instant,
    before_s: f64,
}

pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode> {
    use_threads(args.threads)?;
    let mut plan = Plan::new(args)?;
    let data = plan.experiment.data.load_with(&args.load.options(None))?;
    let description = plan.experiment.network().validate(data.channels, data.classes.len())?;
    let network = Network::new(&description, &mut initial_generator(plan.train.seed));
    for line in head(&plan.experiment, &data, &network) {
        say(line);
    }
    say(format!("run      {}", plan.folder.path().display()));
    let checkpoint = plan.checkpoint.take();
    let mut trainer = match checkpoint {
        Some(checkpoint) => {
            say(format!("         going on in epoch {}", checkpoint.epoch + 1));
            Trainer::resume(network, &data, &plan.train, checkpoint)
                .with_context(|| format!("{}: cannot go on", plan.folder.path().display()))?
        }
        None => Trainer::new(network, &data, &plan.train, plan.experiment.to_toml()?)?,
    };
    plan.begin(&trainer)?;
    trainer = trainer.with_files(plan.folder.files());

    let stop = stop_on_interrupt()?;
    let mut progress = Progress::new(plan.train.epochs, trainer.history().to_vec(), &plan.folder, &stop);
    let outcome = trainer.run(&mut progress, &stop);
    progress.finish()?;
    match outcome? {
        Outcome::Stopped => {
            let folder = plan.folder.path().display();
            say(format!("stopped; go on with: cargo xtask train --resume --out {folder}"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Outcome::EarlyStopped => say("stopped early: no better validation result"),
        Outcome::Finished => {}
    }
    plan.conclude(&trainer, &data)?;
    Ok(ExitCode::SUCCESS)
}

impl Plan {
    fn new(args: &TrainArgs) -> Result<Self> {
        let asked = Experiment::resolve(args)?;
        let fixed = if asked.synapse.delay == Delay::Fixed { "-fixed" } else { "" };
        let name =
            format!("{}-{}{fixed}-s{}", asked.data.name, asked.network().model_name(), asked.train.seed);
        let out = args.out.as_deref();
        let (experiment, folder, going_on) = if args.resume {
            let folder = RunFolder::begun(out, &name)?;
            let lock = folder.lock(true)?;
            let (checkpoint, damage) = folder.files().load()?;
            if let Some(damage) = damage {
                say(format!("{damage}; going on from the checkpoint before it, previous.ckpt"));
            }
            (stored(args, &checkpoint, &folder)?, folder, Some((lock, checkpoint)))
        } else {
            (asked, RunFolder::fresh(out, &name)?, None)
        };
        let on_test = experiment.data.split == SplitRule::None;
        let folder = if on_test { folder.selecting_on_test() } else { folder };
        let train = experiment.train.validate()?;
        // Sizes that come from the data are not known yet; everything else is checked before the data are read.
        experiment.data.check()?;
        experiment.network().validate(experiment.data.input_channels().max(1), 1)?;
        let (lock, checkpoint) = match going_on {
            Some((lock, checkpoint)) => (lock, Some(checkpoint)),
            None => (folder.lock(false)?, None),
        };
        let before_s =
            checkpoint.as_ref().map_or(0.0, |c| c.history.iter().map(|record| record.seconds).sum());
        Ok(Self { experiment, train, folder, _lock: lock, checkpoint, start: Instant::now(), before_s })
    }

    /// Writes what is known before the first epoch. A run that goes on keeps its `config.toml`.
    fn begin(&self, trainer: &Trainer<'_>) -> Result<()> {
        self.folder.create()?;
        if !self.folder.file("config.toml").exists() {
            let model = self.experiment.network().model_name();
            let text =
                format!("# {model} on {}\n\n{}", self.experiment.data.name, self.experiment.to_toml()?);
            self.folder.write("config.toml", &text)?;
        }
        self.folder.write_metrics(trainer.history())
    }

    /// The best network on all splits: table, figures, `summary.json`.
    fn conclude(&self, trainer: &Trainer<'_>, data: &Dataset) -> Result<()> {
        let best = trainer.best().context("no epoch was trained")?;
        let mut network = trainer.network().clone();
        let mut initial = network.clone();
        network.restore(best.network.clone())?;
        initial.restore(trainer.initial().clone())?;
        let results = Results::of(&network, data, self.train.batch)?;
        let wall_seconds = self.before_s + self.start.elapsed().as_secs_f64();
        let summary = Summary::new(
            &self.experiment,
            data,
            &network,
            trainer.history(),
            best.epoch,
            &results,
            wall_seconds,
        );
        let summary = summary.with_last(&trainer.network().state());
        let (reported, name) = results.reported(data.protocol);
        let subject = Subject {
            title: format!(
                "{} on {}, seed {}",
                self.experiment.network().model_name(),
                data.name,
                self.train.seed
            ),
            data,
            network: &network,
            initial: &initial,
            history: trainer.history(),
            best_epoch: best.epoch,
            split: (data.test.as_ref().unwrap_or(&data.validation), name, &reported.evaluation),
        };
        let files = figures::draw(&subject, &self.folder)?;
        // The summary marks a finished run, so it comes last.
        self.folder.write("summary.json", &summary.to_json()?)?;
        say("");
        say(results.table(data.protocol));
        for line in summary.lines(data.classes.len()) {
            say(line);
        }
        say("");
        for file in files {
            say(file.display());
        }
        Ok(())
    }
}

/// The experiment of the run to go on with. What the command line names must be the same, except for the place of the
/// data.
fn stored(args: &TrainArgs, checkpoint: &Checkpoint, folder: &RunFolder) -> Result<Experiment> {
    let place = folder.files().last;
    let mut stored = Experiment::from_toml(&checkpoint.experiment)
        .with_context(|| format!("{}: the experiment in the checkpoint", place.display()))?;
    let asked = stored.with(args)?;
    stored.data.root.clone_from(&asked.data.root);
    if let Some((key, new, old)) = first_difference(&asked.to_table()?, &stored.to_table()?) {
        bail!(
            "{key}: found {new}; expected {old}, as in {}; a run goes on with its own settings, which --resume needs \
             not be told again",
            folder.path().display()
        );
    }
    Ok(stored)
}

/// A key whose values differ, and both values.
fn first_difference(a: &toml::Table, b: &toml::Table) -> Option<(String, String, String)> {
    let (a, b) = (leaves(a), leaves(b));
    let value = |of: &[(String, toml::Value)], key: &str| {
        of.iter()
            .find(|(name, _)| name == key)
            .map_or_else(|| "nothing".to_owned(), |(_, value)| value.to_string())
    };
    let mut pairs = a.iter().chain(&b).map(|(key, _)| (key.clone(), value(&a, key), value(&b, key)));
    pairs.find(|(_, a, b)| a != b)
}

/// A flag that Ctrl-C raises; a second Ctrl-C ends the program at once.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    };
    ctrlc::set_handler(handler).context("Ctrl-C cannot be caught")?;
    Ok(stop)
}
