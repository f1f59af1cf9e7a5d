//! NEON. Its look-ups are of bytes: a table of codes is four registers, each with one byte of its sixteen sums, and what
//! they give is put together again.
//!
//! Four look-ups, eight instructions that put bytes together and four additions take the place of sixteen multiply-adds:
//! nothing is gained but loads, so that products are multiplied unless a look-up is asked for.

mod token;

pub(crate) use token::Neon;

use super::primitives::TABLE_BITS;
use super::{Set, Transposed, Tuning};
use crate::level::FusedLevel;
use bytemuck::cast;
use std::arch::aarch64::{float32x4_t, uint8x16_t, uint32x4_t};

/// Sums are in their order from the start.
impl Set for Neon {
    type Level = FusedLevel;
    const TUNING: Tuning = Tuning { width: 4, looks_up: false, looks_up_lagged: false };
    const ROWS: usize = 4;

    type Row = [float32x4_t; 4];
    type Places = [uint8x16_t; 4];

    #[inline(always)]
    fn add_rows(self, x: [float32x4_t; 4], y: [float32x4_t; 4]) -> [float32x4_t; 4] {
        [self.add(x[0], y[0]), self.add(x[1], y[1]), self.add(x[2], y[2]), self.add(x[3], y[3])]
    }

    /// Bytes 4c to 4c + 3 of a table are number c.
    #[inline(always)]
    fn places(self, codes: [float32x4_t; 4]) -> [uint8x16_t; 4] {
        let (low, four, bytes) = (cast([15u32; 4]), cast([0x0404_0404u32; 4]), cast([0x0302_0100u32; 4]));
        codes.map(|codes| {
            let codes: uint32x4_t = self.and(cast(codes), low);
            cast(self.multiply_add_whole(codes, four, bytes))
        })
    }

    #[inline(always)]
    fn look_up_row(self, table: [float32x4_t; 4], places: [uint8x16_t; 4]) -> [float32x4_t; 4] {
        places.map(|places| cast(self.look_up_in_four(cast(table), places)))
    }

    type Codes = uint8x16_t;
    type Sums = [[float32x4_t; 4]; 1];
    type Tile = [[[float32x4_t; 4]; 1]; 4];
    type Table = [uint8x16_t; 4];

    #[inline(always)]
    fn table(self, weights: [f32; 4]) -> [uint8x16_t; 4] {
        let mut table: [float32x4_t; 4] = cast(TABLE_BITS[0].map(|bit| bit * weights[0]));
        for (bits, weight) in TABLE_BITS[1..].iter().zip(&weights[1..]) {
            let bits: [float32x4_t; 4] = cast(*bits);
            for (table, bits) in table.iter_mut().zip(bits) {
                *table = self.multiply_add(bits, cast([*weight; 4]), *table);
            }
        }
        // Bytes 0 and 2 of each number, 1 and 3, and then each alone.
        let [a, b, c, d]: [uint8x16_t; 4] = cast(table);
        let (even, odd) = ([self.even(a, b), self.even(c, d)], [self.odd(a, b), self.odd(c, d)]);
        [
            self.even(even[0], even[1]),
            self.even(odd[0], odd[1]),
            self.odd(even[0], even[1]),
            self.odd(odd[0], odd[1]),
        ]
    }

    #[inline(always)]
    fn join(self, x: uint8x16_t, y: uint8x16_t) -> uint8x16_t {
        self.or(x, y)
    }

    #[inline(always)]
    fn add_looked_up(
        self,
        [sums]: [[float32x4_t; 4]; 1],
        table: [uint8x16_t; 4],
        codes: uint8x16_t,
    ) -> [[float32x4_t; 4]; 1] {
        let [a, b, c, d] = table.map(|bytes| self.look_up(bytes, codes));
        let low = (self.low_bytes_in_turn(a, b), self.low_bytes_in_turn(c, d));
        let high = (self.high_bytes_in_turn(a, b), self.high_bytes_in_turn(c, d));
        let found = [
            self.low_pairs_in_turn(low.0, low.1),
            self.high_pairs_in_turn(low.0, low.1),
            self.low_pairs_in_turn(high.0, high.1),
            self.high_pairs_in_turn(high.0, high.1),
        ];
        [self.add_rows(sums, cast(found))]
    }

    #[inline(always)]
    fn in_order(self, sums: [[float32x4_t; 4]; 1]) -> [[float32x4_t; 4]; 1] {
        sums
    }

    /// Quarters of four rows and columns, which change places.
    #[inline(always)]
    fn transposed(self, tile: Transposed) -> Transposed {
        let rows: [[float32x4_t; 2]; 8] = cast(tile);
        let quarter = |row: usize, half: usize| -> [float32x4_t; 4] {
            let [a, b, c, d] = [0, 1, 2, 3].map(|k| rows[row + k][half]);
            let (ab, cd) = (self.low_in_turn(a, b), self.low_in_turn(c, d));
            let (ab_high, cd_high) = (self.high_in_turn(a, b), self.high_in_turn(c, d));
            [
                self.low_halves(ab, cd),
                self.high_halves(ab, cd),
                self.low_halves(ab_high, cd_high),
                self.high_halves(ab_high, cd_high),
            ]
        };
        let (upper, lower) = ([quarter(0, 0), quarter(4, 0)], [quarter(0, 1), quarter(4, 1)]);
        let columns = |[low, high]: [[float32x4_t; 4]; 2]| [0, 1, 2, 3].map(|k| [low[k], high[k]]);
        cast([columns(upper), columns(lower)])
    }
}
