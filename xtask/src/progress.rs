//! What a training shows while it runs, and the file of figures that grows with it.

use std::sync::atomic::AtomicBool;

use anyhow::Result;
use colearn_network::BASELINE_NAMES;
use colearn_train::{BatchEvent, EpochRecord, Warning, Watcher};
use indicatif::{ProgressBar, ProgressStyle};

use crate::plan::Records;
use crate::terminal::{on_terminal, say_above};

const TEMPLATE: &str = "{bar:24} {percent:>3} %  {msg}  {eta} left";

/// A progress bar on a terminal, otherwise a line an epoch; the files of the run in both cases.
pub(crate) struct Progress<'a> {
    bar: Option<ProgressBar>,
    epochs: usize,
    records: Records<'a>,
    stop: &'a AtomicBool,
}

impl<'a> Progress<'a> {
    /// Watches a run of `epochs` epochs, of which those in `records` are done.
    pub(crate) fn new(epochs: usize, records: Records<'a>, stop: &'a AtomicBool) -> Self {
        let shown = on_terminal();
        Self { bar: shown.then(ProgressBar::no_length), epochs, records, stop }
    }

    /// Takes the bar away and tells whether everything could be written.
    pub(crate) fn finish(self) -> Result<()> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.records.finish()
    }

    fn rates(&self) -> String {
        self.records
            .history()
            .last()
            .map_or_else(String::new, |record| format!("  activity {}", percents(&record.hidden_rates)))
    }
}

impl Watcher for Progress<'_> {
    fn batch(&mut self, event: &BatchEvent) {
        let rates = self.rates();
        let Some(bar) = &self.bar else { return };
        let done = (event.epoch * event.batches + event.batch) as u64;
        if bar.length().is_none() {
            bar.set_length((self.epochs * event.batches) as u64);
            // The bar starts where the run goes on, so that the time left is that of this process.
            bar.set_position(done.saturating_sub(1));
            bar.reset_eta();
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
        }
        bar.set_position(done);
        bar.set_message(format!(
            "epoch {}/{}  loss {:.3}  accuracy {:.1} %{rates}",
            event.epoch + 1,
            self.epochs,
            event.mean_loss,
            100.0 * event.accuracy
        ));
    }

    fn epoch(&mut self, record: &EpochRecord, improved: bool) {
        let line = epoch_line(record, self.epochs, improved);
        say_above(self.bar.as_ref(), line);
        self.records.add(record, self.stop);
    }

    fn warning(&mut self, warning: &Warning) {
        let line = format!("warning: {warning}");
        say_above(self.bar.as_ref(), line);
    }
}

/// `epoch 3/30  training 0.512 84.1 %  validation …`, with a star when it is the best one so far.
fn epoch_line(record: &EpochRecord, epochs: usize, improved: bool) -> String {
    let width = epochs.to_string().len();
    format!(
        "epoch {:>width$}/{epochs}  training {:.3}, {:.1} %  validation {:.3}, {:.1} %{}  activity {}  {:.1} s",
        record.epoch + 1,
        record.train_loss,
        100.0 * record.train_accuracy,
        record.validation_loss,
        100.0 * record.validation_accuracy,
        if improved { " *" } else { "  " },
        percents(&record.hidden_rates),
        record.seconds
    )
}

/// What the hidden layers of a model do, in words: rates, or mean outputs where there are no spikes.
pub(crate) fn activity(model: &str, rates: &[f64]) -> String {
    if !BASELINE_NAMES.contains(&model) {
        return format!("rates of the hidden layers {}", percents(rates));
    }
    let texts: Vec<String> = rates.iter().map(|mean| format!("{mean:.3}")).collect();
    format!("mean |output| of the hidden layers {}", texts.join(" "))
}

/// Rates in spikes per 100 steps.
pub(crate) fn percents(rates: &[f64]) -> String {
    let texts: Vec<String> = rates.iter().map(|rate| format!("{:.1}", 100.0 * rate)).collect();
    format!("{} %", texts.join(" "))
}
