//! What a sound file is, by its first bytes: people and programs give files names that do not fit.

use super::audio_error;
use crate::DataError;

/// What a file begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// RIFF, or its 64-bit forms RF64 and BW64.
    Wav,
    Flac,
    /// Something else that has a name.
    Other(&'static str),
    Unknown,
}

/// Files that people take for wav or FLAC: where their mark is, the mark, and what they are.
const OTHERS: [(usize, &[u8], &str); 11] = [
    (0, b"RIFX", "RIFX, a wav file with the highest byte first"),
    (0, b"riff", "Wave64 (.w64)"),
    (0, b"FORM", "AIFF"),
    (0, b"NIST_1A", "NIST SPHERE, as in TIMIT"),
    (0, b".snd", "Sun/NeXT sound (.au)"),
    (0, b"caff", "Core Audio (.caf)"),
    (0, b"OggS", "Ogg"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (4, b"ftyp", "MPEG-4 (.m4a, .mp4)"),
];

/// What `bytes` are, and the bytes themselves without an ID3v2 tag before them.
pub(super) fn kind(bytes: &[u8]) -> (Kind, &[u8]) {
    let mut sound = bytes;
    while let Some(length) = id3v2_length(sound) {
        sound = &sound[length..];
    }
    let starts = |mark: &[u8]| sound.starts_with(mark);
    let wave = sound.get(8..12) == Some(b"WAVE");
    let kind = if starts(b"fLaC") {
        Kind::Flac
    } else if wave && (starts(b"RIFF") || starts(b"RF64") || starts(b"BW64")) {
        Kind::Wav
    } else if let Some((.., what)) =
        OTHERS.iter().find(|(place, mark, _)| sound.get(*place..).is_some_and(|rest| rest.starts_with(mark)))
    {
        Kind::Other(what)
    } else if starts(b"RIFF") && sound.len() >= 12 {
        Kind::Other("RIFF, but not of the kind WAVE")
    } else if sound.len() < bytes.len() || sound.len() > 1 && sound[0] == 0xff && sound[1] & 0xe6 == 0xe2 {
        // The eleven set bits that begin a frame, of layer III.
        Kind::Other("MP3")
    } else {
        Kind::Unknown
    };
    (kind, sound)
}

impl Kind {
    /// The complaint that this was not `expected`.
    pub(super) fn refused(self, bytes: &[u8], name: &str, expected: &str) -> DataError {
        let found = match self {
            _ if bytes.is_empty() => "an empty file (0 bytes)".to_owned(),
            Self::Wav => "a wav file".to_owned(),
            Self::Flac => "a FLAC stream".to_owned(),
            Self::Other(what) => format!("another kind of file: {what}"),
            Self::Unknown if b"RIFF".starts_with(&bytes[..bytes.len().min(4)]) => {
                "a file that ends too early".to_owned()
            }
            Self::Unknown => format!("no known sound: it begins with the bytes {}", hex(bytes)),
        };
        audio_error(name, found, expected)
    }
}

/// The first few bytes.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Bytes of the ID3v2 tag at the beginning, if there is one. Its size has seven bits in each byte.
fn id3v2_length(bytes: &[u8]) -> Option<usize> {
    let &[b'I', b'D', b'3', _, _, flags, a, b, c, d] = bytes.first_chunk::<10>()? else { return None };
    if [a, b, c, d].iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let size = [a, b, c, d].iter().fold(0_usize, |size, &byte| size << 7 | usize::from(byte));
    // A footer repeats the header.
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some((10 + size + footer).min(bytes.len()))
}
