//! FLAC by claxon.

use std::io::Cursor;

use claxon::{Block, FlacReader, FlacReaderOptions};

use super::{Audio, LONGEST, audio_error, check_format, full_scale};
use crate::DataError;

/// Decode the bytes of a FLAC stream; `name` is used in messages. Memory grows with what is really decoded, never with
/// what a header claims.
///
/// # Errors
/// [`DataError::Audio`] when the bytes are no FLAC stream, a frame is damaged, or fewer samples follow than the header
/// promises.
pub fn decode_flac(bytes: &[u8], name: &str) -> Result<Audio, DataError> {
    const EXPECTED: &str = "a FLAC stream (header fLaC)";
    if bytes.is_empty() {
        return Err(audio_error(name, "an empty file (0 bytes)", EXPECTED));
    }
    let options = FlacReaderOptions { metadata_only: false, read_vorbis_comment: false };
    let mut reader = FlacReader::new_ext(Cursor::new(bytes), options)
        .map_err(|error| audio_error(name, say(&error), EXPECTED))?;
    let info = reader.streaminfo();
    check_format(name, info.sample_rate, info.channels)?;
    if !(4..=32).contains(&info.bits_per_sample) {
        let found = format!("{} bits per sample", info.bits_per_sample);
        return Err(audio_error(name, found, "4 to 32 bits per sample"));
    }
    let promised = info.samples.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
    if promised > LONGEST {
        return Err(audio_error(name, format!("a promise of {promised} samples"), at_most()));
    }
    let scale = 1.0 / (full_scale(info.bits_per_sample) * info.channels as f32);
    let mut samples = Vec::with_capacity(promised.min(4 * bytes.len()));
    let (mut blocks, mut buffer) = (reader.blocks(), Vec::new());
    loop {
        let block = match blocks.read_next_or_eof(buffer) {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(error) => {
                let found = format!("{} samples, then {}", samples.len(), say(&error));
                return Err(audio_error(name, found, format!("{promised} samples")));
            }
        };
        if block.channels() != info.channels {
            let found = format!("a frame of {} channels", block.channels());
            return Err(audio_error(name, found, format!("{} channels", info.channels)));
        }
        append(&mut samples, &block, scale);
        if samples.len() > LONGEST {
            return Err(audio_error(name, "more samples than that", at_most()));
        }
        buffer = block.into_buffer();
    }
    if info.samples.is_some() && samples.len() != promised {
        return Err(audio_error(name, format!("{} samples", samples.len()), format!("{promised} samples")));
    }
    Ok(Audio { samples, rate: info.sample_rate })
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

fn at_most() -> String {
    format!("at most {LONGEST} samples")
}

fn say(error: &claxon::Error) -> String {
    match error {
        claxon::Error::IoError(_) => "a file that ends too early".to_owned(),
        claxon::Error::FormatError(what) => format!("broken data ({what})"),
        claxon::Error::Unsupported(what) => format!("an unsupported format ({what})"),
    }
}
