//! `reproduce`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, anyhow};

use super::args::ReproduceArgs;
use super::board::Board;
use super::terminal::{INTERRUPTED, complain, say};
use crate::runs::{Failure, GridEnd, GridOptions, GridRequest, reproduce};

/// Exit code when some jobs failed.
const SOME_FAILED: u8 = 1;

pub(crate) fn run(args: &ReproduceArgs) -> Result<ExitCode> {
    let request = GridRequest {
        name: args.name.clone(),
        root: args.root.clone(),
        seeds: args.seeds.clone(),
        cells: args.cells.clone(),
        epochs: args.epochs,
        set: args.set.clone(),
        out: args.out.clone(),
    };
    let options = GridOptions {
        jobs: args.jobs.map(usize::from),
        threads: args.threads.map(usize::from),
        loading: args.load.loading(),
        tensorboard: args.tensorboard,
        any_memory: args.any_memory,
        table_only: args.table_only,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let end = reproduce(&request, &options, &Board::new(Arc::clone(&stop)), &stop)?;
    Ok(conclude(&end))
}

/// Says what is missing, and how it goes on.
fn conclude(end: &GridEnd) -> ExitCode {
    for Failure { name, error } in &end.failures {
        complain(&anyhow!("{name}: {error:#}"));
    }
    if end.stopped {
        say(format!("stopped with {} of {} jobs open; the same command goes on", end.open, end.jobs));
        return ExitCode::from(INTERRUPTED);
    }
    if end.failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    say(format!(
        "{} of {} jobs failed (see the errors); the same command tries them again",
        end.failures.len(),
        end.jobs
    ));
    ExitCode::from(SOME_FAILED)
}
