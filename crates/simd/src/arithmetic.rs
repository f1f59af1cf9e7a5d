//! Plain arithmetic on [`Lanes`]: `+`, `-`, `*`, `/` and functions of one lane.
//!
//! Nothing here fuses a product with a sum, so a computation made of these alone has the same bits under every
//! [`Level`](crate::Level). Where that does not matter, [`Lanes::scaled`] and [`Lanes::product`] are faster.

use std::ops::{Add, Div, Mul, Sub};

use crate::{LANES, Lanes, Real};

macro_rules! operator {
    ($name:ident, $method:ident, $symbol:tt) => {
        impl<F: Real> $name for Lanes<F> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.zip(other, |x, y| x $symbol y)
            }
        }
    };
}

operator!(Add, add, +);
operator!(Sub, sub, -);
operator!(Mul, mul, *);
operator!(Div, div, /);

impl<F: Real> Mul<F> for Lanes<F> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, scalar: F) -> Self {
        self.map(|x| x * scalar)
    }
}

impl<F: Real> Lanes<F> {
    /// `f` of every lane.
    #[inline(always)]
    #[must_use]
    pub fn map(self, f: impl Fn(F) -> F) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0[l] = f(self.0[l]);
        }
        out
    }

    /// `f` of the two values of every lane. A function that chooses between values becomes a masked move.
    #[inline(always)]
    #[must_use]
    pub fn zip(self, other: Self, f: impl Fn(F, F) -> F) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0[l] = f(self.0[l], other.0[l]);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InstructionSet, Kernel, Level, dispatch_to};

    struct Recursion(Lanes<f32>);
    impl Kernel for Recursion {
        type Output = Lanes<f32>;
        #[inline(always)]
        fn run<L: Level>(self) -> Lanes<f32> {
            let mut state = self.0;
            for _ in 0..100 {
                let turned = state * Lanes::splat(1.7) - Lanes::splat(0.3) / (state + Lanes::splat(1.1));
                state = turned.zip(self.0, |x, y| if x > 2.0 { y } else { x }).map(f32::abs);
            }
            state
        }
    }

    #[test]
    fn unfused_arithmetic_has_the_same_bits_under_every_instruction_set() {
        let start = Lanes(std::array::from_fn(|l| 0.1 + 0.07 * l as f32));
        let mut expected = start.0;
        for (value, &first) in expected.iter_mut().zip(&start.0) {
            for _ in 0..100 {
                let turned = *value * 1.7 - 0.3 / (*value + 1.1);
                *value = (if turned > 2.0 { first } else { turned }).abs();
            }
        }
        for set in InstructionSet::available() {
            assert_eq!(dispatch_to(set, Recursion(start)), Lanes(expected), "{set:?}");
        }
    }
}
