//! `cargo xtask train`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use colearn_network::config::Delay;
use colearn_train::{Checkpoint, Outcome};

use crate::cli::TrainArgs;
use crate::experiment::Experiment;
use crate::memory::Room;
use crate::overrides::differences;
use crate::plan::Plan;
use crate::progress::{Progress, legend};
use crate::report::{TIMES_NOTE, head, undecided};
use crate::run_folder::{HeldFolder, RunFolder};
use crate::seen;
use crate::stop::stop_on_signals;
use crate::terminal::{INTERRUPTED, say, say_line, shown, use_threads};

pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode> {
    use_threads(args.threads)?;
    let mut plan = plan(args)?;
    let data = plan.experiment.data.load_with(&args.load.options(None))?;
    if plan.knows_no_data() {
        say_line(seen::knows_no_data(&data));
    }
    let network = plan.network(&data, &Room::now(1, args.any_memory))?;
    for line in head(&plan.experiment, &data, &network) {
        say_line(line);
    }
    say_line(format!("run      {}", plan.folder.path().display()));
    if let Some(reason) = plan.folder.without_lock() {
        say_line(format!("         {reason}"));
    }
    if let Some(epoch) = plan.next_epoch() {
        say(format!("         going on in epoch {epoch}"));
    }
    if plan.knows_no_times() {
        say(format!("         {TIMES_NOTE}"));
    }
    let mut trainer = plan.trainer(network, &data)?;

    say(legend(&plan.experiment.network().model_name()));
    let stop = stop_on_signals()?;
    let records = plan.records(trainer.history(), args.tensorboard)?;
    let mut progress = Progress::new(plan.train.epochs, records, &stop);
    let outcome = trainer.run(&mut progress, &stop);
    progress.finish()?;
    match outcome? {
        Outcome::Stopped => {
            let folder = shown::quoted(&plan.folder.path().to_string_lossy());
            say_line(format!("stopped; go on with: cargo xtask train --resume --out {folder}"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Outcome::EarlyStopped => say("stopped early: no better validation result"),
        Outcome::Finished => {}
    }
    let conclusion = plan.conclude(&trainer, &data, true)?;
    say("");
    say(conclusion.results.table(data.protocol));
    let reported = conclusion.results.reported(data.protocol).0.evaluation.report();
    if let Some(line) = undecided(&reported) {
        say(line);
    }
    for line in conclusion.summary.lines(data.classes.len()) {
        say(line);
    }
    say("");
    for file in conclusion.figures {
        say_line(file.display());
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
