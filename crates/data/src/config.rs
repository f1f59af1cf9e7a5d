//! Which set, and how to read it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::readers;
use crate::{DataError, Dataset, LogMelConfig, Normaliser};

/// The sets this crate reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataName {
    /// Synthesised digits in English and German, embedded: 20 classes, no voice on two sides of a split.
    #[default]
    Digits,
    /// Free Spoken Digit Dataset: 10 classes, 6 speakers.
    Fsdd,
    /// A folder of words: `<root>/<word>/<speaker>_….wav|flac`, with `train.csv`, `val.csv`, `test.csv` where present.
    Words,
}

impl std::fmt::Display for DataName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Digits => "digits",
            Self::Fsdd => "fsdd",
            Self::Words => "words",
        })
    }
}

/// Which set, where it is, how it is split and how sound becomes features.
///
/// Keys that a file leaves out take the value of [`DataConfig::default_for`] the file's `name`; unknown keys are
/// errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Partial")]
pub struct DataConfig {
    /// The set.
    pub name: DataName,
    /// Its folder; the embedded digits have none.
    pub root: Option<PathBuf>,
    /// Fixed sequence length T: longer utterances are cut, shorter ones zero-padded after normalisation.
    pub steps: usize,
    /// FSDD only: this speaker is the test set, and the next one in the alphabet the validation set.
    pub leave_out: Option<String>,
    /// Share held out for validation where the set has no validation list: of the recordings (FSDD) or of the speakers
    /// (words); a folder of words without any list gives up the same share again for its test split.
    pub validation_share: f64,
    /// Mel bands, which become input channels.
    pub bands: usize,
    /// Length of an analysis window, in seconds.
    pub window_s: f64,
    /// Length of a step, in seconds.
    pub step_s: f64,
    /// Lower edge of the first band, in Hz.
    pub low_hz: f64,
    /// Upper edge of the last band, in Hz; left out: half the sample rate.
    pub high_hz: Option<f64>,
    /// Whether each utterance's own mean is taken from every band before the bands are standardised: takes out
    /// microphone and level, which helps with unseen speakers, and needs the whole utterance before the first step.
    pub subtract_mean: bool,
    /// Seed of the splits made here. Not the seed of a run: runs that are compared share their splits.
    pub split_seed: u64,
}

/// A configuration as written, before the set's own defaults are filled in.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Partial {
    name: DataName,
    root: Option<PathBuf>,
    steps: Option<usize>,
    leave_out: Option<String>,
    validation_share: Option<f64>,
    bands: Option<usize>,
    window_s: Option<f64>,
    step_s: Option<f64>,
    low_hz: Option<f64>,
    high_hz: Option<f64>,
    subtract_mean: Option<bool>,
    split_seed: Option<u64>,
}

impl From<Partial> for DataConfig {
    fn from(written: Partial) -> Self {
        let usual = Self::default_for(written.name);
        Self {
            name: written.name,
            root: written.root,
            steps: written.steps.unwrap_or(usual.steps),
            leave_out: written.leave_out,
            validation_share: written.validation_share.unwrap_or(usual.validation_share),
            bands: written.bands.unwrap_or(usual.bands),
            window_s: written.window_s.unwrap_or(usual.window_s),
            step_s: written.step_s.unwrap_or(usual.step_s),
            low_hz: written.low_hz.unwrap_or(usual.low_hz),
            high_hz: written.high_hz,
            subtract_mean: written.subtract_mean.unwrap_or(usual.subtract_mean),
            split_seed: written.split_seed.unwrap_or(usual.split_seed),
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self::default_for(DataName::default())
    }
}

/// Longest sequence: 100 s in steps of 10 ms.
const MOST_STEPS: usize = 10_000;

impl DataConfig {
    /// The usual settings of a set: 40 bands of 25 ms every 10 ms, and a length that holds at least 98 % of the digits
    /// whole (80 steps, 0.8 s) or a clip of one second (100 steps).
    #[must_use]
    pub fn default_for(name: DataName) -> Self {
        let front = LogMelConfig::default();
        Self {
            name,
            root: None,
            steps: match name {
                DataName::Digits | DataName::Fsdd => 80,
                DataName::Words => 100,
            },
            leave_out: None,
            validation_share: 0.1,
            bands: front.bands,
            window_s: front.window_s,
            step_s: front.step_s,
            low_hz: front.low_hz,
            high_hz: front.high_hz,
            subtract_mean: false,
            split_seed: 0,
        }
    }

    /// Settings of the front end.
    #[must_use]
    pub fn front_end(&self) -> LogMelConfig {
        LogMelConfig {
            bands: self.bands,
            window_s: self.window_s,
            step_s: self.step_s,
            low_hz: self.low_hz,
            high_hz: self.high_hz,
        }
    }

    /// Read the set and standardise it with the statistics of its training split.
    ///
    /// # Errors
    /// Any [`DataError`]: a value that cannot work, or files that are not as expected.
    pub fn load(&self) -> Result<Dataset, DataError> {
        self.load_with(None)
    }

    /// As [`load`](Self::load), but with stored statistics where given: a trained network must see its inputs as in
    /// training, whatever split it is evaluated on.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`DataError::Normaliser`] when the statistics do not fit the bands.
    pub fn load_with(&self, normaliser: Option<&Normaliser>) -> Result<Dataset, DataError> {
        self.check()?;
        if let Some(normaliser) = normaliser {
            normaliser.check(self.bands)?;
        }
        let plan = match self.name {
            DataName::Digits => readers::digits::plan()?,
            DataName::Fsdd => readers::fsdd::plan(self, self.folder()?)?,
            DataName::Words => readers::words::plan(self, self.folder()?)?,
        };
        plan.extract(self, normaliser)
    }

    fn folder(&self) -> Result<&std::path::Path, DataError> {
        self.root.as_deref().ok_or_else(|| DataError::Config {
            key: "root",
            found: "nothing".to_owned(),
            expected: format!("the folder that holds the set {:?}", self.name.to_string()),
        })
    }

    fn check(&self) -> Result<(), DataError> {
        let wrong = |key, found: String, expected: &str| {
            Err(DataError::Config { key, found, expected: expected.to_owned() })
        };
        if !(1..=MOST_STEPS).contains(&self.steps) {
            return wrong("steps", self.steps.to_string(), "1 to 10000");
        }
        if !(self.validation_share > 0.0 && self.validation_share <= 0.4) {
            return wrong("validation_share", self.validation_share.to_string(), "more than 0, at most 0.4");
        }
        if let (Some(root), DataName::Digits) = (&self.root, self.name) {
            return wrong("root", root.display().to_string(), "nothing: the set \"digits\" is embedded");
        }
        match &self.leave_out {
            Some(speaker) if self.name != DataName::Fsdd => {
                wrong("leave_out", speaker.clone(), "nothing: only the set \"fsdd\" can leave a speaker out")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_leaves_out_is_the_default_of_its_set() {
        for name in [DataName::Digits, DataName::Fsdd, DataName::Words] {
            let read: DataConfig = toml::from_str(&format!("name = \"{name}\"")).unwrap();
            assert_eq!(read, DataConfig::default_for(name));
        }
        assert_eq!(toml::from_str::<DataConfig>("").unwrap(), DataConfig::default());
        let read: DataConfig = toml::from_str("name = \"words\"\nbands = 20\nroot = \"x\"").unwrap();
        let expected =
            DataConfig { bands: 20, root: Some("x".into()), ..DataConfig::default_for(DataName::Words) };
        assert_eq!((read.steps, &read), (100, &expected));
    }

    #[test]
    fn a_configuration_survives_writing_and_reading() {
        let config = DataConfig {
            root: Some("some/where".into()),
            leave_out: Some("theo".to_owned()),
            high_hz: Some(3_800.0),
            steps: 64,
            split_seed: 7,
            ..DataConfig::default_for(DataName::Fsdd)
        };
        assert_eq!(toml::from_str::<DataConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn unknown_keys_and_sets_are_refused() {
        assert!(
            toml::from_str::<DataConfig>("step = 3")
                .unwrap_err()
                .to_string()
                .contains("unknown field `step`")
        );
        let text = toml::from_str::<DataConfig>("name = \"shd\"").unwrap_err().to_string();
        assert!(text.contains("unknown variant `shd`"), "{text}");
    }
}
