//! Which types a data set may have, and what to call the others.

use hdf5_reader::{ByteOrder, Dataset, Datatype, StringPadding, StringSize, VarLenKind};

use super::decode::{FloatKind, IntegerKind, StringKind};

/// What was found and what was expected.
type Fault = (String, &'static str);

/// `spikes/times`.
pub(super) fn times(set: &Dataset) -> Result<FloatKind, Fault> {
    let expected = "variable-length sequences of float16, float32 or float64";
    if let Some(Datatype::FloatingPoint { size: size @ (2 | 4 | 8), byte_order }) = sequence(set.dtype()) {
        // The library keeps size and byte order; the rest tells IEEE floats from bfloat16 and other formats.
        if set.raw_datatype().is_ok_and(|message| is_ieee(&message, *size)) {
            return Ok(FloatKind { size: *size, order: *byte_order });
        }
        return Err((
            format!("sequences of {size}-byte floating-point numbers that are not IEEE 754"),
            expected,
        ));
    }
    Err((describe(set.dtype()), expected))
}

/// `spikes/units`.
pub(super) fn units(set: &Dataset) -> Result<IntegerKind, Fault> {
    sequence(set.dtype())
        .and_then(integer)
        .ok_or_else(|| (describe(set.dtype()), "variable-length sequences of integers of 1, 2, 4 or 8 bytes"))
}

/// `labels` and `extra/speaker`.
pub(super) fn integers(set: &Dataset) -> Result<IntegerKind, Fault> {
    integer(set.dtype()).ok_or_else(|| (describe(set.dtype()), "integers of 1, 2, 4 or 8 bytes"))
}

/// `extra/keys`.
pub(super) fn strings(set: &Dataset) -> Result<StringKind, Fault> {
    let (width, padding) = match set.dtype() {
        Datatype::String { size: StringSize::Fixed(width), padding, .. } if *width > 0 => {
            (*width as usize, padding)
        }
        Datatype::String { size: StringSize::Variable, padding, .. }
        | Datatype::VarLen { kind: VarLenKind::String, padding, .. } => (0, padding),
        other => return Err((describe(other), "strings")),
    };
    Ok(StringKind { width, spaces: *padding == StringPadding::SpacePad })
}

fn sequence(kind: &Datatype) -> Option<&Datatype> {
    match kind {
        Datatype::VarLen { base, kind: VarLenKind::Sequence, .. } => Some(base),
        _ => None,
    }
}

fn integer(kind: &Datatype) -> Option<IntegerKind> {
    match kind {
        Datatype::FixedPoint { size: size @ (1 | 2 | 4 | 8), signed, byte_order } => {
            Some(IntegerKind { size: *size, signed: *signed, order: *byte_order })
        }
        _ => None,
    }
}

/// Whether the message of a variable-length type describes IEEE 754 numbers of `size` bytes: eight bytes for the
/// sequence, then class and flags, size, and offset, precision, place and size of exponent and fraction, and the bias.
/// ("HDF5 File Format Specification", version 3.0, section IV.A.2.d.)
fn is_ieee(message: &[u8], size: u8) -> bool {
    let (exponent, fraction) = match size {
        2 => (5, 10),
        4 => (8, 23),
        _ => (11, 52),
    };
    let bias: u32 = (1 << (exponent - 1)) - 1;
    let [b0, b1, b2, b3] = bias.to_le_bytes();
    let (bits, sign) = (8 * size, 8 * size - 1);
    let Some(base) = message.get(8..28) else { return false };
    let vax_order = base[1] & 0x40 != 0;
    !vax_order
        && base[2] == sign
        && base[8..] == [0, 0, bits, 0, fraction, exponent, 0, fraction, b0, b1, b2, b3]
}

fn describe(kind: &Datatype) -> String {
    match kind {
        Datatype::FixedPoint { size, signed, byte_order } => {
            let sign = if *signed { "signed" } else { "unsigned" };
            format!("{sign} {size}-byte integers{}", order(*byte_order))
        }
        Datatype::FloatingPoint { size, byte_order } => {
            format!("{size}-byte floating-point numbers{}", order(*byte_order))
        }
        Datatype::String { size: StringSize::Fixed(width), .. } => format!("strings of {width} bytes"),
        Datatype::String { .. } | Datatype::VarLen { kind: VarLenKind::String, .. } => {
            "strings of variable length".to_owned()
        }
        Datatype::Compound { fields, .. } => {
            let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            format!("records of {}", names.join(", "))
        }
        Datatype::VarLen { base, .. } => format!("variable-length sequences of {}", describe(base)),
        Datatype::Array { base, dims, .. } => format!("arrays of shape {dims:?} of {}", describe(base)),
        Datatype::Enum { .. } => "enumerated values".to_owned(),
        Datatype::Bitfield { .. } => "bit fields".to_owned(),
        Datatype::Opaque { .. } => "opaque bytes".to_owned(),
        Datatype::Reference { .. } => "references".to_owned(),
    }
}

fn order(order: ByteOrder) -> &'static str {
    match order {
        ByteOrder::LittleEndian => "",
        ByteOrder::BigEndian => ", big-endian",
    }
}
