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
    /// eˣ for x ≤ 0. In `f32` a polynomial that loops over lanes vectorise, within 3 · 10⁻⁷ of the value and never below
    /// 10⁻³⁸; in `f64` the library's. NaN stays NaN.
    #[must_use]
    fn exp_of_negative(self) -> Self;
    /// Whether this is `f32`, which some kernels have a form of their own for.
    const SINGLE: bool;
    /// Calls the form of a function that is there for these numbers.
    fn call<C: Forms>(arguments: C::Arguments<Self>) -> C::Output<Self>;
}

/// A function with a form for each type of numbers, which [`Real::call`] chooses between. The forms are ordinary functions:
/// they are compiled once, in the crate that holds them, and not by everyone who uses something that is generic over
/// [`Real`].
pub trait Forms {
    /// What the function takes.
    type Arguments<F: Real>;
    /// What it returns.
    type Output<F: Real>;
    /// The form for `f32`.
    fn single(arguments: Self::Arguments<f32>) -> Self::Output<f32>;
    /// The form for `f64`.
    fn double(arguments: Self::Arguments<f64>) -> Self::Output<f64>;
}

/// eˣ = 2ⁿ eʳ with n the whole number nearest x/ln 2 and |r| ≤ ln 2/2, eʳ by a polynomial of degree 6 (S. Moshier,
/// Cephes `expf`).
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    // Adding 1.5 · 2²³ leaves the rounded value in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        p = p * r + c;
    }
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    (p * r * r + r + 1.0) * f32::from_bits(power)
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
    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        exp_of_negative(self)
    }
    const SINGLE: bool = true;
    #[inline(always)]
    fn call<C: Forms>(arguments: C::Arguments<Self>) -> C::Output<Self> {
        C::single(arguments)
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
    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        self.exp()
    }
    const SINGLE: bool = false;
    #[inline(always)]
    fn call<C: Forms>(arguments: C::Arguments<Self>) -> C::Output<Self> {
        C::double(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_within_its_bound() {
        for k in (0..87_000).step_by(if cfg!(miri) { 1009 } else { 1 }) {
            let x = -(k as f32) * 1e-3;
            let (found, expected) = (f64::from(Real::exp_of_negative(x)), f64::from(x).exp());
            assert!((found - expected).abs() <= 3e-7 * expected, "{x}: {found} against {expected}");
        }
        assert!(Real::exp_of_negative(f32::NAN).is_nan());
        assert!((0.0..1e-37).contains(&Real::exp_of_negative(f32::NEG_INFINITY)));
    }
}
