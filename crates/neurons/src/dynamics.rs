//! What a neuron model is: the equations of one unit and one sample over one step, and their adjoints.
//!
//! The drivers ([`crate::scan()`], its recurrent form and [`crate::step()`]) own everything else: the loop over time,
//! samples in lanes, the threshold and its surrogate, bounds, what is saved, the sums over time and samples. All
//! functions are written for any [`Value`] (one sample, or sixteen side by side), are inlined into the drivers' loops
//! and use plain arithmetic, without fused multiply-add: a model gives the same bits with every instruction set and
//! in every driver.

use crate::row::Value;
use colearn_tape::Real;

/// ∂L/∂… of one integration step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntegrateAdjoint<V, const S: usize, const P: usize> {
    /// … of the settled state before.
    pub(crate) state: [V; S],
    /// … of the spike before.
    pub(crate) spike: V,
    /// … of the input current.
    pub(crate) input: V,
    /// … of the parameters: this step's share.
    pub(crate) parameters: [V; P],
}

/// ∂L/∂… of what happens after the spike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettleAdjoint<V, const S: usize, const P: usize> {
    /// … of the state before the spike.
    pub(crate) state: [V; S],
    /// … of the spike.
    pub(crate) spike: V,
    /// … of the parameters: this step's share.
    pub(crate) parameters: [V; P],
}

/// A model with `S` state variables, the first of which is the membrane u, and `P` parameters.
///
/// One step is state ← integrate(state, spike before, input); spike ← H(u − θ); state ← settle(state, spike).
pub(crate) trait Dynamics<F: Real, const S: usize, const P: usize>:
    Copy + Send + Sync + 'static
{
    /// Whether the output is a spike; if not it is the membrane itself.
    const SPIKING: bool = true;

    /// The state before the spike.
    fn integrate<V: Value<F>>(p: &[F; P], state: [V; S], spike_before: V, input: V) -> [V; S];

    /// The state after the spike.
    #[inline(always)]
    fn settle<V: Value<F>>(_p: &[F; P], state: [V; S], _spike: V) -> [V; S] {
        state
    }

    /// Pulls `gradient` = ∂L/∂(settled state) back through [`Dynamics::settle`] at `state` and `spike`.
    #[inline(always)]
    fn settle_adjoint<V: Value<F>>(
        _p: &[F; P],
        _state: [V; S],
        _spike: V,
        gradient: [V; S],
    ) -> SettleAdjoint<V, S, P> {
        SettleAdjoint { state: gradient, spike: V::zero(), parameters: [V::zero(); P] }
    }

    /// Pulls `gradient` = ∂L/∂`state` back through [`Dynamics::integrate`], where
    /// `state` = integrate(`before`, `spike_before`, `input`).
    fn integrate_adjoint<V: Value<F>>(
        p: &[F; P],
        before: [V; S],
        spike_before: V,
        input: V,
        state: [V; S],
        gradient: [V; S],
    ) -> IntegrateAdjoint<V, S, P>;
}
