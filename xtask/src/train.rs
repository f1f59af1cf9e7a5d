//! `cargo xtask train`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use colearn_network::config::Delay;
use colearn_train::{Checkpoint, Outcome};

use crate::cli::TrainArgs;
use crate::experiment::Experiment;
use crate::overrides::differences;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::head;
use crate::run_folder::{HeldFolder, RunFolder};
use crate::seen;
use crate::terminal::{INTERRUPTED, say, use_threads};

pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode> {
    use_threads(args.threads)?;
    let mut plan = plan(args)?;
    let data = plan.experiment.data.load_with(&args.load.options(None))?;
    if plan.knows_no_data() {
        say(seen::knows_no_data(&data));
    }
    let network = plan.network(&data)?;
    for line in head(&plan.experiment, &data, &network) {
        say(line);
    }
    say(format!("run      {}", plan.folder.path().display()));
    if let Some(reason) = plan.folder.without_lock() {
        say(format!("         {reason}"));
    }
    if let Some(epoch) = plan.next_epoch() {
        say(format!("         going on in epoch {epoch}"));
    }
    let mut trainer = plan.trainer(network, &data)?;

    let stop = stop_on_interrupt()?;
    let records = plan.records(trainer.history(), args.tensorboard)?;
    let mut progress = Progress::new(plan.train.epochs, records, &stop);
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
    let conclusion = plan.conclude(&trainer, &data, true)?;
    say("");
    say(conclusion.results.table(data.protocol));
    for line in conclusion.summary.lines(data.classes.len()) {
        say(line);
    }
    say("");
    for file in conclusion.figures {
        say(file.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(args: &TrainArgs) -> Result<Plan> {
    let asked = Experiment::resolve(args)?;
    let fixed = if asked.synapse.delay == Delay::Fixed { "-fixed" } else { "" };
    let name = format!("{}-{}{fixed}-s{}", asked.data.name, asked.network().model_name(), asked.train.seed);
    let out = args.out.as_deref();
    if !args.resume {
        return Plan::fresh(asked, RunFolder::fresh(out, &name)?);
    }
    let (folder, checkpoint) = RunFolder::begun(out, &name)?.go_on()?;
    Plan::going_on(stored(args, &checkpoint, &folder)?, folder, checkpoint)
}

/// The experiment of the run to go on with. What the command line names must be the same, except for the place of the
/// data.
fn stored(args: &TrainArgs, checkpoint: &Checkpoint, folder: &HeldFolder) -> Result<Experiment> {
    let place = folder.files().last;
    let mut stored = Experiment::from_toml(&checkpoint.experiment)
        .with_context(|| format!("{}: the experiment in the checkpoint", place.display()))?;
    let asked = stored.with(args)?;
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

/// A flag that Ctrl-C raises; a second Ctrl-C ends the program at once.
pub(crate) fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
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
