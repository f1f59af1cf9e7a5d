//! The AVX2 form of [`BinarySums`]: a group's table is two of four sums, which a look-up by two bits finds.

use super::{BINARY_STEPS, BLOCK_GROUPS, BinarySums, Code, TABLE_BITS};
use crate::Lanes;
use crate::dispatch::{Avx2, Instructions};
use std::arch::x86_64::{__m256, __m256i};

/// Steps whose codes fill a register.
const STEPS: usize = 2;

/// Registers of sums of so many steps.
const SUMS: usize = 4;

/// Registers of codes whose sums are in registers at a time.
const PARTS: usize = 2;

/// A group: its two tables, each twice, and the codes of its signals at the steps that are summed.
#[derive(Clone, Copy)]
struct Group<'a, const M: usize> {
    tables: [[f32; 8]; 2],
    signals: [&'a [Code; BINARY_STEPS]; M],
}

const SILENT: [Code; BINARY_STEPS] = [[0; 16]; BINARY_STEPS];

/// All sums of two weights, twice.
#[inline(always)]
fn table(first: f32, second: f32) -> [f32; 8] {
    let sum = first + second;
    [0.0, first, second, sum, 0.0, first, second, sum]
}

impl<const M: usize> Instructions<Avx2> for BinarySums<'_, f32, M> {
    #[inline(always)]
    fn run(self, with: Avx2) {
        sum(with, self);
    }
}

/// Sums in the order in which they are looked up: of two steps, register b holds samples 4r + b of step s in lane 4s + r.
/// All groups of a block are added before the next output.
#[inline(always)]
fn sum<const M: usize>(with: Avx2, of: BinarySums<'_, f32, M>) {
    let groups = of.groups();
    let BinarySums { codes, stride, now, weights, lags, steps, sums } = of;
    sums.fill(Lanes::default());
    for start in (0..steps).step_by(BINARY_STEPS) {
        for first in (0..groups).step_by(BLOCK_GROUPS) {
            let last = (first + BLOCK_GROUPS).min(groups);
            let codes = &codes[first * M * stride..last * M * stride];
            for (output, sums) in sums.chunks_exact_mut(steps).enumerate() {
                let synapses = output * groups + first..output * groups + last;
                let mut block = [Group { tables: [[0.0; 8]; 2], signals: [&SILENT; M] }; BLOCK_GROUPS];
                let parts = weights[synapses.clone()].iter().zip(&lags[synapses]);
                for ((group, (w, lags)), codes) in
                    block.iter_mut().zip(parts).zip(codes.chunks_exact(M * stride))
                {
                    let [a, b, c, d]: [f32; TABLE_BITS] = *w;
                    group.tables = [table(a, b), table(c, d)];
                    for (k, signal) in group.signals.iter_mut().enumerate() {
                        let from = &codes[k * stride + now + start - lags[k] as usize..];
                        *signal = from.first_chunk().expect("a signal has the steps of its outputs");
                    }
                }
                let rows = &mut sums[start..start + BINARY_STEPS];
                for (part, rows) in rows.as_chunks_mut::<{ STEPS * PARTS }>().0.iter_mut().enumerate() {
                    add_groups(with, &block[..last - first], part * PARTS * STEPS, rows);
                }
            }
        }
    }
    for rows in sums.as_chunks_mut::<STEPS>().0 {
        in_order(with, rows);
    }
}

/// Adds what some groups are at some steps from `step` on.
#[inline(always)]
fn add_groups<const M: usize>(
    with: Avx2,
    groups: &[Group<'_, M>],
    step: usize,
    rows: &mut [Lanes<f32>; STEPS * PARTS],
) {
    let mut sums: [[__m256; SUMS]; PARTS] = [[bytemuck::Zeroable::zeroed(); SUMS]; PARTS];
    for (sums, rows) in sums.iter_mut().zip(rows.as_chunks::<STEPS>().0) {
        *sums = bytemuck::cast([rows[0].0, rows[1].0]);
    }
    for group in groups {
        let [low, high]: [__m256; 2] = [bytemuck::cast(group.tables[0]), bytemuck::cast(group.tables[1])];
        for (part, sums) in sums.iter_mut().enumerate() {
            let load = |signal: &[Code; BINARY_STEPS]| -> __m256i {
                let at = step + part * STEPS;
                bytemuck::cast::<[Code; STEPS], _>([signal[at], signal[at + 1]])
            };
            let mut code = load(group.signals[0]);
            for signal in &group.signals[1..] {
                code = with.or(code, load(signal));
            }
            // A look-up reads the lowest two bits of each 32: one byte after the other comes there, each with two pairs.
            sums[0] = with.add(sums[0], with.look_up(low, code));
            sums[1] = with.add(sums[1], with.look_up(low, with.shift::<8>(code)));
            sums[2] = with.add(sums[2], with.look_up(low, with.shift::<16>(code)));
            sums[3] = with.add(sums[3], with.look_up(low, with.shift::<24>(code)));
            sums[0] = with.add(sums[0], with.look_up(high, with.shift::<2>(code)));
            sums[1] = with.add(sums[1], with.look_up(high, with.shift::<10>(code)));
            sums[2] = with.add(sums[2], with.look_up(high, with.shift::<18>(code)));
            sums[3] = with.add(sums[3], with.look_up(high, with.shift::<26>(code)));
        }
    }
    for (sums, rows) in sums.into_iter().zip(rows.as_chunks_mut::<STEPS>().0) {
        let both: [[f32; 16]; STEPS] = bytemuck::cast(sums);
        (rows[0].0, rows[1].0) = (both[0], both[1]);
    }
}

/// From the order of the look-ups to one step a row, sample l in lane l: transposes each half of the four registers, and
/// then the halves.
#[inline(always)]
fn in_order(with: Avx2, rows: &mut [Lanes<f32>; STEPS]) {
    let [a, b, c, d]: [__m256; SUMS] = bytemuck::cast([rows[0].0, rows[1].0]);
    let (ab, cd) = (with.low_in_turn(a, b), with.low_in_turn(c, d));
    let (ab_high, cd_high) = (with.high_in_turn(a, b), with.high_in_turn(c, d));
    // Register r: samples 4r to 4r + 3 of both steps, a step a half.
    let r = [
        with.choose::<0x44>(ab, cd),
        with.choose::<0xEE>(ab, cd),
        with.choose::<0x44>(ab_high, cd_high),
        with.choose::<0xEE>(ab_high, cd_high),
    ];
    let steps = [
        [with.halves::<0x20>(r[0], r[1]), with.halves::<0x20>(r[2], r[3])],
        [with.halves::<0x31>(r[0], r[1]), with.halves::<0x31>(r[2], r[3])],
    ];
    for (row, step) in rows.iter_mut().zip(steps) {
        row.0 = bytemuck::cast(step);
    }
}
