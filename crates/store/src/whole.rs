//! Writing a file so that its name never holds half of it.
//!
//! The content waits in `<name>.<process>-<number>.part` in the same folder, locked by its writer, and takes the final
//! name when it is complete. Dropping a [`WholeFile`] removes what it has written. A process that was killed leaves its
//! part behind, but not the lock: the next writer of the same name removes parts that nobody holds.
//!
//! What has the name already decides where the content goes (`place.rs`): a link stays a link, and a pipe or a terminal is
//! written into and never replaced.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::door::open_regular;
use crate::error::StoreError;
use crate::place::Place;

/// A file that appears under its name when it is complete, and not before.
#[derive(Debug)]
pub struct WholeFile {
    /// As the user named it, for messages.
    path: PathBuf,
    /// Where the content waits, and the name that it takes then; `None` where it goes straight into a pipe or a device.
    waiting: Option<Waiting>,
    /// `None` once the file has its final name.
    file: Option<BufWriter<File>>,
}

#[derive(Debug)]
struct Waiting {
    part: PathBuf,
    /// The file itself, behind any links.
    target: PathBuf,
    /// Of the file that is replaced.
    permissions: Option<Permissions>,
}

impl WholeFile {
    /// Begins the file `path`; its folder must exist. Where `path` is a link, the file is the one that it leads to; where it
    /// is a pipe or a device of characters, what is written goes there at once.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the system refuses to create the part, or `path` is something that holds no file.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let (waiting, file) = begin(path).map_err(|source| StoreError::io(path, "written", source))?;
        Ok(Self { path: path.to_owned(), waiting, file: Some(BufWriter::with_capacity(1 << 16, file)) })
    }

    /// Makes the content durable and gives it its final name, in place of whatever file had that name, whose permissions it
    /// takes over.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the system refuses; the final name is then untouched.
    pub fn commit(self) -> Result<(), StoreError> {
        self.commit_if(|| Ok(()))
    }

    /// The same if `agreed` says so, which is asked last of all before the name is given.
    pub(crate) fn commit_if(
        mut self,
        agreed: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.seal()?;
        if self.waiting.is_some() {
            agreed()?;
        }
        self.publish()
    }

    /// Makes the content durable, still under the name of the part.
    pub(crate) fn seal(&mut self) -> Result<(), StoreError> {
        let file = self.file.as_mut().expect("gone only after `publish`, which takes the value");
        let written = |source| StoreError::io(&self.path, "written", source);
        file.flush().map_err(written)?;
        if let Some(Waiting { permissions, .. }) = &self.waiting {
            if let Some(permissions) = permissions {
                file.get_ref().set_permissions(permissions.clone()).map_err(written)?;
            }
            file.get_ref().sync_all().map_err(written)?;
        }
        Ok(())
    }

    /// Gives sealed content its final name.
    pub(crate) fn publish(mut self) -> Result<(), StoreError> {
        if let Some(Waiting { part, target, .. }) = &self.waiting {
            fs::rename(part, target).map_err(|source| StoreError::io(&self.path, "replaced", source))?;
            self.file = None;
            sync_folder(folder_of(target))
                .map_err(|source| StoreError::io(&self.path, "made durable", source))?;
        }
        Ok(())
    }

    /// Where the content waits until then: the pipe or device itself where it does not wait.
    #[must_use]
    pub fn part(&self) -> &Path {
        self.waiting.as_ref().map_or(&self.path, |waiting| &waiting.part)
    }

    fn writer(&mut self) -> &mut BufWriter<File> {
        self.file.as_mut().expect("gone only after `publish`, which takes the value")
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

impl Seek for WholeFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.writer().seek(to)
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let (Some(_), Some(Waiting { part, .. })) = (self.file.take(), &self.waiting) {
            // Nothing more can be done about a part that cannot be removed; the next writer tries again.
            let _ = fs::remove_file(part);
        }
    }
}

/// Writes `bytes` to `path` so that a crash at any moment leaves either the old content or the new one, whole.
///
/// # Errors
/// [`StoreError::Io`] when the system refuses.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = WholeFile::create(path)?;
    file.write_all(bytes).map_err(|source| StoreError::io(path, "written", source))?;
    file.commit()
}

/// Opens what the content is written to.
fn begin(path: &Path) -> io::Result<(Option<Waiting>, File)> {
    match Place::of(path)? {
        Place::File { target, permissions } => {
            remove_abandoned(&target);
            let (part, file) = create_part(&target)?;
            Ok((Some(Waiting { part, target, permissions }), file))
        }
        Place::Stream => Ok((None, OpenOptions::new().write(true).open(path)?)),
    }
}

/// A new part that this process has locked.
fn create_part(path: &Path) -> io::Result<(PathBuf, File)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}-{number}.part", std::process::id()));
        let part = path.with_file_name(name);
        let file = match OpenOptions::new().write(true).create_new(true).open(&part) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        // Where the file system has no locks, no other writer can take one either, and parts are left alone.
        let _ = file.try_lock();
        // Between creation and lock another writer may have taken the part for an abandoned one.
        if part.exists() {
            return Ok((part, file));
        }
    }
}

/// Removes the parts of `path` whose writers are gone.
fn remove_abandoned(path: &Path) {
    let Ok(entries) = fs::read_dir(folder_of(path)) else { return };
    let Some(name) = path.file_name().map(|name| format!("{}.", name.to_string_lossy())) else { return };
    for entry in entries.flatten() {
        let found = entry.file_name();
        let found = found.to_string_lossy();
        let number = found.strip_prefix(&name).and_then(|rest| rest.strip_suffix(".part"));
        if number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
            && open_regular(&entry.path()).is_ok_and(|file| file.try_lock().is_ok())
        {
            // If it cannot be removed, it does no harm but to take up space.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes what was created, renamed and removed in a folder durable. Only Unix lets a folder be opened and synchronised;
/// elsewhere nothing is done.
///
/// # Errors
/// The system's reason.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(or_here(folder))?.sync_all() } else { Ok(()) }
}

/// The folder that `path` is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    or_here(path.parent().unwrap_or(Path::new("")))
}

/// The path of a file in the working directory has an empty parent.
fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_old_content_stays_until_the_new_one_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_whole(&path, b"old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"new, but not all of it").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a"]);
        write_whole(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn only_parts_without_a_writer_are_cleared_away() {
        #[cfg(unix)]
        let _still = crate::children::none_begins();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for name in ["a.17-0.part", "b.17-0.part", "a.notes.part", "a.17-0"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let first = WholeFile::create(&path).unwrap();
        let second = WholeFile::create(&path).unwrap();
        assert!(first.part().exists() && second.part().exists());
        assert!(!folder.path().join("a.17-0.part").exists());
        drop((first, second));
        assert_eq!(names(folder.path()), ["a.17-0", "a.notes.part", "b.17-0.part"]);
    }

    #[test]
    fn of_two_writers_the_last_to_finish_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (mut first, mut second) = (WholeFile::create(&path).unwrap(), WholeFile::create(&path).unwrap());
        first.write_all(b"first").unwrap();
        second.write_all(b"second").unwrap();
        second.commit().unwrap();
        first.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_file_keeps_the_permissions_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions.clone()).unwrap();
        write_whole(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions(), permissions);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_whole(&folder.path().join("nowhere").join("a"), b"x").unwrap_err().to_string();
        assert!(error.contains("nowhere") && error.contains("a: cannot be written: "), "{error}");
    }
}
