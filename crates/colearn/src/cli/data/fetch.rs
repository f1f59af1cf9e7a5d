//! `data fetch`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use colearn_fetch::{Client, ClientConfig, LeastRate, Progress, Retries, fetch_set};
use indicatif::ProgressBar;

use super::cli::FetchArgs;
use super::manifest;
use crate::cli::terminal::{self, say, say_line, shown};

const TEMPLATE: &str = "{bar:16} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left  {wide_msg}";
/// For a file whose size nobody states.
const OPEN_TEMPLATE: &str = "{spinner} {bytes}  {bytes_per_sec}  {wide_msg}";

pub(crate) fn run(args: &FetchArgs) -> Result<ExitCode> {
    let manifest = manifest(&args.place)?;
    let set = manifest.set(&args.name)?;
    let patience = Duration::from_secs(args.patience);
    let client = Client::new(&ClientConfig {
        ca: args.ca.clone(),
        patience,
        least_rate: LeastRate { bytes: args.least_rate, window: patience },
        largest: args.largest,
        ..ClientConfig::default()
    })?;
    fetch_set(&client, set, &args.place.root, Retries::default(), &mut Bar::default())?;
    say(format!("licence: {}\ncite: {}", set.licence, set.citation()));
    if !set.files.is_empty() {
        say_line(format!("the data: {}", args.place.root.join(&set.name).join(&set.folder).display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// A bar on a terminal; notes become lines in any case.
#[derive(Default)]
struct Bar {
    bar: Option<ProgressBar>,
}

impl Progress for Bar {
    fn begin(&mut self, file: &str, done: u64, total: Option<u64>) {
        self.end();
        let template = if total.is_some() { TEMPLATE } else { OPEN_TEMPLATE };
        let Some(bar) = terminal::bar(total, template) else { return };
        bar.set_message(shown::line(file).into_owned());
        // What an earlier run has loaded says nothing about the rate of this one.
        bar.set_position(done);
        bar.reset_eta();
        self.bar = Some(bar);
    }

    fn reached(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn note(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say_line(line)),
            None => say_line(line),
        }
    }
}
