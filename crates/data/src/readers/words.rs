//! A folder of words: `<root>/<word>/<speaker>_….wav|flac`.
//!
//! Lists `train.csv`, `val.csv` and `test.csv` in the root, header `file,class`, decide the split where present. A
//! listed file is found by the last two parts of its path, and may be wav or flac on disk whatever the list says. What
//! the lists leave open: without `train.csv` training takes every file that no other list names; without `val.csv` a
//! share of the training *speakers* is held out; without `test.csv` there is no test split; without any list speakers
//! are divided into training, validation and test. The speaker is the file's name up to its first `_`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::folder::{entries, sounds, stem};
use super::{Clip, Found, Source, Usual};
use crate::DataError;

const LAYOUT: &str = "a folder of words: <root>/<word>/<speaker>_<number>.wav or .flac";
const LISTS: [&str; 3] = ["train.csv", "val.csv", "test.csv"];

/// Word and file name without extension: what identifies a clip.
pub(crate) type Key = (String, String);

/// What is on disk.
#[derive(Debug)]
pub(crate) struct OnDisk {
    /// The folders that hold sound, in the order of the alphabet.
    pub(crate) classes: Vec<String>,
    pub(crate) files: BTreeMap<Key, PathBuf>,
    pub(crate) notes: Vec<String>,
}

pub(crate) fn find(root: &Path) -> Result<Found, DataError> {
    let on_disk = OnDisk::scan(root)?;
    let mut notes = on_disk.notes.clone();
    for list in ["validation_list.txt", "testing_list.txt"] {
        if root.join(list).exists() {
            notes.push(format!("{list} is not read: lists are {}; --data gsc reads it", LISTS.join(", ")));
        }
    }
    let mut taken = BTreeMap::new();
    let mut lists = Vec::with_capacity(3);
    for name in LISTS {
        lists.push(read_list(root, name, &on_disk, &mut taken)?);
    }
    let [train, validation, test] = lists.try_into().expect("one entry per list");
    let unlisted: Vec<&Key> = on_disk.files.keys().filter(|key| !taken.contains_key(*key)).collect();
    let mut found = Found {
        name: root.file_name().map_or_else(|| "words".to_owned(), |name| name.to_string_lossy().into_owned()),
        classes: on_disk.classes.clone(),
        notes,
        ..Found::default()
    };
    if train.is_none() && validation.is_none() && test.is_none() {
        found.usual = Usual::SpeakersTwice;
    } else {
        if train.is_none() {
            found
                .split_notes
                .push("no train.csv: training takes every file that no other list names".to_owned());
        } else if !unlisted.is_empty() {
            found.notes.push(format!("{} files on disk are in no list and are not used", unlisted.len()));
        }
        if test.is_none() {
            found.split_notes.push("no test.csv: there is no test split".to_owned());
        }
        if validation.is_none() {
            found.split_notes.push("no val.csv".to_owned());
        }
    }
    found.train = train.unwrap_or_else(|| on_disk.clips(unlisted));
    (found.validation, found.test) = (validation, test);
    Ok(found)
}

impl OnDisk {
    /// The class folders and their sound files.
    pub(crate) fn scan(root: &Path) -> Result<Self, DataError> {
        let mut found = Self { classes: Vec::new(), files: BTreeMap::new(), notes: Vec::new() };
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
        if found.classes.is_empty() {
            let what = "no class folder with wav or flac files".to_owned();
            return Err(DataError::Folder {
                path: root.to_path_buf(),
                found: what,
                expected: LAYOUT.to_owned(),
            });
        }
        Ok(found)
    }

    /// The clips of these keys.
    pub(crate) fn clips<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Vec<Clip> {
        let label =
            |word: &String| self.classes.binary_search(word).expect("every file lies in a class folder");
        keys.into_iter().map(|key| clip(key, &self.files[key], label(&key.0))).collect()
    }
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
    found: &OnDisk,
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
