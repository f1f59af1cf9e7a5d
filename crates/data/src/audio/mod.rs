//! Sound files: wav and FLAC to one channel of `f32`.
//!
//! ```
//! use colearn_data::audio;
//!
//! let clips = audio::decode_flac(colearn_digits::TEST_FLAC, "test.flac").unwrap();
//! assert_eq!(clips.rate, colearn_digits::SAMPLE_RATE);
//! assert!(clips.samples.iter().all(|s| (-1.0..=1.0).contains(s)));
//! ```

mod flac;
mod wav;

pub use flac::decode_flac;
pub use wav::decode_wav;

use std::path::Path;

use crate::DataError;

/// Lowest sample rate accepted, in Hz.
pub const LOWEST_RATE: u32 = 8_000;
/// Highest sample rate accepted, in Hz.
pub const HIGHEST_RATE: u32 = 384_000;
/// Longest recording accepted, in samples of one channel: a guard against files that claim absurd sizes.
pub const LONGEST: usize = 1 << 26;

/// Largest floating-point sample accepted: far above full scale (1), far below where a power could overflow.
pub const LOUDEST: f32 = 65_536.0;

/// Sound in one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Samples in [-1, 1]: integers are divided by 2^(bits − 1), several channels averaged. Floating-point files are
    /// taken as they are, up to ±[`LOUDEST`].
    pub samples: Vec<f32>,
    /// Samples per second.
    pub rate: u32,
}

/// Read a `.wav` or `.flac` file.
///
/// # Errors
/// [`DataError::Io`] when the file cannot be read, [`DataError::Audio`] when it is a folder, has another extension or
/// its content cannot be decoded.
pub fn read_audio(path: &Path) -> Result<Audio, DataError> {
    let name = path.display().to_string();
    let io = |source| DataError::Io { path: path.to_path_buf(), source };
    let facts = std::fs::metadata(path).map_err(io)?;
    if facts.is_dir() {
        return Err(audio_error(&name, "a folder", "a sound file"));
    }
    if !facts.is_file() {
        return Err(audio_error(&name, "a device or a pipe", "a sound file"));
    }
    let Some(kind) = Kind::of(path) else {
        return Err(audio_error(&name, "another kind of file", "the extension wav or flac"));
    };
    if facts.len() > 8 * LONGEST as u64 {
        return Err(audio_error(&name, format!("{} bytes", facts.len()), "a single clip"));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    match kind {
        Kind::Wav => decode_wav(&bytes, &name),
        Kind::Flac => decode_flac(&bytes, &name),
    }
}

/// Whether the extension of `path` is one that [`read_audio`] takes.
#[must_use]
pub fn is_audio(path: &Path) -> bool {
    Kind::of(path).is_some()
}

enum Kind {
    Wav,
    Flac,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?;
        if extension.eq_ignore_ascii_case("wav") {
            Some(Self::Wav)
        } else if extension.eq_ignore_ascii_case("flac") {
            Some(Self::Flac)
        } else {
            None
        }
    }
}

fn audio_error(file: &str, found: impl Into<String>, expected: impl Into<String>) -> DataError {
    DataError::Audio { file: file.to_owned(), found: found.into(), expected: expected.into() }
}

/// What both formats must satisfy before anything is decoded.
fn check_format(name: &str, rate: u32, channels: u32) -> Result<(), DataError> {
    if !(LOWEST_RATE..=HIGHEST_RATE).contains(&rate) {
        let expected = format!("a sample rate of {LOWEST_RATE} to {HIGHEST_RATE} Hz");
        return Err(audio_error(name, format!("a sample rate of {rate} Hz"), expected));
    }
    if channels == 0 {
        return Err(audio_error(name, "no channel", "at least one channel"));
    }
    Ok(())
}

/// 2^(bits − 1), exact for the sizes accepted here.
fn full_scale(bits: u32) -> f32 {
    (1_u64 << (bits - 1)) as f32
}

#[cfg(test)]
mod tests;
