//! Lines to the user. A closed pipe is no reason to stop a training, so what cannot be shown is dropped.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};
use indicatif::ProgressBar;

/// What a shell reports of a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// A line on the standard output.
pub(crate) fn say(line: impl std::fmt::Display) {
    // Nobody is left to be told if this fails.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Whether somebody looks on: only then is a bar drawn.
pub(crate) fn on_terminal() -> bool {
    std::io::stderr().is_terminal() && std::io::stdout().is_terminal()
}

/// A line above the bar, or on the standard output where there is none.
pub(crate) fn say_above(bar: Option<&ProgressBar>, line: String) {
    match bar {
        Some(bar) => bar.println(line),
        None => say(line),
    }
}

/// The error with its causes on the standard error, leaving out causes whose text is already part of the message.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut message = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    // As above.
    let _ = writeln!(std::io::stderr().lock(), "error: {message}");
}

/// Fixes the number of threads of every parallel loop.
pub(crate) fn use_threads(threads: Option<u16>) -> Result<()> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.map_or(0, usize::from));
    builder.build_global().context("the threads cannot be started")
}
