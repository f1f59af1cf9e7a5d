//! The element type: `f32` to train, `f64` to check.

use ndarray::NdFloat;
use std::fmt::Debug;
use std::iter::Sum;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A floating-point number that values and gradients are made of. Sealed: `f32` and `f64`.
pub trait Real: NdFloat + Default + Sum + Debug + sealed::Sealed + Send + Sync + 'static {
    /// The nearest value to `x`.
    fn of(x: f64) -> Self;
    /// This value as `f64`, exactly.
    fn as_f64(self) -> f64;
}

impl Real for f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to the nearest f32 is what the method is for"
    )]
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn as_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn as_f64(self) -> f64 {
        self
    }
}
