//! The front ends by name, and what they have in common.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{DataConfig, DataError, LogMel, MelDb, MelDbConfig, logmel, mel_db};

/// How sound becomes features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrontEndName {
    /// Log-mel energies as in Kaldi: see [`LogMel`].
    #[default]
    LogMel,
    /// Mel bands in decibels at 8 kHz, as in the experiments of DCLS-Delays: see [`MelDb`].
    MelDb,
}

impl FrontEndName {
    /// The centres of `bands` bands from `low_hz` to `high_hz`, in Hz.
    ///
    /// ```
    /// use colearn_data::FrontEndName;
    ///
    /// let centres = FrontEndName::LogMel.centres_hz(2, 0.0, 700.0 * 7.0);
    /// // A mel is ln(1 + f / 700): the edges 0 and ln 8 in thirds.
    /// assert!((centres[0] - 700.0).abs() < 1e-9 && (centres[1] - 2100.0).abs() < 1e-9);
    /// ```
    #[must_use]
    pub fn centres_hz(self, bands: usize, low_hz: f64, high_hz: f64) -> Vec<f64> {
        match self {
            Self::LogMel => logmel::centres_hz(bands, low_hz, high_hz).collect(),
            Self::MelDb => mel_db::centres_hz(bands, low_hz, high_hz).collect(),
        }
    }
}

/// Most bands that are marked; no front end has as many.
const MOST_BANDS: usize = 65_536;

/// The centres in Hz of the bands that the settings of a front end describe, whose values by key `value` tells
/// ([`crate::DataFacts::front_end`]); empty where these are no bands, or are not told.
#[must_use]
pub fn centres_hz<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Vec<f64> {
    let number = |key| value(key)?.parse::<f64>().ok();
    let centres = || {
        let name = match value("front_end")? {
            LOG_MEL => FrontEndName::LogMel,
            MEL_DB => FrontEndName::MelDb,
            _ => return None,
        };
        let bands = value("bands")?.parse().ok().filter(|bands| *bands <= MOST_BANDS)?;
        Some(name.centres_hz(bands, number("low_hz")?, number("high_hz")?))
    };
    centres().unwrap_or_default()
}

/// The names of front ends among the facts.
const LOG_MEL: &str = "log_mel";
const MEL_DB: &str = "mel_db";

/// A front end for one sample rate.
#[derive(Debug, Clone)]
pub(crate) enum FrontEnd {
    LogMel(LogMel),
    MelDb(MelDb),
}

impl FrontEnd {
    /// The configured front end for sounds of `rate` samples per second.
    pub(crate) fn new(config: &DataConfig, rate: u32) -> Result<Self, DataError> {
        match config.front_end {
            FrontEndName::LogMel => Ok(Self::LogMel(LogMel::new(rate, &config.log_mel())?)),
            FrontEndName::MelDb => Ok(Self::MelDb(MelDb::new(rate, &config.mel_db())?)),
        }
    }

    /// Everything of a configuration that decides what features are, in words.
    pub(crate) fn rule(config: &DataConfig) -> String {
        match config.front_end {
            FrontEndName::LogMel => format!("{:?}", config.log_mel()),
            FrontEndName::MelDb => format!("{:?}", config.mel_db()),
        }
    }

    /// Every key that decides what features at `rate` are, with its effective value.
    pub(crate) fn facts(config: &DataConfig, rate: u32) -> Vec<(String, String)> {
        let name = match config.front_end {
            FrontEndName::LogMel => LOG_MEL,
            FrontEndName::MelDb => MEL_DB,
        };
        let high_hz = match config.front_end {
            FrontEndName::LogMel => config.high_hz.unwrap_or(f64::from(rate) / 2.0),
            FrontEndName::MelDb => config.mel_db().high_hz,
        };
        let mut facts = vec![
            ("front_end", name.to_owned()),
            ("rate", rate.to_string()),
            ("bands", config.bands.to_string()),
            ("window_s", config.window_s.to_string()),
            ("step_s", config.step_s.to_string()),
            ("low_hz", config.low_hz.to_string()),
            ("high_hz", high_hz.to_string()),
            ("subtract_mean", config.subtract_mean.to_string()),
        ];
        if config.front_end == FrontEndName::MelDb {
            let MelDbConfig { rate_hz, length_s, .. } = config.mel_db();
            facts.push(("rate_hz", rate_hz.to_string()));
            facts.push(("length_s", length_s.to_string()));
        }
        facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Samples per second.
    pub(crate) fn rate(&self) -> u32 {
        match self {
            Self::LogMel(front) => front.rate(),
            Self::MelDb(front) => front.rate(),
        }
    }

    /// Features per natural logarithm of energy: 1 for natural logarithms, 10/ln 10 for decibels.
    pub(crate) fn log_scale(&self) -> f32 {
        match self {
            Self::LogMel(_) => 1.0,
            Self::MelDb(_) => 10.0 / std::f32::consts::LN_10,
        }
    }

    /// Features of samples in [-1, 1], shape (steps, channels).
    pub(crate) fn features(&self, samples: &[f32]) -> Array2<f32> {
        match self {
            Self::LogMel(front) => front.features(samples),
            Self::MelDb(front) => front.features(samples),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataName;

    /// What a run keeps of its front end tells the centres of its bands.
    #[test]
    fn the_facts_of_a_front_end_tell_the_centres_of_its_bands() {
        for (front_end, rate, ends) in
            [(FrontEndName::LogMel, 8_000, (20.0, 4_000.0)), (FrontEndName::MelDb, 16_000, (50.0, 14_000.0))]
        {
            let config = DataConfig { front_end, ..DataConfig::default_for(DataName::Words) };
            let config = DataConfig { low_hz: ends.0, ..config };
            let facts = FrontEnd::facts(&config, rate);
            let value = |key: &str| {
                let found = facts.iter().find(|(known, _)| known == key);
                found.map(|(_, value)| value.as_str())
            };
            let centres = centres_hz(value);
            assert_eq!(centres, front_end.centres_hz(config.bands, ends.0, ends.1), "{front_end:?}");
            assert_eq!(centres.len(), config.bands);
            assert!(centres.is_sorted() && ends.0 < centres[0] && centres[config.bands - 1] < ends.1);
            // Evenly spaced in mel, and so ever further apart in Hz.
            assert!(centres[1] - centres[0] < centres[config.bands - 1] - centres[config.bands - 2]);
        }
        assert_eq!(centres_hz(|_| None), []);
        assert_eq!(centres_hz(|_| Some("log_mel")), []);
    }
}
