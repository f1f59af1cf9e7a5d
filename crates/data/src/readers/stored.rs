//! Spikes of a whole set: one pass that checks and counts everything, and keeps it where memory allows.

use std::sync::Arc;

use rayon::prelude::*;

use super::extract::Known;
use super::{Clip, Source};
use crate::binning::Binning;
use crate::facts::spike_content;
use crate::splits::Parts;
use crate::{Content, DataError, Spikes};

/// Bytes that one spike takes in memory.
const SPIKE_BYTES: u64 = 6;

/// What the pass found.
#[derive(Debug, Default)]
struct Tally {
    spikes: u64,
    late: u64,
    late_samples: u64,
    unsorted: u64,
    first_unsorted: Option<String>,
    /// Most steps of a sample.
    rows: usize,
}

/// The spikes of a split or where they are, and the most steps of a sample.
pub(super) type Stored = (Vec<Known>, usize);

/// The spikes of training, validation and test, or where they are; `memory` bytes of spikes may be kept.
pub(super) fn load(
    parts: &Parts,
    binning: &Binning,
    memory: u64,
    notes: &mut Vec<String>,
) -> Result<[Option<Stored>; 3], DataError> {
    let all = [Some(&parts.train), Some(&parts.validation), parts.test.as_ref()];
    let bytes: u64 = all.into_iter().flatten().flatten().map(spike_bytes).sum();
    let fits = bytes <= memory;
    let mut tally = Tally::default();
    let mut read = |clips: &[Clip]| -> Result<Stored, DataError> {
        let found: Vec<_> = clips.par_iter().map(|clip| read_clip(clip, binning, fits)).collect();
        let mut most = 0;
        let contents = found.into_iter().zip(clips).map(|(result, clip)| {
            let (spikes, content, one) = result?;
            tally.add(&one, clip);
            most = most.max(one.rows);
            Ok((spikes.map_or_else(|| stored(clip), Content::Spikes), content))
        });
        let contents = contents.collect::<Result<Vec<Known>, DataError>>()?;
        Ok((contents, most))
    };
    let train = read(&parts.train)?;
    let validation = read(&parts.validation)?;
    let test = parts.test.as_deref().map(&mut read).transpose()?;
    tally.report(binning, notes);
    if !fits {
        notes.push(format!(
            "{} MB of spikes are more than the {} MB that may stay in memory: they are read from the files batch by \
             batch",
            bytes >> 20,
            memory >> 20
        ));
    }
    Ok([Some(train), Some(validation), test])
}

/// Bytes that the spikes of a clip take in memory.
fn spike_bytes(clip: &Clip) -> u64 {
    let Source::Spikes { file, index } = &clip.source else { unreachable!("sets of spikes hold no sound") };
    file.spike_count(*index) as u64 * SPIKE_BYTES
}

/// The spikes of one sample if they are to be kept, its content, and what is to be counted.
fn read_clip(clip: &Clip, binning: &Binning, keep: bool) -> Result<(Option<Spikes>, u64, Tally), DataError> {
    let Source::Spikes { file, index } = &clip.source else { unreachable!("sets of spikes hold no sound") };
    let (spikes, unsorted) = file.read(*index, binning.channels)?;
    let late = binning.late(&spikes) as u64;
    let tally = Tally {
        spikes: spikes.len() as u64,
        late,
        late_samples: u64::from(late > 0),
        unsorted: u64::from(unsorted),
        first_unsorted: None,
        rows: binning.rows(&spikes),
    };
    let content = spike_content(&spikes);
    Ok((keep.then_some(spikes), content, tally))
}

fn stored(clip: &Clip) -> Content {
    let Source::Spikes { file, index } = &clip.source else { unreachable!("sets of spikes hold no sound") };
    Content::Stored { file: Arc::clone(file), index: *index }
}

impl Tally {
    fn add(&mut self, one: &Self, clip: &Clip) {
        self.spikes += one.spikes;
        self.late += one.late;
        self.late_samples += one.late_samples;
        self.unsorted += one.unsorted;
        if one.unsorted > 0 {
            let Source::Spikes { file, index } = &clip.source else {
                unreachable!("sets of spikes hold no sound")
            };
            self.first_unsorted.get_or_insert_with(|| format!("{}, sample {index}", file.name()));
        }
    }

    fn report(&self, binning: &Binning, notes: &mut Vec<String>) {
        if let Some(first) = &self.first_unsorted {
            notes.push(format!(
                "{}: found spikes out of order, in {} samples in all; expected rising times; they were sorted",
                first, self.unsorted
            ));
        }
        if self.late > 0 {
            notes.push(format!(
                "{} of {} spikes ({:.2} %), in {} samples, lie after the last of {} steps of {:.4} s and are cut",
                self.late,
                self.spikes,
                100.0 * self.late as f64 / self.spikes as f64,
                self.late_samples,
                binning.steps,
                binning.step_s
            ));
        }
    }
}
