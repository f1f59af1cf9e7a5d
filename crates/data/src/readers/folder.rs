//! Listing folders in an order that does not depend on the machine.

use std::path::{Path, PathBuf};

use crate::DataError;
use crate::audio::is_audio;

/// The entries of a folder that exists and holds something, sorted by name; hidden ones left out.
pub(crate) fn entries(path: &Path, expected: &str) -> Result<Vec<PathBuf>, DataError> {
    let wrong = |found: &str| DataError::Folder {
        path: path.to_path_buf(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    };
    if !path.exists() {
        return Err(wrong("no such folder"));
    }
    if !path.is_dir() {
        return Err(wrong("a file, not a folder"));
    }
    let io = |source| DataError::Io { path: path.to_path_buf(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            found.push(entry.path());
        }
    }
    if found.is_empty() {
        return Err(wrong("an empty folder"));
    }
    found.sort();
    Ok(found)
}

/// The sound files among `entries`.
pub(crate) fn sounds(entries: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    entries.iter().filter(|path| is_audio(path))
}

/// A file name without folder and extension.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
