//! The readers that are tried, each behind one trait.

mod audio;
mod cache;
mod checkpoint;
mod config;
mod fetched;
mod spikes;
mod text;
mod words;

use std::io;
use std::path::Path;

use crate::mutate::Form;

/// What a reader made of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It took it, and what it made of it could be used.
    Accepted,
    /// It refused it, with this message.
    Refused(String),
}

impl<T, E: std::fmt::Display> From<Result<T, E>> for Outcome {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::Accepted,
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

/// A reader of outside data.
pub trait Target {
    /// Short name, for the command line and reports.
    fn name(&self) -> &'static str;

    /// What kind of input it takes.
    fn form(&self) -> Form;

    /// Good inputs, at least one, the same at every call and on every machine.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// Reads `input`, through a file in `scratch` where the reader wants one, and uses what was read as a program
    /// would. Anything but a return is a defect.
    fn run(&self, input: &[u8], scratch: &Path) -> Outcome;
}

/// Every target. `scratch` is an empty folder where they keep the files that do not change from case to case.
///
/// A new reader goes here: one line, and its file in this folder.
///
/// # Errors
/// When a file cannot be written to `scratch`.
pub fn all(scratch: &Path) -> io::Result<Vec<Box<dyn Target>>> {
    Ok(vec![
        Box::new(audio::Wav),
        Box::new(audio::Flac),
        Box::new(words::List::new(scratch)?),
        Box::new(words::Config::new(scratch)?),
        Box::new(config::Network),
        Box::new(config::Train),
        Box::new(checkpoint::Resume::new()),
        Box::new(checkpoint::Fields::new()),
        Box::new(spikes::File),
        Box::new(spikes::Encoders),
        Box::new(words::Published::new(scratch)?),
        Box::new(cache::Features::new(scratch)?),
        Box::new(fetched::Archive),
        Box::new(fetched::Tar),
        Box::new(fetched::Sets),
        Box::new(fetched::Sums),
        Box::new(fetched::List),
        Box::new(fetched::Answers),
        Box::new(text::Shown),
    ])
}
