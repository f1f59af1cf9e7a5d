//! Free Spoken Digit Dataset: `<digit>_<speaker>_<index>.wav` in one folder.
//!
//! Official split: index 0 to 4 is the test set, the rest training, so every speaker is on both sides; validation is
//! then a share of the training recordings, the same from every speaker and digit.

use std::path::{Path, PathBuf};

use super::folder::{entries, stem};
use super::recordings::Recordings;
use super::{Clip, Found, Source, Usual};
use crate::DataError;

/// Recordings in the published set.
const PUBLISHED: usize = 3_000;
/// The official test set: indices below this.
const TEST_INDICES: u32 = 5;
const NAMES: &str = "<digit>_<speaker>_<index>.wav, such as 7_jackson_32.wav";

/// A recording and what its name says.
struct Recording {
    path: PathBuf,
    digit: usize,
    speaker: String,
    index: u32,
}

pub(crate) fn find(root: &Path) -> Result<Found, DataError> {
    let mut notes = Vec::new();
    let recordings = recordings(root, &mut notes)?;
    if recordings.len() != PUBLISHED {
        notes.push(format!("{} recordings; the published set has {PUBLISHED}", recordings.len()));
    }
    let (test, train): (Vec<_>, Vec<_>) = recordings.into_iter().partition(|r| r.index < TEST_INDICES);
    Ok(Found {
        name: "fsdd".to_owned(),
        classes: (0..10).map(|digit| digit.to_string()).collect(),
        train: train.into_iter().map(clip).collect(),
        test: Some(test.into_iter().map(clip).collect()),
        usual: Usual::Share,
        notes,
        split_notes: vec![
            "official split: index 0 to 4 is the test set, the same speakers are in training".to_owned(),
        ],
        ..Found::default()
    })
}

fn recordings(root: &Path, notes: &mut Vec<String>) -> Result<Vec<Recording>, DataError> {
    let inner = root.join("recordings");
    let folder = if inner.is_dir() { inner } else { root.to_path_buf() };
    let expected = format!("the recordings of FSDD, {NAMES}");
    // Whether there is such a folder, and something in it.
    entries(&folder, &expected)?;
    let mut found = Recordings::default();
    // Two spellings of a number are one recording.
    found.take(&folder, "", |path| parse(path).map(|r| format!("{}_{}_{}", r.digit, r.speaker, r.index)))?;
    notes.extend(found.note("the recordings"));
    let mut recordings = found.files().values().map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
    if recordings.is_empty() {
        return Err(DataError::Folder { path: folder, found: "no wav or flac file".to_owned(), expected });
    }
    recordings.sort_by(|a, b| (&a.speaker, a.digit, a.index).cmp(&(&b.speaker, b.digit, b.index)));
    Ok(recordings)
}

fn parse(path: &Path) -> Result<Recording, DataError> {
    let name = stem(path);
    let parse = || {
        let (digit, rest) = name.split_once('_')?;
        let (speaker, index) = rest.rsplit_once('_')?;
        let digit = digit.parse().ok().filter(|digit| *digit < 10)?;
        let index = index.parse().ok()?;
        let speaker = (!speaker.is_empty()).then(|| speaker.to_owned())?;
        Some(Recording { path: path.to_path_buf(), digit, speaker, index })
    };
    parse().ok_or_else(|| DataError::FileName { path: path.to_path_buf(), expected: NAMES.to_owned() })
}

fn clip(recording: Recording) -> Clip {
    Clip {
        id: stem(&recording.path),
        source: Source::File(recording.path),
        label: recording.digit,
        speaker: recording.speaker,
    }
}
