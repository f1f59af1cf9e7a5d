//! The one door to the user: everything on the standard output and the standard error goes through here.
//!
//! Nothing from outside reaches a terminal as an instruction (`colearn_store::shown`). A closed pipe is no reason to stop
//! a training, so what nobody reads is dropped; what a full disk loses is remembered, and `lost` tells it when the
//! program ends.

pub(crate) mod shown;

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// What a shell reports of a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why the standard output took no more.
static LOST: OnceLock<String> = OnceLock::new();

/// A line on the standard output, or the lines of a table. On a terminal long lines are broken between words.
pub fn say(text: impl std::fmt::Display) {
    let text = text.to_string();
    let text = shown::lines(&text);
    match width() {
        Some(width) => put(&shown::wrapped(&text, width)),
        None => put(&text),
    }
}

/// A line with names in it that may hold anything, breaks of lines too.
pub fn say_line(line: impl std::fmt::Display) {
    say(shown::line(&line.to_string()));
}

/// JSON on the standard output, to the last character of its strings.
pub fn say_json(text: &str) {
    put(&shown::json(text));
}

/// Text on the standard output as it is: what a program reads.
pub fn put(text: &str) {
    let mut output = std::io::stdout().lock();
    let written = writeln!(output, "{text}").and_then(|()| output.flush());
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

/// Why something said is not where the standard output leads to; `None` if all of it is, or if its reader went away.
pub(crate) fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Columns of the terminal that the standard output is.
pub(crate) fn width() -> Option<usize> {
    let terminal = console::Term::stdout();
    let size = std::io::stdout().is_terminal().then(|| terminal.size_checked()).flatten();
    // A terminal that does not know its size says 0.
    size.map(|(_, columns)| usize::from(columns)).filter(|columns| *columns > 0)
}

/// A bar of `length` steps, or of a number that is not known; `None` where none can be drawn: without a terminal, and on
/// one that only takes lines. What is said above the bar is then said as a line.
pub(crate) fn bar(length: Option<u64>, template: &str) -> Option<ProgressBar> {
    let terminals = [std::io::stdout().is_terminal(), std::io::stderr().is_terminal()];
    if !draws(terminals, console::is_dumb()) {
        return None;
    }
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    (!bar.is_hidden()).then_some(bar)
}

/// Whether a bar can be drawn. Both outputs must be terminals: lines are said on the one, the bar is drawn on the other.
fn draws(terminals: [bool; 2], is_dumb: bool) -> bool {
    terminals == [true; 2] && !is_dumb
}

/// A line above the bar, or on the standard output where there is none.
pub(crate) fn say_above(bar: Option<&ProgressBar>, line: &str) {
    match bar {
        Some(bar) => {
            let line = shown::line(line);
            bar.println(width().map_or_else(|| line.to_string(), |width| shown::wrapped(&line, width)));
        }
        None => say_line(line),
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
    // Nobody is left to be told if this fails.
    let _ = writeln!(std::io::stderr().lock(), "error: {}", shown::line(&message));
}

/// What the parser of the command line says, its help included: as it is, with its colours, unless an argument that it
/// repeats holds instructions to a terminal.
pub(crate) fn say_usage(answer: &clap::Error) {
    let repeats_orders = |argument: std::ffi::OsString| {
        let argument = argument.to_string_lossy();
        shown::line(&argument) != argument
    };
    if std::env::args_os().any(repeats_orders) {
        // Without its colours, which are orders too.
        let text = answer.render().to_string();
        let _ = writeln!(std::io::stderr().lock(), "{}", shown::lines(text.trim_end()));
    } else if answer.use_stderr() {
        let _ = answer.print();
    } else if let Err(error) = answer.print().and_then(|()| std::io::stdout().flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

/// Fixes the number of threads of every parallel loop.
///
/// # Errors
/// When the threads cannot be started.
pub fn use_threads(threads: Option<u16>) -> Result<()> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.map_or(0, usize::from));
    builder.build_global().context("the threads cannot be started")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_drawn_only_where_it_can_be_taken_back() {
        assert!(draws([true, true], false));
        for (terminals, is_dumb) in
            [([true, false], false), ([false, true], false), ([false, false], false), ([true, true], true)]
        {
            assert!(!draws(terminals, is_dumb), "{terminals:?}, dumb {is_dumb}");
        }
    }
}
