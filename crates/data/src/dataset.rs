//! What a reader gives: utterances, splits and the facts about them.

use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::facts::DataFacts;
use crate::prepare::{Pad, Preparation};
use crate::spike_file::SpikeFile;
use crate::{DataError, Normaliser, Spikes};

/// One utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What is heard.
    pub content: Content,
    /// Index into [`Dataset::classes`].
    pub label: usize,
    /// Who says it.
    pub speaker: String,
    /// Name of the clip, unique within the set.
    pub id: String,
}

/// What is heard, before it is prepared for a network.
#[derive(Debug, Clone)]
pub enum Content {
    /// Features of a front end, neither cut, padded nor standardised.
    Features {
        /// Shape (steps, channels).
        values: Array2<f32>,
        /// Mean square of the sound's samples, which noise at a ratio to the signal needs.
        power: f32,
    },
    /// Spikes.
    Spikes(Spikes),
    /// Spikes that stay in their file until a batch asks for them.
    Stored {
        /// The file.
        file: Arc<SpikeFile>,
        /// The sample in it.
        index: usize,
    },
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Features { values: a, power: p }, Self::Features { values: b, power: q }) => {
                a == b && p.to_bits() == q.to_bits()
            }
            (Self::Spikes(a), Self::Spikes(b)) => a == b,
            (Self::Stored { file: a, index: i }, Self::Stored { file: b, index: j }) => {
                Arc::ptr_eq(a, b) && i == j
            }
            _ => false,
        }
    }
}

/// The utterances of one purpose, and how they are prepared for a network.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Split {
    /// In the reader's order, which does not depend on the machine.
    pub samples: Vec<Sample>,
    pub(crate) preparation: Arc<Preparation>,
    /// Most steps of a sample that is still in its file, found when the file was checked.
    pub(crate) longest_stored: usize,
}

impl Split {
    /// Samples and how they are prepared.
    #[must_use]
    pub fn new(samples: Vec<Sample>, preparation: Arc<Preparation>) -> Self {
        Self { samples, preparation, longest_stored: 0 }
    }

    /// Samples of features that a network takes as they are.
    #[must_use]
    pub fn as_they_are(samples: Vec<Sample>) -> Self {
        Self::new(samples, Arc::default())
    }

    /// The same samples in batches of this length.
    #[must_use]
    pub fn padded(mut self, pad: Pad) -> Self {
        Arc::make_mut(&mut self.preparation).pad = pad;
        self
    }

    /// How the samples are prepared.
    #[must_use]
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

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

    /// Sample `index` as a network gets it, shape (steps, channels) with at most `steps` steps, not padded.
    ///
    /// # Errors
    /// [`DataError`] when the sample is still in a file that cannot be read any more.
    ///
    /// # Panics
    /// When there is no such sample.
    #[track_caller]
    pub fn features(&self, index: usize, steps: usize) -> Result<Array2<f32>, DataError> {
        self.preparation.features(&self.samples[index].content, steps, None)
    }

    /// Steps of the longest batch for a sequence length of `steps`: that length, or that of the longest sample where batches
    /// are as long as their longest sample.
    #[must_use]
    pub fn batch_steps(&self, steps: usize) -> usize {
        if self.preparation.pad == Pad::Fixed {
            return steps;
        }
        let rows = |sample: &Sample| match (&sample.content, &self.preparation.binning) {
            (Content::Features { values, .. }, _) => values.nrows(),
            (Content::Spikes(spikes), Some(binning)) => binning.rows(spikes),
            (Content::Spikes(_), None) | (Content::Stored { .. }, _) => self.longest_stored,
        };
        self.samples.iter().map(rows).max().unwrap_or(0).clamp(1, steps.max(1))
    }

    /// The spikes of sample `index`; `None` if it has features instead.
    ///
    /// # Errors
    /// [`DataError`] when the sample is still in a file that cannot be read any more.
    ///
    /// # Panics
    /// When there is no such sample.
    #[track_caller]
    pub fn spikes(&self, index: usize) -> Result<Option<Spikes>, DataError> {
        match &self.samples[index].content {
            Content::Features { .. } => Ok(None),
            Content::Spikes(spikes) => Ok(Some(spikes.clone())),
            Content::Stored { file, index } => self.preparation.read(file, *index).map(Some),
        }
    }

    /// Input channels of sample `index` as a network gets it.
    ///
    /// # Panics
    /// When there is no such sample.
    #[must_use]
    #[track_caller]
    pub fn channels(&self, index: usize) -> usize {
        self.preparation.channels(&self.samples[index].content)
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

/// What a result on this set may be called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Selection on a validation split, one look at the test split.
    #[default]
    Clean,
    /// There is no test split: results are those of the validation split, which also selects.
    NoTest,
    /// The test split selects, as in much published work on SHD: results are optimistic and must say so.
    SelectedOnTest,
}

impl Protocol {
    /// The split that selects, by the name it must have in tables.
    #[must_use]
    pub fn selecting_split(self) -> &'static str {
        if self == Self::SelectedOnTest { "test (selects)" } else { "validation" }
    }

    /// What every output must say about such results; nothing where there is nothing to say.
    #[must_use]
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Clean => None,
            Self::NoTest => Some(
                "this data set has no test split; the validation result, which chose the epoch, is reported",
            ),
            Self::SelectedOnTest => Some(
                "no validation split: the TEST split chose the epoch, as in the published protocol; the result is optimistic",
            ),
        }
    }
}

/// A set, ready for a [`Loader`](crate::Loader).
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Name for reports.
    pub name: String,
    /// Names of the classes; labels are indices into this list.
    pub classes: Vec<String>,
    /// Input channels of every utterance as a network gets it.
    pub channels: usize,
    /// What a channel is, for figures.
    pub channel_label: &'static str,
    /// Seconds from one step to the next.
    pub step_s: f64,
    /// The sequence length T that the configuration asks for.
    pub steps: usize,
    /// To fit parameters.
    pub train: Split,
    /// To select among epochs and settings.
    pub validation: Split,
    /// To report on, once. `None`: see `protocol`.
    pub test: Option<Split>,
    /// What results on this set may be called.
    pub protocol: Protocol,
    /// The statistics the features are standardised with; the identity for spikes.
    pub normaliser: Normaliser,
    /// Rate, front end and fingerprints of the splits; nothing for data that were put together by hand.
    pub facts: DataFacts,
    /// Lines worth telling the user: the rule of the split, counts that differ from the published set, files left out.
    pub notes: Vec<String>,
}

impl Dataset {
    /// The splits there are, by name.
    pub fn splits(&self) -> impl Iterator<Item = (&'static str, &Split)> {
        [("train", Some(&self.train)), ("validation", Some(&self.validation)), ("test", self.test.as_ref())]
            .into_iter()
            .filter_map(|(name, split)| split.map(|split| (name, split)))
    }
}
