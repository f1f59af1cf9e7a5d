//! Free Spoken Digit Dataset: `<digit>_<speaker>_<index>.wav` in one folder.
//!
//! Official split: index 0 to 4 is the test set, the rest training, so every speaker is on both sides; validation is a
//! share of the training recordings, the same from every speaker and digit. With `leave_out` the test set is everything
//! that speaker said, and validation everything of the next speaker in the alphabet (after the last comes the first):
//! selection then also happens on an unseen speaker.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::folder::{entries, sounds, stem};
use super::{Clip, Plan, Source};
use crate::random::{generator, shuffle};
use crate::{DataConfig, DataError};

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

pub(crate) fn plan(config: &DataConfig, root: &Path) -> Result<Plan, DataError> {
    let recordings = recordings(root)?;
    let mut notes = Vec::new();
    if recordings.len() != PUBLISHED {
        notes.push(format!("{} recordings; the published set has {PUBLISHED}", recordings.len()));
    }
    let plan = match &config.leave_out {
        Some(speaker) => leave_out(recordings, root, speaker, notes)?,
        None => official(recordings, config, notes),
    };
    Ok(Plan { classes: (0..10).map(|digit| digit.to_string()).collect(), ..plan })
}

fn recordings(root: &Path) -> Result<Vec<Recording>, DataError> {
    let inner = root.join("recordings");
    let folder = if inner.is_dir() { inner } else { root.to_path_buf() };
    let expected = format!("the recordings of FSDD, {NAMES}");
    let found = entries(&folder, &expected)?;
    let mut recordings = sounds(&found).map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
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

fn official(recordings: Vec<Recording>, config: &DataConfig, mut notes: Vec<String>) -> Plan {
    let (mut train, mut validation, mut test) = (Vec::new(), Vec::new(), Vec::new());
    let mut groups: BTreeMap<(usize, String), Vec<Recording>> = BTreeMap::new();
    for recording in recordings {
        if recording.index < TEST_INDICES {
            test.push(clip(recording));
        } else {
            groups.entry((recording.digit, recording.speaker.clone())).or_default().push(recording);
        }
    }
    // Rounding is carried from group to group, so that the share holds for the whole as well as it can.
    let mut seen = 0_usize;
    for (stream, (_, group)) in groups.into_iter().enumerate() {
        seen += group.len();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
        let due = (seen as f64 * config.validation_share).round() as usize - validation.len();
        let mut order: Vec<usize> = (0..group.len()).collect();
        shuffle(&mut order, &mut generator(config.split_seed, stream as u64));
        let held_out: BTreeSet<usize> = order.into_iter().take(due).collect();
        for (place, recording) in group.into_iter().enumerate() {
            if held_out.contains(&place) { &mut validation } else { &mut train }.push(clip(recording));
        }
    }
    notes.push(format!(
        "official split: index 0 to 4 is the test set, the same speakers are in training; validation is {} of the \
         training recordings, drawn per digit and speaker (seed {})",
        percent(config.validation_share),
        config.split_seed
    ));
    Plan { name: "fsdd".to_owned(), train, validation, test: Some(test), notes, ..Plan::default() }
}

fn leave_out(
    recordings: Vec<Recording>,
    root: &Path,
    speaker: &str,
    mut notes: Vec<String>,
) -> Result<Plan, DataError> {
    let speakers: BTreeSet<String> = recordings.iter().map(|r| r.speaker.clone()).collect();
    let speakers: Vec<String> = speakers.into_iter().collect();
    let Some(place) = speakers.iter().position(|known| known == speaker) else {
        return Err(DataError::UnknownSpeaker { found: speaker.to_owned(), known: speakers });
    };
    if speakers.len() < 3 {
        return Err(DataError::TooFewSpeakers {
            path: root.to_path_buf(),
            found: speakers.len(),
            expected: 3,
            purpose: "to leave one out for testing and one for validation".to_owned(),
        });
    }
    let selector = &speakers[(place + 1) % speakers.len()];
    let (mut train, mut validation, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for recording in recordings {
        let split = if recording.speaker == speaker {
            &mut test
        } else if recording.speaker == *selector {
            &mut validation
        } else {
            &mut train
        };
        split.push(clip(recording));
    }
    notes
        .push(format!("test on speaker {speaker}, validation on speaker {selector}, training on all others"));
    Ok(Plan {
        name: format!("fsdd-{speaker}"),
        train,
        validation,
        test: Some(test),
        notes,
        ..Plan::default()
    })
}

fn clip(recording: Recording) -> Clip {
    Clip {
        id: stem(&recording.path),
        source: Source::File(recording.path),
        label: recording.digit,
        speaker: recording.speaker,
    }
}

fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0).replace(".000", "")
}
