//! A whole comparison, from its file to its tables.

mod front;
mod grid;
mod runner;
mod shared;
mod spec;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use colearn_data::DataName;
use colearn_store::FolderLock;

use super::comparison::{self, Part};
use super::loading::Loading;
use super::memory::Room;
use super::outputs;
use super::page::{self, Extra};
use super::run_folder::{RUNS, without_lock};
pub use front::GridFront;
use grid::{Changes, Grid, Job};
pub use runner::Failure;
use runner::Runner;
use shared::SharedData;
use spec::Spec;

/// What is asked of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GridRequest {
    /// A comparison that comes with the program (`digits`, `fsdd`, …), or a TOML file of one.
    pub name: String,
    /// Folder of the data set; the digits are embedded.
    pub root: Option<PathBuf>,
    /// Other seeds than the comparison's.
    pub seeds: Vec<u64>,
    /// Only these cells.
    pub cells: Vec<String>,
    /// The same as `train.epochs = N` in every cell.
    pub epochs: Option<u64>,
    /// `KEY=VALUE` of any key, below the settings of the cells.
    pub set: Vec<String>,
    /// Folder of the comparison; by default `runs/reproduce/NAME`.
    pub out: Option<PathBuf>,
}

/// How its runs are made; none of it changes their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GridOptions {
    /// Jobs at once; by default as many as the cores allow.
    pub jobs: Option<usize>,
    /// Threads of each job; by default one.
    pub threads: Option<usize>,
    /// What may be kept of data.
    pub loading: Loading,
    /// Also write event files for TensorBoard.
    pub tensorboard: bool,
    /// Try it even if the training steps of all jobs are predicted to need more memory than there is.
    pub any_memory: bool,
    /// Run nothing: the tables of what is finished.
    pub table_only: bool,
}

/// How a comparison came to its end.
#[derive(Debug)]
pub struct GridEnd {
    /// Jobs in all.
    pub jobs: usize,
    /// Jobs that are not finished.
    pub open: usize,
    /// What went wrong in which job.
    pub failures: Vec<Failure>,
    /// Whether it was stopped; the same call goes on.
    pub stopped: bool,
}

/// Runs what is open of a comparison, and makes tables and page of what is finished. Raise `stop` to have it stop with
/// checkpoints.
///
/// # Errors
/// A comparison that cannot be, data that are not there, a folder with runs of other settings or other data.
pub fn reproduce(
    request: &GridRequest,
    options: &GridOptions,
    front: &dyn GridFront,
    stop: &AtomicBool,
) -> Result<GridEnd> {
    let grid = grid(request)?;
    grid.check_stored()?;
    let lock = outputs::take(&grid.folder)?;
    let names: Vec<&str> = comparison::FILES.into_iter().chain(page::FILES).collect();
    outputs::expect_own(&grid.folder, &names)?;
    if options.table_only {
        tables(&grid, &lock, front)?;
        return Ok(GridEnd { jobs: grid.jobs.len(), open: 0, failures: Vec::new(), stopped: false });
    }
    let open: Vec<&Job> = grid.open().into_iter().map(|index| &grid.jobs[index]).collect();
    let threads = options.threads.unwrap_or(1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = options.jobs.unwrap_or_else(|| (cores / threads).max(1));
    head(&grid, &lock, open.len(), [workers, threads], front);

    let epochs = |job: &&Job| job.experiment.as_ref().map_or(0, |experiment| experiment.train.epochs);
    let progress = open.iter().map(|job| (job.cell, epochs(job))).collect();
    let settings = open.iter().filter_map(|job| job.experiment.as_ref().ok());
    let data = SharedData::new(settings.map(|experiment| &experiment.data), options.loading.options(None))
        .beside(grid.made()?);
    data.check_moved()?;
    front.begin(progress, workers)?;
    let room = Room::now(workers.min(open.len()), options.any_memory);
    let tensorboard = options.tensorboard;
    let runner = Runner { workers, threads, tensorboard, data: &data, front, stop, lock: &lock, room: &room };
    let failures = runner.run(&open);
    front.end();
    let failures = failures?;
    // Where the folder is another by now, the jobs' own errors say no more than this one.
    lock.check()?;
    front.text("");
    tables(&grid, &lock, front)?;
    let (jobs, open) = (grid.jobs.len(), grid.open().len());
    Ok(GridEnd { jobs, open, failures, stopped: stop.load(Ordering::Relaxed) })
}

/// Says what there is to do; `open` jobs, at once and with threads as `share` says.
fn head(grid: &Grid, lock: &FolderLock, open: usize, share: [usize; 2], front: &dyn GridFront) {
    let [workers, threads] = share;
    front.line(&grid.title());
    front.text(&format!(
        "{} jobs: {} cells, {} seeds{}; {} finished before; {workers} at once, threads for each: {threads}",
        grid.jobs.len(),
        grid.spec.cells.len(),
        grid.spec.seeds.len(),
        match grid.spec.leave_out.len() {
            0 => String::new(),
            speakers => format!(", {speakers} speakers left out in turn"),
        },
        grid.jobs.len() - open
    ));
    front.line(&format!("folder {}", grid.folder.display()));
    if let Some(reason) = lock.missing() {
        front.line(&format!("       {}", without_lock(reason)));
    }
}

fn grid(request: &GridRequest) -> Result<Grid> {
    let (name, mut spec) = Spec::find(&request.name)?;
    spec.shorten(&request.seeds, &request.cells)?;
    let folder = request.out.clone().unwrap_or_else(|| Path::new(RUNS).join("reproduce").join(&name));
    let changes = Changes { set: request.set.clone(), root: request.root.clone(), epochs: request.epochs };
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
fn tables(grid: &Grid, lock: &FolderLock, front: &dyn GridFront) -> Result<()> {
    let cells = grid.cells()?;
    let comparison = grid.comparison(cells.clone());
    let files = comparison.write(lock)?;
    front.text(&comparison.to_markdown());
    for file in files {
        front.line(&file.display().to_string());
    }
    if cells.iter().any(|cell| !cell.runs.is_empty()) {
        let extra = |Part { title, text, data }: Part| Extra {
            title: title.to_owned(),
            markdown: text,
            data: Some(data),
        };
        let extras: Vec<Extra> = comparison.parts().into_iter().map(extra).collect();
        let files = page::write(Some(&grid.title()), cells, &extras, lock)?;
        front.line(&files[0].display().to_string());
    }
    Ok(())
}
