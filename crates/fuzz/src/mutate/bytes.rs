//! Changes that know nothing of what the bytes mean.

use super::Draw;

/// One to eight changes, few more likely; for every other input all of one length, so that what stands behind a place
/// stays where a reader looks for it.
pub(super) fn mutated(mut bytes: Vec<u8>, other: &[u8], draw: &mut Draw) -> Vec<u8> {
    let keep_length = draw.once_in(2);
    let most = 1 << draw.below(4);
    for _ in 0..=draw.below(most) {
        if keep_length || draw.once_in(2) {
            overwrite(&mut bytes, draw);
        } else {
            rearrange(&mut bytes, other, draw);
        }
    }
    bytes
}

fn overwrite(bytes: &mut [u8], draw: &mut Draw) {
    let place = draw.below(bytes.len());
    let new = match draw.below(6) {
        0 => {
            let bit = 1 << draw.below(8);
            bytes.get(place).map(|byte| byte ^ bit).into_iter().collect()
        }
        1 => vec![draw.bits().to_le_bytes()[0]],
        _ => number(draw),
    };
    // Fields are mostly aligned to their width.
    let place = if draw.once_in(2) { place } else { place - place % new.len().max(1) };
    bytes.iter_mut().skip(place).zip(new).for_each(|(byte, value)| *byte = value);
}

fn rearrange(bytes: &mut Vec<u8>, other: &[u8], draw: &mut Draw) {
    let place = draw.below(bytes.len());
    match draw.below(7) {
        0 => drop(bytes.drain(draw.range(bytes.len()))),
        1 => {
            let block = bytes[draw.range(bytes.len())].to_vec();
            bytes.splice(place..place, block);
        }
        2 => {
            let value = draw.bits().to_le_bytes()[0];
            let block = if draw.once_in(2) { vec![value; draw.below(64)] } else { number(draw) };
            bytes.splice(place..place, block);
        }
        3 => swap_blocks(bytes, draw),
        4 => bytes.truncate(place),
        5 => {
            let most = 1 << draw.below(12);
            let longer = draw.below(most);
            let random = draw.bits().to_le_bytes()[0];
            let value = *draw.pick(&[0, 0xff, random]);
            bytes.resize(bytes.len() + longer, value);
        }
        _ => {
            // Head of this, tail of the other.
            bytes.truncate(place);
            let tail = draw.below(other.len() + 1);
            bytes.extend_from_slice(&other[tail..]);
        }
    }
}

fn swap_blocks(bytes: &mut [u8], draw: &mut Draw) {
    let half = bytes.len() / 2;
    let first = draw.range(half);
    let length = first.len();
    let second = half + draw.below(half.saturating_sub(length) + 1);
    let (left, right) = bytes.split_at_mut(second);
    left[first].swap_with_slice(&mut right[..length]);
}

/// An interesting number as bytes, in either order.
fn number(draw: &mut Draw) -> Vec<u8> {
    const FLOATS: [f64; 12] = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.0,
        -1.0,
        0.5,
        1e30,
        -1e30,
        1e-40,
        1e300,
        16_777_217.0,
        4_294_967_296.0,
    ];
    #[expect(clippy::cast_possible_truncation, reason = "out of range becomes infinite on purpose")]
    let mut bytes = match draw.below(4) {
        0 => draw.pick(&FLOATS).to_le_bytes().to_vec(),
        1 => (*draw.pick(&FLOATS) as f32).to_le_bytes().to_vec(),
        _ => {
            let width = *draw.pick(&[1_usize, 2, 4, 8]);
            let power = 1_u64 << draw.below(8 * width);
            let mask = u64::MAX >> (64 - 8 * width);
            let small = draw.bits() % 100;
            let number = *draw.pick(&[
                0,
                1,
                u64::MAX,
                mask >> 1,
                (mask >> 1) + 1,
                power,
                power.wrapping_sub(1),
                power.wrapping_add(1),
                power.wrapping_neg(),
                small,
            ]);
            number.to_le_bytes()[..width].to_vec()
        }
    };
    if draw.once_in(2) {
        bytes.reverse();
    }
    bytes
}
