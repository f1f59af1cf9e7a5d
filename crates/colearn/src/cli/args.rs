//! Arguments of the commands.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use colearn_data::DataName;
use colearn_network::{BASELINE_NAMES, model_names};

use super::loading::LoadArgs;
use crate::runs::{self, Request, data_set};

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

/// Arguments of `train`.
#[derive(Debug, Default, Args)]
pub struct TrainArgs {
    #[arg(long, value_name = "NAME|FILE", help = config_help())]
    pub(crate) config: Option<String>,
    /// The data set [default: digits].
    #[arg(long, value_name = "NAME", value_parser = data_set)]
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

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// A model, a named experiment or a TOML file, as for training [default: the defaults].
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) config: Option<String>,
    /// The data set [default: digits].
    #[arg(long, value_name = "NAME", value_parser = data_set)]
    pub(crate) data: Option<DataName>,
}

/// Arguments of `eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The checkpoint, which carries its configuration and the statistics of its inputs, or a run's folder: its best.ckpt.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) checkpoint: PathBuf,
    /// Another data set with the same classes.
    #[arg(long, value_name = "NAME", value_parser = data_set)]
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
    /// Also write the same as arrays that NumPy reads.
    #[arg(long, value_name = "FILE")]
    pub(crate) npz: Option<PathBuf>,
    /// With --npz: also the input, the outputs of all hidden layers and the readout's membranes of these samples, step by
    /// step.
    #[arg(long, value_name = "ID,ID", value_delimiter = ',', requires = "npz")]
    pub(crate) record: Vec<String>,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Threads [default: one per core].
    #[arg(long, value_name = "N", value_parser = some_threads)]
    pub(crate) threads: Option<u16>,
}

/// Arguments of `reproduce`.
#[derive(Debug, Args)]
pub struct ReproduceArgs {
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

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Folders of finished runs, or folders that hold such. Runs that differ in seed and left-out speaker alone make one row.
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Also write table.md, table.csv and summary.json to this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
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
        runs::SplitName::from(self).name()
    }
}

impl From<SplitName> for runs::SplitName {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Validation => Self::Validation,
            SplitName::Test => Self::Test,
        }
    }
}

impl TrainArgs {
    /// What these arguments ask for.
    pub(crate) fn request(&self) -> Request {
        Request {
            config: self.config.clone(),
            data: self.data,
            root: self.root.clone(),
            set: self.set.clone(),
            seed: self.seed,
            epochs: self.epochs,
        }
    }
}

/// A whole number that is not negative.
///
/// # Errors
/// The numbers that there are.
pub fn whole<N: TryFrom<u64>>(text: &str) -> Result<N, String> {
    let number: Result<u64, _> = text.parse();
    number.ok().and_then(|number| number.try_into().ok()).ok_or_else(|| {
        let most = u64::MAX >> (64 - 8 * size_of::<N>().min(8));
        format!("expected a whole number from 0 to {most}")
    })
}

/// A number of threads or jobs.
///
/// # Errors
/// The numbers that there are.
pub fn some_threads(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| (1..=256).contains(number));
    number.ok_or_else(|| "expected a whole number from 1 to 256".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_in_the_help() {
        let mut command = <TrainArgs as Args>::augment_args(clap::Command::new("train"));
        let help = command.render_long_help().to_string();
        for name in model_names() {
            assert!(help.contains(name.strip_prefix("d-").unwrap_or(&name)), "--config {name}");
        }
    }
}
