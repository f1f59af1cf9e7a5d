//! Files of arrays that NumPy reads with `numpy.load`: a zip archive of one `.npy` file an array, none of them compressed.
//!
//! A `.npy` file of version 1 is
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 8 | `\x93NUMPY`, version 1.0 |
//! | 2 | length of the header, little-endian |
//! | n | header: a Python dictionary with `descr`, `fortran_order` and `shape`, blanks, an end of line |
//! | rest | the elements in standard order, little-endian |
//!
//! so that header and what is before it fill a multiple of 64 bytes. Texts are UCS-4 of one length, shorter ones filled
//! with zeros. The archive has no times, so that the same arrays give the same bytes.
//!
//! ```
//! use colearn_eval::npz::Npz;
//! use ndarray::arr2;
//!
//! let mut file = Npz::default();
//! file.floats("scores", &arr2(&[[0.5, 1.0], [2.0, 4.0]]).view().into_dyn());
//! file.texts("id", &["first".to_owned(), "second".to_owned()]);
//! let bytes = file.finish().unwrap();
//! assert!(bytes.starts_with(b"PK\x03\x04"));
//! ```

use ndarray::ArrayViewD;

use crate::crc::CRC_32;
use crate::error::EvalError;

/// Version of the archive format that is needed to read it: 2.0.
const NEEDED: u16 = 20;
/// 1 January 1980, the first day that an archive can name.
const DAY: u16 = 0x21;

/// Arrays on their way to a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Npz {
    /// Names and contents of the files.
    files: Vec<(String, Vec<u8>)>,
}

impl Npz {
    /// Adds an array of 32-bit floating point, of any shape.
    pub fn floats(&mut self, name: &str, values: &ArrayViewD<'_, f32>) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.add(name, "<f4", values.shape(), bytes);
    }

    /// Adds an array of bytes, of any shape.
    pub fn bytes(&mut self, name: &str, values: &ArrayViewD<'_, u8>) {
        self.add(name, "|u1", values.shape(), values.iter().copied());
    }

    /// Adds a list of whole numbers.
    pub fn integers(&mut self, name: &str, values: &[i64]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.add(name, "<i8", &[values.len()], bytes);
    }

    /// Adds a list of texts.
    pub fn texts(&mut self, name: &str, values: &[String]) {
        let longest = values.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
        let filled = |text: &String| {
            let codes: Vec<u32> = text.chars().map(u32::from).collect();
            codes.into_iter().chain(std::iter::repeat(0)).take(longest).flat_map(u32::to_le_bytes)
        };
        let bytes = values.iter().flat_map(filled);
        self.add(name, &format!("<U{longest}"), &[values.len()], bytes);
    }

    fn add(&mut self, name: &str, kind: &str, shape: &[usize], elements: impl Iterator<Item = u8>) {
        // A tuple of one has a comma behind it.
        let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
        let comma = if shape.len() == 1 { "," } else { "" };
        let lengths = lengths.join(", ") + comma;
        let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({lengths}), }}");
        let blanks = 63 - (10 + header.len()) % 64;
        header.extend(std::iter::repeat_n(' ', blanks));
        header.push('\n');
        let length = u16::try_from(header.len()).expect("an array has few axes");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend(header.into_bytes());
        bytes.extend(elements);
        self.files.push((format!("{name}.npy"), bytes));
    }

    /// The whole file.
    ///
    /// # Errors
    /// [`EvalError::ArchiveTooLarge`] when it would be larger than 4 GiB or hold more than 65,535 arrays.
    pub fn finish(self) -> Result<Vec<u8>, EvalError> {
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        let count = short(self.files.len())?;
        for (name, content) in &self.files {
            let start = long(archive.len())?;
            let facts = facts(name, content)?;
            archive.extend(b"PK\x03\x04");
            archive.extend(&facts);
            archive.extend(name.as_bytes());
            archive.extend(content);
            directory.extend(b"PK\x01\x02");
            directory.extend(NEEDED.to_le_bytes());
            directory.extend(&facts);
            // No comment, the first disk, no attributes.
            directory.extend([0; 10]);
            directory.extend(start.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let (start, length) = (long(archive.len())?, long(directory.len())?);
        archive.extend(directory);
        archive.extend(b"PK\x05\x06\0\0\0\0");
        archive.extend(count.to_le_bytes());
        archive.extend(count.to_le_bytes());
        archive.extend(length.to_le_bytes());
        archive.extend(start.to_le_bytes());
        archive.extend([0; 2]);
        Ok(archive)
    }
}

/// What an entry and the directory both say of a file: version, flag of names in UTF-8, no compression, time, checksum, sizes,
/// lengths of name and extra field.
fn facts(name: &str, content: &[u8]) -> Result<Vec<u8>, EvalError> {
    let size = long(content.len())?;
    let mut facts = Vec::new();
    for number in [NEEDED, 1 << 11, 0, 0, DAY] {
        facts.extend(number.to_le_bytes());
    }
    for number in [CRC_32.checksum(content), size, size] {
        facts.extend(number.to_le_bytes());
    }
    facts.extend(short(name.len())?.to_le_bytes());
    facts.extend([0; 2]);
    Ok(facts)
}

fn short(number: usize) -> Result<u16, EvalError> {
    u16::try_from(number).map_err(|_| EvalError::ArchiveTooLarge)
}

fn long(number: usize) -> Result<u32, EvalError> {
    u32::try_from(number).map_err(|_| EvalError::ArchiveTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, Array2, Ix1, Ix2, Ix3, OwnedRepr, arr1};
    use ndarray_npy::NpzReader;

    #[test]
    fn another_reader_finds_what_was_written() {
        let cube = Array::from_shape_fn((2, 3, 4), |(a, b, c)| (a * 12 + b * 4 + c) as f32 / 8.0);
        let bits = Array2::from_shape_fn((3, 2), |(a, b)| u8::from(a == b));
        let mut file = Npz::default();
        // In another memory order than the file's.
        file.floats("cube", &cube.clone().permuted_axes([2, 0, 1]).view().into_dyn());
        file.bytes("bits", &bits.view().into_dyn());
        file.integers("numbers", &[-1, 0, i64::MAX]);
        file.floats("none", &Array::<f32, _>::zeros((0, 5)).view().into_dyn());
        let bytes = file.finish().unwrap();
        let mut read = NpzReader::new(std::io::Cursor::new(bytes)).unwrap();
        assert_eq!(read.names().unwrap(), ["cube", "bits", "numbers", "none"]);
        assert_eq!(read.by_name::<OwnedRepr<f32>, Ix3>("cube.npy").unwrap(), cube.permuted_axes([2, 0, 1]));
        assert_eq!(read.by_name::<OwnedRepr<u8>, Ix2>("bits.npy").unwrap(), bits);
        let numbers = read.by_name::<OwnedRepr<i64>, Ix1>("numbers.npy").unwrap();
        assert_eq!(numbers, arr1(&[-1, 0, i64::MAX]));
        assert_eq!(read.by_name::<OwnedRepr<f32>, Ix2>("none.npy").unwrap().dim(), (0, 5));
    }

    #[test]
    fn texts_are_of_one_length_and_headers_end_at_a_line_of_64() {
        let mut file = Npz::default();
        file.texts("id", &["a".to_owned(), "öß𝄞".to_owned(), String::new()]);
        let (name, bytes) = &file.files[0];
        assert_eq!(name, "id.npy");
        assert_eq!(bytes.len() % 64, 3 * 3 * 4);
        let text = String::from_utf8_lossy(&bytes[10..128]).into_owned();
        assert!(text.starts_with("{'descr': '<U3', 'fortran_order': False, 'shape': (3,), }"), "{text}");
        let codes = &bytes[bytes.len() - 36..];
        assert_eq!(codes[12..16], u32::from('ö').to_le_bytes());
        assert_eq!((codes[4], codes[24..36].iter().sum::<u8>()), (0, 0));
    }
}
