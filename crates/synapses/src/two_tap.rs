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
//! This is the DCLS kernel of half-width 1 (version 1; K. Khalfaoui-Hassani et al. 2023). Cost: two
//! multiply-adds per synapse, step and sample for each of the three passes, independent of D. Threads share out units;
//! no sum is split between them, so the result does not depend on their number.

use crate::choice;
use crate::event_kernels::Lines;
use crate::events::{Events, density};
use crate::lag_kernels::{Accumulate, BLOCK_STEPS, Correlate, Source};
use crate::packing::{Rows, Time};
use crate::sparse;
use crate::table::{Table, position, scale};
use colearn_tape::layout::{matrix, release, sequence, to_units, units, units_mut};
use colearn_tape::simd::dispatch;
use colearn_tape::{Fused, Lanes, Pool, Pullback, Real, Tape, Var};
use ndarray::{Array3, ArrayD, ArrayRef2, ArrayRef3};
use rayon::prelude::*;

/// Most units that one task handles.
const TASK_UNITS: usize = 16;

/// Units that each task handles, about the same for all: a number that depends on the layer alone, so that results and
/// work do not depend on the number of threads.
fn task_units(units: usize) -> usize {
    units.div_ceil(units.div_ceil(TASK_UNITS).max(1)).max(1)
}

/// Whether delays are used as they are or rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taps {
    /// Linear interpolation between the two neighbouring lags.
    Two,
    /// The nearest whole lag; no gradient for the delay.
    One,
}

/// Rows that hold one step more of the past than the largest delay: the far tap of a synapse at the largest delay.
fn rows_of(steps: usize, batch: usize, max_delay: usize) -> Rows {
    Rows { steps, batch, pad: max_delay + 1, padded_steps: steps.next_multiple_of(BLOCK_STEPS) }
}

/// `to[o] = Σ_i taps[o, i] ∗ from[i]` over all samples, unit-major on both sides.
fn convolve<F: Real>(
    from: &[F],
    to: &mut [F],
    table: &Table<F>,
    rows: Rows,
    time: Time,
    taps: Taps,
    pool: &mut Pool<F>,
) {
    let outputs = table.outputs();
    let task_units = task_units(outputs);
    let unit = rows.steps * rows.batch;
    let mut packed = pool.take_lanes(table.width * rows.stride());
    let mut sums = pool.take_lanes(outputs * rows.padded_steps);
    for block in 0..rows.blocks() {
        rows.pack(from, block, time, &mut packed);
        let x = Source { rows: &packed, stride: rows.stride(), pad: rows.pad };
        let tasks =
            sums.par_chunks_mut(task_units * rows.padded_steps).zip(to.par_chunks_mut(task_units * unit));
        tasks.enumerate().for_each(|(task, (sums, to))| {
            let first = task * task_units;
            let table = table.rows(first..(first + task_units).min(outputs));
            sums.fill(Lanes::default());
            let padded_steps = rows.padded_steps;
            match taps {
                Taps::One => dispatch(Accumulate::<F, 1> { x, table, y: &mut *sums, padded_steps }),
                Taps::Two => dispatch(Accumulate::<F, 2> { x, table, y: &mut *sums, padded_steps }),
            }
            for (sums, to) in sums.chunks(padded_steps).zip(to.chunks_mut(unit)) {
                rows.unpack(sums, block, time, to);
            }
        });
    }
    pool.give_lanes(packed);
    pool.give_lanes(sums);
}

/// P₀ and P₁ of every synapse, summed over steps and samples and written to `totals`, output slow and input fast.
fn correlate<F: Real>(
    x: &[F],
    g: &[F],
    table: &Table<F>,
    rows: Rows,
    totals: &mut [[F; 2]],
    pool: &mut Pool<F>,
) {
    let synapses = table.near.len();
    let outputs = table.outputs();
    let task_units = task_units(outputs);
    let mut packed_x = pool.take_lanes(table.width * rows.stride());
    let flat = Rows { pad: 0, ..rows };
    let mut packed_g = pool.take_lanes(outputs * flat.stride());
    let mut sums = pool.take_lanes(2 * synapses);
    for block in 0..rows.blocks() {
        rows.pack(x, block, Time::Forward, &mut packed_x);
        flat.pack(g, block, Time::Forward, &mut packed_g);
        let x = Source { rows: &packed_x, stride: rows.stride(), pad: rows.pad };
        let tasks = sums
            .par_chunks_mut(2 * task_units * table.width)
            .zip(packed_g.par_chunks(task_units * flat.stride()));
        tasks.enumerate().for_each(|(task, (sums, g))| {
            let first = task * task_units;
            let table = table.rows(first..(first + task_units).min(outputs));
            if block == 0 {
                sums.fill(Lanes::default());
            }
            let (sums, _) = sums.as_chunks_mut::<2>();
            dispatch(Correlate { x, table, g, padded_steps: flat.padded_steps, sums });
        });
    }
    let pairs = sums.par_chunks(2).with_min_len(256);
    totals.par_iter_mut().zip(pairs).for_each(|(to, pair)| *to = [pair[0].total(), pair[1].total()]);
    pool.give_lanes(packed_x);
    pool.give_lanes(packed_g);
    pool.give_lanes(sums);
}

#[track_caller]
fn assert_shapes<F>(x: &ArrayRef3<F>, weight: &ArrayRef2<F>, delay: &ArrayRef2<F>) {
    assert_eq!(weight.dim(), delay.dim(), "delayed synapse: shapes of weight and delay");
    assert_eq!(
        x.dim().2,
        weight.nrows(),
        "delayed synapse: units of the input {:?} and rows of the weight",
        x.dim()
    );
}

/// What the forward pass leaves for the backward pass.
#[derive(Debug)]
struct Saved<F> {
    table: Table<F>,
    /// The input's entries that are not zero, if they are few.
    events: Option<Events<F>>,
}

impl<F: Real> Saved<F> {
    fn recycle(self, pool: &mut Pool<F>) {
        self.table.recycle(pool);
        if let Some(events) = self.events {
            events.recycle(pool);
        }
    }
}

/// The layer's output (T, B, J) in unit-major order, without a tape.
///
/// # Panics
/// If the shapes do not fit, or `max_delay` is zero.
#[track_caller]
pub fn forward<F: Real>(
    x: &ArrayRef3<F>,
    weight: &ArrayRef2<F>,
    delay: &ArrayRef2<F>,
    max_delay: usize,
    taps: Taps,
    pool: &mut Pool<F>,
) -> Array3<F> {
    let (y, saved) = run(x, weight, delay, max_delay, taps, Use::Once, pool);
    saved.recycle(pool);
    y
}

/// Whether a gradient will be asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Once,
    Again,
}

#[track_caller]
fn run<F: Real>(
    x: &ArrayRef3<F>,
    weight: &ArrayRef2<F>,
    delay: &ArrayRef2<F>,
    max_delay: usize,
    taps: Taps,
    wanted: Use,
    pool: &mut Pool<F>,
) -> (Array3<F>, Saved<F>) {
    assert_shapes(x, weight, delay);
    assert!(max_delay > 0, "a delayed synapse needs a largest delay of at least one step");
    let (steps, batch, _) = x.dim();
    let mut y = pool.sequence(steps, batch, weight.ncols());
    let table = Table::by_output(weight, delay, max_delay, taps, pool);
    let x = to_units(x, pool);
    let values = units(&x).expect("made unit-major");
    let to = units_mut(&mut y).expect("made unit-major");
    let (rows, lines) = (rows_of(steps, batch, max_delay), Lines::new(steps, max_delay));
    let share = density(values);
    let by_events = choice::forward_by_events(share, taps);
    let listed = by_events || (wanted == Use::Again && choice::gradient_by_events(share));
    let events = (listed && !to.is_empty()).then(|| Events::new(values, steps, batch, lines.len, pool));
    match &events {
        Some(events) if by_events => sparse::forward(events, &table, rows, lines, to, pool),
        _ => convolve(values, to, &table, rows, Time::Forward, taps, pool),
    }
    release(x, pool);
    (y, Saved { table, events })
}

/// Records the layer: x (T, B, I), weight and delay (I, J) to y (T, B, J).
///
/// # Panics
/// If the shapes do not fit, or `max_delay` is zero.
#[track_caller]
pub fn record<F: Real>(
    tape: &mut Tape<F>,
    x: Var,
    weight: Var,
    delay: Var,
    max_delay: usize,
    taps: Taps,
) -> Var {
    let ([x_value, weight_value, delay_value], pool) = tape.workspace([x, weight, delay]);
    let (x_value, weight_value, delay_value) = (sequence(x_value), matrix(weight_value), matrix(delay_value));
    let (y, saved) = run(&x_value, &weight_value, &delay_value, max_delay, taps, Use::Again, pool);
    tape.fused(&[x, weight, delay], y.into_dyn(), TwoTap { max_delay, taps, saved })
}

#[derive(Debug)]
struct TwoTap<F> {
    max_delay: usize,
    taps: Taps,
    saved: Saved<F>,
}

impl<F: Real> Fused<F> for TwoTap<F> {
    fn name(&self) -> &'static str {
        "two-tap delayed synapse"
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let Pullback { inputs, gradient, wanted, pool, .. } = p;
        let (x, weight, delay) = (sequence(inputs[0]), matrix(inputs[1]), matrix(inputs[2]));
        let (steps, batch, n) = x.dim();
        let rows = rows_of(steps, batch, self.max_delay);
        let g_view = sequence(gradient);
        let g = to_units(&g_view, pool);
        let g_units = units(&g).expect("made unit-major");
        let to_x = wanted[0].then(|| {
            let table = self.saved.table.by_input(pool);
            let mut part = pool.sequence(steps, batch, n);
            let to = units_mut(&mut part).expect("made unit-major");
            convolve(g_units, to, &table, rows, Time::Reversed, self.taps, pool);
            table.recycle(pool);
            part.into_dyn()
        });
        let (mut to_weight, mut to_delay) = (None, None);
        if wanted[1] || wanted[2] {
            let table = &self.saved.table;
            let mut sums = pool.take(2 * table.near.len());
            let (pairs, _) = sums.as_chunks_mut::<2>();
            if let Some(events) = &self.saved.events {
                let lines = Lines::new(steps, self.max_delay);
                sparse::correlate(events, g_units, table, rows, lines, pairs, pool);
            } else {
                let x = to_units(&x, pool);
                correlate(units(&x).expect("made unit-major"), g_units, table, rows, pairs, pool);
                release(x, pool);
            }
            let gradients = Gradients { op: self, weight: &weight, delay: &delay, sums: pairs };
            to_weight = wanted[1].then(|| gradients.of_weight(pool));
            to_delay = (wanted[2] && self.taps == Taps::Two).then(|| gradients.of_delay(pool));
            pool.give_vec(sums);
        }
        release(g, pool);
        vec![to_x, to_weight, to_delay]
    }

    fn recycle(self: Box<Self>, pool: &mut Pool<F>) {
        self.saved.recycle(pool);
    }
}

/// From P₀ and P₁ to the gradients of weights and delays.
struct Gradients<'a, F> {
    op: &'a TwoTap<F>,
    weight: &'a ArrayRef2<F>,
    delay: &'a ArrayRef2<F>,
    sums: &'a [[F; 2]],
}

impl<F: Real> Gradients<'_, F> {
    /// A matrix (I, J) of `entry(place, P₀, P₁)`.
    fn matrix(&self, pool: &mut Pool<F>, entry: impl Fn([usize; 2], F, F) -> F + Sync) -> ArrayD<F> {
        let (inputs, outputs) = self.delay.dim();
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
        let (max_delay, taps) = (self.op.max_delay, self.op.taps);
        self.matrix(pool, |place, near, far| {
            let (_, share) = position(self.delay[place], max_delay, taps);
            scale::<F>() * ((F::one() - share) * near + share * far)
        })
    }

    fn of_delay(&self, pool: &mut Pool<F>) -> ArrayD<F> {
        let largest = F::of(self.op.max_delay as f64);
        self.matrix(pool, |place, near, far| {
            let delay = self.delay[place];
            let inside = delay >= F::zero() && delay <= largest;
            if inside { scale::<F>() * self.weight[place] * (far - near) } else { F::zero() }
        })
    }
}
