//! Runs cases and looks for defects.

mod panics;
mod watchdog;

pub use watchdog::Watchdog;

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::mutate;
use crate::targets::{Outcome, Target};

/// What a case may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest time of a case; `None` where time says nothing, as in tests.
    pub time: Option<Duration>,
    /// Most memory in use at any moment of a case, beyond what was in use before, in bytes.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: None, memory: 1 << 30 }
    }
}

/// What is wrong with the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It panicked: message and place.
    Panic(String),
    /// It took longer than the limit, three times in a row; the shortest time.
    Slow(Duration),
    /// It had more memory in use than the limit, in bytes.
    Memory(usize),
    /// It refused the input without saying why.
    Silent,
}

/// A fault and the first case that showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// The first case.
    pub case: u64,
    /// How many cases showed the same.
    pub times: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What happened to the cases of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases run.
    pub cases: u64,
    /// Inputs that the reader took.
    pub accepted: u64,
    /// Inputs that the reader refused with a message.
    pub refused: u64,
    /// Longest time of a case, and the case.
    pub slowest: (Duration, u64),
    /// Most memory in use beyond what was before, in bytes, and the case.
    pub largest: (usize, u64),
    /// Different defects, in the order of their first case.
    pub defects: Vec<Defect>,
}

/// Runs `cases` of `target` in the folder `scratch`.
pub fn run(target: &dyn Target, seed: u64, cases: Range<u64>, scratch: &Path, limits: &Limits) -> Report {
    run_watched(target, seed, cases, scratch, limits, None)
}

/// As [`run`]; `watchdog` is told of every case.
pub fn run_watched(
    target: &dyn Target,
    seed: u64,
    cases: Range<u64>,
    scratch: &Path,
    limits: &Limits,
    watchdog: Option<&Watchdog>,
) -> Report {
    let seeds = target.seeds();
    let mut report = Report::default();
    for case in cases {
        let input = mutate::input(&seeds, target.form(), target.name(), seed, case);
        if let Some(watchdog) = watchdog {
            watchdog.start(target.name(), seed, case);
        }
        let mut trial = Trial::of(target, &input, scratch);
        for _ in 0..2 {
            // A machine that is busy with something else makes any case slow once.
            if limits.time.is_some_and(|limit| trial.time > limit) {
                trial.time = trial.time.min(Trial::of(target, &input, scratch).time);
            }
        }
        if let Some(watchdog) = watchdog {
            watchdog.end();
        }
        report.add(case, trial, limits);
    }
    report
}

/// One run of one case.
struct Trial {
    outcome: Result<Outcome, String>,
    time: Duration,
    memory: usize,
}

impl Trial {
    fn of(target: &dyn Target, input: &[u8], scratch: &Path) -> Self {
        let _turn = panics::turn();
        let meter = peak_alloc::PeakAlloc;
        let before = meter.current_usage();
        meter.reset_peak_usage();
        let start = Instant::now();
        let outcome = panics::caught(|| target.run(input, scratch));
        let time = start.elapsed();
        Self { outcome, time, memory: meter.peak_usage().saturating_sub(before) }
    }
}

impl Report {
    fn add(&mut self, case: u64, trial: Trial, limits: &Limits) {
        self.cases += 1;
        if trial.time > self.slowest.0 {
            self.slowest = (trial.time, case);
        }
        if trial.memory > self.largest.0 {
            self.largest = (trial.memory, case);
        }
        if limits.time.is_some_and(|limit| trial.time > limit) {
            self.note(case, Fault::Slow(trial.time));
        }
        if trial.memory > limits.memory {
            self.note(case, Fault::Memory(trial.memory));
        }
        match trial.outcome {
            Ok(Outcome::Accepted) => self.accepted += 1,
            Ok(Outcome::Refused(message)) => {
                self.refused += 1;
                if message.trim().is_empty() {
                    self.note(case, Fault::Silent);
                }
            }
            Err(panic) => self.note(case, Fault::Panic(panic)),
        }
    }

    fn note(&mut self, case: u64, fault: Fault) {
        let same = |defect: &&mut Defect| match (&defect.fault, &fault) {
            (Fault::Panic(one), Fault::Panic(other)) => place_of(one) == place_of(other),
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        };
        match self.defects.iter_mut().find(same) {
            Some(known) => known.times += 1,
            None => self.defects.push(Defect { case, times: 1, fault }),
        }
    }
}

/// The place in a message "place: what": two panics of one place are one defect.
fn place_of(message: &str) -> &str {
    message.split_once(": ").map_or(message, |(place, _)| place)
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Panic(message) => write!(f, "panic at {message}"),
            Self::Slow(time) => write!(f, "slow: {:.2} s", time.as_secs_f64()),
            Self::Memory(bytes) => write!(f, "memory: {} MB", bytes >> 20),
            Self::Silent => f.write_str("refused without a reason"),
        }
    }
}
