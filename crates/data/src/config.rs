//! Which set, and how to read it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::audio::{HIGHEST_RATE, LOWEST_RATE};
use crate::binning::{BinValues, Binning, Edges, Recipe, TimeZero};
use crate::front_end::FrontEndName;
use crate::prepare::Pad;
use crate::readers;
use crate::{DataError, Dataset, LogMelConfig, MelDbConfig, Normaliser, Sounds};

/// The sets this crate reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataName {
    /// Synthesised digits in English and German, embedded: 20 classes, no voice on two sides of a split.
    #[default]
    Digits,
    /// Free Spoken Digit Dataset: 10 classes, 6 speakers.
    Fsdd,
    /// A folder of words: `<root>/<word>/<speaker>_….wav|flac`, or any names, with `train.csv`, `val.csv`, `test.csv` where present.
    Words,
    /// Google Speech Commands: 30 words (v0.01) or 35 (v0.02), or the task of 12 classes.
    Gsc,
    /// Spiking Heidelberg Digits, or any files of their layout: `…train.h5`, `…test.h5`, perhaps `…valid.h5`.
    Shd,
    /// Spiking Speech Commands: `ssc_train.h5`, `ssc_valid.h5`, `ssc_test.h5`.
    Ssc,
}

impl DataName {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Digits, Self::Fsdd, Self::Words, Self::Gsc, Self::Shd, Self::Ssc];

    /// Whether its files hold spikes; otherwise they hold sound.
    #[must_use]
    pub fn has_spikes(self) -> bool {
        matches!(self, Self::Shd | Self::Ssc)
    }
}

impl std::fmt::Display for DataName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Digits => "digits",
            Self::Fsdd => "fsdd",
            Self::Words => "words",
            Self::Gsc => "gsc",
            Self::Shd => "shd",
            Self::Ssc => "ssc",
        })
    }
}

/// Where the validation split comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitRule {
    /// As the set itself says, by lists or by files. Where it does not: whole speakers of the training split, of FSDD
    /// a share of the recordings. A folder of words whose speakers are unknown, or cannot be held out without losing a
    /// class, is divided class by class.
    #[default]
    Official,
    /// Speech Commands: validation and test by the hash of the speaker, as its authors made the lists.
    Hash,
    /// Whole speakers of the training split.
    Speakers,
    /// A share of the training recordings, as evenly as possible from every class and speaker; of a set without lists
    /// another one for test.
    Share,
    /// No validation split: the test split selects, as in much published work. Marked so in every output.
    None,
}

/// The tasks of Speech Commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Every word is a class.
    #[default]
    All,
    /// Ten words, `unknown` for a sample of the others, and `silence` cut from `_background_noise_`.
    Twelve,
}

/// Which set, where it is, how it is split and how sound or spikes become what a network gets.
///
/// Keys that a file leaves out take the value of [`DataConfig::default_for`] the file's `name`; unknown keys are
/// errors. Keys of sound mean nothing to a set of spikes, and the other way round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Partial")]
pub struct DataConfig {
    /// The set. Range: `digits`, `fsdd`, `words`, `gsc`, `shd`, `ssc`. Source: docs/data.md.
    pub name: DataName,
    /// Its folder; the embedded digits have none. Range: a folder. Source: own choice.
    pub root: Option<PathBuf>,
    /// Sequence length T: longer samples are cut, shorter ones zero-padded after normalisation. Range: 1 to 10000. Unit:
    /// steps. Source: own choice.
    pub steps: usize,
    /// Longest time that is kept, in place of `steps`: T = ⌈max_time_s / step_s⌉. Range: more than 0, at most 10000
    /// steps. Unit: seconds. Source: Hammouamri et al. 2024 and others, see docs/data.md.
    pub max_time_s: Option<f64>,
    /// Whether a batch is as long as T or as its longest sample. Range: `fixed`, `longest`. Source: `longest` from
    /// Hammouamri et al. 2024.
    pub pad: Pad,
    /// Where the validation split comes from; with `none` the test split selects. `hash` is for Speech Commands alone.
    /// Range: `official`, `hash`, `speakers`, `share`, `none`. Source: `hash` from Warden 2018, `none` from published
    /// protocols.
    pub split: SplitRule,
    /// This speaker is the test set, and the next `validation_share` of the speakers, at least one, validation. Range: a
    /// speaker of the set. Source: own choice.
    pub leave_out: Option<String>,
    /// Share held out for validation where the set does not say: of the recordings or of the speakers. A folder of words
    /// without any list gives up the same share again for its test split. Range: above 0 to 0.4. Unit: none. Source: own
    /// choice.
    pub validation_share: f64,
    /// Speech Commands only: every word, or the task of twelve classes. Range: `all`, `twelve`. Source: Warden 2018.
    pub task: Task,
    /// Sound: what makes it features, `log_mel` as in Kaldi or `mel_db` in decibels. Range: `log_mel`, `mel_db`. Source:
    /// `log_mel` as in Bittar & Garner 2022, `mel_db` as in Hammouamri et al. 2024.
    pub front_end: FrontEndName,
    /// Sound: sample rate that features are made at; sounds of other rates are resampled to it. Left out: the rate of the
    /// files, which must then be the same for all of them. Range: 8000 to 384000. Unit: Hz. Source: own choice.
    pub rate: Option<u32>,
    /// Sound: mel bands, which become input channels. Range: 1 to half the points of a spectrum (`log_mel`), 1 to 4096
    /// (`mel_db`). Unit: bands. Source: 40 as in Bittar & Garner 2022, 140 as in Hammouamri et al. 2024.
    pub bands: usize,
    /// Sound: length of an analysis window. Range: 2 samples to 1 second, an even number of samples for `mel_db`. Unit:
    /// seconds. Source: Kaldi, Hammouamri et al. 2024.
    pub window_s: f64,
    /// Length of a step: of the front end, or of a bin of spikes. Range: above 0.00001 to 1. Unit: seconds. Source:
    /// Kaldi, Hammouamri et al. 2024.
    pub step_s: f64,
    /// Sound: lower edge of the first band. Range: 0 to below the upper edge and half the sample rate. Unit: Hz. Source:
    /// Kaldi, Hammouamri et al. 2024.
    pub low_hz: f64,
    /// Sound: upper edge of the last band; left out: half the sample rate, or 14 kHz for `mel_db`. Range: above
    /// `low_hz`, at most half the sample rate (`log_mel`). Unit: Hz. Source: Kaldi, Hammouamri et al. 2024.
    pub high_hz: Option<f64>,
    /// Sound: whether each utterance's own mean is taken from every band before the bands are standardised: takes out
    /// microphone and level, which helps with unseen speakers, and needs the whole utterance before the first step.
    /// Range: `true`, `false`. Source: cepstral mean subtraction, Atal 1974.
    pub subtract_mean: bool,
    /// Spikes: channels in the files. Range: 1 to 65536. Unit: channels. Source: Cramer et al. 2022.
    pub channels: usize,
    /// Spikes: neighbouring channels that are added up. Range: 1 to `channels`. Unit: channels. Source: Hammouamri et
    /// al. 2024.
    pub sum_channels: usize,
    /// Spikes: whether a step counts its spikes or says that there are any. Range: `counts`, `binary`. Source: `counts`
    /// from Bittar & Garner 2022 and Hammouamri et al. 2024.
    pub values: BinValues,
    /// Spikes: the step that time 0 belongs to; the published recipe of sparch leaves step 0 empty. Range: 0 to below
    /// the number of steps. Unit: steps. Source: Bittar & Garner 2022.
    pub first_step: usize,
    /// Spikes: what time 0 is, the start of the recording or the first spike of each sample. Range: `file`, `first_spike`.
    /// Source: `first_spike` from Hammouamri et al. 2024.
    pub time_zero: TimeZero,
    /// Spikes: whether a time that its stored number cannot tell from the edge of a step is on it, or stored numbers are
    /// compared as they are. Range: `rounded`, `exact`. Source: `exact` from Bittar & Garner 2022.
    pub edges: Edges,
    /// Seed of the splits made here. Not the seed of a run: runs that are compared share their splits. Range: at least
    /// 0. Unit: none. Source: own choice.
    pub split_seed: u64,
}

/// A configuration as written, before the set's own defaults are filled in.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Partial {
    name: DataName,
    root: Option<PathBuf>,
    steps: Option<usize>,
    max_time_s: Option<f64>,
    pad: Option<Pad>,
    split: Option<SplitRule>,
    leave_out: Option<String>,
    validation_share: Option<f64>,
    task: Option<Task>,
    front_end: Option<FrontEndName>,
    rate: Option<u32>,
    bands: Option<usize>,
    window_s: Option<f64>,
    step_s: Option<f64>,
    low_hz: Option<f64>,
    high_hz: Option<f64>,
    subtract_mean: Option<bool>,
    channels: Option<usize>,
    sum_channels: Option<usize>,
    values: Option<BinValues>,
    first_step: Option<usize>,
    time_zero: Option<TimeZero>,
    edges: Option<Edges>,
    split_seed: Option<u64>,
}

impl From<Partial> for DataConfig {
    fn from(written: Partial) -> Self {
        let mut usual = Self::default_for(written.name);
        usual.set_front_end(written.front_end.unwrap_or(usual.front_end));
        Self {
            name: written.name,
            root: written.root,
            steps: written.steps.unwrap_or(usual.steps),
            max_time_s: written.max_time_s,
            pad: written.pad.unwrap_or(usual.pad),
            split: written.split.unwrap_or(usual.split),
            leave_out: written.leave_out,
            validation_share: written.validation_share.unwrap_or(usual.validation_share),
            task: written.task.unwrap_or(usual.task),
            front_end: written.front_end.unwrap_or(usual.front_end),
            rate: written.rate,
            bands: written.bands.unwrap_or(usual.bands),
            window_s: written.window_s.unwrap_or(usual.window_s),
            step_s: written.step_s.unwrap_or(usual.step_s),
            low_hz: written.low_hz.unwrap_or(usual.low_hz),
            high_hz: written.high_hz.or(usual.high_hz),
            subtract_mean: written.subtract_mean.unwrap_or(usual.subtract_mean),
            channels: written.channels.unwrap_or(usual.channels),
            sum_channels: written.sum_channels.unwrap_or(usual.sum_channels),
            values: written.values.unwrap_or(usual.values),
            first_step: written.first_step.unwrap_or(usual.first_step),
            time_zero: written.time_zero.unwrap_or(usual.time_zero),
            edges: written.edges.unwrap_or(usual.edges),
            split_seed: written.split_seed.unwrap_or(usual.split_seed),
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self::default_for(DataName::default())
    }
}

/// What loading may use, none of which changes what is loaded.
#[derive(Debug, Clone, Copy)]
pub struct LoadOptions<'a> {
    /// Stored statistics in place of those of the training split: a trained network must see its inputs as in training,
    /// whatever split it is evaluated on.
    pub normaliser: Option<&'a Normaliser>,
    /// Folder for features that were computed before, made where it is missing; `None`: nothing is kept.
    pub cache: Option<&'a Path>,
    /// Bytes of spikes that may stay in memory; a larger set is read from its files batch by batch.
    pub memory: u64,
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        Self { normaliser: None, cache: None, memory: 4 << 30 }
    }
}

/// Longest sequence: 100 s in steps of 10 ms.
const MOST_STEPS: usize = 10_000;

impl DataConfig {
    /// The usual settings of a set. Sound: 40 bands of 25 ms every 10 ms, and a length that holds at least 98 % of the
    /// digits whole (80 steps, 0.8 s) or a clip of one second (100 steps). Spikes: 100 steps of 10 ms, five
    /// neighbouring channels added up.
    #[must_use]
    pub fn default_for(name: DataName) -> Self {
        let front = LogMelConfig::default();
        Self {
            name,
            root: None,
            steps: match name {
                DataName::Digits | DataName::Fsdd => 80,
                DataName::Words | DataName::Gsc | DataName::Shd | DataName::Ssc => 100,
            },
            max_time_s: None,
            pad: Pad::Fixed,
            split: SplitRule::Official,
            leave_out: None,
            validation_share: 0.1,
            task: Task::All,
            front_end: FrontEndName::LogMel,
            rate: None,
            bands: front.bands,
            window_s: front.window_s,
            step_s: front.step_s,
            low_hz: front.low_hz,
            high_hz: front.high_hz,
            subtract_mean: false,
            channels: 700,
            sum_channels: 5,
            values: BinValues::Counts,
            first_step: 0,
            time_zero: TimeZero::File,
            edges: Edges::Rounded,
            split_seed: 0,
        }
    }

    /// Sets the keys of a published way to bin spikes; nothing else changes.
    pub fn set_recipe(&mut self, recipe: Recipe) {
        (self.step_s, self.steps, self.first_step, self.sum_channels, self.pad) = match recipe {
            Recipe::TenMs => (0.01, 100, 0, 5, Pad::Fixed),
            Recipe::Sparch => (1.4 / 99.0, 100, 1, 1, Pad::Fixed),
            Recipe::Dcls => (0.01, MOST_STEPS, 0, 5, Pad::Longest),
        };
        (self.time_zero, self.edges) = match recipe {
            Recipe::TenMs => (TimeZero::File, Edges::Rounded),
            Recipe::Sparch => (TimeZero::File, Edges::Exact),
            Recipe::Dcls => (TimeZero::FirstSpike, Edges::Rounded),
        };
        self.max_time_s = None;
        self.values = BinValues::Counts;
    }

    /// Takes a front end with its own usual bands, window and edges; nothing else changes.
    pub fn set_front_end(&mut self, front_end: FrontEndName) {
        self.front_end = front_end;
        (self.bands, self.window_s, self.step_s, self.low_hz, self.high_hz) = match front_end {
            FrontEndName::LogMel => {
                let LogMelConfig { bands, window_s, step_s, low_hz, high_hz } = LogMelConfig::default();
                (bands, window_s, step_s, low_hz, high_hz)
            }
            FrontEndName::MelDb => {
                let MelDbConfig { bands, window_s, step_s, low_hz, high_hz, .. } = MelDbConfig::default();
                (bands, window_s, step_s, low_hz, Some(high_hz))
            }
        };
    }

    /// Settings of the log-mel front end.
    #[must_use]
    pub fn log_mel(&self) -> LogMelConfig {
        LogMelConfig {
            bands: self.bands,
            window_s: self.window_s,
            step_s: self.step_s,
            low_hz: self.low_hz,
            high_hz: self.high_hz,
        }
    }

    /// Settings of the front end in decibels.
    #[must_use]
    pub fn mel_db(&self) -> MelDbConfig {
        let usual = MelDbConfig::default();
        MelDbConfig {
            bands: self.bands,
            window_s: self.window_s,
            step_s: self.step_s,
            low_hz: self.low_hz,
            high_hz: self.high_hz.unwrap_or(usual.high_hz),
            ..usual
        }
    }

    /// How spikes become steps.
    #[must_use]
    pub fn binning(&self) -> Binning {
        Binning {
            step_s: self.step_s,
            steps: self.sequence_steps(),
            first_step: self.first_step,
            time_zero: self.time_zero,
            edges: self.edges,
            values: self.values,
            sum_channels: self.sum_channels,
            channels: self.channels,
        }
    }

    /// Sequence length T: `steps`, or what `max_time_s` asks for.
    #[must_use]
    pub fn sequence_steps(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating")]
        let of_time = |time: f64| (time / self.step_s - 1e-9).ceil().max(1.0) as usize;
        self.max_time_s.map_or(self.steps, of_time)
    }

    /// Channels a network gets.
    #[must_use]
    pub fn input_channels(&self) -> usize {
        if self.name.has_spikes() { self.channels.div_ceil(self.sum_channels.max(1)) } else { self.bands }
    }

    /// Read the set and standardise it with the statistics of its training split.
    ///
    /// # Errors
    /// Any [`DataError`]: a value that cannot work, or files that are not as expected.
    pub fn load(&self) -> Result<Dataset, DataError> {
        self.load_with(&LoadOptions::default())
    }

    /// As [`load`](Self::load), with stored statistics, a cache or a limit of memory.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`DataError::Normaliser`] when the statistics do not fit the channels.
    pub fn load_with(&self, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
        self.check()?;
        if let Some(normaliser) = options.normaliser {
            normaliser.check(self.input_channels())?;
        }
        readers::plan(self)?.extract(self, options)
    }

    /// The sounds of the set by split, before any front end.
    ///
    /// # Errors
    /// [`DataError`] as for [`load`](Self::load), or when the set holds spikes.
    pub fn sounds(&self) -> Result<Sounds, DataError> {
        self.check()?;
        if self.name.has_spikes() {
            return Err(DataError::Config {
                key: "name",
                found: self.name.to_string(),
                expected: "a set of sound: this one holds spikes".to_owned(),
            });
        }
        Sounds::of(readers::plan(self)?, self)
    }

    /// The folder of the set.
    pub(crate) fn folder(&self) -> Result<&Path, DataError> {
        self.root.as_deref().ok_or_else(|| DataError::Config {
            key: "root",
            found: "nothing".to_owned(),
            expected: format!("the folder that holds the set {:?} (--root)", self.name.to_string()),
        })
    }

    /// Refuses values that cannot work, before any file is touched.
    ///
    /// # Errors
    /// [`DataError::Config`] with the first such key.
    pub fn check(&self) -> Result<(), DataError> {
        let wrong = |key, found: String, expected: &str| {
            Err(DataError::Config { key, found, expected: expected.to_owned() })
        };
        if !(1..=MOST_STEPS).contains(&self.steps) {
            return wrong("steps", self.steps.to_string(), "1 to 10000");
        }
        if !(self.step_s > 1e-5 && self.step_s <= 1.0) {
            return wrong("step_s", self.step_s.to_string(), "more than 0.00001 s, at most 1 s");
        }
        if let Some(time) = self.max_time_s
            && !(time > 0.0 && time / self.step_s <= MOST_STEPS as f64)
        {
            return wrong("max_time_s", time.to_string(), "more than 0 s, at most 10000 steps");
        }
        if !(self.validation_share > 0.0 && self.validation_share <= 0.4) {
            return wrong("validation_share", self.validation_share.to_string(), "more than 0, at most 0.4");
        }
        if !(1..=1 << 16).contains(&self.channels) {
            return wrong("channels", self.channels.to_string(), "1 to 65536");
        }
        if !(1..=self.channels).contains(&self.sum_channels) {
            return wrong("sum_channels", self.sum_channels.to_string(), "1 to data.channels");
        }
        if self.first_step >= self.sequence_steps() {
            return wrong("first_step", self.first_step.to_string(), "less than the number of steps");
        }
        if let Some(rate) = self.rate
            && !(LOWEST_RATE..=HIGHEST_RATE).contains(&rate)
        {
            return wrong("rate", rate.to_string(), "8000 to 384000 Hz");
        }
        if let (Some(root), DataName::Digits) = (&self.root, self.name) {
            return wrong("root", root.display().to_string(), "nothing: the set \"digits\" is embedded");
        }
        if self.split == SplitRule::Hash && self.name != DataName::Gsc {
            return wrong(
                "split",
                "hash".to_owned(),
                "another rule: only the set \"gsc\" has speaker hashes",
            );
        }
        if self.split == SplitRule::None && self.leave_out.is_some() {
            return wrong("split", "none".to_owned(), "another rule: a speaker left out is the test set");
        }
        if self.task == Task::Twelve && self.name != DataName::Gsc {
            return wrong(
                "task",
                "twelve".to_owned(),
                "\"all\": only the set \"gsc\" has the task of 12 classes",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_leaves_out_is_the_default_of_its_set() {
        for name in DataName::ALL {
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
        let text = toml::from_str::<DataConfig>("name = \"mnist\"").unwrap_err().to_string();
        assert!(text.contains("unknown variant `mnist`"), "{text}");
    }

    #[test]
    fn a_recipe_sets_the_published_numbers() {
        let mut config = DataConfig { max_time_s: Some(2.0), ..DataConfig::default_for(DataName::Shd) };
        config.set_recipe(Recipe::Sparch);
        assert_eq!((config.sequence_steps(), config.input_channels(), config.first_step), (100, 700, 1));
        assert_eq!((config.time_zero, config.edges), (TimeZero::File, Edges::Exact));
        config.set_recipe(Recipe::Dcls);
        assert_eq!((config.input_channels(), config.pad), (140, Pad::Longest));
        assert_eq!((config.time_zero, config.edges), (TimeZero::FirstSpike, Edges::Rounded));
        config.set_recipe(Recipe::TenMs);
        assert_eq!(config, DataConfig::default_for(DataName::Shd));
    }

    #[test]
    fn a_front_end_brings_its_own_bands() {
        let read: DataConfig =
            toml::from_str("name = \"gsc\"\nfront_end = \"mel_db\"\nlow_hz = 60.0").unwrap();
        assert_eq!((read.bands, read.high_hz), (140, Some(14_000.0)));
        assert!((read.low_hz - 60.0).abs() < 1e-9 && (read.window_s - 0.032).abs() < 1e-9);
        let mut set = DataConfig::default_for(DataName::Gsc);
        set.set_front_end(FrontEndName::MelDb);
        set.low_hz = 60.0;
        assert_eq!(set, read);
        assert_eq!(toml::from_str::<DataConfig>(&toml::to_string(&read).unwrap()).unwrap(), read);
    }

    #[test]
    fn the_longest_time_gives_the_steps() {
        for (time, step, steps) in [(1.4, 0.01, 140), (1.0, 0.004, 250), (0.005, 0.01, 1), (1.001, 0.01, 101)]
        {
            let config = DataConfig { max_time_s: Some(time), step_s: step, ..DataConfig::default() };
            assert_eq!(config.sequence_steps(), steps, "{time} s in steps of {step} s");
        }
    }
}
