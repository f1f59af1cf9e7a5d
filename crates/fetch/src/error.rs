//! What can go wrong, always with the file or address, what was found and what was expected.

use std::path::{Path, PathBuf};

use colearn_store::shown::{long, path as shown_path, short};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A manifest that cannot be used.
    #[error("{}: {}{}: found {}; expected {expected}", long(file), in_set(set), short(key), short(found))]
    Manifest {
        /// The manifest.
        file: String,
        /// The set, or nothing where no set is meant.
        set: String,
        /// The key.
        key: String,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// A set that the manifest does not name.
    #[error("no data set \"{}\"; expected one of {}", short(found), long(&known.join(", ")))]
    UnknownSet {
        /// The name asked for.
        found: String,
        /// All names of the manifest.
        known: Vec<String>,
    },
    /// The operating system refused something.
    #[error("{}: cannot be {action}: {source}", shown_path(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried: `read`, `written` ...
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is not taken for the one that was loaded.
    #[error("{}: found {found}; expected {expected}", shown_path(path))]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What would have been taken.
        expected: String,
    },
    /// Another process is at work on the same file or folder.
    #[error("{}: another process is fetching this; expected to be the only one", shown_path(path))]
    Busy {
        /// What both want.
        path: PathBuf,
    },
    /// A server could not be reached, or the transfer broke off more often than allowed.
    #[error("{}: {}", long(url), long(reason))]
    Transfer {
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// A server answered with something else than the file.
    #[error("{}: found status {status}; expected the file (200)", long(url))]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer that is not taken for the file: encoded, without an end, or larger than allowed.
    #[error("{}: found {found}; expected {expected}", long(url))]
    Answer {
        /// The address.
        url: String,
        /// What came.
        found: String,
        /// What would have been taken.
        expected: String,
    },
    /// Something else than the kind of file that its name says, and no checksum says otherwise.
    #[error("{file}: found {found}; expected {expected}; what was loaded is removed")]
    Sort {
        /// The file.
        file: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A redirection that is not followed.
    #[error("{}: redirected to {}; expected {expected}", long(url), long(target))]
    Redirect {
        /// The address asked first.
        url: String,
        /// Where the server points to.
        target: String,
        /// What would have been followed.
        expected: String,
    },
    /// A file of another size than stated.
    #[error("{}: found {found} bytes; expected {expected}", long(item))]
    Size {
        /// The file or address.
        item: String,
        /// Bytes found, or at least so many.
        found: u64,
        /// Bytes stated.
        expected: u64,
    },
    /// A file that is not the one the manifest means.
    #[error("{file}: found {algorithm} {found}; expected {expected}; what was loaded is removed")]
    Checksum {
        /// The file.
        file: String,
        /// Which checksum.
        algorithm: &'static str,
        /// Checksum of what was loaded, in hexadecimal digits.
        found: String,
        /// Checksum asked for, in hexadecimal digits.
        expected: String,
    },
    /// A machine on which `https` does not work.
    #[error(
        "https: found a processor without {missing}; expected all of aes, pclmulqdq, bmi1, bmi2, adx, avx, avx2 \
             (x86-64) or aes, pmull, sha2 (ARM); load the files on another machine"
    )]
    Processor {
        /// What the processor lacks.
        missing: String,
    },
    /// A file of authorities that cannot be used.
    #[error("{}: found {found}; expected certificates in PEM", shown_path(path))]
    Authority {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
    },
    /// An archive that is damaged or wants something forbidden. Nothing of it is left.
    #[error("{}: {entry}: found {found}; expected {expected}", shown_path(path))]
    Archive {
        /// The archive.
        path: PathBuf,
        /// The entry, or what part of the archive.
        entry: String,
        /// What it holds.
        found: String,
        /// What is accepted.
        expected: String,
    },
    /// An unpacked folder that does not hold what was unpacked.
    #[error(
        "{}: found {found}; expected {expected}; remove the folder to have it unpacked again",
        shown_path(folder)
    )]
    Unpacked {
        /// The folder.
        folder: PathBuf,
        /// How it differs.
        found: String,
        /// What was unpacked.
        expected: String,
    },
    /// A line of a file of checksums, or of a list of what was unpacked, that cannot be used.
    #[error("{}, line {line}: found \"{found}\"; expected {expected}", shown_path(path))]
    Sums {
        /// The file of checksums.
        path: PathBuf,
        /// Line number, counted from 1.
        line: usize,
        /// The line.
        found: String,
        /// What would have been read.
        expected: String,
    },
    /// A file that cannot be written or replaced as a whole.
    #[error(transparent)]
    Store(#[from] colearn_store::StoreError),
}

impl FetchError {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    pub(crate) fn archive(path: &Path, entry: &str, found: impl Into<String>, expected: &str) -> Self {
        Self::Archive {
            path: path.to_owned(),
            entry: entry.to_owned(),
            found: found.into(),
            expected: expected.to_owned(),
        }
    }
}

fn in_set(set: &str) -> String {
    if set.is_empty() { String::new() } else { format!("set {}, ", short(set)) }
}
