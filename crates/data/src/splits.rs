//! The rules that cut a set: by share, by speaker, one speaker left out.
//!
//! Speakers are put in the order of the alphabet, numbers by value; whatever is drawn depends on the seed and on names
//! alone, not on the order of files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::readers::Clip;
use crate::random::{generator, shuffle};
use crate::{DataError, shortened};

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

/// Validation from recordings: moves `share` of them out of `train`, as evenly as possible from every class and
/// speaker. The last clip of a class stays.
pub(crate) fn hold_out_share(train: &mut Vec<Clip>, share: f64, seed: u64) -> Vec<Clip> {
    let mut groups: BTreeMap<(usize, String), Vec<Clip>> = BTreeMap::new();
    for clip in std::mem::take(train) {
        groups.entry((clip.label, clip.speaker.clone())).or_default().push(clip);
    }
    let mut left: BTreeMap<usize, usize> = BTreeMap::new();
    for ((label, _), group) in &groups {
        *left.entry(*label).or_default() += group.len();
    }
    let (mut seen, mut validation) = (0_usize, Vec::new());
    for (stream, ((label, _), group)) in groups.into_iter().enumerate() {
        // Rounding is carried from group to group, so that the share holds for the whole as well as it can.
        seen += group.len();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
        let due = ((seen as f64 * share).round() as usize).saturating_sub(validation.len());
        let left = left.entry(label).or_default();
        let due = due.min(group.len()).min(left.saturating_sub(1));
        *left -= due;
        let mut order: Vec<usize> = (0..group.len()).collect();
        shuffle(&mut order, &mut generator(seed, stream as u64));
        let held_out: BTreeSet<usize> = order.into_iter().take(due).collect();
        for (place, clip) in group.into_iter().enumerate() {
            if held_out.contains(&place) { &mut validation } else { &mut *train }.push(clip);
        }
    }
    validation
}

/// Divides the clips of every class into training and `parts` splits of `share` each, at least one clip where the class
/// has enough of them; one clip is training, two are training and the first split. What is drawn goes through the
/// speakers in turn. Returns training and the splits, each in the order of `clips`.
pub(crate) fn divide_classes(
    clips: Vec<Clip>,
    share: f64,
    parts: usize,
    seed: u64,
) -> (Vec<Clip>, Vec<Vec<Clip>>) {
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, clip) in clips.iter().enumerate() {
        classes.entry(clip.label).or_default().push(index);
    }
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    for (label, mut class) in classes {
        class.sort_by(|&a, &b| clips[a].id.cmp(&clips[b].id));
        shuffle(&mut class, &mut generator(seed, label as u64));
        let mut turns: BTreeMap<&str, usize> = BTreeMap::new();
        let mut turn = |&index: &usize| {
            let turn = turns.entry(&clips[index].speaker).or_default();
            *turn += 1;
            *turn
        };
        let mut drawn: Vec<(usize, usize)> = class.iter().map(|index| (turn(index), *index)).collect();
        drawn.sort_by_key(|(turn, _)| *turn);
        let parts = parts.min(drawn.len() - 1);
        let each = if parts == 0 { 0 } else { part_of(drawn.len(), share, parts) };
        places.extend(
            drawn[..each * parts].iter().enumerate().map(|(place, (_, index))| (*index, place / each)),
        );
    }
    let (mut train, mut held_out) = (Vec::new(), vec![Vec::new(); parts]);
    for (index, clip) in clips.into_iter().enumerate() {
        places.get(&index).map_or(&mut train, |&part| &mut held_out[part]).push(clip);
    }
    (train, held_out)
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
        shortened(&selectors)
    );
    Ok((Parts { train, validation, test: Some(test) }, note))
}

/// A share in percent, for notes.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0).replace(".000", "")
}
