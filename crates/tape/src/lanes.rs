//! Sixteen samples side by side.
//!
//! Kernels work on blocks of [`LANES`] samples of a batch, one sample a lane, so that a scalar of the formula (a
//! weight, a decay) becomes one vector instruction. The type is a plain array: under the instruction sets of
//! [`crate::simd`] the compiler turns each method into one or two vector instructions.

use crate::Real;
use crate::simd::Level;

/// Number of samples in a block.
pub const LANES: usize = 16;

/// One number for each of [`LANES`] samples.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes<F>(pub [F; LANES]);

impl<F: Real> Default for Lanes<F> {
    #[inline(always)]
    fn default() -> Self {
        Self::splat(F::zero())
    }
}

impl<F: Real> Lanes<F> {
    /// The same value in every lane.
    #[inline(always)]
    #[must_use]
    pub fn splat(x: F) -> Self {
        Self([x; LANES])
    }

    /// `from[..count]` in the first lanes, zero in the rest.
    ///
    /// # Panics
    /// If `from` holds fewer than `count` values or `count` exceeds [`LANES`].
    #[inline(always)]
    #[must_use]
    pub fn load(from: &[F], count: usize) -> Self {
        let mut lanes = Self::default();
        if count == LANES {
            lanes.0.copy_from_slice(&from[..LANES]);
        } else {
            lanes.0[..count].copy_from_slice(&from[..count]);
        }
        lanes
    }

    /// Writes the first `count` lanes to `to[..count]`.
    ///
    /// # Panics
    /// If `to` holds fewer than `count` values or `count` exceeds [`LANES`].
    #[inline(always)]
    pub fn store(&self, to: &mut [F], count: usize) {
        if count == LANES {
            to[..LANES].copy_from_slice(&self.0);
        } else {
            to[..count].copy_from_slice(&self.0[..count]);
        }
    }

    /// `self + w · x` with the same `w` in every lane.
    #[inline(always)]
    #[must_use]
    pub fn scaled<L: Level>(self, w: F, x: &Self) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0[l] = L::multiply_add(w, x.0[l], out.0[l]);
        }
        out
    }

    /// `self + w · x`, lane by lane.
    #[inline(always)]
    #[must_use]
    pub fn product<L: Level>(self, w: &Self, x: &Self) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0[l] = L::multiply_add(w.0[l], x.0[l], out.0[l]);
        }
        out
    }

    /// `self + x`, lane by lane.
    #[inline(always)]
    #[must_use]
    pub fn plus(self, x: &Self) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0[l] += x.0[l];
        }
        out
    }

    /// The sum over all lanes, added in a fixed order.
    #[inline(always)]
    #[must_use]
    pub fn total(&self) -> F {
        self.0.iter().fold(F::zero(), |sum, &x| sum + x)
    }
}
