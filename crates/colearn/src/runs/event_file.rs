//! The event file of a run, for TensorBoard: `events.out.tfevents.<seconds since 1970>.colearn`.
//!
//! It grows by one record an epoch, so that TensorBoard can follow. A run that goes on begins a new file with the epochs
//! before and removes the old one, so that no epoch stands there twice, and no half a record of a process that was killed.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use colearn_eval::events;
use colearn_train::EpochRecord;

use crate::runs::run_folder::{HeldFolder, event_file, event_files};

/// An event file that is being written.
pub(crate) struct EventFile {
    path: PathBuf,
    file: File,
    selecting: &'static str,
}

impl EventFile {
    /// Begins the file of a run whose epochs so far are `history`.
    pub(crate) fn begin(folder: &HeldFolder, history: &[EpochRecord]) -> Result<Self> {
        folder.check()?;
        for old in event_files(folder.path()) {
            std::fs::remove_file(&old).with_context(|| format!("{}: cannot be removed", old.display()))?;
        }
        let now = seconds_since_1970();
        let spent: f64 = history.iter().map(|record| record.seconds).sum();
        let mut bytes = events::opening(now - spent);
        let mut then = now - spent;
        for record in history {
            then += record.seconds;
            bytes.extend(event(record, folder.selecting(), then));
        }
        let path = folder.file(&event_file(now));
        let failed = || format!("{}: cannot be written", path.display());
        let mut file = File::create_new(&path).with_context(failed)?;
        file.write_all(&bytes).with_context(failed)?;
        Ok(Self { path, file, selecting: folder.selecting() })
    }

    /// Adds an epoch.
    pub(crate) fn add(&mut self, folder: &HeldFolder, record: &EpochRecord) -> Result<()> {
        folder.check()?;
        let bytes = event(record, self.selecting, seconds_since_1970());
        self.file.write_all(&bytes).with_context(|| format!("{}: cannot be written", self.path.display()))
    }
}

/// The numbers of an epoch, whose step is its number counted from 1.
fn event(record: &EpochRecord, selecting: &str, wall_time_s: f64) -> Vec<u8> {
    let mut values = vec![
        ("loss/train".to_owned(), record.train_loss),
        (format!("loss/{selecting}"), record.validation_loss),
        ("accuracy/train".to_owned(), record.train_accuracy),
        (format!("accuracy/{selecting}"), record.validation_accuracy),
        ("learning_rate".to_owned(), record.learning_rate),
        ("spread".to_owned(), record.spread),
        ("gradient_norm".to_owned(), record.gradient_norm),
        ("samples_per_second".to_owned(), record.samples_per_second),
    ];
    values.extend(
        record.validation_accuracy_unrounded.map(|value| (format!("accuracy/{selecting}_unrounded"), value)),
    );
    let rates = record.hidden_rates.iter().enumerate();
    values.extend(rates.map(|(layer, rate)| (format!("rate/hidden{layer}"), *rate)));
    let values: Vec<(&str, f64)> = values.iter().map(|(tag, value)| (tag.as_str(), *value)).collect();
    events::scalars(wall_time_s, record.epoch as u64 + 1, &values)
}

fn seconds_since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
