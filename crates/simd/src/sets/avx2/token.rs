//! The token of AVX2, and its instructions.

use std::arch::x86_64::{self as x86, __m256, __m256i};

token! {
    /// AVX2 with fused multiply-add: whoever has one has a machine that can run its instructions.
    Avx2: is_x86_feature_detected(enable = "avx2", enable = "fma", enable = "bmi1", enable = "bmi2", enable = "popcnt");
    /// x + y.
    add(x: __m256, y: __m256) -> __m256 = x86::_mm256_add_ps(x, y);
    /// The number of each half of a table that the lowest two bits of a place say.
    look_up_in_halves(table: __m256, places: __m256i) -> __m256 = x86::_mm256_permutevar_ps(table, places);
    /// The number of a table that the lowest three bits of a place say.
    look_up(table: __m256, places: __m256i) -> __m256 = x86::_mm256_permutevar8x32_ps(table, places);
    /// Numbers of x where the highest bit of `of` is 0, and of y where it is 1.
    select(x: __m256, y: __m256, of: __m256) -> __m256 = x86::_mm256_blendv_ps(x, y, of);
    /// Bits that are in one of two.
    or(x: __m256i, y: __m256i) -> __m256i = x86::_mm256_or_si256(x, y);
    /// Each 32 bits moved down by `N`.
    shift<const N: i32>(x: __m256i) -> __m256i = x86::_mm256_srli_epi32::<N>(x);
    /// Each 32 bits moved up by `N`.
    shift_up<const N: i32>(x: __m256i) -> __m256i = x86::_mm256_slli_epi32::<N>(x);
    /// Numbers 0 and 1 of each half of x and y in turn.
    low_in_turn(x: __m256, y: __m256) -> __m256 = x86::_mm256_unpacklo_ps(x, y);
    /// Numbers 2 and 3 of each half of x and y in turn.
    high_in_turn(x: __m256, y: __m256) -> __m256 = x86::_mm256_unpackhi_ps(x, y);
    /// In each half, two numbers of x and two of y, whose places are the pairs of bits of `N`.
    choose<const N: i32>(x: __m256, y: __m256) -> __m256 = x86::_mm256_shuffle_ps::<N>(x, y);
    /// Halves of x and y, as `N` says.
    halves<const N: i32>(x: __m256, y: __m256) -> __m256 = x86::_mm256_permute2f128_ps::<N>(x, y);
}
