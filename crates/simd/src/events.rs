//! Products of a sparse matrix with a dense one, entry by entry that is not zero.
//!
//! ```text
//! scatter   Y[c, :] += x · W[i, :]     for every event (c, x) of row i of X
//! gather    S[i, :] += x · G[c, :]
//! ```
//!
//! X holds the signals of some units (rows) at some columns (steps and samples); an event is an entry that is not zero. The
//! rows of W, Y, G and S are whole numbers of [`Lanes`] with outputs, not samples, side by side: an event costs a row,
//! and what is zero costs its look.

use crate::bits::Word;
use crate::{Lanes, Level, Real};

/// Most columns that [`Events`] lists: a byte's numbers. With rows asked for ahead of time 128 took as long in W1 and W5 of
/// `cargo xtask bench`, 64 some 5 % longer.
pub const EVENT_COLUMNS: usize = 256;

/// Columns whose flags are taken together.
const FLAGS: usize = 8;

/// The places of the ones of a byte, lowest first.
const PLACES: [[u8; FLAGS]; 256] = {
    let mut places = [[0; FLAGS]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut len) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                places[byte][len] = bit;
                len += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    places
};

/// Bit k is flag k, which is 0 or 1.
#[inline(always)]
fn byte_of(flags: [u8; FLAGS]) -> u8 {
    // The product brings flag k to bit 56 + k, and nothing else there.
    (u64::from_le_bytes(flags).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

const _: () = assert!(EVENT_COLUMNS <= 256 && EVENT_COLUMNS.is_multiple_of(FLAGS), "columns are bytes");

/// The columns of the events of one row of X, in their order. Filled in place: a value that is handed on would be copied for
/// every row.
#[derive(Clone, Debug)]
pub struct Events {
    columns: [u8; EVENT_COLUMNS],
    len: usize,
}

impl Default for Events {
    fn default() -> Self {
        Self { columns: [0; EVENT_COLUMNS], len: 0 }
    }
}

impl Events {
    /// Lists the events of `row` in place of those that were listed. NaN is one.
    ///
    /// # Panics
    /// If the row has more than [`EVENT_COLUMNS`] columns.
    #[inline(always)]
    pub fn list<F: Real>(&mut self, row: &[F]) {
        let mut flags = [[0; FLAGS]; EVENT_COLUMNS / FLAGS];
        for (flag, &x) in flags.as_flattened_mut()[..row.len()].iter_mut().zip(row) {
            *flag = u8::from(x != F::zero());
        }
        self.list_bytes(flags[..row.len().div_ceil(FLAGS)].iter().map(|&flags| byte_of(flags)));
    }

    /// [`Events::list`] of a row of spikes, a word for sixteen columns.
    ///
    /// # Panics
    /// If the row has more than [`EVENT_COLUMNS`] columns.
    #[inline(always)]
    pub fn list_words(&mut self, words: &[Word]) {
        self.list_bytes(words.iter().flat_map(|word| word.to_le_bytes()));
    }

    /// Lists columns whose flags are the bits of bytes.
    #[inline(always)]
    fn list_bytes(&mut self, bytes: impl Iterator<Item = u8>) {
        let mut len = 0;
        for (k, byte) in (0..).zip(bytes) {
            // All eight places are written, those without an event are written over: no branch that depends on the data. There
            // is room: at most 8k events lie before them.
            let places = u64::from_le_bytes(PLACES[usize::from(byte)]);
            let columns = places + k * (0x0101_0101_0101_0101 * FLAGS as u64);
            self.columns[len..len + FLAGS].copy_from_slice(&columns.to_le_bytes());
            len += byte.count_ones() as usize;
        }
        self.len = len;
    }

    /// Columns and values of the row that was listed.
    #[inline(always)]
    fn iter<F: Real>(&self, row: &[F]) -> impl Iterator<Item = (usize, F)> {
        self.columns[..self.len].iter().map(|&column| (usize::from(column), row[usize::from(column)]))
    }

    /// Adds x · `weights`, the row of W, to the rows of Y in `sums`, which are `stride` apart, at least the length of
    /// a row, for the events of `row`.
    ///
    /// # Panics
    /// If `row` is not the one that was listed and has fewer columns, or `sums` has no row of an event.
    #[inline(always)]
    pub fn scatter<F: Real, L: Level>(
        &self,
        row: &[F],
        weights: &[Lanes<F>],
        sums: &mut [Lanes<F>],
        stride: usize,
    ) {
        let mut first = 0;
        while first < weights.len() {
            first += match weights.len() - first {
                8.. => self.scatter_eight::<F, L>(row, &weights[first..], &mut sums[first..], stride),
                4.. => self.scatter_four::<F, L>(row, &weights[first..], &mut sums[first..], stride),
                2.. => self.scatter_two::<F, L>(row, &weights[first..], &mut sums[first..], stride),
                _ => self.scatter_one::<F, L>(row, &weights[first..], &mut sums[first..], stride),
            };
        }
    }

    /// Adds x · G[c, :] to `sums`, the row of S, for the events of `row`; the rows of G in `rows` are `stride` apart,
    /// at least the length of a row.
    ///
    /// # Panics
    /// If `row` is not the one that was listed and has fewer columns, or `rows` has no row of an event.
    #[inline(always)]
    pub fn gather<F: Real, L: Level>(
        &self,
        row: &[F],
        rows: &[Lanes<F>],
        stride: usize,
        sums: &mut [Lanes<F>],
    ) {
        let mut first = 0;
        while first < sums.len() {
            first += match sums.len() - first {
                8.. => self.gather_eight::<F, L>(row, &rows[first..], stride, &mut sums[first..]),
                4.. => self.gather_four::<F, L>(row, &rows[first..], stride, &mut sums[first..]),
                2.. => self.gather_two::<F, L>(row, &rows[first..], stride, &mut sums[first..]),
                _ => self.gather_one::<F, L>(row, &rows[first..], stride, &mut sums[first..]),
            };
        }
    }
}

/// The loops over events for the first lanes of a row, as many as stay in registers; they return how many that was. Written
/// out: a loop over lanes would itself be vectorised, with sixteen reads for a register, and be eight times slower.
macro_rules! tile {
    ($lanes:literal, $scatter:ident, $gather:ident: $($k:literal)*) => {
        impl Events {
            #[inline(always)]
            fn $scatter<F: Real, L: Level>(
                &self,
                row: &[F],
                weights: &[Lanes<F>],
                sums: &mut [Lanes<F>],
                stride: usize,
            ) -> usize {
                let weights: &[Lanes<F>; $lanes] =
                    weights[..$lanes].try_into().expect("sliced to this length");
                for (column, x) in self.iter(row) {
                    let to = &mut sums[column * stride..column * stride + $lanes];
                    let to: &mut [Lanes<F>; $lanes] = to.try_into().expect("sliced to this length");
                    $(to[$k] = to[$k].scaled::<L>(x, &weights[$k]);)*
                }
                $lanes
            }

            #[inline(always)]
            fn $gather<F: Real, L: Level>(&self, row: &[F], rows: &[Lanes<F>], stride: usize, sums: &mut [Lanes<F>]) -> usize {
                let sums: &mut [Lanes<F>; $lanes] =
                    (&mut sums[..$lanes]).try_into().expect("sliced to this length");
                let mut tile = *sums;
                for (column, x) in self.iter(row) {
                    let from = &rows[column * stride..column * stride + $lanes];
                    let from: &[Lanes<F>; $lanes] = from.try_into().expect("sliced to this length");
                    $(tile[$k] = tile[$k].scaled::<L>(x, &from[$k]);)*
                }
                *sums = tile;
                $lanes
            }
        }
    };
}

tile!(8, scatter_eight, gather_eight: 0 1 2 3 4 5 6 7);
tile!(4, scatter_four, gather_four: 0 1 2 3);
tile!(2, scatter_two, gather_two: 0 1);
tile!(1, scatter_one, gather_one: 0);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InstructionSet, Kernel, LANES, dispatch_to};

    #[test]
    fn a_byte_has_the_flags_in_their_order() {
        for byte in 0..=255u8 {
            let flags = std::array::from_fn(|k| byte >> k & 1);
            assert_eq!(byte_of(flags), byte);
        }
    }

    fn row<F: Real>(columns: usize, every: usize) -> Vec<F> {
        let entry = |c: usize| if c * c % every == 1 { 0.5 + c as f64 } else { 0.0 };
        (0..columns).map(|c| F::of(entry(c))).collect()
    }

    #[test]
    fn events_are_the_entries_that_are_not_zero() {
        let mut events = Events::default();
        for columns in [0, 1, 7, 8, 9, 16, EVENT_COLUMNS - 1, EVENT_COLUMNS] {
            for every in [2, 3, 8, 1000] {
                let row = row::<f64>(columns, every);
                let expected: Vec<(usize, f64)> =
                    row.iter().copied().enumerate().filter(|&(_, x)| x != 0.0).collect();
                events.list(&row);
                assert_eq!(events.iter(&row).collect::<Vec<_>>(), expected);
            }
        }
        let mut columns_of = |row: &[f32]| {
            events.list(row);
            events.iter(row).map(|(column, _)| column).collect::<Vec<_>>()
        };
        assert_eq!(columns_of(&[1.0; EVENT_COLUMNS]), (0..EVENT_COLUMNS).collect::<Vec<_>>());
        assert_eq!(columns_of(&[0.0, -0.0, f32::NAN, f32::MIN_POSITIVE, f32::INFINITY]), [2, 3, 4]);
    }

    struct Scattered<'a, F>(&'a [F], &'a [Lanes<F>], usize, &'a mut [Lanes<F>]);

    impl<F: Real> Kernel for Scattered<'_, F> {
        type Output = ();
        #[inline(always)]
        fn run<L: Level>(self) {
            let Self(row, weights, stride, panel) = self;
            let mut events = Events::default();
            events.list(row);
            events.scatter::<F, L>(row, weights, panel, stride);
        }
    }

    struct Gathered<'a, F>(&'a [F], &'a [Lanes<F>], usize, &'a mut [Lanes<F>]);

    impl<F: Real> Kernel for Gathered<'_, F> {
        type Output = ();
        #[inline(always)]
        fn run<L: Level>(self) {
            let Self(row, panel, stride, sums) = self;
            let mut events = Events::default();
            events.list(row);
            events.gather::<F, L>(row, panel, stride, sums);
        }
    }

    fn compare<F: Real>(width: usize, bound: f64) {
        let lanes = |k: usize| Lanes(std::array::from_fn(|l| F::of(((k * LANES + l) as f64 * 0.7).sin())));
        let (columns, stride) = (37, width + 2);
        let row = row::<F>(columns, 8);
        let weights: Vec<Lanes<F>> = (0..width).map(lanes).collect();
        // NaN where there is no event: such a column is neither read nor written.
        let start: Vec<Lanes<F>> = (0..columns * stride)
            .map(|k| if row[k / stride] == F::zero() { Lanes::splat(F::nan()) } else { lanes(k + 1000) })
            .collect();
        for set in InstructionSet::available() {
            let (mut panel, mut sums) = (start.clone(), weights.clone());
            dispatch_to(set, Scattered(&row, &weights, stride, &mut panel));
            dispatch_to(set, Gathered(&row, &panel, stride, &mut sums));
            for (k, (found, before)) in panel.iter().zip(&start).enumerate() {
                let (x, place) = (row[k / stride], k % stride);
                for l in 0..LANES {
                    let added = if place < width { (x * weights[place].0[l]).as_f64() } else { 0.0 };
                    let error = found.0[l].as_f64() - before.0[l].as_f64() - added;
                    assert!(x == F::zero() || error.abs() <= bound, "{set:?}, {width}, {k}: {error}");
                }
            }
            for (place, (found, before)) in sums.iter().zip(&weights).enumerate() {
                for l in 0..LANES {
                    let events = row.iter().enumerate().filter(|(_, x)| **x != F::zero());
                    let added: f64 =
                        events.map(|(c, &x)| (x * panel[c * stride + place].0[l]).as_f64()).sum();
                    let error = found.0[l].as_f64() - before.0[l].as_f64() - added;
                    assert!(error.abs() <= 100.0 * bound, "{set:?}, {width}, {place}: {error}");
                }
            }
        }
    }

    #[test]
    fn every_instruction_set_adds_rows_at_events_alone() {
        let widths: &[usize] = if cfg!(miri) { &[1, 2] } else { &[1, 2, 3, 5, 8, 15, 16] };
        for &width in widths {
            compare::<f64>(width, 1e-13);
            compare::<f32>(width, 1e-5);
        }
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn more_columns_than_there_is_room_for_are_refused() {
        Events::default().list(&[0.0f32; EVENT_COLUMNS + 1]);
    }
}
