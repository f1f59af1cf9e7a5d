//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use colearn_data::DataName;
use colearn_network::{BASELINE_NAMES, model_names};

use crate::data::cli::DataCommand;
use crate::loading::LoadArgs;

/// Trains spiking networks whose delays, weights and neuron adaptation are learned together.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network. Without arguments: d-cAdLIF on the embedded spoken digits.
    Train(TrainArgs),
    /// Evaluate a checkpoint with rounded delays.
    Eval(EvalArgs),
    /// Run a whole comparison, cells times seeds, and make its tables. Goes on where it was stopped.
    Reproduce(ReproduceArgs),
    /// The tables of a comparison for any finished runs.
    Compare(CompareArgs),
    /// One page of results from a run's folder, or from an experiment's: EXPERIMENT/CELL/seed-N.
    Report(ReportArgs),
    /// Print a whole configuration with a comment on every key; it can be given back with --config.
    Config(ConfigArgs),
    /// Data sets: list, fetch and verify known ones; encode, count and show any.
    #[command(subcommand)]
    Data(DataCommand),
    /// Format, lints, tests and documentation, as the continuous integration runs them.
    Ci,
    /// Check that crates depend on lower layers only.
    Layers,
    /// Measure speed and peak memory of training and inference. Without arguments: every workload.
    Bench(BenchArgs),
}

/// What `--config` takes.
fn config_help() -> String {
    let models = model_names();
    let spiking = models.iter().filter(|name| models.contains(&format!("d-{name}")));
    let spiking: Vec<&str> = spiking.map(String::as_str).collect();
    format!(
        "A model ({}, with d- before it for learned delays; without spikes {}), a named experiment (digits, fsdd, words, \
         words-best, gsc, shd, ssc, ssc-recurrent) or a TOML file",
        spiking.join(", "),
        BASELINE_NAMES.join(", ")
    )
}

#[derive(Debug, Default, Args)]
pub(crate) struct TrainArgs {
    #[arg(long, value_name = "NAME|FILE", help = config_help())]
    pub(crate) config: Option<String>,
    /// The data set [default: digits].
    #[arg(long, value_name = "NAME", value_parser = data_name)]
    pub(crate) data: Option<DataName>,
    /// Folder of the data set; the digits are embedded.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    #[arg(
        long,
        value_name = "KEY=VALUE",
        help = "Any key of the configuration, such as synapse.delay=fixed or network.hidden=[64,64]; may be repeated"
    )]
    pub(crate) set: Vec<String>,
    /// The same as --set train.seed=N.
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    pub(crate) seed: Option<u64>,
    /// The same as --set train.epochs=N.
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    pub(crate) epochs: Option<u64>,
    /// Threads [default: one per core]; the results do not depend on them.
    #[arg(long, value_name = "N", value_parser = some_threads)]
    pub(crate) threads: Option<u16>,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Folder of the run [default: runs/DATA-MODEL-sSEED, with a number if that is taken].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Go on from the last checkpoint of the run's folder.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Also write the figures of every epoch as an event file for TensorBoard.
    #[arg(long)]
    pub(crate) tensorboard: bool,
    /// Try it even if a training step is predicted to need more memory than there is.
    #[arg(long)]
    pub(crate) any_memory: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// A model, a named experiment or a TOML file, as for training [default: the defaults].
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) config: Option<String>,
    /// The data set [default: digits].
    #[arg(long, value_name = "NAME", value_parser = data_name)]
    pub(crate) data: Option<DataName>,
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The checkpoint, which carries its configuration and the statistics of its inputs, or a run's folder: its best.ckpt.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) checkpoint: PathBuf,
    /// Another data set with the same classes.
    #[arg(long, value_name = "NAME", value_parser = data_name)]
    pub(crate) data: Option<DataName>,
    /// Folder of the data set, if it is elsewhere than in training.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Which part of the data [default: test, or validation where there is no test split].
    #[arg(long, value_enum)]
    pub(crate) split: Option<SplitName>,
    /// JSON instead of tables, with the scores of every sample.
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write the prediction and the scores of every sample to this file, a row a sample.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Threads [default: one per core].
    #[arg(long, value_name = "N", value_parser = some_threads)]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct ReproduceArgs {
    /// A comparison (digits, fsdd, asc, asc-ablation, fsdd-700, asc-700, shd, ssc, gsc) or a TOML file of one.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) name: String,
    /// Folder of the data set; the digits are embedded.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Other seeds than the comparison's, such as 0,1.
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = whole::<u64>)]
    pub(crate) seeds: Vec<u64>,
    /// Only these cells, such as lif,d-lif.
    #[arg(long, value_name = "CELL,CELL", value_delimiter = ',')]
    pub(crate) cells: Vec<String>,
    /// The same as train.epochs = N in every cell; needs a folder of its own (--out).
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    pub(crate) epochs: Option<u64>,
    #[arg(
        long,
        value_name = "KEY=VALUE",
        help = "Any key of the configuration, below the settings of the cells; may be repeated"
    )]
    pub(crate) set: Vec<String>,
    /// Jobs at once [default: as many as the cores allow].
    #[arg(long, value_name = "N", value_parser = some_threads)]
    pub(crate) jobs: Option<u16>,
    /// Threads of each job [default: 1]; the results do not depend on them.
    #[arg(long, value_name = "N", value_parser = some_threads)]
    pub(crate) threads: Option<u16>,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Folder of the comparison [default: runs/reproduce/NAME].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Also write event files for TensorBoard.
    #[arg(long)]
    pub(crate) tensorboard: bool,
    /// Try it even if the training steps of all jobs are predicted to need more memory than there is.
    #[arg(long)]
    pub(crate) any_memory: bool,
    /// Run nothing: the tables of what is finished.
    #[arg(long)]
    pub(crate) table_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Folders of finished runs, or folders that hold such. Runs that differ in seed and left-out speaker alone make one row.
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Also write table.md, table.csv and summary.json to this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Folders of runs, or folders that hold such; runs that differ in seed and left-out speaker alone make one cell.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Where report.html, report.md and the tables go [default: the folder of the runs; needed where several are named].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Headline of the page.
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
}

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

/// A split of a data set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitName {
    #[default]
    Train,
    Validation,
    Test,
}

impl SplitName {
    /// As a data set names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Known sets whose names in `data list` are not those of their readers.
pub(crate) const LISTED_AS: [(&str, DataName); 2] = [("asc", DataName::Words), ("gsc1", DataName::Gsc)];

/// The sets by name, also as `data list` has it; the message of a wrong name lists them.
pub(crate) fn data_name(text: &str) -> Result<DataName, String> {
    if let Some((_, set)) = LISTED_AS.iter().find(|(name, _)| *name == text) {
        return Ok(*set);
    }
    toml::Value::String(text.to_owned())
        .try_into()
        .map_err(|error: toml::de::Error| format!("{} (asc is read as words, gsc1 as gsc)", error.message()))
}

/// A whole number that is not negative.
pub(crate) fn whole<N: TryFrom<u64>>(text: &str) -> Result<N, String> {
    let number: Result<u64, _> = text.parse();
    number.ok().and_then(|number| number.try_into().ok()).ok_or_else(|| {
        let most = u64::MAX >> (64 - 8 * size_of::<N>().min(8));
        format!("expected a whole number from 0 to {most}")
    })
}

/// A number of threads or jobs.
pub(crate) fn some_threads(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| (1..=256).contains(number));
    number.ok_or_else(|| "expected a whole number from 1 to 256".to_owned())
}
