//! From the membrane to the output: a step, a soft step, or the membrane itself.

use crate::dynamics::Dynamics;
use crate::surrogate::fill;
use crate::{Firing, Neuron, Surrogate};
use colearn_tape::{Lanes, Real};

/// The output of a unit, as a function of its membrane.
pub trait Fire<F: Real>: Copy + Send + Sync {
    /// Whether outputs are 0 or 1.
    const BINARY: bool;
    /// The output at membrane `u`.
    fn output(self, u: F) -> F;
}

/// H(u − θ).
#[derive(Clone, Copy, Debug)]
pub struct Step<F>(pub F);

/// The surrogate's soft function of u − θ.
#[derive(Clone, Copy, Debug)]
pub struct SoftStep<F>(pub F, pub Surrogate);

/// u.
#[derive(Clone, Copy, Debug)]
pub struct Membrane;

impl<F: Real> Fire<F> for Step<F> {
    const BINARY: bool = true;
    #[inline(always)]
    fn output(self, u: F) -> F {
        if u > self.0 { F::one() } else { F::zero() }
    }
}

impl<F: Real> Fire<F> for SoftStep<F> {
    const BINARY: bool = false;
    #[inline(always)]
    fn output(self, u: F) -> F {
        self.1.soft(u - self.0)
    }
}

impl<F: Real> Fire<F> for Membrane {
    const BINARY: bool = false;
    #[inline(always)]
    fn output(self, u: F) -> F {
        u
    }
}

/// The output function of a neuron, chosen at run time.
#[derive(Clone, Copy, Debug)]
pub enum Output<F> {
    /// The step, and what stands in for its derivative.
    Spike(Step<F>, Surrogate),
    /// A soft step, whose derivative is exact.
    Soft(SoftStep<F>),
    /// The membrane itself.
    Membrane,
}

impl<F: Real> Output<F> {
    /// The output function of `neuron`, whose dynamics are `D`.
    pub fn of<D: Dynamics>(neuron: &Neuron) -> Self {
        let threshold = F::of(neuron.threshold());
        match neuron.firing() {
            _ if !D::SPIKING => Self::Membrane,
            Firing::Spike => Self::Spike(Step(threshold), neuron.surrogate()),
            Firing::Soft => Self::Soft(SoftStep(threshold, neuron.surrogate())),
        }
    }

    /// Fills the first half of `to` with the outputs at membranes `u`, and the second with their derivatives.
    #[inline(always)]
    pub fn of_row(self, u: &[Lanes<F>], to: &mut [Lanes<F>]) {
        let (outputs, slopes) = to.split_at_mut(u.len());
        match self {
            Self::Spike(step, surrogate) => {
                surrogate.fill_derivative(step.0, u, slopes);
                fill(u, outputs, |u| step.output(u));
            }
            Self::Soft(SoftStep(threshold, surrogate)) => {
                surrogate.fill_derivative(threshold, u, slopes);
                surrogate.fill_soft(threshold, u, outputs);
            }
            Self::Membrane => {
                outputs.copy_from_slice(u);
                slopes.fill(Lanes::splat(F::one()));
            }
        }
    }

    /// Fills `slopes` with the derivative of the output at membranes `u`.
    #[inline(always)]
    pub fn slopes<const N: usize>(self, u: &[F; N], slopes: &mut [F; N]) {
        match self {
            Self::Spike(Step(threshold), surrogate) | Self::Soft(SoftStep(threshold, surrogate)) => {
                surrogate.derivatives(threshold, u, slopes);
            }
            Self::Membrane => slopes.fill(F::one()),
        }
    }
}
