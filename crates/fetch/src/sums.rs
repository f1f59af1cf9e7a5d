//! `SHA256SUMS`: the checksums of a folder's files, as `sha256sum -c` reads them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use colearn_store::shown::short;
use colearn_store::{StoreError, read_text, write_whole};

use crate::error::FetchError;

/// Name of the file of checksums.
pub(crate) const SUMS_NAME: &str = "SHA256SUMS";

/// Largest record that is read.
const LONGEST: u64 = 1 << 26;

/// The recorded SHA-256 of the files of one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumsFile {
    path: PathBuf,
    sums: BTreeMap<String, String>,
}

impl SumsFile {
    /// The record of `folder`; empty where there is none yet.
    ///
    /// # Errors
    /// [`FetchError::Store`] when it cannot be read, [`FetchError::Sums`] for a line that is no record.
    pub fn load(folder: &Path) -> Result<Self, FetchError> {
        let path = folder.join(SUMS_NAME);
        match read_text(&path, LONGEST) {
            Ok(text) => Self::parse(&path, &text),
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Self::parse(&path, "")
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A record from its text; it is saved to `path`.
    ///
    /// # Errors
    /// [`FetchError::Sums`] for a line that is no record.
    pub fn parse(path: &Path, text: &str) -> Result<Self, FetchError> {
        let mut sums = BTreeMap::new();
        for (place, line) in text.lines().enumerate() {
            let (name, digits) = record(line).ok_or_else(|| FetchError::Sums {
                path: path.to_owned(),
                line: place + 1,
                found: short(line).into_owned(),
                expected: "64 hexadecimal digits, two spaces and a file name".to_owned(),
            })?;
            sums.insert(name.to_owned(), digits.to_ascii_lowercase());
        }
        Ok(Self { path: path.to_owned(), sums })
    }

    /// The recorded SHA-256 of a file, in hexadecimal digits.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.sums.get(name).map(String::as_str)
    }

    /// Names of the recorded files, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sums.keys().map(String::as_str)
    }

    /// Records a file and saves the record.
    ///
    /// # Errors
    /// [`FetchError::Store`] when it cannot be written.
    pub fn record(&mut self, name: &str, sha256: &str) -> Result<(), FetchError> {
        if self.get(name) == Some(sha256) {
            return Ok(());
        }
        self.sums.insert(name.to_owned(), sha256.to_owned());
        let text = self.sums.iter().fold(String::new(), |mut text, (name, digits)| {
            writeln!(text, "{digits}  {name}").expect("a string takes every text");
            text
        });
        Ok(write_whole(&self.path, text.as_bytes())?)
    }
}

/// Name and digits of a line; the name is one part of a path.
fn record(line: &str) -> Option<(&str, &str)> {
    let (digits, name) = line.split_at_checked(64)?;
    let name = name.strip_prefix("  ").or_else(|| name.strip_prefix(" *"))?;
    let plain = !name.is_empty() && name != ".." && name != "." && !name.contains(['/', '\\']);
    (plain && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some((name, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_kept_replaced_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut sums = SumsFile::load(folder.path()).unwrap();
        assert_eq!(sums.names().count(), 0);
        for (name, digit) in [("b.gz", "0"), ("a b", "1"), ("b.gz", "2")] {
            sums.record(name, &digit.repeat(64)).unwrap();
        }
        let text = std::fs::read_to_string(folder.path().join(SUMS_NAME)).unwrap();
        assert_eq!(text, format!("{}  a b\n{}  b.gz\n", "1".repeat(64), "2".repeat(64)));
        let sums = SumsFile::load(folder.path()).unwrap();
        assert_eq!(sums.names().collect::<Vec<_>>(), ["a b", "b.gz"]);
        assert_eq!(sums.get("b.gz"), Some("2".repeat(64).as_str()));
    }

    #[test]
    fn a_line_that_is_no_record_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let good = format!("{}  a\n", "ab".repeat(32));
        for bad in ["", "abc  a", &format!("{}  ../a", "0".repeat(64)), &format!("{} a", "g".repeat(64))] {
            std::fs::write(folder.path().join(SUMS_NAME), format!("{good}{bad}\n")).unwrap();
            let error = SumsFile::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains("SHA256SUMS, line 2: found ") && error.contains("64 hex"), "{error}");
        }
    }
}
