//! Unpacking a tar.gz so that its folder appears whole or not at all, and nothing is written beside it.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use crate::error::FetchError;

/// Bounds on an archive that comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries at most.
    pub entries: u64,
    /// Bytes at most that the archive has when it is decompressed.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 2_000_000, bytes: 64 << 30 }
    }
}

/// Unpacks `archive` into the new folder `target`, without the first `strip` parts of each path; returns how many
/// files it holds.
///
/// The content waits in the hidden folder `.<name>.unpacking` beside `target` until it is complete.
///
/// # Errors
/// [`FetchError::Archive`] for a damaged archive, for more than `limits` allow, and for absolute paths, `..`, links
/// that lead out of the folder, paths through links and devices; [`FetchError::Io`] when the disk refuses. Nothing is
/// left in both cases.
pub fn unpack_tar_gz(archive: &Path, target: &Path, strip: usize, limits: Limits) -> Result<u64, FetchError> {
    if target.symlink_metadata().is_ok() {
        let found = std::io::ErrorKind::AlreadyExists.into();
        return Err(FetchError::io(target, "created")(found));
    }
    let hidden = format!(".{}.unpacking", target.file_name().unwrap_or_default().to_string_lossy());
    let hidden = target.with_file_name(hidden);
    clear(&hidden)?;
    fs::create_dir(&hidden).map_err(FetchError::io(&hidden, "created"))?;
    let unpacked = unpack(archive, &hidden, strip, limits).and_then(|files| {
        fs::rename(&hidden, target).map_err(FetchError::io(target, "created"))?;
        Ok(files)
    });
    if unpacked.is_err() {
        clear(&hidden)?;
    }
    unpacked
}

fn clear(folder: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FetchError::io(folder, "removed")(error))
        }
        _ => Ok(()),
    }
}

fn unpack(path: &Path, root: &Path, strip: usize, limits: Limits) -> Result<u64, FetchError> {
    let file = File::open(path).map_err(FetchError::io(path, "read"))?;
    let left = Cell::new(limits.bytes);
    let decoder = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file));
    let mut tar = Archive::new(Bounded { inner: decoder, left: &left, limit: limits.bytes });
    let damaged =
        |error: io::Error| FetchError::archive(path, "its content", error.to_string(), "a whole tar.gz");
    let mut unpacker = Unpacker { archive: path, root, strip, folders: HashSet::new(), files: 0 };
    for (place, entry) in tar.entries().map_err(damaged)?.enumerate() {
        let mut entry = entry.map_err(damaged)?;
        if place as u64 >= limits.entries {
            let found = format!("more than {} entries", limits.entries);
            return Err(FetchError::archive(path, "its content", found, "fewer"));
        }
        unpacker.entry(&mut entry)?;
    }
    // The checksum of the compressed stream comes after the last entry.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(damaged)?;
    if unpacker.files == 0 {
        return Err(FetchError::archive(path, "its content", "no file", "at least one"));
    }
    Ok(unpacker.files)
}

/// Ends with an error when more than `limit` bytes come.
struct Bounded<'a, R> {
    inner: R,
    left: &'a Cell<u64>,
    limit: u64,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(block)?;
        let left = self.left.get().checked_sub(count as u64);
        self.left.set(left.ok_or_else(|| io::Error::other(format!("more than {} bytes", self.limit)))?);
        Ok(count)
    }
}

struct Unpacker<'a> {
    archive: &'a Path,
    root: &'a Path,
    strip: usize,
    /// Folders below the root that are known to be folders, and no links to some.
    folders: HashSet<PathBuf>,
    files: u64,
}

impl Unpacker<'_> {
    fn entry<R: Read>(&mut self, entry: &mut Entry<R>) -> Result<(), FetchError> {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
            return Ok(());
        }
        let path = entry.path().map_err(|error| self.fault(&name, error.to_string(), "a path"))?.into_owned();
        let Some(place) = self.place(&name, &path)? else { return Ok(()) };
        match kind {
            EntryType::Directory => self.folder(&name, &place),
            EntryType::Regular | EntryType::Continuous => self.file(&name, &place, entry),
            EntryType::Symlink | EntryType::Link => {
                let target =
                    entry.link_name().map_err(|error| self.fault(&name, error.to_string(), "a path"))?;
                let target = target.ok_or_else(|| self.fault(&name, "a link to nothing", "a path"))?;
                self.link(&name, &place, &target, kind == EntryType::Symlink)
            }
            other => Err(self.fault(&name, format!("an entry of type {other:?}"), "a file or folder")),
        }
    }

    fn fault(&self, entry: &str, found: impl Into<String>, expected: &str) -> FetchError {
        FetchError::archive(self.archive, &format!("entry {entry:?}"), found, expected)
    }

    /// Where an entry belongs below the root; `None` for what is above the parts that are kept.
    fn place(&self, name: &str, path: &Path) -> Result<Option<PathBuf>, FetchError> {
        let mut parts = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(part) => parts.push(part),
                Component::CurDir => {}
                _ => return Err(self.fault(name, "an absolute path or `..`", "a path below the folder")),
            }
        }
        let kept: PathBuf = parts.into_iter().skip(self.strip).collect();
        Ok((!kept.as_os_str().is_empty()).then_some(kept))
    }

    /// Makes a folder and those above it, none of which may be a link.
    fn folder(&mut self, name: &str, place: &Path) -> Result<(), FetchError> {
        if place.as_os_str().is_empty() || self.folders.contains(place) {
            return Ok(());
        }
        self.folder(name, place.parent().unwrap_or(Path::new("")))?;
        let path = self.root.join(place);
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(self.fault(name, "a path through a file or link", "a path through folders")),
            Err(_) => fs::create_dir(&path).map_err(FetchError::io(&path, "created"))?,
        }
        self.folders.insert(place.to_owned());
        Ok(())
    }

    /// Makes room for an entry: its folder, and no earlier entry of the same name.
    fn clear(&mut self, name: &str, place: &Path) -> Result<PathBuf, FetchError> {
        self.folder(name, place.parent().unwrap_or(Path::new("")))?;
        let path = self.root.join(place);
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => {
                Err(self.fault(name, "a file in place of a folder", "one of them"))
            }
            Ok(_) => fs::remove_file(&path).map_err(FetchError::io(&path, "replaced")).map(|()| path),
            Err(_) => Ok(path),
        }
    }

    fn file<R: Read>(&mut self, name: &str, place: &Path, entry: &mut Entry<R>) -> Result<(), FetchError> {
        let path = self.clear(name, place)?;
        let new = OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = new.map_err(FetchError::io(&path, "created"))?;
        let size = entry.size();
        let copied = crate::transfer::receive(&mut *entry, &mut file, 0, None, &mut ());
        copied.map_err(|stop| match stop {
            crate::transfer::Stop::Disk(error) => FetchError::io(&path, "written")(error),
            crate::transfer::Stop::Source(error) => self.fault(name, error.to_string(), "its content"),
            crate::transfer::Stop::TooLong => self.fault(name, "more bytes", "its content"),
        })?;
        let found = file.metadata().map_err(FetchError::io(&path, "read"))?.len();
        if found != size {
            return Err(self.fault(name, format!("{found} bytes"), &format!("{size}")));
        }
        self.files += 1;
        Ok(())
    }

    /// A link that stays below the root.
    fn link(&mut self, name: &str, place: &Path, target: &Path, soft: bool) -> Result<(), FetchError> {
        let outside = |this: &Self| {
            this.fault(name, format!("a link to {:?}", target.to_string_lossy()), "one inside the folder")
        };
        let path = self.clear(name, place)?;
        if soft {
            let depth = place.components().count() - 1;
            let up = target.components().take_while(|part| *part == Component::ParentDir).count();
            let inside = target.components().skip(up).all(|part| matches!(part, Component::Normal(_)));
            if up > depth || !inside {
                return Err(outside(self));
            }
            return soft_link(target, &path).map_err(FetchError::io(&path, "created"));
        }
        let source = self.place(name, target)?.ok_or_else(|| outside(self))?;
        self.folder(name, source.parent().unwrap_or(Path::new("")))?;
        let source = self.root.join(source);
        if !source.symlink_metadata().is_ok_and(|found| found.is_file()) {
            return Err(self.fault(
                name,
                format!("a link to {:?}", target.to_string_lossy()),
                "one to an earlier file",
            ));
        }
        fs::hard_link(&source, &path).map_err(FetchError::io(&path, "created"))
    }
}

#[cfg(unix)]
fn soft_link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn soft_link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "links in archives need Unix"))
}

#[cfg(test)]
#[path = "unpack_tests.rs"]
mod tests;
