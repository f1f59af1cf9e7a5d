//! AVX2 with fused multiply-add. A table of codes is two of four sums, which a look-up by two bits finds.

mod token;

pub(crate) use token::Avx2;

use super::{Set, TRANSPOSED, Transposed, Tuning};
use crate::level::FusedLevel;
use bytemuck::cast;
use std::arch::x86_64::{__m256, __m256i};

/// All sums of two weights, twice.
#[inline(always)]
fn pair(first: f32, second: f32) -> [f32; 8] {
    let sum = first + second;
    [0.0, first, second, sum, 0.0, first, second, sum]
}

/// Of two steps, register b holds samples 4r + b of step s in lane 4s + r.
impl Set for Avx2 {
    type Level = FusedLevel;
    const TUNING: Tuning = Tuning { width: 8, looks_up: false, looks_up_lagged: true };
    const ROWS: usize = 4;

    type Row = [__m256; 2];
    type Places = [__m256i; 2];

    #[inline(always)]
    fn add_rows(self, x: [__m256; 2], y: [__m256; 2]) -> [__m256; 2] {
        [self.add(x[0], y[0]), self.add(x[1], y[1])]
    }

    #[inline(always)]
    fn places(self, codes: [__m256; 2]) -> [__m256i; 2] {
        cast(codes)
    }

    #[inline(always)]
    fn look_up_row(self, [low, high]: [__m256; 2], places: [__m256i; 2]) -> [__m256; 2] {
        // By three bits in each half of the table; the fourth says which half.
        places.map(|places| {
            let fourth = cast(self.shift_up::<28>(places));
            self.select(self.look_up(low, places), self.look_up(high, places), fourth)
        })
    }

    type Codes = __m256i;
    type Sums = [[__m256; 2]; 2];
    type Tile = [[[__m256; 2]; 2]; 2];
    type Table = [__m256; 2];

    #[inline(always)]
    fn table(self, [a, b, c, d]: [f32; 4]) -> [__m256; 2] {
        cast([pair(a, b), pair(c, d)])
    }

    #[inline(always)]
    fn join(self, x: __m256i, y: __m256i) -> __m256i {
        self.or(x, y)
    }

    #[inline(always)]
    fn add_looked_up(
        self,
        sums: [[__m256; 2]; 2],
        [low, high]: [__m256; 2],
        codes: __m256i,
    ) -> [[__m256; 2]; 2] {
        let [[mut a, mut b], [mut c, mut d]] = sums;
        // A look-up reads the lowest two bits of each 32: one byte after the other comes there, each with two pairs.
        a = self.add(a, self.look_up_in_halves(low, codes));
        b = self.add(b, self.look_up_in_halves(low, self.shift::<8>(codes)));
        c = self.add(c, self.look_up_in_halves(low, self.shift::<16>(codes)));
        d = self.add(d, self.look_up_in_halves(low, self.shift::<24>(codes)));
        a = self.add(a, self.look_up_in_halves(high, self.shift::<2>(codes)));
        b = self.add(b, self.look_up_in_halves(high, self.shift::<10>(codes)));
        c = self.add(c, self.look_up_in_halves(high, self.shift::<18>(codes)));
        d = self.add(d, self.look_up_in_halves(high, self.shift::<26>(codes)));
        [[a, b], [c, d]]
    }

    /// Transposes each half of the four registers, and then the halves.
    #[inline(always)]
    fn in_order(self, [[a, b], [c, d]]: [[__m256; 2]; 2]) -> [[__m256; 2]; 2] {
        let (ab, cd) = (self.low_in_turn(a, b), self.low_in_turn(c, d));
        let (ab_high, cd_high) = (self.high_in_turn(a, b), self.high_in_turn(c, d));
        // Register r: samples 4r to 4r + 3 of both steps, a step a half.
        let r = [
            self.choose::<0x44>(ab, cd),
            self.choose::<0xEE>(ab, cd),
            self.choose::<0x44>(ab_high, cd_high),
            self.choose::<0xEE>(ab_high, cd_high),
        ];
        [
            [self.halves::<0x20>(r[0], r[1]), self.halves::<0x20>(r[2], r[3])],
            [self.halves::<0x31>(r[0], r[1]), self.halves::<0x31>(r[2], r[3])],
        ]
    }

    /// Pairs of rows, pairs of these, and halves.
    #[inline(always)]
    fn transposed(self, tile: Transposed) -> Transposed {
        let x: [__m256; TRANSPOSED] = cast(tile);
        // p[0]: numbers 0 and 1 of rows 0 and 1 in turn, and 4 and 5 in the upper half.
        let p = [
            self.low_in_turn(x[0], x[1]),
            self.high_in_turn(x[0], x[1]),
            self.low_in_turn(x[2], x[3]),
            self.high_in_turn(x[2], x[3]),
            self.low_in_turn(x[4], x[5]),
            self.high_in_turn(x[4], x[5]),
            self.low_in_turn(x[6], x[7]),
            self.high_in_turn(x[6], x[7]),
        ];
        // q[k]: number k of rows 0 to 3, and 4 + k in the upper half; q[4 + k] the same of rows 4 to 7.
        let q = [
            self.choose::<0x44>(p[0], p[2]),
            self.choose::<0xEE>(p[0], p[2]),
            self.choose::<0x44>(p[1], p[3]),
            self.choose::<0xEE>(p[1], p[3]),
            self.choose::<0x44>(p[4], p[6]),
            self.choose::<0xEE>(p[4], p[6]),
            self.choose::<0x44>(p[5], p[7]),
            self.choose::<0xEE>(p[5], p[7]),
        ];
        cast([
            self.halves::<0x20>(q[0], q[4]),
            self.halves::<0x20>(q[1], q[5]),
            self.halves::<0x20>(q[2], q[6]),
            self.halves::<0x20>(q[3], q[7]),
            self.halves::<0x31>(q[0], q[4]),
            self.halves::<0x31>(q[1], q[5]),
            self.halves::<0x31>(q[2], q[6]),
            self.halves::<0x31>(q[3], q[7]),
        ])
    }
}
