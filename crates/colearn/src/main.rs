//! `colearn`: trains, evaluates and uses spiking networks from anywhere.

mod manual;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use colearn::cli;
use manual::{CompletionArgs, ManArgs};

/// Trains spiking networks whose delays, weights and neuron adaptation are learned together.
#[derive(Debug, Parser)]
#[command(name = "colearn", bin_name = "colearn", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Shared(cli::Command),
    /// Print what a shell needs to complete this command line, such as: colearn completions bash.
    Completions(CompletionArgs),
    /// Print the manual page, or write those of all commands.
    Man(ManArgs),
}

fn main() -> ExitCode {
    cli::main(|Cli { command }| match command {
        Command::Shared(command) => command.run(),
        Command::Completions(args) => Ok(manual::completions(&args, Cli::command())),
        Command::Man(args) => manual::man(&args, Cli::command()),
    })
}
