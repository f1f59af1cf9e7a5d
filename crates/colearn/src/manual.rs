//! Completions for shells, and the manual pages.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::Shell;
use colearn::cli::terminal::{put, say_line};
use colearn::store::write_whole;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell whose completions are printed.
    shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write the pages of all commands into this folder instead of printing that of the program.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints what a shell needs to complete the command line.
pub(crate) fn completions(args: &CompletionArgs, mut program: Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "colearn", &mut script);
    put(String::from_utf8_lossy(&script).trim_end());
    ExitCode::SUCCESS
}

/// Prints the manual page, or writes those of all commands.
pub(crate) fn man(args: &ManArgs, program: Command) -> Result<ExitCode> {
    let Some(folder) = &args.out else {
        put(String::from_utf8_lossy(&page(program)?).trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    let mut program = program.disable_help_subcommand(true);
    program.build();
    pages(program, folder)?;
    Ok(ExitCode::SUCCESS)
}

/// The pages of a command and of those below it.
fn pages(command: Command, folder: &Path) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let below: Vec<Command> = command.get_subcommands().cloned().collect();
    let file = folder.join(format!("{name}.1"));
    write_whole(&file, &page(command)?)?;
    say_line(file.display());
    below.into_iter().try_for_each(|command| pages(command, folder))
}

fn page(command: Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).context("the page cannot be made")?;
    Ok(page)
}
