//! Whether the files that are there are the right ones.

use std::collections::BTreeSet;
use std::path::Path;

use crate::contents::{self, Contents};
use crate::digest::{Checksum, hash_file};
use crate::error::FetchError;
use crate::manifest::{DataSet, Manifest, RemoteFile};
use crate::set::unpacked;
use crate::sums::SumsFile;

/// A file and what a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Name in its folder.
    pub name: String,
    /// Bytes, where the file is there.
    pub size: Option<u64>,
    /// The finding.
    pub state: State,
}

/// The finding on one file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Every known checksum fits: the published one, the recorded one.
    Fits {
        /// What was compared.
        against: Vec<&'static str>,
    },
    /// A checksum or the size does not fit.
    Differs {
        /// What was compared.
        against: &'static str,
        /// What the file has.
        found: String,
        /// What it should have.
        expected: String,
    },
    /// There is nothing to compare with.
    Unknown,
    /// The archive was removed after it was unpacked.
    Unpacked,
    /// The file is not there.
    Missing,
}

impl State {
    /// Whether this is a fault: another content, or none.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Differs { .. } | Self::Missing)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fits { against } => write!(f, "right ({})", against.join(", ")),
            Self::Differs { against, found, expected } => {
                write!(f, "WRONG: {against}: found {found}; expected {expected}")
            }
            Self::Unknown => f.write_str("no checksum is known"),
            Self::Unpacked => f.write_str("unpacked, archive removed"),
            Self::Missing => f.write_str("MISSING"),
        }
    }
}

/// Checks every file of `set` below `root` against the manifest and the record, and every unpacked folder, which has a
/// `/` behind its name, against the list of what was unpacked.
///
/// # Errors
/// [`FetchError::Io`] or [`FetchError::Sums`] when something cannot be read.
pub fn verify_set(set: &DataSet, root: &Path) -> Result<Vec<Checked>, FetchError> {
    let folder = root.join(&set.name);
    let sums = SumsFile::load(&folder)?;
    let files = set.files.iter().map(|file| check(&folder, &file.name, Some(file), &sums));
    let mut checked = files.collect::<Result<Vec<_>, _>>()?;
    for unpack in set.files.iter().filter_map(|file| file.unpack.as_ref()) {
        checked.extend(check_unpacked(&folder, &unpack.folder, &sums)?);
    }
    Ok(checked)
}

/// Checks the files in any folder: those its `SHA256SUMS` records, and those that have the name of a file in `manifest`;
/// then the folders whose lists of what was unpacked it records.
///
/// # Errors
/// As [`verify_set`].
pub fn verify_folder(manifest: &Manifest, folder: &Path) -> Result<Vec<Checked>, FetchError> {
    let sums = SumsFile::load(folder)?;
    let listed = || manifest.sets().iter().flat_map(|set| &set.files);
    let present = listed().map(|file| file.name.as_str()).filter(|name| folder.join(name).is_file());
    let names: BTreeSet<&str> = sums.names().chain(present).collect();
    let file = |name: &str| listed().find(|file| file.name == name);
    let files = names.into_iter().map(|name| check(folder, name, file(name), &sums));
    let mut checked = files.collect::<Result<Vec<_>, _>>()?;
    for unpacked in sums.names().filter_map(|name| name.strip_suffix(contents::ENDING)) {
        checked.extend(check_unpacked(folder, unpacked, &sums)?);
    }
    Ok(checked)
}

/// Compares an unpacked folder with the list of what was unpacked. Nothing is said where there is neither.
fn check_unpacked(folder: &Path, name: &str, sums: &SumsFile) -> Result<Option<Checked>, FetchError> {
    let target = folder.join(name);
    let checked = |size, state| Ok(Some(Checked { name: format!("{name}/"), size, state }));
    let list = Contents::path_for(&target);
    let there = std::fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_some());
    if list.symlink_metadata().is_err() {
        let differs = |against, found: &str, expected: &str| State::Differs {
            against,
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        if let Some(recorded) = sums.get(&format!("{name}{}", contents::ENDING)) {
            return checked(None, differs("the list of what was unpacked", "no list", recorded));
        }
        let empty = differs("what was unpacked", "an empty folder", "at least one file");
        return match (there, target.is_dir()) {
            (true, _) => checked(None, State::Unknown),
            (false, true) => checked(None, empty),
            (false, false) => Ok(None),
        };
    }
    if let Some(expected) = sums.get(&format!("{name}{}", contents::ENDING)) {
        let found = hash_file(&list)?.sha256;
        if found != expected {
            let (against, expected) = ("the list of what was unpacked", expected.to_owned());
            return checked(None, State::Differs { against, found, expected });
        }
    }
    let Some(contents) = Contents::load(&target)? else { return Ok(None) };
    if !target.is_dir() {
        return checked(None, State::Missing);
    }
    let state = match contents.difference(&target, true)? {
        None => State::Fits { against: vec!["every file's recorded SHA-256"] },
        Some(difference) => State::Differs {
            against: "what was unpacked",
            found: difference.found,
            expected: difference.expected,
        },
    };
    checked(Some(contents.bytes()), state)
}

fn check(
    folder: &Path,
    name: &str,
    file: Option<&RemoteFile>,
    sums: &SumsFile,
) -> Result<Checked, FetchError> {
    let checked = |size, state| Ok(Checked { name: name.to_owned(), size, state });
    let path = folder.join(name);
    if !path.is_file() {
        let gone = file.is_some_and(|file| unpacked(file, folder));
        return checked(None, if gone { State::Unpacked } else { State::Missing });
    }
    let found = hash_file(&path)?;
    if let Some(expected) = file.and_then(|file| file.size).filter(|&size| size != found.size) {
        let (size, expected) = (found.size.to_string(), expected.to_string());
        return checked(Some(found.size), State::Differs { against: "size", found: size, expected });
    }
    let published = file.and_then(|file| file.checksum.clone());
    let recorded = sums.get(name).map(|digits| Checksum::Sha256(digits.to_owned()));
    let mut against = Vec::new();
    for (stated, sort) in
        [(published, ["published SHA-256", "published MD5"]), (recorded, ["recorded SHA-256"; 2])]
    {
        let Some(stated) = stated else { continue };
        let sort = sort[usize::from(matches!(stated, Checksum::Md5(_)))];
        if !found.fits(&stated) {
            let (digits, expected) = (found.like(&stated).to_owned(), stated.digits().to_owned());
            return checked(Some(found.size), State::Differs { against: sort, found: digits, expected });
        }
        against.push(sort);
    }
    let state = if against.is_empty() { State::Unknown } else { State::Fits { against } };
    checked(Some(found.size), state)
}
