//! From clips to samples: decode, features, statistics; the same for every set.

use std::path::PathBuf;
use std::sync::Arc;

use ndarray::Array2;
use rayon::prelude::*;

use super::single::{Features, read_sound};
use super::{Clip, Plan, Source};
use crate::audio::{Audio, read_audio};
use crate::cache::{Cached, FeatureCache};
use crate::facts::{DataFacts, sound_content};
use crate::front_end::FrontEnd;
use crate::noise::LazyNoise;
use crate::normaliser::{Moments, subtract_mean};
use crate::prepare::Preparation;
use crate::rates::Rates;
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
        let rate = config.rate.map_or_else(|| self.parts.train[0].source.rate(), Ok)?;
        let mut extraction = Extraction {
            features: Features::new(config, rate)?,
            any_rate: config.rate.is_some(),
            files: Rates::default(),
            pieces: Rates::default(),
        };
        let mut notes = self.notes.clone();
        let mut cache = FeatureCache::open(options.cache, config, rate, &mut notes);
        let mut extract = |clips: &[Clip]| extraction.features(clips, &mut cache);
        let train = extract(&self.parts.train)?;
        let validation = extract(&self.parts.validation)?;
        let test = self.parts.test.as_deref().map(&mut extract).transpose()?;
        cache.close(&mut notes);
        if !extraction.any_rate {
            let root = config.root.clone().unwrap_or_else(|| PathBuf::from(&self.name));
            extraction.files.refuse_several(&root)?;
        }
        notes.extend(extraction.files.note(rate, "files"));
        notes.extend(extraction.pieces.note(rate, "pieces of longer recordings"));
        let normaliser = options.normaliser.cloned().unwrap_or_else(|| fit(&train, config));
        let preparation = Arc::new(Preparation {
            binning: None,
            subtract_mean: config.subtract_mean,
            normaliser: Some(normaliser.clone()),
            noise: Some(Arc::new(LazyNoise::new(extraction.features.front))),
            pad: config.pad,
        });
        let facts = (Some(rate), FrontEnd::facts(config, rate));
        let contents = [Some(train), Some(validation), test];
        Ok(self.dataset(config, contents, facts, &preparation, normaliser, notes))
    }

    fn spikes(self, config: &DataConfig, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
        let binning = config.binning();
        let mut notes = self.notes.clone();
        let parts = super::stored::load(&self.parts, &binning, options.memory, &mut notes)?;
        let longest = parts.each_ref().map(|part| part.as_ref().map_or(0, |(_, rows)| *rows));
        let parts = parts.map(|part| part.map(|(contents, _)| contents));
        let normaliser = Normaliser::identity(binning.channels_out());
        let facts = (None, binning.facts());
        let preparation =
            Arc::new(Preparation { binning: Some(binning), pad: config.pad, ..Preparation::default() });
        let mut dataset = self.dataset(config, parts, facts, &preparation, normaliser, notes);
        let splits = [Some(&mut dataset.train), Some(&mut dataset.validation), dataset.test.as_mut()];
        for (split, rows) in splits.into_iter().zip(longest) {
            if let Some(split) = split {
                split.longest_stored = rows;
            }
        }
        Ok(dataset)
    }

    fn dataset(
        self,
        config: &DataConfig,
        parts: [Option<Vec<Known>>; 3],
        (rate, front_end): (Option<u32>, Vec<(String, String)>),
        preparation: &Arc<Preparation>,
        normaliser: Normaliser,
        mut notes: Vec<String>,
    ) -> Dataset {
        let steps = config.sequence_steps();
        if !config.name.has_spikes() {
            notes.extend(cut_note(steps, &parts));
        }
        let mut known = Vec::new();
        let mut split = |clips: Vec<Clip>, contents: Option<Vec<Known>>| {
            let (contents, digests): (Vec<Content>, Vec<u64>) =
                contents.unwrap_or_default().into_iter().unzip();
            known.push(digests);
            let sample = |(clip, content): (Clip, Content)| Sample {
                content,
                label: clip.label,
                speaker: clip.speaker,
                id: clip.id,
            };
            Split::new(clips.into_iter().zip(contents).map(sample).collect(), Arc::clone(preparation))
        };
        let [train, validation, test] = parts;
        let mut dataset = Dataset {
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
            facts: DataFacts::default(),
            notes,
        };
        let splits: Vec<_> = dataset
            .splits()
            .zip(&known)
            .map(|((name, split), known)| (name, split.samples.as_slice(), known.as_slice()))
            .collect();
        dataset.facts = DataFacts::new(rate, front_end, &dataset.classes, &splits);
        dataset.notes.extend(dataset.facts.overlaps());
        dataset
    }
}

/// The statistics of some features as a network gets them.
fn fit(train: &[Known], config: &DataConfig) -> Normaliser {
    let moments: Vec<Moments> = train
        .par_iter()
        .filter_map(|(content, _)| match content {
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

    /// Its sample rate.
    pub(crate) fn rate(&self) -> Result<u32, DataError> {
        match self {
            Self::File(path) => Ok(read_audio(path)?.rate),
            Self::Part { of, .. } => Ok(of.rate),
            Self::Spikes { .. } => unreachable!("sets of sound hold no spikes"),
        }
    }
}

/// A sample and its content as [`DataFacts`] has it.
pub(super) type Known = (Content, u64);

/// How clips become features.
struct Extraction {
    features: Features,
    /// Whether files of other rates are resampled. Without that no features are made of them, and in the end they are
    /// counted in one message.
    any_rate: bool,
    /// Rates of files, and of what readers cut from longer recordings, such as background noise.
    files: Rates,
    pieces: Rates,
}

impl Extraction {
    /// Features of all clips, in their order. Work is spread over threads; the error reported is that of the first clip.
    fn features(&mut self, clips: &[Clip], cache: &mut FeatureCache) -> Result<Vec<Known>, DataError> {
        let known = cache.find(clips);
        let extracted: Vec<_> = clips
            .par_iter()
            .zip(known)
            .map(|(clip, known)| match known {
                Some(known) if self.takes(clip, known.rate) => Ok((known, false)),
                // Of another rate, if the cache is right: the file itself tells.
                _ => self.clip(clip).map(|new| (new, true)),
            })
            .collect();
        let extracted = extracted.into_iter().collect::<Result<Vec<_>, _>>()?;
        cache.add(clips, &extracted);
        for (clip, (cached, _)) in clips.iter().zip(&extracted) {
            let rates =
                if matches!(clip.source, Source::File(_)) { &mut self.files } else { &mut self.pieces };
            rates.add(cached.rate, &clip.id);
        }
        Ok(extracted
            .into_iter()
            .map(|(Cached { values, power, content, .. }, _)| (Content::Features { values, power }, content))
            .collect())
    }

    fn clip(&self, clip: &Clip) -> Result<Cached, DataError> {
        let audio = clip.source.audio()?;
        let (rate, content) = (audio.rate, sound_content(&audio));
        if !self.takes(clip, rate) {
            return Ok(not_made(rate, content));
        }
        let (values, power) = self.features.of(audio, &clip.id)?;
        Ok(Cached { values, power, rate, content })
    }

    /// Whether a clip of this rate becomes features. Pieces of longer recordings follow the rate of the files.
    fn takes(&self, clip: &Clip, rate: u32) -> bool {
        self.any_rate || rate == self.features.front.rate() || !matches!(clip.source, Source::File(_))
    }
}

/// A clip of a rate that the set does not have.
fn not_made(rate: u32, content: u64) -> Cached {
    Cached { values: Array2::zeros((0, 0)), power: 0.0, rate, content }
}

fn cut_note(steps: usize, parts: &[Option<Vec<Known>>; 3]) -> Option<String> {
    let all = || parts.iter().flatten().flatten();
    let longer =
        |(content, _): &&Known| matches!(content, Content::Features { values, .. } if values.nrows() > steps);
    let cut = all().filter(longer).count();
    (cut > 0).then(|| format!("{cut} of {} clips are longer than {steps} steps and are cut", all().count()))
}
