//! What can be wrong with the data handed to this crate.

use thiserror::Error;

/// Why a batch could not be counted. Nothing of a refused batch is kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The scores have another number of columns than there are classes.
    #[error("scores: found {found} columns, expected one for each of the {expected} classes")]
    Classes {
        /// Columns in the batch.
        found: usize,
        /// Classes of the evaluation.
        expected: usize,
    },
    /// Scores and labels are about different numbers of samples.
    #[error("labels: found {labels}, expected one for each of the {samples} rows of scores")]
    Batch {
        /// Number of labels.
        labels: usize,
        /// Rows of the scores.
        samples: usize,
    },
    /// A label names no class.
    #[error("label of sample {sample}: found {label}, expected less than {classes}")]
    Label {
        /// Row of the batch.
        sample: usize,
        /// The label found there.
        label: usize,
        /// Classes of the evaluation.
        classes: usize,
    },
    /// A spike array has another number of units than the layer.
    #[error("spikes: found {found} units in an array (T, B, N), expected {expected}")]
    Units {
        /// Length of the last axis.
        found: usize,
        /// Units of the layer.
        expected: usize,
    },
    /// An archive of arrays would not fit into its own numbers.
    #[error("an archive of arrays: found more than 4 GiB or 65,535 arrays, expected less")]
    ArchiveTooLarge,
}
