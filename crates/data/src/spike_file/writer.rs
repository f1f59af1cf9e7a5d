//! Writing spike files.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use colearn_store::{StoreError, WholeFile};
use hdf5_writer::{
    ByteOrder, DatasetBuilder, Datatype, H5WriteElement, Hdf5Builder, StringEncoding, StringPadding,
    UNLIMITED, VarLenKind, WriteOptions, jenkins_lookup3,
};

use super::columns::LONGEST_NAME;
use super::heap::HEADER;
use super::source::spike_file;
use crate::readers::MOST_CLASSES;
use crate::{DataError, Spikes};

/// A collection is written when it holds so many bytes or objects. Readers of other libraries load whole collections,
/// so they should not be large; those libraries refuse less than 4096 bytes.
const COLLECTION_BYTES: usize = 64 << 10;
const COLLECTION_OBJECTS: u16 = 32_000;
const SMALLEST_COLLECTION: usize = 4096;

/// Samples in a chunk of references. PyTables reads variable-length data only in chunks.
const CHUNK_ROWS: u64 = 1024;

/// Length of the superblock up to its checksum, and where the length of the file stands in it.
const SUPERBLOCK: usize = 44;
const END_OF_FILE: std::ops::Range<usize> = 28..36;

/// What is known of a spike file before its samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpikeFileHead {
    /// Number of samples; the file is complete when so many are written.
    pub samples: usize,
    /// Name of each class (`extra/keys`); empty for none.
    pub keys: Vec<String>,
    /// Whether the samples have speakers (`extra/speaker`).
    pub speakers: bool,
    /// Names and values that say where the spikes come from, each a string `extra/meta_info/<name>`.
    pub notes: Vec<(String, String)>,
}

/// Writes a spike file sample by sample: times in seconds as float32, units as unsigned 16-bit integers.
///
/// Spikes go to disk as they come; about 40 bytes per sample stay in memory (a few times that at the beginning and the
/// end), and the spikes of the last 64 KiB. The file appears under its name when it is complete
/// ([`finish`](Self::finish)); until then whatever had that name stays, and a kill leaves at most a part that the next
/// writer of the name removes.
#[derive(Debug)]
pub struct SpikeFileWriter {
    path: PathBuf,
    file: WholeFile,
    head: SpikeFileHead,
    table: Table,
    /// Length of everything but the heaps, which come after it.
    head_bytes: u64,
    /// Where the collection in work will begin.
    address: u64,
    collection: Vec<u8>,
    objects: u16,
}

/// A row for each sample written.
#[derive(Debug, Default)]
struct Table {
    times: Vec<u8>,
    units: Vec<u8>,
    labels: Vec<u16>,
    speakers: Vec<i64>,
}

impl SpikeFileWriter {
    /// Begins the file `path`; its folder must exist.
    ///
    /// # Errors
    /// [`DataError::SpikeFile`] for keys or names of notes that a file cannot hold; [`DataError::Store`] when the
    /// system refuses.
    pub fn create(path: impl AsRef<Path>, head: SpikeFileHead) -> Result<Self, DataError> {
        let path = path.as_ref();
        for (at, (name, _)) in head.notes.iter().enumerate() {
            if name.is_empty() || name == "." || name.contains('/') {
                let found = format!("a note named {name:?}");
                return Err(spike_file(path.display().to_string(), found, "a name without slashes"));
            }
            if head.notes[..at].iter().any(|(earlier, _)| earlier == name) {
                let found = format!("two notes named {name:?}");
                return Err(spike_file(path.display().to_string(), found, "each name once"));
            }
        }
        if head.keys.len() > MOST_CLASSES {
            let found = format!("{} classes", head.keys.len());
            return Err(spike_file(path.display().to_string(), found, &format!("at most {MOST_CLASSES}")));
        }
        if let Some(key) = head.keys.iter().find(|key| key.len() > LONGEST_NAME) {
            let found = format!("a name of a class of {} bytes", key.len());
            return Err(spike_file(path.display().to_string(), found, &format!("at most {LONGEST_NAME}")));
        }
        // References of no meaning take the room of the later ones.
        let blank = Table {
            times: vec![0; head.samples * HEADER],
            units: vec![0; head.samples * HEADER],
            labels: vec![0; head.samples],
            speakers: vec![0; head.samples],
        };
        let head_bytes = encode(path, &head, &blank)?.len() as u64;
        let mut writer = Self {
            path: path.to_owned(),
            file: WholeFile::create(path)?,
            head,
            table: Table::default(),
            head_bytes,
            address: head_bytes,
            collection: Vec::new(),
            objects: 0,
        };
        writer.file.seek(SeekFrom::Start(head_bytes)).map_err(|error| writer.refused(error))?;
        Ok(writer)
    }

    /// Number of samples written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.labels.len()
    }

    /// Whether none is written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.labels.is_empty()
    }

    /// Writes the next sample.
    ///
    /// # Errors
    /// [`DataError::SpikeFile`] for more samples than announced, a label without a key, a label above 9999, or a
    /// speaker where none was announced or none where they were; [`DataError::Store`] when the system refuses.
    pub fn push(&mut self, spikes: &Spikes, label: usize, speaker: Option<i64>) -> Result<(), DataError> {
        let below = if self.head.keys.is_empty() { MOST_CLASSES } else { self.head.keys.len() };
        let label = match u16::try_from(label) {
            _ if self.len() >= self.head.samples => {
                return Err(self.wrong("one sample more", &format!("{} samples", self.head.samples)));
            }
            Ok(low) if label < below => low,
            _ => {
                return Err(self.wrong(&format!("label {label}"), &format!("a label below {below}")));
            }
        };
        if speaker.is_some() != self.head.speakers {
            let [without, with] = ["no speaker", "a speaker"];
            let (found, expected) = if self.head.speakers { (without, with) } else { (with, without) };
            return Err(self.wrong(found, expected));
        }
        let Ok(count) = u32::try_from(spikes.len()) else {
            return Err(self.wrong(&format!("{} spikes", spikes.len()), "at most 4294967295"));
        };
        if self.collection.len() >= COLLECTION_BYTES || self.objects >= COLLECTION_OBJECTS {
            self.write_collection()?;
        }
        let times = self.object(count, spikes.times_s().iter().map(|time| time.to_le_bytes()));
        let units = self.object(count, spikes.units().iter().map(|unit| unit.to_le_bytes()));
        self.table.times.extend(times);
        self.table.units.extend(units);
        self.table.labels.push(label);
        self.table.speakers.extend(speaker);
        Ok(())
    }

    /// Completes the file and gives it its name, in place of whatever had that name.
    ///
    /// # Errors
    /// [`DataError::SpikeFile`] for fewer samples than announced; [`DataError::Store`] when the system refuses. The name is then untouched.
    pub fn finish(self) -> Result<(), DataError> {
        Ok(self.complete()?.commit()?)
    }

    /// Completes the file, which has no name yet.
    pub(super) fn complete(mut self) -> Result<WholeFile, DataError> {
        if self.len() != self.head.samples {
            let found = format!("{} samples", self.len());
            return Err(spike_file(self.name(), found, &format!("{} as announced", self.head.samples)));
        }
        self.write_collection()?;
        let mut content = encode(&self.path, &self.head, &self.table)?;
        assert_eq!(
            content.len() as u64,
            self.head_bytes,
            "references have the same length whatever they point at"
        );
        content[END_OF_FILE].copy_from_slice(&self.address.to_le_bytes());
        let checksum = jenkins_lookup3(&content[..SUPERBLOCK]);
        content[SUPERBLOCK..SUPERBLOCK + 4].copy_from_slice(&checksum.to_le_bytes());
        let written = self.file.rewind().and_then(|()| self.file.write_all(&content));
        written.map_err(|error| self.refused(error))?;
        Ok(self.file)
    }

    /// Says something else in the note `name`, as long as before.
    pub(super) fn set_note(&mut self, name: &str, value: &str) {
        let note =
            self.head.notes.iter_mut().find(|(known, _)| known == name).expect("a note that was announced");
        assert_eq!(note.1.len(), value.len(), "the place of a note is fixed by its length");
        value.clone_into(&mut note.1);
    }

    /// Adds a sequence to the collection in work; gives the reference to it.
    fn object<const N: usize>(&mut self, count: u32, values: impl Iterator<Item = [u8; N]>) -> [u8; HEADER] {
        let mut reference = [0; HEADER];
        if count == 0 {
            return reference;
        }
        if self.collection.is_empty() {
            // The size follows when it is known.
            self.collection.extend(*b"GCOL\x01\0\0\0\0\0\0\0\0\0\0\0");
        }
        self.objects += 1;
        let references: u16 = 1;
        self.collection.extend(self.objects.to_le_bytes());
        self.collection.extend(references.to_le_bytes());
        self.collection.extend([0; 4]);
        self.collection.extend((u64::from(count) * N as u64).to_le_bytes());
        self.collection.reserve(count as usize * N + 2 * HEADER);
        values.for_each(|value| self.collection.extend_from_slice(&value));
        self.collection.resize(self.collection.len().next_multiple_of(8), 0);
        reference[..4].copy_from_slice(&count.to_le_bytes());
        reference[4..12].copy_from_slice(&self.address.to_le_bytes());
        reference[12..].copy_from_slice(&u32::from(self.objects).to_le_bytes());
        reference
    }

    /// Ends the collection in work with its free space and writes it.
    fn write_collection(&mut self) -> Result<(), DataError> {
        if self.collection.is_empty() {
            return Ok(());
        }
        let used = self.collection.len();
        let size = (used + HEADER).max(SMALLEST_COLLECTION);
        self.collection.resize(size, 0);
        self.collection[8..HEADER].copy_from_slice(&(size as u64).to_le_bytes());
        self.collection[used + 8..used + HEADER].copy_from_slice(&((size - used) as u64).to_le_bytes());
        self.file.write_all(&self.collection).map_err(|error| self.refused(error))?;
        self.address += size as u64;
        self.collection.clear();
        self.objects = 0;
        Ok(())
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn wrong(&self, found: &str, expected: &str) -> DataError {
        spike_file(format!("{}, sample {}", self.name(), self.len()), found, expected)
    }

    fn refused(&self, source: io::Error) -> DataError {
        StoreError::Io { path: self.path.clone(), action: "written", source }.into()
    }
}

/// Everything but the heaps, as if the file ended there.
fn encode(path: &Path, head: &SpikeFileHead, table: &Table) -> Result<Vec<u8>, DataError> {
    let plan = || -> Result<Vec<u8>, hdf5_writer::Error> {
        let rows = vec![head.samples as u64];
        let sequences = |name: &str, base: Datatype, references: &[u8]| {
            let kind = Datatype::VarLen {
                base: Box::new(base),
                kind: VarLenKind::Sequence,
                encoding: StringEncoding::Ascii,
                padding: StringPadding::NullTerminate,
            };
            let set = DatasetBuilder::new(name, kind, rows.clone()).max_shape(vec![UNLIMITED]);
            set.chunked(vec![CHUNK_ROWS.min(rows[0].max(1))]).raw_data(references)
        };
        let mut file = Hdf5Builder::new()
            .dataset(sequences("spikes/times", little_endian::<f32>(), &table.times))
            .dataset(sequences("spikes/units", little_endian::<u16>(), &table.units))
            .dataset(numbers("labels", &rows, &table.labels)?);
        if head.speakers {
            file = file.dataset(numbers("extra/speaker", &rows, &table.speakers)?);
        }
        if !head.keys.is_empty() {
            let count = vec![head.keys.len() as u64];
            file = file.dataset(DatasetBuilder::fixed_string_data("extra/keys", count, &head.keys)?);
        }
        for (name, value) in &head.notes {
            let name = format!("extra/meta_info/{name}");
            file = file.dataset(DatasetBuilder::fixed_string_data(name, Vec::new(), &[value])?);
        }
        file.into_plan()?.encode(WriteOptions::default())
    };
    plan().map_err(|error| {
        let expected = "keys, names and notes that an HDF5 file can hold";
        spike_file(path.display().to_string(), error, expected)
    })
}

fn numbers<T: H5WriteElement>(
    name: &str,
    rows: &[u64],
    values: &[T],
) -> Result<DatasetBuilder, hdf5_writer::Error> {
    DatasetBuilder::new(name, little_endian::<T>(), rows.to_vec()).data(values)
}

fn little_endian<T: H5WriteElement>() -> Datatype {
    T::hdf5_type_with_order(ByteOrder::LittleEndian)
}
