//! Bytes of the file into numbers.

use half::f16;
use half::slice::HalfFloatSliceExt;
use hdf5_reader::ByteOrder;

use crate::TimePrecision;

/// How a floating-point number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FloatKind {
    /// 2, 4 or 8 bytes.
    pub(super) size: u8,
    pub(super) order: ByteOrder,
}

/// How an integer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IntegerKind {
    /// 1, 2, 4 or 8 bytes.
    pub(super) size: u8,
    pub(super) signed: bool,
    pub(super) order: ByteOrder,
}

/// How a string is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StringKind {
    /// Bytes of each string; 0 where lengths vary.
    pub(super) width: usize,
    /// Whether short strings are filled up with spaces, and not with zeros.
    pub(super) spaces: bool,
}

/// Numbers of `N` bytes, turned to little-endian where they are not.
fn little<const N: usize>(bytes: &[u8], order: ByteOrder) -> impl ExactSizeIterator<Item = [u8; N]> + '_ {
    bytes.chunks_exact(N).map(move |chunk| {
        let mut number: [u8; N] = chunk.try_into().expect("chunks of this length");
        if order == ByteOrder::BigEndian {
            number.reverse();
        }
        number
    })
}

impl FloatKind {
    /// What the times keep of this type once they are float32.
    pub(super) fn precision(self) -> TimePrecision {
        if self.size == 2 { TimePrecision::Half } else { TimePrecision::Single }
    }

    /// float16 exactly, float64 to the nearest.
    pub(super) fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self.size {
            2 => {
                let halves: Vec<f16> = little(bytes, self.order).map(f16::from_le_bytes).collect();
                let mut singles = vec![0.0; halves.len()];
                halves.convert_to_f32_slice(&mut singles);
                singles
            }
            4 => little(bytes, self.order).map(f32::from_le_bytes).collect(),
            _ => little(bytes, self.order).map(|number| nearest(f64::from_le_bytes(number))).collect(),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounds to the nearest, which is the rule for times")]
fn nearest(time: f64) -> f32 {
    time as f32
}

impl IntegerKind {
    /// All values of the type fit into an `i128`.
    pub(super) fn decode(self, bytes: &[u8]) -> Vec<i128> {
        let order = self.order;
        match (self.size, self.signed) {
            (1, false) => little(bytes, order).map(|n| u8::from_le_bytes(n).into()).collect(),
            (1, true) => little(bytes, order).map(|n| i8::from_le_bytes(n).into()).collect(),
            (2, false) => little(bytes, order).map(|n| u16::from_le_bytes(n).into()).collect(),
            (2, true) => little(bytes, order).map(|n| i16::from_le_bytes(n).into()).collect(),
            (4, false) => little(bytes, order).map(|n| u32::from_le_bytes(n).into()).collect(),
            (4, true) => little(bytes, order).map(|n| i32::from_le_bytes(n).into()).collect(),
            (_, false) => little(bytes, order).map(|n| u64::from_le_bytes(n).into()).collect(),
            (_, true) => little(bytes, order).map(|n| i64::from_le_bytes(n).into()).collect(),
        }
    }

    /// Channels; the error says which spike has a unit that no channel can have.
    pub(super) fn decode_units(self, bytes: &[u8]) -> Result<Vec<u16>, String> {
        if (self.size, self.signed) == (2, false) {
            return Ok(little(bytes, self.order).map(u16::from_le_bytes).collect());
        }
        let to_unit = |(spike, unit): (usize, i128)| {
            u16::try_from(unit).map_err(|_| format!("unit {unit} of spike {spike}"))
        };
        self.decode(bytes).into_iter().enumerate().map(to_unit).collect()
    }
}

impl StringKind {
    /// A string without its padding; what is no UTF-8 becomes replacement characters.
    pub(super) fn decode(self, bytes: &[u8]) -> String {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let text = String::from_utf8_lossy(&bytes[..end]);
        if self.spaces { text.trim_end_matches(' ').to_owned() } else { text.into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_every_pattern_become_the_same_number() {
        // f16 by its definition: (-1)^s · 2^(e-15) · (1 + m/1024), and m · 2^-24 for e = 0.
        let by_definition = |bits: u16| {
            let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
            let magnitude = match exponent {
                0 => mantissa * 2f32.powi(-24),
                31 if mantissa == 0.0 => f32::INFINITY,
                31 => f32::NAN,
                _ => (1.0 + mantissa / 1024.0) * 2f32.powi(exponent - 15),
            };
            if bits >> 15 == 1 { -magnitude } else { magnitude }
        };
        for order in [ByteOrder::LittleEndian, ByteOrder::BigEndian] {
            let to_bytes = |bits: u16| match order {
                ByteOrder::LittleEndian => bits.to_le_bytes(),
                ByteOrder::BigEndian => bits.to_be_bytes(),
            };
            let bytes: Vec<u8> = (0..=u16::MAX).flat_map(to_bytes).collect();
            let decoded = FloatKind { size: 2, order }.decode(&bytes);
            for (bits, value) in (0..=u16::MAX).zip(decoded) {
                let expected = by_definition(bits);
                assert!(
                    value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan(),
                    "{bits:#x}"
                );
            }
        }
    }

    #[test]
    fn only_halves_are_coarser_than_single_precision() {
        let kept = |size| FloatKind { size, order: ByteOrder::LittleEndian }.precision();
        assert_eq!([2, 4, 8].map(kept), [TimePrecision::Half, TimePrecision::Single, TimePrecision::Single]);
    }

    #[test]
    fn halves_lie_half_a_millisecond_apart_before_one_second_and_a_whole_one_after() {
        let next = |value: f32| f16::from_bits(f16::from_f32(value).to_bits() + 1).to_f32() - value;
        assert_eq!((next(0.5), next(0.75)), (2f32.powi(-11), 2f32.powi(-11)));
        assert_eq!((next(1.0), next(1.5)), (2f32.powi(-10), 2f32.powi(-10)));
    }

    #[test]
    fn doubles_round_to_the_nearest_single() {
        let kind = FloatKind { size: 8, order: ByteOrder::LittleEndian };
        let ulp = f64::from(f32::EPSILON);
        for (time, expected) in [
            (0.1, 0.1f32),
            (1.0 + 0.49 * ulp, 1.0),
            (1.0 + 0.5 * ulp, 1.0),
            (1.0 + 0.51 * ulp, 1.0 + f32::EPSILON),
        ] {
            assert_eq!(kind.decode(&f64::to_le_bytes(time)), [expected]);
        }
    }
}
