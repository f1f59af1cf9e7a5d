//! From clips to samples: decode, features, statistics; the same for every set.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Clip, Plan, Source};
use crate::audio::{Audio, read_audio};
use crate::cache::{Cached, FeatureCache};
use crate::front_end::FrontEnd;
use crate::noise::LazyNoise;
use crate::normaliser::{Moments, subtract_mean};
use crate::prepare::Preparation;
use crate::{Content, DataConfig, DataError, Dataset, LoadOptions, Normaliser, Sample, Split};

impl Plan {
    /// Decode every clip; features get the statistics of the training split.
    pub(crate) fn extract(
        self,
        config: &DataConfig,
        options: &LoadOptions<'_>,
    ) -> Result<Dataset, DataError> {
        if config.name.has_spikes() { self.spikes(config, options) } else { self.sound(config, options) }
    }

    fn sound(self, config: &DataConfig, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
        let rate = self.parts.train[0].source.rate()?;
        let front = FrontEnd::new(config, rate)?;
        let mut notes = self.notes.clone();
        let mut cache = FeatureCache::open(options.cache, config, rate, &mut notes);
        let mut extract = |clips: &[Clip]| features(clips, &front, &mut cache);
        let train = extract(&self.parts.train)?;
        let validation = extract(&self.parts.validation)?;
        let test = self.parts.test.as_deref().map(&mut extract).transpose()?;
        cache.close(&mut notes);
        let normaliser = options.normaliser.cloned().unwrap_or_else(|| fit(&train, config));
        let preparation = Arc::new(Preparation {
            binning: None,
            subtract_mean: config.subtract_mean,
            normaliser: Some(normaliser.clone()),
            noise: Some(Arc::new(LazyNoise::new(front))),
            pad: config.pad,
        });
        let dataset =
            self.dataset(config, [Some(train), Some(validation), test], &preparation, normaliser, notes);
        Ok(dataset)
    }

    fn spikes(self, config: &DataConfig, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
        let binning = config.binning();
        let mut notes = self.notes.clone();
        let parts = super::stored::load(&self.parts, &binning, options.memory, &mut notes)?;
        let normaliser = Normaliser::identity(binning.channels_out());
        let preparation =
            Arc::new(Preparation { binning: Some(binning), pad: config.pad, ..Preparation::default() });
        Ok(self.dataset(config, parts, &preparation, normaliser, notes))
    }

    fn dataset(
        self,
        config: &DataConfig,
        parts: [Option<Vec<Content>>; 3],
        preparation: &Arc<Preparation>,
        normaliser: Normaliser,
        mut notes: Vec<String>,
    ) -> Dataset {
        let steps = config.sequence_steps();
        if !config.name.has_spikes() {
            notes.extend(cut_note(steps, &parts));
        }
        let split = |clips: Vec<Clip>, contents: Option<Vec<Content>>| {
            let sample = |(clip, content): (Clip, Content)| Sample {
                content,
                label: clip.label,
                speaker: clip.speaker,
                id: clip.id,
            };
            let contents = contents.unwrap_or_default();
            Split::new(clips.into_iter().zip(contents).map(sample).collect(), Arc::clone(preparation))
        };
        let [train, validation, test] = parts;
        Dataset {
            name: self.name,
            classes: self.classes,
            channels: config.input_channels(),
            channel_label: if config.name.has_spikes() { "Channel" } else { "Mel band" },
            step_s: config.step_s,
            steps,
            train: split(self.parts.train, train),
            validation: split(self.parts.validation, validation),
            test: self.parts.test.map(|clips| split(clips, test)),
            protocol: self.protocol,
            normaliser,
            notes,
        }
    }
}

/// The statistics of some features as a network gets them.
fn fit(train: &[Content], config: &DataConfig) -> Normaliser {
    let moments: Vec<Moments> = train
        .par_iter()
        .filter_map(|content| match content {
            Content::Features { values, .. } if config.subtract_mean => {
                let mut values = values.clone();
                subtract_mean(&mut values);
                Some(Moments::of(&values.view()))
            }
            Content::Features { values, .. } => Some(Moments::of(&values.view())),
            _ => None,
        })
        .collect();
    Normaliser::of_moments(moments.into_iter(), config.bands)
}

impl Source {
    /// The sound itself.
    pub(crate) fn audio(&self) -> Result<Audio, DataError> {
        match self {
            Self::File(path) => read_sound(path),
            Self::Part { of, range, gain } => {
                let samples = of.samples[range.clone()].iter().map(|x| x * gain).collect();
                Ok(Audio { samples, rate: of.rate })
            }
            Self::Spikes { .. } => unreachable!("sets of sound hold no spikes"),
        }
    }

    fn rate(&self) -> Result<u32, DataError> {
        match self {
            Self::File(path) => Ok(read_audio(path)?.rate),
            Self::Part { of, .. } => Ok(of.rate),
            Self::Spikes { .. } => unreachable!("sets of sound hold no spikes"),
        }
    }
}

/// A file's sound, of which there is some: without it front ends and encoders would make silence, or nothing.
fn read_sound(path: &Path) -> Result<Audio, DataError> {
    let audio = read_audio(path)?;
    if audio.samples.is_empty() {
        return Err(DataError::Audio {
            file: path.display().to_string(),
            found: "no samples".to_owned(),
            expected: "at least one".to_owned(),
        });
    }
    Ok(audio)
}

/// Features of all clips, in their order. Work is spread over threads; the error reported is that of the first clip.
fn features(clips: &[Clip], front: &FrontEnd, cache: &mut FeatureCache) -> Result<Vec<Content>, DataError> {
    let known = cache.find(clips);
    let extracted: Vec<_> = clips
        .par_iter()
        .zip(known)
        .map(|(clip, known)| match known {
            Some(known) => Ok((known, false)),
            None => extract_clip(clip, front).map(|new| (new, true)),
        })
        .collect();
    let extracted = extracted.into_iter().collect::<Result<Vec<_>, _>>()?;
    cache.add(clips, &extracted);
    Ok(extracted
        .into_iter()
        .map(|(Cached { values, power }, _)| Content::Features { values, power })
        .collect())
}

fn extract_clip(clip: &Clip, front: &FrontEnd) -> Result<Cached, DataError> {
    let extract = |samples: &[f32]| {
        let power = samples.iter().map(|x| f64::from(x * x)).sum::<f64>() / samples.len().max(1) as f64;
        #[expect(clippy::cast_possible_truncation, reason = "a mean of squares of f32")]
        Cached { values: front.features(samples), power: power as f32 }
    };
    let found = match &clip.source {
        Source::File(path) => extract(&read_at(path, front.rate())?.samples),
        source => extract(&source.audio()?.samples),
    };
    if found.values.nrows() == 0 {
        return Err(DataError::Audio {
            file: clip.id.clone(),
            found: "a clip shorter than one analysis window".to_owned(),
            expected: "at least one window".to_owned(),
        });
    }
    Ok(found)
}

/// A sound of the rate that the set has.
fn read_at(path: &Path, rate: u32) -> Result<Audio, DataError> {
    let audio = read_sound(path)?;
    if audio.rate != rate {
        return Err(DataError::Audio {
            file: path.display().to_string(),
            found: format!("a sample rate of {} Hz", audio.rate),
            expected: format!("{rate} Hz, as in the first file of the set"),
        });
    }
    Ok(audio)
}

fn cut_note(steps: usize, parts: &[Option<Vec<Content>>; 3]) -> Option<String> {
    let all = || parts.iter().flatten().flatten();
    let longer =
        |content: &&Content| matches!(content, Content::Features { values, .. } if values.nrows() > steps);
    let cut = all().filter(longer).count();
    (cut > 0).then(|| format!("{cut} of {} clips are longer than {steps} steps and are cut", all().count()))
}
