//! Whether splits can tell anything: the one place that looks at every set's splits, whatever made them.

use std::collections::BTreeMap;

use super::Plan;
use super::lists::folded_name;
use crate::{DataConfig, DataError, SplitRule, shortened, splits};

/// Clips of one class in training, validation and test.
type Counts = [usize; 3];

impl Plan {
    /// Refuses splits that cannot give a result, and notes what results on the others do not say.
    ///
    /// # Errors
    /// [`DataError::EmptySplit`]; [`DataError::NotInTraining`] for a class without a training clip. Files of spikes are
    /// taken as they were cut by whoever made them, with a note.
    pub(crate) fn judge(mut self, config: &DataConfig) -> Result<Self, DataError> {
        let parts = [
            ("training", Some(&self.parts.train)),
            ("validation", Some(&self.parts.validation)),
            ("test", self.parts.test.as_ref()),
        ];
        if let Some((split, _)) = parts.iter().find(|(_, clips)| clips.is_some_and(Vec::is_empty)) {
            return Err(DataError::EmptySplit { set: self.name, split });
        }
        let mut counts: Vec<Counts> = vec![[0; 3]; self.classes.len()];
        for (part, (_, clips)) in parts.iter().enumerate() {
            for clip in clips.iter().copied().flatten() {
                counts[clip.label][part] += 1;
            }
        }
        let untrained = self.named(&counts, |[train, validation, test]| *train == 0 && validation + test > 0);
        if !untrained.is_empty() {
            let made_here =
                config.leave_out.is_some() || matches!(config.split, SplitRule::Speakers | SplitRule::Share);
            if !config.name.has_spikes() || made_here {
                return Err(self.not_in_training(&untrained, config));
            }
            self.warn(&format!(
                "no training sample of {}: none of them can be recognised",
                self.of(&untrained)
            ));
        }
        self.warn_of_gaps(&counts);
        if !config.name.has_spikes() {
            self.warn_of_twins();
        }
        Ok(self)
    }

    fn not_in_training(&self, classes: &[String], config: &DataConfig) -> DataError {
        let (rule, instead) = match (&config.leave_out, config.split) {
            (Some(speaker), _) => (format!("data.leave_out={speaker}"), "another speaker"),
            (None, SplitRule::Speakers) => ("data.split=speakers".to_owned(), "data.split=share"),
            (None, SplitRule::Share) => ("data.split=share".to_owned(), "more clips of these classes"),
            (None, SplitRule::None) => {
                ("data.split=none".to_owned(), "a test split of classes that are trained")
            }
            (None, SplitRule::Hash) => ("data.split=hash".to_owned(), "data.split=share"),
            (None, SplitRule::Official) => (
                "what the set's lists or names say (data.split=official)".to_owned(),
                "other lists, or data.split=share, which draws validation from every class",
            ),
        };
        DataError::NotInTraining {
            set: self.name.clone(),
            classes: self.of(classes),
            rule,
            instead: instead.to_owned(),
        }
    }

    /// Notes on classes that a split does not have, and on a set of one class.
    fn warn_of_gaps(&mut self, counts: &[Counts]) {
        let nowhere = self.named(counts, |counts| *counts == [0; 3]);
        if !nowhere.is_empty() {
            self.warn(&format!("no clip at all of {}", self.of(&nowhere)));
        }
        let selecting = self.protocol.selecting_split();
        for (part, split) in [(1, selecting), (2, "test")] {
            let there = part == 1 || self.parts.test.is_some();
            let absent = self.named(counts, |counts| counts[0] > 0 && counts[part] == 0);
            if there && !absent.is_empty() {
                let classes = self.of(&absent);
                self.warn(&format!("no clip of {classes} in {split}: its accuracy says nothing of them"));
            }
        }
        if let [only] = self.named(counts, |counts| counts[0] > 0).as_slice() {
            self.warn(&format!("{only:?} is the only class in training, so that every accuracy is 100 %"));
        }
    }

    /// Notes on names of classes or speakers that a reader would take for one.
    fn warn_of_twins(&mut self) {
        let parts = [Some(&self.parts.train), Some(&self.parts.validation), self.parts.test.as_ref()];
        let speakers = splits::speakers(parts.into_iter().flatten().flatten());
        for (what, names) in [("classes", self.classes.clone()), ("speakers", speakers)] {
            let mut known: BTreeMap<String, &String> = BTreeMap::new();
            for name in &names {
                if let Some(first) = known.insert(folded_name(name), name) {
                    self.warn(&format!(
                        "{first:?} and {name:?} differ in letter case or Unicode form alone and are two {what}"
                    ));
                }
            }
        }
    }

    fn warn(&mut self, text: &str) {
        self.notes.push(format!("warning: {text}"));
    }

    /// The classes whose counts fit.
    fn named(&self, counts: &[Counts], fits: impl Fn(&Counts) -> bool) -> Vec<String> {
        let fitting = self.classes.iter().zip(counts).filter(|(_, counts)| fits(counts));
        fitting.map(|(class, _)| class.clone()).collect()
    }

    /// `2 of 4 classes (apple, mango)`.
    fn of(&self, classes: &[String]) -> String {
        format!("{} of {} classes ({})", classes.len(), self.classes.len(), shortened(classes))
    }
}
