//! Sixteen samples side by side.
//!
//! Kernels work on blocks of [`LANES`] samples of a batch, one sample a lane, so that a scalar of the formula (a
//! weight, a decay) becomes one vector instruction. The type is a plain array: under the instruction sets of
//! [`dispatch`](crate::dispatch) the compiler turns each method into one or two vector instructions.

use crate::Level;
use crate::Real;

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
        // Full blocks, the common case, are copied as one array: a length known only at run time would be a call.
        if count == LANES {
            let block: &[F; LANES] = from[..LANES].try_into().expect("sliced to this length");
            return Self(*block);
        }
        let mut lanes = Self::default();
        lanes.0.iter_mut().zip(&from[..count]).for_each(|(lane, &x)| *lane = x);
        lanes
    }

    /// Writes the first `count` lanes to `to[..count]`.
    ///
    /// # Panics
    /// If `to` holds fewer than `count` values or `count` exceeds [`LANES`].
    #[inline(always)]
    pub fn store(&self, to: &mut [F], count: usize) {
        if count == LANES {
            let block: &mut [F; LANES] = (&mut to[..LANES]).try_into().expect("sliced to this length");
            *block = self.0;
            return;
        }
        to[..count].iter_mut().zip(&self.0).for_each(|(x, &lane)| *x = lane);
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
