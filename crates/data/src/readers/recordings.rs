//! The one door through which recordings come in from folders, whatever the set: what lies in a folder, what of it is a
//! sound, that no recording comes twice, and what is left out.
//!
//! A set may keep a recording as wav or as FLAC; in both it would be in training under one name and in the test under
//! the other. What is left out is counted and told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::audio::is_audio;

/// Recordings by class and name. What the two are, readers say.
#[derive(Debug, Default)]
pub(crate) struct Recordings {
    files: BTreeMap<(String, String), PathBuf>,
    /// Files that are no sound we read, by extension.
    others: BTreeMap<String, usize>,
    hidden: usize,
    folders: usize,
}

impl Recordings {
    /// Takes in the sounds of a folder, which may be empty; returns how many there are. `name` is what makes a recording
    /// the same as another one of its class, whatever the file is called.
    ///
    /// # Errors
    /// [`DataError::FoundTwice`]; [`DataError::Audio`] for a folder that is named like a sound file; whatever `name`
    /// says.
    pub(crate) fn take(
        &mut self,
        folder: &Path,
        class: &str,
        name: impl Fn(&Path) -> Result<String, DataError>,
    ) -> Result<usize, DataError> {
        let sounds = self.sort(folder)?;
        for path in &sounds {
            let name = name(path)?;
            if let Some(first) = self.files.get(&(class.to_owned(), name.clone())) {
                let separator = if class.is_empty() { "" } else { "/" };
                return Err(DataError::FoundTwice {
                    file: format!("{class}{separator}{name}"),
                    first: first.display().to_string(),
                    second: path.display().to_string(),
                });
            }
            self.files.insert((class.to_owned(), name), path.clone());
        }
        Ok(sounds.len())
    }

    /// The sounds of a folder by name; all else is counted.
    fn sort(&mut self, folder: &Path) -> Result<Vec<PathBuf>, DataError> {
        let io = |source| DataError::Io { path: folder.to_path_buf(), source };
        let mut sounds = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(io)?);
            let is_folder = kind.is_dir() || kind.is_symlink() && path.is_dir();
            match (entry.file_name().to_string_lossy().starts_with('.'), is_audio(&path)) {
                (true, sound) => self.hidden += usize::from(sound && !is_folder),
                (false, true) if is_folder => {
                    return Err(DataError::Audio {
                        file: path.display().to_string(),
                        found: "a folder".to_owned(),
                        expected: "a sound file".to_owned(),
                    });
                }
                (false, true) => sounds.push(path),
                (false, false) if is_folder => self.folders += 1,
                (false, false) => *self.others.entry(extension(&path)).or_default() += 1,
            }
        }
        sounds.sort();
        Ok(sounds)
    }

    /// What was left out of the folders, if anything was. `place` says where that is.
    pub(crate) fn note(&self, place: &str) -> Option<String> {
        let mut parts: Vec<String> =
            self.others.iter().map(|(extension, count)| format!("{count} {extension}")).collect();
        let more = [(self.hidden, "hidden sound file"), (self.folders, "folder")];
        parts.extend(more.iter().filter(|(count, _)| *count > 0).map(|(count, what)| several(*count, what)));
        (!parts.is_empty())
            .then(|| format!("left out of {place}: {}; sounds are wav or flac files", parts.join(", ")))
    }

    pub(crate) fn files(self) -> BTreeMap<(String, String), PathBuf> {
        self.files
    }
}

/// The sounds in a folder and in the folders below it, by name.
///
/// # Errors
/// [`DataError::Io`] for a folder that cannot be read; as [`Recordings::take`] for one that is named like a sound file.
pub(crate) fn below(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut sounds = Recordings::default().sort(folder)?;
    let io = |source| DataError::Io { path: folder.to_path_buf(), source };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // Links to folders may lead round in a circle.
        if !hidden && entry.file_type().map_err(io)?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    for folder in folders {
        sounds.extend(below(&folder)?);
    }
    Ok(sounds)
}

/// A count with its noun.
pub(crate) fn several(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn extension(path: &Path) -> String {
    path.extension().map_or_else(
        || "without extension".to_owned(),
        |extension| extension.to_string_lossy().to_ascii_lowercase(),
    )
}
