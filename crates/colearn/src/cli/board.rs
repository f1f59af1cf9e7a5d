//! What is told while the jobs of a comparison run: a line a finished job, and one that shows where everything stands.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Result;
use indicatif::ProgressBar;

use super::stop::stop_on_signals;
use super::terminal::{self, say, say_above, say_line, shown};
use crate::runs::GridFront;

const TEMPLATE: &str = "{bar:16} {percent:>3} %  {wide_msg}";

/// The terminal of a comparison.
pub(crate) struct Board {
    /// Raised by signals once jobs run.
    stop: Arc<AtomicBool>,
    grid: OnceLock<Whole>,
}

/// Progress of the whole grid.
struct Whole {
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

struct State {
    progress: GridProgress,
    running: Vec<String>,
}

/// Epochs done and left, and how long one takes in each cell.
#[derive(Debug, Clone)]
pub(crate) struct GridProgress {
    workers: usize,
    /// Cell, epochs left and epochs in all of each job.
    jobs: Vec<(usize, usize, usize)>,
    ended: usize,
    /// Epochs and seconds seen of each cell.
    seen: Vec<(usize, f64)>,
}

impl GridProgress {
    /// Jobs by cell and epochs, worked on by `workers` at once.
    pub(crate) fn new(jobs: Vec<(usize, usize)>, workers: usize) -> Self {
        let cells = jobs.iter().map(|(cell, _)| cell + 1).max().unwrap_or(0);
        let jobs: Vec<(usize, usize, usize)> =
            jobs.into_iter().map(|(cell, epochs)| (cell, epochs, epochs)).collect();
        Self { workers: workers.max(1), jobs, ended: 0, seen: vec![(0, 0.0); cells] }
    }

    /// A job goes on after `done` epochs.
    fn resumed(&mut self, job: usize, done: usize) {
        let (_, left, epochs) = &mut self.jobs[job];
        *left = epochs.saturating_sub(done);
    }

    fn epoch(&mut self, job: usize, seconds: f64) {
        let (cell, left, _) = &mut self.jobs[job];
        *left = left.saturating_sub(1);
        let (epochs, sum) = &mut self.seen[*cell];
        *epochs += 1;
        *sum += seconds;
    }

    fn ended(&mut self, job: usize) {
        self.jobs[job].1 = 0;
        self.ended += 1;
    }

    /// Epochs done and in all.
    fn epochs(&self) -> (usize, usize) {
        let all: usize = self.jobs.iter().map(|(_, _, epochs)| epochs).sum();
        let left: usize = self.jobs.iter().map(|(_, left, _)| left).sum();
        (all - left, all)
    }

    /// Seconds left: each cell's epochs at its own pace, or at the mean pace where none was seen.
    fn seconds_left(&self) -> Option<f64> {
        let (epochs, seconds) = self.seen.iter().fold((0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
        if epochs == 0 {
            return None;
        }
        let pace = |cell: usize| match self.seen[cell] {
            (0, _) => seconds / epochs as f64,
            (own, sum) => sum / own as f64,
        };
        let work: f64 = self.jobs.iter().map(|(cell, left, _)| *left as f64 * pace(*cell)).sum();
        // The last jobs cannot be shared out: the longest one is a lower bound.
        let longest = self.jobs.iter().map(|(cell, left, _)| *left as f64 * pace(*cell)).fold(0.0, f64::max);
        Some((work / self.workers as f64).max(longest))
    }

    fn status(&self) -> String {
        let left =
            self.seconds_left().map_or_else(String::new, |seconds| format!(", {} left", time(seconds)));
        format!("{}/{} jobs{left}", self.ended, self.jobs.len())
    }
}

impl Board {
    /// Of a comparison that stops when `stop` is raised.
    pub(crate) fn new(stop: Arc<AtomicBool>) -> Self {
        Self { stop, grid: OnceLock::new() }
    }

    fn bar(&self) -> Option<&ProgressBar> {
        self.grid.get()?.bar.as_ref()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let Some(Whole { bar, state }) = self.grid.get() else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        if let Some(bar) = bar {
            bar.set_position(state.progress.epochs().0 as u64);
            let message = format!("{}  now {}", state.progress.status(), state.running.join(", "));
            bar.set_message(shown::line(&message).into_owned());
        }
    }
}

impl GridFront for Board {
    fn line(&self, line: &str) {
        say_line(line);
    }

    fn text(&self, text: &str) {
        say(text);
    }

    fn begin(&self, jobs: Vec<(usize, usize)>, workers: usize) -> Result<()> {
        stop_on_signals(&self.stop)?;
        let progress = GridProgress::new(jobs, workers);
        let bar = terminal::bar(Some(progress.epochs().1 as u64), TEMPLATE);
        self.grid.get_or_init(|| Whole { bar, state: Mutex::new(State { progress, running: Vec::new() }) });
        Ok(())
    }

    fn began(&self, job: usize, name: &str, done: usize) {
        self.change(|state| {
            state.progress.resumed(job, done);
            state.running.push(name.to_owned());
        });
    }

    fn epoch(&self, job: usize, seconds: f64) {
        self.change(|state| state.progress.epoch(job, seconds));
    }

    fn ended(&self, job: usize, name: &str, what: &str) {
        let mut status = String::new();
        self.change(|state| {
            state.progress.ended(job);
            state.running.retain(|running| running != name);
            status = state.progress.status();
        });
        say_above(self.bar(), &format!("[{status}] {name}: {what}"));
    }

    fn end(&self) {
        if let Some(bar) = self.bar() {
            bar.finish_and_clear();
        }
    }
}

/// `12 s`, `5 min`, `3.5 h`.
fn time(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else if seconds < 5400.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_goes_by_the_pace_of_each_cell() {
        let mut progress = GridProgress::new(vec![(0, 10), (1, 10), (2, 10), (0, 10)], 2);
        assert_eq!((progress.seconds_left(), progress.epochs()), (None, (0, 40)));
        progress.epoch(0, 1.0);
        progress.epoch(1, 3.0);
        // 9 · 1 + 9 · 3 + 10 · 2 + 10 · 1 = 66 s of work for two.
        assert!((progress.seconds_left().unwrap() - 33.0).abs() < 1e-9);
        assert_eq!((progress.epochs(), progress.status().as_str()), ((2, 40), "0/4 jobs, 33 s left"));
        progress.ended(0);
        progress.ended(3);
        progress.resumed(2, 4);
        // 9 · 3 + 6 · 2 = 39 s for two, but one job alone needs 27.
        assert!((progress.seconds_left().unwrap() - 27.0).abs() < 1e-9);
        assert_eq!(progress.epochs().0, 10 + 10 + 1 + 4);
    }

    #[test]
    fn times_are_short() {
        assert_eq!([time(12.4), time(299.0), time(12_600.0)], ["12 s", "5 min", "3.5 h"]);
    }
}
