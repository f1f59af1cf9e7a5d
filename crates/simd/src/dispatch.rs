//! The choice of instruction set at run time.
//!
//! A binary built for plain x86-64 may use four lanes and no fused multiply-add. Hot kernels are therefore written
//! once, in safe code generic over a [`Level`], and compiled for each [`InstructionSet`] of the architecture: for whatever the
//! target offers, on x86-64 for AVX2 with fused multiply-add and for AVX-512, on 64-bit ARM for NEON. [`dispatch`] picks
//! the best one the machine has, or the one that is forced (`COLEARN_INSTRUCTIONS`).
//!
//! ```
//! use colearn_simd::{Kernel, Level, dispatch};
//!
//! struct Dot<'a>(&'a [f32], &'a [f32]);
//! impl Kernel for Dot<'_> {
//!     type Output = f32;
//!     #[inline(always)]
//!     fn run<L: Level>(self) -> f32 {
//!         self.0.iter().zip(self.1).fold(0.0, |sum, (&x, &y)| L::multiply_add(x, y, sum))
//!     }
//! }
//! assert_eq!(dispatch(Dot(&[1.0, 2.0], &[3.0, 4.0])), 11.0);
//! ```
//!
//! Results differ between levels by rounding alone: fused levels round `x·y + z` once, the portable one twice. On
//! one machine the choice is fixed, so runs repeat to the bit.

use crate::level::Level;
use crate::sets::{self, InstructionSet, Instructions, Set, Token};

/// A computation that is compiled for several instruction sets. Implementations mark `run`, and everything hot that
/// it calls, `#[inline(always)]`: only what is inlined is compiled for the instruction set.
pub trait Kernel {
    /// What the computation returns.
    type Output;
    /// Runs with the arithmetic of `L`.
    fn run<L: Level>(self) -> Self::Output;
}

/// A kernel, which asks no more of a set than its arithmetic.
struct Compiled<K>(K);

impl<K: Kernel> Instructions for Compiled<K> {
    type Output = K::Output;
    #[inline(always)]
    fn run<S: Set>(self, _with: S) -> K::Output {
        self.0.run::<S::Level>()
    }
}

/// Runs `kernel` with the best instruction set of this machine.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    Token::best().run(Compiled(kernel))
}

/// Runs `kernel` with a given instruction set: for tests that compare the sets.
///
/// # Panics
/// If this machine does not have the set.
pub fn dispatch_to<K: Kernel>(set: InstructionSet, kernel: K) -> K::Output {
    Token::of(set).run(Compiled(kernel))
}

/// Prefetches the cache line of `values[at]`, to be read or written soon; no effect if `at` is out of range. The machine
/// prefetches neighbouring lines by itself, but not the next step of a unit, which lies a whole batch away and often in
/// another page.
#[inline(always)]
pub fn prefetch<T>(values: &[T], at: usize) {
    if let Some(soon) = values.get(at) {
        sets::prefetch(soon);
    }
}

/// [`prefetch`] every 64 bytes of `values`, or for each of values that are longer.
#[inline(always)]
pub fn prefetch_all<T>(values: &[T]) {
    values.iter().step_by((64 / size_of::<T>().max(1)).max(1)).for_each(sets::prefetch);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Polynomial<'a>(&'a [f64], f64);
    impl Kernel for Polynomial<'_> {
        type Output = f64;
        #[inline(always)]
        fn run<L: Level>(self) -> f64 {
            self.0.iter().fold(0.0, |sum, &c| L::multiply_add(sum, self.1, c))
        }
    }

    #[test]
    fn every_available_set_gives_the_same_value_up_to_rounding() {
        let coefficients: Vec<f64> = (1..40).map(|k| 1.0 / f64::from(k)).collect();
        let expected = dispatch_to(InstructionSet::Portable, Polynomial(&coefficients, 0.7));
        for set in InstructionSet::available() {
            let found = dispatch_to(set, Polynomial(&coefficients, 0.7));
            assert!(
                (found - expected).abs() <= 1e-14 * expected.abs(),
                "{set:?}: {found} against {expected}"
            );
        }
    }

    #[test]
    fn the_best_set_is_available() {
        assert!(InstructionSet::available().contains(&InstructionSet::best()));
    }
}
