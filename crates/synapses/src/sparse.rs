//! Two-tap synapses over the events of a sparse presynaptic signal: whole layers.
//!
//! Outputs are taken in tiles of [`TILE`], which threads share out; a task goes over the samples in blocks of sixteen,
//! brings the block of its outputs to time lines (or back), and runs the kernels group by group. Every sum runs over
//! samples and inputs in this order, whatever the number of threads.

use crate::event_kernels::{Gather, Lines, Scatter, TILE};
use crate::events::{Events, GROUP};
use crate::packing::Rows;
use crate::table::Table;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{LANES, Pool, Real};
use rayon::prelude::*;

/// Groups of a block of samples.
const GROUPS: usize = LANES / GROUP;

/// Copies between one unit's (T, B) block and the time lines of one block of samples; lines are grouped, and within
/// a group `stride` numbers lie between the groups of neighbouring outputs.
#[derive(Clone, Copy)]
struct Move {
    rows: Rows,
    lines: Lines,
    block: usize,
    /// Output in the tile.
    q: usize,
}

impl Move {
    /// Where sample `lane` of the block starts.
    #[inline(always)]
    fn line(&self, lane: usize) -> usize {
        (lane / GROUP) * self.lines.tile() + self.q * self.lines.group() + lane % GROUP * self.lines.len
    }

    fn count(&self) -> usize {
        (self.rows.batch - self.block * LANES).min(LANES)
    }
}

/// Unit to lines; what lies after the last step stays as it is.
struct ToLines<'a, F>(Move, &'a [F], &'a mut [F]);

impl<F: Real> Kernel for ToLines<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        let Self(at, unit, tile) = self;
        let (steps, batch, first) = (at.rows.steps, at.rows.batch, at.block * LANES);
        for step in 0..steps {
            let row = &unit[step * batch + first..][..at.count()];
            row.iter().enumerate().for_each(|(lane, &x)| tile[at.line(lane) + step] = x);
        }
    }
}

/// Lines to unit.
struct FromLines<'a, F>(Move, &'a [F], &'a mut [F]);

impl<F: Real> Kernel for FromLines<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        let Self(at, tile, unit) = self;
        let (steps, batch, first) = (at.rows.steps, at.rows.batch, at.block * LANES);
        for step in 0..steps {
            let row = &mut unit[step * batch + first..][..at.count()];
            row.iter_mut().enumerate().for_each(|(lane, x)| *x = tile[at.line(lane) + step]);
        }
    }
}

/// Lines of all tiles, one after the other.
fn scratch<F: Real>(outputs: usize, lines: Lines, pool: &mut Pool<F>) -> Vec<F> {
    pool.take(outputs.div_ceil(TILE) * GROUPS * lines.tile())
}

/// Groups of samples in a block.
fn groups(rows: Rows, block: usize) -> impl Iterator<Item = (usize, usize)> {
    let first = block * GROUPS;
    (0..GROUPS).map(move |k| (k, first + k)).filter(move |(_, group)| group * GROUP < rows.batch)
}

/// `to[o] = Σ_i taps[o, i] ∗ x[i]` over all samples, `to` unit-major.
pub(crate) fn forward<F: Real>(
    events: &Events<F>,
    table: &Table<F>,
    rows: Rows,
    lines: Lines,
    to: &mut [F],
    pool: &mut Pool<F>,
) {
    let (outputs, unit) = (table.outputs(), rows.steps * rows.batch);
    let mut scratch = scratch(outputs, lines, pool);
    let tasks = to.par_chunks_mut(TILE * unit).zip(scratch.par_chunks_mut(GROUPS * lines.tile()));
    tasks.enumerate().for_each(|(task, (to, tiles))| {
        let table = table.rows(task * TILE..((task + 1) * TILE).min(outputs));
        for block in 0..rows.blocks() {
            tiles.fill(F::zero());
            for (k, group) in groups(rows, block) {
                let tile = &mut tiles[k * lines.tile()..(k + 1) * lines.tile()];
                dispatch(Scatter { events, group, table, lines, tile });
            }
            for (q, to) in to.chunks_mut(unit).enumerate() {
                dispatch(FromLines(Move { rows, lines, block, q }, tiles, to));
            }
        }
    });
    pool.give_vec(scratch);
}

/// P₀ and P₁ of every synapse (see [`crate::two_tap`]), written to `sums`, output slow and input fast.
pub(crate) fn correlate<F: Real>(
    events: &Events<F>,
    g: &[F],
    table: &Table<F>,
    rows: Rows,
    lines: Lines,
    sums: &mut [[F; 2]],
    pool: &mut Pool<F>,
) {
    let (outputs, unit) = (table.outputs(), rows.steps * rows.batch);
    let mut scratch = scratch(outputs, lines, pool);
    let tasks = sums.par_chunks_mut(TILE * table.width).zip(scratch.par_chunks_mut(GROUPS * lines.tile()));
    tasks.zip(g.par_chunks(TILE * unit)).enumerate().for_each(|(task, ((sums, tiles), g))| {
        let table = table.rows(task * TILE..((task + 1) * TILE).min(outputs));
        sums.fill([F::zero(); 2]);
        tiles.fill(F::zero());
        for block in 0..rows.blocks() {
            for (q, g) in g.chunks(unit).enumerate() {
                dispatch(ToLines(Move { rows, lines, block, q }, g, tiles));
            }
            for (k, group) in groups(rows, block) {
                let tile = &tiles[k * lines.tile()..(k + 1) * lines.tile()];
                dispatch(Gather { events, group, table, lines, tile, sums: &mut *sums });
            }
        }
    });
    pool.give_vec(scratch);
}
