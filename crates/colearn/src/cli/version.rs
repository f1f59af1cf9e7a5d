//! `version`: what a report of a fault needs to tell.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use colearn_store::{LARGEST_TEXT, read_text};
use colearn_tape::simd::InstructionSet;

use super::heap;
use super::terminal::{say, say_line, use_threads};

/// Arguments of `version`.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Also the processor, instruction set, threads, memory and system.
    #[arg(long, short)]
    verbose: bool,
}

pub(crate) fn run(args: &VersionArgs) -> Result<ExitCode> {
    say(format!("colearn {}", env!("CARGO_PKG_VERSION")));
    if args.verbose {
        use_threads(None)?;
        facts().into_iter().for_each(say_line);
    }
    Ok(ExitCode::SUCCESS)
}

/// A line a fact; what the system does not tell is said to be unknown.
fn facts() -> Vec<String> {
    let names =
        |sets: Vec<InstructionSet>| sets.into_iter().map(InstructionSet::name).collect::<Vec<_>>().join(", ");
    let forced = InstructionSet::forced().ok().flatten();
    let forced = forced.map_or_else(|| "not forced".to_owned(), |set| format!("forced to {}", set.name()));
    let unknown = |found: Option<String>| found.unwrap_or_else(|| "unknown".to_owned());
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    vec![
        format!(
            "processor     {}, {}",
            std::env::consts::ARCH,
            unknown(after("/proc/cpuinfo", "model name", ':'))
        ),
        format!(
            "instructions  {} of {}; {forced} ({})",
            InstructionSet::best().name(),
            names(InstructionSet::available()),
            InstructionSet::VARIABLE
        ),
        format!("threads       {} on {cores} cores that may be used", rayon::current_num_threads()),
        format!("memory        {}", unknown(after("/proc/meminfo", "MemTotal", ':'))),
        format!(
            "heap          {}; {}",
            variable(heap::TUNABLES).unwrap_or_else(|| "as the system has it".to_owned()),
            match variable(heap::MARKER).as_deref() {
                Some(heap::SET) => "set by the program".to_owned(),
                Some(_) => format!("left alone ({})", heap::MARKER),
                None => "set by whoever started the program".to_owned(),
            },
        ),
        format!("large pages   {}", unknown(line("/sys/kernel/mm/transparent_hugepage/enabled"))),
        format!(
            "system        {} {}, {}",
            std::env::consts::OS,
            unknown(line("/proc/sys/kernel/osrelease")),
            unknown(after("/etc/os-release", "PRETTY_NAME", '='))
        ),
    ]
}

/// What the system has in a file.
fn text(file: &str) -> Option<String> {
    read_text(Path::new(file), LARGEST_TEXT).ok()
}

/// The first line of a file.
fn line(file: &str) -> Option<String> {
    text(file)?.lines().next().map(|line| line.trim().to_owned())
}

/// What stands in a file in the line of a key, behind the mark that ends it.
fn after(file: &str, key: &str, mark: char) -> Option<String> {
    text(file)?.lines().find_map(|line| {
        let (found, value) = line.split_once(mark)?;
        (found.trim() == key).then(|| value.trim().trim_matches('"').to_owned())
    })
}
