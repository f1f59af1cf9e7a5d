//! Putting a set of files in the place of another one.
//!
//! No system renames several files at once. What can be had is that nothing begins to change before all new files are
//! complete and durable, and that the changes come in an order that whoever writes the set chooses: files of different sets
//! must tell apart, and the order must leave no mixture that looks like a whole set.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::error::StoreError;
use crate::whole::{WholeFile, folder_of, sync_folder};

/// New files that are complete, and old ones that go when all of them have their names.
#[derive(Debug)]
pub struct Exchange {
    files: VecDeque<WholeFile>,
    gone: VecDeque<PathBuf>,
}

impl Exchange {
    /// Makes all `files` durable, still under the names of their parts; nothing that had their names is touched. They will
    /// get their names in this order, and then the files `gone` are removed in theirs.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the system refuses.
    pub fn new(
        files: impl IntoIterator<Item = WholeFile>,
        gone: impl IntoIterator<Item = PathBuf>,
    ) -> Result<Self, StoreError> {
        let mut files: VecDeque<WholeFile> = files.into_iter().collect();
        files.iter_mut().try_for_each(WholeFile::seal)?;
        Ok(Self { files, gone: gone.into_iter().collect() })
    }

    /// Does the next change, durably; `false` when nothing is left.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the system refuses; what was not done is not done then.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        if let Some(file) = self.files.pop_front() {
            file.publish()?;
            return Ok(true);
        }
        let Some(path) = self.gone.pop_front() else { return Ok(false) };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io(&path, "removed", error));
            }
            _ => sync_folder(folder_of(&path))
                .map_err(|source| StoreError::io(&path, "removed durably", source))?,
        }
        Ok(true)
    }

    /// All changes that are left.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn finish(mut self) -> Result<(), StoreError> {
        while self.step()? {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn contents(folder: &Path) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_none_or(|end| end != "part"))
            .map(|path| {
                (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn nothing_changes_before_all_is_durable_and_then_one_thing_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a", "b", "c"] {
            fs::write(path(name), "old").unwrap();
        }
        let file = |name: &str| {
            let mut file = WholeFile::create(&path(name)).unwrap();
            file.write_all(b"new").unwrap();
            file
        };
        let mut exchange = Exchange::new([file("b"), file("a")], [path("c"), path("never there")]).unwrap();
        let expected = |states: &[(&str, &str)]| -> Vec<(String, String)> {
            states.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
        };
        assert_eq!(contents(folder.path()), expected(&[("a", "old"), ("b", "old"), ("c", "old")]));
        for state in [
            &[("a", "old"), ("b", "new"), ("c", "old")][..],
            &[("a", "new"), ("b", "new"), ("c", "old")],
            &[("a", "new"), ("b", "new")],
            &[("a", "new"), ("b", "new")],
        ] {
            assert!(exchange.step().unwrap());
            assert_eq!(contents(folder.path()), expected(state));
        }
        assert!(!exchange.step().unwrap());
    }

    #[test]
    fn a_refusal_is_named_and_ends_the_exchange_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let files = ["a", "b"].map(|name| WholeFile::create(&path(name)).unwrap());
        fs::create_dir_all(path("a").join("not empty")).unwrap();
        let error = Exchange::new(files, []).unwrap().finish().unwrap_err().to_string();
        assert!(error.contains("a: cannot be replaced: "), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no part and no second file");
    }
}
