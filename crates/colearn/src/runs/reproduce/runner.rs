//! The jobs on several threads of the system, each with its own pool for its parallel loops.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use colearn_data::Dataset;
use colearn_store::FolderLock;
use colearn_train::{BatchEvent, EpochRecord, Outcome, Watcher};
use rayon::ThreadPool;

use super::front::GridFront;
use super::grid::{Job, of_checkpoint, same};
use super::shared::SharedData;
use crate::runs::experiment::Experiment;
use crate::runs::memory::Room;
use crate::runs::plan::{Plan, Records};
use crate::runs::run_folder::{RunFolder, Stage};
use crate::runs::stored::StoredRun;

/// How jobs are run; none of it changes what they compute.
pub(crate) struct Runner<'a> {
    /// Jobs at once.
    pub(crate) workers: usize,
    /// Threads of each.
    pub(crate) threads: usize,
    pub(crate) tensorboard: bool,
    pub(crate) data: &'a SharedData<'a>,
    pub(crate) front: &'a dyn GridFront,
    pub(crate) stop: &'a AtomicBool,
    /// Of the comparison's folder: no job begins where another folder has its name.
    pub(crate) lock: &'a FolderLock,
    /// For all workers together.
    pub(crate) room: &'a Room,
}

/// A job that could not be done.
#[derive(Debug)]
pub struct Failure {
    /// Cell, seed and speaker left out.
    pub name: String,
    /// Why.
    pub error: anyhow::Error,
}

impl Runner<'_> {
    /// Runs all `jobs` until they are done or stopped; what went wrong in one does not touch the others.
    pub(crate) fn run(&self, jobs: &[&Job]) -> Result<Vec<Failure>> {
        let pool = || {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build();
            pool.context("the threads cannot be started")
        };
        let workers = self.workers.min(jobs.len());
        let pools = (0..workers).map(|_| pool()).collect::<Result<Vec<ThreadPool>>>()?;
        let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for pool in &pools {
                scope.spawn(|| {
                    while !self.stop.load(Ordering::Relaxed) && self.lock.check().is_ok() {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(job) = jobs.get(index) else { break };
                        if let Some(failure) = self.run_one(index, job, pool) {
                            failures.lock().unwrap_or_else(PoisonError::into_inner).push((index, failure));
                        }
                    }
                });
            }
        });
        let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        failures.sort_by_key(|(index, _)| *index);
        Ok(failures.into_iter().map(|(_, failure)| failure).collect())
    }

    fn run_one(&self, index: usize, job: &Job, pool: &ThreadPool) -> Option<Failure> {
        let start = Instant::now();
        let attempt = catch_unwind(AssertUnwindSafe(|| self.attempt(index, job, pool)));
        let end = attempt.unwrap_or_else(|panic| Err(anyhow!("panicked: {}", message(panic.as_ref()))));
        if let Ok(experiment) = &job.experiment {
            self.data.release(&experiment.data);
        }
        let (what, failure) = match end {
            Ok(None) => return None,
            Ok(Some(run)) => (outcome(&run, start.elapsed().as_secs_f64()), None),
            Err(error) => {
                let failure = Failure { name: job.name.clone(), error };
                (format!("FAILED: {:#}", failure.error), Some(failure))
            }
        };
        self.front.ended(index, &job.name, &what);
        failure
    }

    /// What the finished run says; `None` if it was stopped.
    fn attempt(&self, index: usize, job: &Job, pool: &ThreadPool) -> Result<Option<StoredRun>> {
        let experiment = job.experiment.as_ref().map_err(|error| anyhow!("{error:#}"))?;
        let mut plan = begin(experiment, job, &mut |line| self.front.line(line))?;
        self.front.began(index, &job.name, plan.next_epoch().map_or(0, |epoch| epoch - 1));
        // Outside of the job's pool, so that reading uses every core while others wait for it.
        let data = self.data.get(&experiment.data)?;
        let finished = pool.install(|| self.train(index, &mut plan, &data))?;
        finished.then(|| StoredRun::read(&job.folder)).transpose()
    }

    /// Trains and concludes; `false` if stopped.
    fn train(&self, index: usize, plan: &mut Plan, data: &Dataset) -> Result<bool> {
        let network = plan.network(data, self.room)?;
        let mut trainer = plan.trainer(network, data, &mut |line| self.front.line(line))?;
        let own_stop = AtomicBool::new(self.stop.load(Ordering::Relaxed));
        let records = plan.records(trainer.history(), self.tensorboard)?;
        let mut watcher =
            JobWatcher { index, records, front: self.front, stop: self.stop, own_stop: &own_stop };
        let outcome = trainer.run(&mut watcher, &own_stop);
        watcher.records.finish()?;
        if outcome? == Outcome::Stopped {
            return Ok(false);
        }
        plan.conclude(&trainer, data, false)?;
        Ok(true)
    }
}

/// The run of a job from its beginning, or from its last checkpoint.
fn begin(experiment: &Experiment, job: &Job, tell: &mut dyn FnMut(&str)) -> Result<Plan> {
    let folder = RunFolder::at(job.folder.clone());
    match folder.stage() {
        Stage::Untouched => Plan::fresh(experiment.clone(), folder),
        Stage::Begun => {
            let (held, checkpoint) = folder.go_on(tell)?;
            same(experiment, &of_checkpoint(&checkpoint, &job.folder)?, &job.folder)?;
            Plan::going_on(experiment.clone(), held, checkpoint)
        }
        Stage::Finished => bail!("{}: already finished", job.folder.display()),
    }
}

/// Writes what a job says of itself, and hands the user's wish to stop on to it. A job that cannot write its files stops
/// alone.
struct JobWatcher<'a> {
    index: usize,
    records: Records<'a>,
    front: &'a dyn GridFront,
    stop: &'a AtomicBool,
    own_stop: &'a AtomicBool,
}

impl JobWatcher<'_> {
    fn look(&self) {
        if self.stop.load(Ordering::Relaxed) {
            self.own_stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Watcher for JobWatcher<'_> {
    fn batch(&mut self, _event: &BatchEvent) {
        self.look();
    }

    fn epoch(&mut self, record: &EpochRecord, _improved: bool) {
        self.records.add(record, self.own_stop);
        self.front.epoch(self.index, record.seconds);
        self.look();
    }
}

fn outcome(run: &StoredRun, seconds: f64) -> String {
    format!(
        "{:.2} % on {}, best epoch {}, {seconds:.0} s",
        100.0 * run.accuracy,
        run.reported_on(),
        run.best_epoch
    )
}

/// What a panic said.
fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
