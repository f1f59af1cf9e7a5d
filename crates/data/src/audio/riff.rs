//! The chunks of a wav file: RIFF, and RF64 and BW64, whose sizes have 64 bits (EBU Tech 3306, ITU-R BS.2088).
//!
//! Nothing is copied and nothing is allocated: sizes are compared with the bytes that are there.

use super::{WAV, audio_error};
use crate::DataError;

/// The two chunks that matter.
#[derive(Debug)]
pub(super) struct Chunks<'a> {
    pub(super) format: &'a [u8],
    /// What is there of the data chunk.
    pub(super) data: &'a [u8],
    /// How many bytes of data the header promises; `None`: it was written before anyone knew, so all that follow.
    pub(super) promised: Option<u64>,
}

/// Sizes that programs write into a header before they know the size, and leave there when they write into a pipe:
/// the largest ones of 32 and of 31 bits (ffmpeg, players of text to speech), those of sox and espeak-ng, of arecord.
/// None can be true of a file that we would read. The size 0 is one too, where sound follows it.
const UNKNOWN: [u64; 5] = [0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0x7fff_f000, 0x7fff_ff00];

/// Finds format and data. `bytes` begin with RIFF, RF64 or BW64, four more bytes and `WAVE`.
pub(super) fn chunks<'a>(bytes: &'a [u8], name: &str) -> Result<Chunks<'a>, DataError> {
    let wrong = |found: String| audio_error(name, found, WAV);
    let too_early = || wrong("a file that ends too early".to_owned());
    let (mut format, mut long_size) = (None, None);
    let mut at = 12;
    loop {
        if at == bytes.len() {
            return Err(wrong("no data chunk".to_owned()));
        }
        let (id, size) = header(bytes, at).ok_or_else(too_early)?;
        let rest = &bytes[at + 8..];
        if id == *b"data" {
            let format = format.ok_or_else(|| wrong("a data chunk before any fmt chunk".to_owned()))?;
            let size = if size == u32::MAX { long_size.unwrap_or(u64::from(size)) } else { u64::from(size) };
            let promised = (!is_unknown(size, at + 8, rest)).then_some(size);
            let there = promised.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
            return Ok(Chunks { format, data: &rest[..there.min(rest.len())], promised });
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let body = rest.get(..size).ok_or_else(too_early)?;
        match &id {
            b"fmt " => format = Some(body),
            b"ds64" => long_size = body.get(8..16).map(|size| u64::from_le_bytes(copied(size))),
            _ => {}
        }
        at = next(bytes, at + 8 + size);
    }
}

/// Name and size of the chunk that begins at `at`.
fn header(bytes: &[u8], at: usize) -> Option<([u8; 4], u32)> {
    let header = bytes.get(at..at.checked_add(8)?)?;
    Some((copied(&header[..4]), u32::from_le_bytes(copied(&header[4..]))))
}

/// Where the chunk after one that ends at `end` begins. Chunks begin at even places, with a byte of padding where that
/// is needed; some programs leave it out.
fn next(bytes: &[u8], end: usize) -> usize {
    if end.is_multiple_of(2) || end == bytes.len() {
        return end;
    }
    let begins = |at: usize| header(bytes, at).is_some_and(|(id, _)| is_name(id));
    let forgotten = matches!(header(bytes, end), Some((id, _)) if id == *b"data" || id == *b"fmt ")
        || begins(end) && !begins(end + 1);
    if forgotten { end } else { end + 1 }
}

fn is_name(id: [u8; 4]) -> bool {
    id.iter().all(|&byte| byte == b' ' || byte.is_ascii_graphic())
}

/// Whether a data chunk's `size` says nothing. `start` is where its data would begin, `rest` what follows there.
fn is_unknown(size: u64, start: usize, rest: &[u8]) -> bool {
    if size == 0 {
        return !rest.is_empty() && !only_chunks(rest);
    }
    // Some write the marker into the size of the file, and here what is left of it.
    UNKNOWN.contains(&size) && size > rest.len() as u64
        || UNKNOWN.contains(&(size.saturating_add(start as u64) - 8))
}

/// Whether `bytes` are whole chunks and nothing else, as after a clip without sound.
fn only_chunks(bytes: &[u8]) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        let Some((id, size)) = header(bytes, at) else { return false };
        let end = usize::try_from(size).ok().and_then(|size| (at + 8).checked_add(size));
        match end.filter(|&end| is_name(id) && end <= bytes.len()) {
            Some(end) => at = next(bytes, end),
            None => return false,
        }
    }
    true
}

/// The first bytes of a slice that is known to be long enough.
pub(super) fn copied<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("the caller has looked at the length")
}
