//! Keeping a second process out of a file or a folder, and noticing when the folder is no longer there.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::door::{holds, open_own};
use crate::error::StoreError;
use crate::whole::WholeFile;

/// The file in the folder.
const NAME: &str = ".lock";
/// Attempts to lock a file that keeps its name meanwhile.
const ATTEMPTS: usize = 100;

/// A regular file, open to read and write, that no other [`FileLock`] holds, in this process or another one.
///
/// It is made where there is none, not emptied where there is one, and no link is followed. The lock is the operating
/// system's, which takes it back when the file is closed or its process ends, however that happens.
#[derive(Debug)]
pub struct FileLock {
    /// The file, which is locked as long as it is open.
    pub file: File,
    /// Why the lock keeps nobody out: the system's reason, where the file system has no locks.
    pub missing: Option<String>,
}

impl FileLock {
    /// Opens or makes the file `path` and locks it; `None` while another holds it.
    ///
    /// # Errors
    /// As [`open_own`](crate::open_own); [`StoreError::Io`] also where the file is replaced again and again.
    pub fn take(path: &Path) -> Result<Option<Self>, StoreError> {
        // Between opening and locking another process may have removed or replaced this very file.
        for _ in 0..ATTEMPTS {
            let file = open_own(path)?;
            let missing = match file.try_lock() {
                Ok(()) => None,
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => Some(error.to_string()),
            };
            if holds(path, &file) {
                return Ok(Some(Self { file, missing }));
            }
        }
        Err(StoreError::io(path, "locked", io::Error::other("it is replaced again and again")))
    }
}

/// A folder that no other [`FolderLock`] holds, in this process or another one.
///
/// The lock is the operating system's, on the file `.lock` in the folder. The system takes it back when the value is
/// dropped or its process ends, however that happens, so a killed process leaves nothing behind that would have to be
/// cleared away. The file is never emptied or written to, and no link is followed: what lies there stays as it is.
///
/// The lock belongs to the file, but writers name paths. When the folder is moved or removed, its path may come to name
/// another folder; [`check`](Self::check) tells the two apart by the numbers of device and file, and
/// [`write`](Self::write) looks before it begins and before it replaces anything. (Systems without such numbers: it looks
/// whether the name is there. Windows does not let the folder of an open file be moved.)
///
/// On a file system without locks nothing is kept out; [`missing`](Self::missing) then has the reason.
#[derive(Debug)]
pub struct FolderLock {
    folder: PathBuf,
    lock: FileLock,
}

impl FolderLock {
    /// Takes the lock of `folder`, which must exist.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another holds it, [`StoreError::NotRegular`] when `.lock` is a link, a pipe or another
    /// such thing, [`StoreError::Io`] when the file cannot be made.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        let lock = FileLock::take(&folder.join(NAME))?;
        let folder = folder.to_owned();
        match lock {
            Some(lock) => Ok(Self { folder, lock }),
            None => Err(StoreError::Locked { folder }),
        }
    }

    /// Whether another holds the lock of `folder`; a folder that does not exist is free.
    #[must_use]
    pub fn is_taken(folder: &Path) -> bool {
        folder.join(NAME).exists() && matches!(Self::take(folder), Err(StoreError::Locked { .. }))
    }

    /// The folder, as it was named.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Why the lock keeps nobody out: the system's reason, where the file system has no locks.
    #[must_use]
    pub fn missing(&self) -> Option<&str> {
        self.lock.missing.as_deref()
    }

    /// Whether the path of the folder still leads to the locked file.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when it does not.
    pub fn check(&self) -> Result<(), StoreError> {
        if holds(&self.folder.join(NAME), &self.lock.file) {
            return Ok(());
        }
        Err(StoreError::Moved { folder: self.folder.clone() })
    }

    /// Writes the file `name` of the folder so that a crash at any moment leaves either the old content or the new one,
    /// and only while the folder is the locked one.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when it is no longer, [`StoreError::Io`] when the system refuses.
    pub fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<(), StoreError> {
        self.check()?;
        // Where the folder goes away meanwhile, that is the reason, whatever the system says of the file.
        self.write_file(&self.folder.join(name), bytes).map_err(|error| self.check().err().unwrap_or(error))
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = WholeFile::create(path)?;
        file.write_all(bytes).map_err(|source| StoreError::io(path, "written", source))?;
        // A large file takes a while.
        file.commit_if(|| self.check())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_a_folder_at_a_time() {
        #[cfg(unix)]
        let _still = crate::children::none_begins();
        let folder = tempfile::tempdir().unwrap();
        assert!(!FolderLock::is_taken(folder.path()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "asking leaves nothing behind");
        let first = FolderLock::take(folder.path()).unwrap();
        assert!(FolderLock::is_taken(folder.path()));
        let error = FolderLock::take(folder.path()).unwrap_err();
        assert!(matches!(&error, StoreError::Locked { folder: held } if held == folder.path()), "{error}");
        assert!(error.to_string().contains("another process works here"), "{error}");
        drop(first);
        assert!(!FolderLock::is_taken(folder.path()));
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_locked_file_can_be_written_and_keeps_what_is_in_it() {
        #[cfg(unix)]
        let _still = crate::children::none_begins();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut lock = FileLock::take(&path).unwrap().unwrap();
        assert_eq!(lock.missing, None);
        lock.file.write_all(b"ab").unwrap();
        assert!(FileLock::take(&path).unwrap().is_none(), "another holds it");
        // The lock goes with the file, not with the name.
        std::fs::rename(&path, folder.path().join("b")).unwrap();
        assert!(FileLock::take(&folder.path().join("b")).unwrap().is_none());
        drop(FileLock::take(&path).unwrap().unwrap());
        drop(lock);
        FileLock::take(&folder.path().join("b")).unwrap().unwrap();
        assert_eq!(std::fs::read(folder.path().join("b")).unwrap(), b"ab");
    }

    #[test]
    fn a_lock_file_that_nobody_holds_keeps_nobody_out_and_is_left_as_it_is() {
        #[cfg(unix)]
        let _still = crate::children::none_begins();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".lock"), "of a process that was killed").unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        assert_eq!((lock.missing(), lock.folder()), (None, folder.path()));
        lock.write("a", b"x").unwrap();
        drop(lock);
        let text = std::fs::read_to_string(folder.path().join(".lock")).unwrap();
        assert_eq!(text, "of a process that was killed");
        let absent = folder.path().join("absent");
        assert!(!FolderLock::is_taken(&absent));
        let error = FolderLock::take(&absent).unwrap_err().to_string();
        assert!(error.contains("absent") && error.contains("cannot be written"), "{error}");
    }

    #[test]
    fn a_folder_that_was_moved_removed_or_replaced_is_not_written_to() {
        #[cfg(unix)]
        let _still = crate::children::none_begins();
        let place = tempfile::tempdir().unwrap();
        let (here, there) = (place.path().join("here"), place.path().join("there"));
        let held = || {
            std::fs::create_dir(&here).unwrap();
            let lock = FolderLock::take(&here).unwrap();
            lock.write("a", b"old").unwrap();
            lock.check().unwrap();
            lock
        };
        let stopped = |lock: &FolderLock| {
            let error = lock.write("a", b"new").unwrap_err();
            assert!(matches!(&error, StoreError::Moved { folder } if *folder == here), "{error}");
            assert!(matches!(lock.check(), Err(StoreError::Moved { .. })));
        };
        // Moved, and another folder with a lock of its own takes the name.
        let lock = held();
        std::fs::rename(&here, &there).unwrap();
        stopped(&lock);
        let other = held();
        stopped(&lock);
        other.check().unwrap();
        assert_eq!(std::fs::read(here.join("a")).unwrap(), b"old");
        assert_eq!(std::fs::read(there.join("a")).unwrap(), b"old");
        // The moved lock still keeps others out of the folder, wherever that is.
        assert!(FolderLock::is_taken(&there));
        std::fs::remove_dir_all(&here).unwrap();
        stopped(&other);
        drop(other);
        // The file alone is replaced: others could take it.
        let lock = held();
        std::fs::remove_file(here.join(".lock")).unwrap();
        stopped(&lock);
        std::fs::write(here.join(".lock"), "").unwrap();
        stopped(&lock);
        assert_eq!(std::fs::read(here.join("a")).unwrap(), b"old");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_pipes_are_no_locks_and_keep_what_they_lead_to() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("mine");
        std::fs::write(&target, "text of mine").unwrap();
        let folder = |name: &str| {
            let folder = place.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            folder
        };
        let (link, nowhere, pipe) = (folder("link"), folder("nowhere"), folder("pipe"));
        std::os::unix::fs::symlink(&target, link.join(".lock")).unwrap();
        std::os::unix::fs::symlink(place.path().join("absent"), nowhere.join(".lock")).unwrap();
        crate::children::make_pipe(&pipe.join(".lock"));
        for (folder, found) in [(&link, "a link"), (&nowhere, "a link"), (&pipe, "a pipe")] {
            let error = FolderLock::take(folder).unwrap_err().to_string();
            assert!(error.ends_with(&format!(".lock: found {found}; expected a regular file")), "{error}");
            assert!(!FolderLock::is_taken(folder));
        }
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "text of mine");
        assert!(!place.path().join("absent").exists());
    }
}
