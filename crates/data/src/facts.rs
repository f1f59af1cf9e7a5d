//! What is known of the data of a run: enough to tell later whether other data are the same.
//!
//! Nothing here depends on where a set lies or how its folder is spelled. A clip's *content* is the first 8 bytes of
//! the SHA-256 of what was decoded (sample rate and samples, or times and channels of spikes), so the same sound as wav
//! and as FLAC is the same content, and resampling, which comes later, does not change it.

use std::collections::HashSet;

use colearn_store::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::audio::Audio;
use crate::{Sample, Spikes};

/// What a checkpoint keeps of the data that a network was trained with. Without anything (the default) for data that
/// were put together by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFacts {
    /// Sample rate that features were made at, in Hz; `None` for spikes.
    pub rate: Option<u32>,
    /// Every setting that decides what a network gets of a sample, with the value that was used: keys of the
    /// configuration, in order.
    pub front_end: Vec<(String, String)>,
    /// SHA-256 in hexadecimal digits of classes, labels and contents, whatever the splits are.
    pub set: String,
    /// The splits there are: `train`, `validation` and perhaps `test`.
    pub splits: Vec<SplitFacts>,
}

/// What is known of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitFacts {
    /// `train`, `validation` or `test`.
    pub name: String,
    /// SHA-256 in hexadecimal digits of names, labels and contents of the samples, in their order.
    pub fingerprint: String,
    /// The content of each sample.
    pub contents: Vec<u64>,
}

/// Something in which data differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs, such as `data.high_hz` or `the training split`.
    pub what: String,
    /// What these data have.
    pub found: String,
    /// What the other data have.
    pub expected: String,
}

impl DataFacts {
    /// Of the splits that there are, by name, each with its samples and their contents.
    pub(crate) fn new(
        rate: Option<u32>,
        front_end: Vec<(String, String)>,
        classes: &[String],
        splits: &[(&str, &[Sample], &[u64])],
    ) -> Self {
        let mut all: Vec<(usize, u64)> = Vec::new();
        for (_, samples, contents) in splits {
            all.extend(samples.iter().map(|sample| sample.label).zip(contents.iter().copied()));
        }
        all.sort_unstable();
        let mut set = Sha256::new();
        for class in classes {
            text(&mut set, class);
        }
        for (label, content) in all {
            set.update((label as u64).to_le_bytes());
            set.update(content.to_le_bytes());
        }
        let splits = splits.iter().map(|(name, samples, contents)| SplitFacts::new(name, samples, contents));
        Self { rate, front_end, set: hex(&set.finalize()), splits: splits.collect() }
    }

    /// Whether anything is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.splits.is_empty()
    }

    /// The split of this name.
    #[must_use]
    pub fn split(&self, name: &str) -> Option<&SplitFacts> {
        self.splits.iter().find(|split| split.name == name)
    }

    /// A line for each split that has samples of the training split in it.
    pub(crate) fn overlaps(&self) -> Vec<String> {
        let Some((train, others)) = self.splits.split_first() else { return Vec::new() };
        let said = others.iter().filter_map(|split| {
            let shared = split.shared_with(train);
            let (name, all) = (&split.name, split.contents.len());
            (shared > 0).then(|| format!("{shared} of {all} samples of the {name} split are in training too"))
        });
        said.collect()
    }

    /// The first thing in which samples become something else for a network than in `expected`.
    #[must_use]
    pub fn other_front_end(&self, expected: &Self) -> Option<Difference> {
        let value = |of: &[(String, String)], key: &str| {
            let found = of.iter().find(|(known, _)| known == key);
            found.map_or_else(|| "nothing".to_owned(), |(_, value)| value.clone())
        };
        self.front_end.iter().chain(&expected.front_end).find_map(|(key, _)| {
            let (found, expected) = (value(&self.front_end, key), value(&expected.front_end, key));
            (found != expected).then(|| Difference { what: format!("data.{key}"), found, expected })
        })
    }

    /// The first thing in which these data are not `expected`.
    #[must_use]
    pub fn difference(&self, expected: &Self) -> Option<Difference> {
        self.other_front_end(expected).or_else(|| {
            let names = self.splits.iter().chain(&expected.splits).map(|split| split.name.as_str());
            names.into_iter().find_map(|name| {
                let (found, expected) = (self.split(name), expected.split(name));
                let same = found.map(|split| &split.fingerprint) == expected.map(|split| &split.fingerprint);
                (!same).then(|| Difference {
                    what: format!("the {name} split"),
                    found: found.map_or_else(|| "none".to_owned(), |split| split.beside(expected)),
                    expected: expected.map_or_else(|| "none".to_owned(), SplitFacts::to_string),
                })
            })
        })
    }
}

impl SplitFacts {
    fn new(name: &str, samples: &[Sample], contents: &[u64]) -> Self {
        let mut fingerprint = Sha256::new();
        for (sample, content) in samples.iter().zip(contents) {
            text(&mut fingerprint, &sample.id);
            fingerprint.update((sample.label as u64).to_le_bytes());
            fingerprint.update(content.to_le_bytes());
        }
        let fingerprint = hex(&fingerprint.finalize());
        Self { name: name.to_owned(), fingerprint, contents: contents.to_vec() }
    }

    /// How many of these samples have a content that `other` has too.
    #[must_use]
    pub fn shared_with(&self, other: &Self) -> usize {
        let known: HashSet<u64> = other.contents.iter().copied().collect();
        self.contents.iter().filter(|content| known.contains(content)).count()
    }

    fn beside(&self, expected: Option<&Self>) -> String {
        let shared = expected.map(|other| format!(", {} of them the same", self.shared_with(other)));
        format!("{self}{}", shared.unwrap_or_default())
    }
}

impl std::fmt::Display for SplitFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} samples with the fingerprint {:.12}", self.contents.len(), self.fingerprint)
    }
}

/// A text that cannot run into the next one.
fn text(digest: &mut Sha256, text: &str) {
    digest.update((text.len() as u64).to_le_bytes());
    digest.update(text.as_bytes());
}

/// Bytes that are hashed at a time.
const BLOCK: usize = 4096;

/// Adds the bytes of `values` to a digest.
fn add<T: Copy, const N: usize>(digest: &mut Sha256, values: &[T], bytes: impl Fn(T) -> [u8; N]) {
    let mut block = [0; BLOCK];
    for values in values.chunks(BLOCK / N) {
        for (place, &value) in block.chunks_exact_mut(N).zip(values) {
            place.copy_from_slice(&bytes(value));
        }
        digest.update(&block[..N * values.len()]);
    }
}

fn first_bytes(digest: Sha256) -> u64 {
    let digest: [u8; 32] = digest.finalize().into();
    u64::from_le_bytes(*digest.first_chunk().expect("32 bytes"))
}

/// The content of a sound as it was decoded.
pub(crate) fn sound_content(audio: &Audio) -> u64 {
    let mut digest = Sha256::new();
    digest.update(audio.rate.to_le_bytes());
    add(&mut digest, &audio.samples, f32::to_le_bytes);
    first_bytes(digest)
}

/// The content of a sample of spikes.
pub(crate) fn spike_content(spikes: &Spikes) -> u64 {
    let mut digest = Sha256::new();
    add(&mut digest, spikes.times_s(), f32::to_le_bytes);
    add(&mut digest, spikes.units(), u16::to_le_bytes);
    first_bytes(digest)
}
