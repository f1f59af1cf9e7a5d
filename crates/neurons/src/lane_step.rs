//! One step of one unit, for one sample or sixteen: the adjoint that every scan shares, and the step of recurrent ones.

use crate::dynamics::{Dynamics, Values};
use crate::fire::Fire;
use crate::value::Value;
use colearn_tape::{Lanes, Real};

/// The state before the spike, what is compared with the threshold, and the output.
#[inline(always)]
pub fn integrate<F: Real, D: Dynamics, A: Fire<F>>(
    p: &D::Parameters<F>,
    fire: A,
    before: D::State<Lanes<F>>,
    spike_before: Lanes<F>,
    input: Lanes<F>,
) -> (D::State<Lanes<F>>, Lanes<F>) {
    let state = D::integrate(p, before, spike_before, input);
    let potential: Lanes<F> = D::potential(p, &state);
    (state, potential.map(|potential| fire.output(potential)))
}

/// What one step of the forward pass went through, of one sample or sixteen.
#[derive(Clone, Copy, Debug)]
pub struct Visited<D: Dynamics, V: Copy + Send + Sync> {
    /// The settled state before the step.
    pub before: D::State<V>,
    /// The output before the step.
    pub spike_before: V,
    /// The input current.
    pub input: V,
    /// The state before the spike.
    pub state: D::State<V>,
    /// The output.
    pub spike: V,
    /// The derivative of the output with respect to the potential.
    pub slope: V,
}

/// What the backward pass carries from step t + 1 to step t.
#[derive(Clone, Copy, Debug)]
pub struct Carried<D: Dynamics, V: Copy + Send + Sync> {
    /// ∂L/∂(settled state at t).
    pub state: D::State<V>,
    /// ∂L/∂s of step t through the neuron's own future.
    pub spike: V,
}

/// Pulls ∂L/∂s of step t (`gradient`, without the neuron's own future) back through one step: updates `carried`, adds to
/// the parameters' sums and returns ∂L/∂I of it.
#[inline(always)]
pub fn adjoint<F: Real, V: Value<F>, D: Dynamics>(
    p: &D::Parameters<F>,
    at: Visited<D, V>,
    gradient: V,
    carried: &mut Carried<D, V>,
    sums: &mut D::Parameters<V>,
) -> V {
    let mut settled = D::settle_adjoint(p, at.state, at.spike, carried.state);
    let g_potential = at.slope * (gradient + carried.spike + settled.spike);
    let mut g_state = settled.state;
    D::potential_adjoint(p, &at.state, g_potential, &mut g_state, &mut settled.parameters);
    let pulled = D::integrate_adjoint(p, at.before, at.spike_before, at.input, at.state, g_state);
    carried.state = pulled.state;
    carried.spike = pulled.spike;
    for k in 0..D::PARAMETERS {
        *sums.get_mut(k) = sums.get(k) + (pulled.parameters.get(k) + settled.parameters.get(k));
    }
    pulled.input
}
