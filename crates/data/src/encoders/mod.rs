//! Encoders: sound or features to spikes.
//!
//! | name | spikes | channels |
//! | --- | --- | --- |
//! | `cochlea` | gammatone filters, hair cells, bushy cells: [`Cochlea`] | `channels`, 700 as usual |
//! | `level_crossing` | one where a feature has moved by a threshold: [`level_crossing()`] | up, then down |
//! | `poisson` | at random, at a rate that follows the feature: [`poisson()`] | one for each feature |
//! | `latency` | one a step, the earlier the larger the feature: [`latency()`] | one for each feature |
//!
//! The last three take features of shape (steps, channels) with a step in seconds; from sound they take log-mel
//! energies scaled to [0, 1] ([`FeatureConfig`]). An [`Encoder`] is one of the four, chosen by its name.
//!
//! ```
//! use colearn_data::audio::Audio;
//! use colearn_data::encoders::{Encoder, EncoderConfig, PoissonConfig, Scratch};
//!
//! # fn main() -> Result<(), colearn_data::DataError> {
//! let encoder = Encoder::new(EncoderConfig::Poisson(PoissonConfig::default()))?;
//! let tone = Audio { samples: (0..8_000).map(|n| (n as f32 * 0.3).sin()).collect(), rate: 8_000 };
//! let spikes = encoder.encode(&tone)?;
//! assert!(spikes.units().iter().all(|&unit| usize::from(unit) < encoder.channels()));
//!
//! // A set, on all threads: the same spikes as one clip after the other.
//! let set = encoder.encode_all(&[tone.clone(), tone])?;
//! assert_eq!(set[0], spikes);
//! assert_ne!(set[1], spikes, "each clip of a set has noise of its own");
//! # Ok(())
//! # }
//! ```

mod cochlea;
mod features;
mod latency;
mod level_crossing;
mod poisson;

pub use cochlea::{ChannelOrder, Cochlea, CochleaConfig, Level};
pub use features::FeatureConfig;
pub use latency::{LatencyConfig, LatencyCurve, latency};
pub use level_crossing::{LevelCrossingConfig, level_crossing};
pub use poisson::{PoissonConfig, poisson};

use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::audio::Audio;
use crate::{DataError, LogMel, Spikes};

/// Which encoder, and its settings. In a file the key `name` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum EncoderConfig {
    /// The cochlea of 700 channels.
    Cochlea(CochleaConfig),
    /// Level crossing (delta modulation) of log-mel features.
    LevelCrossing(LevelCrossingConfig),
    /// Poisson spikes at rates that follow log-mel features.
    Poisson(PoissonConfig),
    /// Time to first spike of log-mel features.
    Latency(LatencyConfig),
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self::Cochlea(CochleaConfig::default())
    }
}

/// An encoder with checked settings: shared freely between threads, for any sample rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoder {
    config: EncoderConfig,
}

/// Buffers of one thread, reused from clip to clip: nothing is allocated for a sample or a spike once they have grown.
#[derive(Debug, Default)]
pub struct Scratch {
    sound: Vec<f32>,
    /// Sample number and channel of each spike, in one number that sorts by time and then by channel.
    events: Vec<u64>,
    /// What was prepared for the last clip, with the settings it was prepared from.
    prepared: Option<(u32, EncoderConfig, Front)>,
}

/// What depends on the sample rate.
#[derive(Debug)]
enum Front {
    Cochlea(Box<Cochlea>),
    Features(LogMel),
}

impl Encoder {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`DataError::Config`] names the first value that cannot work.
    pub fn new(config: EncoderConfig) -> Result<Self, DataError> {
        match &config {
            EncoderConfig::Cochlea(own) => own.check()?,
            EncoderConfig::LevelCrossing(own) => own.check()?,
            EncoderConfig::Poisson(own) => own.check()?,
            EncoderConfig::Latency(own) => own.check()?,
        }
        Ok(Self { config })
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Its name: the `name` of its configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.config {
            EncoderConfig::Cochlea(_) => "cochlea",
            EncoderConfig::LevelCrossing(_) => "level_crossing",
            EncoderConfig::Poisson(_) => "poisson",
            EncoderConfig::Latency(_) => "latency",
        }
    }

    /// Number of channels: every unit is below it.
    #[must_use]
    pub fn channels(&self) -> usize {
        match &self.config {
            EncoderConfig::Cochlea(own) => own.channels,
            EncoderConfig::LevelCrossing(own) => 2 * own.features.bands,
            EncoderConfig::Poisson(own) => own.features.bands,
            EncoderConfig::Latency(own) => own.features.bands,
        }
    }

    /// One line on what it does, for people.
    #[must_use]
    pub fn description(&self) -> String {
        match &self.config {
            EncoderConfig::Cochlea(own) => format!(
                "cochlea of {} channels, {} to {} Hz, seed {}",
                own.channels, own.low_hz, own.high_hz, own.seed
            ),
            EncoderConfig::LevelCrossing(own) => {
                format!(
                    "level crossing of {} mel bands by {}, up and down",
                    own.features.bands, own.threshold
                )
            }
            EncoderConfig::Poisson(own) => {
                format!(
                    "Poisson spikes of {} mel bands, up to {} Hz, seed {}",
                    own.features.bands, own.most_hz, own.seed
                )
            }
            EncoderConfig::Latency(own) => {
                format!("first spike of {} mel bands every {} s", own.features.bands, own.features.step_s)
            }
        }
    }

    /// Spikes of one clip, as the first of its set.
    ///
    /// # Errors
    /// [`DataError::Config`] when the encoder cannot work at the clip's sample rate.
    pub fn encode(&self, audio: &Audio) -> Result<Spikes, DataError> {
        self.encode_with(audio, 0, &mut Scratch::default())
    }

    /// Spikes of the clip number `index` of its set, which seeds the noise together with the configured seed. With the
    /// same `scratch` for clips of one rate, filters are computed once.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_with(&self, audio: &Audio, index: u64, scratch: &mut Scratch) -> Result<Spikes, DataError> {
        let ready = scratch.prepared.take();
        let front = match ready {
            Some((rate, config, front)) if rate == audio.rate && config == self.config => front,
            _ => self.prepare(audio.rate)?,
        };
        let scaled = |own: &FeatureConfig| match &front {
            Front::Features(mel) => own.scaled(mel, &audio.samples),
            Front::Cochlea(_) => Array2::zeros((0, own.bands)),
        };
        let spikes = match (&self.config, &front) {
            (EncoderConfig::Cochlea(_), Front::Cochlea(cochlea)) => {
                cochlea.encode(&audio.samples, index, scratch)
            }
            (EncoderConfig::LevelCrossing(own), _) => {
                level_crossing(&scaled(&own.features), own.features.step_s, own.threshold)?
            }
            (EncoderConfig::Poisson(own), _) => {
                poisson(&scaled(&own.features), own.features.step_s, own.most_hz, own.seed, index)?
            }
            (EncoderConfig::Latency(own), _) => {
                latency(&scaled(&own.features), own.features.step_s, own.floor, own.curve)?
            }
            (EncoderConfig::Cochlea(_), Front::Features(_)) => Spikes::default(),
        };
        scratch.prepared = Some((audio.rate, self.config.clone(), front));
        Ok(spikes)
    }

    /// Spikes of a whole set, on the threads of the current pool. The result does not depend on their number.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), for any clip.
    pub fn encode_all(&self, clips: &[Audio]) -> Result<Vec<Spikes>, DataError> {
        clips
            .par_iter()
            .enumerate()
            .map_init(Scratch::default, |scratch, (index, clip)| {
                self.encode_with(clip, index as u64, scratch)
            })
            .collect()
    }

    fn prepare(&self, rate: u32) -> Result<Front, DataError> {
        let features = match &self.config {
            EncoderConfig::Cochlea(own) => return Ok(Front::Cochlea(Box::new(Cochlea::new(rate, own)?))),
            EncoderConfig::LevelCrossing(own) => &own.features,
            EncoderConfig::Poisson(own) => &own.features,
            EncoderConfig::Latency(own) => &own.features,
        };
        Ok(Front::Features(LogMel::new(rate, &features.front_end())?))
    }
}

impl Scratch {
    /// The events so far as spikes.
    fn spikes(&mut self, rate: f64) -> Spikes {
        self.events.sort_unstable();
        #[expect(clippy::cast_possible_truncation, reason = "times are kept in f32, a channel has 16 bits")]
        let parts = |event: &u64| (((event >> 16) as f64 / rate) as f32, *event as u16);
        let (times_s, units) = self.events.iter().map(parts).unzip();
        Spikes::of_rising(times_s, units)
    }
}

/// A value of an encoder's configuration that cannot work.
#[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have just made")]
fn wrong(key: &'static str, found: impl ToString, expected: impl Into<String>) -> DataError {
    DataError::Config { key, found: found.to_string(), expected: expected.into() }
}

/// One seed from the seed of a configuration and the index of a clip.
fn mixed(seed: u64, index: u64) -> u64 {
    mix(mix(seed) ^ index)
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
