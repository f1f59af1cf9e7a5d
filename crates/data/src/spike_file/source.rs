//! The bytes of a spike file, on disk or unpacked in memory.

use std::fmt::Display;
use std::fs;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use colearn_store::open_regular;
use flate2::bufread::MultiGzDecoder;
use hdf5_reader::error::Error;
use hdf5_reader::{BytesStorage, FileStorage, Hdf5File, OpenOptions, Storage, StorageBuffer};

use crate::DataError;

/// The most a gzipped file may unpack to: 8 GiB. The largest published set unpacks to about 2 GiB.
const UNPACKED_LIMIT: u64 = 8 << 30;

/// The most bytes that one data set may take in memory: so many, and so many for each byte of the file. A sample costs
/// 16 bytes in each column of references.
const FREE_BYTES: u64 = 16 << 20;
const BYTES_PER_BYTE: u64 = 16;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const EXPECTED: &str = "an HDF5 file in the layout of SHD, plain or gzipped";

/// An error of the file or data set `file`.
pub(super) fn spike_file(file: String, found: impl Display, expected: &str) -> DataError {
    DataError::SpikeFile { file, found: found.to_string(), expected: expected.to_owned() }
}

/// Bytes with the name that messages call them by.
pub(super) struct Source {
    name: String,
    storage: Arc<dyn Storage>,
    /// What addresses in the file count from: the length of the user block, 0 where there is none.
    base: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let refused = |source| DataError::Io { path: path.to_owned(), source };
        let kind = fs::metadata(path).map_err(refused)?;
        if !kind.is_file() {
            let found = if kind.is_dir() { "a folder" } else { "neither a file nor a folder" };
            return Err(spike_file(name, found, EXPECTED));
        }
        let mut file = open_regular(path)?;
        let mut begin = Vec::new();
        file.by_ref().take(2).read_to_end(&mut begin).map_err(refused)?;
        file.rewind().map_err(refused)?;
        let storage: Arc<dyn Storage> = if begin == GZIP_MAGIC {
            Arc::new(BytesStorage::new(unpack(&name, BufReader::new(file), UNPACKED_LIMIT)?))
        } else {
            let storage = FileStorage::from_file(file);
            Arc::new(storage.map_err(|error| spike_file(name.clone(), error, EXPECTED))?)
        };
        Self::new(name, storage)
    }

    pub(super) fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, DataError> {
        let bytes = if bytes.starts_with(&GZIP_MAGIC) {
            unpack(name, bytes.as_slice(), UNPACKED_LIMIT)?
        } else {
            bytes
        };
        Self::new(name.to_owned(), Arc::new(BytesStorage::new(bytes)))
    }

    fn new(name: String, storage: Arc<dyn Storage>) -> Result<Self, DataError> {
        if storage.is_empty() {
            return Err(spike_file(name, "an empty file", EXPECTED));
        }
        Ok(Self { name, storage, base: 0 })
    }

    /// What messages call the file.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What messages call a part of the file.
    pub(super) fn item(&self, part: &str) -> String {
        format!("{}, {part}", self.name)
    }

    /// Number of bytes that addresses can point at.
    pub(super) fn len(&self) -> u64 {
        self.storage.len().saturating_sub(self.base)
    }

    /// The most bytes that one data set may take in memory.
    pub(super) fn limit(&self) -> u64 {
        self.len().saturating_mul(BYTES_PER_BYTE).saturating_add(FREE_BYTES)
    }

    /// `len` bytes at the address `offset`.
    pub(super) fn read(&self, offset: u64, len: usize) -> Result<StorageBuffer, Error> {
        if len == 0 {
            return Ok(StorageBuffer::from_vec(Vec::new()));
        }
        let offset = offset.checked_add(self.base).ok_or(Error::OffsetOutOfBounds(offset))?;
        self.storage.read_range(offset, len)
    }

    /// The file as the HDF5 library sees it, with limits that follow from its size.
    pub(super) fn hdf5(&mut self) -> Result<Hdf5File, DataError> {
        let limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        // Each data set is read once: nothing to be gained from keeping chunks.
        let options = OpenOptions::default()
            .with_chunk_cache_bytes(0)
            .with_max_chunk_bytes(limit)
            .with_max_read_bytes(limit);
        let file = Hdf5File::from_storage_with_options(Arc::clone(&self.storage), options)
            .map_err(|error| spike_file(self.name.clone(), self.not_hdf5(&error), EXPECTED))?;
        let block = file.superblock();
        self.base = block.base_address;
        if (block.offset_size, block.length_size) != (8, 8) {
            let found =
                format!("addresses of {} and lengths of {} bytes", block.offset_size, block.length_size);
            return Err(spike_file(self.name.clone(), found, "8 bytes each, as all common writers use"));
        }
        if block.eof_address != u64::MAX && block.eof_address > self.storage.len() {
            let found = format!("{} bytes: the file is cut off", self.storage.len());
            let expected = format!("{} bytes", block.eof_address);
            return Err(spike_file(self.name.clone(), found, &expected));
        }
        Ok(file)
    }

    fn not_hdf5(&self, error: &Error) -> String {
        let len = usize::try_from(self.storage.len().min(8)).expect("at most 8");
        match (error, self.storage.read_range(0, len)) {
            (Error::InvalidMagic, Ok(begin)) => {
                format!("a file that begins with \"{}\"", begin.as_ref().escape_ascii())
            }
            _ => error.to_string(),
        }
    }
}

/// Unpacks gzip into memory that grows with what is really there.
fn unpack(name: &str, packed: impl io::BufRead, limit: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(packed).take(limit + 1).read_to_end(&mut bytes).map_err(|error| {
        let found = if error.kind() == io::ErrorKind::UnexpectedEof {
            "gzip that is cut off".to_owned()
        } else {
            format!("damaged gzip ({error})")
        };
        spike_file(name.to_owned(), found, "a whole gzipped HDF5 file")
    })?;
    if bytes.len() as u64 > limit {
        let found = format!("gzip that unpacks to more than {limit} bytes");
        return Err(spike_file(name.to_owned(), found, "a smaller file, or one that is not packed"));
    }
    bytes.shrink_to_fit();
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn gzip_is_unpacked_up_to_the_limit_and_not_beyond() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&[7; 1000]).unwrap();
        let packed = packer.finish().unwrap();
        assert_eq!(unpack("a.h5.gz", packed.as_slice(), 1000).unwrap(), [7; 1000]);
        let error = unpack("a.h5.gz", packed.as_slice(), 999).unwrap_err().to_string();
        assert_eq!(
            error,
            "a.h5.gz: found gzip that unpacks to more than 999 bytes; expected a smaller file, or one that is not packed"
        );
        let two = [packed.clone(), packed].concat();
        assert_eq!(unpack("a.h5.gz", two.as_slice(), 3000).unwrap(), [7; 2000]);
    }
}
