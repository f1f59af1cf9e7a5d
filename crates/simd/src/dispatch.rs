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

/// A computation that is written with the instructions of a set, whose token `S` it gets. As in a [`Kernel`], `run` and
/// everything hot that it calls is marked `#[inline(always)]`.
#[cfg(target_arch = "x86_64")]
pub(crate) trait Instructions<S> {
    /// Runs with the set.
    fn run(self, with: S);
}

#[cfg(target_arch = "x86_64")]
pub(crate) use compiled::{Avx2, Avx512};

/// Prefetches the cache line of `values[at]`, to be read or written soon; no effect if `at` is out of range. The machine
/// prefetches neighbouring lines by itself, but not the next step of a unit, which lies a whole batch away and often in
/// another page.
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
              callers pass sets found by run-time detection, or hold a token that detection alone makes. Worth it: see \
              examples/instruction_sets.rs. So is the instruction that prefetches, because it takes a pointer."
)]
mod compiled {
    use super::{FusedLevel, InstructionSet, Instructions, Kernel, Level, PortableLevel};
    use std::arch::x86_64::{self as x86, __m256, __m256i, __m512, __m512i};

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

    /// AVX2 with fused multiply-add: whoever has one has a machine that can run its instructions.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx2(());

    /// AVX-512 (F, BW, DQ, VL), likewise.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx512(());

    impl Avx2 {
        /// The token, if this machine has the set.
        pub(crate) fn found() -> Option<Self> {
            (InstructionSet::best() >= InstructionSet::Avx2).then_some(Self(()))
        }

        /// Runs a computation with the set.
        pub(crate) fn run<K: Instructions<Self>>(self, kernel: K) {
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,popcnt")]
            fn compiled<K: Instructions<Avx2>>(kernel: K, with: Avx2) {
                kernel.run(with);
            }
            // SAFETY: the token says that the machine has every feature enabled there.
            unsafe { compiled(kernel, self) }
        }
    }

    impl Avx512 {
        /// The token, if this machine has the set.
        pub(crate) fn found() -> Option<Self> {
            (InstructionSet::best() == InstructionSet::Avx512).then_some(Self(()))
        }

        /// Runs a computation with the set.
        pub(crate) fn run<K: Instructions<Self>>(self, kernel: K) {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,popcnt")]
            fn compiled<K: Instructions<Avx512>>(kernel: K, with: Avx512) {
                kernel.run(with);
            }
            // SAFETY: the token says that the machine has every feature enabled there.
            unsafe { compiled(kernel, self) }
        }
    }

    /// Instructions as methods of a token.
    macro_rules! instructions {
        ($token:ty: $(
            $(#[$doc:meta])*
            $name:ident $(<const $n:ident: $number:ty>)? ($($x:ident: $of:ty),*) -> $to:ty = $value:expr;
        )*) => {
            impl $token {
                $(
                    $(#[$doc])*
                    #[inline(always)]
                    pub(crate) fn $name $(<const $n: $number>)? (self, $($x: $of),*) -> $to {
                        // SAFETY: the token says that the machine has the instruction; it works on registers alone.
                        unsafe { $value }
                    }
                )*
            }
        };
    }

    instructions! { Avx2:
        /// x + y.
        add(x: __m256, y: __m256) -> __m256 = x86::_mm256_add_ps(x, y);
        /// The number of each half of a table that the lowest two bits of a place say.
        look_up(table: __m256, places: __m256i) -> __m256 = x86::_mm256_permutevar_ps(table, places);
        /// Bits that are in one of two.
        or(x: __m256i, y: __m256i) -> __m256i = x86::_mm256_or_si256(x, y);
        /// Each 32 bits moved down by `N`.
        shift<const N: i32>(x: __m256i) -> __m256i = x86::_mm256_srli_epi32::<N>(x);
        /// Numbers 0 and 1 of each half of x and y in turn.
        low_in_turn(x: __m256, y: __m256) -> __m256 = x86::_mm256_unpacklo_ps(x, y);
        /// Numbers 2 and 3 of each half of x and y in turn.
        high_in_turn(x: __m256, y: __m256) -> __m256 = x86::_mm256_unpackhi_ps(x, y);
        /// In each half, two numbers of x and two of y, whose places are the pairs of bits of `N`.
        choose<const N: i32>(x: __m256, y: __m256) -> __m256 = x86::_mm256_shuffle_ps::<N>(x, y);
        /// Halves of x and y, as `N` says.
        halves<const N: i32>(x: __m256, y: __m256) -> __m256 = x86::_mm256_permute2f128_ps::<N>(x, y);
    }

    instructions! { Avx512:
        /// x + y.
        add(x: __m512, y: __m512) -> __m512 = x86::_mm512_add_ps(x, y);
        /// x · y + z, rounded once.
        multiply_add(x: __m512, y: __m512, z: __m512) -> __m512 = x86::_mm512_fmadd_ps(x, y, z);
        /// The number of a table that the lowest four bits of a place say.
        look_up(table: __m512, places: __m512i) -> __m512 = x86::_mm512_permutexvar_ps(places, table);
        /// Bits that are in one of two.
        or(x: __m512i, y: __m512i) -> __m512i = x86::_mm512_or_si512(x, y);
        /// Bits that are in one of three.
        or_of_three(x: __m512i, y: __m512i, z: __m512i) -> __m512i =
            x86::_mm512_ternarylogic_epi32::<0xFE>(x, y, z);
        /// Each 32 bits moved down by `N`.
        shift<const N: u32>(x: __m512i) -> __m512i = x86::_mm512_srli_epi32::<N>(x);
        /// Numbers 0 and 1 of each quarter of x and y in turn.
        low_in_turn(x: __m512, y: __m512) -> __m512 = x86::_mm512_unpacklo_ps(x, y);
        /// Numbers 2 and 3 of each quarter of x and y in turn.
        high_in_turn(x: __m512, y: __m512) -> __m512 = x86::_mm512_unpackhi_ps(x, y);
        /// In each quarter, two numbers of x and two of y, whose places are the pairs of bits of `N`.
        choose<const N: i32>(x: __m512, y: __m512) -> __m512 = x86::_mm512_shuffle_ps::<N>(x, y);
        /// Two quarters of x and two of y, whose places are the pairs of bits of `N`.
        quarters<const N: i32>(x: __m512, y: __m512) -> __m512 = x86::_mm512_shuffle_f32x4::<N>(x, y);
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod compiled {
    use super::{InstructionSet, Kernel, PortableLevel};

    pub(super) fn run<K: Kernel>(_set: InstructionSet, kernel: K) -> K::Output {
        kernel.run::<PortableLevel>()
    }

    pub(super) fn prefetch<T>(_at: &T) {}
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
