//! `cargo xtask bench`: training and inference speed and peak memory of networks of the usual sizes.
//!
//! The step is the trainer's: forward, cross-entropy, backward, clipping, Adam, running statistics, on one batch that
//! stays the same. Inference runs with whole delays. Input is synthetic ([`input`]); the hidden layers' gains are set
//! so that they fire at the rate of the networks compared with. Several workloads run one after the other in a process
//! each, so that each one's peak memory is its own. With a folder for spike files, epochs with loading are timed instead
//! ([`loading`]).

mod args;
mod input;
mod loading;
mod measure;
mod workload;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use colearn_network::{Delays, TrainingStep};
use colearn_synapses::Interpolation;
use serde::Serialize;

pub(crate) use args::BenchArgs;
use colearn::cli::terminal::{say, say_json, use_threads};
use measure::{Effort, Timing, Trained};
use workload::{WORKLOADS, Workload};

/// What was measured of one workload.
#[derive(Debug, Serialize)]
struct Row {
    workload: &'static str,
    text: &'static str,
    threads: usize,
    max_delay: usize,
    spread: f64,
    batch: usize,
    steps: usize,
    parameters: usize,
    input_active_share: f64,
    input_mean_of_active: f64,
    input_spikes_per_sample: f64,
    /// Hidden rates with the training kernel, before training and after the timed steps.
    rates_before: Vec<f64>,
    rates_after: Vec<f64>,
    /// What a training step is expected to hold, from the configuration alone, without program, input and network.
    predicted_mib: f64,
    training: Option<Timing>,
    training_per_s: Option<f64>,
    /// Two-tap multiply-adds of a training step per second, as a share of all threads' measured peak.
    training_share_of_peak: Option<f64>,
    inference: Timing,
    inference_per_s: f64,
    peak_gmac_per_s: f64,
}

pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode> {
    if let Some(folder) = &args.loading {
        use_threads(args.threads)?;
        let names = if args.workload.is_empty() { vec!["W2".to_owned()] } else { args.workload.clone() };
        for name in names {
            loading::run(Workload::named(&name)?, folder, args.timed_steps, args.json)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    match args.workload.as_slice() {
        [one] => run_one(Workload::named(one)?, args),
        [] => run_each(&WORKLOADS.map(|workload| workload.name.to_owned()), args),
        several => run_each(several, args),
    }
}

/// One process a workload.
fn run_each(names: &[String], args: &BenchArgs) -> Result<ExitCode> {
    let program = std::env::current_exe().context("the path of this program")?;
    for name in names {
        let mut command = Command::new(&program);
        command.args(["bench", "--workload", name]).args(args.passed_on());
        let status = command.status().with_context(|| format!("{}: cannot be started", program.display()))?;
        if !status.success() {
            bail!("workload {name}: {status}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn run_one(workload: Workload, args: &BenchArgs) -> Result<ExitCode> {
    use_threads(args.threads)?;
    let row = measure_workload(workload, args)?;
    if args.json {
        say_json(&serde_json::to_string(&row).context("the figures cannot be written as JSON")?);
    } else {
        show(&row);
    }
    Ok(ExitCode::SUCCESS)
}

fn measure_workload(mut workload: Workload, args: &BenchArgs) -> Result<Row> {
    if let (Some(delay), true) = (args.max_delay, workload.max_delay > 0) {
        workload.max_delay = delay;
    }
    workload.rate = args.rate.unwrap_or(workload.rate);
    let kernel = if args.spread > 0.0 { Interpolation::Smoothed } else { Interpolation::Linear };
    let description = workload.network(kernel)?;
    let threads = rayon::current_num_threads();
    let peak = measure::peak_multiply_adds();
    let input = input::counts(workload.batch, workload.steps, workload.inputs, 1);
    let statistics = input::statistics(&input);
    let network = measure::prepared(&description, &input, args.spread);
    let parameters = network.parameter_count();
    let step = TrainingStep {
        batch: workload.batch,
        steps: workload.steps,
        recompute: args.recompute,
        spread: args.spread,
    };
    let mut trained = Trained::new(network, workload.batch, args.recompute);
    let rates_before = trained.rates(&input, Delays::Stored);
    measure::reset_peak();
    let training = if args.inference_only {
        None
    } else {
        Some(trained.train(&input, Effort { warm_up: 3, steps: args.timed_steps })?)
    };
    let rates_after = trained.rates(&input, Delays::Stored);
    let inference = trained.infer(&input, Effort { warm_up: 3, steps: args.timed_steps * 3 })?;
    let per_s = |timing: &Timing| workload.batch as f64 / timing.median_s;
    let (forward, backward) = workload.multiply_adds();
    let share = |timing: &Timing| (forward + backward) * per_s(timing) / (peak * threads as f64);
    Ok(Row {
        workload: workload.name,
        text: workload.text,
        threads,
        max_delay: workload.max_delay,
        spread: args.spread,
        batch: workload.batch,
        steps: workload.steps,
        parameters,
        input_active_share: statistics.active_share,
        input_mean_of_active: statistics.mean_of_active,
        input_spikes_per_sample: statistics.spikes_per_sample,
        rates_before,
        rates_after,
        predicted_mib: description.training_bytes(step) as f64 / f64::from(1 << 20),
        training_per_s: training.as_ref().map(per_s),
        training_share_of_peak: training.as_ref().map(share),
        training,
        inference_per_s: per_s(&inference),
        inference,
        peak_gmac_per_s: peak / 1e9,
    })
}

fn show(row: &Row) {
    let percent = |rates: &[f64]| {
        rates.iter().map(|rate| format!("{:.1}", 100.0 * rate)).collect::<Vec<_>>().join(" and ")
    };
    say(format!(
        "{}  {}, batch {}, {} steps, largest delay {}, spread {}, {} threads, {} parameters",
        row.workload, row.text, row.batch, row.steps, row.max_delay, row.spread, row.threads, row.parameters
    ));
    say(format!(
        "    input    {:.1} % active, mean {:.2}, {:.0} spikes a sample; hidden rates {} % (before training {} %)",
        100.0 * row.input_active_share,
        row.input_mean_of_active,
        row.input_spikes_per_sample,
        percent(&row.rates_after),
        percent(&row.rates_before)
    ));
    let line = |name: &str, timing: &Timing, per_s: f64| {
        let rate = |seconds: f64| row.batch as f64 / seconds;
        say(format!(
            "    {name}  {per_s:8.0} samples/s ({:.0} to {:.0}, {} steps of {:.1} ms, {} processor time); peak memory {}",
            rate(timing.max_s),
            rate(timing.min_s),
            timing.steps,
            1e3 * timing.median_s,
            timing.processor_s.map_or_else(|| "unknown".to_owned(), |s| format!("{:.1} ms", 1e3 * s)),
            timing.peak_mib.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib:.0} MiB"))
        ));
    };
    if let (Some(training), Some(per_s)) = (&row.training, row.training_per_s) {
        line("training ", training, per_s);
        say(format!(
            "    a training step was predicted to hold {:.0} MiB beside the program",
            row.predicted_mib
        ));
    }
    line("inference", &row.inference, row.inference_per_s);
    if let Some(share) = row.training_share_of_peak {
        say(format!(
            "    synapses do {:.0} % of the peak, {:.1} billion multiply-adds a second and core (every synapse counted \
             at every step)",
            100.0 * share,
            row.peak_gmac_per_s
        ));
    }
}
