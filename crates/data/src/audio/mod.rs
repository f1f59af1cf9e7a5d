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
mod kind;
mod riff;
mod wav;

pub use flac::decode_flac;
pub use wav::decode_wav;

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;

use colearn_store::open_regular;

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

/// Most bytes of a file: [`LONGEST`] samples of two channels and 32 bits.
pub(crate) const LARGEST: u64 = 8 * LONGEST as u64;
const WAV: &str = "a wav file (RIFF, RF64 or BW64)";
const FLAC: &str = "a FLAC stream (header fLaC)";

/// Read a `.wav` or `.flac` file. Which of the two it is its content says.
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
    if !is_audio(path) {
        return Err(audio_error(&name, "another kind of file", "the extension wav or flac"));
    }
    let fits = |length: u64| {
        let expected = || format!("at most {LARGEST} bytes, the largest sound file that is read");
        if length <= LARGEST {
            Ok(())
        } else {
            Err(audio_error(&name, format!("{length} bytes"), expected()))
        }
    };
    fits(facts.len())?;
    let mut bytes = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
    // The file may grow while it is read.
    open_regular(path)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(io)?;
    fits(bytes.len() as u64)?;
    decode(&bytes, &name)
}

/// Decode the bytes of a wav or FLAC file, whichever they are; `name` is used in messages.
///
/// # Errors
/// As [`decode_wav`] and [`decode_flac`].
pub fn decode(bytes: &[u8], name: &str) -> Result<Audio, DataError> {
    match kind::kind(bytes).0 {
        kind::Kind::Wav => decode_wav(bytes, name),
        kind::Kind::Flac => decode_flac(bytes, name),
        other => Err(other.refused(bytes, name, &format!("{WAV} or {FLAC}"))),
    }
}

/// Whether the extension of `path` is one that [`read_audio`] takes.
#[must_use]
pub fn is_audio(path: &Path) -> bool {
    let fits = |extension: &OsStr| ["wav", "flac"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    path.extension().is_some_and(fits)
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

/// The complaint about a recording of `samples` in one channel.
fn too_long(samples: usize, rate: u32) -> String {
    format!("a recording of {samples} samples ({} s)", samples as u64 / u64::from(rate))
}

fn at_most() -> String {
    format!("at most {LONGEST} samples, the longest recording that is read")
}

/// 2^(bits − 1), exact for the sizes accepted here.
fn full_scale(bits: u32) -> f32 {
    (1_u64 << (bits - 1)) as f32
}

#[cfg(test)]
mod tests;
