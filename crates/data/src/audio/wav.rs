//! Wav: integers of up to 32 bits, floats of 32 and 64 bits, A-law and mu-law, plain or WAVE_FORMAT_EXTENSIBLE.
//!
//! Integers whose bits fill no whole bytes lie in the upper bits of the next larger size, as the format's authors
//! say; so do those of EXTENSIBLE whose valid bits are fewer. Fields that can be computed from others (bytes per second,
//! the size of the extension) are not believed.

use std::fmt::{Display, LowerExp};

use super::kind::{Kind, kind};
use super::riff::{chunks, copied};
use super::{Audio, LONGEST, LOUDEST, WAV, at_most, audio_error, check_format, too_long};
use crate::DataError;

/// Decode the bytes of a wav file; `name` is used in messages.
///
/// # Errors
/// [`DataError::Audio`] when the header is not a wav header, the coding is not supported, or fewer samples follow than
/// the header promises.
pub fn decode_wav(bytes: &[u8], name: &str) -> Result<Audio, DataError> {
    let sound = match kind(bytes) {
        (Kind::Wav, sound) => sound,
        (other, _) => return Err(other.refused(bytes, name, WAV)),
    };
    let chunks = chunks(sound, name)?;
    let format = Format::read(chunks.format, name)?;
    check_format(name, format.rate, u32::from(format.channels))?;
    let frame = usize::from(format.channels) * format.width;
    if let Some(promised) = chunks.promised {
        if promised > chunks.data.len() as u64 {
            let found = format!("{} bytes", bytes.len());
            let expected = format!("{} samples, as the header says", promised / format.width as u64);
            return Err(audio_error(name, found, expected));
        }
        if promised % frame as u64 != 0 {
            let expected = format!("whole frames of {frame} bytes ({})", format.describe());
            return Err(audio_error(name, format!("a data chunk of {promised} bytes"), expected));
        }
    }
    // Of a stream without a size an unfinished last frame is left out.
    let frames = chunks.data.len() / frame;
    if frames > LONGEST {
        return Err(audio_error(name, too_long(frames, format.rate), at_most()));
    }
    let samples = format.decode(&chunks.data[..frames * frame]);
    let samples = samples.map_err(|found| {
        let expected = match format.coding {
            Coding::Float => format!("finite samples of at most {LOUDEST}"),
            _ => "samples of 24 bits in the upper or the lower three of four bytes".to_owned(),
        };
        audio_error(name, found, expected)
    })?;
    Ok(Audio { samples, rate: format.rate })
}

/// What a fmt chunk says.
#[derive(Debug)]
struct Format {
    coding: Coding,
    channels: u16,
    rate: u32,
    /// Bytes of a sample.
    width: usize,
    bits: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Integer,
    /// 24 bits in four bytes outside of EXTENSIBLE: the standard does not know it, and programs fill either end.
    Integer24In4,
    Float,
    ALaw,
    MuLaw,
}

/// The end of the identifiers of codings in EXTENSIBLE, after the two bytes that name the coding; the second one is for
/// ambisonic sound.
const SUBFORMATS: [[u8; 14]; 2] = [
    [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71],
    [0, 0, 0x21, 0x07, 0xd3, 0x11, 0x86, 0x44, 0xc8, 0xc1, 0xca, 0, 0, 0],
];
const EXTENSIBLE: u16 = 0xfffe;

impl Format {
    fn read(chunk: &[u8], name: &str) -> Result<Self, DataError> {
        let wrong = |found: String, expected: &str| Err(audio_error(name, found, expected));
        let Some(head) = chunk.first_chunk::<16>() else {
            return wrong(format!("a fmt chunk of {} bytes", chunk.len()), "at least 16 bytes");
        };
        let short = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let (mut tag, channels, block, bits) = (short(0), short(2), short(12), short(14));
        let rate = u32::from_le_bytes(copied(&head[4..]));
        if tag == EXTENSIBLE {
            let Some(identifier) = chunk.get(24..40) else {
                let found = format!("an extensible fmt chunk of {} bytes", chunk.len());
                return wrong(found, "at least 40 bytes");
            };
            if !SUBFORMATS.iter().any(|end| identifier.ends_with(end)) {
                return wrong("a coding by an unknown identifier".to_owned(), CODINGS);
            }
            tag = u16::from_le_bytes([identifier[0], identifier[1]]);
        }
        let width = usize::from(bits).div_ceil(8);
        let four = u32::from(block) == 4 * u32::from(channels);
        let (coding, width) = match (tag, bits) {
            (1, 17..=24) if four => (Coding::Integer24In4, 4),
            (1, 1..=32) => (Coding::Integer, width),
            (3, 32 | 64) => (Coding::Float, width),
            (6, _) => (Coding::ALaw, 1),
            (7, _) => (Coding::MuLaw, 1),
            (1, _) => return wrong(format!("integers of {bits} bits"), CODINGS),
            (3, _) => return wrong(format!("floats of {bits} bits"), CODINGS),
            _ => return wrong(format!("the coding {}", coding_name(tag)), CODINGS),
        };
        let whole = u64::from(channels) * width as u64;
        // Some write the size of one sample there, some nothing.
        if ![0, whole, width as u64].contains(&u64::from(block)) && whole != 0 {
            let found = format!("frames of {block} bytes");
            return wrong(found, &format!("{whole} bytes for {channels} channel(s) of {bits} bits"));
        }
        Ok(Self { coding, channels, rate, width, bits })
    }

    fn describe(&self) -> String {
        format!("{} channel(s) of {} bits", self.channels, self.bits)
    }

    /// The samples of whole frames, channels averaged; the error is what was found.
    fn decode(&self, data: &[u8]) -> Result<Vec<f32>, String> {
        let channels = usize::from(self.channels);
        Ok(match (self.coding, self.width) {
            (Coding::Integer, 1) => mono(data, channels, |[byte]| (f32::from(byte) - 128.0) / 128.0),
            (Coding::Integer, 2) => mono(data, channels, |bytes| scaled(i16::from_le_bytes(bytes), 15)),
            (Coding::Integer, 3) => mono(data, channels, |[a, b, c]| scaled(from_24([a, b, c]), 23)),
            (Coding::Integer, _) => mono(data, channels, |bytes| scaled(i32::from_le_bytes(bytes), 31)),
            (Coding::Integer24In4, _) => in_four(data, channels)?,
            (Coding::Float, 4) => {
                loud(data, f32::from_le_bytes)?;
                mono(data, channels, f32::from_le_bytes)
            }
            #[expect(clippy::cast_possible_truncation, reason = "f64 is rounded to f32 on purpose")]
            (Coding::Float, _) => {
                loud(data, f64::from_le_bytes)?;
                mono(data, channels, |bytes| f64::from_le_bytes(bytes) as f32)
            }
            (Coding::ALaw, _) => mono(data, channels, |[byte]| scaled(a_law(byte), 15)),
            (Coding::MuLaw, _) => mono(data, channels, |[byte]| scaled(mu_law(byte), 15)),
        })
    }
}

/// Decodes each sample of `N` bytes and averages the channels.
fn mono<const N: usize>(data: &[u8], channels: usize, sample: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (samples, _) = data.as_chunks::<N>();
    if channels == 1 {
        return samples.iter().map(|&bytes| sample(bytes)).collect();
    }
    let mean = |frame: &[[u8; N]]| frame.iter().map(|&bytes| sample(bytes)).sum::<f32>() / channels as f32;
    samples.chunks_exact(channels).map(mean).collect()
}

/// An integer over 2^`bits`; those of more than 24 bits are rounded to f32.
#[expect(clippy::cast_precision_loss, reason = "rounded on purpose")]
fn scaled(value: impl Into<i32>, bits: u32) -> f32 {
    value.into() as f32 / (1_u32 << bits) as f32
}

fn from_24([a, b, c]: [u8; 3]) -> i32 {
    i32::from_le_bytes([0, a, b, c]) >> 8
}

/// 24 bits in four bytes: in the lower three where every upper byte only repeats a sign, or else in the upper three.
fn in_four(data: &[u8], channels: usize) -> Result<Vec<f32>, String> {
    let (samples, _) = data.as_chunks::<4>();
    if samples.iter().all(|bytes| matches!(bytes[3], 0 | 0xff)) {
        Ok(mono(data, channels, |[a, b, c, _]| scaled(from_24([a, b, c]), 23)))
    } else if samples.iter().all(|bytes| bytes[0] == 0) {
        Ok(mono(data, channels, |[_, b, c, d]| scaled(from_24([b, c, d]), 23)))
    } else {
        Err("samples of 24 bits in four bytes that are all in use".to_owned())
    }
}

/// Refuses floats that no front end could take.
fn loud<const N: usize, T>(data: &[u8], sample: impl Fn([u8; N]) -> T) -> Result<(), String>
where
    T: Copy + Into<f64> + Display + LowerExp,
{
    let most = f64::from(LOUDEST);
    let (samples, _) = data.as_chunks::<N>();
    match samples.iter().map(|&bytes| sample(bytes)).find(|&x| !(-most..=most).contains(&x.into())) {
        // Doubles have up to 309 digits.
        Some(bad) if bad.into().abs() > f64::from(f32::MAX) => Err(format!("a sample of {bad:e}")),
        Some(bad) => Err(format!("a sample of {bad}")),
        None => Ok(()),
    }
}

/// ITU-T G.711, A-law: sign, three bits of exponent, four of mantissa, every other bit inverted.
fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = (byte >> 4 & 7, i16::from(byte & 15) << 4);
    let size = if exponent == 0 { mantissa + 8 } else { (mantissa + 0x108) << (exponent - 1) };
    if byte & 0x80 == 0 { -size } else { size }
}

/// ITU-T G.711, mu-law: the same with an offset and all bits inverted.
fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let size = (((i16::from(byte & 15) << 3) + 0x84) << (byte >> 4 & 7)) - 0x84;
    if byte & 0x80 == 0 { size } else { -size }
}

const CODINGS: &str = "integers of 1 to 32 bits, floats of 32 or 64 bits, A-law or mu-law";

/// A coding that we do not read.
fn coding_name(tag: u16) -> String {
    let known = match tag {
        0x02 => "Microsoft ADPCM",
        0x11 => "IMA ADPCM",
        0x31 => "GSM 6.10",
        0x40 => "G.721 ADPCM",
        0x45 => "G.726 ADPCM",
        0x50 => "MPEG audio",
        0x55 => "MP3",
        0x161 | 0x162 => "Windows Media Audio",
        0x674f..=0x6771 => "Vorbis",
        0xf1ac => "FLAC in wav",
        _ => return format!("{tag:#06x}"),
    };
    format!("{known} ({tag:#06x})")
}
