//! All of the workspace's `unsafe`: tokens, which prove that the machine has a set, and the instruction that prefetches.
//!
//! The proof, once for every set: `token!` takes one list of features. `found` makes the token, and is the one function that
//! can, since its field is private; it does so only if the machine was asked for each feature of the list and has it. The
//! same list stands on every function that is compiled for the set, and each of them takes the token. What the functions
//! do is safe code, in which the compiler allows the intrinsics of the listed features and of no others. So all that is
//! unsafe is to call such a function, and whoever calls it has shown that its features are there.

/// Declares the token of an instruction set: its features, the macro of the standard library that detects them, a set that
/// it includes if there is one, and its instructions, which become methods of the token.
#[allow(unused_macros, reason = "some targets have no set that is detected")]
macro_rules! token {
    (@found $detected:ident ($(enable = $feature:tt),+)) => {
        $(std::arch::$detected!($feature))&&+
    };
    (
        $(#[$doc:meta])*
        $token:ident $(includes $below:ident)?: $detected:ident $features:tt;
        $(
            $(#[$doc_of:meta])*
            $name:ident $(<const $n:ident: $number:ty>)? ($($x:ident: $of:ty),*) -> $to:ty = $value:expr;
        )*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $token((), $($below)?);

        #[expect(
            unsafe_code,
            reason = "calling a function compiled for more instructions than the target guarantees is unsafe; the token says \
                      that the machine has them. Worth it: see examples/instruction_sets.rs."
        )]
        impl $token {
            /// The token, if this machine has the set.
            pub(crate) fn found() -> Option<Self> {
                let found = token!(@found $detected $features);
                if found { Some(Self((), $($below::found()?)?)) } else { None }
            }

            $(
                /// The token of the set that this one includes.
                #[inline(always)]
                pub(crate) fn included(self) -> $below {
                    self.1
                }
            )?

            /// Runs a computation compiled for the set.
            pub(crate) fn compiled<K: crate::sets::Instructions>(self, kernel: K) -> K::Output {
                #[target_feature $features]
                fn compiled<K: crate::sets::Instructions>(kernel: K, with: $token) -> K::Output {
                    kernel.run(with)
                }
                // SAFETY: the token says that the machine has every feature enabled there.
                unsafe { compiled(kernel, self) }
            }

            $(
                $(#[$doc_of])*
                #[inline(always)]
                pub(crate) fn $name $(<const $n: $number>)? (self, $($x: $of),*) -> $to {
                    #[target_feature $features]
                    #[inline]
                    fn compiled $(<const $n: $number>)? ($($x: $of),*) -> $to {
                        $value
                    }
                    // SAFETY: as above.
                    unsafe { compiled $(::<$n>)? ($($x),*) }
                }
            )*
        }
    };
}

/// Prefetches the cache line of a value, where the target has an instruction for it.
#[allow(unsafe_code, reason = "the instruction takes a pointer; some targets have none")]
#[inline(always)]
pub(crate) fn prefetch<T>(at: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has the instruction, and it reads nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(at).cast()) }
    }
    // The intrinsic is not stable.
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: every 64-bit ARM has the instruction, and it neither reads nor writes, whatever the address.
    unsafe {
        std::arch::asm!(
            "prfm pldl1keep, [{at}]",
            at = in(reg) std::ptr::from_ref(at).addr(),
            options(nomem, nostack, preserves_flags)
        );
    }
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", not(miri)))))]
    let _ = at;
}
