//! A whole data set: its files, the record of their checksums, and what is unpacked from them.

use std::fs;
use std::path::{Path, PathBuf};

use colearn_store::{FolderLock, StoreError, shown};

use crate::client::Client;
use crate::contents::Contents;
use crate::digest::{Checksum, hash_file};
use crate::download::{Retries, download};
use crate::error::FetchError;
use crate::manifest::{DataSet, RemoteFile};
use crate::part::waits;
use crate::progress::Progress;
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
/// missed. Nothing is recorded or unpacked once the set's folder is no longer at its place.
///
/// # Errors
/// As [`download`] and [`crate::unpack_tar_gz`]; [`FetchError::Busy`] while another process fetches the same set;
/// [`FetchError::Unpacked`] for a folder from which something is missing; [`StoreError::Moved`] in
/// [`FetchError::Store`].
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
    let lock = FolderLock::take(&folder).map_err(|error| match error {
        StoreError::Locked { folder } => FetchError::Busy { path: folder },
        error => error.into(),
    })?;
    if let Some(reason) = lock.missing() {
        let folder = shown::path(&folder);
        progress.note(&format!("{folder}: no locks here ({reason}); nothing keeps a second process out"));
    }
    let mut record = Record { lock: &lock, sums: SumsFile::load(&folder)? };
    let fetched = set.files.iter().try_for_each(|file| {
        if !folder.join(&file.name).exists() && unpacked(file, &folder) {
            progress.note(&format!("{}: unpacked already", file.name));
            return compare(file, &mut record, progress);
        }
        one(client, file, &mut record, retries, progress)
    });
    // Where the folder went away meanwhile, that is the reason, whatever the system says of a file.
    fetched.map_err(|error| lock.check().err().map_or(error, FetchError::from))
}

/// The checksums of a set, and the lock of its folder.
struct Record<'a> {
    lock: &'a FolderLock,
    sums: SumsFile,
}

impl Record<'_> {
    fn folder(&self) -> &Path {
        self.lock.folder()
    }

    fn add(&mut self, name: &str, sha256: &str) -> Result<(), FetchError> {
        self.lock.check()?;
        self.sums.record(name, sha256)
    }
}

fn one(
    client: &Client,
    file: &RemoteFile,
    record: &mut Record,
    retries: Retries,
    progress: &mut dyn Progress,
) -> Result<(), FetchError> {
    let name = &file.name;
    let path = record.folder().join(name);
    let recorded = record.sums.get(name).map(|digits| Checksum::Sha256(digits.to_owned()));
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
        record.add(name, &found.sha256)?;
        return unpacked_or_unpack(file, record, progress);
    }
    if let Err(error) = unpacked_or_unpack(file, record, progress) {
        if matches!(error, FetchError::Archive { .. }) {
            progress.note(&format!("{name}: its checksum is not recorded; remove it to load it anew"));
        }
        return Err(error);
    }
    progress.note(&format!(
        "{name}: no checksum is published; its SHA-256 {} is recorded in SHA256SUMS",
        found.sha256
    ));
    record.add(name, &found.sha256)
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
    record: &mut Record,
    progress: &mut dyn Progress,
) -> Result<(), FetchError> {
    let Some(unpack) = &file.unpack else { return Ok(()) };
    let (name, target) = (&file.name, record.folder().join(&unpack.folder));
    let shown = shown::path(&target);
    if unpacked(file, record.folder()) {
        progress.note(&format!("{shown}: there already"));
        return compare(file, record, progress);
    }
    record.lock.check()?;
    if target.is_dir() {
        progress.note(&format!("{shown}: empty"));
        // Only an empty folder can be removed like this.
        fs::remove_dir(&target).map_err(FetchError::io(&target, "removed"))?;
    }
    progress.note(&format!("{name}: unpacking into {shown}"));
    let keep = |contents: &Contents| {
        // Unpacking takes a while.
        record.lock.check()?;
        contents.save(&target)
    };
    let archive = record.folder().join(name);
    let contents = unpack_noting(&archive, &target, unpack.strip, Limits::default(), keep)?;
    record_list(&target, record)?;
    progress.note(&format!("{name}: {} files unpacked", contents.files()));
    Ok(())
}

/// The checksum of the list itself goes where those of the files are.
fn record_list(target: &Path, record: &mut Record) -> Result<(), FetchError> {
    let list = Contents::path_for(target);
    let name = list.file_name().unwrap_or_default().to_string_lossy().into_owned();
    record.add(&name, &hash_file(&list)?.sha256)
}

/// Compares an unpacked folder with the list of what was unpacked, by names and sizes.
fn compare(file: &RemoteFile, record: &mut Record, progress: &mut dyn Progress) -> Result<(), FetchError> {
    let Some(unpack) = &file.unpack else { return Ok(()) };
    let target = record.folder().join(&unpack.folder);
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
    if record.sums.get(&name).is_none() { record_list(&target, record) } else { Ok(()) }
}
