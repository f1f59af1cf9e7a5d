//! AVX-512. A table of codes is one register.

mod token;

pub(crate) use token::Avx512;

use super::primitives::TABLE_BITS;
use super::{Set, Transposed, Tuning};
use crate::level::FusedLevel;
use bytemuck::cast;
use std::arch::x86_64::{__m512, __m512i};

/// Of four steps, register b holds samples 4r + b of step s in lane 4s + r.
impl Set for Avx512 {
    type Level = FusedLevel;
    const TUNING: Tuning = Tuning { width: 16, looks_up: true, looks_up_lagged: true };
    const ROWS: usize = 8;

    type Row = __m512;
    type Places = __m512i;

    #[inline(always)]
    fn add_rows(self, x: __m512, y: __m512) -> __m512 {
        self.add(x, y)
    }

    #[inline(always)]
    fn places(self, codes: __m512) -> __m512i {
        cast(codes)
    }

    #[inline(always)]
    fn look_up_row(self, table: __m512, places: __m512i) -> __m512 {
        self.look_up(table, places)
    }

    type Codes = __m512i;
    type Sums = [__m512; 4];
    type Tile = [[__m512; 4]; 5];
    type Table = __m512;

    #[inline(always)]
    fn table(self, weights: [f32; 4]) -> __m512 {
        let mut table: __m512 = cast(TABLE_BITS[0].map(|bit| bit * weights[0]));
        for (bits, weight) in TABLE_BITS[1..].iter().zip(&weights[1..]) {
            table = self.multiply_add(cast(*bits), cast([*weight; 16]), table);
        }
        table
    }

    #[inline(always)]
    fn join(self, x: __m512i, y: __m512i) -> __m512i {
        self.or(x, y)
    }

    #[inline(always)]
    fn add_looked_up(self, [a, b, c, d]: [__m512; 4], table: __m512, codes: __m512i) -> [__m512; 4] {
        // A look-up reads the lowest four bits of each 32: one byte after the other comes there.
        [
            self.add(a, self.look_up(table, codes)),
            self.add(b, self.look_up(table, self.shift::<8>(codes))),
            self.add(c, self.look_up(table, self.shift::<16>(codes))),
            self.add(d, self.look_up(table, self.shift::<24>(codes))),
        ]
    }

    /// Transposes each quarter of the four registers, and then the quarters.
    #[inline(always)]
    fn in_order(self, [a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
        let (ab, cd) = (self.low_in_turn(a, b), self.low_in_turn(c, d));
        let (ab_high, cd_high) = (self.high_in_turn(a, b), self.high_in_turn(c, d));
        // Register r: samples 4r to 4r + 3 of all four steps, a step a quarter.
        let r = [
            self.choose::<0x44>(ab, cd),
            self.choose::<0xEE>(ab, cd),
            self.choose::<0x44>(ab_high, cd_high),
            self.choose::<0xEE>(ab_high, cd_high),
        ];
        let halves = [
            self.quarters::<0x44>(r[0], r[1]),
            self.quarters::<0x44>(r[2], r[3]),
            self.quarters::<0xEE>(r[0], r[1]),
            self.quarters::<0xEE>(r[2], r[3]),
        ];
        [
            self.quarters::<0x88>(halves[0], halves[1]),
            self.quarters::<0xDD>(halves[0], halves[1]),
            self.quarters::<0x88>(halves[2], halves[3]),
            self.quarters::<0xDD>(halves[2], halves[3]),
        ]
    }

    /// Registers twice as long are shuffled at half the rate: nothing is gained by them.
    #[inline(always)]
    fn transposed(self, tile: Transposed) -> Transposed {
        self.included().transposed(tile)
    }
}
