//! The synapses between the units of one layer, one step at a time: what recurrence with delays is made of.
//!
//! ```text
//! forward    sums[t, j] = Σ_{i≠j} Σ_l W[i, j] κ_l(d[i, j]) x[t − 1 − l, i],    l = 0 … D
//! backward   sums[t, i] = Σ_{j≠i} Σ_l W[i, j] κ_l(d[i, j]) g[t + 1 + l, j]
//! ```
//!
//! A feed-forward layer has its whole input before it begins; here the input of a step is the output of the steps before
//! it, so that time runs outside. [`StepSynapses`] holds the taps of every synapse as one run of neighbouring lags, of one
//! length for all of a layer: one tap of whole delays, two of linear interpolation, more of a triangle or a Gaussian. What
//! units sent lies in a ring of rows of sixteen samples, a ring a unit ([`StepSynapses::push`]), so that the taps of a
//! synapse are neighbouring rows. Sums stay in registers, and each adds its inputs in ascending order, the nearest lag
//! first. Backward, steps are counted from the last one: g is pushed where x was, and the table is transposed.
//!
//! [`StepLine`] does the same for one sample, to the same bits, with work only for units that sent something lately.

mod line;
mod runs;

use crate::wide::Shape;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{Buffers, Lanes, Pool, Real};
pub use line::StepLine;
use ndarray::ArrayRef2;
use runs::{Runs, fill};

/// Sums that are kept in registers at a time.
const TILE: usize = 4;

/// Which sums a [`StepSynapses`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Of each unit's inputs.
    Forward,
    /// The transpose, of the gradients of what each unit's output leads to.
    Backward,
}

/// The taps of the synapses between the units of a layer; a unit has none to itself.
#[derive(Debug)]
pub struct StepSynapses<F> {
    /// (N, N, length of a run): the runs of the synapses of unit 0, of unit 1, …
    taps: Vec<F>,
    /// (N, N): the lag of the first tap of each run.
    first: Vec<u32>,
    runs: Runs,
}

impl<F: Real> StepSynapses<F> {
    /// Of weight and delay (N, N).
    pub(crate) fn new(
        form: Shape<F>,
        weight: &ArrayRef2<F>,
        delay: &ArrayRef2<F>,
        direction: Direction,
        pool: &mut Pool<F>,
    ) -> Self {
        let runs = Runs::of(form, weight.nrows());
        let synapses = runs.units * runs.units;
        let mut taps = pool.take(synapses * runs.width);
        let mut first = pool.take_indices(synapses);
        fill(form, (weight, delay), direction, runs.width, (&mut taps, &mut first));
        Self { taps, first, runs }
    }

    /// What the table of a layer of N = `units` takes, and the lanes of a history.
    pub(crate) fn buffers(form: Shape<F>, units: usize) -> (Buffers, usize) {
        let runs = Runs::of(form, units);
        let table = Buffers::values(units * units * runs.width).and(Buffers::indices(units * units));
        (table, runs.history())
    }

    /// Lanes of the history of sixteen samples. It starts as zeros.
    #[must_use]
    pub fn history_lanes(&self) -> usize {
        self.runs.history()
    }

    /// Writes a step's row, N values of sixteen samples, to the history.
    ///
    /// # Panics
    /// If the history or the row was made for other synapses.
    #[track_caller]
    pub fn push(&self, history: &mut [Lanes<F>], step: usize, row: &[Lanes<F>]) {
        assert_eq!(row.len(), self.runs.units, "a row of {} units", self.runs.units);
        let slot = self.runs.slot(step);
        let to = history[slot..].iter_mut().step_by(self.runs.stride());
        to.zip(row).for_each(|(to, &from)| *to = from);
    }

    /// Adds each unit's sum for step `step` to `sums`, from the rows of the steps before it, which are all in `history`.
    ///
    /// # Panics
    /// If the history or the sums were made for other synapses.
    #[track_caller]
    pub fn add_sums(&self, history: &[Lanes<F>], step: usize, sums: &mut [Lanes<F>]) {
        assert_eq!(history.len(), self.history_lanes(), "a history of {} units", self.runs.units);
        assert_eq!(sums.len(), self.runs.units, "sums of {} units", self.runs.units);
        dispatch(Gather { table: self, history, newest: step.wrapping_sub(1), sums });
    }

    /// Gives the buffers back.
    pub fn recycle(self, pool: &mut Pool<F>) {
        pool.give_vec(self.taps);
        pool.give_indices(self.first);
    }
}

/// [`StepSynapses::add_sums`].
struct Gather<'a, F> {
    table: &'a StepSynapses<F>,
    history: &'a [Lanes<F>],
    /// The step before.
    newest: usize,
    sums: &'a mut [Lanes<F>],
}

impl<F: Real> Kernel for Gather<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        // The lengths that are used most are known where this is compiled.
        match self.table.runs.width {
            1 => self.add::<L>(1),
            2 => self.add::<L>(2),
            width => self.add::<L>(width),
        }
    }
}

impl<F: Real> Gather<'_, F> {
    /// Adds the sums over runs of `width` taps, which is what the table has.
    #[inline(always)]
    fn add<L: Level>(self, width: usize) {
        let Self { table, history, newest, sums } = self;
        let mut tiles = sums.chunks_exact_mut(TILE);
        let mut j = 0;
        for tile in tiles.by_ref() {
            add_tile::<F, L, TILE>((table, width), (history, newest), j, tile);
            j += TILE;
        }
        for (c, sum) in tiles.into_remainder().iter_mut().enumerate() {
            add_tile::<F, L, 1>((table, width), (history, newest), j + c, std::slice::from_mut(sum));
        }
    }
}

/// Adds the sums of `N` units from `first_unit` on, which stay in registers.
#[inline(always)]
fn add_tile<F: Real, L: Level, const N: usize>(
    (table, width): (&StepSynapses<F>, usize),
    (history, newest): (&[Lanes<F>], usize),
    first_unit: usize,
    sums: &mut [Lanes<F>],
) {
    let runs = table.runs;
    let mut tile = [Lanes::default(); N];
    tile.copy_from_slice(sums);
    let range = |c: usize| (first_unit + c) * runs.units..(first_unit + c + 1) * runs.units;
    let taps: [&[F]; N] = std::array::from_fn(|c| &table.taps[range(c).start * width..range(c).end * width]);
    let first: [&[u32]; N] = std::array::from_fn(|c| &table.first[range(c)]);
    for i in 0..runs.units {
        let rows = runs.rows(history, i);
        for k in 0..width {
            for c in 0..N {
                let row = &rows[runs.slot(newest.wrapping_sub(first[c][i] as usize + k))];
                tile[c] = tile[c].scaled::<L>(taps[c][i * width + k], row);
            }
        }
    }
    sums.copy_from_slice(&tile);
}

#[cfg(test)]
mod tests;
