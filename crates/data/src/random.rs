//! Random draws that are the same on every machine and in every version of the generator's companions.

use ndarray_rand::rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The generator of one purpose: streams of one seed never overlap.
pub(crate) fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// Fisher–Yates. The draw below n is the high half of a 64-bit number times n: its bias is n / 2^64.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        let bound = last as u128 + 1;
        #[expect(clippy::cast_possible_truncation, reason = "the product's high half is below a usize")]
        let other = ((u128::from(rng.next_u64()) * bound) >> 64) as usize;
        items.swap(last, other);
    }
}
