//! One run, from what is asked for to its folder.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};
use colearn_network::config::Delay;
use colearn_train::{BatchEvent, Checkpoint, EpochRecord, Outcome, Warning, Watcher};

use super::experiment::Experiment;
use super::front::Front;
use super::head::head;
use super::loading::Loading;
use super::memory::Room;
use super::overrides::differences;
use super::plan::{Conclusion, Plan, Records};
use super::request::Request;
use super::run_folder::{HeldFolder, RunFolder};
use super::seen;
use super::summary::TIMES_NOTE;
use super::words::legend;

/// How a run is made; none of it changes its numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrainOptions {
    /// What may be kept of data.
    pub loading: Loading,
    /// Folder of the run; by default `runs/DATA-MODEL-sSEED`, with a number if that is taken.
    pub out: Option<PathBuf>,
    /// Go on from the last checkpoint of the run's folder.
    pub resume: bool,
    /// Also write the figures of every epoch as an event file for TensorBoard.
    pub tensorboard: bool,
    /// Try it even if a training step is predicted to need more memory than there is.
    pub any_memory: bool,
}

/// How a run came to its end.
#[derive(Debug)]
pub enum Ended {
    /// It was stopped, and can go on from the checkpoint in this folder.
    Stopped(PathBuf),
    /// It is finished.
    Finished(Box<Conclusion>),
}

/// Trains a network and leaves the folder of a run: settings, metrics, checkpoints, figures, summary. Raise `stop` to have
/// it stop with a checkpoint.
///
/// # Errors
/// Settings that cannot be, data that cannot be read, a folder with another run, a file that cannot be written, numbers
/// that are not finite.
pub fn train(
    request: &Request,
    options: &TrainOptions,
    front: &mut dyn Front,
    stop: &AtomicBool,
) -> Result<Ended> {
    let mut plan = plan(request, options, front)?;
    let data = plan.experiment.data.load_with(&options.loading.options(None))?;
    if plan.knows_no_data() {
        front.line(&seen::knows_no_data(&data));
    }
    let network = plan.network(&data, &Room::now(1, options.any_memory))?;
    for line in head(&plan.experiment, &data, &network) {
        front.line(&line);
    }
    front.line(&format!("run      {}", plan.folder.path().display()));
    if let Some(reason) = plan.folder.without_lock() {
        front.line(&format!("         {reason}"));
    }
    if let Some(epoch) = plan.next_epoch() {
        front.text(&format!("         going on in epoch {epoch}"));
    }
    if plan.knows_no_times() {
        front.text(&format!("         {TIMES_NOTE}"));
    }
    let mut trainer = plan.trainer(network, &data, &mut |line| front.line(line))?;

    front.text(&legend(&plan.experiment.network().model_name()));
    front.begin(plan.train.epochs)?;
    let records = plan.records(trainer.history(), options.tensorboard)?;
    let mut watcher = Watching { front, records, stop };
    let outcome = trainer.run(&mut watcher, stop);
    let Watching { front, records, .. } = watcher;
    front.end();
    records.finish()?;
    match outcome? {
        Outcome::Stopped => return Ok(Ended::Stopped(plan.folder.path().to_owned())),
        Outcome::EarlyStopped => front.text("stopped early: no better validation result"),
        Outcome::Finished => {}
    }
    Ok(Ended::Finished(Box::new(plan.conclude(&trainer, &data, true)?)))
}

/// Writes the files of the run that grow with it, and tells the front.
struct Watching<'a> {
    front: &'a mut dyn Front,
    records: Records<'a>,
    stop: &'a AtomicBool,
}

impl Watcher for Watching<'_> {
    fn batch(&mut self, event: &BatchEvent) {
        self.front.batch(event);
    }

    fn epoch(&mut self, record: &EpochRecord, improved: bool) {
        // What is said is in the files already.
        self.records.add(record, self.stop);
        self.front.epoch(record, improved);
    }

    fn warning(&mut self, warning: &Warning) {
        self.front.warning(warning);
    }
}

fn plan(request: &Request, options: &TrainOptions, front: &mut dyn Front) -> Result<Plan> {
    let asked = request.experiment()?;
    let fixed = if asked.synapse.delay == Delay::Fixed { "-fixed" } else { "" };
    let name = format!("{}-{}{fixed}-s{}", asked.data.name, asked.network().model_name(), asked.train.seed);
    let out = options.out.as_deref();
    if !options.resume {
        return Plan::fresh(asked, RunFolder::fresh(out, &name)?);
    }
    let (folder, checkpoint) = RunFolder::begun(out, &name)?.go_on(&mut |line| front.line(line))?;
    Plan::going_on(stored(request, &checkpoint, &folder)?, folder, checkpoint)
}

/// The experiment of the run to go on with. What is asked for must be the same, except for the place of the data.
fn stored(request: &Request, checkpoint: &Checkpoint, folder: &HeldFolder) -> Result<Experiment> {
    let place = folder.files().last;
    let mut stored = Experiment::from_toml(&checkpoint.experiment)
        .with_context(|| format!("{}: the experiment in the checkpoint", place.display()))?;
    let asked = request.upon(&stored)?;
    stored.data.root.clone_from(&asked.data.root);
    if let Some((key, new, old)) = differences(&asked.to_table()?, &stored.to_table()?).first() {
        bail!(
            "{key}: found {new}; expected {old}, as in {}; a run goes on with its own settings, which --resume needs \
             not be told again",
            folder.path().display()
        );
    }
    Ok(stored)
}
