//! A neuron one step at a time, for one sample: streaming inference.
//!
//! The same equations in the same order as [`crate::infer`]: the outputs are equal to the bit, also where currents are
//! infinite or zeros with a sign. Where one is not a number, both are; which of the many bit patterns a NaN has is up to the
//! compiler.
//!
//! ```
//! use colearn_neurons::{Neuron, NeuronModel, NeuronState, StepParameters, step};
//! use ndarray::arr1;
//!
//! let neuron = Neuron::new(NeuronModel::Lif);
//! let alpha = arr1(&[0.5f32, 0.9]);
//! let parameters = StepParameters::new(&neuron, &[alpha.view()], None);
//! let mut state = NeuronState::new(&parameters);
//! let mut spikes = [0.0; 2];
//! step(&parameters, &mut state, &[3.0, 3.0], &mut spikes);
//! assert_eq!(spikes, [1.0, 0.0]);
//! ```

use crate::Neuron;
use crate::dynamics::{Dynamics, Values};
use crate::fire::{Fire, Membrane, Output};
use crate::models::Visitor;
use crate::recurrent::adds_by_table;
use crate::shape::check;
use colearn_tape::Real;
use colearn_tape::simd::{Kernel, Level, TABLE_BITS, dispatch, looks_up};
use ndarray::{ArrayRef2, ArrayView1};

/// A layer's parameters, clamped and laid out for [`step()`].
#[derive(Clone, Debug)]
pub struct StepParameters<F> {
    neuron: Neuron,
    units: usize,
    /// Parameter after parameter, each N values.
    values: Vec<F>,
    /// V without its diagonal, row by row.
    recurrent: Option<Vec<F>>,
    /// Whether zero times each of its weights is a zero.
    finite: bool,
}

impl<F: Real> StepParameters<F> {
    /// Takes stored parameters (vectors of N values) and recurrent weights V (N, N) as [`crate::scan()`] does.
    ///
    /// # Panics
    /// If their number or shapes do not fit the model or each other.
    #[must_use]
    #[track_caller]
    pub fn new(neuron: &Neuron, parameters: &[ArrayView1<'_, F>], recurrent: Option<&ArrayRef2<F>>) -> Self {
        let units = parameters.first().map_or(0, ArrayView1::len);
        check(neuron, units, parameters, recurrent);
        let values =
            parameters.iter().enumerate().flat_map(|(k, p)| p.iter().map(move |&x| neuron.clamp(k, x)));
        let recurrent: Option<Vec<F>> = recurrent
            .map(|v| v.indexed_iter().map(|((i, j), &v)| if i == j { F::zero() } else { v }).collect());
        let finite = recurrent.iter().flatten().all(|v| v.is_finite());
        Self { neuron: neuron.clone(), units, values: values.collect(), recurrent, finite }
    }

    /// Number of units.
    #[must_use]
    pub fn units(&self) -> usize {
        self.units
    }
}

/// The state of N units of one sample between two steps under the same parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct NeuronState<F> {
    /// State variable after state variable, settled, each N values.
    states: Vec<F>,
    /// The outputs of the step before.
    spikes: Vec<F>,
    /// The total current of the step.
    current: Vec<F>,
    /// Whether there was a step, so that there are outputs to add.
    begun: bool,
}

impl<F: Real> NeuronState<F> {
    /// The zero state in which every sequence starts.
    #[must_use]
    pub fn new(parameters: &StepParameters<F>) -> Self {
        let zeros = |n| vec![F::zero(); n];
        let units = parameters.units;
        let states = zeros(units * parameters.neuron.model().states());
        Self { states, spikes: zeros(units), current: zeros(units), begun: false }
    }

    /// Back to the zero state.
    pub fn reset(&mut self) {
        self.states.fill(F::zero());
        self.spikes.fill(F::zero());
        self.begun = false;
    }

    /// State variable `k` of all units after the last step (after its reset): 0 is the membrane.
    ///
    /// # Panics
    /// If the model has no such variable.
    #[must_use]
    pub fn variable(&self, k: usize) -> &[F] {
        let units = self.spikes.len();
        &self.states[k * units..(k + 1) * units]
    }
}

/// Advances `state` by one step under the currents `input` (N), and writes the outputs to `spikes` (N).
///
/// # Panics
/// If sizes differ from that of the parameters.
#[track_caller]
pub fn step<F: Real>(
    parameters: &StepParameters<F>,
    state: &mut NeuronState<F>,
    input: &[F],
    spikes: &mut [F],
) {
    let units = parameters.units;
    let name = parameters.neuron.model().name();
    assert_eq!(input.len(), units, "{name}: currents and units");
    assert_eq!(spikes.len(), units, "{name}: spikes and units");
    let variables = parameters.neuron.model().states();
    assert_eq!(
        (state.states.len(), state.spikes.len()),
        (variables * units, units),
        "{name}: size of the state"
    );
    state.current.copy_from_slice(input);
    parameters.neuron.model().visit(Advance { parameters, state, spikes });
}

/// current[j] += Σ_i s[i] V[i, j], i ascending. By table, outputs are 0 or 1, and the weights of each group of four inputs are
/// summed before they are added, as a scan does.
///
/// A scan adds the zeros of silent units too. They are left out where that changes no bit: a zero changes −0 alone, and
/// zero times a weight is a zero if the weight is finite.
struct AddProduct<'a, F> {
    weights: &'a [F],
    spikes: &'a [F],
    current: &'a mut [F],
    by_table: bool,
    /// Whether nothing is left out.
    all: bool,
}

impl<F: Real> Kernel for AddProduct<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let n = self.current.len();
        if self.by_table {
            let group = (TABLE_BITS * n).max(1);
            for (spikes, rows) in self.spikes.chunks(TABLE_BITS).zip(self.weights.chunks(group)) {
                if self.all {
                    add_whole_group(spikes, rows, self.current);
                } else {
                    add_group(spikes, rows, self.current);
                }
            }
            return;
        }
        for (i, &s) in self.spikes.iter().enumerate() {
            if self.all || s != F::zero() {
                for (sum, &v) in self.current.iter_mut().zip(&self.weights[i * n..(i + 1) * n]) {
                    *sum = L::multiply_add(v, s, *sum);
                }
            }
        }
    }
}

/// Adds the sum of four rows, each times its output, as a table has it: rows that are missing are zeros.
#[inline(always)]
fn add_whole_group<F: Real>(spikes: &[F], rows: &[F], current: &mut [F]) {
    let n = current.len();
    for (j, sum) in current.iter_mut().enumerate() {
        let part = |k: usize| spikes.get(k).map_or(F::zero(), |&spike| rows[k * n + j] * spike);
        *sum += part(0) + part(1) + part(2) + part(3);
    }
}

/// Adds the sum of those of up to four rows whose unit spikes.
#[inline(always)]
fn add_group<F: Real>(spikes: &[F], rows: &[F], current: &mut [F]) {
    let n = current.len();
    let mut active: [&[F]; TABLE_BITS] = [&[]; TABLE_BITS];
    let mut len = 0;
    for (&spike, row) in spikes.iter().zip(rows.chunks(n)) {
        if spike != F::zero() {
            active[len] = row;
            len += 1;
        }
    }
    match active[..len] {
        [a] => current.iter_mut().zip(a).for_each(|(sum, &a)| *sum += a),
        [a, b] => current.iter_mut().zip(a).zip(b).for_each(|((sum, &a), &b)| *sum += a + b),
        [a, b, c] => {
            let rows = current.iter_mut().zip(a).zip(b.iter().zip(c));
            rows.for_each(|((sum, &a), (&b, &c))| *sum += a + b + c);
        }
        [a, b, c, d] => {
            let rows = current.iter_mut().zip(a.iter().zip(b)).zip(c.iter().zip(d));
            rows.for_each(|((sum, (&a, &b)), (&c, &d))| *sum += a + b + c + d);
        }
        _ => {}
    }
}

struct Advance<'a, F> {
    parameters: &'a StepParameters<F>,
    state: &'a mut NeuronState<F>,
    spikes: &'a mut [F],
}

impl<F: Real> Visitor for Advance<'_, F> {
    type Output = ();

    fn visit<D: Dynamics>(self) {
        match Output::of::<D>(&self.parameters.neuron) {
            Output::Membrane => self.run::<D, _>(Membrane),
            Output::Spike(step, _) if D::SPIKING => self.run::<D, _>(step),
            Output::Soft(soft) if D::SPIKING => self.run::<D, _>(soft),
            Output::Spike(..) | Output::Soft(..) => {
                unreachable!("a model without spikes sends out its membrane")
            }
        }
    }
}

impl<F: Real> Advance<'_, F> {
    fn run<D: Dynamics, A: Fire<F>>(self, fire: A) {
        let Self { parameters, state, spikes } = self;
        let units = parameters.units;
        if let (Some(weights), true) = (&parameters.recurrent, state.begun) {
            let by_table = adds_by_table::<F, A>(looks_up::<F>());
            let negative_zero = |x: &F| x.is_zero() && x.is_sign_negative();
            let all = !A::BINARY || !parameters.finite || state.current.iter().any(negative_zero);
            let (spikes, current) = (&state.spikes, &mut state.current);
            dispatch(AddProduct { weights, spikes, current, by_table, all });
        }
        state.begun = true;
        for (n, output) in spikes.iter_mut().enumerate() {
            let mut p = D::Parameters::splat(F::zero());
            for k in 0..D::PARAMETERS {
                *p.get_mut(k) = parameters.values[k * units + n];
            }
            let mut before = D::State::splat(F::zero());
            for k in 0..D::STATES {
                *before.get_mut(k) = state.states[k * units + n];
            }
            let now = D::integrate(&p, before, state.spikes[n], state.current[n]);
            let spike = fire.output(D::potential(&p, &now));
            let after = D::settle(&p, now, spike);
            for k in 0..D::STATES {
                state.states[k * units + n] = after.get(k);
            }
            state.spikes[n] = spike;
            *output = spike;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_tape::simd::binary_table;

    /// In both orders, on any machine, for every pattern of spikes of a group.
    #[test]
    fn a_product_adds_its_rows_in_the_order_of_the_scan() {
        for n in [1usize, 3, 4, 6, 9] {
            let weights: Vec<f32> = (0..n * n).map(|k| ((k * 37 + 5) % 101) as f32 * 0.37 - 17.3).collect();
            for pattern in 0..32 {
                let spikes: Vec<f32> = (0..n).map(|i| f32::from(pattern >> (i % 5) & 1 == 1)).collect();
                let row = |i: usize| &weights[i * n..(i + 1) * n];
                let spiking = |group: usize| {
                    (group * TABLE_BITS..n.min((group + 1) * TABLE_BITS)).filter(|&i| spikes[i] != 0.0)
                };
                for by_table in [false, true] {
                    let mut current = vec![0.1f32; n];
                    dispatch(AddProduct {
                        weights: &weights,
                        spikes: &spikes,
                        current: &mut current,
                        by_table,
                        all: false,
                    });
                    for (j, found) in current.iter().enumerate() {
                        let groups = 0..n.div_ceil(TABLE_BITS);
                        let expected = if by_table {
                            groups.fold(0.1, |sum, g| sum + spiking(g).fold(0.0, |sum, i| sum + row(i)[j]))
                        } else {
                            groups.flat_map(spiking).fold(0.1, |sum, i| sum + row(i)[j])
                        };
                        assert_eq!(
                            found.to_bits(),
                            f32::to_bits(expected),
                            "{n} units, {spikes:?}, output {j}, by table {by_table}"
                        );
                    }
                }
            }
        }
    }

    /// A table has zero times a weight that is no number, and zeros for rows that it lacks.
    #[test]
    fn whole_groups_are_added_as_tables_have_them() {
        let odd = [0.0f32, -0.0, 1.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, -2.25];
        let n = 7;
        let weights: Vec<f32> = (0..n * n).map(|k| odd[(k * 5 + k / 3) % odd.len()]).collect();
        for pattern in 0..1 << n {
            let spikes: Vec<f32> = (0..n).map(|i| f32::from(pattern >> i & 1 == 1)).collect();
            let mut current = vec![-0.0f32; n];
            dispatch(AddProduct {
                weights: &weights,
                spikes: &spikes,
                current: &mut current,
                by_table: true,
                all: true,
            });
            for (j, found) in current.iter().enumerate() {
                let expected = (0..n.div_ceil(TABLE_BITS)).fold(-0.0, |sum, g| {
                    let of = |k: usize| weights.get((g * TABLE_BITS + k) * n + j).copied().unwrap_or(0.0);
                    let table = binary_table([of(0), of(1), of(2), of(3)]);
                    let place = pattern >> (g * TABLE_BITS) & ((1 << TABLE_BITS) - 1);
                    sum + table.0[place]
                });
                let same = found.to_bits() == f32::to_bits(expected) || found.is_nan() && expected.is_nan();
                assert!(same, "spikes {pattern:b}, output {j}: {found}, {expected}");
            }
        }
    }
}
