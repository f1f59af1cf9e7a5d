//! A folder of words: `<root>/<word>/<speaker>_….wav|flac`.
//!
//! Lists `train.csv`, `val.csv` and `test.csv` in the root, header `file,class`, decide the split where present. A
//! listed file is found by the last two parts of its path, and may be wav or flac on disk whatever the list says. What
//! the lists leave open: without `train.csv` training takes every file that no other list names; without `val.csv` a
//! share of the training *speakers* is held out; without `test.csv` there is no test split; without any list speakers
//! are divided into training, validation and test. The speaker is the file's name up to its first `_`; where the names
//! tell no speaker (see [`speakers`]), recordings of every class are divided instead.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use colearn_store::shown::short;
use serde::Deserialize;

use super::folder::{entries, sounds, stem};
use super::lists::{self, Key, Matcher, Named, folded_name};
use super::recordings::{Recordings, several};
use super::speakers::{self, UNKNOWN};
use super::{Clip, Found, Source};
use crate::{DataError, shortened};

const LAYOUT: &str = "a folder of words: <root>/<word>/<speaker>_<number>.wav or .flac";
pub(crate) const LISTS: [&str; 3] = ["train.csv", "val.csv", "test.csv"];
/// The first line of a list.
const HEAD: &str = "the head file,class";

/// What is on disk.
#[derive(Debug)]
pub(crate) struct OnDisk {
    /// The folders that hold sound, in the order of the alphabet.
    pub(crate) classes: Vec<String>,
    pub(crate) files: BTreeMap<Key, PathBuf>,
    pub(crate) notes: Vec<String>,
}

pub(crate) fn find(root: &Path) -> Result<Found, DataError> {
    let on_disk = OnDisk::scan(root, &[])?;
    let matcher = Matcher::new(&on_disk.files);
    let mut lists = [None, None, None];
    for (list, name) in lists.iter_mut().zip(LISTS) {
        *list = read_list(root, name, &on_disk, &matcher)?;
    }
    let ([train, validation, test], taken) = clips_of(&lists, &on_disk, root)?;
    let unlisted: Vec<&Key> = on_disk.files.keys().filter(|key| !taken.contains_key(*key)).collect();
    let mut found = Found {
        name: name_of(root),
        classes: on_disk.classes.clone(),
        no_speakers: speakers::untold(on_disk.files.keys()),
        notes: on_disk.notes.clone(),
        divided: lists.iter().all(Option::is_none),
        ..Found::default()
    };
    found.notes.extend(lists::not_read(root, &LISTS));
    found.notes.extend(lists.iter().flatten().filter_map(Named::folded_note));
    if !found.divided {
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
    if found.no_speakers.is_some() {
        let all = [Some(&mut found.train), found.validation.as_mut(), found.test.as_mut()];
        for clip in all.into_iter().flatten().flatten() {
            UNKNOWN.clone_into(&mut clip.speaker);
        }
    }
    Ok(found)
}

/// The name of a folder, also where its path ends in dots.
fn name_of(root: &Path) -> String {
    let whole = root.canonicalize();
    let name = root.file_name().or_else(|| whole.as_deref().ok()?.file_name());
    name.map_or_else(|| "words".to_owned(), |name| name.to_string_lossy().into_owned())
}

impl OnDisk {
    /// The class folders and their sound files. A folder whose name begins with `_` is no class; those of `known` the
    /// set has for something else.
    pub(crate) fn scan(root: &Path, known: &[&str]) -> Result<Self, DataError> {
        let mut found = Self { classes: Vec::new(), files: BTreeMap::new(), notes: Vec::new() };
        let mut recordings = Recordings::default();
        let (folders, files): (Vec<_>, Vec<_>) =
            entries(root, LAYOUT)?.into_iter().partition(|path| path.is_dir());
        for folder in folders {
            let word = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if word.starts_with('_') {
                if !known.contains(&word.as_str()) {
                    found.notes.extend(no_class(&folder, &word));
                }
            } else if recordings.take(&folder, &word, |path| Ok(stem(path)))? == 0 {
                found.notes.push(format!("folder {word:?} holds no sound file and is no class"));
            } else {
                found.classes.push(word);
            }
        }
        found.notes.extend(recordings.note("the class folders"));
        let loose = sounds(&files).count();
        if loose > 0 {
            let loose = several(loose, "sound file");
            found.notes.push(format!("{loose} in the root, in no class folder: left out"));
        }
        found.files = recordings.files();
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

/// The note on a folder that no class is made of, if there are sounds in it.
fn no_class(folder: &Path, name: &str) -> Option<String> {
    let inside = sounds(&entries(folder, "").ok()?).count();
    let what = several(inside, "sound file");
    (inside > 0)
        .then(|| format!("folder {name:?} is no class, since its name begins with _: {what} left out"))
}

/// One line of a list.
#[derive(Deserialize)]
struct Row<'a> {
    file: &'a str,
    class: &'a str,
}

/// What a list names; `None` when there is no such list.
fn read_list<'a>(
    root: &Path,
    name: &str,
    on_disk: &OnDisk,
    matcher: &Matcher<'a>,
) -> Result<Option<Named<'a>>, DataError> {
    let list = root.join(name);
    if !list.exists() {
        return Ok(None);
    }
    let text = lists::read(&list)?;
    let file = list.display().to_string();
    let wrong = |line: u64, found: String, expected: String| DataError::Table {
        file: file.clone(),
        line,
        found,
        expected,
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| wrong(1, error.to_string(), HEAD.to_owned()))?;
    let head = csv::StringRecord::from(head.iter().map(folded_name).collect::<Vec<_>>());
    if !text.is_empty() && !["file", "class"].iter().all(|column| head.iter().any(|name| name == *column)) {
        let found = format!("\"{}\"", short(text.lines().next().unwrap_or_default()));
        return Err(wrong(1, found, HEAD.to_owned()));
    }
    let mut named = Named::new(&list);
    for record in reader.records() {
        let record =
            record.map_err(|error| wrong(line_of(&error), error.to_string(), "file,class".to_owned()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let row: Row = record
            .deserialize(Some(&head))
            .map_err(|error| wrong(line, error.to_string(), "file,class".to_owned()))?;
        let class = folded_name(row.class);
        if !on_disk.classes.iter().any(|known| folded_name(known) == class) {
            let expected = format!("one of the folders {}", shortened(&on_disk.classes));
            return Err(wrong(line, format!("class {:?}", row.class), expected));
        }
        let parts = lists::parts(row.file)
            .ok_or_else(|| wrong(line, format!("{:?}", row.file), "<word>/<file>".to_owned()))?;
        if folded_name(parts.0) != class {
            let found = format!("class {:?} of {:?}", row.class, row.file);
            return Err(wrong(line, found, format!("class {:?}", parts.0)));
        }
        named.add(matcher, line, row.file, parts);
    }
    Ok(Some(named))
}

/// The line of an error of the reader.
fn line_of(error: &csv::Error) -> u64 {
    error.position().map_or(1, csv::Position::line)
}

/// The clips of every list that there is.
type ByList = [Option<Vec<Clip>>; 3];

/// The clips of the lists, and which list named them: refuses a list with files that are not there, and a clip that is named twice.
fn clips_of(
    lists: &[Option<Named<'_>>; 3],
    on_disk: &OnDisk,
    root: &Path,
) -> Result<(ByList, BTreeMap<Key, String>), DataError> {
    lists::no_near_miss(&lists.iter().flatten().collect::<Vec<_>>())?;
    let mut taken: BTreeMap<Key, String> = BTreeMap::new();
    let mut all = [None, None, None];
    for (clips, named) in all.iter_mut().zip(lists) {
        let Some(named) = named else { continue };
        if let Some(first) = &named.first_missing {
            let (list, missing, listed) = (root.join(named.name()), named.missing, named.listed);
            return Err(DataError::MissingFiles { list, first: first.clone(), missing, listed });
        }
        for (key, listed) in &named.clips {
            if let Some(first) = taken.insert((*key).clone(), named.name()) {
                return Err(DataError::FoundTwice { file: listed.clone(), first, second: named.name() });
            }
        }
        *clips = Some(on_disk.clips(named.clips.iter().map(|(key, _)| *key)));
    }
    Ok((all, taken))
}

fn clip(key: &Key, path: &Path, label: usize) -> Clip {
    let (word, name) = key;
    let speaker = speakers::of_name(name);
    Clip { source: Source::File(path.to_path_buf()), label, speaker, id: format!("{word}/{name}") }
}
