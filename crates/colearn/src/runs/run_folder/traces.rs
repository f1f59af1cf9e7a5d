//! What beginning a run makes before the run has anything to keep: folders, and the file of the lock.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use colearn_store::FolderLock;

/// The name of the file that locks a folder.
const LOCK: &str = ".lock";

/// Taken away when it is dropped, as far as nothing else has come to be there. It is dropped while the lock is held.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// The lock, once there is one: where another folder has come to have the name, all of it is somebody else's.
    held: Option<Arc<FolderLock>>,
    lock: Option<PathBuf>,
    /// The folder itself first, then those around it.
    folders: Vec<PathBuf>,
}

impl Traces {
    /// What is not there yet and beginning in `folder` will make.
    pub(super) fn before(folder: &Path) -> Self {
        let lock = folder.join(LOCK);
        let absent = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        Self {
            held: None,
            lock: (!lock.exists()).then_some(lock),
            folders: folder.ancestors().take_while(absent).map(Path::to_owned).collect(),
        }
    }

    /// The same, while the folder is the one that was locked.
    pub(super) fn under(mut self, lock: Arc<FolderLock>) -> Self {
        self.held = Some(lock);
        self
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if self.held.as_ref().is_some_and(|held| held.check().is_err()) {
            return;
        }
        let Some(lock) = &self.lock else { return };
        let Some(Ok(mut names)) = lock.parent().map(fs::read_dir) else { return };
        if names.any(|entry| entry.is_ok_and(|entry| entry.file_name() != LOCK)) {
            return;
        }
        // What cannot be removed does no harm; a folder that holds something is not removed.
        let _ = fs::remove_file(lock);
        let _ = self.folders.iter().try_for_each(fs::remove_dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_has_come_to_have_the_name_stays_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("run");
        let traces = Traces::before(&run);
        fs::create_dir(&run).unwrap();
        let traces = traces.under(Arc::new(FolderLock::take(&run).unwrap()));
        fs::rename(&run, place.path().join("away")).unwrap();
        fs::create_dir(&run).unwrap();
        fs::write(run.join(LOCK), "of another run").unwrap();
        drop(traces);
        assert!(run.join(LOCK).exists() && place.path().join("away").join(LOCK).exists());
    }

    #[test]
    fn what_was_made_goes_and_what_was_there_stays() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let begin = |name: &str| {
            let traces = Traces::before(&at(name));
            fs::create_dir_all(at(name)).unwrap();
            fs::write(at(name).join(LOCK), "").unwrap();
            traces
        };
        drop(begin("runs/a"));
        assert!(!at("runs").exists());
        fs::create_dir(at("runs")).unwrap();
        drop(begin("runs/a"));
        assert!(at("runs").exists() && !at("runs/a").exists());
        // A folder of the user's stays, and anything in it.
        fs::create_dir(at("mine")).unwrap();
        drop(begin("mine"));
        assert_eq!(fs::read_dir(at("mine")).unwrap().count(), 0);
        let traces = begin("runs/b");
        fs::write(at("runs/b/last.ckpt"), "a run").unwrap();
        drop(traces);
        assert!(at("runs/b/last.ckpt").exists() && at("runs/b").join(LOCK).exists());
        let traces = begin("runs/b");
        drop(traces);
        assert!(at("runs/b").join(LOCK).exists(), "a lock of an earlier run stays");
    }
}
