//! From a folder, or the embedded corpus, to a [`Dataset`].
//!
//! A reader only decides *which* clips make up which split: it returns a [`Plan`]. [`Plan::extract`] then does the
//! same for every set: decode, features, statistics, standardisation.

pub(crate) mod digits;
pub(crate) mod folder;
pub(crate) mod fsdd;
pub(crate) mod words;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use crate::audio::{Audio, read_audio};
use crate::{DataConfig, DataError, Dataset, LogMel, Normaliser, Sample, Split};

/// One clip that is still to be decoded.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) source: Source,
    pub(crate) label: usize,
    pub(crate) speaker: String,
    pub(crate) id: String,
}

/// Where a clip's sound is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Part { of: Arc<Audio>, range: Range<usize> },
}

/// What a reader found.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) classes: Vec<String>,
    pub(crate) train: Vec<Clip>,
    pub(crate) validation: Vec<Clip>,
    pub(crate) test: Option<Vec<Clip>>,
    pub(crate) notes: Vec<String>,
}

impl Plan {
    /// Decode every clip and standardise the features.
    pub(crate) fn extract(
        self,
        config: &DataConfig,
        normaliser: Option<&Normaliser>,
    ) -> Result<Dataset, DataError> {
        let parts = [
            ("training", Some(&self.train)),
            ("validation", Some(&self.validation)),
            ("test", self.test.as_ref()),
        ];
        for (split, clips) in parts {
            if clips.is_some_and(Vec::is_empty) {
                return Err(DataError::EmptySplit { set: self.name, split });
            }
        }
        let rate = self.train[0].source.rate()?;
        let front = LogMel::new(rate, &config.front_end())?;
        let mut train = extract_split(self.train, &front)?;
        let mut validation = extract_split(self.validation, &front)?;
        let mut test = self.test.map(|clips| extract_split(clips, &front)).transpose()?;
        if config.subtract_mean {
            for split in [Some(&mut train), Some(&mut validation), test.as_mut()].into_iter().flatten() {
                split.samples.par_iter_mut().for_each(|s| crate::normaliser::subtract_mean(&mut s.features));
            }
        }
        let normaliser = normaliser.cloned().unwrap_or_else(|| {
            Normaliser::fit(train.samples.iter().map(|s| s.features.view()), config.bands)
        });
        for split in [Some(&mut train), Some(&mut validation), test.as_mut()].into_iter().flatten() {
            split.samples.par_iter_mut().for_each(|s| normaliser.apply(&mut s.features));
        }
        let mut notes = self.notes;
        notes.extend(cut_note(config.steps, [Some(&train), Some(&validation), test.as_ref()]));
        Ok(Dataset {
            name: self.name,
            classes: self.classes,
            channels: config.bands,
            step_s: config.step_s,
            steps: config.steps,
            train,
            validation,
            test,
            normaliser,
            notes,
        })
    }
}

impl Source {
    fn rate(&self) -> Result<u32, DataError> {
        match self {
            Self::File(path) => Ok(read_audio(path)?.rate),
            Self::Part { of, .. } => Ok(of.rate),
        }
    }
}

/// Features of all clips, in their order. Work is spread over threads; the error reported is that of the first clip.
fn extract_split(clips: Vec<Clip>, front: &LogMel) -> Result<Split, DataError> {
    let samples: Vec<_> = clips.into_par_iter().map(|clip| extract_clip(clip, front)).collect();
    Ok(Split { samples: samples.into_iter().collect::<Result<_, _>>()? })
}

fn extract_clip(clip: Clip, front: &LogMel) -> Result<Sample, DataError> {
    let features = match &clip.source {
        Source::File(path) => {
            let audio = read_audio(path)?;
            if audio.rate != front.rate() {
                return Err(DataError::Audio {
                    file: path.display().to_string(),
                    found: format!("a sample rate of {} Hz", audio.rate),
                    expected: format!("{} Hz, as in the first file of the set", front.rate()),
                });
            }
            front.features(&audio.samples)
        }
        Source::Part { of, range } => front.features(&of.samples[range.clone()]),
    };
    if features.nrows() == 0 {
        return Err(DataError::Audio {
            file: clip.id,
            found: "a clip shorter than one analysis window".to_owned(),
            expected: "at least one window".to_owned(),
        });
    }
    Ok(Sample { features, label: clip.label, speaker: clip.speaker, id: clip.id })
}

fn cut_note(steps: usize, splits: [Option<&Split>; 3]) -> Option<String> {
    let all = || splits.into_iter().flatten().flat_map(|split| &split.samples);
    let cut = all().filter(|s| s.features.nrows() > steps).count();
    (cut > 0).then(|| format!("{cut} of {} clips are longer than {steps} steps and are cut", all().count()))
}

#[cfg(test)]
mod tests;
