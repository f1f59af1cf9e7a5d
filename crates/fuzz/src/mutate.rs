//! Changes to good inputs, all drawn from one generator.
//!
//! | form | what is changed |
//! | --- | --- |
//! | any | bits, bytes, integers and floating-point numbers of 1 to 8 bytes in both byte orders, blocks deleted, doubled, inserted, swapped; the end cut off or drawn out; the head of one input joined to the tail of another |
//! | text | also tokens: numbers and words replaced, deleted, doubled, lines swapped |
//! | envelope | also the body alone, after which length and checksum are put right |

mod bytes;
mod text;

use ndarray_rand::rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// What kind of input a target takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Bytes without a checksum.
    Binary,
    /// UTF-8 text.
    Text,
    /// A header of [`HEADER`] bytes with length and SHA-256 of the body (see `colearn_store`), then the body.
    Envelope,
}

/// Bytes of an envelope's header: magic (8), version (4), length of the body (8), SHA-256 of the body (32).
pub const HEADER: usize = 8 + 4 + 8 + 32;

/// Longest input made, in bytes.
const LONGEST: usize = 1 << 18;

/// Uniform draws.
#[derive(Debug, Clone)]
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// The generator of one case: seed and name choose the key, the number the stream.
    pub(crate) fn of_case(target: &str, seed: u64, case: u64) -> Self {
        // FNV-1a, so that two targets do not walk through the same draws.
        let name = target.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ name);
        rng.set_stream(case);
        Self(rng)
    }

    /// A number below `bound`, or 0 if that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the product's high half is below a usize")]
        let drawn = ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize;
        drawn
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A part of `length` bytes: start and end, short ones more likely.
    pub(crate) fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = (length - start).min(1 << self.below(12));
        start..start + self.below(longest + 1)
    }
}

/// The input of one case. Case 0 … of the first seeds are the seeds themselves, unchanged.
///
/// # Panics
/// When there is no seed.
#[must_use]
pub fn input(seeds: &[Vec<u8>], form: Form, target: &str, seed: u64, case: u64) -> Vec<u8> {
    if let Some(unchanged) = usize::try_from(case).ok().and_then(|case| seeds.get(case)) {
        return unchanged.clone();
    }
    let mut draw = Draw::of_case(target, seed, case);
    let (first, second) = (draw.pick(seeds).clone(), draw.pick(seeds).clone());
    let mut input = match form {
        Form::Text if !draw.once_in(8) => text::mutated(&first, &second, &mut draw),
        Form::Envelope if !draw.once_in(8) => sealed(&first, &second, &mut draw),
        _ => bytes::mutated(first, &second, &mut draw),
    };
    input.truncate(LONGEST);
    input
}

/// A changed body in a header that fits it.
fn sealed(first: &[u8], second: &[u8], draw: &mut Draw) -> Vec<u8> {
    let (Some((head, body)), Some((_, other))) =
        (first.split_at_checked(HEADER), second.split_at_checked(HEADER))
    else {
        return bytes::mutated(first.to_vec(), second, draw);
    };
    seal(head, &bytes::mutated(body.to_vec(), other, draw))
}

/// An envelope around `body`, with the magic and the version of the header `head`, and a length and checksum that fit.
///
/// # Panics
/// When `head` has less than twelve bytes.
#[must_use]
pub fn seal(head: &[u8], body: &[u8]) -> Vec<u8> {
    let mut whole = head[..12].to_vec();
    whole.extend_from_slice(&(body.len() as u64).to_le_bytes());
    whole.extend_from_slice(&Sha256::digest(body));
    whole.extend_from_slice(body);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds() -> Vec<Vec<u8>> {
        vec![b"[a]\nkey = 1\nother = \"x\"\n".to_vec(), b"key = 2.5\n[b]\nlist = [1, 2]\n".to_vec()]
    }

    #[test]
    fn a_case_is_fixed_by_target_seed_and_number() {
        for form in [Form::Binary, Form::Text, Form::Envelope] {
            let of = |target, seed, case| input(&seeds(), form, target, seed, case);
            assert_eq!(of("x", 1, 7), of("x", 1, 7));
            let differ = |other: &dyn Fn(u64) -> Vec<u8>| (2..40).any(|case| other(case) != of("x", 1, case));
            assert!(differ(&|case| of("y", 1, case)) && differ(&|case| of("x", 2, case)), "{form:?}");
            assert_eq!([of("x", 3, 0), of("x", 3, 1)], [seeds()[0].clone(), seeds()[1].clone()]);
        }
    }

    #[test]
    fn mutants_differ_from_their_seeds_and_from_each_other() {
        for form in [Form::Binary, Form::Text] {
            let mutants: Vec<Vec<u8>> = (2..502).map(|case| input(&seeds(), form, "x", 1, case)).collect();
            let unchanged = mutants.iter().filter(|mutant| seeds().contains(mutant)).count();
            let different = mutants.iter().collect::<std::collections::BTreeSet<_>>().len();
            assert!(
                unchanged < 75 && different > 375,
                "{form:?}: {unchanged} unchanged, {different} different"
            );
        }
    }

    #[test]
    fn most_envelopes_reach_the_codec() {
        let format = colearn_store::Format {
            magic: *b"\x89testing",
            version: 1,
            oldest: 1,
            what: "test",
            most: 1 << 20,
        };
        let seeds = vec![format.encode(&vec![1_u32, 2, 3]), format.encode(&vec![9_u32; 20])];
        let reached = (2..402).filter(|&case| {
            let mutant = input(&seeds, Form::Envelope, "x", 1, case);
            matches!(format.decode::<Vec<u32>>(&mutant), Ok(_) | Err(colearn_store::Problem::Body { .. }))
        });
        assert!(reached.count() > 200);
    }
}
