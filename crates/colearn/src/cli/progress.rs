//! What a training shows on a terminal while it runs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use colearn_train::{BatchEvent, EpochRecord, Warning};
use indicatif::ProgressBar;

use super::stop::stop_on_signals;
use super::terminal::{self, say, say_above, say_line};
use crate::runs::{Front, percents};

const TEMPLATE: &str = "{bar:16} {percent:>3} %  {eta:>4} left  {wide_msg}";

/// A progress bar on a terminal, otherwise a line an epoch.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    epochs: usize,
    stop: Arc<AtomicBool>,
}

impl Progress {
    /// Of a run that stops when `stop` is raised, which signals do once it trains.
    pub(crate) fn new(stop: Arc<AtomicBool>) -> Self {
        Self { bar: None, epochs: 0, stop }
    }
}

impl Front for Progress {
    fn line(&mut self, line: &str) {
        say_line(line);
    }

    fn text(&mut self, text: &str) {
        say(text);
    }

    fn begin(&mut self, epochs: usize) -> Result<()> {
        stop_on_signals(&self.stop)?;
        (self.bar, self.epochs) = (terminal::bar(None, TEMPLATE), epochs);
        Ok(())
    }

    fn batch(&mut self, event: &BatchEvent) {
        let Some(bar) = &self.bar else { return };
        let done = (event.epoch * event.batches + event.batch) as u64;
        if bar.length().is_none() {
            bar.set_length((self.epochs * event.batches) as u64);
            // The bar starts where the run goes on, so that the time left is that of this process.
            bar.set_position(done.saturating_sub(1));
            bar.reset_eta();
        }
        bar.set_position(done);
        bar.set_message(format!(
            "epoch {}/{}  loss {:.3}  accuracy {:.1} %",
            event.epoch + 1,
            self.epochs,
            event.mean_loss,
            100.0 * event.accuracy
        ));
    }

    fn epoch(&mut self, record: &EpochRecord, improved: bool) {
        let line = epoch_line(record, self.epochs, improved, terminal::width());
        say_above(self.bar.as_ref(), &line);
    }

    fn warning(&mut self, warning: &Warning) {
        let line = format!("warning: {warning}");
        say_above(self.bar.as_ref(), &line);
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// `epoch 3/30  training 0.512, 84.1 %  validation …`, with a star when it is the best one so far. In columns that it would
/// not fit into, words are short, and then activity and time are left out, which `metrics.csv` has.
fn epoch_line(record: &EpochRecord, epochs: usize, improved: bool, columns: Option<usize>) -> String {
    let width = epochs.to_string().len();
    let result = |loss: f64, accuracy: f64| format!("{loss:.3}, {:.1} %", 100.0 * accuracy);
    let training = result(record.train_loss, record.train_accuracy);
    let validation = result(record.validation_loss, record.validation_accuracy);
    let star = if improved { " *" } else { "  " };
    let epoch = format!("epoch {:>width$}/{epochs}", record.epoch + 1);
    let (activity, seconds) = (percents(&record.hidden_rates), format!("{:.1} s", record.seconds));
    let results = format!("{epoch}  train {training}  valid {validation}{star}");
    let forms = [
        format!(
            "{epoch}  training {training}  validation {validation}{star}  activity {activity}  {seconds}"
        ),
        format!("{results}  act. {activity}  {seconds}"),
        format!("{results}  act. {activity}"),
        results,
    ];
    let fits = |line: &&String| columns.is_none_or(|columns| line.chars().count() <= columns);
    let line = forms.iter().find(fits).unwrap_or(&forms[3]);
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> EpochRecord {
        EpochRecord {
            epoch: 3,
            train_loss: 1.686,
            train_accuracy: 0.609,
            validation_loss: 0.514,
            validation_accuracy: 0.75,
            validation_accuracy_unrounded: None,
            hidden_rates: vec![0.054, 0.064],
            learning_rate: 0.001,
            spread: 2.0,
            gradient_norm: 3.0,
            seconds: 0.04,
            samples_per_second: 10.0,
            skipped_batches: 0,
            unstable_units: vec![0, 0],
            waited: Some(0.0625),
        }
    }

    #[test]
    fn a_line_of_an_epoch_fits_into_the_columns_there_are() {
        let whole =
            "epoch  4/30  training 1.686, 60.9 %  validation 0.514, 75.0 % *  activity 5.4 6.4 %  0.0 s";
        let line = |columns| epoch_line(&record(), 30, true, columns);
        assert_eq!(line(None), whole);
        assert_eq!(line(Some(whole.len())), whole);
        assert_eq!(
            line(Some(80)),
            "epoch  4/30  train 1.686, 60.9 %  valid 0.514, 75.0 % *  act. 5.4 6.4 %  0.0 s"
        );
        assert_eq!(line(Some(72)), "epoch  4/30  train 1.686, 60.9 %  valid 0.514, 75.0 % *  act. 5.4 6.4 %");
        assert_eq!(line(Some(60)), "epoch  4/30  train 1.686, 60.9 %  valid 0.514, 75.0 % *");
        // The longest of usual runs.
        let long = EpochRecord {
            epoch: 999,
            train_accuracy: 1.0,
            validation_accuracy: 1.0,
            validation_loss: 15.432,
            hidden_rates: vec![0.123; 3],
            seconds: 1234.5,
            ..record()
        };
        for columns in 60..=120 {
            assert!(epoch_line(&long, 1000, true, Some(columns)).chars().count() <= columns.max(65));
        }
    }
}
