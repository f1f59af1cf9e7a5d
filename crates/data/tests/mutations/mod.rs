//! Random damage to the good spike files of the tests.

use std::fs;
use std::io::Read;
use std::path::Path;

use colearn_data::spike_file::SpikeFile;
use flate2::read::GzDecoder;
use hdf5_reader::checksum::jenkins_lookup3;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What came out of one damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was read, with whatever values.
    Read,
    /// Opening or reading ended in an error.
    Refused,
    /// The HDF5 library panicked, which became an error.
    Contained,
}

/// Content of the good files, unpacked, with their names.
pub(crate) fn good_files(fixtures: &Path) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(fixtures)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("good_") && path.extension().is_some_and(|extension| extension == "gz") {
            let mut bytes = Vec::new();
            GzDecoder::new(fs::File::open(path)?).read_to_end(&mut bytes)?;
            files.push((name, bytes));
        }
    }
    files.sort();
    Ok(files)
}

/// Damages one of `files`: single bits, bytes, words of extreme value, copied or cut stretches; mostly where there is
/// structure and not padding.
pub(crate) fn damaged(files: &[(String, Vec<u8>)], seed: u64) -> (String, Vec<u8>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut below = |limit: usize| usize::try_from(random.next_u64() % limit.max(1) as u64).unwrap_or(0);
    let (name, content) = &files[below(files.len())];
    let mut bytes = content.clone();
    for _ in 0..=below(4) {
        let mut at = below(bytes.len());
        for _ in 0..20 {
            if bytes[at] != 0 {
                break;
            }
            at = below(bytes.len());
        }
        let length = [1, 2, 4, 8][below(4)].min(bytes.len() - at);
        match below(8) {
            0 | 1 => bytes[at] ^= 1 << below(8),
            2 => bytes[at] = u8::try_from(below(256)).unwrap_or(0),
            3 => bytes[at..at + length].fill(0xff),
            4 => bytes[at..at + length].fill(0),
            5 => bytes[at] = bytes[at].wrapping_add(1),
            6 => {
                let from = below(bytes.len() - length);
                bytes.copy_within(from..from + length, at);
            }
            _ if below(8) == 0 && at > 0 => bytes.truncate(at),
            _ => bytes[at] = bytes[at].wrapping_sub(1),
        }
    }
    repair_checksums(content, &mut bytes);
    (name.clone(), bytes)
}

/// Makes the checksums of superblock and object headers right again, so that the reader looks at what they protect.
/// Their number.
pub(crate) fn repair_checksums(original: &[u8], bytes: &mut [u8]) -> usize {
    let mut repaired = 0;
    for start in 0..original.len().saturating_sub(64) {
        let length = match &original[start..start + 9] {
            [0x89, b'H', b'D', b'F', _, _, _, _, 2 | 3] => 44,
            [b'O', b'H', b'D', b'R', 2, flags, ..] => {
                let optional = if flags & 0x20 == 0 { 0 } else { 16 } + if flags & 0x10 == 0 { 0 } else { 4 };
                let (size_at, width) = (start + 6 + optional, 1 << (flags & 3));
                let size = original[size_at..size_at + width].iter().rev();
                6 + optional + width + size.fold(0, |sum, byte| sum << 8 | usize::from(*byte))
            }
            _ => continue,
        };
        let end = start + length;
        if end + 4 <= bytes.len() {
            let checksum = jenkins_lookup3(&bytes[start..end]);
            bytes[end..end + 4].copy_from_slice(&checksum.to_le_bytes());
            repaired += 1;
        }
    }
    repaired
}

/// Opens a file and reads everything in it.
pub(crate) fn read_all(bytes: Vec<u8>) -> Outcome {
    let file = match SpikeFile::from_bytes("damaged", bytes) {
        Ok(file) => file,
        Err(error) if error.to_string().contains("gives up") => return Outcome::Contained,
        Err(_) => return Outcome::Refused,
    };
    match (0..file.len()).try_for_each(|index| file.read(index, 700).map(drop)) {
        Ok(()) => Outcome::Read,
        Err(_) => Outcome::Refused,
    }
}
