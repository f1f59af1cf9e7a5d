//! The functions of gates and candidates, one number at a time and sixteen side by side.
//!
//! | name | f(x) | slope, from y = f(x) |
//! | --- | --- | --- |
//! | `tanh` | (1 − e⁻²ˣ)/(1 + e⁻²ˣ) | 1 − y² |
//! | `relu` | max(0, x) | 1 where y > 0 |
//! | `sigmoid` | 1/(1 + e⁻ˣ) | y (1 − y) |
//!
//! Both exponentials are taken of a number that is not positive, so that nothing overflows.

use colearn_tape::{Lanes, Real};
use serde::{Deserialize, Serialize};

/// What makes a candidate of its sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The hyperbolic tangent.
    Tanh,
    /// max(0, x).
    Relu,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
}

/// 1/(1 + e⁻ˣ).
#[inline(always)]
pub(super) fn sigmoid<F: Real>(x: F) -> F {
    let e = (-x.abs()).exp_of_negative();
    let below = e / (F::one() + e);
    if x < F::zero() { below } else { F::one() - below }
}

#[inline(always)]
fn tanh<F: Real>(x: F) -> F {
    let e = (-(x.abs() + x.abs())).exp_of_negative();
    let above = (F::one() - e) / (F::one() + e);
    if x < F::zero() { -above } else { above }
}

/// y (1 − y), the slope of the sigmoid.
#[inline(always)]
pub(super) fn sigmoid_slope<F: Real>(y: F) -> F {
    y * (F::one() - y)
}

impl Activation {
    /// f of one number.
    #[inline(always)]
    pub(super) fn of<F: Real>(self, x: F) -> F {
        match self {
            Self::Tanh => tanh(x),
            Self::Relu => relu(x),
            Self::Sigmoid => sigmoid(x),
        }
    }

    /// f of every lane. The choice is made outside of the loop over lanes.
    #[inline(always)]
    pub(super) fn of_lanes<F: Real>(self, x: Lanes<F>) -> Lanes<F> {
        match self {
            Self::Tanh => x.map(tanh),
            Self::Relu => x.map(relu),
            Self::Sigmoid => x.map(sigmoid),
        }
    }

    /// The slope of every lane, from the outputs.
    #[inline(always)]
    pub(super) fn slopes<F: Real>(self, y: Lanes<F>) -> Lanes<F> {
        match self {
            Self::Tanh => y.map(|y| F::one() - y * y),
            Self::Relu => y.map(|y| if y > F::zero() { F::one() } else { F::zero() }),
            Self::Sigmoid => y.map(sigmoid_slope),
        }
    }
}

/// max(0, x); NaN stays visible.
#[inline(always)]
fn relu<F: Real>(x: F) -> F {
    if x < F::zero() { F::zero() } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_slopes_are_those_of_the_table() {
        for k in -400..=400 {
            let x = f64::from(k) * 0.1;
            for (activation, value, slope) in [
                (Activation::Tanh, x.tanh(), 1.0 - x.tanh().powi(2)),
                (Activation::Relu, x.max(0.0), f64::from(u8::from(x > 0.0))),
                (
                    Activation::Sigmoid,
                    1.0 / (1.0 + (-x).exp()),
                    (-x.abs()).exp() / (1.0 + (-x.abs()).exp()).powi(2),
                ),
            ] {
                let y = activation.of(x);
                assert!((y - value).abs() <= 1e-15 * value.abs().max(1.0), "{activation:?}({x}) = {y}");
                let found = activation.slopes(Lanes::splat(y)).0[7];
                assert!(
                    (found - slope).abs() < 1e-15,
                    "slope of {activation:?} at {x}: {found}, not {slope}"
                );
                let small = f64::from(activation.of(f32::of(x)));
                assert!((small - value).abs() <= 3e-6, "{activation:?}({x}) in f32 = {small}");
                assert_eq!(activation.of_lanes(Lanes::splat(x)), Lanes::splat(y));
            }
        }
        for x in [f64::NEG_INFINITY, -1e300, 1e300, f64::INFINITY] {
            assert!((Activation::Tanh.of(x) - x.signum()).abs() < 1e-15);
            assert!((Activation::Sigmoid.of(x) - f64::from(u8::from(x > 0.0))).abs() < 1e-15);
        }
        assert!(Activation::Relu.of(f32::NAN).is_nan() && Activation::Tanh.of(f32::NAN).is_nan());
    }
}
