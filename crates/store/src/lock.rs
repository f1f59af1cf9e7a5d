//! Keeping a second process out of a folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::StoreError;

/// A folder that no other [`FolderLock`] holds, in this process or another one.
///
/// The lock is the operating system's, on the file `.lock` in the folder. The system takes it back when the value is
/// dropped or its process ends, however that happens, so a killed process leaves nothing behind that would have to be
/// cleared away; the file itself is empty and stays. On a file system without locks nothing is kept out.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock of `folder`, which must exist.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another holds it, [`StoreError::Io`] when the file cannot be made.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(".lock");
        let file = File::create(&path).map_err(|source| StoreError::io(&path, "written", source))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { folder: folder.to_owned() }),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { _file: file }),
        }
    }

    /// Whether another holds the lock of `folder`; a folder that does not exist is free.
    #[must_use]
    pub fn is_taken(folder: &Path) -> bool {
        folder.join(".lock").exists() && matches!(Self::take(folder), Err(StoreError::Locked { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_a_folder_at_a_time() {
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
    fn a_lock_file_that_nobody_holds_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".lock"), "of a process that was killed").unwrap();
        FolderLock::take(folder.path()).unwrap();
        let absent = folder.path().join("absent");
        assert!(!FolderLock::is_taken(&absent));
        let error = FolderLock::take(&absent).unwrap_err().to_string();
        assert!(error.contains("absent") && error.contains("cannot be written"), "{error}");
    }
}
