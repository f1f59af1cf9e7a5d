//! A number, or several side by side.
//!
//! Models are written once for anything that adds and multiplies ([`Value`]): a single number in the streaming step and
//! in the scans of [`crate::chunk`], sixteen [`Lanes`] in recurrent ones. Each operation on lanes is a loop that the
//! compiler turns into one or two vector instructions; a loop over sixteen lanes around a whole model is not vectorised
//! as soon as it has two states.

use colearn_tape::{Lanes, Real};
use std::ops::{Add, Mul, Sub};

/// A number, or several side by side; scalars of type `F` multiply it.
pub trait Value<F>:
    Copy + Send + Sync + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Mul<F, Output = Self>
{
    /// 0, everywhere.
    fn zero() -> Self;
    /// 1, everywhere.
    fn one() -> Self;
}

impl<F: Real> Value<F> for F {
    #[inline(always)]
    fn zero() -> Self {
        F::of(0.0)
    }
    #[inline(always)]
    fn one() -> Self {
        F::of(1.0)
    }
}

impl<F: Real> Value<F> for Lanes<F> {
    #[inline(always)]
    fn zero() -> Self {
        Self::default()
    }
    #[inline(always)]
    fn one() -> Self {
        Self::splat(F::one())
    }
}
