//! Runs experiments in a checkout, `cargo xtask train` and all other commands of `colearn`, and the project's own checks.

mod bench;
mod ci;
mod layers;

use std::process::ExitCode;

use anyhow::Result;
use bench::BenchArgs;
use clap::{Parser, Subcommand};
use colearn::cli;

/// Trains spiking networks whose delays, weights and neuron adaptation are learned together.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Colearn(cli::Command),
    /// Format, lints, tests and documentation, as the continuous integration runs them.
    Ci,
    /// Check that crates depend on lower layers only.
    Layers,
    /// Measure speed and peak memory of training and inference. Without arguments: every workload.
    Bench(BenchArgs),
}

fn main() -> ExitCode {
    cli::main(|Cli { command }| run(&command))
}

fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Colearn(command) => command.run(),
        Command::Ci => ci::run(),
        Command::Layers => layers::run(),
        Command::Bench(args) => bench::run(args),
    }
}
