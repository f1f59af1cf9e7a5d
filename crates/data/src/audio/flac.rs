//! FLAC by claxon.

use std::io::Cursor;

use claxon::{Block, FlacReader, FlacReaderOptions};

use super::kind::{Kind, kind};
use super::{Audio, FLAC, LONGEST, at_most, audio_error, check_format, full_scale, too_long};
use crate::DataError;

/// Bits of a sample that a frame can name; claxon reads no others.
const DEPTHS: [u32; 5] = [8, 12, 16, 20, 24];

/// Decode the bytes of a FLAC stream; `name` is used in messages. Memory grows with what is really decoded, never with
/// what a header claims. Tags before the stream, and whatever is behind its last sample, are left out.
///
/// # Errors
/// [`DataError::Audio`] when the bytes are no FLAC stream, a frame is damaged, or the stream holds another number of
/// samples than the header promises.
pub fn decode_flac(bytes: &[u8], name: &str) -> Result<Audio, DataError> {
    let stream = match kind(bytes) {
        (Kind::Flac, stream) => stream,
        (other, _) => return Err(other.refused(bytes, name, FLAC)),
    };
    let options = FlacReaderOptions { metadata_only: false, read_vorbis_comment: false };
    let mut reader = FlacReader::new_ext(Cursor::new(stream), options)
        .map_err(|error| audio_error(name, say(&error), FLAC))?;
    let info = reader.streaminfo();
    check_format(name, info.sample_rate, info.channels)?;
    if !DEPTHS.contains(&info.bits_per_sample) {
        let found = format!("{} bits per sample", info.bits_per_sample);
        return Err(audio_error(name, found, "8, 12, 16, 20 or 24 bits per sample"));
    }
    let promised = info.samples.map(|samples| usize::try_from(samples).unwrap_or(usize::MAX));
    if let Some(promised) = promised.filter(|&promised| promised > LONGEST) {
        return Err(audio_error(name, format!("a promise of {promised} samples"), at_most()));
    }
    if promised.is_none() {
        reader = FlacReader::new_ext(Cursor::new(without_id3v1(stream)), options)
            .map_err(|error| audio_error(name, say(&error), FLAC))?;
    }
    let room = promised.unwrap_or(0).min(4 * stream.len());
    let samples = samples(&mut reader, promised, Vec::with_capacity(room), name)?;
    Ok(Audio { samples, rate: info.sample_rate })
}

/// Adds all samples to `samples`, channels averaged.
fn samples(
    reader: &mut FlacReader<Cursor<&[u8]>>,
    promised: Option<usize>,
    mut samples: Vec<f32>,
    name: &str,
) -> Result<Vec<f32>, DataError> {
    let info = reader.streaminfo();
    let expected =
        || promised.map_or_else(|| "whole frames to the end".to_owned(), |n| format!("{n} samples"));
    let scale = 1.0 / (full_scale(info.bits_per_sample) * info.channels as f32);
    let (mut blocks, mut buffer) = (reader.blocks(), Vec::new());
    loop {
        let block = match blocks.read_next_or_eof(buffer) {
            Ok(Some(block)) => block,
            Ok(None) => break,
            // Behind the last sample may be anything but another frame.
            Err(_) if promised == Some(samples.len()) => break,
            Err(error) => {
                let found = format!("{} samples, then {}", samples.len(), say(&error));
                return Err(audio_error(name, found, expected()));
            }
        };
        if block.channels() != info.channels {
            let found = format!("a frame of {} channels", block.channels());
            return Err(audio_error(name, found, format!("{} channels", info.channels)));
        }
        append(&mut samples, &block, scale);
        if samples.len() > LONGEST {
            return Err(audio_error(name, too_long(samples.len(), info.sample_rate), at_most()));
        }
        buffer = block.into_buffer();
    }
    if promised.is_some_and(|promised| promised != samples.len()) {
        return Err(audio_error(name, format!("{} samples", samples.len()), expected()));
    }
    Ok(samples)
}

/// Add one block, channels averaged.
fn append(samples: &mut Vec<f32>, block: &Block, scale: f32) {
    let start = samples.len();
    samples.extend(block.channel(0).iter().map(|&s| s as f32 * scale));
    for channel in 1..block.channels() {
        for (sum, &s) in samples[start..].iter_mut().zip(block.channel(channel)) {
            *sum += s as f32 * scale;
        }
    }
}

/// A stream that does not know its length, without the 128 bytes that some programs put behind it.
fn without_id3v1(stream: &[u8]) -> &[u8] {
    match stream.split_last_chunk::<128>() {
        Some((before, tag)) if tag.starts_with(b"TAG") => before,
        _ => stream,
    }
}

fn say(error: &claxon::Error) -> String {
    match error {
        claxon::Error::IoError(_) => "a file that ends too early".to_owned(),
        claxon::Error::FormatError(what) => format!("broken data ({what})"),
        claxon::Error::Unsupported(what) => format!("an unsupported format ({what})"),
    }
}
