//! What every instruction set can do.

use super::Tuning;
use crate::level::Level;
use bytemuck::Pod;

/// Rows and columns that are exchanged together.
pub(crate) const TRANSPOSED: usize = 8;

/// A square of numbers, row by row.
pub(crate) type Transposed = [[f32; TRANSPOSED]; TRANSPOSED];

/// Bit k of a place in a table, as a number: the table of weights is Σ w[k] · bit k.
#[allow(dead_code, reason = "the portable set has no use for it")]
pub(crate) const TABLE_BITS: [[f32; 16]; 4] = {
    let mut bits = [[0.0; 16]; 4];
    let mut place = 0;
    while place < 16 {
        let mut k = 0;
        while k < 4 {
            bits[k][place] = (place >> k & 1) as f32;
            k += 1;
        }
        place += 1;
    }
    bits
};

/// An instruction set: the type of its token, whose methods are its primitives. They are inlined into what
/// [`Instructions`] compile to; nobody has to be told that the set is there, because the token says so.
///
/// Sums of binary signals are looked up in tables of sixteen numbers, for all that four bits may say. Sixteen samples are a
/// *row*, however many registers that takes.
pub(crate) trait Set: Copy {
    /// The arithmetic of generic kernels.
    type Level: Level;
    /// What suits the set.
    const TUNING: Tuning;
    /// Rows that stay in registers while they are added to, a power of two.
    const ROWS: usize;

    /// Sixteen numbers.
    type Row: Pod;
    /// Where sixteen samples are in a table.
    type Places: Pod;
    /// x + y.
    fn add_rows(self, x: Self::Row, y: Self::Row) -> Self::Row;
    /// The places that the lowest four bits of each number say.
    fn places(self, codes: Self::Row) -> Self::Places;
    /// The numbers of a table at some places.
    fn look_up_row(self, table: Self::Row, places: Self::Places) -> Self::Row;

    /// A register of codes: a byte a sample, four bits of it in use, of as many steps as there is room for.
    type Codes: Pod;
    /// The sums of as many steps: [`Self::Row`]s, in the order in which they are looked up.
    type Sums: Pod + AsMut<[Self::Row]>;
    /// As many [`Self::Sums`] as stay in registers while they are added to.
    type Tile: Pod + AsMut<[Self::Sums]>;
    /// A table as codes are looked up in it.
    type Table: Pod;
    /// All sums of four weights.
    fn table(self, weights: [f32; 4]) -> Self::Table;
    /// Bits that are in one of two.
    fn join(self, x: Self::Codes, y: Self::Codes) -> Self::Codes;
    /// Adds the numbers of a table that codes say.
    fn add_looked_up(self, sums: Self::Sums, table: Self::Table, codes: Self::Codes) -> Self::Sums;
    /// From the order of the look-ups to one step a row, sample after sample.
    fn in_order(self, sums: Self::Sums) -> Self::Sums;

    /// Rows and columns exchanged.
    fn transposed(self, tile: Transposed) -> Transposed;
}

/// A computation that is written once, against the primitives of a set. Implementations mark `run`, and everything hot that
/// it calls, `#[inline(always)]`: only what is inlined is compiled for the set.
pub(crate) trait Instructions {
    /// What the computation returns.
    type Output;
    /// Runs with the set that the token stands for.
    fn run<S: Set>(self, with: S) -> Self::Output;
}
