//! From what a set holds to what a network gets: the one place where samples are binned, standardised and changed.
//!
//! Features: \[noise at a ratio to the signal\] → utterance mean off → standardised → \[shifts, masks, noise\].
//! Spikes: \[jitter, drops, channel shift\] → binned → \[time shift, masks, noise\]. What is in brackets happens in
//! training only, see [`Augmentation`].

use std::sync::Arc;

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::augment::Augmentation;
use crate::binning::Binning;
use crate::noise::LazyNoise;
use crate::normaliser::subtract_mean;
use crate::spike_file::SpikeFile;
use crate::{Content, DataError, Normaliser, Spikes};

/// How long the sequences of a batch are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pad {
    /// Always the configured number of steps.
    #[default]
    Fixed,
    /// As long as the longest sample of the batch, at most the configured number of steps. Results then depend on
    /// which samples share a batch.
    Longest,
}

/// How samples become what a network gets.
#[derive(Debug, Clone, Default)]
pub struct Preparation {
    /// For spikes: how they become steps.
    pub(crate) binning: Option<Binning>,
    /// For features: whether each utterance's own mean is taken from every channel.
    pub(crate) subtract_mean: bool,
    /// For features: the statistics they are standardised with.
    pub(crate) normaliser: Option<Normaliser>,
    /// For features: what noise looks like to the front end.
    pub(crate) noise: Option<Arc<LazyNoise>>,
    /// How long the sequences of a batch are.
    pub(crate) pad: Pad,
}

/// The noise follows from the set's sounds and front end, so it decides nothing.
impl PartialEq for Preparation {
    fn eq(&self, other: &Self) -> bool {
        let parts =
            |p: &Self| (p.binning.clone(), p.subtract_mean, p.normaliser.clone(), p.pad, p.noise.is_some());
        parts(self) == parts(other)
    }
}

/// The changes of one sample in one epoch.
pub(crate) struct Draw<'a> {
    pub(crate) augmentation: &'a Augmentation,
    pub(crate) rng: ChaCha8Rng,
}

impl Preparation {
    /// How spikes become steps; `None` for features.
    #[must_use]
    pub fn binning(&self) -> Option<&Binning> {
        self.binning.as_ref()
    }

    /// What a network gets of `content`: shape (at most `steps` steps, channels).
    pub(crate) fn features(
        &self,
        content: &Content,
        steps: usize,
        draw: Option<Draw<'_>>,
    ) -> Result<Array2<f32>, DataError> {
        match content {
            Content::Features { values, power } => Ok(self.standardised(values, *power, steps, draw)),
            Content::Spikes(spikes) => Ok(self.binned(spikes, steps, draw)),
            Content::Stored { file, index } => Ok(self.binned(&self.read(file, *index)?, steps, draw)),
        }
    }

    fn standardised(
        &self,
        values: &Array2<f32>,
        power: f32,
        steps: usize,
        mut draw: Option<Draw<'_>>,
    ) -> Array2<f32> {
        let mut features = values.as_standard_layout().into_owned();
        if let (Some(draw), Some(noise)) = (&mut draw, &self.noise)
            && draw.augmentation.noise_snr_db.is_some()
        {
            draw.augmentation.add_noise(&mut features, power, noise.bank(), &mut draw.rng);
        }
        if self.subtract_mean {
            subtract_mean(&mut features);
        }
        if let Some(normaliser) = &self.normaliser {
            normaliser.apply(&mut features);
        }
        match draw {
            Some(mut draw) => draw.augmentation.change_features(&features, steps, &mut draw.rng),
            None => cut(features, steps),
        }
    }

    fn binned(&self, spikes: &Spikes, steps: usize, draw: Option<Draw<'_>>) -> Array2<f32> {
        let binning = self.binning.as_ref().expect("a set of spikes says how they become steps");
        match draw {
            Some(mut draw) => draw.augmentation.change_spikes(spikes, binning, steps, &mut draw.rng),
            None => binning.bin(spikes, steps).values,
        }
    }

    pub(crate) fn read(&self, file: &SpikeFile, index: usize) -> Result<Spikes, DataError> {
        let binning = self.binning.as_ref().expect("a set of spikes says how they become steps");
        Ok(file.read(index, binning.channels)?.0)
    }

    pub(crate) fn channels(&self, content: &Content) -> usize {
        match (content, &self.binning) {
            (Content::Features { values, .. }, _) => values.ncols(),
            (_, Some(binning)) => binning.channels_out(),
            (_, None) => 0,
        }
    }

    /// Refuses changes that do not exist for this kind of data.
    ///
    /// # Errors
    /// [`DataError::Augmentation`] with the key.
    pub fn check(&self, augmentation: &Augmentation) -> Result<(), DataError> {
        let wrong = |key, found: String, why| Err(DataError::Augmentation { key, found, why });
        if self.binning.is_none() {
            const WHY: &str = "this set has features, not spikes";
            if augmentation.time_jitter > 0.0 {
                return wrong("time_jitter", augmentation.time_jitter.to_string(), WHY);
            }
            if augmentation.spike_drop > 0.0 {
                return wrong("spike_drop", augmentation.spike_drop.to_string(), WHY);
            }
        }
        match augmentation.noise_snr_db {
            Some(range) if self.noise.is_none() => {
                wrong("noise_snr_db", format!("{range:?}"), "this set does not come from sound")
            }
            _ => Ok(()),
        }
    }
}

fn cut(features: Array2<f32>, steps: usize) -> Array2<f32> {
    if features.nrows() <= steps {
        return features;
    }
    features.slice_move(ndarray::s![..steps, ..])
}
