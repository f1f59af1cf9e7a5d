//! [`BinarySums`] by look-up, written against the primitives of an instruction set.

use super::{BINARY_STEPS, BinarySums, Code, TABLE_BITS};
use crate::sets::{Instructions, Set};
use crate::{LANES, Lanes};
use bytemuck::{Zeroable, cast, pod_read_unaligned};

/// Groups whose codes stay in the first-level cache while all outputs use them. 4, 8, 16 and 32 were measured; 8 and 16
/// are the best.
const BLOCK_GROUPS: usize = 8;

/// A group: its table, and the codes of its signals at the steps that are summed.
#[derive(Clone, Copy)]
struct Group<'a, S: Set, const M: usize> {
    table: S::Table,
    signals: [&'a [Code; BINARY_STEPS]; M],
}

const SILENT: [Code; BINARY_STEPS] = [[0; LANES]; BINARY_STEPS];

/// Steps whose codes fill a register.
const fn code_steps<S: Set>() -> usize {
    size_of::<S::Codes>() / size_of::<Code>()
}

/// Steps whose sums are in registers at a time.
const fn tile_steps<S: Set>() -> usize {
    size_of::<S::Tile>() / size_of::<S::Row>()
}

impl<'a, S: Set, const M: usize> Group<'a, S, M> {
    /// No weights, no spikes.
    #[inline(always)]
    fn silent() -> Self {
        Self { table: S::Table::zeroed(), signals: [&SILENT; M] }
    }

    /// A group from its weights, lags, and codes of `stride` steps a signal, of which lag 0 reads `now` first.
    #[inline(always)]
    fn of(
        with: S,
        (weights, lags): (&[f32; TABLE_BITS], &[u32; M]),
        codes: &'a [Code],
        stride: usize,
        now: usize,
    ) -> Self {
        let mut group = Self { table: with.table(*weights), ..Self::silent() };
        for (k, signal) in group.signals.iter_mut().enumerate() {
            let from = &codes[k * stride + now - lags[k] as usize..];
            *signal = from.first_chunk().expect("a signal has the steps of its outputs");
        }
        group
    }

    /// Adds what the group is at the steps of a tile, from `step` on.
    #[inline(always)]
    fn add(&self, with: S, tile: &mut S::Tile, step: usize) {
        for (part, sums) in tile.as_mut().iter_mut().enumerate() {
            let codes = |signal: &[Code; BINARY_STEPS]| -> S::Codes {
                let at = step + part * code_steps::<S>();
                pod_read_unaligned(signal[at..at + code_steps::<S>()].as_flattened())
            };
            let mut joined = codes(self.signals[0]);
            for signal in &self.signals[1..] {
                joined = with.join(joined, codes(signal));
            }
            *sums = with.add_looked_up(*sums, self.table, joined);
        }
    }
}

impl<const M: usize> Instructions for BinarySums<'_, f32, M> {
    type Output = ();

    /// Sums in the order in which they are looked up, and at last in their own. All groups of a block are added before the
    /// next output.
    #[inline(always)]
    fn run<S: Set>(self, with: S) {
        const { assert!(BINARY_STEPS.is_multiple_of(tile_steps::<S>()), "tiles fill the steps") };
        let groups = self.groups();
        let Self { codes, stride, now, weights, lags, steps, sums } = self;
        sums.fill(Lanes::default());
        for start in (0..steps).step_by(BINARY_STEPS) {
            for first in (0..groups).step_by(BLOCK_GROUPS) {
                let last = (first + BLOCK_GROUPS).min(groups);
                let codes = &codes[first * M * stride..last * M * stride];
                for (output, sums) in sums.chunks_exact_mut(steps).enumerate() {
                    let synapses = output * groups + first..output * groups + last;
                    let (weights, lags) = (&weights[synapses.clone()], &lags[synapses]);
                    let parts = || weights.iter().zip(lags).zip(codes.chunks_exact(M * stride));
                    let group = |(part, codes)| Group::<S, M>::of(with, part, codes, stride, now + start);
                    let rows = &mut sums[start..start + BINARY_STEPS];
                    // Groups that only one tile reads are not kept: that took a third longer.
                    if tile_steps::<S>() == BINARY_STEPS {
                        let mut tile = load_tile::<S>(rows);
                        for part in parts() {
                            group(part).add(with, &mut tile, 0);
                        }
                        store_tile::<S>(tile, rows);
                        continue;
                    }
                    let mut block = [Group::silent(); BLOCK_GROUPS];
                    for (to, part) in block.iter_mut().zip(parts()) {
                        *to = group(part);
                    }
                    for (k, rows) in rows.chunks_exact_mut(tile_steps::<S>()).enumerate() {
                        let mut tile = load_tile::<S>(rows);
                        for group in &block[..last - first] {
                            group.add(with, &mut tile, k * tile_steps::<S>());
                        }
                        store_tile::<S>(tile, rows);
                    }
                }
            }
        }
        for rows in sums.chunks_exact_mut(code_steps::<S>()) {
            let mut sums = S::Sums::zeroed();
            load::<S>(&mut sums, rows);
            store::<S>(with.in_order(sums), rows);
        }
    }
}

#[inline(always)]
fn load_tile<S: Set>(rows: &[Lanes<f32>]) -> S::Tile {
    let mut tile = S::Tile::zeroed();
    for (sums, rows) in tile.as_mut().iter_mut().zip(rows.chunks_exact(code_steps::<S>())) {
        load::<S>(sums, rows);
    }
    tile
}

#[inline(always)]
fn store_tile<S: Set>(mut tile: S::Tile, rows: &mut [Lanes<f32>]) {
    for (sums, rows) in tile.as_mut().iter().zip(rows.chunks_exact_mut(code_steps::<S>())) {
        store::<S>(*sums, rows);
    }
}

#[inline(always)]
fn load<S: Set>(sums: &mut S::Sums, rows: &[Lanes<f32>]) {
    sums.as_mut().iter_mut().zip(rows).for_each(|(to, row)| *to = cast(row.0));
}

#[inline(always)]
fn store<S: Set>(mut sums: S::Sums, rows: &mut [Lanes<f32>]) {
    sums.as_mut().iter().zip(rows).for_each(|(from, row)| row.0 = cast(*from));
}
