//! Runs whole experiments: `cargo xtask train`, `cargo xtask eval`, and the project's own checks.

mod bench;
mod ci;
mod cli;
mod compare;
mod comparison;
mod data;
mod describe;
mod eval;
mod event_file;
mod experiment;
mod figures;
mod layers;
mod loading;
mod made;
mod memory;
mod outputs;
mod overrides;
mod page;
mod plan;
mod progress;
mod report;
mod reproduce;
mod run_folder;
mod seen;
mod stop;
mod stored;
mod terminal;
mod train;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use cli::{Cli, Command};
use colearn_tape::simd::InstructionSet;

/// Exit code of every error that the user can mend.
const USER_ERROR: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            terminal::say_usage(&answer);
            return end(ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(USER_ERROR)));
        }
    };
    end(run(&cli.command).unwrap_or_else(|error| {
        terminal::complain(&error);
        ExitCode::from(USER_ERROR)
    }))
}

fn run(command: &Command) -> Result<ExitCode> {
    // What computes has no way to refuse a set by itself.
    InstructionSet::forced().map_err(anyhow::Error::msg)?;
    match command {
        Command::Train(args) => train::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Reproduce(args) => reproduce::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Report(args) => page::run(args),
        Command::Config(args) => describe::run(args),
        Command::Data(command) => data::run(command),
        Command::Ci => ci::run(),
        Command::Layers => layers::run(),
        Command::Bench(args) => bench::run(args),
    }
}

/// The exit code of a command that ended with `code`: results that nobody can read are no success.
fn end(code: ExitCode) -> ExitCode {
    let Some(reason) = terminal::lost() else { return code };
    let message = "the standard output cannot be written: part of what was to be said is lost";
    terminal::complain(&anyhow::anyhow!("{message}: {reason}"));
    ExitCode::from(USER_ERROR)
}
