//! `classify`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Args;

use super::args::{some_threads, whole};
use super::terminal::{complain, put, say, say_json, shown, use_threads};
use crate::runs::{ClassifyRequest, classify};

/// Exit code when some sounds could not be classified.
const SOME_FAILED: u8 = 1;

/// Arguments of `classify`.
#[derive(Debug, Args)]
pub struct ClassifyArgs {
    /// The checkpoint, which carries everything that sounds went through in training, or a run's folder: its best.ckpt.
    #[arg(long, value_name = "FILE|DIR")]
    checkpoint: PathBuf,
    /// Wav and FLAC files of any sample rate, or folders of such.
    #[arg(value_name = "SOUND", required = true)]
    sounds: Vec<PathBuf>,
    /// Classes to show of each sound, the best ones.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = whole::<usize>)]
    best: usize,
    /// JSON instead of a table, with every score.
    #[arg(long)]
    json: bool,
    /// CSV instead of a table: a row a sound, with every score.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Sample rate of the training; only for checkpoints of formats that did not keep it.
    #[arg(long, value_name = "HZ", value_parser = whole::<u32>)]
    rate: Option<u32>,
    /// Threads [default: one per core].
    #[arg(long, value_name = "N", value_parser = some_threads)]
    threads: Option<u16>,
}

pub(crate) fn run(args: &ClassifyArgs) -> Result<ExitCode> {
    use_threads(args.threads)?;
    let (checkpoint, sounds) = (args.checkpoint.clone(), args.sounds.clone());
    let classified = classify(&ClassifyRequest { checkpoint, sounds, rate: args.rate })?;
    if args.json {
        say_json(&classified.to_json()?);
    } else if args.csv {
        put(&shown::lines(classified.to_csv()?.trim_end()));
    } else if let Some(table) = classified.table(args.best) {
        say(table.to_string().trim_end());
    }
    let mut failed = false;
    for error in classified.errors() {
        complain(&anyhow!("{error}"));
        failed = true;
    }
    Ok(if failed { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS })
}
