//! Panels: some columns of a matrix whose rows are contiguous, with the numbers of a column side by side.
//!
//! Column c of a panel is `stride` [`Lanes`], of which row j of the matrix has number j mod 16 of lane j / 16. To turn rows
//! into columns and back costs a read or a write of four bytes a number, or, eight by eight, three shuffles of registers
//! for eight numbers. Compilers do not find the second.

#[cfg(target_arch = "x86_64")]
use crate::dispatch::Avx2;
use crate::real::Forms;
use crate::{InstructionSet, Lanes, Real};
use std::marker::PhantomData;

/// Rows that are turned together; whole halves of a lane.
pub const PANEL_ROWS: usize = 8;

/// Rows `PANEL_ROWS` · `place` and on of a panel.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Lane of a column.
    lane: usize,
    /// First number of that lane.
    number: usize,
}

impl Place {
    #[inline(always)]
    fn of(place: usize) -> Self {
        let row = place * PANEL_ROWS;
        Self { lane: row / crate::LANES, number: row % crate::LANES }
    }
}

/// Eight rows out of a panel: `rows[j][c]` becomes number 8 · `place` + j of column c.
#[derive(Debug)]
pub struct FromPanel<'a, F> {
    /// Columns, `stride` lanes each.
    pub panel: &'a [Lanes<F>],
    /// Lanes of a column.
    pub stride: usize,
    /// Which eight rows.
    pub place: usize,
    /// Receive the numbers; rows that do not exist are empty.
    pub rows: [&'a mut [F]; PANEL_ROWS],
}

/// Eight rows into a panel, the reverse of [`FromPanel`]. Numbers of rows that do not exist stay as they are.
#[derive(Debug)]
pub struct ToPanel<'a, F> {
    /// As long as there are columns; rows that do not exist are empty.
    pub rows: [&'a [F]; PANEL_ROWS],
    /// Columns, `stride` lanes each.
    pub panel: &'a mut [Lanes<F>],
    /// Lanes of a column.
    pub stride: usize,
    /// Which eight rows.
    pub place: usize,
}

impl<F: Real> FromPanel<'_, F> {
    /// Runs with the best instruction set of this machine.
    ///
    /// # Panics
    /// If the panel has no such column or number.
    pub fn run(self) {
        self.run_on(InstructionSet::best());
    }

    /// Runs with a set that this machine has.
    fn run_on(self, set: InstructionSet) {
        F::call::<FromPanelOn<'_>>((set, self));
    }

    /// Number by number, from column `first` on.
    pub(crate) fn plain(self, first: usize) {
        let Place { lane, number } = Place::of(self.place);
        for (j, row) in self.rows.into_iter().enumerate() {
            for (c, to) in row.iter_mut().enumerate().skip(first) {
                *to = self.panel[c * self.stride + lane].0[number + j];
            }
        }
    }
}

impl<F: Real> ToPanel<'_, F> {
    /// Runs with the best instruction set of this machine.
    ///
    /// # Panics
    /// If the panel has no such column or number.
    pub fn run(self) {
        self.run_on(InstructionSet::best());
    }

    /// Runs with a set that this machine has.
    fn run_on(self, set: InstructionSet) {
        F::call::<ToPanelOn<'_>>((set, self));
    }

    /// Number by number, from column `first` on.
    pub(crate) fn plain(self, first: usize) {
        let Place { lane, number } = Place::of(self.place);
        for (j, row) in self.rows.into_iter().enumerate() {
            for (c, &x) in row.iter().enumerate().skip(first) {
                self.panel[c * self.stride + lane].0[number + j] = x;
            }
        }
    }
}

/// [`FromPanel`] on a set that this machine has.
struct FromPanelOn<'a>(PhantomData<&'a ()>);

impl<'a> Forms for FromPanelOn<'a> {
    type Arguments<F: Real> = (InstructionSet, FromPanel<'a, F>);
    type Output<F: Real> = ();

    fn single((set, of): (InstructionSet, FromPanel<'a, f32>)) {
        let columns = of.rows[0].len();
        match set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 | InstructionSet::Avx512
                if of.rows.iter().all(|row| row.len() == columns) =>
            {
                Avx2::found().expect("the machine has the set").run(of);
            }
            _ => of.plain(0),
        }
    }

    fn double((_, of): (InstructionSet, FromPanel<'a, f64>)) {
        of.plain(0);
    }
}

/// [`ToPanel`] on a set that this machine has.
struct ToPanelOn<'a>(PhantomData<&'a ()>);

impl<'a> Forms for ToPanelOn<'a> {
    type Arguments<F: Real> = (InstructionSet, ToPanel<'a, F>);
    type Output<F: Real> = ();

    fn single((set, of): (InstructionSet, ToPanel<'a, f32>)) {
        let columns = of.rows[0].len();
        match set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 | InstructionSet::Avx512
                if of.rows.iter().all(|row| row.len() == columns) =>
            {
                Avx2::found().expect("the machine has the set").run(of);
            }
            _ => of.plain(0),
        }
    }

    fn double((_, of): (InstructionSet, ToPanel<'a, f64>)) {
        of.plain(0);
    }
}

/// The AVX2 form, which AVX-512 has no better one than: its registers are twice as long, and shuffled at half the rate.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{FromPanel, PANEL_ROWS, Place, ToPanel};
    use crate::dispatch::{Avx2, Instructions};
    use std::arch::x86_64::__m256;

    type Tile = [[f32; PANEL_ROWS]; PANEL_ROWS];

    /// Rows and columns exchanged: pairs of rows, pairs of these, and halves.
    #[inline(always)]
    fn transposed(with: Avx2, tile: Tile) -> Tile {
        let x: [__m256; PANEL_ROWS] = bytemuck::cast(tile);
        // p[0]: numbers 0 and 1 of rows 0 and 1 in turn, and 4 and 5 in the upper half.
        let p = [
            with.low_in_turn(x[0], x[1]),
            with.high_in_turn(x[0], x[1]),
            with.low_in_turn(x[2], x[3]),
            with.high_in_turn(x[2], x[3]),
            with.low_in_turn(x[4], x[5]),
            with.high_in_turn(x[4], x[5]),
            with.low_in_turn(x[6], x[7]),
            with.high_in_turn(x[6], x[7]),
        ];
        // q[k]: number k of rows 0 to 3, and 4 + k in the upper half; q[4 + k] the same of rows 4 to 7.
        let q = [
            with.choose::<0x44>(p[0], p[2]),
            with.choose::<0xEE>(p[0], p[2]),
            with.choose::<0x44>(p[1], p[3]),
            with.choose::<0xEE>(p[1], p[3]),
            with.choose::<0x44>(p[4], p[6]),
            with.choose::<0xEE>(p[4], p[6]),
            with.choose::<0x44>(p[5], p[7]),
            with.choose::<0xEE>(p[5], p[7]),
        ];
        bytemuck::cast([
            with.halves::<0x20>(q[0], q[4]),
            with.halves::<0x20>(q[1], q[5]),
            with.halves::<0x20>(q[2], q[6]),
            with.halves::<0x20>(q[3], q[7]),
            with.halves::<0x31>(q[0], q[4]),
            with.halves::<0x31>(q[1], q[5]),
            with.halves::<0x31>(q[2], q[6]),
            with.halves::<0x31>(q[3], q[7]),
        ])
    }

    /// For rows of one length.
    impl Instructions<Avx2> for FromPanel<'_, f32> {
        #[inline(always)]
        fn run(mut self, with: Avx2) {
            let Place { lane, number } = Place::of(self.place);
            let whole = self.rows[0].len() / PANEL_ROWS * PANEL_ROWS;
            for first in (0..whole).step_by(PANEL_ROWS) {
                let mut tile = Tile::default();
                for (k, to) in tile.iter_mut().enumerate() {
                    let lanes = &self.panel[(first + k) * self.stride + lane].0;
                    to.copy_from_slice(&lanes[number..number + PANEL_ROWS]);
                }
                for (row, from) in self.rows.iter_mut().zip(transposed(with, tile)) {
                    row[first..first + PANEL_ROWS].copy_from_slice(&from);
                }
            }
            self.plain(whole);
        }
    }

    /// For rows of one length.
    impl Instructions<Avx2> for ToPanel<'_, f32> {
        #[inline(always)]
        fn run(self, with: Avx2) {
            let Place { lane, number } = Place::of(self.place);
            let whole = self.rows[0].len() / PANEL_ROWS * PANEL_ROWS;
            for first in (0..whole).step_by(PANEL_ROWS) {
                let mut tile = Tile::default();
                for (to, row) in tile.iter_mut().zip(&self.rows) {
                    to.copy_from_slice(&row[first..first + PANEL_ROWS]);
                }
                for (k, from) in transposed(with, tile).iter().enumerate() {
                    let lanes = &mut self.panel[(first + k) * self.stride + lane].0;
                    lanes[number..number + PANEL_ROWS].copy_from_slice(from);
                }
            }
            self.plain(whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three lanes a column, one of them room; rows 8 to 15, of which `existing` exist.
    fn check<F: Real>(columns: usize, existing: usize) {
        let (stride, place, untouched) = (3, 1, F::of(-1.0));
        let value = |j: usize, c: usize| F::of((j * 100 + c) as f64);
        let of_matrix: Vec<Vec<F>> =
            (0..PANEL_ROWS).map(|j| (0..columns).map(|c| value(j, c)).collect()).collect();
        for set in InstructionSet::available() {
            let mut panel = vec![Lanes::splat(untouched); columns * stride];
            let row = |j: usize| if j < existing { &of_matrix[j][..] } else { &[] };
            ToPanel { rows: std::array::from_fn(row), panel: &mut panel, stride, place }.run_on(set);
            for (k, lanes) in panel.iter().enumerate() {
                for (l, &found) in lanes.0.iter().enumerate() {
                    let (column, row) = (k / stride, (k % stride * 16 + l).wrapping_sub(place * PANEL_ROWS));
                    let expected = if row < existing { value(row, column) } else { untouched };
                    assert!(
                        found == expected,
                        "{set:?}: column {column}, row {row}: {found}, not {expected}"
                    );
                }
            }
            let mut rows: Vec<Vec<F>> =
                (0..PANEL_ROWS).map(|j| vec![untouched; if j < existing { columns } else { 0 }]).collect();
            let mut each = rows.iter_mut();
            let each = std::array::from_fn(|_| &mut each.next().expect("eight")[..]);
            FromPanel { panel: &panel, stride, place, rows: each }.run_on(set);
            for (row, expected) in rows.iter().zip(&of_matrix).take(existing) {
                assert_eq!(row, expected, "{set:?}");
            }
        }
    }

    #[test]
    fn rows_come_back_from_their_panel_number_by_number() {
        for columns in [0, 1, 7, 8, 9, 24, 31] {
            for existing in [PANEL_ROWS, 5, 0] {
                check::<f32>(columns, existing);
                check::<f64>(columns, existing);
            }
        }
    }
}
