//! What a run tells while it lasts, how it ends, and where it leaves its checkpoints.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use colearn_store::{FolderLock, Problem, StoreError, read_bounded, write_whole};

use crate::checkpoint::{Checkpoint, FORMAT};
use crate::error::TrainError;
use crate::record::EpochRecord;
use crate::warning::Warning;

/// Whoever watches a run.
pub trait Watcher {
    /// After each batch.
    fn batch(&mut self, _event: &BatchEvent) {}
    /// After each epoch; `improved`: it is the best one so far.
    fn epoch(&mut self, _record: &EpochRecord, _improved: bool) {}
    /// When something is wrong, but not so wrong that the run ends; after the epoch it belongs to.
    fn warning(&mut self, _warning: &Warning) {}
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
#[derive(Debug, Clone)]
pub struct RunFiles {
    /// After the best epoch.
    pub best: PathBuf,
    /// After the latest epoch, or where the run was stopped.
    pub last: PathBuf,
    /// The one that `last` replaced.
    pub previous: PathBuf,
    /// The lock of their folder, where there is one: nothing is written once the folder is another.
    lock: Option<Arc<FolderLock>>,
}

impl RunFiles {
    /// `best.ckpt`, `last.ckpt` and `previous.ckpt` in `folder`.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        let [best, last, previous] =
            ["best.ckpt", "last.ckpt", "previous.ckpt"].map(|name| folder.join(name));
        Self { best, last, previous, lock: None }
    }

    /// The same in the folder that `lock` holds. They are written only while its path leads to that very folder.
    #[must_use]
    pub fn under(lock: &Arc<FolderLock>) -> Self {
        Self { lock: Some(Arc::clone(lock)), ..Self::in_folder(lock.folder()) }
    }

    /// Whether there is anything to go on from.
    #[must_use]
    pub fn exist(&self) -> bool {
        self.last.exists() || self.previous.exists()
    }

    /// The last checkpoint, or the one before if the last is damaged or missing, with what is wrong with the last.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpoint`] when neither can be used, [`TrainError::Store`] when the last one is whole but of
    /// another version: going on from an older one would throw its work away.
    pub fn load(&self) -> Result<(Checkpoint, Option<TrainError>), TrainError> {
        let error = match Checkpoint::load(&self.last) {
            Ok(checkpoint) => return Ok((checkpoint, None)),
            Err(error) => error,
        };
        if matches!(error, TrainError::Store(StoreError::Content { problem: Problem::Version { .. }, .. })) {
            return Err(error);
        }
        match Checkpoint::load(&self.previous) {
            Ok(checkpoint) => Ok((checkpoint, Some(error))),
            Err(other) => Err(TrainError::NoCheckpoint { last: Box::new(error), previous: Box::new(other) }),
        }
    }

    /// Makes the last checkpoint, if there is one, the previous one as well. At every moment both names hold a whole
    /// file.
    pub(crate) fn keep_last(&self) -> Result<(), TrainError> {
        let bytes = match read_bounded(&self.last, FORMAT.most) {
            Ok(bytes) => bytes,
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.write(&self.previous, &bytes)
    }

    /// Looks whether `best` is the best epoch of `checkpoint`, the state of a run that goes on, and otherwise writes it
    /// anew; then the answer says what it was instead. Where the optimiser's state after that epoch is not known any
    /// more, there is none in the file: it can be evaluated, but no run can go on from it.
    ///
    /// # Errors
    /// [`TrainError::Store`] when it cannot be written, [`TrainError::Mismatch`] for a file that is there before the first
    /// epoch and not of this run.
    pub fn restore_best(&self, checkpoint: &Checkpoint) -> Result<Option<String>, TrainError> {
        let found = Checkpoint::load(&self.best);
        let ours = found.as_ref().is_ok_and(|found| found.run == checkpoint.run);
        let Some(best) = checkpoint.best_state() else {
            let free = ours || self.best.symlink_metadata().is_err();
            let what = self.best.display().to_string();
            let (found, expected) = ("a file that is not of this run", "none before the first epoch");
            return if free {
                Ok(None)
            } else {
                Err(TrainError::Mismatch { what, found: found.to_owned(), expected: expected.to_owned() })
            };
        };
        let fault = match &found {
            Err(error) => error.to_string(),
            Ok(_) if !ours => format!("{}: of another run", self.best.display()),
            Ok(found) if found.epoch != best.epoch || found.network != best.network => {
                format!("{}: of epoch {}; the best one is {}", self.best.display(), found.epoch, best.epoch)
            }
            Ok(_) => return Ok(None),
        };
        self.save(&self.best, &best)?;
        Ok(Some(fault))
    }

    /// Writes one of the files whole.
    pub(crate) fn save(&self, path: &Path, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        self.write(path, &FORMAT.encode(checkpoint))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
        match &self.lock {
            Some(lock) => lock.write(path.file_name().unwrap_or_default(), bytes)?,
            None => write_whole(path, bytes)?,
        }
        Ok(())
    }
}
