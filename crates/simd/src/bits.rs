//! Sixteen samples of a binary signal as the bits of one word.

use crate::{LANES, Real};

/// Which of sixteen samples are not zero: bit l is that of lane l.
pub type Word = u16;

/// A word's row: `amplitude` where its bit is set, zero elsewhere. A row of fewer than sixteen has the lowest bits.
#[inline(always)]
#[must_use]
pub fn row_of_word<F: Real, const N: usize>(word: Word, amplitude: F) -> [F; N] {
    const { assert!(N <= LANES, "a word has sixteen bits") };
    // Bits are compared in integers of the floats' width: the compiler then makes one mask of all lanes.
    std::array::from_fn(|l| if u32::from(word) & (1 << l) == 0 { F::zero() } else { amplitude })
}

/// The word of a row: which samples are not zero.
#[inline(always)]
#[must_use]
pub fn word_of_row<F: Real>(row: &[F; LANES]) -> Word {
    let mut word = 0;
    for (l, &x) in row.iter().enumerate() {
        word |= u32::from(x != F::zero()) << l;
    }
    #[expect(clippy::cast_possible_truncation, reason = "sixteen bits are set")]
    let word = word as Word;
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_words_are_the_same_signal() {
        for word in (0..=Word::MAX).step_by(if cfg!(miri) { 4097 } else { 1 }) {
            let row: [f64; LANES] = row_of_word(word, 1.25);
            for (l, &x) in row.iter().enumerate() {
                let expected: f64 = if word >> l & 1 == 1 { 1.25 } else { 0.0 };
                assert_eq!(x.to_bits(), expected.to_bits());
            }
            assert_eq!(word_of_row(&row), word);
        }
        // Whatever is not zero counts, not-a-number too, and zero has two signs.
        let mut row = [0.0f32; LANES];
        (row[1], row[3], row[5]) = (-0.0, f32::NAN, -1.0);
        assert_eq!(word_of_row(&row), 0b10_1000);
    }
}
