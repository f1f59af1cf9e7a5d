//! What was unpacked: every file with size and SHA-256, kept beside the folder so that a verification can tell whether
//! the folder still holds it.
//!
//! `<folder>.contents` is text: a line `# 2 files, 0 links, 7 bytes`, then lines `SHA-256 size path`, for links
//! `SHA-256-of-the-target link path`. Backslashes and what is no text in a path are written as `\xHH`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Component, Path, PathBuf};

use colearn_store::{LARGEST_TABLE, expect_own, read_text, shown, write_whole};
use sha2::{Digest, Sha256};

use crate::digest::hash_file;
use crate::error::FetchError;

/// What a folder's name is followed by in the name of its list.
pub(crate) const ENDING: &str = ".contents";

/// A file or link of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    /// Bytes; `None` for a link.
    size: Option<u64>,
    /// SHA-256 of the content, or of a link's target, in hexadecimal digits.
    sha256: String,
}

/// The files and links that were unpacked into a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    items: BTreeMap<PathBuf, Item>,
}

/// How a folder differs from what was unpacked into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What is there.
    pub found: String,
    /// What was unpacked.
    pub expected: String,
    /// Whether everything that was unpacked is there, with something beside it.
    pub only_more: bool,
}

impl Contents {
    /// Number of files.
    pub fn files(&self) -> u64 {
        self.items.values().filter(|item| item.size.is_some()).count() as u64
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.items.values().filter_map(|item| item.size).fold(0, u64::saturating_add)
    }

    /// `105829 files, 0 links, 3430000000 bytes`.
    fn counts(&self) -> String {
        let files = self.files();
        format!("{files} files, {} links, {} bytes", self.items.len() as u64 - files, self.bytes())
    }

    pub(crate) fn add_file(&mut self, path: PathBuf, size: u64, sha256: String) {
        self.items.insert(path, Item { size: Some(size), sha256 });
    }

    pub(crate) fn add_link(&mut self, path: PathBuf, target: &Path) {
        self.items.insert(path, Item { size: None, sha256: of_target(target) });
    }

    /// `path` is a second name of the file `source`.
    pub(crate) fn add_same(&mut self, path: PathBuf, source: &Path) {
        if let Some(item) = self.items.get(source).cloned() {
            self.items.insert(path, item);
        }
    }

    /// The files, without links.
    pub(crate) fn file_paths(&self) -> impl Iterator<Item = &Path> {
        self.items.iter().filter(|(_, item)| item.size.is_some()).map(|(path, _)| path.as_path())
    }

    /// Where the list of `folder` is kept.
    pub(crate) fn path_for(folder: &Path) -> PathBuf {
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(ENDING);
        folder.with_file_name(name)
    }

    /// Keeps the list of `folder` beside it.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), FetchError> {
        let mut text = format!("# {}\n", self.counts());
        for (path, item) in &self.items {
            let size = item.size.map_or_else(|| "link".to_owned(), |size| size.to_string());
            writeln!(text, "{} {size} {}", item.sha256, written(path)).expect("a string takes every text");
        }
        let path = Self::path_for(folder);
        expect_own(&path)?;
        Ok(write_whole(&path, text.as_bytes())?)
    }

    /// The list of `folder`; `None` where there is none.
    ///
    /// # Errors
    /// [`FetchError::Store`] when it cannot be read, [`FetchError::Sums`] for a line that is no entry, or for a first line
    /// that counts something else.
    pub fn load(folder: &Path) -> Result<Option<Self>, FetchError> {
        let path = Self::path_for(folder);
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        Self::parse(&path, &read_text(&path, LARGEST_TABLE)?).map(Some)
    }

    /// A list from its text; `path` stands in messages.
    ///
    /// # Errors
    /// [`FetchError::Sums`] as [`Contents::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, FetchError> {
        let fault = |line: usize, found: &str, expected: String| FetchError::Sums {
            path: path.to_owned(),
            line,
            found: shown::short(found).into_owned(),
            expected,
        };
        let mut contents = Self::default();
        let first = text.lines().next().unwrap_or_default();
        for (place, line) in text.lines().enumerate().skip(1) {
            let (name, item) = entry(line).ok_or_else(|| {
                fault(place + 1, line, "64 hexadecimal digits, a size or `link`, and a path".to_owned())
            })?;
            if contents.items.insert(name, item).is_some() {
                return Err(fault(place + 1, line, "each path once".to_owned()));
            }
        }
        let expected = format!("# {}", contents.counts());
        if first == expected {
            Ok(contents)
        } else {
            Err(fault(1, first, format!("`{expected}`, as the lines below say")))
        }
    }

    /// How `folder` differs from this list; contents are read only if `thoroughly`, otherwise sizes tell.
    ///
    /// # Errors
    /// [`FetchError::Io`] when something cannot be read.
    pub fn difference(&self, folder: &Path, thoroughly: bool) -> Result<Option<Difference>, FetchError> {
        let there = files_below(folder)?;
        let expected = format!("all of the {}", self.counts());
        let missing: Vec<&PathBuf> = self.items.keys().filter(|path| !there.contains(*path)).collect();
        if let Some(first) = missing.first() {
            let found = format!("{} of them missing, such as {}", missing.len(), shown::path(first));
            return Ok(Some(Difference { found, expected, only_more: false }));
        }
        for (path, item) in &self.items {
            if let Some((found, expected)) = item.difference(&folder.join(path), thoroughly)? {
                let found = format!("{} with {found}", shown::path(path));
                return Ok(Some(Difference { found, expected, only_more: false }));
            }
        }
        let more: Vec<&PathBuf> = there.iter().filter(|path| !self.items.contains_key(*path)).collect();
        Ok(more.first().map(|first| Difference {
            found: format!("{} files more, such as {}", more.len(), shown::path(first)),
            expected: format!("nothing beside the {}", self.counts()),
            only_more: true,
        }))
    }
}

impl Item {
    /// What is at `path` and what was unpacked there, where they differ.
    fn difference(&self, path: &Path, thoroughly: bool) -> Result<Option<(String, String)>, FetchError> {
        let found = path.symlink_metadata().map_err(FetchError::io(path, "read"))?;
        let Some(size) = self.size else {
            let same = fs::read_link(path).is_ok_and(|target| of_target(&target) == self.sha256);
            return Ok(
                (!same).then(|| ("something else".to_owned(), "the link that was unpacked".to_owned()))
            );
        };
        if !found.is_file() {
            return Ok(Some(("something else".to_owned(), "the file that was unpacked".to_owned())));
        }
        if found.len() != size {
            return Ok(Some((format!("{} bytes", found.len()), format!("{size} bytes"))));
        }
        if !thoroughly {
            return Ok(None);
        }
        let sha256 = hash_file(path)?.sha256;
        Ok((sha256 != self.sha256).then(|| (format!("SHA-256 {sha256}"), self.sha256.clone())))
    }
}

fn of_target(target: &Path) -> String {
    colearn_store::hex(&Sha256::digest(target.as_os_str().as_encoded_bytes()))
}

/// All that is no folder below `root`, as paths below it.
fn files_below(root: &Path) -> Result<BTreeSet<PathBuf>, FetchError> {
    let mut files = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        for entry in fs::read_dir(&path).map_err(FetchError::io(&path, "read"))? {
            let entry = entry.map_err(FetchError::io(&path, "read"))?;
            let kind = entry.file_type().map_err(FetchError::io(&path, "read"))?;
            let below = folder.join(entry.file_name());
            if kind.is_dir() {
                folders.push(below);
            } else {
                files.insert(below);
            }
        }
    }
    Ok(files)
}

/// A path of a line: text without control characters, with `/` between its parts.
fn written(path: &Path) -> String {
    let parts: Vec<String> = path
        .components()
        .map(|part| {
            let mut text = String::new();
            for chunk in part.as_os_str().as_encoded_bytes().utf8_chunks() {
                for c in chunk.valid().chars() {
                    match c {
                        '\\' => text.push_str("\\x5c"),
                        c if c.is_control() => {
                            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_escape(&mut text, byte));
                        }
                        c => text.push(c),
                    }
                }
                chunk.invalid().iter().for_each(|&byte| push_escape(&mut text, byte));
            }
            text
        })
        .collect();
    parts.join("/")
}

fn push_escape(text: &mut String, byte: u8) {
    write!(text, "\\x{byte:02x}").expect("a string takes every text");
}

/// The path of a line; `None` for one that leads out of the folder.
fn read_path(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once("\\x") {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(escape.get(..2)?, 16).ok()?);
        rest = &escape[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    let path = crate::unpack::path_of(&bytes)?;
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    (inside && !path.as_os_str().is_empty()).then_some(path)
}

fn entry(line: &str) -> Option<(PathBuf, Item)> {
    let (sha256, rest) = line.split_once(' ')?;
    let (size, path) = rest.split_once(' ')?;
    let hex = sha256.len() == 64 && sha256.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let size = if size == "link" { None } else { Some(size.parse().ok()?) };
    hex.then_some(())?;
    Some((read_path(path)?, Item { size, sha256: sha256.to_owned() }))
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;
