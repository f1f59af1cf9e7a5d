//! The command line of `data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::set::SetArgs;
use crate::cli::args::{SplitName, some_threads, whole};

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// The known data sets, or all about one of them.
    List(ListArgs),
    /// Load a data set, check it and unpack it. What was interrupted goes on where it stopped.
    Fetch(FetchArgs),
    /// Check the files of a data set, or of any folder, against the published and the recorded checksums.
    Verify(VerifyArgs),
    /// Encode a set of sounds to files of spikes in the layout of SHD.
    Encode(EncodeArgs),
    /// Count samples, speakers, lengths and spikes of a set as a network gets it.
    Stats(StatsArgs),
    /// Draw one sample of a set: its spikes or features, and what a network gets.
    Show(ShowArgs),
}

/// Where data sets are and which ones there are.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// Folder of the data sets, each in a folder of its own name.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) root: PathBuf,
    /// A manifest of your own, in the form of crates/fetch/manifest.toml.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct EncodeArgs {
    #[command(flatten)]
    pub(crate) set: SetArgs,
    /// Folder for train.h5, valid.h5 and test.h5.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// The encoder: cochlea, level_crossing, poisson or latency [default: cochlea].
    #[arg(long, value_name = "NAME")]
    pub(crate) encoder: Option<String>,
    /// A TOML file with settings of the encoder.
    #[arg(long, value_name = "FILE")]
    pub(crate) encoder_config: Option<PathBuf>,
    /// Seed of the encoder's noise, where it has any.
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    pub(crate) seed: Option<u64>,
    /// Threads [default: one per core]; the spikes do not depend on them.
    #[arg(long, value_name = "N", value_parser = some_threads)]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
pub struct StatsArgs {
    #[command(flatten)]
    pub(crate) set: SetArgs,
    /// JSON instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub(crate) set: SetArgs,
    /// The split that the sample is in.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) split: SplitName,
    /// The sample, counted from 0 within the split.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<usize>)]
    pub(crate) sample: usize,
    /// The sample of this name.
    #[arg(long, value_name = "NAME", conflicts_with = "sample")]
    pub(crate) id: Option<String>,
    /// The first sample of this class.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["sample", "id"])]
    pub(crate) class: Option<String>,
    /// The figure, in SVG.
    #[arg(long, value_name = "FILE", default_value = "sample.svg")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// One data set, with all that is known about it.
    pub(crate) name: Option<String>,
    /// Everything about every data set.
    #[arg(long)]
    pub(crate) long: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

#[derive(Debug, Args)]
pub struct FetchArgs {
    /// The data set, as `data list` names it.
    pub(crate) name: String,
    /// Trust the authorities in this PEM file, in place of Mozilla's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Seconds that a server may be silent, and over which the bytes that it sends are counted.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) patience: u64,
    /// Bytes a second that have to come at least; 0 takes any speed.
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    pub(crate) least_rate: u64,
    /// Bytes at most of a file whose size the manifest does not state.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 30)]
    pub(crate) largest: u64,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A data set, as `data list` names it, or a folder with files of one or with a SHA256SUMS.
    #[arg(value_name = "NAME|FOLDER")]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}
