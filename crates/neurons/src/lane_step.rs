//! One step of one unit, for one sample or sixteen: the adjoint that every scan shares, and the step of recurrent ones.

use crate::dynamics::Dynamics;
use crate::fire::Fire;
use crate::row::{Row, Value};
use colearn_tape::Real;

/// One unit's state for sixteen samples.
pub(crate) type State<F, const S: usize> = [Row<F>; S];

/// The state before the spike, and the output.
#[inline(always)]
pub(crate) fn integrate<F: Real, D: Dynamics<F, S, P>, A: Fire<F>, const S: usize, const P: usize>(
    p: &[F; P],
    fire: A,
    before: State<F, S>,
    spike_before: Row<F>,
    input: Row<F>,
) -> (State<F, S>, Row<F>) {
    let state = D::integrate(p, before, spike_before, input);
    (state, state[0].map(|u| fire.output(u)))
}

/// What one step of the forward pass went through, of one sample or sixteen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visited<V, const S: usize> {
    /// The settled state before the step.
    pub(crate) before: [V; S],
    /// The output before the step.
    pub(crate) spike_before: V,
    /// The input current.
    pub(crate) input: V,
    /// The state before the spike.
    pub(crate) state: [V; S],
    /// The output.
    pub(crate) spike: V,
    /// The derivative of the output with respect to the membrane.
    pub(crate) slope: V,
}

/// What the backward pass carries from step t + 1 to step t.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried<V, const S: usize> {
    /// ∂L/∂(settled state at t).
    pub(crate) state: [V; S],
    /// ∂L/∂s[t] through the neuron's own future.
    pub(crate) spike: V,
}

/// Pulls ∂L/∂s[t] (`gradient`, without the neuron's own future) back through one step: updates `carried`, adds to
/// the parameters' sums and returns ∂L/∂I[t].
#[inline(always)]
pub(crate) fn adjoint<F: Real, V: Value<F>, D: Dynamics<F, S, P>, const S: usize, const P: usize>(
    p: &[F; P],
    at: Visited<V, S>,
    gradient: V,
    carried: &mut Carried<V, S>,
    sums: &mut [V; P],
) -> V {
    let settled = D::settle_adjoint(p, at.state, at.spike, carried.state);
    let mut g_state = settled.state;
    g_state[0] = g_state[0] + at.slope * (gradient + carried.spike + settled.spike);
    let pulled = D::integrate_adjoint(p, at.before, at.spike_before, at.input, at.state, g_state);
    carried.state = pulled.state;
    carried.spike = pulled.spike;
    for (k, sum) in sums.iter_mut().enumerate() {
        *sum = *sum + (pulled.parameters[k] + settled.parameters[k]);
    }
    pulled.input
}
