//! Bringing what was unpacked onto the disk before it takes its name.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use colearn_store::sync_folder;

use crate::error::FetchError;

/// Files that are waited for at once: a disk answers many together as fast as one.
const THREADS: usize = 16;

/// Waits until `files` and `folders` below `root`, and the root itself, are on the disk.
pub(crate) fn all<'a>(
    root: &Path,
    files: impl Iterator<Item = &'a Path>,
    folders: &HashSet<PathBuf>,
) -> Result<(), FetchError> {
    let files: Vec<&Path> = files.collect();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let work = || {
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = file(&root.join(path)) {
                next.store(files.len(), Ordering::Relaxed);
                failed.lock().expect("no thread panics while it holds this").get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..THREADS.min(files.len()) {
            scope.spawn(work);
        }
        work();
    });
    if let Some(error) = failed.into_inner().expect("no thread panics while it holds this") {
        return Err(error);
    }
    folders.iter().try_for_each(|below| folder(&root.join(below)))?;
    folder(root)
}

fn file(path: &Path) -> Result<(), FetchError> {
    let opened = OpenOptions::new().write(true).open(path);
    opened.and_then(|file| file.sync_all()).map_err(FetchError::io(path, "made durable"))
}

/// Waits until the names in a folder are on the disk.
pub(crate) fn folder(path: &Path) -> Result<(), FetchError> {
    sync_folder(path).map_err(FetchError::io(path, "made durable"))
}
