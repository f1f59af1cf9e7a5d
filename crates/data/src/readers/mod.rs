//! From a folder, or the embedded corpus, to a [`Dataset`].
//!
//! A reader only says which clips there are and what the set itself says of splits: it returns [`Found`].
//! [`Found::cut`] makes the splits by the configured rule, and [`Plan::extract`] then does the same for every set.

pub(crate) mod digits;
mod extract;
pub(crate) mod folder;
pub(crate) mod fsdd;
pub(crate) mod gsc;
pub(crate) mod spike_set;
mod stored;
pub(crate) mod words;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audio::Audio;
use crate::spike_file::SpikeFile;
use crate::splits::{self, Parts, percent};
use crate::{DataConfig, DataError, DataName, Protocol, SplitRule};

/// One clip that is still to be decoded.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) source: Source,
    pub(crate) label: usize,
    pub(crate) speaker: String,
    pub(crate) id: String,
}

/// Where a clip's sound or spikes are.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Part { of: Arc<Audio>, range: Range<usize>, gain: f32 },
    Spikes { file: Arc<SpikeFile>, index: usize },
}

/// What a reader found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) classes: Vec<String>,
    pub(crate) train: Vec<Clip>,
    /// `None`: the set does not say.
    pub(crate) validation: Option<Vec<Clip>>,
    /// `None`: the set does not say.
    pub(crate) test: Option<Vec<Clip>>,
    /// Where validation comes from when neither the set nor the configuration says.
    pub(crate) usual: Usual,
    /// Facts, and what the set itself says of its splits.
    pub(crate) notes: Vec<String>,
    pub(crate) split_notes: Vec<String>,
}

/// Where validation comes from when a set does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Usual {
    #[default]
    Speakers,
    Share,
    /// Test speakers too: the set has no list at all.
    SpeakersTwice,
}

/// The clips of every split.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) classes: Vec<String>,
    pub(crate) parts: Parts,
    pub(crate) protocol: Protocol,
    pub(crate) notes: Vec<String>,
}

/// What to load.
pub(crate) fn plan(config: &DataConfig) -> Result<Plan, DataError> {
    let found = match config.name {
        DataName::Digits => digits::find()?,
        DataName::Fsdd => fsdd::find(config.folder()?)?,
        DataName::Words => words::find(config.folder()?)?,
        DataName::Gsc => gsc::find(config, config.folder()?)?,
        DataName::Shd | DataName::Ssc => spike_set::find(config, config.folder()?)?,
    };
    let plan = found.cut(config)?;
    if config.name == DataName::Gsc { gsc::for_task(config, plan) } else { Ok(plan) }
}

impl Found {
    /// The splits, by the configured rule.
    pub(crate) fn cut(mut self, config: &DataConfig) -> Result<Plan, DataError> {
        let root = config.root.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        if let Some(speaker) = &config.leave_out {
            let all =
                [Some(self.train), self.validation, self.test].into_iter().flatten().flatten().collect();
            let (parts, note) = splits::leave_out(all, speaker, config.validation_share, &root)?;
            self.notes.push(note);
            return Ok(Plan {
                name: format!("{}-{speaker}", self.name),
                classes: self.classes,
                parts,
                protocol: Protocol::Clean,
                notes: self.notes,
            });
        }
        self.notes.append(&mut self.split_notes);
        let (parts, protocol) = match (config.split, self.validation.take(), self.usual) {
            (SplitRule::None, validation, _) => {
                (self.selected_on_test(validation, &root)?, Protocol::SelectedOnTest)
            }
            (SplitRule::Official | SplitRule::Hash, Some(validation), _) => {
                let test = self.test.take();
                (Parts { train: std::mem::take(&mut self.train), validation, test }, Protocol::Clean)
            }
            (SplitRule::Official | SplitRule::Hash, None, Usual::SpeakersTwice) => {
                (self.divide(config, &root)?, Protocol::Clean)
            }
            (rule, validation, usual) => {
                self.train.extend(validation.into_iter().flatten());
                let by_share =
                    rule == SplitRule::Share || rule == SplitRule::Official && usual == Usual::Share;
                (self.hold_out(config, by_share, &root)?, Protocol::Clean)
            }
        };
        let protocol =
            if parts.test.is_none() && protocol == Protocol::Clean { Protocol::NoTest } else { protocol };
        Ok(Plan { name: self.name, classes: self.classes, parts, protocol, notes: self.notes })
    }

    /// Validation out of training.
    fn hold_out(&mut self, config: &DataConfig, by_share: bool, root: &Path) -> Result<Parts, DataError> {
        let mut train = std::mem::take(&mut self.train);
        let (share, seed) = (config.validation_share, config.split_seed);
        let validation = if by_share {
            self.notes.push(format!(
                "validation is {} of the training recordings, drawn per class and speaker (seed {seed})",
                percent(share)
            ));
            splits::hold_out_share(&mut train, share, seed)
        } else {
            let (validation, speakers) = splits::hold_out_speakers(&mut train, share, seed, root)?;
            self.notes.push(format!(
                "validation is the training speaker{} {} (seed {seed})",
                if speakers.len() == 1 { "" } else { "s" },
                shortened(&speakers)
            ));
            validation
        };
        Ok(Parts { train, validation, test: self.test.take() })
    }

    /// Speakers for training, validation and test.
    fn divide(&mut self, config: &DataConfig, root: &Path) -> Result<Parts, DataError> {
        let mut train = std::mem::take(&mut self.train);
        let purpose = "for training, validation and test";
        let speakers = splits::shuffled_speakers(&train, config.split_seed, 3, purpose, root)?;
        let share = splits::part_of(speakers.len(), config.validation_share, 2);
        let validation = splits::take_speakers(&mut train, &speakers[..share]);
        let test = splits::take_speakers(&mut train, &speakers[share..2 * share]);
        self.notes.push(format!(
            "no list: {} speakers were divided into {} for training, {share} for validation and {share} for test \
             (seed {})",
            speakers.len(),
            speakers.len() - 2 * share,
            config.split_seed
        ));
        Ok(Parts { train, validation, test: Some(test) })
    }

    /// The published protocol: everything that is not test is training, and the test split selects.
    fn selected_on_test(&mut self, validation: Option<Vec<Clip>>, root: &Path) -> Result<Parts, DataError> {
        let mut train = std::mem::take(&mut self.train);
        train.extend(validation.into_iter().flatten());
        let Some(test) = self.test.take() else {
            return Err(DataError::Config {
                key: "split",
                found: "none".to_owned(),
                expected: format!("another rule: {} has no test split that could select", root.display()),
            });
        };
        Ok(Parts { train, validation: test, test: None })
    }
}

/// Names, the first few of them.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        0..=SHOWN => names.join(", "),
        all => format!("{} and {} more", names[..SHOWN].join(", "), all - SHOWN),
    }
}

#[cfg(test)]
mod tests;
