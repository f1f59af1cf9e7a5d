//! A gated layer one step at a time, for one sample: the same equations in the same order as
//! [`infer_gated`](crate::infer_gated), to the same bits.

use super::activation::sigmoid;
use super::{GatedModel, GatedUnit, check_weights};
use colearn_tape::Real;
use colearn_tape::simd::{Kernel, Level, dispatch};
use ndarray::ArrayRef2;

/// N gated units with their state.
#[derive(Clone, Debug)]
pub struct GatedStep<F> {
    unit: GatedUnit,
    /// Vᵀ, row by row.
    weights: Vec<F>,
    state: Vec<F>,
    /// Candidates and gates of the step.
    sums: Vec<F>,
    /// r ⊙ h.
    kept: Vec<F>,
    begun: bool,
}

impl<F: Real> GatedStep<F> {
    /// Units with recurrent weights V (N, G·N), in the zero state.
    ///
    /// # Panics
    /// If V does not have G columns a row.
    #[must_use]
    #[track_caller]
    pub fn new(unit: GatedUnit, recurrent: &ArrayRef2<F>) -> Self {
        let units = recurrent.nrows();
        check_weights(unit, units, recurrent);
        let weights = recurrent.t().iter().copied().collect();
        let zeros = |n| vec![F::zero(); n];
        let (state, sums, kept) = (zeros(units), zeros(recurrent.ncols()), zeros(units));
        Self { unit, weights, state, sums, kept, begun: false }
    }

    /// One step under the currents `input` (G·N): the outputs (N), which are also the state.
    ///
    /// # Panics
    /// If there are not G·N currents.
    #[track_caller]
    pub fn step(&mut self, input: &[F]) -> &[F] {
        assert_eq!(input.len(), self.sums.len(), "{}: currents and rows", self.unit.model.name());
        self.sums.copy_from_slice(input);
        dispatch(Step(self));
        self.begun = true;
        &self.state
    }

    /// Back to the zero state.
    pub fn reset(&mut self) {
        self.state.fill(F::zero());
        self.begun = false;
    }
}

struct Step<'a, F>(&'a mut GatedStep<F>);

impl<F: Real> Kernel for Step<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let GatedStep { unit: GatedUnit { model, activation }, weights, state, sums, kept, begun } = self.0;
        let units = state.len();
        let (into_candidates, into_gates) = weights.split_at(units * units);
        let (candidates, gates) = sums.split_at_mut(units);
        if *begun {
            add_products::<F, L>(into_gates, state, gates);
        }
        for gate in gates.iter_mut() {
            *gate = sigmoid(*gate);
        }
        if *begun {
            kept.copy_from_slice(state);
            if *model == GatedModel::Gru {
                kept.iter_mut().zip(&gates[units..]).for_each(|(kept, &reset)| *kept = reset * *kept);
            }
            add_products::<F, L>(into_candidates, kept, candidates);
        }
        for n in 0..units {
            let c = activation.of(candidates[n]);
            state[n] = match model {
                GatedModel::Rnn => c,
                _ => gates[n] * state[n] + (F::one() - gates[n]) * c,
            };
        }
    }
}

/// y[j] += Σ_i weights[j][i] · x[i], i ascending.
#[inline(always)]
fn add_products<F: Real, L: Level>(weights: &[F], x: &[F], y: &mut [F]) {
    for (sum, row) in y.iter_mut().zip(weights.chunks_exact(x.len().max(1))) {
        *sum = row.iter().zip(x).fold(*sum, |sum, (&w, &x)| L::multiply_add(w, x, sum));
    }
}
