//! The data sets of a spike file: what they are called, which types they may have, and that they fit together.

use std::panic::{AssertUnwindSafe, catch_unwind};

use colearn_store::shown::short;
use hdf5_reader::error::Error;
use hdf5_reader::{Dataset, Hdf5File};

use super::decode::{FloatKind, IntegerKind, StringKind};
use super::heap::{self, Extent, References};
use super::source::{Source, spike_file};
use super::{encoding, kind, reason};
use crate::DataError;
use crate::readers::MOST_CLASSES;

const TIMES: &str = "spikes/times";
const UNITS: &str = "spikes/units";
const LABELS: &str = "labels";
const SPEAKERS: &str = "extra/speaker";
const KEYS: &str = "extra/keys";

/// Longest name of a class in bytes, as of a folder of words.
pub(super) const LONGEST_NAME: usize = 255;

/// What opening a file gives.
pub(super) struct Columns {
    pub(super) labels: Vec<usize>,
    pub(super) speakers: Option<Vec<i64>>,
    pub(super) keys: Option<Vec<String>>,
    /// The notes that say what the file belongs to, as far as there are any.
    pub(super) notes: Vec<(String, String)>,
    pub(super) times: Vec<Extent>,
    pub(super) time_kind: FloatKind,
    pub(super) units: Vec<Extent>,
    pub(super) unit_kind: IntegerKind,
}

/// Reads and checks them all. A panic of the HDF5 library ends here.
pub(super) fn read(source: &mut Source) -> Result<Columns, DataError> {
    // Nothing that a panic may leave half done is used afterwards.
    catch_unwind(AssertUnwindSafe(|| read_columns(source))).unwrap_or_else(|_| {
        let found = "a structure at which the HDF5 library gives up";
        Err(spike_file(source.name().to_owned(), found, "a whole HDF5 file"))
    })
}

fn read_columns(source: &mut Source) -> Result<Columns, DataError> {
    let file = source.hdf5()?;
    let file = Reader { source, file };
    let times = file.required(TIMES)?;
    let units = file.required(UNITS)?;
    let labels = file.required(LABELS)?;
    let time_kind = kind::times(&times).map_err(|fault| file.mismatch(TIMES, fault))?;
    let unit_kind = kind::units(&units).map_err(|fault| file.mismatch(UNITS, fault))?;
    let samples = file.rows(TIMES, &times)?;
    for (name, set) in [(UNITS, &units), (LABELS, &labels)] {
        file.same_rows(name, set, samples)?;
    }
    let speakers = match file.optional(SPEAKERS)? {
        Some(set) => {
            file.same_rows(SPEAKERS, &set, samples)?;
            Some(file.speakers(&set)?)
        }
        None => None,
    };
    let keys = file.optional(KEYS)?.map(|set| file.keys(&set)).transpose()?;
    let labels = file.labels(&labels, keys.as_deref())?;
    let (times, units) = file.extents((&times, time_kind.size), (&units, unit_kind.size))?;
    let notes = file.notes();
    Ok(Columns { labels, speakers, keys, notes, times, time_kind, units, unit_kind })
}

struct Reader<'a> {
    source: &'a Source,
    file: Hdf5File,
}

impl Reader<'_> {
    /// The data set `name`, `None` where there is none of this name.
    fn optional(&self, name: &str) -> Result<Option<Dataset>, DataError> {
        fn missing(error: &Error) -> bool {
            match error {
                Error::GroupNotFound(_) | Error::DatasetNotFound(_) => true,
                Error::Context { source, .. } => missing(source),
                _ => false,
            }
        }
        match self.file.dataset(name) {
            Ok(set) => Ok(Some(set)),
            Err(error) if missing(&error) => Ok(None),
            Err(error) => Err(self.unreadable(name, &error)),
        }
    }

    fn required(&self, name: &str) -> Result<Dataset, DataError> {
        let expected = "spikes/times, spikes/units and labels, as in the layout of SHD";
        self.optional(name)?
            .ok_or_else(|| spike_file(self.source.item(name), "no data set of this name", expected))
    }

    fn unreadable(&self, name: &str, error: &Error) -> DataError {
        let (found, expected) = reason::of(error);
        spike_file(self.source.item(name), found, expected)
    }

    fn mismatch(&self, name: &str, (found, expected): (String, &str)) -> DataError {
        spike_file(self.source.item(name), found, expected)
    }

    /// Length of a data set, which must have one dimension.
    fn rows(&self, name: &str, set: &Dataset) -> Result<u64, DataError> {
        match set.shape() {
            [rows] => Ok(*rows),
            shape => {
                let found = format!("a data set of shape {shape:?}");
                Err(spike_file(self.source.item(name), found, "one dimension, the sample"))
            }
        }
    }

    fn same_rows(&self, name: &str, set: &Dataset, samples: u64) -> Result<(), DataError> {
        match self.rows(name, set)? {
            rows if rows == samples => Ok(()),
            rows => {
                let expected = format!("{samples} as in {TIMES}");
                Err(spike_file(self.source.item(name), format!("{rows} samples"), &expected))
            }
        }
    }

    fn raw(&self, name: &str, set: &Dataset) -> Result<Vec<u8>, DataError> {
        set.read_raw_bytes().map_err(|error| self.unreadable(name, &error))
    }

    fn integers(&self, name: &str, set: &Dataset) -> Result<Vec<i128>, DataError> {
        let kind = kind::integers(set).map_err(|fault| self.mismatch(name, fault))?;
        Ok(kind.decode(&self.raw(name, set)?))
    }

    fn speakers(&self, set: &Dataset) -> Result<Vec<i64>, DataError> {
        let to_speaker = |(sample, speaker): (usize, i128)| {
            i64::try_from(speaker).map_err(|_| {
                let found = format!("speaker {speaker} of sample {sample}");
                spike_file(self.source.item(SPEAKERS), found, "speakers that fit into 64 bits with sign")
            })
        };
        self.integers(SPEAKERS, set)?.into_iter().enumerate().map(to_speaker).collect()
    }

    fn labels(&self, set: &Dataset, keys: Option<&[String]>) -> Result<Vec<usize>, DataError> {
        let to_label = |(sample, label): (usize, i128)| {
            let below = keys.map_or(MOST_CLASSES, <[String]>::len);
            usize::try_from(label).ok().filter(|label| *label < below).ok_or_else(|| {
                let expected = match keys {
                    Some(keys) => format!("a label below {}, the length of {KEYS}", keys.len()),
                    None => format!("a label from 0 to {}", MOST_CLASSES - 1),
                };
                spike_file(self.source.item(LABELS), format!("label {label} of sample {sample}"), &expected)
            })
        };
        self.integers(LABELS, set)?.into_iter().enumerate().map(to_label).collect()
    }

    fn keys(&self, set: &Dataset) -> Result<Vec<String>, DataError> {
        let kind = kind::strings(set).map_err(|fault| self.mismatch(KEYS, fault))?;
        let rows = self.rows(KEYS, set)?;
        if rows > MOST_CLASSES as u64 {
            let expected = format!("at most {MOST_CLASSES} classes");
            return Err(spike_file(self.source.item(KEYS), format!("{rows} names"), &expected));
        }
        let raw = self.raw(KEYS, set)?;
        if kind.width > 0 {
            let names = raw.chunks_exact(kind.width).enumerate();
            return names.map(|(row, bytes)| self.key(row, kind, bytes)).collect();
        }
        let [extents] = self.locate([(KEYS, References { raw: &raw, width: 1 })])?;
        let read = |(row, extent): (usize, &Extent)| {
            // What is too long needs to be read no further.
            let len = (extent.count as usize).min(LONGEST_NAME + 1);
            let bytes =
                self.source.read(extent.offset, len).map_err(|error| self.unreadable(KEYS, &error))?;
            self.key(row, kind, &bytes)
        };
        extents.iter().enumerate().map(read).collect()
    }

    /// The name of class `row`.
    fn key(&self, row: usize, kind: StringKind, bytes: &[u8]) -> Result<String, DataError> {
        let name = kind.decode(bytes);
        if name.len() <= LONGEST_NAME {
            return Ok(name);
        }
        let found = format!("the name \"{}\"", short(&name));
        let expected = format!("a name of at most {LONGEST_NAME} bytes");
        Err(spike_file(self.source.item(&format!("{KEYS}, key {row}")), found, &expected))
    }

    /// The notes of [`SpikeSetWriter`](super::SpikeSetWriter). Whatever else another writer keeps under these names is no
    /// such note, and no reason to refuse its file.
    fn notes(&self) -> Vec<(String, String)> {
        let note = |name: &str| {
            let set = self.file.dataset(&format!("extra/meta_info/{name}")).ok()?;
            let kind = kind::strings(&set).ok().filter(|kind| (1..=LONGEST_NAME).contains(&kind.width))?;
            let is_one = set.shape().is_empty();
            is_one.then(|| set.read_raw_bytes().ok()).flatten().map(|bytes| kind.decode(&bytes))
        };
        let names = [encoding::IDENTITY, encoding::PARTS, encoding::PROTOCOL, encoding::WRITER];
        names.into_iter().filter_map(|name| Some((name.to_owned(), note(name)?))).collect()
    }

    /// Places of the spikes of each sample: of its times, and of its units.
    fn extents(
        &self,
        (times, time_size): (&Dataset, u8),
        (units, unit_size): (&Dataset, u8),
    ) -> Result<(Vec<Extent>, Vec<Extent>), DataError> {
        let (raw_times, raw_units) = (self.raw(TIMES, times)?, self.raw(UNITS, units)?);
        let sets = [
            (TIMES, References { raw: &raw_times, width: time_size }),
            (UNITS, References { raw: &raw_units, width: unit_size }),
        ];
        let [times, units] = self.locate(sets)?;
        match times.iter().zip(&units).position(|(times, units)| times.count != units.count) {
            None => Ok((times, units)),
            Some(sample) => Err(DataError::Spikes {
                item: self.source.item(&format!("sample {sample}")),
                found: format!("{} times and {} units", times[sample].count, units[sample].count),
                expected: "one unit for each time".to_owned(),
            }),
        }
    }

    /// Places of the sequences of data sets that must fit into the file.
    fn locate<const N: usize>(&self, sets: [(&str, References); N]) -> Result<[Vec<Extent>; N], DataError> {
        let names = sets.each_ref().map(|(name, _)| *name);
        let widths = sets.each_ref().map(|(_, references)| u64::from(references.width));
        let found = heap::locate(self.source, &sets.map(|(_, references)| references)).map_err(|fault| {
            let name = names[fault.set];
            let row = if name == KEYS { "key" } else { "sample" };
            let item = self.source.item(&format!("{name}, {row} {}", fault.row));
            spike_file(item, fault.found, fault.expected)
        })?;
        for ((name, width), extents) in names.iter().zip(widths).zip(&found) {
            // No writer lets two samples share their values, so all of them fit into the file.
            let bytes =
                extents.iter().map(|extent| u64::from(extent.count)).sum::<u64>().saturating_mul(width);
            if bytes > self.source.len() {
                let expected = format!("no more than the {} bytes of the file", self.source.len());
                return Err(spike_file(
                    self.source.item(name),
                    format!("{bytes} bytes of values"),
                    &expected,
                ));
            }
        }
        Ok(found.try_into().expect("one list for each data set"))
    }
}
