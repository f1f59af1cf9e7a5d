//! What can go wrong with a stored file.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::shown;

/// An error of this crate: the file and what is wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused to read or write a file.
    #[error("{}: cannot be {action}: {source}", shown::path(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried: `read`, `written` ...
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that does not hold what was expected.
    #[error("{}: {problem}", shown::path(path))]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Something that is no regular file where one is expected.
    #[error("{}: found {found}; expected a regular file", shown::path(path))]
    NotRegular {
        /// Its name.
        path: PathBuf,
        /// What it is: a folder, a pipe, a device, a link ...
        found: &'static str,
    },
    /// A file that also has another name, through which it is somebody else's.
    #[error("{}: found a file that has {names} names; expected one of its own", shown::path(path))]
    Shared {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        names: u64,
    },
    /// A file that is larger than any of its kind.
    #[error("{}: found {found} bytes; expected at most {most}", shown::path(path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes, or what had been read when it became too much.
        found: u64,
        /// The most bytes such a file may have.
        most: u64,
    },
    /// A file that is no text.
    #[error("{}: found a byte at place {place} that is no UTF-8; expected text", shown::path(path))]
    NotText {
        /// The file.
        path: PathBuf,
        /// Where the text ends, in bytes from the start of the file.
        place: usize,
    },
    /// A folder that another process, or another part of this one, works in.
    #[error("{}: another process works here; wait for it, or name another folder", shown::path(folder))]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder whose path no longer leads to the lock that this process holds on it.
    #[error(
        "{}: this is no longer the folder that was locked here: it, or its file .lock, was moved, removed or replaced; \
         nothing more is written",
        shown::path(folder)
    )]
    Moved {
        /// The folder, as it was named.
        folder: PathBuf,
    },
}

impl StoreError {
    pub(crate) fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), action, source }
    }
}

fn versions(oldest: u32, newest: u32) -> String {
    if oldest == newest { format!("format {newest}") } else { format!("formats {oldest} to {newest}") }
}

/// What is wrong with an envelope or its content. `what` is the kind of file that was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file does not start with the magic bytes.
    #[error("not a {what} of colearn: it begins with {}", beginning(found))]
    Magic {
        /// The kind of file.
        what: &'static str,
        /// The first bytes, at most eight.
        found: Vec<u8>,
        /// The magic bytes.
        expected: Vec<u8>,
    },
    /// The file was written by another version.
    #[error("{what} format {found}; this version reads {}", versions(*oldest, *expected))]
    Version {
        /// The kind of file.
        what: &'static str,
        /// Format of the file.
        found: u32,
        /// The oldest format that this version reads.
        oldest: u32,
        /// The newest one.
        expected: u32,
    },
    /// The file ends too early or too late.
    #[error("{} {what}: found {found} bytes; expected {expected}", if found < expected { "truncated" } else { "overlong" })]
    Length {
        /// The kind of file.
        what: &'static str,
        /// Length of the file, in bytes.
        found: u64,
        /// Length its header asks for, in bytes.
        expected: u64,
    },
    /// The body is not what was written.
    #[error("damaged {what}: the SHA-256 of the body is {found}; expected {expected}")]
    Checksum {
        /// The kind of file.
        what: &'static str,
        /// Checksum of the body found, in hexadecimal digits.
        found: String,
        /// Checksum in the header, in hexadecimal digits.
        expected: String,
    },
    /// The body is whole but does not hold the expected value.
    #[error("the body of the {what} does not decode: {reason}")]
    Body {
        /// The kind of file.
        what: &'static str,
        /// The codec's reason.
        reason: String,
    },
}

/// The first bytes of a file: as text where they are some.
fn beginning(bytes: &[u8]) -> String {
    let text =
        std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty() && !text.contains(char::is_control));
    match text {
        Some(text) => format!("{text:?}"),
        None if bytes.is_empty() => "nothing: it is empty".to_owned(),
        None => format!("the bytes {bytes:02x?}"),
    }
}
