//! The choice of instruction set at run time.
//!
//! A binary built for plain x86-64 may use four lanes and no fused multiply-add. Hot kernels are therefore written
//! once, in safe code generic over a [`Level`], and compiled three times: for AVX-512, for AVX2 with fused
//! multiply-add, and for whatever the target offers. [`dispatch`] picks the best one the machine has.
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

use crate::Real;
use crate::binary::{BinaryProduct, BinarySums};
use crate::panel::{FromPanel, ToPanel};

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

/// A computation that is compiled for several instruction sets. Implementations mark `run`, and everything hot that
/// it calls, `#[inline(always)]`: only what is inlined is compiled for the instruction set.
pub trait Kernel {
    /// What the computation returns.
    type Output;
    /// Runs with the arithmetic of `L`.
    fn run<L: Level>(self) -> Self::Output;
}

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// What the compilation target guarantees.
    Portable,
    /// AVX2 with fused multiply-add: 8 lanes of `f32`.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL): 16 lanes of `f32`.
    Avx512,
}

impl InstructionSet {
    /// Every set this machine can run, the best last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("fma")
                && std::arch::is_x86_feature_detected!("bmi1")
                && std::arch::is_x86_feature_detected!("bmi2")
                && std::arch::is_x86_feature_detected!("popcnt")
            {
                sets.push(Self::Avx2);
                if std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512dq")
                    && std::arch::is_x86_feature_detected!("avx512vl")
                {
                    sets.push(Self::Avx512);
                }
            }
        }
        sets
    }

    /// The best set this machine can run, found once.
    #[must_use]
    pub fn best() -> Self {
        static BEST: std::sync::OnceLock<InstructionSet> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| *Self::available().last().expect("the portable set is always available"))
    }
}

/// Runs `kernel` with the best instruction set of this machine.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    compiled::run(InstructionSet::best(), kernel)
}

/// Runs `kernel` with a given instruction set: for tests that compare the sets.
///
/// # Panics
/// If this machine does not have the set.
pub fn dispatch_to<K: Kernel>(set: InstructionSet, kernel: K) -> K::Output {
    assert!(InstructionSet::available().contains(&set), "{set:?} is not available on this machine");
    compiled::run(set, kernel)
}

/// The AVX-512 form of [`BinarySums`].
///
/// # Panics
/// If this machine does not have AVX-512.
pub(crate) fn binary_sums_avx512<const M: usize>(sums: BinarySums<'_, f32, M>) {
    assert!(InstructionSet::best() == InstructionSet::Avx512, "AVX-512 is not available on this machine");
    compiled::binary_sums_avx512(sums);
}

/// The AVX2 form of [`BinarySums`].
///
/// # Panics
/// If this machine does not have AVX2.
pub(crate) fn binary_sums_avx2<const M: usize>(sums: BinarySums<'_, f32, M>) {
    assert!(InstructionSet::best() >= InstructionSet::Avx2, "AVX2 is not available on this machine");
    compiled::binary_sums_avx2(sums);
}

/// The AVX2 form of [`FromPanel`].
///
/// # Panics
/// If this machine does not have AVX2.
pub(crate) fn from_panel(of: FromPanel<'_, f32>) {
    assert!(InstructionSet::best() >= InstructionSet::Avx2, "AVX2 is not available on this machine");
    compiled::from_panel(of);
}

/// The AVX2 form of [`ToPanel`].
///
/// # Panics
/// If this machine does not have AVX2.
pub(crate) fn to_panel(of: ToPanel<'_, f32>) {
    assert!(InstructionSet::best() >= InstructionSet::Avx2, "AVX2 is not available on this machine");
    compiled::to_panel(of);
}

/// The AVX-512 form of [`BinaryProduct`].
///
/// # Panics
/// If this machine does not have AVX-512.
pub(crate) fn binary_product(product: BinaryProduct<'_, f32>) {
    assert!(InstructionSet::best() == InstructionSet::Avx512, "AVX-512 is not available on this machine");
    compiled::binary_product(product);
}

/// Asks for the line of the cache that number `at` of `values`, if there is one, lies in and that will soon be read or
/// written: one instruction that waits for nothing and changes no value. The machine foresees neighbouring lines by
/// itself, but not the next step of a unit, which lies a whole batch away and often in another page.
#[inline(always)]
pub fn prefetch<T>(values: &[T], at: usize) {
    if let Some(soon) = values.get(at) {
        compiled::prefetch(soon);
    }
}

/// [`prefetch`] every 64 bytes of `values`, or for each of values that are longer.
#[inline(always)]
pub fn prefetch_all<T>(values: &[T]) {
    values.iter().step_by((64 / size_of::<T>().max(1)).max(1)).for_each(compiled::prefetch);
}

#[cfg(target_arch = "x86_64")]
#[expect(
    unsafe_code,
    reason = "calling a function compiled for more instructions than the target guarantees is unsafe; the only \
              callers pass sets found by run-time detection. Worth it: see examples/instruction_sets.rs. So is the \
              instruction that asks for a line of the cache, because it takes a pointer."
)]
mod compiled {
    use super::{FusedLevel, InstructionSet, Kernel, Level, PortableLevel};
    use crate::binary::{self, BinaryProduct, BinarySums};
    use crate::panel::{self, FromPanel, ToPanel};

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,popcnt")]
    fn avx512<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<FusedLevel>()
    }

    #[target_feature(enable = "avx2,fma,bmi1,bmi2,popcnt")]
    fn avx2<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<FusedLevel>()
    }

    fn portable<K: Kernel, L: Level>(kernel: K) -> K::Output {
        kernel.run::<L>()
    }

    pub(super) fn run<K: Kernel>(set: InstructionSet, kernel: K) -> K::Output {
        match set {
            // SAFETY: `dispatch` passes `InstructionSet::best` and `dispatch_to` a member of
            // `InstructionSet::available`; both come from `is_x86_feature_detected!` for every feature enabled here.
            InstructionSet::Avx512 => unsafe { avx512(kernel) },
            // SAFETY: as above.
            InstructionSet::Avx2 => unsafe { avx2(kernel) },
            InstructionSet::Portable => portable::<K, PortableLevel>(kernel),
        }
    }

    #[inline(always)]
    pub(super) fn prefetch<T>(at: &T) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has the instruction, and it reads nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(at).cast()) }
    }

    pub(super) fn binary_sums_avx512<const M: usize>(sums: BinarySums<'_, f32, M>) {
        // SAFETY: the caller has seen that the best set is AVX-512, which `is_x86_feature_detected!` found with every
        // feature enabled there.
        unsafe { binary::avx512::run(sums) }
    }

    pub(super) fn binary_product(product: BinaryProduct<'_, f32>) {
        // SAFETY: as above.
        unsafe { binary::product_avx512::run(product) }
    }

    pub(super) fn binary_sums_avx2<const M: usize>(sums: BinarySums<'_, f32, M>) {
        // SAFETY: the caller has seen that the best set is AVX2 or AVX-512; both were found with AVX2 and FMA.
        unsafe { binary::avx2::run(sums) }
    }

    pub(super) fn from_panel(of: FromPanel<'_, f32>) {
        // SAFETY: as above.
        unsafe { panel::avx2::from_panel(of) }
    }

    pub(super) fn to_panel(of: ToPanel<'_, f32>) {
        // SAFETY: as above.
        unsafe { panel::avx2::to_panel(of) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod compiled {
    use super::{InstructionSet, Kernel, PortableLevel};
    use crate::binary::{BinaryProduct, BinarySums};
    use crate::panel::{FromPanel, ToPanel};

    pub(super) fn run<K: Kernel>(_set: InstructionSet, kernel: K) -> K::Output {
        kernel.run::<PortableLevel>()
    }

    pub(super) fn prefetch<T>(_at: &T) {}

    pub(super) fn binary_sums_avx512<const M: usize>(sums: BinarySums<'_, f32, M>) {
        sums.plain();
    }

    pub(super) fn binary_sums_avx2<const M: usize>(sums: BinarySums<'_, f32, M>) {
        sums.plain();
    }

    pub(super) fn binary_product(product: BinaryProduct<'_, f32>) {
        product.plain();
    }

    pub(super) fn from_panel(of: FromPanel<'_, f32>) {
        of.plain(0);
    }

    pub(super) fn to_panel(of: ToPanel<'_, f32>) {
        of.plain(0);
    }
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
