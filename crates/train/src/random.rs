//! One generator per seed, epoch, batch and purpose, so that a run can go on anywhere with the same numbers.

use ndarray_rand::rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What random numbers are for; each purpose has its own generator.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Initial = 0,
    Dropout = 1,
}

pub(crate) fn generator(seed: u64, epoch: usize, batch: usize, purpose: Purpose) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (part, number) in key.chunks_exact_mut(8).zip([seed, epoch as u64, batch as u64, purpose as u64]) {
        part.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// The generator of the initial values of a network under `seed`.
#[must_use]
pub fn initial_generator(seed: u64) -> ChaCha8Rng {
    generator(seed, 0, 0, Purpose::Initial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray_rand::rand::RngCore;

    #[test]
    fn every_part_of_the_key_counts() {
        let first = |seed, epoch, batch, purpose| generator(seed, epoch, batch, purpose).next_u64();
        let base = first(1, 2, 3, Purpose::Dropout);
        assert_eq!(base, first(1, 2, 3, Purpose::Dropout));
        assert_eq!(initial_generator(1).next_u64(), first(1, 0, 0, Purpose::Initial));
        let others = [
            first(2, 2, 3, Purpose::Dropout),
            first(1, 3, 3, Purpose::Dropout),
            first(1, 2, 4, Purpose::Dropout),
            first(1, 3, 2, Purpose::Dropout),
            first(1, 2, 3, Purpose::Initial),
        ];
        assert!(!others.contains(&base));
    }
}
