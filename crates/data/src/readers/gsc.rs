//! Google Speech Commands (P. Warden 2018): `<word>/<speaker hash>_nohash_<n>.wav`, v0.01 with 30 words, v0.02 with 35.
//!
//! Splits: the published lists `validation_list.txt` and `testing_list.txt`, or the rule they were made by: SHA-1 of the
//! file's name up to `_nohash_`, as a whole number modulo 2²⁷, in percent of 2²⁷ − 1; below 10 is validation, below 20
//! test, the rest training. All clips of a speaker thus share a split.
//!
//! Twelve classes: ten words; `unknown`, a sample of the clips of all other words, a tenth as many as the ten words
//! have in the split; `silence`, as many pieces of one second from `_background_noise_`, each at a random place and
//! with a gain drawn evenly from 0 to 1. Both samples are drawn once, from `split_seed`.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use colearn_store::shown::short;
use ndarray_rand::rand::Rng;
use sha1::{Digest, Sha1};

use super::folder::{entries, stem};
use super::lists::{self, Key, Matcher, Named};
use super::recordings::{Recordings, several};
use super::words::OnDisk;
use super::{Clip, Found, Plan, Source};
use crate::audio::{Audio, read_audio};
use crate::random::{generator, shuffle};
use crate::{DataConfig, DataError, SplitRule, Task};

pub(crate) const LISTS: [&str; 2] = ["validation_list.txt", "testing_list.txt"];
const TEN: [&str; 10] = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"];
const NOISE: &str = "_background_noise_";
/// Words and clips of the published versions.
const PUBLISHED: [(&str, usize, usize); 2] = [("v0.01", 30, 64_721), ("v0.02", 35, 105_829)];

pub(crate) fn find(config: &DataConfig, root: &Path) -> Result<Found, DataError> {
    let on_disk = OnDisk::scan(root, &[NOISE])?;
    let mut found = Found { name: "gsc".to_owned(), notes: on_disk.notes.clone(), ..Found::default() };
    found.notes.extend(count_note(&on_disk));
    found.notes.extend(lists::not_read(root, &LISTS));
    let rule = Rule::of(config, root, &on_disk, &mut found.split_notes)?;
    let (mut validation, mut test, mut train) = (Vec::new(), Vec::new(), Vec::new());
    for key in on_disk.files.keys() {
        match rule.place(key) {
            Place::Validation => validation.push(key),
            Place::Test => test.push(key),
            Place::Train => train.push(key),
        }
    }
    found.train = on_disk.clips(train);
    found.validation = Some(on_disk.clips(validation));
    found.test = Some(on_disk.clips(test));
    found.classes = on_disk.classes;
    Ok(found)
}

/// What differs from the published set.
fn count_note(on_disk: &OnDisk) -> Option<String> {
    let (words, clips) = (on_disk.classes.len(), on_disk.files.len());
    if PUBLISHED.iter().any(|(_, w, c)| (*w, *c) == (words, clips)) {
        return None;
    }
    let known: Vec<String> =
        PUBLISHED.iter().map(|(version, words, clips)| format!("{version}: {words} and {clips}")).collect();
    Some(format!("{words} words and {clips} clips; the published sets have {}", known.join(", ")))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Train,
    Validation,
    Test,
}

/// What decides where a clip belongs.
enum Rule {
    Lists { validation: HashSet<Key>, test: HashSet<Key> },
    Hash,
}

impl Rule {
    fn of(
        config: &DataConfig,
        root: &Path,
        on_disk: &OnDisk,
        notes: &mut Vec<String>,
    ) -> Result<Self, DataError> {
        let paths = LISTS.map(|list| root.join(list));
        if config.split == SplitRule::Hash || !paths.iter().any(|path| path.exists()) {
            if config.split != SplitRule::Hash {
                notes.push(format!(
                    "no {}: clips are split by the hash of their speakers",
                    LISTS.join(", no ")
                ));
            }
            return Ok(Self::Hash);
        }
        let matcher = Matcher::new(&on_disk.files);
        let [validation, test] = &paths;
        let (validation, test) = (read_list(validation, &matcher)?, read_list(test, &matcher)?);
        lists::no_near_miss(&[&validation, &test])?;
        notes.extend([&validation, &test].into_iter().filter_map(Named::folded_note));
        let sets = [&validation, &test]
            .map(|list| list.clips.iter().map(|(key, _)| (*key).clone()).collect::<HashSet<Key>>());
        if let Some((word, name)) = sets[0].intersection(&sets[1]).min() {
            return Err(DataError::FoundTwice {
                file: format!("{word}/{name}"),
                first: LISTS[0].to_owned(),
                second: LISTS[1].to_owned(),
            });
        }
        let missing = validation.missing + test.missing;
        if let Some(first) = validation.first_missing.or(test.first_missing) {
            // A line that comes twice is one clip.
            let listed = missing + sets[0].len() + sets[1].len();
            notes.push(format!("{missing} of {listed} listed clips are not there, the first is {first}"));
        }
        let [validation, test] = sets;
        Ok(Self::Lists { validation, test })
    }

    fn place(&self, key: &Key) -> Place {
        match self {
            Self::Lists { validation, .. } if validation.contains(key) => Place::Validation,
            Self::Lists { test, .. } if test.contains(key) => Place::Test,
            Self::Lists { .. } => Place::Train,
            Self::Hash => by_hash(&key.1),
        }
    }
}

/// A published list: a line `<word>/<file>` a clip.
fn read_list<'a>(path: &Path, matcher: &Matcher<'a>) -> Result<Named<'a>, DataError> {
    let text = lists::read(path)?;
    let mut named = Named::new(path);
    for (line, listed) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
        let parts = lists::parts(listed).ok_or_else(|| DataError::Table {
            file: path.display().to_string(),
            line,
            found: format!("\"{}\"", short(listed)),
            expected: "<word>/<file>, such as bed/0c40e715_nohash_0.wav".to_owned(),
        })?;
        named.add(matcher, line, listed, parts);
    }
    Ok(named)
}

/// The rule of the lists: see the [module](self). `name` is a file's name without extension.
fn by_hash(name: &str) -> Place {
    const MODULUS: u64 = 1 << 27;
    let speaker = name.split_once("_nohash_").map_or(name, |(speaker, _)| speaker);
    let digest = Sha1::digest(speaker.as_bytes());
    // The last 27 bits of the 160.
    let last = digest[16..].iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte)) % MODULUS;
    match last as f64 * (100.0 / (MODULUS - 1) as f64) {
        share if share < 10.0 => Place::Validation,
        share if share < 20.0 => Place::Test,
        _ => Place::Train,
    }
}

/// The plan for the configured task.
pub(crate) fn for_task(config: &DataConfig, mut plan: Plan) -> Result<Plan, DataError> {
    if config.task == Task::All {
        return Ok(plan);
    }
    if let Some(absent) = TEN.iter().find(|word| !plan.classes.iter().any(|class| class == *word)) {
        return Err(DataError::Config {
            key: "task",
            found: format!("twelve, but the set has no word {absent:?}"),
            expected: format!("a set with the words {}", TEN.join(", ")),
        });
    }
    let root = config.folder()?;
    let noise = noises(root, &mut plan.notes)?;
    let classes = std::mem::take(&mut plan.classes);
    plan.classes = TEN.iter().copied().chain(["unknown", "silence"]).map(str::to_owned).collect();
    plan.name = format!("{}-12", plan.name);
    let parts = [Some(&mut plan.parts.train), Some(&mut plan.parts.validation), plan.parts.test.as_mut()];
    for (stream, clips) in parts.into_iter().enumerate() {
        if let Some(clips) = clips {
            *clips = twelve(std::mem::take(clips), &classes, &noise, config.split_seed, stream as u64);
        }
    }
    plan.notes.push(format!(
        "twelve classes: \"unknown\" and \"silence\" are each a tenth of the ten words in a split (seed {})",
        config.split_seed
    ));
    Ok(plan)
}

/// The recordings of background noise; shorter ones than a second are left out.
fn noises(root: &Path, notes: &mut Vec<String>) -> Result<Vec<(String, Arc<Audio>)>, DataError> {
    let folder = root.join(NOISE);
    let expected = "recordings of background noise, of at least one second";
    // Whether there is such a folder, and something in it.
    entries(&folder, expected)?;
    let mut recordings = Recordings::default();
    let all = recordings.take(&folder, NOISE, |path| Ok(stem(path)))?;
    notes.extend(recordings.note(NOISE));
    let mut noises = Vec::new();
    for ((_, name), path) in recordings.files() {
        let audio = read_audio(&path)?;
        if audio.samples.len() >= audio.rate as usize {
            noises.push((name, Arc::new(audio)));
        }
    }
    if noises.is_empty() {
        let found = "no sound of at least one second".to_owned();
        return Err(DataError::Folder { path: folder, found, expected: expected.to_owned() });
    }
    if noises.len() < all {
        let short = several(all - noises.len(), "recording");
        notes.push(format!("{short} of {NOISE} shorter than a second: left out"));
    }
    Ok(noises)
}

/// One split in twelve classes.
fn twelve(
    clips: Vec<Clip>,
    classes: &[String],
    noises: &[(String, Arc<Audio>)],
    seed: u64,
    stream: u64,
) -> Vec<Clip> {
    let mut rng = generator(seed ^ 0x7477_656c_7665, stream);
    let label = |clip: &Clip| TEN.iter().position(|word| *word == classes[clip.label]);
    let (mut known, mut unknown): (Vec<Clip>, Vec<Clip>) =
        clips.into_iter().partition(|c| label(c).is_some());
    for clip in &mut known {
        clip.label = label(clip).expect("just asked");
    }
    let tenth = known.len().div_ceil(10);
    shuffle(&mut unknown, &mut rng);
    unknown.truncate(tenth);
    for clip in &mut unknown {
        clip.label = TEN.len();
    }
    known.append(&mut unknown);
    known.extend((0..tenth).map(|number| {
        let (name, audio) = &noises[rng.random_range(0..noises.len())];
        let second = audio.rate as usize;
        let start = rng.random_range(0..=audio.samples.len() - second);
        Clip {
            source: Source::Part {
                of: Arc::clone(audio),
                range: start..start + second,
                gain: rng.random::<f32>(),
            },
            label: TEN.len() + 1,
            speaker: NOISE.to_owned(),
            id: format!("silence/{stream}-{number}-{name}"),
        }
    }));
    known
}
