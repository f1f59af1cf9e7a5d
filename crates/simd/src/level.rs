//! The arithmetic that generic kernels get of their instruction set.

use crate::Real;

/// The arithmetic of one instruction set.
pub trait Level: Copy {
    /// `x · y + z`, rounded once where the instruction set fuses the two.
    fn multiply_add<F: Real>(x: F, y: F, z: F) -> F;
}

/// Multiply and add in one rounding.
#[derive(Clone, Copy, Debug)]
pub struct FusedLevel;

/// Multiply, round, add, round.
#[derive(Clone, Copy, Debug)]
pub struct PortableLevel;

impl Level for FusedLevel {
    #[inline(always)]
    fn multiply_add<F: Real>(x: F, y: F, z: F) -> F {
        x.mul_add(y, z)
    }
}

impl Level for PortableLevel {
    #[inline(always)]
    fn multiply_add<F: Real>(x: F, y: F, z: F) -> F {
        x * y + z
    }
}
