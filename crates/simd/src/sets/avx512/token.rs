//! The token of AVX-512, and its instructions.

use crate::sets::avx2::Avx2;
use std::arch::x86_64::{self as x86, __m512, __m512i};

token! {
    /// AVX-512 (F, BW, DQ, VL): whoever has one has a machine that can run its instructions.
    Avx512 includes Avx2:
        is_x86_feature_detected(
            enable = "avx512f", enable = "avx512bw", enable = "avx512dq", enable = "avx512vl", enable = "avx2", enable = "fma", enable = "bmi1", enable = "bmi2", enable = "popcnt"
        );
    /// x + y.
    add(x: __m512, y: __m512) -> __m512 = x86::_mm512_add_ps(x, y);
    /// x · y + z, rounded once.
    multiply_add(x: __m512, y: __m512, z: __m512) -> __m512 = x86::_mm512_fmadd_ps(x, y, z);
    /// The number of a table that the lowest four bits of a place say.
    look_up(table: __m512, places: __m512i) -> __m512 = x86::_mm512_permutexvar_ps(places, table);
    /// Bits that are in one of two. The compiler makes one instruction of two of them.
    or(x: __m512i, y: __m512i) -> __m512i = x86::_mm512_or_si512(x, y);
    /// Each 32 bits moved down by `N`.
    shift<const N: u32>(x: __m512i) -> __m512i = x86::_mm512_srli_epi32::<N>(x);
    /// Numbers 0 and 1 of each quarter of x and y in turn.
    low_in_turn(x: __m512, y: __m512) -> __m512 = x86::_mm512_unpacklo_ps(x, y);
    /// Numbers 2 and 3 of each quarter of x and y in turn.
    high_in_turn(x: __m512, y: __m512) -> __m512 = x86::_mm512_unpackhi_ps(x, y);
    /// In each quarter, two numbers of x and two of y, whose places are the pairs of bits of `N`.
    choose<const N: i32>(x: __m512, y: __m512) -> __m512 = x86::_mm512_shuffle_ps::<N>(x, y);
    /// Two quarters of x and two of y, whose places are the pairs of bits of `N`.
    quarters<const N: i32>(x: __m512, y: __m512) -> __m512 = x86::_mm512_shuffle_f32x4::<N>(x, y);
}
