//! Instruction sets: a folder each, with a token and its primitives.
//!
//! A token is a value that detection alone makes: whoever has one has a machine with the set. [`Set`] is what every set can do,
//! its primitives; computations are written once against them ([`Instructions`]) and know no set. Another set is a folder with
//! its token (`token!` in `token.rs` takes its features and instructions) and its primitives, and its name in [`sets!`].

#[macro_use]
mod token;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
mod portable;
mod primitives;

pub(crate) use primitives::{Instructions, Set, TRANSPOSED, Transposed};
pub(crate) use token::prefetch;

use std::sync::OnceLock;

/// The list of sets, the best last: name, folder, and what the target must be.
macro_rules! sets {
    ($($(#[$doc:meta])* $set:ident in $folder:ident $(if $target:meta)?;)+) => {
        /// An instruction set that kernels are compiled for. There are those of the target's architecture alone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum InstructionSet {
            $($(#[$doc])* $(#[cfg($target)])? $set,)+
        }

        impl InstructionSet {
            const ALL: &[Self] = &[$($(#[cfg($target)])? Self::$set,)+];

            /// The name of the set, in small letters.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $($(#[cfg($target)])? Self::$set => stringify!($folder),)+
                }
            }

            /// What suits the set.
            pub(crate) fn tuning(self) -> Tuning {
                match self {
                    $($(#[cfg($target)])? Self::$set => <$folder::$set as Set>::TUNING,)+
                }
            }

            fn token(self) -> Option<Token> {
                match self {
                    $($(#[cfg($target)])? Self::$set => $folder::$set::found().map(Token::$set),)+
                }
            }
        }

        /// The token of one of the sets.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Token {
            $($(#[cfg($target)])? $set($folder::$set),)+
        }

        impl Token {
            /// Runs a computation with the set.
            #[inline]
            pub(crate) fn run<K: Instructions>(self, kernel: K) -> K::Output {
                match self {
                    $($(#[cfg($target)])? Self::$set(token) => token.compiled(kernel),)+
                }
            }

            fn set(self) -> InstructionSet {
                match self {
                    $($(#[cfg($target)])? Self::$set(_) => InstructionSet::$set,)+
                }
            }
        }
    };
}

sets! {
    /// What the compilation target guarantees.
    Portable in portable;
    /// AVX2 with fused multiply-add: 8 lanes of `f32`.
    Avx2 in avx2 if target_arch = "x86_64";
    /// AVX-512 (F, BW, DQ, VL): 16 lanes of `f32`.
    Avx512 in avx512 if target_arch = "x86_64";
    /// NEON of 64-bit ARM: 4 lanes of `f32` in 32 registers.
    Neon in neon if all(target_arch = "aarch64", target_endian = "little");
}

/// What suits a set. Not chosen by a timing, so that bits stay equal on one type of machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// `f32` of a register.
    pub(crate) width: usize,
    /// Whether products of binary signals are looked up faster than they are multiplied.
    pub(crate) looks_up: bool,
    /// The same of sums with lags, which save loads as well.
    pub(crate) looks_up_lagged: bool,
}

impl InstructionSet {
    /// The environment variable that forces a set, by its [`name`](Self::name).
    pub const VARIABLE: &str = "COLEARN_INSTRUCTIONS";

    /// Every set this machine can run, the best last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|set| set.token().is_some()).collect()
    }

    /// The set that kernels run with, found once: the one that [`VARIABLE`](Self::VARIABLE) names, or the best that this
    /// machine can run.
    ///
    /// # Panics
    /// If [`VARIABLE`](Self::VARIABLE) names none of this machine's sets. Programs ask [`forced`](Self::forced) first.
    #[must_use]
    pub fn best() -> Self {
        Token::best().set()
    }

    /// The set that the environment variable [`VARIABLE`](Self::VARIABLE) names, if there is such a variable.
    ///
    /// # Errors
    /// What is wrong with it, in words, if it names none of this machine's sets.
    pub fn forced() -> Result<Option<Self>, String> {
        std::env::var_os(Self::VARIABLE).map(|name| Self::named(&name.to_string_lossy())).transpose()
    }

    fn named(name: &str) -> Result<Self, String> {
        let available = Self::available();
        available.iter().copied().find(|set| set.name() == name).ok_or_else(|| {
            let names: Vec<_> = available.iter().map(|set| set.name()).collect();
            format!(
                "{}: found {name:?}; expected a set that this machine has: {}",
                Self::VARIABLE,
                names.join(", ")
            )
        })
    }

    /// `f32` of a register.
    #[must_use]
    pub fn width(self) -> usize {
        self.tuning().width
    }
}

impl Token {
    /// That of [`InstructionSet::best`].
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Token> = OnceLock::new();
        *BEST.get_or_init(|| {
            let forced = InstructionSet::forced().unwrap_or_else(|wrong| panic!("{wrong}"));
            let mut best_first = InstructionSet::ALL.iter().rev();
            let found = match forced {
                Some(set) => set.token(),
                None => best_first.find_map(|set| set.token()),
            };
            found.expect("a forced set is available, and the portable one always is")
        })
    }

    /// That of a given set.
    ///
    /// # Panics
    /// If this machine does not have the set.
    pub(crate) fn of(set: InstructionSet) -> Self {
        set.token().unwrap_or_else(|| panic!("{set:?} is not available on this machine"))
    }
}

#[cfg(test)]
mod tests;
