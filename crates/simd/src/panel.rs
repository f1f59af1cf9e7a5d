//! Panels: some columns of a matrix whose rows are contiguous, with the numbers of a column side by side.
//!
//! Column c of a panel is `stride` [`Lanes`], of which row j of the matrix has number j mod 16 of lane j / 16. To turn rows
//! into columns and back costs a read or a write of four bytes a number, or, eight by eight, three shuffles of registers
//! for eight numbers. Compilers do not find the second.

use crate::real::Forms;
use crate::sets::{Instructions, Set, TRANSPOSED, Token, Transposed};
use crate::{Lanes, Real};
use std::marker::PhantomData;

/// Rows that are turned together; whole halves of a lane.
pub const PANEL_ROWS: usize = TRANSPOSED;

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
        self.run_with(Token::best());
    }

    fn run_with(self, with: Token) {
        F::call::<FromPanelOn<'_>>((with, self));
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
        self.run_with(Token::best());
    }

    fn run_with(self, with: Token) {
        F::call::<ToPanelOn<'_>>((with, self));
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
    type Arguments<F: Real> = (Token, FromPanel<'a, F>);
    type Output<F: Real> = ();

    fn single((with, of): (Token, FromPanel<'a, f32>)) {
        let columns = of.rows[0].len();
        if of.rows.iter().all(|row| row.len() == columns) { with.run(of) } else { of.plain(0) }
    }

    fn double((_, of): (Token, FromPanel<'a, f64>)) {
        of.plain(0);
    }
}

/// [`ToPanel`] on a set that this machine has.
struct ToPanelOn<'a>(PhantomData<&'a ()>);

impl<'a> Forms for ToPanelOn<'a> {
    type Arguments<F: Real> = (Token, ToPanel<'a, F>);
    type Output<F: Real> = ();

    fn single((with, of): (Token, ToPanel<'a, f32>)) {
        let columns = of.rows[0].len();
        if of.rows.iter().all(|row| row.len() == columns) { with.run(of) } else { of.plain(0) }
    }

    fn double((_, of): (Token, ToPanel<'a, f64>)) {
        of.plain(0);
    }
}

/// For rows of one length.
impl Instructions for FromPanel<'_, f32> {
    type Output = ();

    #[inline(always)]
    fn run<S: Set>(mut self, with: S) {
        let Place { lane, number } = Place::of(self.place);
        let whole = self.rows[0].len() / PANEL_ROWS * PANEL_ROWS;
        for first in (0..whole).step_by(PANEL_ROWS) {
            let mut tile = Transposed::default();
            for (k, to) in tile.iter_mut().enumerate() {
                let lanes = &self.panel[(first + k) * self.stride + lane].0;
                to.copy_from_slice(&lanes[number..number + PANEL_ROWS]);
            }
            for (row, from) in self.rows.iter_mut().zip(with.transposed(tile)) {
                row[first..first + PANEL_ROWS].copy_from_slice(&from);
            }
        }
        self.plain(whole);
    }
}

/// For rows of one length.
impl Instructions for ToPanel<'_, f32> {
    type Output = ();

    #[inline(always)]
    fn run<S: Set>(self, with: S) {
        let Place { lane, number } = Place::of(self.place);
        let whole = self.rows[0].len() / PANEL_ROWS * PANEL_ROWS;
        for first in (0..whole).step_by(PANEL_ROWS) {
            let mut tile = Transposed::default();
            for (to, row) in tile.iter_mut().zip(&self.rows) {
                to.copy_from_slice(&row[first..first + PANEL_ROWS]);
            }
            for (k, from) in with.transposed(tile).iter().enumerate() {
                let lanes = &mut self.panel[(first + k) * self.stride + lane].0;
                lanes[number..number + PANEL_ROWS].copy_from_slice(from);
            }
        }
        self.plain(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InstructionSet;

    /// Three lanes a column, one of them room; rows 8 to 15, of which `existing` exist.
    fn check<F: Real>(columns: usize, existing: usize) {
        let (stride, place, untouched) = (3, 1, F::of(-1.0));
        let value = |j: usize, c: usize| F::of((j * 100 + c) as f64);
        let of_matrix: Vec<Vec<F>> =
            (0..PANEL_ROWS).map(|j| (0..columns).map(|c| value(j, c)).collect()).collect();
        for set in InstructionSet::available() {
            let mut panel = vec![Lanes::splat(untouched); columns * stride];
            let row = |j: usize| if j < existing { &of_matrix[j][..] } else { &[] };
            ToPanel { rows: std::array::from_fn(row), panel: &mut panel, stride, place }
                .run_with(Token::of(set));
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
            FromPanel { panel: &panel, stride, place, rows: each }.run_with(Token::of(set));
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
