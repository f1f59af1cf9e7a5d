//! An envelope around a serialised value.
//!
//! | bytes | meaning |
//! |---|---|
//! | 8 | magic |
//! | 4 | format version, little endian |
//! | 8 | length of the body, little endian |
//! | 32 | SHA-256 of the body |
//! | rest | body: the serialised value |
//!
//! No other module of the workspace knows the codec of the body.

use std::io::Read;
use std::path::Path;

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::door::{open_regular, read_bounded};
use crate::error::{Problem, StoreError};
use crate::whole::write_whole;

const HEADER: usize = 8 + 4 + 8 + 32;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// First bytes. The first one should be no text, so that no text file starts like this.
    pub magic: [u8; 8],
    /// The version that is written.
    pub version: u32,
    /// The oldest version that is read. Each later one only appended one `Option` to the value, which older files are
    /// read without.
    pub oldest: u32,
    /// The kind of file in messages, such as `checkpoint`.
    pub what: &'static str,
    /// The most bytes of such a file; a larger one is not read.
    pub most: u64,
}

impl Format {
    /// Envelope and value as bytes.
    ///
    /// # Panics
    /// When a part of `value` refuses to be serialised (a sequence of unknown length).
    #[must_use]
    pub fn encode<T: Serialize>(&self, value: &T) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        codec().serialize_into(&mut bytes, value).expect("the value can be serialised");
        let (header, body) = bytes.split_at_mut(HEADER);
        header[..8].copy_from_slice(&self.magic);
        header[8..12].copy_from_slice(&self.version.to_le_bytes());
        header[12..20].copy_from_slice(&(body.len() as u64).to_le_bytes());
        header[20..].copy_from_slice(&Sha256::digest(body));
        bytes
    }

    /// The value in an envelope.
    ///
    /// # Errors
    /// The first [`Problem`] of the envelope or its body. No list in the body can ask for more memory than the body
    /// has bytes.
    pub fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Problem> {
        let what = self.what;
        let start = &bytes[..bytes.len().min(8)];
        if start.is_empty() || *start != self.magic[..start.len()] {
            return Err(Problem::Magic { what, found: start.to_vec(), expected: self.magic.to_vec() });
        }
        let length = |expected: u64| Problem::Length { what, found: bytes.len() as u64, expected };
        let Some((header, body)) = bytes.split_at_checked(HEADER) else {
            return Err(length(HEADER as u64));
        };
        let version = u32::from_le_bytes(header[8..12].try_into().expect("four bytes"));
        if !(self.oldest..=self.version).contains(&version) {
            let (oldest, expected) = (self.oldest, self.version);
            return Err(Problem::Version { what, found: version, oldest, expected });
        }
        let body_length = u64::from_le_bytes(header[12..20].try_into().expect("eight bytes"));
        let expected = body_length.saturating_add(HEADER as u64);
        if expected != bytes.len() as u64 {
            return Err(length(expected));
        }
        let digest = Sha256::digest(body);
        if digest[..] != header[20..] {
            return Err(Problem::Checksum { what, found: hex(&digest), expected: hex(&header[20..]) });
        }
        // No list in the body can be longer than the body: the codec gets no more bytes than there are.
        let limit = codec().with_limit(body.len() as u64 + u64::from(self.version - version));
        let decoded = if version == self.version {
            limit.deserialize(body)
        } else {
            // A zero byte is an absent value.
            let absent = vec![0; (self.version - version) as usize];
            limit.deserialize(&[body, &absent].concat())
        };
        decoded.map_err(|error| Problem::Body { what, reason: error.to_string() })
    }

    /// Writes the file `path` so that a crash at any moment leaves either the old content or the new one.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the system refuses.
    pub fn save<T: Serialize>(&self, path: &Path, value: &T) -> Result<(), StoreError> {
        write_whole(path, &self.encode(value))
    }

    /// Reads the file `path`. A file of another kind is not read beyond its first bytes.
    ///
    /// # Errors
    /// As [`open_regular`], [`StoreError::TooLarge`] for a file of more than [`most`](Self::most) bytes,
    /// [`StoreError::Content`] with what is wrong with it.
    pub fn load<T: DeserializeOwned>(&self, path: &Path) -> Result<T, StoreError> {
        let bytes = self.read(path)?;
        self.decode(&bytes).map_err(|problem| StoreError::Content { path: path.to_owned(), problem })
    }

    /// The whole file if it begins like one of this kind, otherwise its first bytes.
    fn read(&self, path: &Path) -> Result<Vec<u8>, StoreError> {
        let mut begin = Vec::with_capacity(8);
        let begun = open_regular(path)?.take(8).read_to_end(&mut begin);
        begun.map_err(|source| StoreError::io(path, "read", source))?;
        if begin == self.magic { read_bounded(path, self.most) } else { Ok(begin) }
    }
}

/// Fixed-width little-endian integers; a body must be used up to its last byte.
fn codec() -> impl Options {
    bincode::options().with_fixint_encoding().with_little_endian().reject_trailing_bytes()
}

/// SHA-256 of the serialised value in hexadecimal digits: equal for equal bits.
///
/// # Panics
/// When a part of `value` refuses to be serialised (a sequence of unknown length).
#[must_use]
pub fn fingerprint<T: Serialize>(value: &T) -> String {
    hex(&Sha256::digest(codec().serialize(value).expect("the value can be serialised")))
}

/// SHA-256 of bytes in hexadecimal digits, as `sha256sum` prints it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every text");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format =
        Format { magic: *b"\x89testing", version: 3, oldest: 3, what: "test file", most: 1000 };

    fn value() -> Vec<(String, f32)> {
        vec![("left".to_owned(), 1.5), ("höher".to_owned(), -0.0)]
    }

    /// An envelope that fits this body.
    fn with_body(body: &[u8]) -> Vec<u8> {
        let mut bytes =
            [&FORMAT.magic[..], &3_u32.to_le_bytes(), &(body.len() as u64).to_le_bytes()].concat();
        bytes.extend_from_slice(&Sha256::digest(body));
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn a_value_survives_its_envelope() {
        assert_eq!(FORMAT.decode::<Vec<(String, f32)>>(&FORMAT.encode(&value())).unwrap(), value());
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed() {
        let whole = FORMAT.encode(&value());
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 4;
            let found = FORMAT.decode::<Vec<(String, f32)>>(&bytes).unwrap_err();
            let fits = match place {
                0..8 => matches!(found, Problem::Magic { .. }),
                8..12 => matches!(found, Problem::Version { .. }),
                12..20 => matches!(found, Problem::Length { .. }),
                _ => matches!(found, Problem::Checksum { .. }),
            };
            assert!(fits, "bit of byte {place}: {found}");
        }
    }

    #[test]
    fn every_other_length_is_noticed() {
        let whole = FORMAT.encode(&value());
        for length in 8..whole.len() {
            let found = FORMAT.decode::<Vec<(String, f32)>>(&whole[..length]).unwrap_err();
            assert!(found.to_string().starts_with("truncated test file: found "), "{found}");
        }
        let longer = FORMAT.decode::<Vec<(String, f32)>>(&[&whole[..], b"!"].concat()).unwrap_err();
        assert!(longer.to_string().starts_with("overlong test file: found "), "{longer}");
    }

    #[test]
    fn a_body_of_something_else_does_not_decode_and_cannot_ask_for_memory() {
        let right = codec().serialize(&value()).unwrap();
        let with_rest = [&right[..], b"rest"].concat();
        let many = (1_u64 << 60).to_le_bytes();
        for body in [&b""[..], b"short", &many, &with_rest, &right[..right.len() - 3]] {
            let found = FORMAT.decode::<Vec<(String, f32)>>(&with_body(body)).unwrap_err();
            assert!(matches!(found, Problem::Body { .. }), "{found}");
        }
        assert_eq!(FORMAT.encode(&value()), with_body(&right));
    }

    #[test]
    fn older_files_lack_the_values_that_were_appended_since() {
        let later = Format { version: 5, ..FORMAT };
        let old = FORMAT.encode(&(7_u8, 1.5_f64));
        let none = (7_u8, 1.5_f64, None::<String>, None::<u8>);
        assert_eq!(later.decode::<(u8, f64, Option<String>, Option<u8>)>(&old).unwrap(), none);
        let written = later.encode(&(7_u8, 1.5_f64, Some("new".to_owned()), Some(1_u8)));
        let read = later.decode::<(u8, f64, Option<String>, Option<u8>)>(&written).unwrap();
        assert_eq!(read.2.as_deref(), Some("new"));
        let narrow = Format { oldest: 4, ..later };
        let found = narrow.decode::<u8>(&old).unwrap_err().to_string();
        assert_eq!(found, "test file format 3; this version reads formats 4 to 5");
        let found = FORMAT.decode::<u8>(&written).unwrap_err().to_string();
        assert_eq!(found, "test file format 5; this version reads format 3");
    }

    #[test]
    fn a_fingerprint_tells_bits_apart() {
        let other = vec![("left".to_owned(), 1.5), ("höher".to_owned(), 0.0)];
        assert_eq!(fingerprint(&value()), fingerprint(&value()));
        assert_ne!(fingerprint(&value()), fingerprint(&other), "the sign of a zero counts");
        let of_one_byte = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(fingerprint(&0_u8), of_one_byte);
        assert_eq!(sha256(&[0]), of_one_byte);
    }

    #[test]
    fn files_are_saved_loaded_and_named_in_messages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.test");
        FORMAT.save(&path, &value()).unwrap();
        assert_eq!(FORMAT.load::<Vec<(String, f32)>>(&path).unwrap(), value());
        std::fs::write(&path, "RIFF....WAVE").unwrap();
        let error = FORMAT.load::<u8>(&path).unwrap_err().to_string();
        assert!(error.contains("a.test: not a test file of colearn: it begins with \"RIFF....\""), "{error}");
        for (bytes, beginning) in
            [(&b""[..], "nothing: it is empty"), (b"\x89HDF\r\n\x1a\n", "the bytes [89, 48, 44")]
        {
            std::fs::write(&path, bytes).unwrap();
            let error = FORMAT.load::<u8>(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("of colearn: it begins with {beginning}")), "{error}");
        }
        let error = FORMAT.load::<u8>(&folder.path().join("absent")).unwrap_err().to_string();
        assert!(error.contains("absent: cannot be read: "), "{error}");
        let longer = [&FORMAT.encode(&value())[..], &[0; 1000]].concat();
        std::fs::write(&path, &longer).unwrap();
        let error = FORMAT.load::<u8>(&path).unwrap_err().to_string();
        let sizes = format!("a.test: found {} bytes; expected at most 1000", longer.len());
        assert!(error.ends_with(&sizes), "{error}");
    }
}
