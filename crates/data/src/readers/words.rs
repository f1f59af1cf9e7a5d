//! A folder of words: `<root>/<word>/<speaker>_….wav|flac`.
//!
//! Lists `train.csv`, `val.csv` and `test.csv` in the root, header `file,class`, decide the split where present. A
//! listed file is found by the last two parts of its path, and may be wav or flac on disk whatever the list says. What
//! the lists leave open: without `train.csv` training takes every file that no other list names; without `val.csv` a
//! share of the training *speakers* is held out; without `test.csv` there is no test split; without any list speakers
//! are divided into training, validation and test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::folder::{entries, sounds, stem};
use super::{Clip, Plan, Source};
use crate::random::{generator, shuffle};
use crate::{DataConfig, DataError};

const LAYOUT: &str = "a folder of words: <root>/<word>/<speaker>_<number>.wav or .flac";
const LISTS: [&str; 3] = ["train.csv", "val.csv", "test.csv"];

/// Word and file name without extension: what identifies a clip.
type Key = (String, String);

/// What is on disk.
struct Found {
    classes: Vec<String>,
    files: BTreeMap<Key, PathBuf>,
    notes: Vec<String>,
}

pub(crate) fn plan(config: &DataConfig, root: &Path) -> Result<Plan, DataError> {
    let found = scan(root)?;
    let mut taken = BTreeMap::new();
    let mut lists = Vec::with_capacity(3);
    for name in LISTS {
        lists.push(read_list(root, name, &found, &mut taken)?);
    }
    let [train, validation, test] = lists.try_into().expect("one entry per list");
    let unlisted: Vec<&Key> = found.files.keys().filter(|key| !taken.contains_key(*key)).collect();
    let split = Open { config, root, found: &found, unlisted };
    let mut plan = match (train, validation, test) {
        (None, None, None) => split.by_speaker()?,
        (train, validation, test) => split.by_lists(train, validation, test)?,
    };
    plan.notes.splice(0..0, found.notes.iter().cloned());
    plan.name =
        root.file_name().map_or_else(|| "words".to_owned(), |name| name.to_string_lossy().into_owned());
    plan.classes = found.classes;
    Ok(plan)
}

/// The class folders and their sound files.
fn scan(root: &Path) -> Result<Found, DataError> {
    let mut found = Found { classes: Vec::new(), files: BTreeMap::new(), notes: Vec::new() };
    for folder in entries(root, LAYOUT)?.into_iter().filter(|path| path.is_dir()) {
        let word = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // Folders such as `_background_noise_` are no words.
        if word.starts_with('_') {
            continue;
        }
        let inside = entries(&folder, "sound files of one word")?;
        let before = found.files.len();
        for path in sounds(&inside) {
            let key = (word.clone(), stem(path));
            if let Some(other) = found.files.insert(key, path.clone()) {
                return Err(DataError::FoundTwice {
                    file: format!("{word}/{}", stem(path)),
                    first: other.display().to_string(),
                    second: path.display().to_string(),
                });
            }
        }
        if found.files.len() == before {
            found.notes.push(format!("folder {word:?} holds no sound file and is no class"));
        } else {
            found.classes.push(word);
        }
    }
    for list in ["validation_list.txt", "testing_list.txt"] {
        if root.join(list).exists() {
            found.notes.push(format!("{list} is not read: lists are {}", LISTS.join(", ")));
        }
    }
    if found.classes.is_empty() {
        let what = "no class folder with wav or flac files".to_owned();
        return Err(DataError::Folder { path: root.to_path_buf(), found: what, expected: LAYOUT.to_owned() });
    }
    Ok(found)
}

/// One line of a list.
#[derive(Deserialize)]
struct Row {
    file: String,
    class: String,
}

/// The clips that a list names, in its order; `None` when there is no such list. `taken` remembers which list named a
/// clip.
fn read_list(
    root: &Path,
    name: &'static str,
    found: &Found,
    taken: &mut BTreeMap<Key, &'static str>,
) -> Result<Option<Vec<Clip>>, DataError> {
    let list = root.join(name);
    if !list.exists() {
        return Ok(None);
    }
    let file = list.display().to_string();
    let mut reader = csv::Reader::from_path(&list)
        .map_err(|error| DataError::Io { path: list.clone(), source: std::io::Error::other(error) })?;
    let (mut clips, mut listed, mut missing, mut first) = (Vec::new(), 0, 0, None);
    for (number, row) in reader.deserialize::<Row>().enumerate() {
        let line = number as u64 + 2;
        let wrong =
            |found: String, expected: String| DataError::Table { file: file.clone(), line, found, expected };
        let row = row.map_err(|error| wrong(error.to_string(), "file,class".to_owned()))?;
        let label = found.classes.binary_search(&row.class).map_err(|_| {
            wrong(
                format!("class {:?}", row.class),
                format!("one of the folders {}", found.classes.join(", ")),
            )
        })?;
        let key =
            key_of(&row.file).ok_or_else(|| wrong(format!("{:?}", row.file), "<word>/<file>".to_owned()))?;
        if row.class != key.0 {
            return Err(wrong(
                format!("class {:?} of {:?}", row.class, row.file),
                format!("class {:?}", key.0),
            ));
        }
        listed += 1;
        let Some(path) = found.files.get(&key) else {
            missing += 1;
            first.get_or_insert(row.file);
            continue;
        };
        if let Some(earlier) = taken.insert(key.clone(), name) {
            let (first, second) = (earlier.to_owned(), name.to_owned());
            return Err(DataError::FoundTwice { file: row.file, first, second });
        }
        clips.push(clip(&key, path, label));
    }
    match first {
        Some(first) => Err(DataError::MissingFiles { list, first, missing, listed }),
        None => Ok(Some(clips)),
    }
}

/// The last two parts of a listed path, without the extension.
fn key_of(listed: &str) -> Option<Key> {
    let mut parts = listed.rsplit(['/', '\\']);
    let (file, word) = (parts.next()?, parts.next()?);
    Some((word.to_owned(), stem(Path::new(file))))
}

fn clip(key: &Key, path: &Path, label: usize) -> Clip {
    let (word, name) = key;
    let speaker = name.split('_').next().unwrap_or(name).to_owned();
    Clip { source: Source::File(path.to_path_buf()), label, speaker, id: format!("{word}/{name}") }
}

/// What is left to decide after the lists were read.
struct Open<'a> {
    config: &'a DataConfig,
    root: &'a Path,
    found: &'a Found,
    unlisted: Vec<&'a Key>,
}

impl Open<'_> {
    fn unlisted_clips(&self) -> Vec<Clip> {
        let label = |word: &String| {
            self.found.classes.binary_search(word).expect("every file lies in a class folder")
        };
        self.unlisted.iter().map(|key| clip(key, &self.found.files[*key], label(&key.0))).collect()
    }

    fn by_lists(
        &self,
        train: Option<Vec<Clip>>,
        validation: Option<Vec<Clip>>,
        test: Option<Vec<Clip>>,
    ) -> Result<Plan, DataError> {
        let mut notes = Vec::new();
        if train.is_none() {
            notes.push("no train.csv: training takes every file that no other list names".to_owned());
        } else if !self.unlisted.is_empty() {
            notes.push(format!("{} files on disk are in no list and are not used", self.unlisted.len()));
        }
        if test.is_none() {
            notes.push("no test.csv: there is no test split".to_owned());
        }
        let mut train = train.unwrap_or_else(|| self.unlisted_clips());
        let validation = if let Some(validation) = validation {
            validation
        } else {
            let speakers = self.shuffled_speakers(&train, 2, "to hold some out for validation")?;
            let held_out = &speakers[..self.share(speakers.len(), 1)];
            notes.push(format!("no val.csv: validation is speaker(s) {}", held_out.join(", ")));
            take_speakers(&mut train, held_out)
        };
        Ok(Plan { train, validation, test, notes, ..Plan::default() })
    }

    fn by_speaker(&self) -> Result<Plan, DataError> {
        let mut train = self.unlisted_clips();
        let speakers = self.shuffled_speakers(&train, 3, "for training, validation and test")?;
        let share = self.share(speakers.len(), 2);
        let validation = take_speakers(&mut train, &speakers[..share]);
        let test = take_speakers(&mut train, &speakers[share..2 * share]);
        let notes = vec![format!(
            "no list: {} speakers were divided into {} for training, {share} for validation and {share} for test \
             (seed {})",
            speakers.len(),
            speakers.len() - 2 * share,
            self.config.split_seed
        )];
        Ok(Plan { train, validation, test: Some(test), notes, ..Plan::default() })
    }

    /// How many of `speakers` one held-out split takes, when `splits` of them leave at least one for training.
    fn share(&self, speakers: usize, splits: usize) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
        let share = (speakers as f64 * self.config.validation_share).round() as usize;
        share.clamp(1, (speakers - 1) / splits)
    }

    fn shuffled_speakers(
        &self,
        clips: &[Clip],
        least: usize,
        purpose: &str,
    ) -> Result<Vec<String>, DataError> {
        let speakers: BTreeSet<&String> = clips.iter().map(|clip| &clip.speaker).collect();
        if speakers.len() < least {
            return Err(DataError::TooFewSpeakers {
                path: self.root.to_path_buf(),
                found: speakers.len(),
                expected: least,
                purpose: purpose.to_owned(),
            });
        }
        let mut speakers: Vec<String> = speakers.into_iter().cloned().collect();
        shuffle(&mut speakers, &mut generator(self.config.split_seed, 0));
        Ok(speakers)
    }
}

/// Move the clips of `speakers` out of `clips`.
fn take_speakers(clips: &mut Vec<Clip>, speakers: &[String]) -> Vec<Clip> {
    let (taken, kept) = std::mem::take(clips).into_iter().partition(|clip| speakers.contains(&clip.speaker));
    *clips = kept;
    taken
}
