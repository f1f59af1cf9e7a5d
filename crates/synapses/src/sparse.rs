//! Two-tap synapses over the listed rows of a presynaptic signal: whole layers.
//!
//! Outputs are taken in tiles of [`TILE`], which threads share out; a task goes over the groups of samples, brings the
//! group's rows of its outputs into a tile (or adds the tile to them), and runs the kernels. Every sum runs over
//! groups, inputs and steps in this order, whatever the number of threads.

use crate::active::{Active, GROUP, Row};
use crate::interpolation::Taps;
use crate::lag_kernels::TapTable;
use crate::row_kernels::{Gather, Lines, Scatter, TILE, plane};
use crate::table::Table;
use colearn_tape::simd::{ALIGN_ROOM, Kernel, Level, aligned_mut, dispatch};
use colearn_tape::{Buffers, LANES, Lanes, Pool, Real, SequenceShape};
use rayon::prelude::*;

/// Most tiles of a task of [`correlate`].
const TASK_TILES: usize = 8;

/// Tasks that smaller layers are split into.
const MIN_TASKS: usize = 4;

/// Groups of a block of lanes.
pub(crate) const GROUPS: usize = LANES / GROUP;

/// Adds the rows of a tile to one block of lanes: `group` of [`GROUPS`], T rows an output.
struct AddTile<'a, F> {
    tile: &'a [Row<F>],
    lines: Lines,
    group: usize,
    to: &'a mut [Lanes<F>],
    padded_steps: usize,
}

impl<F: Real> Kernel for AddTile<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        for (q, to) in self.to.chunks_mut(self.padded_steps).enumerate() {
            let rows = self.tile[q..].iter().step_by(TILE).take(self.lines.steps);
            for (lanes, row) in to.iter_mut().zip(rows) {
                let (halves, _) = lanes.0.as_chunks_mut::<GROUP>();
                // As a value: the compiler then adds them side by side.
                let mut sums = halves[self.group];
                for l in 0..GROUP {
                    sums[l] += row[l];
                }
                halves[self.group] = sums;
            }
        }
    }
}

/// What the sparse part of a forward pass needs, for one block of lanes.
pub(crate) struct ScatterBlock<'a, F> {
    pub(crate) active: &'a Active<F>,
    /// The inputs of the table.
    pub(crate) inputs: &'a [u32],
    pub(crate) block: usize,
    pub(crate) lines: Lines,
    pub(crate) taps: Taps,
}

impl<F: Real> ScatterBlock<'_, F> {
    /// Adds `taps ∗ x` of the inputs to `to`, `padded_steps` rows an output of `table`. `tile` is room for a tile.
    pub(crate) fn add_to(
        &self,
        table: &TapTable<'_, F>,
        to: &mut [Lanes<F>],
        padded_steps: usize,
        tile: &mut [Row<F>],
    ) {
        let Self { active, inputs, block, lines, taps } = *self;
        for (k, to) in to.chunks_mut(TILE * padded_steps).enumerate() {
            let width = table.inputs;
            let range = k * TILE * width..(k * TILE + to.len() / padded_steps) * width;
            let table = TapTable {
                near: &table.near[range.clone()],
                far: &table.far[range.clone()],
                lag: &table.lag[range],
                inputs: width,
            };
            for part in 0..GROUPS {
                let group = block * GROUPS + part;
                if group >= active.groups() {
                    continue;
                }
                tile.fill([F::zero(); GROUP]);
                match taps {
                    Taps::One => dispatch(Scatter::<F, 1> { active, inputs, group, table, lines, tile }),
                    Taps::Two => dispatch(Scatter::<F, 2> { active, inputs, group, table, lines, tile }),
                }
                dispatch(AddTile { tile, lines, group: part, to: &mut *to, padded_steps });
            }
        }
    }
}

/// One unit's rows of one group of samples as those of output `q`.
struct ToTile<'a, F> {
    /// The unit's rows of a block: the two groups of each step.
    rows: &'a [[Row<F>; GROUPS]],
    /// The group.
    half: usize,
    q: usize,
    tile: &'a mut [Row<F>],
}

impl<F: Real> Kernel for ToTile<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { rows, half, q, tile } = self;
        for (to, row) in tile[q..].iter_mut().step_by(TILE).zip(rows) {
            *to = row[half];
        }
    }
}

/// Tiles of a layer and of a task of [`correlate`], and numbers in the sums of a tile.
fn tiles(inputs: usize, outputs: usize) -> (usize, usize, usize) {
    let tiles = outputs.div_ceil(TILE);
    (tiles, tiles.div_ceil(MIN_TASKS).clamp(1, TASK_TILES), 2 * TILE * plane(inputs) * GROUP)
}

/// What [`correlate`] takes.
pub(crate) fn buffers(inputs: usize, outputs: usize, lines: Lines) -> Buffers {
    let (tiles, task_tiles, of_tile) = tiles(inputs, outputs);
    Buffers::array(tiles.div_ceil(task_tiles) * lines.tile() * GROUP).and(Buffers::array(tiles * of_tile))
}

/// P₀ and P₁ of every synapse (see [`crate::two_tap`]), written to `totals`, output slow and input fast.
pub(crate) fn correlate<F: Real>(
    active: &Active<F>,
    (g, shape): (&[F], SequenceShape),
    table: &Table<F>,
    lines: Lines,
    totals: &mut [[F; 2]],
    pool: &mut Pool<F>,
) {
    let (width, outputs) = (table.width, shape.units);
    let (tiles, task_tiles, of_tile) = tiles(width, outputs);
    let mut scratch = pool.take(tiles.div_ceil(task_tiles) * lines.tile() * GROUP + ALIGN_ROOM);
    let mut sums = pool.take(tiles * of_tile + ALIGN_ROOM);
    let task_outputs = task_tiles * TILE;
    let tasks = totals.par_chunks_mut(task_outputs * width);
    let tile_rows = aligned_mut(&mut scratch).par_chunks_mut(lines.tile() * GROUP);
    let room = tile_rows.zip(aligned_mut(&mut sums).par_chunks_mut(task_tiles * of_tile));
    tasks.zip(room).enumerate().for_each(|(task, (totals, (tile, sums)))| {
        let (tile, sums) = (tile.as_chunks_mut::<GROUP>().0, sums.as_chunks_mut::<GROUP>().0);
        tile.fill([F::zero(); GROUP]);
        sums.fill([F::zero(); GROUP]);
        let last = outputs.min((task + 1) * task_outputs);
        // The listed rows of a group stay in the second-level cache while all outputs of the task use them.
        for group in 0..active.groups() {
            let each = (task * task_outputs..last).step_by(TILE).zip(sums.chunks_mut(of_tile / GROUP));
            for (first, sums) in each {
                let table = table.rows(first..(first + TILE).min(outputs));
                let (block, half, len) = (group / GROUPS, group % GROUPS, shape.unit_len());
                for q in 0..TILE.min(outputs - first) {
                    let at = block * shape.block_len() + (first + q) * len;
                    let rows = g[at..at + len].as_chunks().0.as_chunks().0;
                    dispatch(ToTile { rows, half, q, tile: &mut *tile });
                }
                dispatch(Gather { active, group, table, lines, tile, sums });
            }
        }
        for (totals, sums) in totals.chunks_mut(width).zip(sums.chunks(2 * plane(width))) {
            let (near, far) = sums.split_at(plane(width));
            for (total, (near, far)) in totals.iter_mut().zip(near.iter().zip(far)) {
                *total = [near, far].map(|row| row.iter().fold(F::zero(), |sum, &x| sum + x));
            }
        }
    });
    pool.give_vec(scratch);
    pool.give_vec(sums);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::active::{Counts, Listed, Rows};
    use crate::choice;
    use crate::samples::Samples;
    use crate::table::Synapses;
    use ndarray::Array2;

    /// Units whose rows are all listed, active or not, beside units of which the active ones are.
    #[test]
    fn correlations_are_the_definition_for_busy_and_quiet_units() {
        let (steps, batch, inputs, outputs, max_delay) = (60, 11, 4, 6, 45);
        let number = |k: usize| (k as f64 * 0.7).sin();
        // Of a row all samples are zero or none.
        let fires = |i: usize, t: usize| (t * 7 + i) % 8 < [8, 6, 2, 0][i];
        let x = |i: usize, t: usize, b: usize| {
            if fires(i, t) { number((i * steps + t) * batch + b) } else { 0.0 }
        };
        let g = |o: usize, t: usize, b: usize| number((o * steps + t) * batch + b + 9);
        let weight = Array2::from_shape_fn((inputs, outputs), |(i, o)| number(i * 9 + o));
        let delay = Array2::from_shape_fn((inputs, outputs), |(i, o)| 22.5 + 22.4 * number(i * 5 + o));
        let shape = SequenceShape { steps, batch, units: inputs };
        // One block.
        let sequence = |units: usize, at: &dyn Fn(usize, usize, usize) -> f64| -> Vec<f64> {
            let value = |k: usize| (k / LANES / steps, k / LANES % steps, k % LANES);
            let of = |(n, t, b)| if b < batch { at(n, t, b) } else { 0.0 };
            (0..units * steps * LANES).map(|k| of(value(k))).collect()
        };
        let (values, gradients) = (sequence(inputs, &x), sequence(outputs, &g));

        let pool = &mut Pool::default();
        let counts = Counts::new(Samples::of_floats(&values), shape, pool);
        let busy: Vec<bool> = (0..inputs).map(|i| choice::lists_every_row(counts.share(i))).collect();
        assert_eq!(busy, [true, true, false, false]);
        let active = Active::new(Samples::of_floats(&values), shape, &counts, |_| true, pool);
        let listed = |i: usize| match active.of(i, 1) {
            Listed::Floats(rows) => rows.len(),
            Listed::Spikes(rows) => rows.len(),
        };
        assert_eq!((0..inputs).map(listed).collect::<Vec<_>>(), [60, 60, 16, 0]);
        let synapses = Synapses { weight: &weight, delay: &delay, max_delay, taps: Taps::Two };
        let table = Table::by_output(synapses, &[0, 1, 2, 3], pool);
        let mut found = vec![[f64::NAN; 2]; outputs * inputs];
        let g_and_shape = (&gradients[..], shape.with_units(outputs));
        correlate(&active, g_and_shape, &table, Lines::new(steps, max_delay), &mut found, pool);
        for (k, found) in found.into_iter().enumerate() {
            let (o, i) = (k / inputs, k % inputs);
            let lag = synapses.taps(i, o).2 as usize;
            let expected = [lag, lag + 1].map(|lag| {
                let at = |t: usize| (0..batch).map(move |b| x(i, t - lag, b) * g(o, t, b)).sum::<f64>();
                (lag..steps).map(at).sum::<f64>()
            });
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "output {o}, input {i}: {found}, not {expected}");
            }
        }
    }
}
