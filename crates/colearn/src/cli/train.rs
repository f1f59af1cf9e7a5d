//! `train`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;

use super::args::TrainArgs;
use super::progress::Progress;
use super::terminal::{INTERRUPTED, say, say_line, use_threads};
use crate::runs::program::{self, quoted};
use crate::runs::{Ended, TrainOptions, train};

pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode> {
    use_threads(args.threads)?;
    let options = TrainOptions {
        loading: args.load.loading(),
        out: args.out.clone(),
        resume: args.resume,
        tensorboard: args.tensorboard,
        any_memory: args.any_memory,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let mut progress = Progress::new(Arc::clone(&stop));
    match train(&args.request(), &options, &mut progress, &stop)? {
        Ended::Stopped(folder) => {
            let folder = quoted(&folder.to_string_lossy());
            say_line(format!("stopped; go on with: {} train --resume --out {folder}", program::name()));
            Ok(ExitCode::from(INTERRUPTED))
        }
        Ended::Finished(conclusion) => {
            say("");
            conclusion.lines().into_iter().for_each(say);
            say("");
            for file in conclusion.figures() {
                say_line(file.display());
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
