//! A whole data set: its files, the record of their checksums, and what is unpacked from them.

use std::fs;
use std::path::Path;

use crate::client::Client;
use crate::digest::{Checksum, hash_file};
use crate::download::{Retries, download};
use crate::error::FetchError;
use crate::manifest::{DataSet, RemoteFile};
use crate::part::{locked, waits};
use crate::progress::Progress;
use crate::sums::SumsFile;
use crate::unpack::{Limits, unpack_tar_gz};

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

/// Whether the folder that an archive becomes is there.
pub(crate) fn unpacked(file: &RemoteFile, folder: &Path) -> bool {
    file.unpack.as_ref().is_some_and(|unpack| folder.join(&unpack.folder).is_dir())
}

fn is_whole(file: &RemoteFile, folder: &Path) -> bool {
    if file.unpack.is_some() { unpacked(file, folder) } else { folder.join(&file.name).is_file() }
}

/// Loads what is missing of `set` into `<root>/<name>`, checks all of it, and unpacks archives.
///
/// Files that are there are checked and kept; those that do not fit are loaded anew. The SHA-256 of each file is
/// recorded in `SHA256SUMS` there, and a file without a published checksum has to fit that record from then on. An
/// archive that was removed after unpacking is not missed.
///
/// # Errors
/// As [`download`] and [`unpack_tar_gz`]; [`FetchError::Busy`] while another process fetches the same set.
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
    match &known {
        Some(known) => progress.note(&format!("{name}: the {} is right", known.algorithm())),
        None => progress.note(&format!(
            "{name}: no checksum is published; its SHA-256 {} is recorded in SHA256SUMS",
            found.sha256
        )),
    }
    sums.record(name, &found.sha256)?;
    let Some(unpack) = &file.unpack else { return Ok(()) };
    let target = folder.join(&unpack.folder);
    if target.is_dir() {
        progress.note(&format!("{}: there already", target.display()));
        return Ok(());
    }
    progress.note(&format!("{name}: unpacking into {}", target.display()));
    let files = unpack_tar_gz(&path, &target, unpack.strip, Limits::default())?;
    progress.note(&format!("{name}: {files} files unpacked"));
    Ok(())
}
