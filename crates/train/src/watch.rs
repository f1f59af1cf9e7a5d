//! What a run tells while it lasts, how it ends, and where it leaves its checkpoints.

use std::path::{Path, PathBuf};

use crate::record::EpochRecord;

/// Whoever watches a run.
pub trait Watcher {
    /// After each batch.
    fn batch(&mut self, _event: &BatchEvent) {}
    /// After each epoch; `improved`: it is the best one so far.
    fn epoch(&mut self, _record: &EpochRecord, _improved: bool) {}
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Watcher for Silent {}

/// The state after a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchEvent {
    /// Epoch, counted from 0.
    pub epoch: usize,
    /// Batches of this epoch that are done.
    pub batch: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// Mean loss of this batch, in nats.
    pub loss: f64,
    /// Mean loss of the epoch so far, in nats.
    pub mean_loss: f64,
    /// Training accuracy of the epoch so far.
    pub accuracy: f64,
    /// Norm of all gradients together, before clipping.
    pub gradient_norm: f64,
    /// Learning rate of the weights in this step.
    pub learning_rate: f64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// There was no better epoch for as long as the configuration allows.
    EarlyStopped,
    /// The stop flag was raised; the run can go on from its last checkpoint.
    Stopped,
}

/// The checkpoint files of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFiles {
    /// After the best epoch.
    pub best: PathBuf,
    /// After the latest epoch, or where the run was stopped.
    pub last: PathBuf,
}

impl RunFiles {
    /// `best.ckpt` and `last.ckpt` in `folder`.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { best: folder.join("best.ckpt"), last: folder.join("last.ckpt") }
    }
}
