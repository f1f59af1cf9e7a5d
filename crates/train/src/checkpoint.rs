//! Checkpoint files: everything a run needs to go on, or to be evaluated, as if it had never stopped.
//!
//! | bytes | meaning |
//! |---|---|
//! | 8 | magic `\x89colearn` |
//! | 4 | format version, little endian |
//! | 8 | length of the body, little endian |
//! | 32 | SHA-256 of the body |
//! | rest | body: the serialised [`Checkpoint`] |
//!
//! A file is written beside its final name and then renamed, so that at every moment the name holds either the previous
//! checkpoint or the new one, whole. No other module knows the codec of the body.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use bincode::Options;
use colearn_data::Normaliser;
use colearn_network::NetworkState;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{CheckpointProblem, TrainError};
use crate::optimiser::OptimiserState;
use crate::record::{Best, EpochProgress, EpochRecord};
use crate::schedule::ScheduleState;

/// First bytes of every checkpoint; the first one is no text, so that no text file starts like this.
pub const MAGIC: [u8; 8] = *b"\x89colearn";

/// The format this version writes and reads.
pub const FORMAT: u32 = 1;

const HEADER: usize = 8 + 4 + 8 + 32;

/// The state of a run between two batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The resolved experiment as TOML text, so that the file can be used alone.
    pub experiment: String,
    /// Name of the data set.
    pub dataset: String,
    /// Names of its classes, in the order of the labels.
    pub classes: Vec<String>,
    /// Input channels.
    pub channels: usize,
    /// Sequence length in steps.
    pub steps: usize,
    /// Statistics the inputs were standardised with.
    pub normaliser: Normaliser,
    /// Seed of the run.
    pub seed: u64,
    /// Parameters and running statistics.
    pub network: NetworkState<f32>,
    /// Parameters and running statistics before the first step, to show what training changed.
    pub initial: NetworkState<f32>,
    /// Moving means of the optimiser.
    pub optimiser: OptimiserState<f32>,
    /// Schedule of the learning rate.
    pub schedule: ScheduleState,
    /// Schedule of the learning rate of the delays.
    pub delay_schedule: ScheduleState,
    /// The epoch to go on with, counted from 0.
    pub epoch: usize,
    /// What the epoch has seen so far.
    pub progress: EpochProgress,
    /// The finished epochs.
    pub history: Vec<EpochRecord>,
    /// The best epoch so far and its network.
    pub best: Option<Best>,
    /// Epochs since the best one.
    pub waiting: usize,
}

impl Checkpoint {
    /// Writes the file `path` so that a crash at any moment leaves either the old file or the new one.
    ///
    /// # Errors
    /// [`TrainError::Io`] when the system refuses.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        write_whole(path, &encode(self))
    }

    /// Reads the file `path`.
    ///
    /// # Errors
    /// [`TrainError::Io`] when the file cannot be read, [`TrainError::Checkpoint`] with what is wrong when it is not a
    /// whole checkpoint of this format.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let mut bytes = Vec::new();
        let open = File::open(path).and_then(|mut file| {
            let mut start = [0; MAGIC.len()];
            let read = read_start(&mut file, &mut start)?;
            bytes.extend_from_slice(&start[..read]);
            // A large file of another kind is not read to its end.
            if start == MAGIC { file.read_to_end(&mut bytes) } else { Ok(read) }
        });
        open.map_err(|source| TrainError::io(path, "read", source))?;
        decode(&bytes).map_err(|problem| TrainError::Checkpoint { path: path.to_owned(), problem })
    }
}

fn read_start(file: &mut File, start: &mut [u8]) -> std::io::Result<usize> {
    let mut read = 0;
    while read < start.len() {
        match file.read(&mut start[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

/// Fixed-width little-endian integers; a body must be used up to its last byte.
fn codec() -> impl Options {
    bincode::options().with_fixint_encoding().with_little_endian().reject_trailing_bytes()
}

fn encode<T: Serialize>(content: &T) -> Vec<u8> {
    let body = codec().serialize(content).expect("no part of a checkpoint refuses to be serialised");
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(&body));
    bytes.extend_from_slice(&body);
    bytes
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CheckpointProblem> {
    let start = &bytes[..bytes.len().min(MAGIC.len())];
    if start.is_empty() || *start != MAGIC[..start.len()] {
        return Err(CheckpointProblem::Magic { found: start.to_vec(), expected: MAGIC.to_vec() });
    }
    let short = |expected: u64| CheckpointProblem::Length { found: bytes.len() as u64, expected };
    let Some((header, body)) = bytes.split_at_checked(HEADER) else {
        return Err(short(HEADER as u64));
    };
    let number = |range: std::ops::Range<usize>| {
        header[range].iter().rev().fold(0_u64, |value, &byte| value << 8 | u64::from(byte))
    };
    let format = u32::try_from(number(8..12)).expect("four bytes");
    if format != FORMAT {
        return Err(CheckpointProblem::Version { found: format, expected: FORMAT });
    }
    let expected = number(12..20).saturating_add(HEADER as u64);
    if expected != bytes.len() as u64 {
        return Err(short(expected));
    }
    let digest = Sha256::digest(body);
    if digest[..] != header[20..] {
        return Err(CheckpointProblem::Checksum { found: hex(&digest), expected: hex(&header[20..]) });
    }
    // No list in the body can be longer than the body: the codec gets no more bytes than there are.
    let decoded = codec().with_limit(body.len() as u64).deserialize(body);
    decoded.map_err(|error| CheckpointProblem::Body { reason: error.to_string() })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every text");
        text
    })
}

/// Where a file waits until it is whole: beside its final place, so that the renaming cannot cross file systems.
fn waiting_place(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Writes `bytes` to `path` so that a crash at any moment leaves either the old content or the new one, whole.
///
/// # Errors
/// [`TrainError::Io`] when the system refuses.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let part = waiting_place(path);
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| TrainError::io(&part, "written", source))?;
    fs::rename(&part, path).map_err(|source| TrainError::io(path, "replaced", source))?;
    sync_folder(path).map_err(|source| TrainError::io(path, "made durable", source))
}

/// Makes a renaming durable. Only Unix lets a folder be opened and synchronised.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if cfg!(unix) { File::open(folder.unwrap_or(Path::new(".")))?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests;
