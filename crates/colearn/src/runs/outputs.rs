//! Files that a command makes anew whenever it is asked to: tables and pages. They replace what such a command has left in the
//! folder before, and nothing else.
//!
//! `.written` in the folder names them with their SHA-256, as `sha256sum -c` reads it. A file that is not in it, or was changed
//! since, is somebody's and stays. The names of what is about to be written are there before the files are, so that a
//! command that is killed in between knows its own files again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use colearn_store::{FolderLock, LARGEST_TABLE, LARGEST_TEXT, read_bounded, read_text, sha256};

/// Name of the record in a folder.
const RECORD: &str = ".written";

/// Takes a folder for a command's files, which is made if it is not there.
pub(crate) fn take(folder: &Path) -> Result<FolderLock> {
    std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be created", folder.display()))?;
    Ok(FolderLock::take(folder)?)
}

/// Refuses a folder in which a file with one of these names is not an own one.
pub(crate) fn expect_own(folder: &Path, names: &[&str]) -> Result<()> {
    let record = Record::read(folder)?;
    names.iter().try_for_each(|name| record.expect_own(folder, name, None))
}

/// Writes files, names with their texts, into the locked folder; returns their paths. Own files of earlier times for which
/// `outdated` holds, and which are not written again, are removed.
///
/// # Errors
/// When one of the names holds a file that is not an own one; nothing is written then.
pub(crate) fn write(
    lock: &FolderLock,
    files: &[(String, String)],
    outdated: impl Fn(&str) -> bool,
) -> Result<Vec<PathBuf>> {
    let folder = lock.folder();
    let mut record = Record::read(folder)?;
    for (name, text) in files {
        record.expect_own(folder, name, Some(text))?;
        record.sums.entry(name.clone()).or_default().insert(sha256(text.as_bytes()));
    }
    record.write(lock)?;
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(inner) = path.parent().filter(|inner| *inner != folder) {
            lock.check()?;
            std::fs::create_dir_all(inner)
                .with_context(|| format!("{}: cannot be created", inner.display()))?;
        }
        lock.write(name, text.as_bytes())?;
        record.sums.insert(name.clone(), BTreeSet::from([sha256(text.as_bytes())]));
        paths.push(path);
    }
    lock.check()?;
    let written: BTreeSet<&String> = files.iter().map(|(name, _)| name).collect();
    record.sums.retain(|name, sums| {
        let old = !written.contains(name) && outdated(name);
        // What cannot be removed does no harm but to lie there.
        old.then(|| is_one_of(&folder.join(name), sums) && std::fs::remove_file(folder.join(name)).is_ok())
            != Some(true)
    });
    record.write(lock)?;
    Ok(paths)
}

/// Whether a file has one of these SHA-256.
fn is_one_of(path: &Path, sums: &BTreeSet<String>) -> bool {
    read_bounded(path, LARGEST_TABLE).is_ok_and(|bytes| sums.contains(&sha256(&bytes)))
}

/// The SHA-256 that each file may have: more than one while it is being replaced.
#[derive(Debug, Clone, PartialEq, Default)]
struct Record {
    sums: BTreeMap<String, BTreeSet<String>>,
}

impl Record {
    /// That of `folder`; an empty one where there is none. Lines that are no records make no file an own one.
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD);
        let there = path.symlink_metadata().is_ok();
        let text = if there { read_text(&path, LARGEST_TEXT)? } else { String::new() };
        let mut record = Self::default();
        for (sum, name) in text.lines().filter_map(|line| line.split_once("  ")) {
            record.sums.entry(name.to_owned()).or_default().insert(sum.to_owned());
        }
        Ok(record)
    }

    fn write(&self, lock: &FolderLock) -> Result<()> {
        let mut text = String::new();
        for (name, sums) in &self.sums {
            for sum in sums {
                writeln!(text, "{sum}  {name}").expect("a string takes every text");
            }
        }
        Ok(lock.write(RECORD, text.as_bytes())?)
    }

    /// Refuses to replace what is not listed. A file that holds `text` already is not changed by it.
    fn expect_own(&self, folder: &Path, name: &str, text: Option<&String>) -> Result<()> {
        let path = folder.join(name);
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        let mut sums = self.sums.get(name).cloned().unwrap_or_default();
        sums.extend(text.map(|text| sha256(text.as_bytes())));
        if is_one_of(&path, &sums) {
            return Ok(());
        }
        bail!(
            "{}: holds {name}, which this command writes but did not leave there as it is; expected a folder without it: move it \
             away, or name another folder with --out",
            folder.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn own_files_are_replaced_and_those_of_others_stay() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let text = |name: &str| std::fs::read_to_string(at(name)).unwrap();
        let lock = take(place.path()).unwrap();
        let never = |_: &str| false;
        write(&lock, &files(&[("a.md", "1"), ("in/b.csv", "1")]), never).unwrap();
        write(&lock, &files(&[("a.md", "2")]), never).unwrap();
        expect_own(place.path(), &["a.md", "in/b.csv", "c"]).unwrap();
        assert_eq!((text("a.md"), text("in/b.csv")), ("2".to_owned(), "1".to_owned()));
        for (name, content) in [("a.md", "edited"), ("c", "mine")] {
            std::fs::write(at(name), content).unwrap();
            let error =
                write(&lock, &files(&[("in/b.csv", "3"), (name, "3")]), never).unwrap_err().to_string();
            assert!(
                error.contains(&format!(": holds {name}, which this command writes but did not")),
                "{error}"
            );
            assert!(expect_own(place.path(), &[name]).is_err());
            assert_eq!(
                (text(name).as_str(), text("in/b.csv").as_str()),
                (content, "1"),
                "nothing is written"
            );
        }
        // The same content is nobody's loss.
        write(&lock, &files(&[("c", "mine")]), never).unwrap();
        write(&lock, &files(&[("c", "ours")]), never).unwrap();
        assert_eq!(text("c"), "ours");
    }

    #[test]
    fn a_command_that_was_killed_knows_its_files_again() {
        let place = tempfile::tempdir().unwrap();
        let lock = take(place.path()).unwrap();
        let both = files(&[("a", "new a"), ("b", "new b")]);
        write(&lock, &files(&[("a", "old a"), ("b", "old b")]), |_| false).unwrap();
        let old = Record::read(place.path()).unwrap();
        write(&lock, &both, |_| false).unwrap();
        // As if it had ended after the first record and the first file.
        let mut between = old;
        for (name, text) in &both {
            between.sums.get_mut(name).unwrap().insert(sha256(text.as_bytes()));
        }
        between.write(&lock).unwrap();
        std::fs::write(place.path().join("b"), "old b").unwrap();
        write(&lock, &files(&[("a", "third"), ("b", "third")]), |_| false).unwrap();
    }

    #[test]
    fn outdated_files_go_if_they_are_as_they_were_left() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let lock = take(place.path()).unwrap();
        let all = files(&[("page/a", "1"), ("page/b", "1"), ("page/c", "1"), ("other", "1")]);
        write(&lock, &all, |_| false).unwrap();
        std::fs::write(at("page/b"), "edited").unwrap();
        std::fs::write(at("page/mine"), "mine").unwrap();
        write(&lock, &files(&[("page/a", "2")]), |name| name.starts_with("page/")).unwrap();
        let there = ["page/a", "page/b", "page/c", "page/mine", "other"].map(|name| at(name).exists());
        assert_eq!(there, [true, true, false, true, true]);
    }
}
