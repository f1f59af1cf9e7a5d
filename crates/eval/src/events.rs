//! Event files, which TensorBoard draws: scalars over steps.
//!
//! A file is a row of records. A record frames its data with their length and two checksums, all little-endian:
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 8 | length n of the data |
//! | 4 | masked CRC-32C of the eight bytes before |
//! | n | data: one `Event` as protocol buffers write it |
//! | 4 | masked CRC-32C of the data |
//!
//! The mask of a checksum c is (c rotated right by 15 bits) + 0xa282ead8, so that a file of files does not hold
//! checksums of itself. The first event tells the version, every other one holds scalars. Fields used here:
//! `Event { wall_time = 1: double, step = 2: int64, file_version = 3: string, summary = 5: Summary }`,
//! `Summary { value = 1: repeated Value }`, `Value { tag = 1: string, simple_value = 2: float }`.
//!
//! ```
//! use colearn_eval::events;
//!
//! let mut file = events::opening(0.0);
//! file.extend(events::scalars(1.0, 1, &[("loss/train", 0.5)]));
//! assert_eq!(file[0], 24, "the first record holds 24 bytes");
//! ```

use crate::crc::CRC_32C;

/// What a version of 2 begins with.
const VERSION: &[u8] = b"brain.Event:2";

/// Added to a rotated checksum.
const MASK: u32 = 0xa282_ead8;

/// The first record of a file. `wall_time_s` are seconds since 1970.
#[must_use]
pub fn opening(wall_time_s: f64) -> Vec<u8> {
    let mut event = Vec::new();
    double(&mut event, 1, wall_time_s);
    bytes(&mut event, 3, VERSION);
    record(&event)
}

/// A record with the `values` (tag and number) of one step. `wall_time_s` are seconds since 1970. Numbers lose what does
/// not fit into 32 bits.
#[must_use]
pub fn scalars(wall_time_s: f64, step: u64, values: &[(&str, f64)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, number) in values {
        let mut value = Vec::new();
        bytes(&mut value, 1, tag.as_bytes());
        float(&mut value, 2, *number);
        bytes(&mut summary, 1, &value);
    }
    let mut event = Vec::new();
    double(&mut event, 1, wall_time_s);
    key(&mut event, 2, 0);
    varint(&mut event, step);
    bytes(&mut event, 5, &summary);
    record(&event)
}

/// `data` with its length and its checksums.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut framed = length.to_vec();
    framed.extend(masked(CRC_32C.checksum(&length)).to_le_bytes());
    framed.extend(data);
    framed.extend(masked(CRC_32C.checksum(data)).to_le_bytes());
    framed
}

/// The number of a field and how its value is written: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
fn key(out: &mut Vec<u8>, field: u64, kind: u64) {
    varint(out, field << 3 | kind);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn double(out: &mut Vec<u8>, field: u64, number: f64) {
    key(out, field, 1);
    out.extend(number.to_le_bytes());
}

fn float(out: &mut Vec<u8>, field: u64, number: f64) {
    key(out, field, 5);
    #[expect(clippy::cast_possible_truncation, reason = "curves need no more digits")]
    out.extend((number as f32).to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    key(out, field, 2);
    varint(out, content.len() as u64);
    out.extend(content);
}

fn masked(checksum: u32) -> u32 {
    checksum.rotate_right(15).wrapping_add(MASK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_bytes_of_tensorboards_own_writer() {
        let mut file = opening(1_700_000_000.5);
        file.extend(scalars(1_700_000_001.25, 1, &[("loss/train", 0.75), ("accuracy/train", 0.1)]));
        file.extend(scalars(
            1_700_000_002.0,
            300,
            &[("rate/hidden0", -0.0), ("a tag in UTF-8: β", f64::NAN)],
        ));
        let long = "x".repeat(200);
        file.extend(scalars(5.0, u64::from(u32::MAX) + 1, &[(long.as_str(), 1e30), ("none", 1.0)]));
        // Written by `tests/fixtures/make_events.py`.
        let reference = include_bytes!("../tests/fixtures/events.bin");
        let first_difference = file.iter().zip(reference).position(|(a, b)| a != b);
        assert_eq!((first_difference, file.len()), (None, reference.len()));
    }

    #[test]
    fn a_damaged_bit_changes_the_checksum() {
        let data = scalars(3.0, 7, &[("loss", 2.5)]);
        for bit in 0..8 * data.len() {
            let mut damaged = data.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(CRC_32C.checksum(&damaged), CRC_32C.checksum(&data), "bit {bit}");
        }
    }
}
