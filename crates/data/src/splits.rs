//! The rules that cut a set: by share, by speaker, one speaker left out.
//!
//! Speakers are put in the order of the alphabet, numbers by value; whatever is drawn depends on the seed and on names
//! alone, not on the order of files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::readers::Clip;
use crate::DataError;
use crate::random::{generator, shuffle};

/// Training, validation and test.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) train: Vec<Clip>,
    pub(crate) validation: Vec<Clip>,
    pub(crate) test: Option<Vec<Clip>>,
}

/// The speakers of some clips, in order.
pub(crate) fn speakers<'a>(clips: impl IntoIterator<Item = &'a Clip>) -> Vec<String> {
    let names: BTreeSet<&str> = clips.into_iter().map(|clip| clip.speaker.as_str()).collect();
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    // Numbers before names; the sort is stable, so names stay in the order of the alphabet.
    names.sort_by_key(|name| name.parse::<u64>().map_or((true, 0), |number| (false, number)));
    names
}

/// Move the clips of `speakers` out of `clips`.
pub(crate) fn take_speakers(clips: &mut Vec<Clip>, speakers: &[String]) -> Vec<Clip> {
    let wanted: BTreeSet<&str> = speakers.iter().map(String::as_str).collect();
    let (taken, kept) =
        std::mem::take(clips).into_iter().partition(|clip| wanted.contains(clip.speaker.as_str()));
    *clips = kept;
    taken
}

/// `share` of `count`, rounded, at least 1 and at most what leaves one for each of `others` more splits.
pub(crate) fn part_of(count: usize, share: f64, others: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
    let part = (count as f64 * share).round() as usize;
    part.clamp(1, (count.saturating_sub(1) / others.max(1)).max(1))
}

/// The speakers of `clips` in a seeded order.
///
/// # Errors
/// [`DataError::TooFewSpeakers`] when there are fewer than `least`.
pub(crate) fn shuffled_speakers(
    clips: &[Clip],
    seed: u64,
    least: usize,
    purpose: &str,
    root: &Path,
) -> Result<Vec<String>, DataError> {
    let mut speakers = speakers(clips);
    enough(&speakers, least, purpose, root)?;
    shuffle(&mut speakers, &mut generator(seed, 0));
    Ok(speakers)
}

fn enough(speakers: &[String], least: usize, purpose: &str, root: &Path) -> Result<(), DataError> {
    if speakers.len() >= least {
        return Ok(());
    }
    Err(DataError::TooFewSpeakers {
        path: root.to_path_buf(),
        found: speakers.len(),
        expected: least,
        purpose: purpose.to_owned(),
    })
}

/// Validation from whole speakers: moves `share` of the training speakers out of `train`; returns their names too.
pub(crate) fn hold_out_speakers(
    train: &mut Vec<Clip>,
    share: f64,
    seed: u64,
    root: &Path,
) -> Result<(Vec<Clip>, Vec<String>), DataError> {
    let purpose = "to hold some out for validation";
    let mut speakers = shuffled_speakers(train, seed, 2, purpose, root)?;
    speakers.truncate(part_of(speakers.len(), share, 1));
    Ok((take_speakers(train, &speakers), speakers))
}

/// Validation from recordings: moves `share` of them out of `train`, as evenly as possible from every class and
/// speaker.
pub(crate) fn hold_out_share(train: &mut Vec<Clip>, share: f64, seed: u64) -> Vec<Clip> {
    let mut groups: BTreeMap<(usize, String), Vec<Clip>> = BTreeMap::new();
    for clip in std::mem::take(train) {
        groups.entry((clip.label, clip.speaker.clone())).or_default().push(clip);
    }
    let (mut seen, mut validation) = (0_usize, Vec::new());
    for (stream, group) in groups.into_values().enumerate() {
        // Rounding is carried from group to group, so that the share holds for the whole as well as it can.
        seen += group.len();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
        let due = ((seen as f64 * share).round() as usize).saturating_sub(validation.len());
        let mut order: Vec<usize> = (0..group.len()).collect();
        shuffle(&mut order, &mut generator(seed, stream as u64));
        let held_out: BTreeSet<usize> = order.into_iter().take(due).collect();
        for (place, clip) in group.into_iter().enumerate() {
            if held_out.contains(&place) { &mut validation } else { &mut *train }.push(clip);
        }
    }
    validation
}

/// One speaker is the test set; the next `share` of the speakers (at least one) in their order, after the last comes
/// the first, is validation: selection then also happens on unseen speakers.
///
/// # Errors
/// [`DataError::UnknownSpeaker`], [`DataError::TooFewSpeakers`] below three.
pub(crate) fn leave_out(
    clips: Vec<Clip>,
    speaker: &str,
    share: f64,
    root: &Path,
) -> Result<(Parts, String), DataError> {
    let speakers = speakers(&clips);
    let Some(place) = speakers.iter().position(|known| known == speaker) else {
        return Err(DataError::UnknownSpeaker { found: speaker.to_owned(), known: speakers });
    };
    enough(&speakers, 3, "to leave one out for testing and one for validation", root)?;
    let count = part_of(speakers.len(), share, 2);
    let selectors: Vec<String> =
        (1..=count).map(|next| speakers[(place + next) % speakers.len()].clone()).collect();
    let mut train = clips;
    let test = take_speakers(&mut train, &[speaker.to_owned()]);
    let validation = take_speakers(&mut train, &selectors);
    let note = format!(
        "test on speaker {speaker}, validation on speaker{} {}, training on all others",
        if count == 1 { "" } else { "s" },
        selectors.join(", ")
    );
    Ok((Parts { train, validation, test: Some(test) }, note))
}

/// A share in percent, for notes.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0).replace(".000", "")
}
