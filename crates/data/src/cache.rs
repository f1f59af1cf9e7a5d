//! Features that were computed before.
//!
//! A cache folder holds a folder for every rule (front end, its settings, sample rate, version of this code, place of
//! the set), and in it [`SHARDS`] files; the name of a clip decides which. An entry is used when size and time of
//! change of its sound file are those of before, or else when the SHA-256 of the file's content is. Whatever is not
//! there, outdated or damaged is computed again, and a note says so. Files are replaced as a whole, so several
//! processes may use one cache at once: at worst one of them computes what another one has just stored.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use colearn_store::{Format, StoreError, hex, read_bounded};
use ndarray::Array2;
use rayon::prelude::*;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::DataConfig;
use crate::audio::LARGEST;
use crate::front_end::FrontEnd;
use crate::readers::{Clip, Source};

/// Files of a rule: enough that threads can share the work.
const SHARDS: usize = 16;
/// To be raised when the same settings give other features than before.
const VERSION: u32 = 2;

/// The envelope of a cache file.
pub(crate) const FORMAT: Format =
    Format { magic: *b"\x89clcache", version: 2, oldest: 2, what: "feature cache", most: 64 << 30 };

/// Features of one clip.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cached {
    /// Shape (steps, channels).
    pub(crate) values: Array2<f32>,
    /// Mean square of the sound's samples.
    pub(crate) power: f32,
    /// Sample rate of the sound itself, which may have been resampled.
    pub(crate) rate: u32,
    /// See [`sound_content`](crate::facts::sound_content).
    pub(crate) content: u64,
}

/// A file's size in bytes and its time of change in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    changed_ns: u128,
}

/// Features of one clip as they are stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    id: String,
    stamp: Stamp,
    /// SHA-256 of the sound file.
    digest: [u8; 32],
    rows: u64,
    columns: u64,
    power: f32,
    rate: u32,
    content: u64,
    /// Values row by row, little endian.
    values: Bytes,
}

/// One file of a rule.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Shard {
    rule: String,
    entries: Vec<Entry>,
}

/// The cache of one set and rule, or none at all.
#[derive(Debug)]
pub(crate) struct FeatureCache {
    place: Option<Place>,
    used: usize,
    outdated: usize,
    computed: usize,
    new: Vec<Entry>,
    /// Size and time of change of every file that was looked for and not found.
    stamps: HashMap<String, Stamp>,
}

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    rule: String,
    channels: usize,
    entries: HashMap<String, Entry>,
}

impl FeatureCache {
    /// Reads what is there; damage is noted and otherwise as if nothing were there.
    pub(crate) fn open(
        folder: Option<&Path>,
        config: &DataConfig,
        rate: u32,
        notes: &mut Vec<String>,
    ) -> Self {
        let place = folder.zip(config.root.as_deref()).map(|(folder, root)| {
            let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
            let rule =
                format!("version {VERSION}, {rate} Hz, {}, {}", FrontEnd::rule(config), root.display());
            let digest = hex(&Sha256::digest(rule.as_bytes())[..8]);
            Place::read(folder.join(format!("{}-{digest}", config.name)), rule, config.bands, notes)
        });
        Self { place, used: 0, outdated: 0, computed: 0, new: Vec::new(), stamps: HashMap::new() }
    }

    /// The features of every clip that has them and has not changed.
    pub(crate) fn find(&mut self, clips: &[Clip]) -> Vec<Option<Cached>> {
        let Some(place) = &self.place else { return vec![None; clips.len()] };
        let found: Vec<Found> = clips.par_iter().map(|clip| place.look_up(clip)).collect();
        clips
            .iter()
            .zip(found)
            .map(|(clip, found)| match found {
                Found::Fresh(cached) => {
                    self.used += 1;
                    Some(cached)
                }
                Found::Outdated(stamp) => {
                    self.outdated += 1;
                    self.stamps.insert(clip.id.clone(), stamp);
                    None
                }
                Found::Absent(stamp) => {
                    self.stamps.extend(stamp.map(|stamp| (clip.id.clone(), stamp)));
                    None
                }
            })
            .collect()
    }

    /// Takes in what had to be computed: the features whose flag is set, but for those that were not made.
    pub(crate) fn add(&mut self, clips: &[Clip], extracted: &[(Cached, bool)]) {
        if self.place.is_none() {
            return;
        }
        let entries: Vec<Entry> = clips
            .par_iter()
            .zip(extracted)
            .filter(|(_, (cached, new))| *new && cached.values.nrows() > 0)
            .filter_map(|(clip, (cached, _))| entry(clip, cached, *self.stamps.get(&clip.id)?))
            .collect();
        self.computed += entries.len();
        self.new.extend(entries);
    }

    /// Stores what is new and says what happened.
    pub(crate) fn close(self, notes: &mut Vec<String>) {
        let Some(mut place) = self.place else { return };
        let folder = place.folder.display().to_string();
        if self.used > 0 {
            notes.push(format!("features of {} clips come from the cache {folder}", self.used));
        }
        if self.outdated > 0 {
            notes.push(format!(
                "{} clips have changed since they were cached and were computed again",
                self.outdated
            ));
        }
        if self.new.is_empty() {
            return;
        }
        place.entries.clear();
        match place.store(self.new) {
            Ok(()) => {
                notes.push(format!("features of {} clips were stored in the cache {folder}", self.computed));
            }
            Err(error) => notes.push(format!("{error}; not all features were cached")),
        }
    }
}

/// What a look-up gives.
enum Found {
    Fresh(Cached),
    Outdated(Stamp),
    Absent(Option<Stamp>),
}

impl Place {
    fn read(folder: PathBuf, rule: String, channels: usize, notes: &mut Vec<String>) -> Self {
        let shards: Vec<_> =
            (0..SHARDS).into_par_iter().map(|number| read_shard(&folder, &rule, number)).collect();
        let mut entries = HashMap::new();
        for shard in shards {
            match shard {
                Ok(shard) => entries.extend(shard.into_iter().map(|entry| (entry.id.clone(), entry))),
                Err(problem) => notes.push(format!("{problem}; its features are computed again")),
            }
        }
        Self { folder, rule, channels, entries }
    }

    fn look_up(&self, clip: &Clip) -> Found {
        let Source::File(path) = &clip.source else { return Found::Absent(None) };
        let Some(stamp) = stamp(path) else { return Found::Absent(None) };
        let Some(entry) = self.entries.get(&clip.id) else { return Found::Absent(Some(stamp)) };
        let same = entry.stamp == stamp
            || entry.stamp.size == stamp.size && digest(path).is_some_and(|digest| digest == entry.digest);
        let fits =
            |cached: &Cached| same && cached.values.ncols() == self.channels && cached.values.nrows() > 0;
        match entry.cached().filter(fits) {
            Some(cached) => Found::Fresh(cached),
            None => Found::Outdated(stamp),
        }
    }

    /// Puts new entries in place of old ones of the same name.
    fn store(&self, new: Vec<Entry>) -> Result<(), StoreError> {
        fs::create_dir_all(&self.folder).map_err(|source| StoreError::Io {
            path: self.folder.clone(),
            action: "made",
            source,
        })?;
        let mut shards: Vec<Vec<Entry>> = (0..SHARDS).map(|_| Vec::new()).collect();
        for entry in new {
            shards[shard_of(&entry.id)].push(entry);
        }
        let results: Vec<_> = shards
            .into_par_iter()
            .enumerate()
            .filter(|(_, entries)| !entries.is_empty())
            .map(|(number, entries)| self.store_shard(number, entries))
            .collect();
        results.into_iter().collect()
    }

    fn store_shard(&self, number: usize, new: Vec<Entry>) -> Result<(), StoreError> {
        let old = read_shard(&self.folder, &self.rule, number).unwrap_or_default();
        let mut entries: HashMap<String, Entry> =
            old.into_iter().map(|entry| (entry.id.clone(), entry)).collect();
        entries.extend(new.into_iter().map(|entry| (entry.id.clone(), entry)));
        let mut entries: Vec<Entry> = entries.into_values().collect();
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        let shard = Shard { rule: self.rule.clone(), entries };
        FORMAT.save(&self.folder.join(shard_name(number)), &shard)
    }
}

fn shard_name(number: usize) -> String {
    format!("{number:02}.cache")
}

/// FNV-1a, which never changes.
fn shard_of(id: &str) -> usize {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash % SHARDS as u64).expect("below 16")
}

/// The entries of one file; none where there is no such file, or one of another rule.
fn read_shard(folder: &Path, rule: &str, number: usize) -> Result<Vec<Entry>, StoreError> {
    let path = folder.join(shard_name(number));
    if !path.exists() {
        return Ok(Vec::new());
    }
    let shard: Shard = FORMAT.load(&path)?;
    Ok(if shard.rule == rule { shard.entries } else { Vec::new() })
}

fn stamp(path: &Path) -> Option<Stamp> {
    let facts = fs::metadata(path).ok()?;
    let changed = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Stamp { size: facts.len(), changed_ns: changed.as_nanos() })
}

fn digest(path: &Path) -> Option<[u8; 32]> {
    read_bounded(path, LARGEST).ok().map(|bytes| Sha256::digest(bytes).into())
}

/// What to store of a clip; nothing if its file changed while it was decoded.
fn entry(clip: &Clip, cached: &Cached, before: Stamp) -> Option<Entry> {
    let Source::File(path) = &clip.source else { return None };
    let digest = digest(path)?;
    (stamp(path)? == before).then(|| Entry {
        id: clip.id.clone(),
        stamp: before,
        digest,
        rows: cached.values.nrows() as u64,
        columns: cached.values.ncols() as u64,
        power: cached.power,
        rate: cached.rate,
        content: cached.content,
        values: Bytes(cached.values.iter().flat_map(|value| value.to_le_bytes()).collect()),
    })
}

impl Entry {
    fn cached(&self) -> Option<Cached> {
        let (rows, columns) = (usize::try_from(self.rows).ok()?, usize::try_from(self.columns).ok()?);
        let length = rows.checked_mul(columns)?.checked_mul(4)?;
        if length != self.values.0.len() {
            return None;
        }
        let (values, _) = self.values.0.as_chunks::<4>();
        let values = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let values = Array2::from_shape_vec((rows, columns), values).ok()?;
        Some(Cached { values, power: self.power, rate: self.rate, content: self.content })
    }
}

/// Bytes that a codec may take as a block.
#[derive(Debug, Clone, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Block;
        impl Visitor<'_> for Block {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Block)
    }
}
