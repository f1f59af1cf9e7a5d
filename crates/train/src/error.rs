//! What can go wrong, always with the file or the key, what was found and what was expected.

use colearn_data::DataError;
use colearn_eval::EvalError;
use colearn_network::NetworkError;
use colearn_store::StoreError;
use thiserror::Error;

/// An error of this crate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A value of the configuration that cannot work.
    #[error("train.{key}: found {found}; expected {expected}")]
    Config {
        /// The key, below `train`.
        key: &'static str,
        /// Its value.
        found: String,
        /// The allowed values.
        expected: &'static str,
    },
    /// A file that cannot be read or written, or is no usable checkpoint.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A checkpoint, or another part of a run, that belongs to something else.
    #[error("{what}: found {found}; expected {expected}")]
    Mismatch {
        /// What differs.
        what: String,
        /// What was given.
        found: String,
        /// What would fit.
        expected: String,
    },
    /// An input, a current, an output, a loss, a gradient or a parameter that is infinite or not a number. The message
    /// counts epochs and batches from 1.
    #[error(
        "epoch {}, batch {}: {what} is {value}; expected a finite number (a smaller train.learning_rate, or clipping with \
         train.clip_norm, often helps; train.on_nonfinite = \"skip\" leaves out single batches; checkpoints of earlier \
         epochs are untouched)",
        .epoch + 1,
        .batch + 1
    )]
    NotFinite {
        /// Epoch, counted from 0.
        epoch: usize,
        /// Batch within the epoch, counted from 0.
        batch: usize,
        /// The first such quantity with its layer or parameter, like `the gradient of hidden0.weight`.
        what: String,
        /// Its value.
        value: f64,
    },
    /// Every batch of an epoch was skipped.
    #[error(
        "epoch {}: all {batches} batches were skipped, since {what} was {value} in the last one; expected a finite number \
         (checkpoints of earlier epochs are untouched)",
        .epoch + 1
    )]
    AllSkipped {
        /// Epoch, counted from 0.
        epoch: usize,
        /// Batches of the epoch.
        batches: usize,
        /// The quantity of the last batch that was not finite.
        what: String,
        /// Its value.
        value: f64,
    },
    /// Neither the last checkpoint nor the one before can be used.
    #[error("{last}; {previous}; expected at least one of the two whole")]
    NoCheckpoint {
        /// What is wrong with the last one.
        last: Box<Self>,
        /// What is wrong with the one before.
        previous: Box<Self>,
    },
    /// Training or evaluation was asked for on a split without samples.
    #[error("{set}: the {split} split is empty; expected at least one sample")]
    EmptySplit {
        /// The data set.
        set: String,
        /// The split.
        split: &'static str,
    },
    /// A sample that cannot be read or changed as asked for.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Another of the processes that train a network together could not make its part of a batch.
    #[error("another part of the batch could not be made; expected all parts (its process says why)")]
    OtherPart,
    /// An error of the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// An error of the evaluation.
    #[error(transparent)]
    Eval(#[from] EvalError),
}
