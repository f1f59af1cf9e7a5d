//! The token of NEON, and its instructions.

use std::arch::aarch64::{self as arm, float32x4_t, uint8x16_t, uint8x16x4_t, uint32x4_t};

token! {
    /// NEON of 64-bit ARM: whoever has one has a machine that can run its instructions.
    Neon: is_aarch64_feature_detected(enable = "neon");
    /// x + y.
    add(x: float32x4_t, y: float32x4_t) -> float32x4_t = arm::vaddq_f32(x, y);
    /// x · y + z, rounded once.
    multiply_add(x: float32x4_t, y: float32x4_t, z: float32x4_t) -> float32x4_t = arm::vfmaq_f32(z, x, y);
    /// Bits that are in one of two.
    or(x: uint8x16_t, y: uint8x16_t) -> uint8x16_t = arm::vorrq_u8(x, y);
    /// Bits that are in both.
    and(x: uint32x4_t, y: uint32x4_t) -> uint32x4_t = arm::vandq_u32(x, y);
    /// x · y + z of whole numbers.
    multiply_add_whole(x: uint32x4_t, y: uint32x4_t, z: uint32x4_t) -> uint32x4_t = arm::vmlaq_u32(z, x, y);
    /// The bytes of a register at some places.
    look_up(table: uint8x16_t, places: uint8x16_t) -> uint8x16_t = arm::vqtbl1q_u8(table, places);
    /// The bytes of four registers at some places.
    look_up_in_four(table: [uint8x16_t; 4], places: uint8x16_t) -> uint8x16_t =
        arm::vqtbl4q_u8(uint8x16x4_t(table[0], table[1], table[2], table[3]), places);
    /// Bytes 0, 2, … of x, and then of y.
    even(x: uint8x16_t, y: uint8x16_t) -> uint8x16_t = arm::vuzp1q_u8(x, y);
    /// Bytes 1, 3, … of x, and then of y.
    odd(x: uint8x16_t, y: uint8x16_t) -> uint8x16_t = arm::vuzp2q_u8(x, y);
    /// Bytes of the first halves of x and y in turn.
    low_bytes_in_turn(x: uint8x16_t, y: uint8x16_t) -> uint8x16_t = arm::vzip1q_u8(x, y);
    /// Bytes of the second halves of x and y in turn.
    high_bytes_in_turn(x: uint8x16_t, y: uint8x16_t) -> uint8x16_t = arm::vzip2q_u8(x, y);
    /// Pairs of bytes of the first halves of x and y in turn.
    low_pairs_in_turn(x: uint8x16_t, y: uint8x16_t) -> uint8x16_t =
        arm::vreinterpretq_u8_u16(arm::vzip1q_u16(arm::vreinterpretq_u16_u8(x), arm::vreinterpretq_u16_u8(y)));
    /// Pairs of bytes of the second halves of x and y in turn.
    high_pairs_in_turn(x: uint8x16_t, y: uint8x16_t) -> uint8x16_t =
        arm::vreinterpretq_u8_u16(arm::vzip2q_u16(arm::vreinterpretq_u16_u8(x), arm::vreinterpretq_u16_u8(y)));
    /// Numbers 0 and 1 of x and y in turn.
    low_in_turn(x: float32x4_t, y: float32x4_t) -> float32x4_t = arm::vzip1q_f32(x, y);
    /// Numbers 2 and 3 of x and y in turn.
    high_in_turn(x: float32x4_t, y: float32x4_t) -> float32x4_t = arm::vzip2q_f32(x, y);
    /// The first halves of x and y.
    low_halves(x: float32x4_t, y: float32x4_t) -> float32x4_t =
        arm::vreinterpretq_f32_f64(arm::vzip1q_f64(arm::vreinterpretq_f64_f32(x), arm::vreinterpretq_f64_f32(y)));
    /// The second halves of x and y.
    high_halves(x: float32x4_t, y: float32x4_t) -> float32x4_t =
        arm::vreinterpretq_f32_f64(arm::vzip2q_f64(arm::vreinterpretq_f64_f32(x), arm::vreinterpretq_f64_f32(y)));
}
