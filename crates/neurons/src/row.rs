//! Sixteen samples as one value with arithmetic.
//!
//! Models are written once for anything that adds and multiplies ([`Value`]): a single number in the streaming step
//! and in the scans of [`crate::chunk`], a [`Row`] in recurrent ones. Each operation on a row is a loop over its lanes that the compiler turns into one or two
//! vector instructions; a loop over sixteen lanes around a whole model is not vectorised as soon as it has two states.

use colearn_tape::{LANES, Lanes, Real};
use std::ops::{Add, Mul, Sub};

/// A number, or several side by side; scalars of type `F` multiply it.
pub(crate) trait Value<F>:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Mul<F, Output = Self>
{
    fn zero() -> Self;
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

/// One number for each of sixteen samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<F>(pub(crate) Lanes<F>);

impl<F: Real> Default for Row<F> {
    #[inline(always)]
    fn default() -> Self {
        Self(Lanes::default())
    }
}

impl<F: Real> Row<F> {
    /// f of every lane.
    #[inline(always)]
    pub(crate) fn map(self, f: impl Fn(F) -> F) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0.0[l] = f(self.0.0[l]);
        }
        out
    }
}

impl<F: Real> Value<F> for Row<F> {
    #[inline(always)]
    fn zero() -> Self {
        Self::default()
    }
    #[inline(always)]
    fn one() -> Self {
        Self(Lanes::splat(F::one()))
    }
}

macro_rules! lanewise {
    ($($trait:ident $method:ident $op:tt;)*) => {$(
        impl<F: Real> $trait for Row<F> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                let mut out = self;
                for l in 0..LANES {
                    out.0.0[l] = self.0.0[l] $op other.0.0[l];
                }
                out
            }
        }
    )*};
}

lanewise! {
    Add add +;
    Sub sub -;
    Mul mul *;
}

impl<F: Real> Mul<F> for Row<F> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, scalar: F) -> Self {
        self.map(|x| x * scalar)
    }
}
