//! `cargo xtask reproduce`: a whole comparison, from its file to its tables.

mod board;
mod grid;
mod runner;
mod shared;
mod spec;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::{Result, bail};
use colearn_data::DataName;
use colearn_store::FolderLock;

use crate::cli::ReproduceArgs;
use crate::comparison::{self, Part};
use crate::memory::Room;
use crate::outputs;
use crate::page::{self, Extra};
use crate::run_folder::{RUNS, without_lock};
use crate::stop::stop_on_signals;
use crate::terminal::{INTERRUPTED, complain, say, say_line};
use board::{Board, GridProgress};
use grid::{Changes, Grid, Job};
use runner::{Failure, Runner};
use shared::SharedData;
use spec::Spec;

/// Exit code when some jobs failed.
const SOME_FAILED: u8 = 1;

pub(crate) fn run(args: &ReproduceArgs) -> Result<ExitCode> {
    let grid = grid(args)?;
    grid.check_stored()?;
    let lock = outputs::take(&grid.folder)?;
    let names: Vec<&str> = comparison::FILES.into_iter().chain(page::FILES).collect();
    outputs::expect_own(&grid.folder, &names)?;
    if args.table_only {
        return tables(&grid, &lock).map(|()| ExitCode::SUCCESS);
    }
    let open: Vec<&Job> = grid.open().into_iter().map(|index| &grid.jobs[index]).collect();
    let threads = args.threads.map_or(1, usize::from);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = args.jobs.map_or_else(|| (cores / threads).max(1), usize::from);
    say_line(grid.title());
    say(format!(
        "{} jobs: {} cells, {} seeds{}; {} finished before; {workers} at once, threads for each: {threads}",
        grid.jobs.len(),
        grid.spec.cells.len(),
        grid.spec.seeds.len(),
        match grid.spec.leave_out.len() {
            0 => String::new(),
            speakers => format!(", {speakers} speakers left out in turn"),
        },
        grid.jobs.len() - open.len()
    ));
    say_line(format!("folder {}", grid.folder.display()));
    if let Some(reason) = lock.missing() {
        say_line(format!("       {}", without_lock(reason)));
    }

    let epochs = |job: &&Job| job.experiment.as_ref().map_or(0, |experiment| experiment.train.epochs);
    let progress = open.iter().map(|job| (job.cell, epochs(job))).collect();
    let board = Board::new(GridProgress::new(progress, workers));
    let settings = open.iter().filter_map(|job| job.experiment.as_ref().ok());
    let data = SharedData::new(settings.map(|experiment| &experiment.data), args.load.options(None))
        .beside(grid.made()?);
    data.check_moved()?;
    let stop = stop_on_signals()?;
    let room = Room::now(workers.min(open.len()), args.any_memory);
    let runner = Runner {
        workers,
        threads,
        tensorboard: args.tensorboard,
        data: &data,
        board: &board,
        stop: &stop,
        lock: &lock,
        room: &room,
    };
    let failures = runner.run(&open);
    board.finish();
    let failures = failures?;
    // Where the folder is another by now, the jobs' own errors say no more than this one.
    lock.check()?;
    say("");
    tables(&grid, &lock)?;
    Ok(conclude(&grid, &failures, stop.load(Ordering::Relaxed)))
}

fn grid(args: &ReproduceArgs) -> Result<Grid> {
    let (name, mut spec) = Spec::find(&args.name)?;
    spec.shorten(&args.seeds, &args.cells)?;
    let folder = args.out.clone().unwrap_or_else(|| Path::new(RUNS).join("reproduce").join(&name));
    let changes = Changes { set: args.set.clone(), root: args.root.clone(), epochs: args.epochs };
    let grid = Grid::new(name, spec, folder, &changes)?;
    let homeless = grid.jobs.iter().find(|job| {
        job.experiment.as_ref().is_ok_and(|e| e.data.root.is_none() && e.data.name != DataName::Digits)
    });
    if homeless.is_some() {
        bail!("data.root: nothing; expected --root with the folder that holds the data of {:?}", grid.name);
    }
    Ok(grid)
}

/// Writes and shows the tables of what is finished, and the page where anything is.
fn tables(grid: &Grid, lock: &FolderLock) -> Result<()> {
    let cells = grid.cells()?;
    let comparison = grid.comparison(cells.clone());
    let files = comparison.write(lock)?;
    say(comparison.to_markdown());
    for file in files {
        say_line(file.display());
    }
    if cells.iter().any(|cell| !cell.runs.is_empty()) {
        let extra = |Part { title, text, data }: Part| Extra {
            title: title.to_owned(),
            markdown: text,
            data: Some(data),
        };
        let extras: Vec<Extra> = comparison.parts().into_iter().map(extra).collect();
        let files = page::write(Some(&grid.title()), cells, &extras, lock)?;
        say_line(files[0].display());
    }
    Ok(())
}

/// Says what is missing, and how it goes on.
fn conclude(grid: &Grid, failures: &[Failure], stopped: bool) -> ExitCode {
    for Failure { name, error } in failures {
        complain(&anyhow::anyhow!("{name}: {error:#}"));
    }
    let open = grid.open().len();
    if stopped {
        say(format!("stopped with {open} of {} jobs open; the same command goes on", grid.jobs.len()));
        return ExitCode::from(INTERRUPTED);
    }
    if failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    say(format!(
        "{} of {} jobs failed (see the errors); the same command tries them again",
        failures.len(),
        grid.jobs.len()
    ));
    ExitCode::from(SOME_FAILED)
}
