//! From what a reader found to splits: by the configured rule, or by what the set itself says.
//!
//! Rules that the user did not ask for give way: where whole speakers would leave a class without a training clip, or
//! where there are too few speakers, the clips of every class are divided instead, which a note says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Clip, Found, Plan, Usual};
use crate::splits::{self, Parts, percent};
use crate::{DataConfig, DataError, Protocol, SplitRule, shortened};

impl Found {
    /// The splits, by the configured rule.
    pub(crate) fn cut(mut self, config: &DataConfig) -> Result<Plan, DataError> {
        let root = config.root.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        self.speakers_where_needed(config)?;
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
        let (parts, protocol) = match (config.split, self.validation.take()) {
            (SplitRule::None, validation) => {
                (self.selected_on_test(validation, &root)?, Protocol::SelectedOnTest)
            }
            (SplitRule::Official, validation @ None) if self.usual == Usual::OnTest => {
                (self.selected_on_test(validation, &root)?, Protocol::SelectedOnTest)
            }
            (SplitRule::Official | SplitRule::Hash, Some(validation)) => {
                let test = self.test.take();
                (Parts { train: std::mem::take(&mut self.train), validation, test }, Protocol::Clean)
            }
            (rule, validation) => {
                self.train.extend(validation.into_iter().flatten());
                (self.by_rule(rule, config, &root)?, Protocol::Clean)
            }
        };
        let protocol =
            if parts.test.is_none() && protocol == Protocol::Clean { Protocol::NoTest } else { protocol };
        Ok(Plan { name: self.name, classes: self.classes, parts, protocol, notes: self.notes })
    }

    /// Refuses a rule that goes by speakers where the files' names tell none.
    fn speakers_where_needed(&self, config: &DataConfig) -> Result<(), DataError> {
        let Some(why) = &self.no_speakers else { return Ok(()) };
        let (key, found) = match (&config.leave_out, config.split) {
            (Some(speaker), _) => ("leave_out", speaker.clone()),
            (None, SplitRule::Speakers) => ("split", "speakers".to_owned()),
            _ => return Ok(()),
        };
        Err(DataError::Config {
            key,
            found: format!("{found}, but the names of the files tell no speaker: {why}"),
            expected: "data.split=share, or files called <speaker>_<number>.wav".to_owned(),
        })
    }

    /// Validation out of training, and test too where the set has no list.
    fn by_rule(&mut self, rule: SplitRule, config: &DataConfig, root: &Path) -> Result<Parts, DataError> {
        let asked = rule == SplitRule::Speakers;
        let usual = rule != SplitRule::Share && self.usual == Usual::Speakers && self.no_speakers.is_none();
        let why = if asked || usual {
            match self.held_out(config, root) {
                Ok(held_out) => match self.lost_without(&held_out) {
                    Some(lost) if !asked => Some(lost),
                    _ => return Ok(self.by_speakers(&held_out, config)),
                },
                Err(DataError::TooFewSpeakers { found, expected, purpose, .. }) if !asked => {
                    Some(format!("{found} speaker(s) are too few {purpose}, which takes {expected}"))
                }
                Err(error) => return Err(error),
            }
        } else {
            self.no_speakers
                .clone()
                .map(|why| format!("{why}: the names tell no speaker, as <speaker>_<number>.wav would"))
        };
        self.notes
            .extend(why.as_ref().map(|why| format!("{why}; a speaker may be on two sides of the split")));
        let by_class =
            self.divided || why.is_some() && rule != SplitRule::Share && self.usual != Usual::Share;
        Ok(if by_class { self.by_class(config) } else { self.by_share(config) })
    }

    /// The speakers of validation and, where the set has no list, of test.
    fn held_out(&self, config: &DataConfig, root: &Path) -> Result<[Vec<String>; 2], DataError> {
        let (share, seed) = (config.validation_share, config.split_seed);
        if self.divided {
            let purpose = "for training, validation and test";
            let speakers = splits::shuffled_speakers(&self.train, seed, 3, purpose, root)?;
            let count = splits::part_of(speakers.len(), share, 2);
            return Ok([speakers[..count].to_vec(), speakers[count..2 * count].to_vec()]);
        }
        let purpose = "to hold some out for validation";
        let mut speakers = splits::shuffled_speakers(&self.train, seed, 2, purpose, root)?;
        speakers.truncate(splits::part_of(speakers.len(), share, 1));
        Ok([speakers, Vec::new()])
    }

    /// What is wrong with holding these speakers out: classes of which nothing is left, though clips could be shared
    /// out so that something is.
    fn lost_without(&self, held_out: &[Vec<String>; 2]) -> Option<String> {
        let mut counts = vec![[0_usize; 2]; self.classes.len()];
        let held_out: BTreeSet<&String> = held_out.iter().flatten().collect();
        for clip in &self.train {
            let kept = !held_out.contains(&clip.speaker);
            counts[clip.label][usize::from(kept)] += 1;
        }
        let lost: Vec<String> = (0..counts.len())
            .filter(|&class| counts[class][0] > 0 && counts[class][1] == 0)
            .map(|class| self.classes[class].clone())
            .collect();
        let can_share = counts.iter().any(|[out, kept]| out + kept >= if self.divided { 3 } else { 2 });
        (!lost.is_empty() && can_share).then(|| {
            format!(
                "whole speakers would leave no training clip of {} of {} classes ({})",
                lost.len(),
                self.classes.len(),
                shortened(&lost)
            )
        })
    }

    /// Whole speakers for validation, and for test.
    fn by_speakers(&mut self, [selecting, testing]: &[Vec<String>; 2], config: &DataConfig) -> Parts {
        let mut train = std::mem::take(&mut self.train);
        let all = splits::speakers(&train).len();
        let validation = splits::take_speakers(&mut train, selecting);
        let (seed, share) = (config.split_seed, selecting.len());
        if !self.divided {
            self.notes.push(format!(
                "validation is the training speaker{} {} (seed {seed})",
                if share == 1 { "" } else { "s" },
                shortened(selecting)
            ));
            return Parts { train, validation, test: self.test.take() };
        }
        let test = splits::take_speakers(&mut train, testing);
        self.notes.push(format!(
            "no list: {all} speakers were divided into {} for training, {share} for validation and {share} for test \
             (seed {seed})",
            all - 2 * share
        ));
        Parts { train, validation, test: Some(test) }
    }

    /// A share of the recordings.
    fn by_share(&mut self, config: &DataConfig) -> Parts {
        let (share, seed) = (config.validation_share, config.split_seed);
        self.notes.push(format!(
            "validation is {} of the training recordings, drawn per class and speaker (seed {seed})",
            percent(share)
        ));
        let mut train = std::mem::take(&mut self.train);
        let validation = splits::hold_out_share(&mut train, share, seed);
        Parts { train, validation, test: self.test.take() }
    }

    /// A share of every class's recordings, and another for test where the set has no list.
    fn by_class(&mut self, config: &DataConfig) -> Parts {
        let (share, seed) = (config.validation_share, config.split_seed);
        let train = std::mem::take(&mut self.train);
        let (train, mut held_out) =
            splits::divide_classes(train, share, if self.divided { 2 } else { 1 }, seed);
        let validation = held_out.remove(0);
        let (trained, selecting) = (train.len(), validation.len());
        let Some(test) = held_out.pop() else {
            self.notes.push(format!(
                "the training recordings of every class were divided into {trained} for training and {selecting} for \
                 validation (seed {seed})"
            ));
            return Parts { train, validation, test: self.test.take() };
        };
        self.notes.push(format!(
            "no list: the recordings of every class were divided into {trained} for training, {selecting} for \
             validation and {} for test (seed {seed})",
            test.len()
        ));
        Parts { train, validation, test: Some(test) }
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
