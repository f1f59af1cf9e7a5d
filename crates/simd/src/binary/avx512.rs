//! The AVX-512 form of [`BinarySums`].

use super::{BINARY_STEPS, BLOCK_GROUPS, BinarySums, Code, TABLE_BITS};
use crate::Lanes;
use crate::dispatch::{Avx512, Instructions};
use std::arch::x86_64::{__m512, __m512i};

/// Steps whose codes fill a register.
const STEPS: usize = 4;

/// Bit k of the place, as a number: a table is Σ w[k] · bit k.
const BITS: [[f32; 16]; TABLE_BITS] = {
    let mut bits = [[0.0; 16]; TABLE_BITS];
    let mut place = 0;
    while place < 16 {
        let mut k = 0;
        while k < TABLE_BITS {
            bits[k][place] = (place >> k & 1) as f32;
            k += 1;
        }
        place += 1;
    }
    bits
};

#[inline(always)]
fn load(rows: &[Code]) -> __m512i {
    bytemuck::cast::<[Code; STEPS], _>(rows.try_into().expect("sliced to this length"))
}

impl<const M: usize> Instructions<Avx512> for BinarySums<'_, f32, M> {
    #[inline(always)]
    fn run(self, with: Avx512) {
        sum(with, self);
    }
}

/// Sums in the order in which they are looked up: of four steps, register b holds samples 4r + b of step s in lane
/// 4s + r. All groups of a block are added before the next output.
#[inline(always)]
fn sum<const M: usize>(with: Avx512, of: BinarySums<'_, f32, M>) {
    let (outputs, groups) = (of.outputs(), of.groups());
    let BinarySums { codes, stride, now, weights, lags, steps, sums } = of;
    sums.fill(Lanes::default());
    for start in (0..steps).step_by(BINARY_STEPS) {
        for first in (0..groups).step_by(BLOCK_GROUPS) {
            let last = (first + BLOCK_GROUPS).min(groups);
            let codes = &codes[first * M * stride..last * M * stride];
            for output in 0..outputs {
                let synapses = output * groups + first..output * groups + last;
                let sums = &mut sums[output * steps + start..][..BINARY_STEPS];
                let sums: &mut [Lanes<f32>; BINARY_STEPS] = sums.try_into().expect("sliced to this length");
                let mut rows = [bytemuck::Zeroable::zeroed(); BINARY_STEPS];
                for (row, sum) in rows.iter_mut().zip(&*sums) {
                    *row = bytemuck::cast(sum.0);
                }
                let parts = weights[synapses.clone()].iter().zip(&lags[synapses]);
                for ((weights, lags), codes) in parts.zip(codes.chunks_exact(M * stride)) {
                    add_group(with, &mut rows, codes, stride, now + start, weights, lags);
                }
                for (row, sum) in rows.into_iter().zip(sums) {
                    sum.0 = bytemuck::cast(row);
                }
            }
        }
    }
    for rows in sums.as_chunks_mut::<STEPS>().0 {
        in_order(with, rows);
    }
}

#[inline(always)]
fn add_group<const M: usize>(
    with: Avx512,
    rows: &mut [__m512; BINARY_STEPS],
    codes: &[Code],
    stride: usize,
    now: usize,
    weights: &[f32; TABLE_BITS],
    lags: &[u32; M],
) {
    let bits: [__m512; TABLE_BITS] = bytemuck::cast(BITS);
    let mut table: __m512 = bytemuck::cast(BITS[0].map(|bit| bit * weights[0]));
    for (&bits, &weight) in bits[1..].iter().zip(&weights[1..]) {
        table = with.multiply_add(bits, bytemuck::cast([weight; 16]), table);
    }
    let signal = |k: usize| &codes[k * stride + now - lags[k] as usize..][..BINARY_STEPS];
    let mut signals: [&[Code]; M] = [&[]; M];
    for (k, to) in signals.iter_mut().enumerate() {
        *to = signal(k);
    }
    for part in 0..BINARY_STEPS / STEPS {
        let mut codes = [bytemuck::Zeroable::zeroed(); M];
        for (code, signal) in codes.iter_mut().zip(&signals) {
            *code = load(&signal[part * STEPS..(part + 1) * STEPS]);
        }
        let code = match codes[..] {
            [a, b, c, d] => with.or(with.or_of_three(a, b, c), d),
            [a, b] => with.or(a, b),
            _ => unreachable!("two or four signals share a table"),
        };
        // A look-up reads the lowest four bits of each 32: one byte after the other comes there.
        let rows = &mut rows[part * STEPS..(part + 1) * STEPS];
        rows[0] = with.add(rows[0], with.look_up(table, code));
        rows[1] = with.add(rows[1], with.look_up(table, with.shift::<8>(code)));
        rows[2] = with.add(rows[2], with.look_up(table, with.shift::<16>(code)));
        rows[3] = with.add(rows[3], with.look_up(table, with.shift::<24>(code)));
    }
}

/// From the order of the look-ups to one step a row, sample l in lane l: transposes each quarter of the four
/// registers, and then the quarters.
#[inline(always)]
fn in_order(with: Avx512, rows: &mut [Lanes<f32>; STEPS]) {
    let [a, b, c, d]: [__m512; STEPS] = [
        bytemuck::cast(rows[0].0),
        bytemuck::cast(rows[1].0),
        bytemuck::cast(rows[2].0),
        bytemuck::cast(rows[3].0),
    ];
    let (ab, cd) = (with.low_in_turn(a, b), with.low_in_turn(c, d));
    let (ab_high, cd_high) = (with.high_in_turn(a, b), with.high_in_turn(c, d));
    // Register r: samples 4r to 4r + 3 of all four steps, a step a quarter.
    let r = [
        with.choose::<0x44>(ab, cd),
        with.choose::<0xEE>(ab, cd),
        with.choose::<0x44>(ab_high, cd_high),
        with.choose::<0xEE>(ab_high, cd_high),
    ];
    let halves = [
        with.quarters::<0x44>(r[0], r[1]),
        with.quarters::<0x44>(r[2], r[3]),
        with.quarters::<0xEE>(r[0], r[1]),
        with.quarters::<0xEE>(r[2], r[3]),
    ];
    let steps = [
        with.quarters::<0x88>(halves[0], halves[1]),
        with.quarters::<0xDD>(halves[0], halves[1]),
        with.quarters::<0x88>(halves[2], halves[3]),
        with.quarters::<0xDD>(halves[2], halves[3]),
    ];
    for (row, step) in rows.iter_mut().zip(steps) {
        row.0 = bytemuck::cast(step);
    }
}
