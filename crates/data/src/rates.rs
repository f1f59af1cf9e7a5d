//! Sounds of several sample rates in one set: counted, and brought to one rate where the configuration says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::audio::{Audio, LONGEST};
use crate::readers::{Clip, Plan, Source};
use crate::{DataConfig, DataError, Resampler};

/// Resamplers that are kept: one may hold megabytes, and a set may have as many rates as files.
const KEPT: usize = 8;

/// Brings sounds to one sample rate.
#[derive(Debug)]
pub(crate) struct Converter {
    to: u32,
    kept: Mutex<BTreeMap<u32, Arc<Resampler>>>,
}

impl Converter {
    pub(crate) fn new(to: u32) -> Self {
        Self { to, kept: Mutex::default() }
    }

    /// `audio` at the one rate; `name` is what messages call it.
    pub(crate) fn convert(&self, audio: Audio, name: &str) -> Result<Audio, DataError> {
        if audio.rate == self.to {
            return Ok(audio);
        }
        let resampler = self.resampler(audio.rate)?;
        let length = resampler.length(audio.samples.len());
        if length > LONGEST {
            return Err(DataError::Audio {
                file: name.to_owned(),
                found: format!("{length} samples at {} Hz", self.to),
                expected: format!("a single clip of at most {LONGEST} samples"),
            });
        }
        Ok(Audio { samples: resampler.resample(&audio.samples), rate: self.to })
    }

    fn resampler(&self, from: u32) -> Result<Arc<Resampler>, DataError> {
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&from) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(Resampler::new(from, self.to)?);
        let mut kept = lock();
        if kept.len() < KEPT {
            kept.insert(from, Arc::clone(&made));
        }
        Ok(made)
    }
}

/// The one sample rate of a set, for whoever decodes its sounds one by one.
#[derive(Debug)]
pub(crate) struct SetRate {
    converter: Converter,
    /// Whether files of other rates are resampled; otherwise they are refused.
    any: bool,
    root: PathBuf,
    clips: Vec<Clip>,
    counted: OnceLock<Rates>,
}

impl SetRate {
    /// The configured rate, or that of the first clip.
    pub(crate) fn of(plan: &Plan, config: &DataConfig) -> Result<Self, DataError> {
        let parts = &plan.parts;
        let clips = parts.train.iter().chain(&parts.validation).chain(parts.test.iter().flatten());
        let clips: Vec<Clip> = clips.cloned().collect();
        let rate = match (config.rate, clips.first()) {
            (Some(rate), _) => rate,
            (None, Some(first)) => first.source.rate()?,
            (None, None) => crate::audio::LOWEST_RATE,
        };
        let root = config.root.clone().unwrap_or_else(|| PathBuf::from(&plan.name));
        let any = config.rate.is_some();
        Ok(Self { converter: Converter::new(rate), any, root, clips, counted: OnceLock::new() })
    }

    /// The sound of a clip at the rate of the set. Pieces of longer recordings follow it, whatever theirs is.
    pub(crate) fn audio(&self, clip: &Clip) -> Result<Audio, DataError> {
        let audio = clip.source.audio()?;
        if audio.rate != self.converter.to && !self.any && matches!(clip.source, Source::File(_)) {
            self.counted.get_or_init(|| self.count()).refuse_several(&self.root)?;
        }
        self.converter.convert(audio, &clip.id)
    }

    /// The rates of all files that can be read.
    fn count(&self) -> Rates {
        let mut rates = Rates::default();
        for clip in self.clips.iter().filter(|clip| matches!(clip.source, Source::File(_))) {
            if let Ok(rate) = clip.source.rate() {
                rates.add(rate, &clip.id);
            }
        }
        rates
    }
}

/// How many sounds have which rate, and the name of the first of each.
#[derive(Debug, Default)]
pub(crate) struct Rates(BTreeMap<u32, (usize, String)>);

impl Rates {
    pub(crate) fn add(&mut self, rate: u32, name: &str) {
        self.0.entry(rate).or_insert_with(|| (0, name.to_owned())).0 += 1;
    }

    /// One message for a set whose files do not share a rate.
    pub(crate) fn refuse_several(&self, root: &Path) -> Result<(), DataError> {
        let Some((lowest, _)) = self.0.first_key_value().filter(|_| self.0.len() > 1) else { return Ok(()) };
        let listed = self.counts(|rate, count, first| format!("{count} at {rate} Hz (the first is {first})"));
        Err(DataError::Folder {
            path: root.to_owned(),
            found: format!("found files of several sample rates: {listed}"),
            expected: format!(
                "one rate: --set data.rate={lowest} resamples all of them to {lowest} Hz, or name another rate"
            ),
        })
    }

    /// What was resampled to `to`; nothing if all sounds have that rate.
    pub(crate) fn note(&self, to: u32, what: &str) -> Option<String> {
        let others = Self(self.0.iter().filter(|(rate, _)| **rate != to).map(owned).collect());
        let (lowest, _) = others.0.first_key_value()?;
        let counts = others.counts(|rate, count, _| format!("{count} of {rate} Hz"));
        let low = if *lowest < to {
            format!("; sound of {lowest} Hz has nothing above {} Hz", f64::from(*lowest) / 2.0)
        } else {
            String::new()
        };
        Some(format!("{what} resampled to {to} Hz: {counts}{low}"))
    }

    fn counts(&self, say: impl Fn(u32, usize, &str) -> String) -> String {
        const SHOWN: usize = 8;
        let mut by_count: Vec<_> = self.0.iter().collect();
        by_count.sort_by_key(|(rate, (count, _))| (std::cmp::Reverse(*count), **rate));
        let mut parts: Vec<String> =
            by_count.iter().take(SHOWN).map(|(rate, (count, first))| say(**rate, *count, first)).collect();
        if by_count.len() > SHOWN {
            parts.push(format!("{} further rates", by_count.len() - SHOWN));
        }
        parts.join(", ")
    }
}

fn owned((rate, facts): (&u32, &(usize, String))) -> (u32, (usize, String)) {
    (*rate, facts.clone())
}
