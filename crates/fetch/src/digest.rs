//! Checksums of files, computed while they are written or read.

use std::io::Read;
use std::path::Path;

use colearn_store::open_regular;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::error::FetchError;

/// Bytes moved at a time.
pub(crate) const BLOCK: usize = 1 << 16;

/// A checksum that a publisher states for a file, in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256, 64 digits.
    Sha256(String),
    /// MD5, 32 digits: it finds damage, but an attacker can make another file with the same one.
    Md5(String),
}

impl Checksum {
    /// Its name in messages.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::Md5(_) => "MD5",
        }
    }

    /// The digits.
    pub fn digits(&self) -> &str {
        match self {
            Self::Sha256(digits) | Self::Md5(digits) => digits,
        }
    }
}

/// Size and checksums of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    /// Bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
    /// MD5 in lower-case hexadecimal digits.
    pub md5: String,
}

impl Sums {
    /// The checksum of the same kind as `stated`, in digits.
    pub fn like(&self, stated: &Checksum) -> &str {
        match stated {
            Checksum::Sha256(_) => &self.sha256,
            Checksum::Md5(_) => &self.md5,
        }
    }

    /// Whether this is the content that `stated` belongs to.
    pub fn fits(&self, stated: &Checksum) -> bool {
        self.like(stated) == stated.digits()
    }
}

/// Both checksums of bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hasher {
    size: u64,
    sha256: Sha256,
    md5: Md5,
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        self.md5.update(bytes);
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn finish(self) -> Sums {
        Sums {
            size: self.size,
            sha256: colearn_store::hex(&self.sha256.finalize()),
            md5: colearn_store::hex(&self.md5.finalize()),
        }
    }
}

/// Reads `reader` to its end.
pub(crate) fn hash(mut reader: impl Read) -> std::io::Result<Hasher> {
    let mut hasher = Hasher::default();
    let mut block = vec![0; BLOCK];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(hasher),
            Ok(count) => hasher.update(&block[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Size and checksums of a file.
///
/// # Errors
/// [`FetchError::Store`] when the file cannot be opened or is no regular one, [`FetchError::Io`] when it cannot be read.
pub fn hash_file(path: &Path) -> Result<Sums, FetchError> {
    let file = open_regular(path)?;
    Ok(hash(file).map_err(FetchError::io(path, "read"))?.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of FIPS 180-2 and RFC 1321.
    #[test]
    fn the_published_test_values_come_out() {
        let sums = hash(&b"abc"[..]).unwrap().finish();
        assert_eq!(sums.size, 3);
        assert_eq!(sums.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sums.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert!(sums.fits(&Checksum::Md5(sums.md5.clone())));
        assert!(!sums.fits(&Checksum::Sha256(sums.md5.clone())));
    }
}
