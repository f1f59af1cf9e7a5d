//! Arguments of `bench`.

use std::path::PathBuf;

use clap::Args;
use colearn::cli::{some_threads, whole};

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// W1, W1L, W2, W2S, W3, W4 or W5; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Vec<String>,
    /// Threads [default: one per core].
    #[arg(long, value_name = "N", value_parser = some_threads)]
    pub(crate) threads: Option<u16>,
    /// Timed training steps, at least 7; inference takes three times as many.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = whole::<usize>)]
    pub(crate) timed_steps: usize,
    /// Spikes per hidden unit and step to start from, in place of the workload's own.
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<f64>,
    /// Largest delay in steps, in place of the workload's own.
    #[arg(long, value_name = "STEPS", value_parser = whole::<usize>)]
    pub(crate) max_delay: Option<usize>,
    /// Spread of the smoothed kernel in steps; 0 is linear interpolation.
    #[arg(long, value_name = "STEPS", default_value_t = 0.0)]
    pub(crate) spread: f64,
    /// Train with train.recompute: what can be computed again is not kept.
    #[arg(long)]
    pub(crate) recompute: bool,
    /// Leave out training.
    #[arg(long)]
    pub(crate) inference_only: bool,
    /// Time epochs that read spike files in this folder (400 MB, made if missing) beside such with all data in memory;
    /// W2 if no workload is named, --timed-steps epochs of each.
    #[arg(long, value_name = "DIR")]
    pub(crate) loading: Option<PathBuf>,
    /// JSON, one line a workload, instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

impl BenchArgs {
    /// The arguments but the workload, for a process of its own.
    pub(crate) fn passed_on(&self) -> Vec<String> {
        let mut passed =
            vec![format!("--timed-steps={}", self.timed_steps), format!("--spread={}", self.spread)];
        passed.extend(self.threads.map(|n| format!("--threads={n}")));
        passed.extend(self.rate.map(|rate| format!("--rate={rate}")));
        passed.extend(self.max_delay.map(|steps| format!("--max-delay={steps}")));
        passed.extend(self.recompute.then(|| "--recompute".to_owned()));
        passed.extend(self.inference_only.then(|| "--inference-only".to_owned()));
        passed.extend(self.json.then(|| "--json".to_owned()));
        passed
    }
}
