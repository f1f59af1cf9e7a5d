//! The embedded corpus of synthesised digits.

use std::sync::Arc;

use serde::Deserialize;

use super::{Clip, Found, Source};
use crate::DataError;
use crate::audio::{Audio, decode_flac};

/// One line of an index.
#[derive(Deserialize)]
struct Row {
    start: usize,
    samples: usize,
    class: String,
    voice: String,
}

/// Twenty classes, English before German.
fn classes() -> Vec<String> {
    ["en", "de"].iter().flat_map(|language| (0..10).map(move |digit| format!("{language}-{digit}"))).collect()
}

pub(crate) fn find() -> Result<Found, DataError> {
    use colearn_digits::{TEST_CSV, TEST_FLAC, TRAIN_CSV, TRAIN_FLAC, VALIDATION_CSV, VALIDATION_FLAC};
    let classes = classes();
    let (train, (validation, test)) = rayon::join(
        || clips("train", TRAIN_FLAC, TRAIN_CSV, &classes),
        || {
            (
                clips("validation", VALIDATION_FLAC, VALIDATION_CSV, &classes),
                clips("test", TEST_FLAC, TEST_CSV, &classes),
            )
        },
    );
    Ok(Found {
        name: "digits".to_owned(),
        train: train?,
        validation: Some(validation?),
        test: Some(test?),
        notes: vec![
            "synthesised speech (espeak-ng), nobody was recorded; training, validation and test share no voice"
                .to_owned(),
        ],
        classes,
        ..Found::default()
    })
}

/// The clips of one stream and its index.
pub(super) fn clips(split: &str, flac: &[u8], csv: &str, classes: &[String]) -> Result<Vec<Clip>, DataError> {
    let audio = Arc::new(decode_flac(flac, &format!("{split}.flac"))?);
    let file = format!("{split}.csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut clips = Vec::new();
    for (number, row) in reader.deserialize::<Row>().enumerate() {
        let line = number as u64 + 2;
        let wrong =
            |found: String, expected: String| DataError::Table { file: file.clone(), line, found, expected };
        let row =
            row.map_err(|error| wrong(error.to_string(), "start,samples,class,…,voice,…".to_owned()))?;
        let label = classes.iter().position(|class| *class == row.class).ok_or_else(|| {
            wrong(format!("class {:?}", row.class), format!("one of {}", classes.join(", ")))
        })?;
        let id = format!("{split}-{number:05}");
        clips.push(Clip {
            source: part(&audio, &row).map_err(|(f, e)| wrong(f, e))?,
            label,
            speaker: row.voice,
            id,
        });
    }
    Ok(clips)
}

fn part(audio: &Arc<Audio>, row: &Row) -> Result<Source, (String, String)> {
    match row.start.checked_add(row.samples) {
        Some(end) if end <= audio.samples.len() => {
            Ok(Source::Part { of: Arc::clone(audio), range: row.start..end, gain: 1.0 })
        }
        _ => Err((
            format!("{} samples from {}", row.samples, row.start),
            format!("a part of {} samples", audio.samples.len()),
        )),
    }
}
