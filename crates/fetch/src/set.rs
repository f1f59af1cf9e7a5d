//! A whole data set: its files, the record of their checksums, and what is unpacked from them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::contents::Contents;
use crate::digest::{Checksum, hash_file};
use crate::download::{Retries, download};
use crate::error::FetchError;
use crate::manifest::{DataSet, RemoteFile};
use crate::part::{locked, waits};
use crate::progress::Progress;
use crate::shown;
use crate::sort::{self, Wrong};
use crate::sums::SumsFile;
use crate::unpack::{Limits, unpack_noting};

/// How much of a set is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The set is part of the program.
    BuiltIn,
    /// Every file is there and unpacked. Whether the files are right, only a verification tells.
    Whole,
    /// Something is there.
    Part,
    /// Nothing is there.
    Absent,
}

impl DataSet {
    /// How much of this set is there below `root`, by the names of its files.
    pub fn presence(&self, root: &Path) -> Presence {
        if self.files.is_empty() {
            return Presence::BuiltIn;
        }
        let folder = root.join(&self.name);
        let begun = |file: &RemoteFile| {
            let path = folder.join(&file.name);
            path.is_file() || waits(&path) || unpacked(file, &folder)
        };
        if self.files.iter().all(|file| is_whole(file, &folder)) {
            Presence::Whole
        } else if self.files.iter().any(begun) {
            Presence::Part
        } else {
            Presence::Absent
        }
    }
}

/// Whether the folder that an archive becomes is there, with something in it.
pub(crate) fn unpacked(file: &RemoteFile, folder: &Path) -> bool {
    let holds_something =
        |path: PathBuf| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    file.unpack.as_ref().is_some_and(|unpack| holds_something(folder.join(&unpack.folder)))
}

fn is_whole(file: &RemoteFile, folder: &Path) -> bool {
    if file.unpack.is_some() { unpacked(file, folder) } else { folder.join(&file.name).is_file() }
}

/// Loads what is missing of `set` into `<root>/<name>`, checks all of it, and unpacks archives.
///
/// Files that are there are checked and kept; those that do not fit are loaded anew. The SHA-256 of each file is
/// recorded in `SHA256SUMS` there, and a file without a published checksum has to fit that record from then on; an
/// archive is recorded when it could be unpacked. What was unpacked is recorded too, in `<folder>.contents`
/// ([`Contents`]), and a folder that holds something else is refused. An archive that was removed after unpacking is not
/// missed.
///
/// # Errors
/// As [`download`] and [`crate::unpack_tar_gz`]; [`FetchError::Busy`] while another process fetches the same set;
/// [`FetchError::Unpacked`] for a folder from which something is missing.
pub fn fetch_set(
    client: &Client,
    set: &DataSet,
    root: &Path,
    retries: Retries,
    progress: &mut dyn Progress,
) -> Result<(), FetchError> {
    if set.files.is_empty() {
        progress.note(&format!("{}: part of the program; nothing to fetch", set.name));
        return Ok(());
    }
    let folder = root.join(&set.name);
    fs::create_dir_all(&folder).map_err(FetchError::io(&folder, "created"))?;
    let _lock = locked(&folder.join(".lock"))?;
    let mut sums = SumsFile::load(&folder)?;
    for file in &set.files {
        if !folder.join(&file.name).exists() && unpacked(file, &folder) {
            progress.note(&format!("{}: unpacked already", file.name));
            compare(file, &folder, &mut sums, progress)?;
            continue;
        }
        one(client, file, &folder, &mut sums, retries, progress)?;
    }
    Ok(())
}

fn one(
    client: &Client,
    file: &RemoteFile,
    folder: &Path,
    sums: &mut SumsFile,
    retries: Retries,
    progress: &mut dyn Progress,
) -> Result<(), FetchError> {
    let name = &file.name;
    let path = folder.join(name);
    let recorded = sums.get(name).map(|digits| Checksum::Sha256(digits.to_owned()));
    let known = file.checksum.clone().or(recorded);
    let wanted = RemoteFile { checksum: known.clone(), ..file.clone() };
    let there = path.is_file().then(|| hash_file(&path)).transpose()?;
    let fits = there.as_ref().is_some_and(|there| {
        file.size.is_none_or(|size| size == there.size)
            && known.as_ref().is_none_or(|known| there.fits(known))
    });
    let fits = fits && (known.is_some() || is_of_its_sort(&path, name)?);
    let found = if let Some(there) = there.filter(|_| fits) {
        progress.note(&format!("{name}: there already, {} bytes", there.size));
        there
    } else {
        if path.is_file() {
            progress.note(&format!("{name}: not the file that is expected; loading it anew"));
        }
        let outcome = download(client, &wanted, &path, retries, progress)?;
        let resumed = match outcome.resumed {
            0 => String::new(),
            bytes => format!(", {bytes} of them from an earlier run"),
        };
        progress.note(&format!("{name}: loaded, {} bytes{resumed}", outcome.sums.size));
        outcome.sums
    };
    if let Some(known) = &known {
        progress.note(&format!("{name}: the {} is right", known.algorithm()));
        sums.record(name, &found.sha256)?;
        return unpacked_or_unpack(file, folder, sums, progress);
    }
    if let Err(error) = unpacked_or_unpack(file, folder, sums, progress) {
        if matches!(error, FetchError::Archive { .. }) {
            progress.note(&format!("{name}: its checksum is not recorded; remove it to load it anew"));
        }
        return Err(error);
    }
    progress.note(&format!(
        "{name}: no checksum is published; its SHA-256 {} is recorded in SHA256SUMS",
        found.sha256
    ));
    sums.record(name, &found.sha256)
}

/// Whether a file that nothing vouches for is at least of the kind that its name says.
fn is_of_its_sort(path: &Path, name: &str) -> Result<bool, FetchError> {
    match sort::check(path, name) {
        Ok(()) => Ok(true),
        Err(Wrong::Sort { .. }) => Ok(false),
        Err(Wrong::Unreadable(error)) => Err(error),
    }
}

/// Unpacks an archive whose folder is not there, or is empty; compares one that is with what was unpacked.
fn unpacked_or_unpack(
    file: &RemoteFile,
    folder: &Path,
    sums: &mut SumsFile,
    progress: &mut dyn Progress,
) -> Result<(), FetchError> {
    let Some(unpack) = &file.unpack else { return Ok(()) };
    let (name, target) = (&file.name, folder.join(&unpack.folder));
    let shown = shown::path(&target);
    if unpacked(file, folder) {
        progress.note(&format!("{shown}: there already"));
        return compare(file, folder, sums, progress);
    }
    if target.is_dir() {
        progress.note(&format!("{shown}: empty"));
        // Only an empty folder can be removed like this.
        fs::remove_dir(&target).map_err(FetchError::io(&target, "removed"))?;
    }
    progress.note(&format!("{name}: unpacking into {shown}"));
    let keep = |contents: &Contents| contents.save(&target);
    let contents = unpack_noting(&folder.join(name), &target, unpack.strip, Limits::default(), keep)?;
    record_list(&target, sums)?;
    progress.note(&format!("{name}: {} files unpacked", contents.files()));
    Ok(())
}

/// The checksum of the list itself goes where those of the files are.
fn record_list(target: &Path, sums: &mut SumsFile) -> Result<(), FetchError> {
    let list = Contents::path_for(target);
    let name = list.file_name().unwrap_or_default().to_string_lossy().into_owned();
    sums.record(&name, &hash_file(&list)?.sha256)
}

/// Compares an unpacked folder with the list of what was unpacked, by names and sizes.
fn compare(
    file: &RemoteFile,
    folder: &Path,
    sums: &mut SumsFile,
    progress: &mut dyn Progress,
) -> Result<(), FetchError> {
    let Some(unpack) = &file.unpack else { return Ok(()) };
    let target = folder.join(&unpack.folder);
    let Some(contents) = Contents::load(&target)? else {
        progress.note(&format!(
            "{}: what was unpacked is not recorded; remove the folder to have it unpacked again and recorded",
            shown::path(&target)
        ));
        return Ok(());
    };
    match contents.difference(&target, false)? {
        Some(difference) if difference.only_more => {
            progress.note(&format!("{}: {}", shown::path(&target), difference.found));
        }
        Some(difference) => {
            let (found, expected) = (difference.found, difference.expected);
            return Err(FetchError::Unpacked { folder: target, found, expected });
        }
        None => {}
    }
    let list = Contents::path_for(&target);
    let name = list.file_name().unwrap_or_default().to_string_lossy();
    // A process that was killed after unpacking has not recorded it.
    if sums.get(&name).is_none() { record_list(&target, sums) } else { Ok(()) }
}
