//! Spike files in the layout of the Heidelberg sets SHD and SSC (HDF5).
//!
//! | data set | type | meaning |
//! | --- | --- | --- |
//! | `spikes/times` | variable-length float16, float32 or float64 | seconds from the start of the sample |
//! | `spikes/units` | variable-length integers | channel of each spike |
//! | `labels` | integers | class of each sample |
//! | `extra/speaker` | integers, may be missing | who spoke |
//! | `extra/keys` | strings, may be missing | name of each class |
//! | `extra/meta_info/…` | anything, may be missing | [`SpikeFileWriter`] puts notes there; what [`SpikeSetWriter`] notes of its set is read |
//!
//! Layout: B. Cramer, Y. Stradmann, J. Schemmel, F. Zenke, "The Heidelberg spiking data sets for the systematic
//! evaluation of spiking neural networks", IEEE TNNLS 33(7), 2022.
//!
//! # Reading
//!
//! [`SpikeFile::open`] takes `.h5` files and gzipped ones (`.h5.gz`, told by their first bytes, not by their name). A
//! plain file stays on disk: opening reads the columns and finds the place of each sample, and reading a sample is two
//! reads at known places, in any order and from any thread, so a set larger than memory works. A gzipped file is
//! unpacked to memory.
//!
//! HDF5 keeps variable-length data in *global heaps*, and each sample holds a reference (collection, object) to its
//! object there. A general reader parses a whole collection to reach one object, which is slow where a collection
//! holds many; opening therefore walks each collection once and keeps 12 bytes of place per sample and column.
//!
//! # Precision of times
//!
//! Times become float32. A float16 converts exactly; a float64 is rounded to the nearest float32 (ties to even), so it
//! moves by at most 60 ns below 2 s. float16, the type of the published files, is coarse: neighbouring values lie
//! 0.5 ms apart in [0.5, 1) s and 1 ms in [1, 2) s (2⁻¹¹ and 2⁻¹⁰ s, to be exact). Bins of less than about 2 ms are
//! therefore finer than such data: late bins get their spikes in a pattern that comes from the number format, and bins
//! below 1 ms stay empty by turns after the first second.
//!
//! # Hostile files
//!
//! What one data set of a file may make the reader allocate is bounded by the length of the file (16 bytes for each of
//! its bytes, and 16 MiB), and so is the walk through the heaps. All spikes together must fit into the file. The HDF5
//! library works only while a file is opened; a panic inside it becomes an error.
//!
//! ```
//! use colearn_data::spike_file::{SpikeFile, SpikeFileHead, SpikeFileWriter};
//! use colearn_data::Spikes;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("set.h5");
//! let head = SpikeFileHead { samples: 1, keys: vec!["yes".to_owned()], ..SpikeFileHead::default() };
//! let mut writer = SpikeFileWriter::create(&path, head)?;
//! let (spikes, _) = Spikes::checked(vec![0.25, 0.5], vec![3, 1], 700, "example")?;
//! writer.push(&spikes, 0, None)?;
//! writer.finish()?;
//!
//! let file = SpikeFile::open(&path)?;
//! assert_eq!((file.len(), file.labels()), (1, &[0][..]));
//! assert_eq!(file.read(0, 700)?, (spikes, false));
//! # Ok(())
//! # }
//! ```

mod columns;
mod decode;
mod encoding;
mod heap;
mod kind;
mod reason;
mod set;
mod source;
mod writer;

use std::ops::Range;
use std::path::Path;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::{DataError, Spikes};
use columns::Columns;
use decode::{FloatKind, IntegerKind};
use heap::Extent;
use source::Source;

pub use encoding::{Encoding, SetPart};
pub use set::SpikeSetWriter;
pub use writer::{SpikeFileHead, SpikeFileWriter};

/// An open spike file: its columns in memory, its spikes where they are. Share it between threads in an `Arc`.
pub struct SpikeFile {
    source: Source,
    labels: Vec<usize>,
    speakers: Option<Vec<i64>>,
    keys: Option<Vec<String>>,
    notes: Vec<(String, String)>,
    times: Vec<Extent>,
    time_kind: FloatKind,
    units: Vec<Extent>,
    unit_kind: IntegerKind,
}

impl SpikeFile {
    /// Opens an HDF5 file, plain or gzipped, reads its columns and checks its structure. A plain file stays on disk
    /// and must not be changed in place while it is open; replacing it by another file does no harm.
    ///
    /// # Errors
    /// [`DataError::Io`] when the system refuses; [`DataError::SpikeFile`] when the file is no HDF5 file, is cut off,
    /// unpacks to more than 8 GiB, misses a data set or has one of the wrong type, length or filter, more than 10000
    /// classes, or a label that is no class; [`DataError::Spikes`] when a sample has more times than units or fewer.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        Self::from_source(Source::open(path.as_ref())?)
    }

    /// The same for the content of a file, plain or gzipped; messages call it `name`.
    ///
    /// # Errors
    /// As [`SpikeFile::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, DataError> {
        Self::from_source(Source::from_bytes(name, bytes)?)
    }

    fn from_source(mut source: Source) -> Result<Self, DataError> {
        let Columns { labels, speakers, keys, notes, times, time_kind, units, unit_kind } =
            columns::read(&mut source)?;
        Ok(Self { source, labels, speakers, keys, notes, times, time_kind, units, unit_kind })
    }

    /// The file as messages name it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Class of each sample; below the number of [`keys`](Self::keys) where there are keys.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Speaker of each sample, as the file numbers them.
    #[must_use]
    pub fn speakers(&self) -> Option<&[i64]> {
        self.speakers.as_deref()
    }

    /// Names of the classes.
    #[must_use]
    pub fn keys(&self) -> Option<&[String]> {
        self.keys.as_deref()
    }

    /// The encoding that the file was written for together with others; `None` for files of other writers.
    #[must_use]
    pub fn encoding(&self) -> Option<Encoding> {
        Encoding::of_notes(&self.notes)
    }

    /// Whether this program, in any version, has written it.
    pub(crate) fn is_own(&self) -> bool {
        let writer = self.notes.iter().find(|(name, _)| name == encoding::WRITER);
        writer.is_some_and(|(_, writer)| writer.starts_with("colearn"))
    }

    /// Number of spikes of the sample `index`, known without reading them.
    ///
    /// # Panics
    /// If there is no such sample.
    #[must_use]
    #[track_caller]
    pub fn spike_count(&self, index: usize) -> usize {
        self.check_index(index);
        self.times[index].count as usize
    }

    /// Reads the sample `index`. The flag says whether its spikes were out of order; they come sorted by time. Costs
    /// two reads at known places whatever was read before.
    ///
    /// # Errors
    /// [`DataError::Spikes`] naming the sample when a time is negative or no finite number or a unit is not below
    /// `channels`; [`DataError::SpikeFile`] when the file cannot be read any more.
    ///
    /// # Panics
    /// If there is no such sample.
    #[track_caller]
    pub fn read(&self, index: usize, channels: usize) -> Result<(Spikes, bool), DataError> {
        self.check_index(index);
        let item = self.source.item(&format!("sample {index}"));
        let bytes = |extent: Extent, size: u8| {
            self.source.read(extent.offset, extent.count as usize * usize::from(size)).map_err(|error| {
                source::spike_file(item.clone(), error, "the spikes that were there on opening")
            })
        };
        let times_s = self.time_kind.decode(&bytes(self.times[index], self.time_kind.size)?);
        let units = self.unit_kind.decode_units(&bytes(self.units[index], self.unit_kind.size)?).map_err(
            |found| DataError::Spikes {
                item: item.clone(),
                found,
                expected: format!("a unit from 0 to {}", channels.saturating_sub(1)),
            },
        )?;
        let (spikes, unsorted) = Spikes::checked(times_s, units, channels, &item)?;
        Ok((spikes.stored_as(self.time_kind.precision()), unsorted))
    }

    /// Reads the samples of `range` on all threads of the current rayon pool, in order.
    ///
    /// # Errors
    /// As [`SpikeFile::read`]; of several wrong samples the first is reported.
    ///
    /// # Panics
    /// If the range goes beyond the last sample.
    pub fn read_range(&self, range: Range<usize>, channels: usize) -> Result<Vec<(Spikes, bool)>, DataError> {
        self.map_samples(range, channels, |_, spikes, unsorted| (spikes, unsorted))
    }

    /// Reads `samples` (a range, or a list in any order) on all threads of the current rayon pool and keeps what `f`
    /// makes of each: number of the sample, spikes, whether they were out of order. Only the spikes in work are in
    /// memory, so a set can be binned that does not fit.
    ///
    /// # Errors
    /// As [`SpikeFile::read`]; of several wrong samples the first in the order of `samples` is reported.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn map_samples<R: Send>(
        &self,
        samples: impl IntoParallelIterator<Item = usize>,
        channels: usize,
        f: impl Fn(usize, Spikes, bool) -> R + Sync,
    ) -> Result<Vec<R>, DataError> {
        let read = |index| self.read(index, channels).map(|(spikes, unsorted)| f(index, spikes, unsorted));
        let results: Vec<Result<R, DataError>> = samples.into_par_iter().map(read).collect();
        results.into_iter().collect()
    }

    #[track_caller]
    fn check_index(&self, index: usize) {
        assert!(index < self.len(), "sample {index} of a spike file with {} samples", self.len());
    }
}

impl std::fmt::Debug for SpikeFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpikeFile")
            .field("file", &self.source.name())
            .field("samples", &self.len())
            .field("times", &self.time_kind)
            .field("units", &self.unit_kind)
            .finish_non_exhaustive()
    }
}
