//! What can go wrong, always with the file or the key, what was found and what was expected.

use std::path::{Path, PathBuf};

use colearn_eval::EvalError;
use colearn_network::NetworkError;
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
    /// The operating system refused to read or write a file.
    #[error("{}: cannot be {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried: `read`, `written` ...
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is not a usable checkpoint.
    #[error("{}: {problem}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: CheckpointProblem,
    },
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
    /// A loss or a gradient that is infinite or not a number.
    #[error(
        "epoch {epoch}, batch {batch}: the {what} is {value}; expected a finite number (a smaller \
         train.learning_rate, or clipping with train.clip_norm, often helps; checkpoints of earlier epochs are untouched)"
    )]
    NotFinite {
        /// Epoch, counted from 0.
        epoch: usize,
        /// Batch within the epoch, counted from 0.
        batch: usize,
        /// The quantity.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// Training or evaluation was asked for on a split without samples.
    #[error("{set}: the {split} split is empty; expected at least one sample")]
    EmptySplit {
        /// The data set.
        set: String,
        /// The split.
        split: &'static str,
    },
    /// An error of the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// An error of the evaluation.
    #[error(transparent)]
    Eval(#[from] EvalError),
}

impl TrainError {
    pub(crate) fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), action, source }
    }
}

/// What is wrong with a checkpoint file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckpointProblem {
    /// The file does not start with the magic bytes.
    #[error("not a checkpoint: the first bytes are {found:02x?}; expected {expected:02x?}")]
    Magic {
        /// The first bytes, at most eight.
        found: Vec<u8>,
        /// The magic bytes.
        expected: Vec<u8>,
    },
    /// The file was written by a later version.
    #[error("checkpoint format {found}; this version reads format {expected}")]
    Version {
        /// Format of the file.
        found: u32,
        /// The only format this version reads.
        expected: u32,
    },
    /// The file ends too early or too late.
    #[error("{} checkpoint: found {found} bytes; expected {expected}", if found < expected { "truncated" } else { "overlong" })]
    Length {
        /// Length of the file, in bytes.
        found: u64,
        /// Length its header asks for, in bytes.
        expected: u64,
    },
    /// The body is not what was written.
    #[error("damaged checkpoint: the SHA-256 of the body is {found}; expected {expected}")]
    Checksum {
        /// Checksum of the body found, in hexadecimal digits.
        found: String,
        /// Checksum in the header, in hexadecimal digits.
        expected: String,
    },
    /// The body is whole but does not hold a checkpoint.
    #[error("the body of the checkpoint does not decode: {reason}")]
    Body {
        /// The codec's reason.
        reason: String,
    },
}
