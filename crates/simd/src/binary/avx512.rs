//! The AVX-512 form of [`BinarySums`].

use super::{BINARY_STEPS, BLOCK_GROUPS, BinarySums, Code, TABLE_BITS};
use crate::Lanes;
use std::arch::x86_64::{
    __m512, __m512i, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_fmadd_ps, _mm512_mul_ps,
    _mm512_or_si512, _mm512_permutexvar_ps, _mm512_set1_ps, _mm512_setzero_si512, _mm512_shuffle_f32x4,
    _mm512_srli_epi32, _mm512_ternarylogic_epi32, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd,
    _mm512_unpacklo_ps,
};

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

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn load(rows: &[Code]) -> __m512i {
    bytemuck::cast::<[Code; STEPS], _>(rows.try_into().expect("sliced to this length"))
}

/// Sums in the order in which they are looked up: of four steps, register b holds samples 4r + b of step s in lane
/// 4s + r. All groups of a block are added before the next output.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub(crate) fn run<const M: usize>(of: BinarySums<'_, f32, M>) {
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
                let mut rows = [_mm512_set1_ps(0.0); BINARY_STEPS];
                for (row, sum) in rows.iter_mut().zip(&*sums) {
                    *row = bytemuck::cast(sum.0);
                }
                let parts = weights[synapses.clone()].iter().zip(&lags[synapses]);
                for ((weights, lags), codes) in parts.zip(codes.chunks_exact(M * stride)) {
                    add_group(&mut rows, codes, stride, now + start, weights, lags);
                }
                for (row, sum) in rows.into_iter().zip(sums) {
                    sum.0 = bytemuck::cast(row);
                }
            }
        }
    }
    for rows in sums.as_chunks_mut::<STEPS>().0 {
        in_order(rows);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn add_group<const M: usize>(
    rows: &mut [__m512; BINARY_STEPS],
    codes: &[Code],
    stride: usize,
    now: usize,
    weights: &[f32; TABLE_BITS],
    lags: &[u32; M],
) {
    let bits: [__m512; TABLE_BITS] = bytemuck::cast(BITS);
    let mut table = _mm512_mul_ps(bits[0], _mm512_set1_ps(weights[0]));
    table = _mm512_fmadd_ps(bits[1], _mm512_set1_ps(weights[1]), table);
    table = _mm512_fmadd_ps(bits[2], _mm512_set1_ps(weights[2]), table);
    table = _mm512_fmadd_ps(bits[3], _mm512_set1_ps(weights[3]), table);
    let signal = |k: usize| &codes[k * stride + now - lags[k] as usize..][..BINARY_STEPS];
    let mut signals: [&[Code]; M] = [&[]; M];
    for (k, to) in signals.iter_mut().enumerate() {
        *to = signal(k);
    }
    for part in 0..BINARY_STEPS / STEPS {
        let mut codes = [_mm512_setzero_si512(); M];
        for (code, signal) in codes.iter_mut().zip(&signals) {
            *code = load(&signal[part * STEPS..(part + 1) * STEPS]);
        }
        let code = match codes[..] {
            // 0xFE: the OR of three.
            [a, b, c, d] => _mm512_or_si512(_mm512_ternarylogic_epi32::<0xFE>(a, b, c), d),
            [a, b] => _mm512_or_si512(a, b),
            _ => unreachable!("two or four signals share a table"),
        };
        // A look-up reads the lowest four bits of each 32: one byte after the other comes there.
        let rows = &mut rows[part * STEPS..(part + 1) * STEPS];
        rows[0] = _mm512_add_ps(rows[0], _mm512_permutexvar_ps(code, table));
        rows[1] = _mm512_add_ps(rows[1], _mm512_permutexvar_ps(_mm512_srli_epi32::<8>(code), table));
        rows[2] = _mm512_add_ps(rows[2], _mm512_permutexvar_ps(_mm512_srli_epi32::<16>(code), table));
        rows[3] = _mm512_add_ps(rows[3], _mm512_permutexvar_ps(_mm512_srli_epi32::<24>(code), table));
    }
}

/// From the order of the look-ups to one step a row, sample l in lane l: transposes each quarter of the four
/// registers, and then the quarters.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn in_order(rows: &mut [Lanes<f32>; STEPS]) {
    let [a, b, c, d]: [__m512; STEPS] = [
        bytemuck::cast(rows[0].0),
        bytemuck::cast(rows[1].0),
        bytemuck::cast(rows[2].0),
        bytemuck::cast(rows[3].0),
    ];
    let (ab, cd) = (_mm512_castps_pd(_mm512_unpacklo_ps(a, b)), _mm512_castps_pd(_mm512_unpacklo_ps(c, d)));
    let (ab_high, cd_high) =
        (_mm512_castps_pd(_mm512_unpackhi_ps(a, b)), _mm512_castps_pd(_mm512_unpackhi_ps(c, d)));
    // Register r: samples 4r to 4r + 3 of all four steps, a step a quarter.
    let r = [
        _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)),
        _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)),
        _mm512_castpd_ps(_mm512_unpacklo_pd(ab_high, cd_high)),
        _mm512_castpd_ps(_mm512_unpackhi_pd(ab_high, cd_high)),
    ];
    let halves = [
        _mm512_shuffle_f32x4::<0x44>(r[0], r[1]),
        _mm512_shuffle_f32x4::<0x44>(r[2], r[3]),
        _mm512_shuffle_f32x4::<0xEE>(r[0], r[1]),
        _mm512_shuffle_f32x4::<0xEE>(r[2], r[3]),
    ];
    let steps = [
        _mm512_shuffle_f32x4::<0x88>(halves[0], halves[1]),
        _mm512_shuffle_f32x4::<0xDD>(halves[0], halves[1]),
        _mm512_shuffle_f32x4::<0x88>(halves[2], halves[3]),
        _mm512_shuffle_f32x4::<0xDD>(halves[2], halves[3]),
    ];
    for (row, step) in rows.iter_mut().zip(steps) {
        row.0 = bytemuck::cast(step);
    }
}
