//! A file that is being loaded: `<name>.part`, kept when the transfer breaks off, and `<name>.part.from`, which says
//! what it is a part of. Whoever writes the part holds a lock on it.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use colearn_store::{FileLock, expect_one_name, expect_own, holds, read_text, write_whole};

use crate::digest::{Hasher, Sums, hash};
use crate::error::FetchError;
use crate::sync;

/// Which version of which file a part belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The address.
    pub(crate) url: String,
    /// The server's mark of the version: an entity tag or a date.
    pub(crate) mark: Option<String>,
}

/// Largest file about an origin that is read: an address and what one header of an answer holds.
const LONGEST_ORIGIN: u64 = 1 << 18;

/// An open and locked part.
#[derive(Debug)]
pub(crate) struct Part {
    target: PathBuf,
    path: PathBuf,
    from: PathBuf,
    file: File,
    hasher: Hasher,
    /// Bytes of an earlier process that are still in it.
    kept: u64,
}

impl Part {
    /// Opens the part of `target`, and hashes what is there already.
    pub(crate) fn open(target: &Path) -> Result<Self, FetchError> {
        let (path, from) = (beside(target, ".part"), beside(target, ".part.from"));
        expect_own(&from)?;
        let lock = FileLock::take(&path)?.ok_or_else(|| FetchError::Busy { path: path.clone() })?;
        let file = lock.file;
        expect_one_name(&path, &file)?;
        let hasher = hash(&file).map_err(FetchError::io(&path, "read"))?;
        let kept = hasher.size();
        Ok(Self { target: target.to_owned(), path, from, file, hasher, kept })
    }

    /// Bytes that are there.
    pub(crate) fn size(&self) -> u64 {
        self.hasher.size()
    }

    /// Bytes of them that an earlier process has left.
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    /// Where they come from, if that is known.
    pub(crate) fn origin(&self) -> Option<Origin> {
        let text = read_text(&self.from, LONGEST_ORIGIN).ok()?;
        let mut lines = text.lines();
        Some(Origin { url: lines.next()?.to_owned(), mark: lines.next().map(str::to_owned) })
    }

    /// Begins again with nothing, this time from `origin`.
    pub(crate) fn restart(&mut self, origin: Option<&Origin>) -> Result<(), FetchError> {
        self.expect_name()?;
        let cleared = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        cleared.map_err(FetchError::io(&self.path, "written"))?;
        self.hasher = Hasher::default();
        self.kept = 0;
        if let Some(Origin { url, mark }) = origin {
            let mark = mark.as_deref().map_or_else(String::new, |mark| format!("{mark}\n"));
            write_whole(&self.from, format!("{url}\n{mark}").as_bytes())?;
        }
        Ok(())
    }

    /// The part's own name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Size and checksums of what is there.
    pub(crate) fn sums(&self) -> Sums {
        self.hasher.clone().finish()
    }

    /// Makes the content durable and gives it its final name.
    pub(crate) fn commit(self) -> Result<(), FetchError> {
        self.file.sync_all().map_err(FetchError::io(&self.path, "written"))?;
        self.expect_name()?;
        // Renamed while it is locked, so that nobody takes the finished file for a part.
        fs::rename(&self.path, &self.target).map_err(FetchError::io(&self.target, "replaced"))?;
        remove(&self.from);
        sync::folder(self.target.parent().unwrap_or(Path::new("")))
    }

    /// Refuses to go on when the name is another file's: what is written beside it would not belong to this one.
    fn expect_name(&self) -> Result<(), FetchError> {
        if holds(&self.path, &self.file) {
            return Ok(());
        }
        let (found, expected) = ("another file".to_owned(), "the one that was loaded".to_owned());
        Err(FetchError::Kind { path: self.path.clone(), found, expected })
    }

    /// Removes what is there, unless the name is another file's.
    pub(crate) fn discard(self) {
        if self.expect_name().is_ok() {
            remove(&self.path);
            remove(&self.from);
        }
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Whether a part of `target` waits to be completed.
pub(crate) fn waits(target: &Path) -> bool {
    beside(target, ".part").symlink_metadata().is_ok_and(|part| part.is_file() && part.len() > 0)
}

fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    target.with_file_name(name)
}

fn remove(path: &Path) {
    // What cannot be removed is overwritten by the next attempt.
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(mark: Option<&str>) -> Origin {
        Origin { url: "http://127.0.0.1/a".to_owned(), mark: mark.map(str::to_owned) }
    }

    #[test]
    fn a_part_survives_its_process_and_is_completed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        for mark in [None, Some("\"v 1\"")] {
            let mut part = Part::open(&target).unwrap();
            part.restart(Some(&origin(mark))).unwrap();
            part.write_all(b"ab").unwrap();
            drop(part);
            assert!(waits(&target));
            let mut part = Part::open(&target).unwrap();
            assert_eq!((part.size(), part.origin()), (2, Some(origin(mark))));
            part.write_all(b"c").unwrap();
            let sha256 = part.sums().sha256;
            part.commit().unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"abc");
            assert_eq!(crate::hash_file(&target).unwrap().sha256, sha256);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn two_writers_of_one_part_are_one_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let first = Part::open(&target).unwrap();
        let error = Part::open(&target).unwrap_err().to_string();
        assert!(error.contains("a.part: another process is fetching this"), "{error}");
        first.discard();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Part::open(&target).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_way_is_refused_and_what_it_leads_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (target, mine) = (folder.path().join("a"), folder.path().join("mine"));
        fs::write(&mine, "of the user").unwrap();
        let part = folder.path().join("a.part");
        for (symbolic, expected) in [
            (false, "a.part: found a file that has 2 names; expected one of its own"),
            (true, "a.part: found a link; expected a regular file"),
        ] {
            if symbolic { std::os::unix::fs::symlink(&mine, &part) } else { fs::hard_link(&mine, &part) }
                .unwrap();
            let error = Part::open(&target).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
            assert_eq!(fs::read(&mine).unwrap(), b"of the user");
            fs::remove_file(&part).unwrap();
        }
        std::os::unix::fs::symlink(&mine, folder.path().join("a.part.from")).unwrap();
        let error = Part::open(&target).unwrap_err().to_string();
        assert!(error.contains("a.part.from: found a link"), "{error}");
        assert_eq!(fs::read(&mine).unwrap(), b"of the user");
        assert!(!part.exists() && !waits(&target));
    }

    #[cfg(unix)]
    #[test]
    fn a_part_whose_name_was_given_away_is_not_taken_for_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let mut part = Part::open(&target).unwrap();
        part.write_all(b"loaded").unwrap();
        fs::remove_file(part.path()).unwrap();
        fs::write(part.path(), "of somebody else").unwrap();
        part.restart(Some(&origin(None))).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is noted beside the other file");
        let error = part.commit().unwrap_err().to_string();
        assert!(error.ends_with("a.part: found another file; expected the one that was loaded"), "{error}");
        assert!(!target.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_part_that_is_given_up_takes_no_other_file_along() {
        let folder = tempfile::tempdir().unwrap();
        let part = Part::open(&folder.path().join("a")).unwrap();
        let (path, from) = (part.path().to_owned(), folder.path().join("a.part.from"));
        fs::remove_file(&path).unwrap();
        for name in [&path, &from] {
            fs::write(name, "of somebody else").unwrap();
        }
        part.discard();
        assert!(path.exists() && from.exists());
    }

    #[test]
    fn a_folder_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        fs::create_dir(&target).unwrap();
        let mut part = Part::open(&target).unwrap();
        part.write_all(b"x").unwrap();
        let error = part.commit().unwrap_err().to_string();
        assert!(error.contains("a: cannot be replaced: "), "{error}");
        fs::write(folder.path().join("file"), "").unwrap();
        let error = Part::open(&folder.path().join("file/a")).unwrap_err().to_string();
        assert!(error.contains("a.part: cannot be written: "), "{error}");
    }
}
