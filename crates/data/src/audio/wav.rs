//! Wav by hound: integers of 8, 16, 24 or 32 bits and 32-bit floating point.

use std::io::Cursor;

use hound::{SampleFormat, WavReader};

use super::{Audio, LONGEST, LOUDEST, audio_error, check_format, full_scale};
use crate::DataError;

/// Decode the bytes of a wav file; `name` is used in messages.
///
/// # Errors
/// [`DataError::Audio`] when the header is not a wav header, the format is not supported, or fewer samples follow than
/// the header promises.
pub fn decode_wav(bytes: &[u8], name: &str) -> Result<Audio, DataError> {
    const EXPECTED: &str = "a wav file (RIFF header, PCM or IEEE float)";
    if bytes.is_empty() {
        return Err(audio_error(name, "an empty file (0 bytes)", EXPECTED));
    }
    let reader =
        WavReader::new(Cursor::new(bytes)).map_err(|error| audio_error(name, say(&error), EXPECTED))?;
    let spec = reader.spec();
    check_format(name, spec.sample_rate, u32::from(spec.channels))?;
    let promised = reader.len() as usize;
    let present = bytes.len() / usize::from(spec.bits_per_sample.div_ceil(8)).max(1);
    if promised > present || promised / usize::from(spec.channels) > LONGEST {
        let found = format!("{} bytes", bytes.len());
        return Err(audio_error(name, found, format!("{promised} samples, as the header says")));
    }
    let interleaved = match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Int, bits @ (8 | 16 | 24 | 32)) => {
            let scale = 1.0 / full_scale(u32::from(bits));
            #[expect(clippy::cast_precision_loss, reason = "32-bit samples are rounded to f32 on purpose")]
            collect(reader.into_samples::<i32>().map(|s| s.map(|s| s as f32 * scale)), promised, name)?
        }
        (SampleFormat::Float, 32) => {
            let samples = collect(reader.into_samples::<f32>(), promised, name)?;
            if let Some(bad) = samples.iter().find(|s| !(-LOUDEST..=LOUDEST).contains(*s)) {
                let expected = format!("finite samples of at most {LOUDEST}");
                return Err(audio_error(name, format!("a sample of {bad}"), expected));
            }
            samples
        }
        (format, bits) => {
            let found = format!("{bits}-bit {format:?} samples");
            return Err(audio_error(name, found, "integers of 8, 16, 24 or 32 bits, or 32-bit floats"));
        }
    };
    Ok(Audio { samples: average(interleaved, usize::from(spec.channels)), rate: spec.sample_rate })
}

/// The samples of one channel out of frames of `channels`.
fn average(interleaved: Vec<f32>, channels: usize) -> Vec<f32> {
    if channels == 1 {
        return interleaved;
    }
    interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect()
}

fn collect(
    samples: impl Iterator<Item = hound::Result<f32>>,
    promised: usize,
    name: &str,
) -> Result<Vec<f32>, DataError> {
    let mut all = Vec::with_capacity(promised);
    for sample in samples {
        let sample = sample.map_err(|error| {
            let found = format!("{} samples ({})", all.len(), say(&error));
            audio_error(name, found, format!("{promised} samples, as the header says"))
        })?;
        all.push(sample);
    }
    Ok(all)
}

fn say(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(_) => "a file that ends too early".to_owned(),
        hound::Error::FormatError(what) => format!("a broken header ({what})"),
        hound::Error::Unsupported => "an unsupported wav format".to_owned(),
        other => other.to_string(),
    }
}
