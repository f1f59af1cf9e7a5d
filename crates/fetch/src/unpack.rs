//! Unpacking a tar.gz so that its folder appears whole or not at all, and nothing is written beside it.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};

use colearn_store::{open_regular, shown};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use tar::EntryType;

use crate::contents::Contents;
use crate::error::FetchError;
use crate::pace::Unhurried;
use crate::sort;
use crate::sync;
use crate::tar_entries::{Entries, Entry, Fault, LONGEST_NAME};
use crate::transfer::{Stop, receive};

/// Bounds on an archive that comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries at most, and folders at most.
    pub entries: u64,
    /// Bytes at most that the archive has when it is decompressed.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 2_000_000, bytes: 64 << 30 }
    }
}

/// Most parts of a path in an archive.
const MOST_PARTS: usize = 128;
/// Longest part of one, in bytes, as file systems have it.
const LONGEST_PART: usize = 255;

/// Unpacks `archive` into the new folder `target`, without the first `strip` parts of each path; returns what it holds.
///
/// The content waits in the hidden folder `.<name>.unpacking` beside `target` until it is complete and on the disk.
///
/// # Errors
/// [`FetchError::Archive`] for a damaged archive, for more than `limits` allow, and for absolute paths, `..`, links
/// that lead out of the folder, paths through links, names that no system takes, and devices; [`FetchError::Io`] when
/// the disk refuses. Nothing is left in both cases.
pub fn unpack_tar_gz(
    archive: &Path,
    target: &Path,
    strip: usize,
    limits: Limits,
) -> Result<Contents, FetchError> {
    unpack_noting(archive, target, strip, limits, |_| Ok(()))
}

/// The same; `note` is told what there is before it takes its name.
pub(crate) fn unpack_noting(
    archive: &Path,
    target: &Path,
    strip: usize,
    limits: Limits,
    note: impl FnOnce(&Contents) -> Result<(), FetchError>,
) -> Result<Contents, FetchError> {
    if target.symlink_metadata().is_ok() {
        let found = std::io::ErrorKind::AlreadyExists.into();
        return Err(FetchError::io(target, "created")(found));
    }
    let hidden = format!(".{}.unpacking", target.file_name().unwrap_or_default().to_string_lossy());
    let hidden = target.with_file_name(hidden);
    clear(&hidden)?;
    fs::create_dir(&hidden).map_err(FetchError::io(&hidden, "created"))?;
    let unpacked = unpack(archive, &hidden, strip, limits).and_then(|contents| {
        note(&contents)?;
        fs::rename(&hidden, target).map_err(FetchError::io(target, "created"))?;
        sync::folder(target.parent().unwrap_or(Path::new("")))?;
        Ok(contents)
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

fn unpack(path: &Path, root: &Path, strip: usize, limits: Limits) -> Result<Contents, FetchError> {
    let begin = sort::beginning(path)?;
    if !begin.starts_with(b"\x1f\x8b") {
        let found = sort::describe(&begin);
        return Err(FetchError::archive(path, "its content", found, "a tar.gz"));
    }
    let file = open_regular(path)?;
    let left = Cell::new(limits.bytes);
    let decoder = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file));
    let bounded = Bounded { inner: decoder, left: &left, limit: limits.bytes };
    let mut entries = Entries::new(bounded, limits.entries);
    let mut unpacker = Unpacker {
        archive: path,
        root,
        strip,
        limits,
        folders: HashSet::new(),
        contents: Contents::default(),
    };
    while let Some(entry) = entries.next().map_err(|fault| unpacker.broken(fault))? {
        unpacker.entry(&entry, &left, &mut entries)?;
    }
    // The checksum of the compressed stream comes after the last entry.
    io::copy(&mut entries.into_inner(), &mut io::sink())
        .map_err(|error| unpacker.broken(Fault::Source(error)))?;
    if unpacker.contents.files() == 0 {
        return Err(FetchError::archive(path, "its content", "no file", "at least one"));
    }
    sync::all(root, unpacker.contents.file_paths(), &unpacker.folders)?;
    Ok(unpacker.contents)
}

/// More came than is allowed.
#[derive(Debug)]
struct TooMuch(u64);

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "more than {} bytes", self.0)
    }
}

impl std::error::Error for TooMuch {}

/// Ends with an error when more than `limit` bytes come.
#[derive(Debug)]
struct Bounded<'a, R> {
    inner: R,
    left: &'a Cell<u64>,
    limit: u64,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(block)?;
        let left = self.left.get().checked_sub(count as u64);
        self.left.set(left.ok_or_else(|| io::Error::other(TooMuch(self.limit)))?);
        Ok(count)
    }
}

/// A path of bytes; `None` where the system has no such paths.
pub(crate) fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    #[cfg(unix)]
    let path = Some(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)));
    #[cfg(not(unix))]
    let path = std::str::from_utf8(bytes).ok().map(PathBuf::from);
    path.filter(|_| !bytes.contains(&0))
}

/// Sums what is written.
struct Summed<'a> {
    file: &'a mut File,
    sha256: Sha256,
    size: u64,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.sha256.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

struct Unpacker<'a> {
    archive: &'a Path,
    root: &'a Path,
    strip: usize,
    limits: Limits,
    /// Folders below the root that are known to be folders, and no links to some.
    folders: HashSet<PathBuf>,
    contents: Contents,
}

impl Unpacker<'_> {
    fn entry(&mut self, entry: &Entry, left: &Cell<u64>, content: &mut impl Read) -> Result<(), FetchError> {
        let name = shown::bytes(&entry.name);
        if entry.size > left.get() {
            let found = format!("{} bytes", entry.size);
            return Err(self.fault(&name, found, &self.allowed()));
        }
        let Some(place) = self.place(&name, &entry.name)? else { return Ok(()) };
        match entry.kind {
            EntryType::Directory => self.folder(&name, &place),
            EntryType::Regular | EntryType::Continuous => self.file(&name, &place, entry.size, content),
            EntryType::Symlink | EntryType::Link => {
                let target = entry.target.as_deref().unwrap_or_default();
                if target.is_empty() {
                    return Err(self.fault(&name, "a link to nothing", "a path"));
                }
                self.link(&name, &place, target, entry.kind == EntryType::Symlink)
            }
            other => Err(self.fault(&name, format!("an entry of type {other:?}"), "a file or folder")),
        }
    }

    fn fault(&self, entry: &str, found: impl Into<String>, expected: &str) -> FetchError {
        FetchError::archive(self.archive, &format!("entry \"{entry}\""), found, expected)
    }

    /// What the limit is, for messages.
    fn allowed(&self) -> String {
        format!("at most {} in all, the limit of what is unpacked", self.limits.bytes)
    }

    /// Why there is no next entry.
    fn broken(&self, fault: Fault) -> FetchError {
        let error =
            |found: &str, expected: &str| FetchError::archive(self.archive, "its content", found, expected);
        match fault {
            Fault::Content { entry: Some(name), found, expected } => self.fault(&name, found, &expected),
            Fault::Content { entry: None, found, expected } => error(&found, &expected),
            Fault::Source(source) if is_too_much(&source) => error(&source.to_string(), &self.allowed()),
            Fault::Source(source) if source.kind() == ErrorKind::UnexpectedEof => {
                error("an archive that is cut off", "a whole tar.gz")
            }
            Fault::Source(source) => error(&format!("damage ({source})"), "a whole tar.gz"),
        }
    }

    /// Where an entry belongs below the root; `None` for what is above the parts that are kept.
    fn place(&self, name: &str, bytes: &[u8]) -> Result<Option<PathBuf>, FetchError> {
        if bytes.len() as u64 > LONGEST_NAME {
            let found = format!("a path of {} bytes", bytes.len());
            return Err(self.fault(name, found, &format!("at most {LONGEST_NAME}")));
        }
        let path = path_of(bytes).ok_or_else(|| self.fault(name, "a name that no system has", "a path"))?;
        let mut parts = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(part) => parts.push(part),
                Component::CurDir => {}
                _ => return Err(self.fault(name, "an absolute path or `..`", "a path below the folder")),
            }
        }
        if parts.len() > MOST_PARTS {
            let found = format!("a path of {} parts", parts.len());
            return Err(self.fault(name, found, &format!("at most {MOST_PARTS}")));
        }
        if let Some(long) = parts.iter().map(|part| part.len()).find(|&length| length > LONGEST_PART) {
            let found = format!("a part of its path with {long} bytes");
            return Err(self.fault(name, found, &format!("at most {LONGEST_PART}")));
        }
        let kept: PathBuf = parts.into_iter().skip(self.strip).collect();
        Ok((!kept.as_os_str().is_empty()).then_some(kept))
    }

    /// Makes a folder and those above it, none of which may be a link.
    fn folder(&mut self, name: &str, place: &Path) -> Result<(), FetchError> {
        if self.folders.contains(place) {
            return Ok(());
        }
        let mut folder = PathBuf::new();
        for part in place.components() {
            folder.push(part);
            if self.folders.contains(&folder) {
                continue;
            }
            if self.folders.len() as u64 >= self.limits.entries {
                let found = format!("more than {} folders", self.limits.entries);
                return Err(self.fault(name, found, "fewer: this is the limit of what is unpacked"));
            }
            let path = self.root.join(&folder);
            match path.symlink_metadata() {
                Ok(found) if found.is_dir() => {}
                Ok(_) => {
                    return Err(self.fault(name, "a path through a file or link", "a path through folders"));
                }
                Err(_) => fs::create_dir(&path).map_err(FetchError::io(&path, "created"))?,
            }
            self.folders.insert(folder.clone());
        }
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

    fn file(
        &mut self,
        name: &str,
        place: &Path,
        size: u64,
        content: &mut impl Read,
    ) -> Result<(), FetchError> {
        let path = self.clear(name, place)?;
        let new = OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = new.map_err(FetchError::io(&path, "created"))?;
        let mut out = Summed { file: &mut file, sha256: Sha256::new(), size: 0 };
        let copied = receive(content, &mut out, 0, None, &mut Unhurried, &mut ());
        copied.map_err(|stop| match stop {
            Stop::Disk(error) => FetchError::io(&path, "written")(error),
            Stop::Source(error) => self.broken(Fault::Source(error)),
            Stop::TooLong | Stop::TooSlow(_) => self.fault(name, "more bytes", "its content"),
        })?;
        let found = out.size;
        if found != size {
            return Err(self.fault(name, format!("{found} bytes, then the end"), &format!("{size}")));
        }
        let sha256 = colearn_store::hex(&out.sha256.finalize());
        self.contents.add_file(place.to_owned(), size, sha256);
        Ok(())
    }

    /// A link that stays below the root.
    fn link(&mut self, name: &str, place: &Path, target: &[u8], soft: bool) -> Result<(), FetchError> {
        let found = format!("a link to \"{}\"", shown::bytes(target));
        let outside = |this: &Self| this.fault(name, found.clone(), "one inside the folder");
        let path = self.clear(name, place)?;
        let source = self.link_target(name, target)?;
        if soft {
            let depth = place.components().count() - 1;
            let up = source.components().take_while(|part| *part == Component::ParentDir).count();
            let inside = source.components().skip(up).all(|part| matches!(part, Component::Normal(_)));
            if up > depth || !inside {
                return Err(outside(self));
            }
            soft_link(&source, &path).map_err(FetchError::io(&path, "created"))?;
            self.contents.add_link(place.to_owned(), &source);
            return Ok(());
        }
        let kept = self.place(name, target)?.ok_or_else(|| outside(self))?;
        self.folder(name, kept.parent().unwrap_or(Path::new("")))?;
        let source = self.root.join(&kept);
        if !source.symlink_metadata().is_ok_and(|found| found.is_file()) {
            return Err(self.fault(name, found, "one to an earlier file"));
        }
        fs::hard_link(&source, &path).map_err(FetchError::io(&path, "created"))?;
        self.contents.add_same(place.to_owned(), &kept);
        Ok(())
    }

    fn link_target(&self, name: &str, target: &[u8]) -> Result<PathBuf, FetchError> {
        let known = path_of(target).filter(|_| target.len() as u64 <= LONGEST_NAME);
        known.ok_or_else(|| self.fault(name, "a link to a name that no system has", "a path"))
    }
}

fn is_too_much(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<TooMuch>())
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
