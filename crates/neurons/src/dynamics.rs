//! What a neuron model is: the equations of one unit and one sample over one step, their adjoints, and everything that
//! is known about it by name.
//!
//! The drivers ([`crate::scan()`], [`crate::step()`] and those of other crates) own everything else: the loop over time,
//! samples in lanes, the threshold and its surrogate, bounds, what is saved, the sums over time and samples. All
//! functions are written for any [`Value`] (one sample, or sixteen side by side), are inlined into the drivers' loops
//! and use plain arithmetic, without fused multiply-add: a model gives the same bits with every instruction set and
//! in every driver.

use crate::parameters::ParameterSpec;
use crate::value::Value;
use colearn_tape::{Real, Tape, Var};

/// A fixed number of values of one kind: the variables of a state, or the parameters of a unit.
pub trait Values<V: Copy>: Copy + Send + Sync {
    /// How many there are.
    const LEN: usize;
    /// All of them the same.
    fn splat(value: V) -> Self;
    /// Value `k`.
    fn get(&self, k: usize) -> V;
    /// Value `k`, in its place.
    fn get_ref(&self, k: usize) -> &V;
    /// Value `k`, to be changed.
    fn get_mut(&mut self, k: usize) -> &mut V;
    /// The first values of a slice, which has at least as many.
    fn first(slice: &[V]) -> &Self;
    /// The first values of a slice, to be changed.
    fn first_mut(slice: &mut [V]) -> &mut Self;
}

impl<V: Copy + Send + Sync, const N: usize> Values<V> for [V; N] {
    const LEN: usize = N;

    #[inline(always)]
    fn splat(value: V) -> Self {
        [value; N]
    }

    #[inline(always)]
    fn get(&self, k: usize) -> V {
        self[k]
    }

    #[inline(always)]
    fn get_ref(&self, k: usize) -> &V {
        &self[k]
    }

    #[inline(always)]
    fn get_mut(&mut self, k: usize) -> &mut V {
        &mut self[k]
    }

    #[inline(always)]
    fn first(slice: &[V]) -> &Self {
        slice.first_chunk().expect("the slice is long enough")
    }

    #[inline(always)]
    fn first_mut(slice: &mut [V]) -> &mut Self {
        slice.first_chunk_mut().expect("the slice is long enough")
    }
}

/// ∂L/∂… of one integration step of the model `D`.
#[derive(Clone, Copy, Debug)]
pub struct IntegrateAdjoint<D: Dynamics, V: Copy + Send + Sync> {
    /// … of the settled state before.
    pub state: D::State<V>,
    /// … of the spike before.
    pub spike: V,
    /// … of the input current.
    pub input: V,
    /// … of the parameters: this step's share.
    pub parameters: D::Parameters<V>,
}

/// ∂L/∂… of what happens after the spike.
#[derive(Clone, Copy, Debug)]
pub struct SettleAdjoint<D: Dynamics, V: Copy + Send + Sync> {
    /// … of the state before the spike.
    pub state: D::State<V>,
    /// … of the spike.
    pub spike: V,
    /// … of the parameters: this step's share.
    pub parameters: D::Parameters<V>,
}

/// A model of one unit.
///
/// One step is state ← integrate(state, spike before, input); spike ← H(potential(state) − θ);
/// state ← settle(state, spike). The first state variable is the membrane u.
pub trait Dynamics: Copy + Send + Sync + 'static {
    /// The state variables, the membrane first: an array.
    type State<V: Copy + Send + Sync>: Values<V>;
    /// The parameters of a unit, in the order of their specifications: an array.
    type Parameters<V: Copy + Send + Sync>: Values<V>;

    /// How many state variables there are.
    const STATES: usize = <Self::State<f64> as Values<f64>>::LEN;
    /// How many parameters a unit has.
    const PARAMETERS: usize = <Self::Parameters<f64> as Values<f64>>::LEN;
    /// Whether the output is a spike; if not it is the membrane itself.
    const SPIKING: bool = true;

    /// The state before the spike.
    fn integrate<F: Real, V: Value<F>>(
        p: &Self::Parameters<F>,
        state: Self::State<V>,
        spike_before: V,
        input: V,
    ) -> Self::State<V>;

    /// Pulls `gradient` = ∂L/∂`state` back through [`Dynamics::integrate`], where
    /// `state` = integrate(`before`, `spike_before`, `input`).
    fn integrate_adjoint<F: Real, V: Value<F>>(
        p: &Self::Parameters<F>,
        before: Self::State<V>,
        spike_before: V,
        input: V,
        state: Self::State<V>,
        gradient: Self::State<V>,
    ) -> IntegrateAdjoint<Self, V>;

    /// What is compared with the threshold, and what a model without spikes sends out. The membrane, unless the
    /// threshold moves: then the membrane less what the threshold moved by.
    #[inline(always)]
    fn potential<F: Real, V: Value<F>>(_p: &Self::Parameters<F>, state: &Self::State<V>) -> V {
        state.get(0)
    }

    /// Adds `gradient` = ∂L/∂potential, pulled back through [`Dynamics::potential`] at `state`, to the gradients of the
    /// state and of the parameters.
    #[inline(always)]
    fn potential_adjoint<F: Real, V: Value<F>>(
        _p: &Self::Parameters<F>,
        _state: &Self::State<V>,
        gradient: V,
        to_state: &mut Self::State<V>,
        _to_parameters: &mut Self::Parameters<V>,
    ) {
        *to_state.get_mut(0) = to_state.get(0) + gradient;
    }

    /// The state after the spike.
    #[inline(always)]
    fn settle<F: Real, V: Value<F>>(
        _p: &Self::Parameters<F>,
        state: Self::State<V>,
        _spike: V,
    ) -> Self::State<V> {
        state
    }

    /// Pulls `gradient` = ∂L/∂(settled state) back through [`Dynamics::settle`] at `state` and `spike`.
    #[inline(always)]
    fn settle_adjoint<F: Real, V: Value<F>>(
        _p: &Self::Parameters<F>,
        _state: Self::State<V>,
        _spike: V,
        gradient: Self::State<V>,
    ) -> SettleAdjoint<Self, V> {
        SettleAdjoint { state: gradient, spike: V::zero(), parameters: Self::Parameters::splat(V::zero()) }
    }
}

/// A state variable of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariableSpec {
    /// The field's symbol for it: `u` is the membrane.
    pub symbol: &'static str,
    /// What it is, in a few words.
    pub meaning: &'static str,
    /// What it is measured in.
    pub unit: &'static str,
}

/// The membrane, the first state variable of every model.
pub(crate) const MEMBRANE: VariableSpec =
    VariableSpec { symbol: "u", meaning: "membrane", unit: "thresholds" };

/// One step of one layer on a tape, in elementary operations: (B, N) a variable.
///
/// It is the same model written once more, as its equations stand in the documentation and without an adjoint: the
/// oracle that the fused scan is held to, and a start for a model of one's own.
#[derive(Clone, Debug)]
pub struct ElementaryStep<'a> {
    /// The parameters in use, each (N), in the order of [`crate::NeuronModel::specs`].
    pub parameters: &'a [Var],
    /// The settled state variables before the step, the membrane first.
    pub state: &'a [Var],
    /// The output of the step before.
    pub output: Var,
    /// The input current.
    pub input: Var,
}

/// What is known of a model beside its equations, and its elementary form. A model's file says all of it.
pub(crate) trait Model {
    /// The equations of one step and their adjoints, in the form that the drivers compile.
    type Dynamics: Dynamics;

    /// The name in configurations.
    const NAME: &'static str;
    /// The name in figures and tables.
    const LABEL: &'static str;
    /// Who published the equations, and where the bounds come from.
    const SOURCE: &'static str;
    /// The equations of one step, with the symbols of the parameters and variables.
    const EQUATIONS: &'static str;
    /// The state variables, the membrane first.
    const VARIABLES: &'static [VariableSpec];
    /// The parameters, in the order in which every function of this crate takes them.
    const SPECS: &'static [ParameterSpec];
    /// Whether a spike changes the state within its own step ([`Dynamics::settle`]).
    const SETTLES: bool = false;
    /// Whether the gradient is the exact one where the step is replaced by a soft one: not where a model detaches a part
    /// of it on purpose.
    const EXACT_GRADIENT: bool = true;

    /// Eigenvalues (real, imaginary) of the map of the state over one step without input and spikes.
    fn modes(p: &[f64]) -> Vec<(f64, f64)>;

    /// [`Dynamics::integrate`] in elementary operations: the state before the spike.
    fn elementary<F: Real>(tape: &mut Tape<F>, step: &ElementaryStep<'_>) -> Vec<Var>;

    /// [`Dynamics::potential`] in elementary operations.
    fn elementary_potential<F: Real>(_tape: &mut Tape<F>, _parameters: &[Var], state: &[Var]) -> Var {
        state[0]
    }

    /// [`Dynamics::settle`] in elementary operations.
    fn elementary_settle<F: Real>(
        _tape: &mut Tape<F>,
        _parameters: &[Var],
        state: Vec<Var>,
        _output: Var,
    ) -> Vec<Var> {
        state
    }
}

/// `decay` · x + (1 − `decay`) · y in elementary operations: the step of every leaky variable.
pub(crate) fn leak<F: Real>(tape: &mut Tape<F>, decay: Var, x: Var, y: Var) -> Var {
    let minus = tape.negate(decay);
    let rest = tape.offset(minus, F::one());
    let (x, y) = (tape.multiply(decay, x), tape.multiply(rest, y));
    tape.add(x, y)
}
