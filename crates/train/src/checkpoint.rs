//! Checkpoint files: everything a run needs to go on, or to be evaluated, as if it had never stopped.
//!
//! The file is an envelope of [`colearn_store`] (magic bytes, version, length, SHA-256) around the serialised
//! [`Checkpoint`], replaced as a whole, so that at every moment the name holds either the previous checkpoint or the new
//! one.

use std::path::Path;

use colearn_data::{DataFacts, Normaliser};
use colearn_network::NetworkState;
use colearn_optim::{OptimiserState, ScheduleState};
use colearn_store::Format;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::identity::RunId;
use crate::record::{Best, EpochProgress, EpochRecord, Times};

/// The envelope of a checkpoint file.
pub const FORMAT: Format =
    Format { magic: *b"\x89colearn", version: 5, oldest: 2, what: "checkpoint", most: 8 << 30 };

/// The state of a run between two batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The resolved experiment as TOML text, so that the file can be used alone.
    pub experiment: String,
    /// Name of the data set.
    pub dataset: String,
    /// Names of its classes, in the order of the labels.
    pub classes: Vec<String>,
    /// Input channels.
    pub channels: usize,
    /// Sequence length in steps.
    pub steps: usize,
    /// Statistics the inputs were standardised with.
    pub normaliser: Normaliser,
    /// Seed of the run.
    pub seed: u64,
    /// Parameters and running statistics.
    pub network: NetworkState<f32>,
    /// Parameters and running statistics before the first step, to show what training changed.
    pub initial: NetworkState<f32>,
    /// Moving means of the optimiser.
    pub optimiser: OptimiserState<f32>,
    /// Schedule of the learning rate.
    pub schedule: ScheduleState,
    /// Schedule of the learning rate of the delays.
    pub delay_schedule: ScheduleState,
    /// The epoch to go on with, counted from 0.
    pub epoch: usize,
    /// What the epoch has seen so far.
    pub progress: EpochProgress,
    /// The finished epochs.
    pub history: Vec<EpochRecord>,
    /// The best epoch so far and its network.
    pub best: Option<Best>,
    /// Epochs since the best one.
    pub waiting: usize,
    /// The run that this is a state of; `None` where nobody named it, and in files of format 2.
    pub run: Option<RunId>,
    /// Rate, front end and fingerprints of the data; `None` in files of formats 2 and 3, which knew nothing of them.
    pub facts: Option<DataFacts>,
    /// Where the time went; `None` in files of formats 2 to 4.
    pub times: Option<Times>,
}

impl Checkpoint {
    /// The state after the best epoch, as far as this one tells: the present one, or that epoch's network without a state of
    /// the optimiser. `None` before the first epoch.
    pub(crate) fn best_state(&self) -> Option<Self> {
        let best = self.best.as_ref()?;
        let epoch = best.epoch.saturating_add(1);
        if self.epoch == epoch && self.progress.batches == 0 {
            return Some(self.clone());
        }
        let mut state = self.clone();
        state.network.clone_from(&best.network);
        state.optimiser = OptimiserState { steps: 0, first: Vec::new(), second: Vec::new() };
        state.history.truncate(epoch);
        (state.epoch, state.progress, state.waiting) = (epoch, EpochProgress::default(), 0);
        if let Some(times) = &mut state.times {
            times.waited.truncate(epoch);
            times.waiting = state.progress.waited;
        }
        Some(state)
    }

    /// Writes the file `path` so that a crash at any moment leaves either the old file or the new one.
    ///
    /// # Errors
    /// [`TrainError::Store`] when the system refuses.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        Ok(FORMAT.save(path, self)?)
    }

    /// Reads the file `path`.
    ///
    /// # Errors
    /// [`TrainError::Store`] when the file cannot be read or is not a whole checkpoint of this format.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let mut checkpoint: Self = FORMAT.load(path)?;
        let (waited, waiting) =
            checkpoint.times.as_ref().map_or((&[][..], None), |times| (&times.waited[..], times.waiting));
        let waited = waited.iter().copied().chain(std::iter::repeat(None));
        checkpoint.history.iter_mut().zip(waited).for_each(|(record, waited)| record.waited = waited);
        checkpoint.progress.waited = waiting;
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests;
