//! Adam and AdamW over a list of arrays.
//!
//! | symbol | meaning | default |
//! |---|---|---|
//! | p, g | parameter and its gradient | – |
//! | m, v | moving means of g and g² | 0 |
//! | b₁, b₂ | their decays per step | 0.9, 0.999 |
//! | η | learning rate of the array in this step | – |
//! | ε | keeps the quotient finite | 1e-8 |
//! | λ | weight decay of the array | 0 |
//!
//! ```text
//! Adam:   g ← g + λ p                      AdamW:   p ← p − η λ p
//! m ← b₁ m + (1 − b₁) g,   v ← b₂ v + (1 − b₂) g²
//! p ← p − η · m / (1 − b₁ᵗ) / (√(v / (1 − b₂ᵗ)) + ε),     t = 1, 2, …
//! ```
//!
//! Kingma & Ba (2015), arXiv:1412.6980, algorithm 1; Loshchilov & Hutter (2019), arXiv:1711.05101, algorithm 2. One
//! fused pass over each array, no allocation after the first step.
//!
//! ```
//! use colearn_optim::{Adam, AdamSettings, Target};
//! use ndarray::arr1;
//!
//! let mut x = arr1(&[1.0_f64, -2.0]);
//! let mut adam = Adam::new(AdamSettings::default(), [x.shape()]);
//! for _ in 0..2000 {
//!     let gradient = x.mapv(|x| 2.0 * x); // of x²
//!     adam.step([Target::new(&mut x, &gradient, 0.01)], 1.0);
//! }
//! assert!(x.iter().all(|x| x.abs() < 1e-3));
//! ```

use colearn_simd::Real;
use ndarray::{
    ArrayD, ArrayRef, ArrayView1, ArrayViewD, ArrayViewMut1, ArrayViewMutD, Dimension, IxDyn, Zip,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The optimisers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimiserKind {
    /// Kingma & Ba (2015); weight decay is part of the gradient.
    Adam,
    /// Loshchilov & Hutter (2019); weight decay shrinks the parameter directly.
    AdamW,
}

/// What is the same for all arrays and steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamSettings {
    /// Where weight decay goes.
    pub kind: OptimiserKind,
    /// Decay per step of the mean gradient, from 0 to below 1.
    pub beta1: f64,
    /// Decay per step of the mean squared gradient, from 0 to below 1.
    pub beta2: f64,
    /// Added to the denominator of a step, above 0; in the gradient's unit.
    pub epsilon: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self { kind: OptimiserKind::Adam, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// Adam or AdamW with its moving means.
#[derive(Debug, Clone)]
pub struct Adam<F> {
    settings: AdamSettings,
    state: OptimiserState<F>,
}

/// What an optimiser remembers from step to step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "F: Serialize", deserialize = "F: Deserialize<'de>"))]
pub struct OptimiserState<F> {
    /// Steps taken.
    pub steps: u64,
    /// Moving mean of the gradient of each array, in their order.
    pub first: Vec<ArrayD<F>>,
    /// Moving mean of the squared gradient of each array.
    pub second: Vec<ArrayD<F>>,
}

/// A state that belongs to arrays of another number or shape.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("optimiser state, {moment} moment: found shapes {found:?}; expected {expected:?}")]
pub struct OtherShapes {
    /// `first` or `second`.
    pub moment: &'static str,
    /// The shapes of the state.
    pub found: Vec<Vec<usize>>,
    /// The shapes of the arrays.
    pub expected: Vec<Vec<usize>>,
}

/// How far a step goes for one array.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Learning rate η.
    pub rate: f64,
    /// Decay b₁ of the mean gradient in this step; `None`: as configured. It is that of the correction 1 − b₁ᵗ too, as in
    /// PyTorch.
    pub beta1: Option<f64>,
}

/// An array that a step moves.
#[derive(Debug)]
pub struct Target<'a, F> {
    /// The values.
    pub value: ArrayViewMutD<'a, F>,
    /// Their gradient, of the same shape in any memory order; `None`: values and moving means stay as they are.
    pub gradient: Option<ArrayViewD<'a, F>>,
    /// How far the step goes.
    pub pace: Pace,
    /// Weight decay λ.
    pub decay: f64,
}

impl<'a, F> Target<'a, F> {
    /// An array without weight decay, at learning rate `rate`.
    pub fn new<D: Dimension>(value: &'a mut ArrayRef<F, D>, gradient: &'a ArrayRef<F, D>, rate: f64) -> Self {
        let pace = Pace { rate, beta1: None };
        let (value, gradient) = (value.view_mut().into_dyn(), gradient.view().into_dyn());
        Self { value, gradient: Some(gradient), pace, decay: 0.0 }
    }

    /// The same for slices.
    pub fn of_slices(value: &'a mut [F], gradient: &'a [F], rate: f64) -> Self {
        let (value, gradient) =
            (ArrayViewMut1::from(value).into_dyn(), ArrayView1::from(gradient).into_dyn());
        Self { value, gradient: Some(gradient), pace: Pace { rate, beta1: None }, decay: 0.0 }
    }
}

/// The numbers of one step for one array.
#[derive(Clone, Copy)]
struct Step<F> {
    beta1: F,
    beta2: F,
    epsilon: F,
    /// Factor on the gradient (clipping).
    scale: F,
    /// λ in the gradient (Adam).
    coupled: F,
    /// 1 − η λ on the parameter (AdamW).
    keep: F,
    /// η / (1 − b₁ᵗ).
    size: F,
    /// 1 / √(1 − b₂ᵗ).
    root: F,
}

impl<F: Real> Adam<F> {
    /// For arrays of these shapes, all moving means zero.
    #[must_use]
    pub fn new(settings: AdamSettings, shapes: impl IntoIterator<Item: AsRef<[usize]>>) -> Self {
        let first: Vec<_> = shapes.into_iter().map(|shape| ArrayD::zeros(IxDyn(shape.as_ref()))).collect();
        Self { settings, state: OptimiserState { steps: 0, second: first.clone(), first } }
    }

    /// The moving means, for a checkpoint.
    #[must_use]
    pub fn state(&self) -> &OptimiserState<F> {
        &self.state
    }

    /// Goes on from `state`.
    ///
    /// # Errors
    /// [`OtherShapes`] when the state belongs to other arrays; nothing is changed then.
    pub fn restore(&mut self, state: OptimiserState<F>) -> Result<(), OtherShapes> {
        for (moment, mine, theirs) in
            [("first", &self.state.first, &state.first), ("second", &self.state.second, &state.second)]
        {
            let shapes = |arrays: &[ArrayD<F>]| arrays.iter().map(|a| a.shape().to_vec()).collect::<Vec<_>>();
            let (expected, found) = (shapes(mine), shapes(theirs));
            if expected != found {
                return Err(OtherShapes { moment, found, expected });
            }
        }
        self.state = state;
        Ok(())
    }

    /// One step down `scale` times the gradients (see [`crate::clip_scale`]; 1: as they are). `targets` are all arrays, in
    /// the order of their shapes.
    ///
    /// # Panics
    /// When there are more or fewer targets than shapes, or one has another shape than its moving means or its gradient.
    #[track_caller]
    pub fn step<'a>(&mut self, targets: impl IntoIterator<Item = Target<'a, F>>, scale: f64)
    where
        F: 'a,
    {
        self.state.steps += 1;
        let (settings, steps) = (self.settings, i32::try_from(self.state.steps).unwrap_or(i32::MAX));
        let mut moments = self.state.first.iter_mut().zip(&mut self.state.second).enumerate();
        for Target { mut value, gradient, pace, decay } in targets {
            let (k, (first, second)) = moments.next().expect("as many targets as shapes");
            let Some(gradient) = gradient else { continue };
            assert_eq!(value.shape(), first.shape(), "shape of array {k}");
            assert_eq!(gradient.shape(), first.shape(), "shape of the gradient of array {k}");
            let numbers = Step::<F>::of(&settings, steps, pace, decay, scale);
            Zip::from(&mut value)
                .and(&gradient)
                .and(first)
                .and(second)
                .for_each(|p, &g, m, v| numbers.update(p, g, m, v));
        }
        assert!(moments.next().is_none(), "fewer targets than shapes");
    }
}

impl<F: Real> Step<F> {
    fn of(settings: &AdamSettings, steps: i32, pace: Pace, decay: f64, scale: f64) -> Self {
        let (rate, beta1) = (pace.rate, pace.beta1.unwrap_or(settings.beta1));
        let (coupled, keep) = match settings.kind {
            OptimiserKind::Adam => (decay, 1.0),
            OptimiserKind::AdamW => (0.0, 1.0 - rate * decay),
        };
        Self {
            beta1: F::of(beta1),
            beta2: F::of(settings.beta2),
            epsilon: F::of(settings.epsilon),
            scale: F::of(scale),
            coupled: F::of(coupled),
            keep: F::of(keep),
            size: F::of(rate / (1.0 - beta1.powi(steps))),
            root: F::of(1.0 / (1.0 - settings.beta2.powi(steps)).sqrt()),
        }
    }

    #[inline(always)]
    fn update(self, p: &mut F, g: F, m: &mut F, v: &mut F) {
        let one = F::one();
        let g = g * self.scale + self.coupled * *p;
        *m = self.beta1 * *m + (one - self.beta1) * g;
        *v = self.beta2 * *v + (one - self.beta2) * g * g;
        *p = self.keep * *p - self.size * *m / (v.sqrt() * self.root + self.epsilon);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use ndarray::{Array2, arr1};

    #[test]
    fn two_steps_by_hand_on_a_slice() {
        let mut x = [1.0];
        let mut adam = Adam::new(AdamSettings::default(), [[1]]);
        adam.step([Target::of_slices(&mut x, &[0.5], 0.1)], 1.0);
        assert_relative_eq!(x[0], 0.9, epsilon = 1e-7);
        adam.step([Target::of_slices(&mut x, &[-0.25], 0.1)], 1.0);
        // m = 0.9·0.05 − 0.1·0.25 = 0.02, v = 0.999·0.00025 + 0.001·0.0625 = 0.00031225;
        // m / 0.19 = 0.105263, √(v / 0.001999) = 0.395222; 0.9 − 0.1 · 0.266338
        assert_relative_eq!(x[0], 0.873_366, epsilon = 1e-5);
    }

    #[test]
    fn arrays_slices_and_memory_orders_give_the_same_bits() {
        let start = Array2::from_shape_fn((3, 4), |(i, j)| 0.3 * i as f32 - 0.7 * j as f32);
        let gradient = start.mapv(|x| (3.0 * x).sin());
        let turned = gradient.t().as_standard_layout().into_owned();
        let (mut a, mut b, mut c) = (start.clone(), start.clone(), start);
        let mut adam = Adam::new(AdamSettings::default(), [a.shape(), b.shape(), &[12]]);
        for _ in 0..5 {
            adam.step(
                [
                    Target::new(&mut a, &gradient, 0.1),
                    Target::new(&mut b, &turned.t(), 0.1),
                    Target::of_slices(
                        c.as_slice_mut().expect("standard order"),
                        gradient.as_slice().expect("standard order"),
                        0.1,
                    ),
                ],
                0.5,
            );
        }
        assert_eq!((&a, &a), (&b, &c));
    }

    #[test]
    fn an_array_without_a_gradient_stays_and_so_do_its_means() {
        let (mut still, mut moving) = ([1.5_f64], [2.5_f64]);
        let mut adam =
            Adam::new(AdamSettings { kind: OptimiserKind::AdamW, ..AdamSettings::default() }, [[1], [1]]);
        let none = Target { gradient: None, decay: 0.1, ..Target::of_slices(&mut still, &[1.0], 0.1) };
        adam.step([none, Target::of_slices(&mut moving, &[1.0], 0.1)], 1.0);
        assert_eq!(still[0].to_bits(), 1.5_f64.to_bits());
        assert_relative_eq!(moving[0], 2.4, epsilon = 1e-7);
        assert_eq!((adam.state().first[0][0].to_bits(), adam.state().steps), (0, 1));
    }

    #[test]
    fn a_restored_state_goes_on_with_the_same_bits_and_another_is_refused() {
        let gradient = |step: usize| arr1(&[(0.7 * step as f64).sin(), 0.25]);
        let shape = [[2]];
        let (mut whole, mut parted) = (arr1(&[1.0, -1.0]), arr1(&[1.0, -1.0]));
        let mut first = Adam::new(AdamSettings::default(), shape);
        let mut second = first.clone();
        for step in 0..10 {
            first.step([Target::new(&mut whole, &gradient(step), 0.1)], 1.0);
            second.step([Target::new(&mut parted, &gradient(step), 0.1)], 1.0);
            let state = second.state().clone();
            second = Adam::new(AdamSettings::default(), shape);
            second.restore(state).expect("the same shapes");
        }
        assert_eq!(whole, parted);
        let other = Adam::<f64>::new(AdamSettings::default(), [[3]]);
        let error = second.restore(other.state().clone()).expect_err("another shape");
        let expected = "optimiser state, first moment: found shapes [[3]]; expected [[2]]";
        assert_eq!(error.to_string(), expected);
        assert_eq!(second.state(), first.state());
    }
}
