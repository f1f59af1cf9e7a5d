//! What a file is by its first bytes, against what its name says: a page of a network that wants a log-in, or of an
//! error, comes with status 200 too.

use std::io::Read;
use std::path::Path;

use colearn_store::{open_regular, shown};

use crate::error::FetchError;

/// A kind of file: endings of names, what it is, and the bytes at a place by which it is known.
type Sort = (&'static [&'static str], &'static str, usize, &'static [u8]);

const SORTS: &[Sort] = &[
    (&[".gz", ".tgz"], "a gzip file", 0, b"\x1f\x8b"),
    (&[".zip", ".npz"], "a zip archive", 0, b"PK"),
    (&[".h5", ".hdf5"], "an HDF5 file", 0, b"\x89HDF\r\n\x1a\n"),
    (&[".wav"], "a WAVE file", 0, b"RIFF"),
    (&[".flac"], "a FLAC file", 0, b"fLaC"),
    (&[".npy"], "a NumPy array", 0, b"\x93NUMPY"),
    (&[".xz", ".txz"], "an xz file", 0, b"\xfd7zXZ\0"),
    (&[".bz2", ".tbz2"], "a bzip2 file", 0, b"BZh"),
    (&[".zst"], "a Zstandard file", 0, b"\x28\xb5\x2f\xfd"),
    (&[".7z"], "a 7z archive", 0, b"7z\xbc\xaf\x27\x1c"),
    (&[".tar"], "a tar archive", 257, b"ustar"),
    (&[".pdf"], "a PDF file", 0, b"%PDF-"),
];

/// Bytes of a beginning that are looked at.
const BEGINNING: u64 = 512;

/// Refuses a file whose beginning cannot be that of a file called `name`: of known endings their own bytes are asked for,
/// of others anything but nothing and a web page.
pub(crate) fn check(path: &Path, name: &str) -> Result<(), Wrong> {
    let begin = beginning(path).map_err(Wrong::Unreadable)?;
    let lower = name.to_ascii_lowercase();
    let known = SORTS.iter().find(|(endings, ..)| endings.iter().any(|ending| lower.ends_with(ending)));
    let (fits, expected) = match known {
        Some(&(_, expected, at, magic)) => (has(&begin, at, magic), expected),
        None if [".html", ".htm", ".xhtml"].iter().any(|ending| lower.ends_with(ending)) => {
            (!begin.is_empty(), "a page")
        }
        None => (!begin.is_empty() && !is_page(&begin), "data"),
    };
    if fits { Ok(()) } else { Err(Wrong::Sort { found: describe(&begin), expected }) }
}

/// Why a file is not taken.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// It cannot be read.
    Unreadable(FetchError),
    /// It is something else.
    Sort {
        /// What it is.
        found: String,
        /// What its name says.
        expected: &'static str,
    },
}

/// The first bytes of a file.
pub(crate) fn beginning(path: &Path) -> Result<Vec<u8>, FetchError> {
    let file = open_regular(path)?;
    let mut bytes = Vec::new();
    file.take(BEGINNING).read_to_end(&mut bytes).map_err(FetchError::io(path, "read"))?;
    Ok(bytes)
}

fn has(begin: &[u8], at: usize, magic: &[u8]) -> bool {
    begin.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

/// Whether this is a web page, as far as its beginning tells.
fn is_page(begin: &[u8]) -> bool {
    let text = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin).trim_ascii_start();
    let starts =
        |tag: &str| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()));
    ["<!doctype html", "<html", "<head", "<body", "<script", "<meta", "<title", "<!--"]
        .into_iter()
        .any(starts)
}

/// What a file is, for messages.
pub(crate) fn describe(begin: &[u8]) -> String {
    if begin.is_empty() {
        return "nothing".to_owned();
    }
    if is_page(begin) {
        return "a web page".to_owned();
    }
    if let Some((_, what, ..)) = SORTS.iter().find(|(_, _, at, magic)| has(begin, *at, magic)) {
        return (*what).to_owned();
    }
    format!(
        "a file that begins with \"{}\"",
        shown::short(&begin[..begin.len().min(16)].escape_ascii().to_string())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_has_to_be_what_the_name_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("content");
        let gzip: &[u8] = b"\x1f\x8b\x08\0rest";
        let page: &[u8] = b"\n <!DOCTYPE html><title>Please log in</title>";
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (name, content, found) in [
            ("a.h5.gz", gzip, None),
            ("A.TGZ", gzip, None),
            ("a.gz", page, Some("a web page")),
            ("a.gz", b"", Some("nothing")),
            ("a.gz", b"\x1f", Some("a file that begins with \"\\x1f\"")),
            ("a.zip", gzip, Some("a gzip file")),
            ("a.gz", b"PK\x03\x04", Some("a zip archive")),
            ("a.tar", &tar, None),
            ("a.tar", &tar[..300], None),
            ("a.tar", gzip, Some("a gzip file")),
            ("a.wav", b"RIFF....WAVE", None),
            ("a.bin", b"x", None),
            ("a.csv", b"file,class\n", None),
            ("a.bin", b"", Some("nothing")),
            ("a.csv", page, Some("a web page")),
            ("a.csv", b"\xef\xbb\xbf<HTML>", Some("a web page")),
            ("a.xml", b"<?xml version", None),
            ("index.html", page, None),
        ] {
            std::fs::write(&path, content).unwrap();
            match (check(&path, name), found) {
                (Ok(()), None) => {}
                (Err(Wrong::Sort { found, .. }), Some(expected)) => assert_eq!(found, expected, "{name}"),
                (other, _) => panic!("{name}: {other:?}"),
            }
        }
    }
}
