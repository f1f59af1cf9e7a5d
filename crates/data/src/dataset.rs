//! What a reader gives: utterances, splits and the facts about them.

use ndarray::Array2;

use crate::Normaliser;

/// One utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Normalised log-mel features, shape (steps, channels), neither cut nor padded.
    pub features: Array2<f32>,
    /// Index into [`Dataset::classes`].
    pub label: usize,
    /// Who says it.
    pub speaker: String,
    /// Name of the clip, unique within the set.
    pub id: String,
}

/// The utterances of one purpose.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Split {
    /// In the reader's order, which does not depend on the machine.
    pub samples: Vec<Sample>,
}

impl Split {
    /// Number of utterances.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Utterances of each of `classes` classes.
    ///
    /// # Panics
    /// When a label is not below `classes`.
    #[must_use]
    #[track_caller]
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for sample in &self.samples {
            assert!(
                sample.label < classes,
                "label {} of {:?} against {classes} classes",
                sample.label,
                sample.id
            );
            counts[sample.label] += 1;
        }
        counts
    }
}

/// A set, ready for a [`Loader`](crate::Loader).
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Name for reports.
    pub name: String,
    /// Names of the classes; labels are indices into this list.
    pub classes: Vec<String>,
    /// Channels (mel bands) of every utterance.
    pub channels: usize,
    /// Seconds from one step to the next.
    pub step_s: f64,
    /// The fixed sequence length T that the configuration asks for.
    pub steps: usize,
    /// To fit parameters.
    pub train: Split,
    /// To select among epochs and settings.
    pub validation: Split,
    /// To report on, once. `None`: the set has no test list, and a report must say so.
    pub test: Option<Split>,
    /// The statistics the features were standardised with.
    pub normaliser: Normaliser,
    /// Lines worth telling the user: the rule of the split, counts that differ from the published set, files left out.
    pub notes: Vec<String>,
}
