//! A layer's sums over its inputs, block of samples by block.

use crate::active::{Active, GROUP};
use crate::codes::{self, CodeTable};
use crate::interpolation::Taps;
use crate::lag_kernels::{RowWidth, Source, accumulate};
use crate::packing::{Rows, Time};
use crate::row_kernels::Lines;
use crate::samples::Samples;
use crate::sparse::ScatterBlock;
use crate::table::Table;
use colearn_tape::simd::{ALIGN_ROOM, aligned_mut};
use colearn_tape::{Buffers, LANES, Lanes, Pool, Real};
use rayon::prelude::*;

/// Most units that one task handles: they use what a window of inputs brought to the first-level cache.
const TASK_UNITS: usize = 32;

/// Units that each task handles, about the same for all.
fn task_units(units: usize) -> usize {
    units.div_ceil(units.div_ceil(TASK_UNITS).max(1)).max(1)
}

/// Rows that hold one step more of the past than the largest delay: the far tap of a synapse at the largest delay. Time is
/// cut into blocks of `block_steps`.
pub(super) fn rows_of(steps: usize, max_delay: usize, block_steps: usize) -> Rows {
    Rows { steps, pad: max_delay + 1, padded_steps: steps.next_multiple_of(block_steps) }
}

/// The inputs of a convolution that are taken at all steps, and their taps.
pub(super) struct Dense<'a, F> {
    pub(super) inputs: &'a [u32],
    pub(super) table: Table<F>,
}

/// The inputs of a convolution that are taken at their active rows, and their taps.
pub(super) struct Sparse<'a, F> {
    pub(super) inputs: &'a [u32],
    pub(super) table: Table<F>,
    pub(super) active: &'a Active<F>,
}

/// The inputs of a convolution that are looked up at all steps, and their taps.
pub(super) struct Coded<'a, F> {
    pub(super) inputs: &'a [u32],
    pub(super) table: CodeTable<F>,
}

/// A layer's sums over its inputs.
pub(super) struct Convolution<'a, F> {
    pub(super) dense: Dense<'a, F>,
    pub(super) coded: Option<Coded<'a, F>>,
    pub(super) sparse: Option<Sparse<'a, F>>,
    pub(super) rows: Rows,
    pub(super) lines: Lines,
    pub(super) time: Time,
    pub(super) taps: Taps,
}

/// How the work is shared out. No sum is split, so that results do not depend on it.
#[derive(Clone, Copy)]
struct Shares {
    /// Workers with blocks and a room of their own.
    workers: usize,
    /// Whether the tasks of a block are shared out: there are fewer blocks than threads.
    within: bool,
}

impl Shares {
    fn of(blocks: usize) -> Self {
        let threads = rayon::current_num_threads();
        if blocks < threads {
            Self { workers: 1, within: true }
        } else {
            Self { workers: threads, within: false }
        }
    }

    /// Tasks of a block that have sums at a time.
    fn tasks(self, outputs: usize) -> usize {
        if self.within { outputs.div_ceil(task_units(outputs)) } else { 1 }
    }
}

/// Lengths of the buffers of a worker: packed inputs, codes, sums and tiles.
struct Lengths {
    packed: usize,
    codes: usize,
    sums: usize,
    tiles: usize,
}

impl Lengths {
    /// For `inputs` that may all be taken at all steps or be looked up: how many are changes from step to step, and the pool
    /// keeps buffers by their length.
    fn of(
        shares: Shares,
        (rows, lines, taps): (Rows, Lines, Taps),
        (inputs, outputs): (usize, usize),
    ) -> Self {
        let tasks = shares.tasks(outputs);
        Self {
            packed: inputs * rows.stride() * LANES,
            codes: inputs.next_multiple_of(codes::group(taps)) * rows.stride() * codes::WORDS,
            sums: tasks * task_units(outputs) * rows.padded_steps,
            tiles: tasks * lines.tile() * GROUP,
        }
    }
}

/// What [`Convolution::run`] takes over `blocks` of samples for I = `inputs` units that are summed at all steps, and with
/// codes if some are looked up, beside its tables.
pub(super) fn buffers(
    blocks: usize,
    form: (Rows, Lines, Taps),
    units: (usize, usize),
    looks_up: bool,
) -> Buffers {
    let shares = Shares::of(blocks);
    let (of, workers) = (Lengths::of(shares, form, units), shares.workers);
    let room = Buffers::array(workers * of.packed).and(Buffers::array(workers * of.tiles));
    let room = room.and(Buffers::lanes(workers * of.sums));
    if looks_up { room.and(Buffers::indices(workers * of.codes)) } else { room }
}

/// The buffers of one worker.
struct Room<'a, F> {
    packed: &'a mut [F],
    codes: &'a mut [u32],
    sums: &'a mut [Lanes<F>],
    tiles: &'a mut [F],
}

/// One task of a block: sums of some outputs.
struct Task<'a, F> {
    block: usize,
    /// Its first output.
    first: usize,
    x: Source<'a, F>,
    codes: &'a [u32],
    sums: &'a mut [Lanes<F>],
    tile: &'a mut [F],
    to: &'a mut [F],
}

impl<F: Real> Convolution<'_, F> {
    /// `to[o] = Σ_i taps[o, i] ∗ from[i]` over all samples, for sequences of `inputs` and `outputs` units.
    pub(super) fn run(
        self,
        (from, inputs): (Samples<'_, F>, usize),
        (to, outputs): (&mut [F], usize),
        pool: &mut Pool<F>,
    ) {
        let (steps, unit) = (self.rows.steps, self.rows.steps * LANES);
        let count = from.len() / (inputs * steps).max(1);
        let shares = Shares::of(count);
        let of = Lengths::of(shares, (self.rows, self.lines, self.taps), (inputs, outputs));
        let len_if = |is: bool, len: usize| if is { shares.workers * len } else { 0 };
        let mut packed = pool.take(len_if(!self.dense.inputs.is_empty(), of.packed) + ALIGN_ROOM);
        let mut codes = pool.take_indices(len_if(self.coded.is_some(), of.codes));
        let mut sums = pool.take_lanes(shares.workers * of.sums);
        let mut tiles = pool.take(shares.workers * of.tiles + ALIGN_ROOM);
        codes.fill(0);
        {
            let mut packed = aligned_mut(&mut packed).chunks_mut(of.packed.max(1));
            let mut codes = codes.chunks_mut(of.codes.max(1));
            let rooms =
                sums.chunks_mut(of.sums.max(1)).zip(aligned_mut(&mut tiles).chunks_mut(of.tiles.max(1)));
            let rooms: Vec<_> = rooms
                .map(|(sums, tiles)| Room {
                    packed: packed.next().unwrap_or_default(),
                    codes: codes.next().unwrap_or_default(),
                    sums,
                    tiles,
                })
                .collect();
            let each = count.div_ceil(shares.workers).max(1);
            let parts = to.par_chunks_mut((each * outputs * unit).max(1));
            parts.zip(rooms).enumerate().for_each(|(worker, (to, mut room))| {
                for (k, to) in to.chunks_mut(outputs * unit).enumerate() {
                    let block = worker * each + k;
                    let from = from.rows(block * inputs * steps..(block + 1) * inputs * steps);
                    self.block((block, from), to, &mut room, shares);
                }
            });
        }
        pool.give_vec(packed);
        pool.give_indices(codes);
        pool.give_lanes(sums);
        pool.give_vec(tiles);
        self.dense.table.recycle(pool);
        if let Some(coded) = self.coded {
            coded.table.recycle(pool);
        }
        if let Some(sparse) = self.sparse {
            sparse.table.recycle(pool);
        }
    }

    /// The sums of one block.
    fn block(
        &self,
        (block, from): (usize, Samples<'_, F>),
        to: &mut [F],
        room: &mut Room<'_, F>,
        shares: Shares,
    ) {
        let Self { dense, coded, rows, time, taps, .. } = self;
        let (unit, width) = (rows.steps * LANES, RowWidth::best());
        let task_units = task_units(to.len() / unit);
        let packed = &mut room.packed[..dense.inputs.len() * rows.stride() * LANES];
        rows.pack(from, dense.inputs, *time, (&mut *packed, width));
        if let Some(Coded { inputs, .. }) = coded {
            rows.encode(from, inputs, *taps, bytemuck::cast_slice_mut(room.codes));
        }
        let x = Source { rows: packed, width, stride: rows.stride(), pad: rows.pad };
        let (codes, of_sums) = (&*room.codes, task_units * rows.padded_steps);
        let tile = self.lines.tile() * GROUP;
        if shares.within {
            let room = room.sums.par_chunks_mut(of_sums).zip(room.tiles.par_chunks_mut(tile));
            let tasks = to.par_chunks_mut(task_units * unit).zip(room).enumerate();
            tasks.for_each(|(task, (to, (sums, tile)))| {
                self.task(Task { block, first: task * task_units, x, codes, sums, tile, to });
            });
        } else {
            for (task, to) in to.chunks_mut(task_units * unit).enumerate() {
                let (sums, tile) = (&mut *room.sums, &mut *room.tiles);
                self.task(Task { block, first: task * task_units, x, codes, sums, tile, to });
            }
        }
    }

    /// The sums of some outputs of a block.
    fn task(&self, Task { block, first, x, codes, sums, tile, to }: Task<'_, F>) {
        let Self { dense, coded, sparse, rows, lines, time, taps } = self;
        let (unit, padded_steps) = (rows.steps * LANES, rows.padded_steps);
        let outputs = to.len() / unit;
        let sums = &mut sums[..outputs * padded_steps];
        let units = first..first + outputs;
        if let Some(Coded { table, .. }) = coded {
            let len = table.width * rows.stride() * codes::WORDS;
            table.sums(units.clone(), (&codes[..len], rows.stride(), rows.pad), padded_steps, sums);
        } else {
            sums.fill(Lanes::default());
        }
        accumulate(*taps, x, dense.table.rows(units.clone()), sums, padded_steps);
        if let Some(Sparse { inputs, table, active }) = sparse {
            let scatter = ScatterBlock { active, inputs, block, lines: *lines, taps: *taps };
            scatter.add_to(&table.rows(units), sums, padded_steps, tile.as_chunks_mut().0);
        }
        for (sums, to) in sums.chunks(padded_steps).zip(to.chunks_mut(unit)) {
            rows.unpack(sums, *time, to);
        }
    }
}
