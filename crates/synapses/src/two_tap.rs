//! Delayed synapses with linear interpolation, or with whole delays.
//!
//! With l = ⌊d⌋, r = d − l and c = 1/(1 + ε):
//!
//! ```text
//! y[t, b, j] = Σ_i c W[i, j] ((1 − r) x[t − l, b, i] + r x[t − l − 1, b, i])
//! ∂L/∂x[t, b, i] = Σ_j c W[i, j] ((1 − r) g[t + l, b, j] + r g[t + l + 1, b, j])
//! ∂L/∂W[i, j] = c ((1 − r) P₀ + r P₁)
//! ∂L/∂d[i, j] = c W[i, j] (P₁ − P₀)          (zero where d lies outside [0, D])
//! P₀ = Σ_t,b g[t, b, j] x[t − l, b, i],   P₁ = Σ_t,b g[t, b, j] x[t − l − 1, b, i]
//! ```
//!
//! This is the DCLS kernel of half-width 1 (version 1; K. Khalfaoui-Hassani et al. 2023). Cost: at most two
//! multiply-adds per synapse, step and sample for each of the three passes, independent of D. Busy spikes are looked up
//! forward where the machine can; the forward pass of quiet units goes over active rows alone, the gradient of weights and
//! delays over those that are listed (`active.rs`). Threads share out units; no sum is split between them, so the result does
//! not depend on their number.

mod buffers;
mod convolution;

use crate::active::{Active, Counts};
use crate::choice::{self, Form};
use crate::codes::CodeTable;
use crate::interpolation::Taps;
use crate::lag_kernels::BLOCK_STEPS;
use crate::packing::Time;
use crate::row_kernels::Lines;
use crate::samples::Samples;
use crate::sparse;
use crate::table::{Synapses, Table, position, scale};
pub use buffers::buffers;
pub(crate) use buffers::correlation_buffers;
use colearn_tape::layout::matrix;
use colearn_tape::sequence::values;
use colearn_tape::simd::{BINARY_STEPS, looks_up_lagged};
use colearn_tape::{
    Fused, Inputs, Pool, Pullback, Real, Recompute, Sequence, SequenceShape, SequenceVar, Signal, Tape, Var,
};
use convolution::{Coded, Convolution, Dense, Sparse, rows_of};
use ndarray::{ArrayD, ArrayRef2};
use rayon::prelude::*;

#[track_caller]
pub(crate) fn assert_shapes<F>(x: SequenceShape, weight: &ArrayRef2<F>, delay: &ArrayRef2<F>) {
    assert_eq!(weight.dim(), delay.dim(), "delayed synapse: shapes of weight and delay");
    assert_eq!(x.units, weight.nrows(), "delayed synapse: units of the input {x:?} and rows of the weight");
}

/// The layer's output (T, B, J) for the sequence x (T, B, I), without a tape.
///
/// # Panics
/// If the shapes do not fit, or `max_delay` is zero.
#[track_caller]
pub fn forward_sequence<F: Real>(
    x: &Sequence<F>,
    weight: &ArrayRef2<F>,
    delay: &ArrayRef2<F>,
    max_delay: usize,
    taps: Taps,
    pool: &mut Pool<F>,
) -> Sequence<F> {
    let synapses = Synapses { weight, delay, max_delay, taps };
    let (y, active) =
        run((Samples::of_floats(x.values()), x.shape()), synapses, Use::Once, looks_up_lagged::<F>(), pool);
    active.recycle(pool);
    y
}

/// Whether a gradient will be asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Once,
    Again,
}

/// The output, and the listed rows of the input: of all units if a gradient is wanted. Spikes of busy units are looked up
/// if `looks_up`.
#[track_caller]
fn run<F: Real>(
    (values, shape): (Samples<'_, F>, SequenceShape),
    synapses: Synapses<'_, F>,
    wanted: Use,
    looks_up: bool,
    pool: &mut Pool<F>,
) -> (Sequence<F>, Active<F>) {
    let Synapses { weight, delay, max_delay, taps } = synapses;
    assert_shapes(shape, weight, delay);
    assert!(max_delay > 0, "a delayed synapse needs a largest delay of at least one step");
    let (steps, (inputs, outputs)) = (shape.steps, weight.dim());
    let mut y = Sequence::taken(shape.with_units(outputs), pool);
    let counts = Counts::new(values, shape, pool);
    // Where a unit's entries are zero or one value, that is its amplitude, and the entries are spikes.
    let form =
        |unit: usize| choice::forward(counts.share(unit), looks_up && counts.amplitude(unit).is_some(), taps);
    let units_of =
        |wanted: Form| (0..).take(inputs).filter(|&unit| form(unit as usize) == wanted).collect::<Vec<u32>>();
    let [few, coded, many] = [Form::Rows, Form::Codes, Form::Steps].map(units_of);
    let listed = |unit: usize| wanted == Use::Again || form(unit) == Form::Rows;
    let active = Active::new(values, shape, &counts, listed, pool);
    let dense = Dense { inputs: &many, table: Table::by_output(synapses, &many, pool) };
    let sparse = (!few.is_empty()).then(|| Sparse {
        inputs: &few,
        table: Table::by_output(synapses, &few, pool),
        active: &active,
    });
    let coded = (!coded.is_empty()).then(|| {
        let synapse = |place: usize, output| {
            let unit = coded[place] as usize;
            let amplitude = counts.amplitude(unit).expect("units without one are not looked up");
            let (near, far, lag) = synapses.taps(unit, output);
            (near * amplitude, far * amplitude, lag)
        };
        let table = CodeTable::new((coded.len(), inputs, outputs), taps, synapse, pool);
        Coded { inputs: &coded, table }
    });
    let block_steps = if coded.is_some() { BINARY_STEPS } else { BLOCK_STEPS };
    let (rows, lines) = (rows_of(steps, max_delay, block_steps), Lines::new(steps, max_delay));
    let convolution = Convolution { dense, coded, sparse, rows, lines, time: Time::Forward, taps };
    convolution.run((values, inputs), (y.values_mut(), outputs), pool);
    counts.recycle(pool);
    (y, active)
}

/// The listed rows of all units of a sequence.
fn all_active<F: Real>(values: Samples<'_, F>, shape: SequenceShape, pool: &mut Pool<F>) -> Active<F> {
    let counts = Counts::new(values, shape, pool);
    let active = Active::new(values, shape, &counts, |_| true, pool);
    counts.recycle(pool);
    active
}

/// Records the layer: x (T, B, I), weight and delay (I, J) to y (T, B, J); x and y are both arrays or both sequences
/// ([`Signal`]).
///
/// # Panics
/// If the shapes do not fit, or `max_delay` is zero.
#[track_caller]
pub fn record<F: Real, S: Signal>(
    tape: &mut Tape<F>,
    x: S,
    weight: Var,
    delay: Var,
    max_delay: usize,
    taps: Taps,
) -> S {
    let x = x.enter(tape);
    let (recomputes, shape) = (tape.recomputes(), x.shape(tape));
    let (x_values, [weight_value, delay_value], pool) = tape.workspace_of_sequence(x.var, [weight, delay]);
    let (weight_value, delay_value) = (matrix(weight_value), matrix(delay_value));
    let synapses = Synapses { weight: &weight_value, delay: &delay_value, max_delay, taps };
    let kept = if recomputes { Use::Once } else { Use::Again };
    let (y, active) = run((Samples::of(x_values), shape), synapses, kept, looks_up_lagged::<F>(), pool);
    let active = if recomputes {
        active.recycle(pool);
        None
    } else {
        Some(active)
    };
    let op = TwoTap { max_delay, taps, batch: shape.batch, active };
    let var = tape.fused(&[x.var, weight, delay], y.into_value(), op);
    S::leave(SequenceVar { var, batch: shape.batch }, tape)
}

#[derive(Debug)]
struct TwoTap<F> {
    max_delay: usize,
    taps: Taps,
    batch: usize,
    /// The listed rows of the input, unless they are found a second time.
    active: Option<Active<F>>,
}

impl<F: Real> Fused<F> for TwoTap<F> {
    fn name(&self) -> &'static str {
        "two-tap delayed synapse"
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let (x, shape) = p.sequence(0, self.batch);
        let Pullback { inputs, gradient, wanted, pool, .. } = p;
        let (x, weight, delay) = (Samples::of(x), matrix(inputs[1]), matrix(inputs[2]));
        let (inputs, outputs) = weight.dim();
        let (rows, lines) =
            (rows_of(shape.steps, self.max_delay, BLOCK_STEPS), Lines::new(shape.steps, self.max_delay));
        let (max_delay, taps) = (self.max_delay, self.taps);
        let synapses = Synapses { weight: &weight, delay: &delay, max_delay, taps };
        let g = values(gradient);
        let to_x = wanted[0].then(|| {
            let mut part = Sequence::taken(shape, pool);
            let all: Vec<u32> = (0..).take(outputs).collect();
            let dense = Dense { inputs: &all, table: Table::by_input(synapses, pool) };
            let (coded, sparse, time) = (None, None, Time::Reversed);
            let convolution = Convolution { dense, coded, sparse, rows, lines, time, taps };
            convolution.run((Samples::of_floats(g), outputs), (part.values_mut(), inputs), pool);
            part.into_value()
        });
        let of_g = (g, shape.with_units(outputs));
        let [to_weight, to_delay] =
            correlate((x, shape), of_g, synapses, [wanted[1], wanted[2]], self.active.as_ref(), pool);
        vec![to_x, to_weight, to_delay]
    }

    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        Some(self)
    }

    fn recycle(self: Box<Self>, pool: &mut Pool<F>) {
        if let Some(active) = self.active {
            active.recycle(pool);
        }
    }
}

impl<F: Real> Recompute<F> for TwoTap<F> {
    fn recompute(&self, inputs: Inputs<'_, F>, pool: &mut Pool<F>) -> ArrayD<F> {
        let (weight, delay) = (matrix(inputs.values[1]), matrix(inputs.values[2]));
        let synapses =
            Synapses { weight: &weight, delay: &delay, max_delay: self.max_delay, taps: self.taps };
        let (x, shape) = inputs.sequence(0, self.batch);
        let (y, active) = run((Samples::of(x), shape), synapses, Use::Once, looks_up_lagged::<F>(), pool);
        active.recycle(pool);
        y.into_value()
    }
}

/// ∂L/∂W and ∂L/∂d, those that are `wanted`, of a layer that read x, for g = ∂L/∂y; over the rows of x that are `listed`, if
/// they are.
pub(crate) fn correlate<F: Real>(
    (x, shape): (Samples<'_, F>, SequenceShape),
    (g, of_g): (&[F], SequenceShape),
    synapses: Synapses<'_, F>,
    wanted: [bool; 2],
    listed: Option<&Active<F>>,
    pool: &mut Pool<F>,
) -> [Option<ArrayD<F>>; 2] {
    if wanted == [false; 2] {
        return [None, None];
    }
    let mut sums = pool.take(2 * synapses.weight.len());
    let (pairs, _) = sums.as_chunks_mut::<2>();
    if g.is_empty() {
        pairs.fill([F::zero(); 2]);
    } else {
        let all: Vec<u32> = (0..).take(shape.units).collect();
        let table = Table::by_output(synapses, &all, pool);
        let found = listed.is_none().then(|| all_active(x, shape, pool));
        let active = listed.or(found.as_ref()).expect("kept or found again");
        let lines = Lines::new(shape.steps, synapses.max_delay);
        sparse::correlate(active, (g, of_g), &table, lines, pairs, pool);
        table.recycle(pool);
        if let Some(found) = found {
            found.recycle(pool);
        }
    }
    let gradients = Gradients { synapses, sums: pairs };
    let to_weight = wanted[0].then(|| gradients.of_weight(pool));
    let to_delay = (wanted[1] && synapses.taps == Taps::Two).then(|| gradients.of_delay(pool));
    pool.give_vec(sums);
    [to_weight, to_delay]
}

/// From P₀ and P₁ to the gradients of weights and delays.
struct Gradients<'a, F> {
    synapses: Synapses<'a, F>,
    sums: &'a [[F; 2]],
}

impl<F: Real> Gradients<'_, F> {
    /// A matrix (I, J) of `entry(place, P₀, P₁)`.
    fn matrix(&self, pool: &mut Pool<F>, entry: impl Fn([usize; 2], F, F) -> F + Sync) -> ArrayD<F> {
        let (inputs, outputs) = self.synapses.delay.dim();
        let mut values = pool.take(inputs * outputs);
        values.par_chunks_mut(outputs.max(1)).with_min_len(8).enumerate().for_each(|(i, row)| {
            for (j, value) in row.iter_mut().enumerate() {
                let [near, far] = self.sums[j * inputs + i];
                *value = entry([i, j], near, far);
            }
        });
        ArrayD::from_shape_vec(vec![inputs, outputs], values).expect("taken with this length")
    }

    fn of_weight(&self, pool: &mut Pool<F>) -> ArrayD<F> {
        let Synapses { delay, max_delay, taps, .. } = self.synapses;
        self.matrix(pool, |place, near, far| {
            let (_, share) = position(delay[place], max_delay, taps);
            scale::<F>() * ((F::one() - share) * near + share * far)
        })
    }

    fn of_delay(&self, pool: &mut Pool<F>) -> ArrayD<F> {
        let Synapses { weight, delay, max_delay, .. } = self.synapses;
        let largest = F::of(max_delay as f64);
        self.matrix(pool, |place, near, far| {
            let delay = delay[place];
            let inside = delay >= F::zero() && delay <= largest;
            if inside { scale::<F>() * weight[place] * (far - near) } else { F::zero() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    /// Units of every kind: silent, of few spikes, of many, of spikes with another amplitude, and of numbers. On every
    /// machine: where spikes are not looked up, their tables are summed by the equation.
    #[test]
    fn looking_busy_units_up_gives_the_sums_of_multiplying() {
        let (steps, batch, inputs, outputs, max_delay) = (33, 21, 11, 5, 9);
        let x = Array3::from_shape_fn((steps, batch, inputs), |(t, b, i)| {
            let fires = |every: usize| (t * 5 + b * 7 + i * 3 + t * b % 4).is_multiple_of(every);
            match i % 5 {
                0 => 0.0,
                1 => f64::from(fires(97)),
                2 => f64::from(fires(3)),
                3 => 1.25 * f64::from(fires(4)),
                _ => (t + b + i) as f64 * f64::from(fires(2)),
            }
        });
        let pool = &mut Pool::default();
        let x = Sequence::from_array(&x, pool);
        let number = |i: usize, j: usize| ((i * 31 + j * 17) as f64 * 0.7).sin();
        let weight = Array2::from_shape_fn((inputs, outputs), |(i, j)| number(i, j));
        let delay = Array2::from_shape_fn((inputs, outputs), |(i, j)| 4.5 + 4.6 * number(j, i));
        for taps in [Taps::One, Taps::Two] {
            for wanted in [Use::Once, Use::Again] {
                let mut sums = |looks_up| {
                    let synapses = Synapses { weight: &weight, delay: &delay, max_delay, taps };
                    let of_x = (Samples::of_floats(x.values()), x.shape());
                    run(of_x, synapses, wanted, looks_up, pool).0.to_array(&mut Pool::default())
                };
                approx::assert_abs_diff_eq!(sums(true), sums(false), epsilon = 1e-11);
            }
        }
    }
}
