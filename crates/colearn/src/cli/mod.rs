//! The command line: what the programs `colearn` and `cargo xtask` have in common.
//!
//! Each command is a module that turns its arguments into a request of [`crate::runs`] and says what comes of it.
//! `terminal` is the one door to the user.

mod args;
mod board;
mod classify;
mod data;
mod eval;
mod heap;
mod loading;
mod progress;
mod reproduce;
mod stop;
mod tables;
pub mod terminal;
mod train;
mod version;

use std::process::ExitCode;

use anyhow::Result;
use args::{CompareArgs, ConfigArgs, EvalArgs, ReportArgs, ReproduceArgs, TrainArgs};
pub use args::{some_threads, whole};
use clap::{Parser, Subcommand};
use classify::ClassifyArgs;
use colearn_tape::simd::InstructionSet;
use data::cli::DataCommand;
use version::VersionArgs;

/// Exit code of every error that the user can mend.
const USER_ERROR: u8 = 2;

/// The commands of both programs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network. Without arguments: d-cAdLIF on the embedded spoken digits.
    Train(TrainArgs),
    /// Evaluate a checkpoint with rounded delays.
    Eval(EvalArgs),
    /// Tell what is heard in sounds, with the network of a checkpoint.
    Classify(ClassifyArgs),
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
    /// Print the version, and with --verbose what a report of a fault needs.
    Version(VersionArgs),
}

impl Command {
    /// Does what the command says.
    ///
    /// # Errors
    /// What the user can mend, in words.
    pub fn run(&self) -> Result<ExitCode> {
        match self {
            Self::Train(args) => train::run(args),
            Self::Eval(args) => eval::run(args),
            Self::Classify(args) => classify::run(args),
            Self::Reproduce(args) => reproduce::run(args),
            Self::Compare(args) => tables::compare(args),
            Self::Report(args) => tables::report(args),
            Self::Config(args) => tables::config(args),
            Self::Data(command) => data::run(command),
            Self::Version(args) => version::run(args),
        }
    }
}

/// Runs a program: reads its command line as `P`, does what `run` makes of it, and says what went wrong. Is to be called
/// before anything else: where the C library is glibc, the program may start once more in its own place, with settings of the
/// heap that are read at the start alone.
pub fn main<P: Parser>(run: impl FnOnce(P) -> Result<ExitCode>) -> ExitCode {
    heap::settle();
    let cli = match P::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            terminal::say_usage(&answer);
            return end(ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(USER_ERROR)));
        }
    };
    // What computes has no way to refuse a set by itself.
    let forced = InstructionSet::forced().map_err(anyhow::Error::msg);
    end(forced.and_then(|_| run(cli)).unwrap_or_else(|error| {
        terminal::complain(&error);
        ExitCode::from(USER_ERROR)
    }))
}

/// The exit code of a command that ended with `code`: results that nobody can read are no success.
fn end(code: ExitCode) -> ExitCode {
    let Some(reason) = terminal::lost() else { return code };
    let message = "the standard output cannot be written: part of what was to be said is lost";
    terminal::complain(&anyhow::anyhow!("{message}: {reason}"));
    ExitCode::from(USER_ERROR)
}
