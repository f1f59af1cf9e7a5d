//! What the compilation target guarantees: loops over arrays, which the compiler turns into what instructions there are.

use super::{Instructions, Set, Transposed, Tuning};
use crate::level::PortableLevel;

/// Every machine has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Portable {
    #[expect(clippy::unnecessary_wraps, reason = "other sets may be missing")]
    pub(crate) fn found() -> Option<Self> {
        Some(Self)
    }

    pub(crate) fn compiled<K: Instructions>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}

impl Set for Portable {
    type Level = PortableLevel;
    const TUNING: Tuning = Tuning { width: 4, looks_up: false, looks_up_lagged: false };
    const ROWS: usize = 2;

    type Row = [f32; 16];
    type Places = [u32; 16];

    #[inline(always)]
    fn add_rows(self, mut x: [f32; 16], y: [f32; 16]) -> [f32; 16] {
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
        x
    }

    #[inline(always)]
    fn places(self, codes: [f32; 16]) -> [u32; 16] {
        codes.map(|code| code.to_bits() % 16)
    }

    #[inline(always)]
    fn look_up_row(self, table: [f32; 16], places: [u32; 16]) -> [f32; 16] {
        places.map(|place| table[place as usize % 16])
    }

    type Codes = [u8; 16];
    type Sums = [[f32; 16]; 1];
    type Tile = [[[f32; 16]; 1]; 2];
    type Table = [f32; 16];

    #[inline(always)]
    fn table(self, weights: [f32; 4]) -> [f32; 16] {
        let mut table = [0.0; 16];
        for (k, weight) in weights.into_iter().enumerate() {
            // Those without weight k, and then those with it.
            let (without, with) = table.split_at_mut(1 << k);
            with.iter_mut().zip(without).for_each(|(with, without)| *with = *without + weight);
        }
        table
    }

    #[inline(always)]
    fn join(self, mut x: [u8; 16], y: [u8; 16]) -> [u8; 16] {
        x.iter_mut().zip(y).for_each(|(x, y)| *x |= y);
        x
    }

    #[inline(always)]
    fn add_looked_up(self, [mut sums]: [[f32; 16]; 1], table: [f32; 16], codes: [u8; 16]) -> [[f32; 16]; 1] {
        sums.iter_mut().zip(codes).for_each(|(sum, code)| *sum += table[usize::from(code) % 16]);
        [sums]
    }

    #[inline(always)]
    fn in_order(self, sums: [[f32; 16]; 1]) -> [[f32; 16]; 1] {
        sums
    }

    #[inline(always)]
    fn transposed(self, tile: Transposed) -> Transposed {
        std::array::from_fn(|k| tile.map(|row| row[k]))
    }
}
