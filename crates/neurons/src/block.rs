//! A neuron over sixteen samples, some steps at a time: inference that never leaves the cache.
//!
//! The same equations in the same order as [`crate::infer_scaled`]: the outputs are equal to the bit, however time is cut.

use crate::Neuron;
use crate::dynamics::{Dynamics, Values};
use crate::fire::{Fire, Membrane, Output};
use crate::lane_step::integrate;
use crate::models::Visitor;
use crate::shape::check;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{Lanes, Real};
use ndarray::ArrayView1;
use std::marker::PhantomData;
use std::ops::Range;

/// A layer's neurons with clamped parameters, ready for blocks of sixteen samples.
#[derive(Clone, Debug)]
pub struct BlockScan<F> {
    neuron: Neuron,
    /// Unit after unit: the parameters, then scale and shift of its input.
    values: Vec<F>,
}

impl<F: Real> BlockScan<F> {
    /// Takes stored parameters (vectors of N values) as [`crate::scan()`] does, and N scales and N shifts that turn inputs x
    /// into currents scale · x + shift.
    ///
    /// # Panics
    /// If their number or lengths do not fit the model or each other.
    #[must_use]
    #[track_caller]
    pub fn new(neuron: &Neuron, parameters: &[ArrayView1<'_, F>], affine: [&[F]; 2]) -> Self {
        let units = affine[0].len();
        check(neuron, units, parameters);
        assert_eq!(affine[1].len(), units, "scales and shifts of a block's neurons");
        let of_unit = |n: usize| {
            let own = parameters.iter().enumerate().map(move |(k, values)| neuron.clamp(k, values[n]));
            own.chain(affine.map(|values| values[n]))
        };
        Self { neuron: neuron.clone(), values: (0..units).flat_map(of_unit).collect() }
    }

    /// Rows of state that each unit carries from one call of [`BlockScan::run`] to the next. All zero is the state in which
    /// sequences start.
    #[must_use]
    pub fn state_rows(&self) -> usize {
        self.neuron.model().states() + 1
    }

    /// Turns the first `steps` of each unit's `stride` rows from inputs into outputs, for the units of `units`, whose
    /// `state` is carried on.
    ///
    /// # Panics
    /// If `state` or `rows` is not made for these units, or `steps` exceeds `stride`.
    #[track_caller]
    pub fn run(
        &self,
        units: Range<usize>,
        state: &mut [Lanes<F>],
        rows: &mut [Lanes<F>],
        steps: usize,
        stride: usize,
    ) {
        assert!(steps <= stride, "{steps} steps of {stride} rows a unit");
        assert_eq!(rows.len(), units.len() * stride, "rows of {} units", units.len());
        assert_eq!(state.len(), units.len() * self.state_rows(), "state of {} units", units.len());
        let width = self.neuron.specs().len() + 2;
        let values = &self.values[units.start * width..units.end * width];
        self.neuron.model().visit(Advance { neuron: &self.neuron, values, state, rows, steps, stride });
    }
}

/// Some steps of some units.
struct Advance<'a, F> {
    neuron: &'a Neuron,
    values: &'a [F],
    state: &'a mut [Lanes<F>],
    rows: &'a mut [Lanes<F>],
    steps: usize,
    stride: usize,
}

impl<F: Real> Visitor for Advance<'_, F> {
    type Output = ();

    fn visit<D: Dynamics>(self) {
        match Output::of::<D>(self.neuron) {
            Output::Membrane => self.run::<D, _>(Membrane),
            Output::Spike(step, _) => self.run::<D, _>(step),
            Output::Soft(soft) => self.run::<D, _>(soft),
        }
    }
}

impl<F: Real> Advance<'_, F> {
    fn run<D: Dynamics, A: Fire<F>>(self, fire: A) {
        dispatch(Units::<F, D, A> { of: self, fire, dynamics: PhantomData });
    }
}

struct Units<'a, F, D, A> {
    of: Advance<'a, F>,
    fire: A,
    dynamics: PhantomData<D>,
}

impl<F, D, A> Kernel for Units<'_, F, D, A>
where
    F: Real,
    D: Dynamics,
    A: Fire<F>,
{
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Advance { values, state, rows, steps, stride, .. } = self.of;
        let (width, held) = (D::PARAMETERS + 2, D::STATES + 1);
        let pairs = values.len() / (2 * width);
        let (values, last_values) = values.split_at(pairs * 2 * width);
        let (state, last_state) = state.split_at_mut(pairs * 2 * held);
        let (rows, last_rows) = rows.split_at_mut(pairs * 2 * stride);
        let units = values.chunks_exact(2 * width).zip(state.chunks_exact_mut(2 * held));
        for ((values, state), rows) in units.zip(rows.chunks_exact_mut(2 * stride)) {
            advance::<F, D, A, 2>(self.fire, values, state, rows, steps);
        }
        if !last_values.is_empty() {
            advance::<F, D, A, 1>(self.fire, last_values, last_state, last_rows, steps);
        }
    }
}

/// Some steps of `U` units in turn: each step of a unit waits for the one before, and another unit's fill the wait.
#[inline(always)]
fn advance<F, D, A, const U: usize>(
    fire: A,
    values: &[F],
    state: &mut [Lanes<F>],
    rows: &mut [Lanes<F>],
    steps: usize,
) where
    F: Real,
    D: Dynamics,
    A: Fire<F>,
{
    let (width, held) = (D::PARAMETERS + 2, D::STATES + 1);
    let stride = rows.len() / U;
    let values: [&[F]; U] = std::array::from_fn(|n| &values[n * width..(n + 1) * width]);
    let mut carried = [D::State::splat(Lanes::default()); U];
    let mut output = [Lanes::default(); U];
    for n in 0..U {
        for k in 0..D::STATES {
            *carried[n].get_mut(k) = state[n * held + k];
        }
        output[n] = state[n * held + D::STATES];
    }
    for t in 0..steps {
        for n in 0..U {
            let row = &mut rows[n * stride + t];
            let [scale, shift] = [D::PARAMETERS, D::PARAMETERS + 1].map(|k| values[n][k]);
            let current = row.map(|x| x * scale + shift);
            let p = D::Parameters::first(values[n]);
            let (before, fired) = integrate::<F, D, A>(p, fire, carried[n], output[n], current);
            carried[n] = D::settle(p, before, fired);
            output[n] = fired;
            *row = fired;
        }
    }
    for n in 0..U {
        for k in 0..D::STATES {
            state[n * held + k] = carried[n].get(k);
        }
        state[n * held + D::STATES] = output[n];
    }
}
