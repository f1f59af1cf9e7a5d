//! Surrogate derivatives: what takes the place of the step's derivative in the backward pass.
//!
//! With x = u − θ the neuron fires H(x), whose derivative is zero almost everywhere. A surrogate is a derivative to
//! use in its stead. Each one here comes with the function it is the derivative of (`soft`, 1/2 at x = 0), so that
//! a whole network can be run with the soft function and its gradient checked against finite differences.
//!
//! | shape | derivative | soft | source |
//! | --- | --- | --- | --- |
//! | box-car | 1 on −h < x ≤ h | clamp(x, −h, h) + 1/2 | Bittar & Garner 2022 (h = 1/2) |
//! | fast sigmoid | 1/(β\|x\| + 1)² | x/(β\|x\| + 1) + 1/2 | Zenke & Ganguli 2018 (SuperSpike) |
//! | arc tangent | (k/2)/(1 + (π/2·k·x)²) | atan(π/2·k·x)/π + 1/2 | Fang et al. 2021; Hammouamri et al. 2024 (k = 5) |
//! | logistic | k·σ(kx)·(1 − σ(kx)) | σ(kx) | Zenke & Vogels 2021 |
//! | triangle | max(0, 1 − k\|x\|) | x − k·x\|x\|/2 + 1/2, constant beyond \|x\| = 1/k | Esser et al. 2016 |
//! | exponential | c·k/2·exp(−k\|x\|) | sign(x)·c/2·(1 − exp(−k\|x\|)) + 1/2 | Baronig et al. 2025 (k = 5, c = 0.4) |
//!
//! ```
//! use colearn_neurons::Surrogate;
//!
//! let boxcar = Surrogate::default();
//! assert_eq!(boxcar.derivative(0.3), 1.0);
//! assert_eq!(boxcar.derivative(0.6), 0.0);
//! assert_eq!(boxcar.soft(0.0), 0.5);
//! ```

use crate::Error;
use colearn_tape::simd::within;
use colearn_tape::{LANES, Lanes, Real};
use serde::{Deserialize, Serialize};

/// The derivative that stands in for the step's, as a function of x = u − θ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Surrogate {
    /// 1 on −h < x ≤ h, otherwise 0.
    Boxcar {
        /// h.
        half_width: f64,
    },
    /// 1/(β|x| + 1)².
    FastSigmoid {
        /// β.
        slope: f64,
    },
    /// (k/2)/(1 + (π/2·k·x)²).
    ArcTangent {
        /// k.
        slope: f64,
    },
    /// k·σ(kx)·(1 − σ(kx)).
    Logistic {
        /// k.
        slope: f64,
    },
    /// max(0, 1 − k|x|).
    Triangle {
        /// k.
        slope: f64,
    },
    /// c·k/2·exp(−k|x|).
    Exponential {
        /// k.
        slope: f64,
        /// c.
        scale: f64,
    },
}

impl Default for Surrogate {
    /// The box-car of half-width 1/2.
    fn default() -> Self {
        Self::Boxcar { half_width: 0.5 }
    }
}

/// A soft step and its derivative.
trait Shape<F>: Copy {
    fn soft(self, x: F) -> F;
    fn derivative(self, x: F) -> F;
}

/// Evaluates `$body` with `$shape` bound to the shape of `$surrogate`: the choice is made once, outside of loops.
macro_rules! with_shape {
    ($surrogate:expr, $shape:ident => $body:expr) => {
        match $surrogate {
            Surrogate::Boxcar { half_width } => {
                let $shape = Boxcar(F::of(half_width));
                $body
            }
            Surrogate::FastSigmoid { slope } => {
                let $shape = FastSigmoid(F::of(slope));
                $body
            }
            Surrogate::ArcTangent { slope } => {
                let $shape = ArcTangent(F::of(slope));
                $body
            }
            Surrogate::Logistic { slope } => {
                let $shape = Logistic(F::of(slope));
                $body
            }
            Surrogate::Triangle { slope } => {
                let $shape = Triangle(F::of(slope));
                $body
            }
            Surrogate::Exponential { slope, scale } => {
                let $shape = Exponential(F::of(slope), F::of(scale));
                $body
            }
        }
    };
}

impl Surrogate {
    /// Every name that [`Surrogate::named`] knows.
    pub const NAMES: [&'static str; 6] =
        ["boxcar", "fast_sigmoid", "arc_tangent", "logistic", "triangle", "exponential"];

    /// The surrogate of that name with the parameters that its source uses: box-car of half-width 0.5, fast sigmoid of
    /// slope 10, arc-tangent of slope 5, logistic of slope 4 (peak 1), triangle of slope 1, exponential of slope 5 and
    /// scale 0.4.
    ///
    /// ```
    /// use colearn_neurons::Surrogate;
    ///
    /// assert_eq!(Surrogate::named("boxcar"), Some(Surrogate::default()));
    /// assert!(Surrogate::NAMES.into_iter().all(|name| Surrogate::named(name).is_some()));
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "boxcar" => Self::Boxcar { half_width: 0.5 },
            "fast_sigmoid" => Self::FastSigmoid { slope: 10.0 },
            "arc_tangent" => Self::ArcTangent { slope: 5.0 },
            "logistic" => Self::Logistic { slope: 4.0 },
            "triangle" => Self::Triangle { slope: 1.0 },
            "exponential" => Self::Exponential { slope: 5.0, scale: 0.4 },
            _ => return None,
        })
    }

    /// The function that [`Surrogate::derivative`] is the derivative of; 1/2 at x = 0.
    #[must_use]
    pub fn soft<F: Real>(self, x: F) -> F {
        with_shape!(self, shape => shape.soft(x))
    }

    /// The surrogate derivative at x = u − θ.
    #[must_use]
    pub fn derivative<F: Real>(self, x: F) -> F {
        with_shape!(self, shape => shape.derivative(x))
    }

    /// The derivative at every x = u − `threshold` of `membrane`, into `slopes`.
    #[inline(always)]
    pub(crate) fn fill_derivative<F: Real>(
        self,
        threshold: F,
        membrane: &[Lanes<F>],
        slopes: &mut [Lanes<F>],
    ) {
        with_shape!(self, shape => fill(membrane, slopes, |u| shape.derivative(u - threshold)));
    }

    /// As [`Surrogate::fill_derivative`] for plain numbers.
    #[inline(always)]
    pub(crate) fn derivatives<F: Real, const N: usize>(
        self,
        threshold: F,
        membrane: &[F; N],
        slopes: &mut [F; N],
    ) {
        with_shape!(self, shape => {
            for l in 0..N {
                slopes[l] = shape.derivative(membrane[l] - threshold);
            }
        });
    }

    /// Fills `outputs` with the soft function at x = u − `threshold`, for every u of `membrane`.
    #[inline(always)]
    pub(crate) fn fill_soft<F: Real>(self, threshold: F, membrane: &[Lanes<F>], outputs: &mut [Lanes<F>]) {
        with_shape!(self, shape => fill(membrane, outputs, |u| shape.soft(u - threshold)));
    }

    /// Checks that widths, slopes and scales are positive and finite.
    pub(crate) fn validate(self) -> Result<(), Error> {
        let numbers: &[(&'static str, f64)] = match self {
            Self::Boxcar { half_width } => &[("half_width", half_width)],
            Self::FastSigmoid { slope }
            | Self::ArcTangent { slope }
            | Self::Logistic { slope }
            | Self::Triangle { slope } => &[("slope", slope)],
            Self::Exponential { slope, scale } => &[("slope", slope), ("scale", scale)],
        };
        match numbers.iter().find(|(_, value)| within(*value, |x| x.is_finite() && x > 0.0).is_err()) {
            Some(&(name, found)) => Err(Error::Surrogate { name, found }),
            None => Ok(()),
        }
    }
}

/// `to` = f(`from`), lane by lane.
#[inline(always)]
pub(crate) fn fill<F: Real>(from: &[Lanes<F>], to: &mut [Lanes<F>], f: impl Fn(F) -> F) {
    for (x, y) in from.iter().zip(to) {
        for l in 0..LANES {
            y.0[l] = f(x.0[l]);
        }
    }
}

fn half<F: Real>() -> F {
    F::of(0.5)
}

#[derive(Clone, Copy)]
struct Boxcar<F>(F);

impl<F: Real> Shape<F> for Boxcar<F> {
    #[inline(always)]
    fn soft(self, x: F) -> F {
        x.max(-self.0).min(self.0) + half()
    }
    #[inline(always)]
    fn derivative(self, x: F) -> F {
        let (above, below) = (x > -self.0, x <= self.0);
        if above && below { F::one() } else { F::zero() }
    }
}

#[derive(Clone, Copy)]
struct FastSigmoid<F>(F);

impl<F: Real> Shape<F> for FastSigmoid<F> {
    #[inline(always)]
    fn soft(self, x: F) -> F {
        x / (self.0 * x.abs() + F::one()) + half()
    }
    #[inline(always)]
    fn derivative(self, x: F) -> F {
        let d = self.0 * x.abs() + F::one();
        F::one() / (d * d)
    }
}

#[derive(Clone, Copy)]
struct ArcTangent<F>(F);

impl<F: Real> ArcTangent<F> {
    #[inline(always)]
    fn angle(self, x: F) -> F {
        F::of(std::f64::consts::FRAC_PI_2) * self.0 * x
    }
}

impl<F: Real> Shape<F> for ArcTangent<F> {
    #[inline(always)]
    fn soft(self, x: F) -> F {
        self.angle(x).atan() * F::of(std::f64::consts::FRAC_1_PI) + half()
    }
    #[inline(always)]
    fn derivative(self, x: F) -> F {
        let z = self.angle(x);
        half::<F>() * self.0 / (F::one() + z * z)
    }
}

#[derive(Clone, Copy)]
struct Logistic<F>(F);

impl<F: Real> Shape<F> for Logistic<F> {
    #[inline(always)]
    fn soft(self, x: F) -> F {
        F::one() / (F::one() + (-self.0 * x).exp())
    }
    #[inline(always)]
    fn derivative(self, x: F) -> F {
        // σ(kx)(1 − σ(kx)) = e/(1 + e)² with e = exp(−k|x|), which cannot overflow.
        let e = (-self.0 * x.abs()).exp();
        self.0 * e / ((F::one() + e) * (F::one() + e))
    }
}

#[derive(Clone, Copy)]
struct Triangle<F>(F);

impl<F: Real> Shape<F> for Triangle<F> {
    #[inline(always)]
    fn soft(self, x: F) -> F {
        let end = F::one() / self.0;
        let y = x.max(-end).min(end);
        y - half::<F>() * self.0 * y * y.abs() + half()
    }
    #[inline(always)]
    fn derivative(self, x: F) -> F {
        (F::one() - self.0 * x.abs()).max(F::zero())
    }
}

#[derive(Clone, Copy)]
struct Exponential<F>(F, F);

impl<F: Real> Shape<F> for Exponential<F> {
    #[inline(always)]
    fn soft(self, x: F) -> F {
        x.signum() * half() * self.1 * (F::one() - (-self.0 * x.abs()).exp()) + half()
    }
    #[inline(always)]
    fn derivative(self, x: F) -> F {
        half::<F>() * self.1 * self.0 * (-self.0 * x.abs()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each shape with the places where its derivative jumps or has a corner.
    fn shapes(k: f64) -> Vec<(Surrogate, Vec<f64>)> {
        vec![
            (Surrogate::Boxcar { half_width: k }, vec![-k, k]),
            (Surrogate::FastSigmoid { slope: k }, vec![0.0]),
            (Surrogate::ArcTangent { slope: k }, vec![]),
            (Surrogate::Logistic { slope: k }, vec![]),
            (Surrogate::Triangle { slope: k }, vec![-1.0 / k, 0.0, 1.0 / k]),
            (Surrogate::Exponential { slope: k, scale: 0.4 }, vec![0.0]),
        ]
    }

    #[test]
    fn a_name_is_the_surrogate_of_its_source() {
        let expected = [
            Surrogate::Boxcar { half_width: 0.5 },
            Surrogate::FastSigmoid { slope: 10.0 },
            Surrogate::ArcTangent { slope: 5.0 },
            Surrogate::Logistic { slope: 4.0 },
            Surrogate::Triangle { slope: 1.0 },
            Surrogate::Exponential { slope: 5.0, scale: 0.4 },
        ];
        assert_eq!(Surrogate::NAMES.map(Surrogate::named), expected.map(Some));
        assert_eq!(Surrogate::named("box car"), None);
    }

    proptest! {
        #[test]
        fn the_derivative_is_the_derivative_of_the_soft_function(x in -3.0..3.0f64, k in 0.2..6.0f64) {
            let step = 1e-5;
            for (surrogate, kinks) in shapes(k) {
                if kinks.iter().any(|kink| (x - kink).abs() <= step) {
                    continue;
                }
                let quotient = (surrogate.soft(x + step) - surrogate.soft(x - step)) / (2.0 * step);
                let derivative = surrogate.derivative(x);
                prop_assert!((quotient - derivative).abs() <= 1e-7, "{surrogate:?} at {x}: {derivative} and {quotient}");
            }
        }

        #[test]
        fn the_soft_step_rises_and_is_symmetric_about_one_half(x in 0.0..5.0f64, k in 0.2..6.0f64) {
            for (surrogate, _) in shapes(k) {
                let (up, down) = (surrogate.soft(x), surrogate.soft(-x));
                prop_assert!(up >= 0.5 && (up + down - 1.0).abs() <= 1e-12, "{surrogate:?}");
                prop_assert!(surrogate.derivative(x) >= 0.0);
            }
        }
    }

    #[test]
    fn the_box_is_open_on_the_left_and_closed_on_the_right() {
        let boxcar = Surrogate::default();
        let found = [-0.5, -0.499, 0.5, 0.501].map(|x: f64| boxcar.derivative(x) > 0.0);
        assert_eq!(found, [false, true, true, false]);
    }

    #[test]
    fn a_row_holds_the_derivative_of_every_lane() {
        for (surrogate, _) in shapes(2.0) {
            let mut x = Lanes::<f64>::default();
            for (l, value) in x.0.iter_mut().enumerate() {
                *value = 0.13 * l as f64;
            }
            let mut slopes = [Lanes::default()];
            let mut soft = [Lanes::default()];
            surrogate.fill_derivative(1.0, &[x], &mut slopes);
            surrogate.fill_soft(1.0, &[x], &mut soft);
            for l in 0..LANES {
                approx::assert_abs_diff_eq!(
                    slopes[0].0[l],
                    surrogate.derivative(x.0[l] - 1.0),
                    epsilon = 1e-15
                );
                approx::assert_abs_diff_eq!(soft[0].0[l], surrogate.soft(x.0[l] - 1.0), epsilon = 1e-15);
            }
        }
    }

    #[test]
    fn a_slope_that_is_not_positive_is_refused() {
        for slope in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Surrogate::ArcTangent { slope }.validate().is_err());
        }
        assert!(Surrogate::default().validate().is_ok());
    }
}
