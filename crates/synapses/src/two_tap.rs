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

use crate::interpolation::{EPSILON, two_taps};
use crate::lag_kernels::{Accumulate, BLOCK_STEPS, Correlate, Source, TapTable};
use crate::packing::{Rows, Time};
use colearn_tape::layout::{matrix, release, sequence, to_units, units, units_mut};
use colearn_tape::simd::dispatch;
use colearn_tape::{Fused, Lanes, Pool, Pullback, Real, Tape, Var};
use ndarray::{Array3, ArrayD, ArrayRef2, ArrayRef3};
use rayon::prelude::*;

/// Units that one task handles: a fixed number, so that results and work do not depend on the number of threads.
const TASK_UNITS: usize = 16;

/// Whether delays are used as they are or rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taps {
    /// Linear interpolation between the two neighbouring lags.
    Two,
    /// The nearest whole lag; no gradient for the delay.
    One,
}

/// Which axis of the (I, J) matrices is the table's slow one.
#[derive(Clone, Copy)]
enum Order {
    /// One row of taps per output unit: the forward pass.
    ByOutput,
    /// One row of taps per input unit: the gradient of the input.
    ByInput,
}

/// Taps of a whole layer in buffers of the pool.
struct Table<F> {
    near: Vec<F>,
    far: Vec<F>,
    lag: Vec<u32>,
    /// Length of a row.
    width: usize,
}

impl<F: Real> Table<F> {
    fn new(
        weight: &ArrayRef2<F>,
        delay: &ArrayRef2<F>,
        max_delay: usize,
        taps: Taps,
        order: Order,
        pool: &mut Pool<F>,
    ) -> Self {
        let (inputs, outputs) = weight.dim();
        let (rows, width) = match order {
            Order::ByOutput => (outputs, inputs),
            Order::ByInput => (inputs, outputs),
        };
        let size = inputs * outputs;
        let mut table =
            Self { near: pool.take(size), far: pool.take(size), lag: pool.take_indices(size), width };
        for row in 0..rows {
            for column in 0..width {
                let place = match order {
                    Order::ByOutput => [column, row],
                    Order::ByInput => [row, column],
                };
                let (lag, share) = position(delay[place], max_delay, taps);
                let weight = weight[place] * scale();
                let k = row * width + column;
                table.near[k] = weight * (F::one() - share);
                table.far[k] = weight * share;
                table.lag[k] = u32::try_from(lag).expect("delays are far shorter than 2³² steps");
            }
        }
        table
    }

    fn rows(&self, range: std::ops::Range<usize>) -> TapTable<'_, F> {
        let range = range.start * self.width..range.end * self.width;
        TapTable {
            near: &self.near[range.clone()],
            far: &self.far[range.clone()],
            lag: &self.lag[range],
            inputs: self.width,
        }
    }

    fn recycle(self, pool: &mut Pool<F>) {
        pool.give_vec(self.near);
        pool.give_vec(self.far);
        pool.give_indices(self.lag);
    }
}

/// The factor 1/(1 + ε) that dividing by the sum of the taps leaves.
fn scale<F: Real>() -> F {
    F::one() / (F::one() + F::of(EPSILON))
}

/// Lag and share of the next lag for a stored delay.
fn position<F: Real>(delay: F, max_delay: usize, taps: Taps) -> (usize, F) {
    let used = delay.max(F::zero()).min(F::of(max_delay as f64));
    match taps {
        Taps::Two => two_taps(used, max_delay),
        Taps::One => (used.round().to_usize().unwrap_or(0), F::zero()),
    }
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
    let outputs = table.near.len() / table.width;
    let unit = rows.steps * rows.batch;
    let mut packed = pool.take_lanes(table.width * rows.stride());
    let mut sums = pool.take_lanes(outputs * rows.padded_steps);
    for block in 0..rows.blocks() {
        rows.pack(from, block, time, &mut packed);
        let x = Source { rows: &packed, stride: rows.stride(), pad: rows.pad };
        let tasks =
            sums.par_chunks_mut(TASK_UNITS * rows.padded_steps).zip(to.par_chunks_mut(TASK_UNITS * unit));
        tasks.enumerate().for_each(|(task, (sums, to))| {
            let first = task * TASK_UNITS;
            let table = table.rows(first..(first + TASK_UNITS).min(outputs));
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

/// P₀ and P₁ of every synapse, summed over steps and samples, output slow and input fast.
fn correlate<F: Real>(x: &[F], g: &[F], table: &Table<F>, rows: Rows, pool: &mut Pool<F>) -> Vec<[F; 2]> {
    let synapses = table.near.len();
    let outputs = synapses / table.width;
    let mut packed_x = pool.take_lanes(table.width * rows.stride());
    let flat = Rows { pad: 0, ..rows };
    let mut packed_g = pool.take_lanes(outputs * flat.stride());
    let mut sums = pool.take_lanes(2 * synapses);
    sums.fill(Lanes::default());
    for block in 0..rows.blocks() {
        rows.pack(x, block, Time::Forward, &mut packed_x);
        flat.pack(g, block, Time::Forward, &mut packed_g);
        let x = Source { rows: &packed_x, stride: rows.stride(), pad: rows.pad };
        let tasks = sums
            .par_chunks_mut(2 * TASK_UNITS * table.width)
            .zip(packed_g.par_chunks(TASK_UNITS * flat.stride()));
        tasks.enumerate().for_each(|(task, (sums, g))| {
            let first = task * TASK_UNITS;
            let table = table.rows(first..(first + TASK_UNITS).min(outputs));
            let (sums, _) = sums.as_chunks_mut::<2>();
            dispatch(Correlate { x, table, g, padded_steps: flat.padded_steps, sums });
        });
    }
    let totals = sums.par_chunks(2).map(|pair| [pair[0].total(), pair[1].total()]).collect();
    pool.give_lanes(packed_x);
    pool.give_lanes(packed_g);
    pool.give_lanes(sums);
    totals
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
    assert_shapes(x, weight, delay);
    assert!(max_delay > 0, "a delayed synapse needs a largest delay of at least one step");
    let (steps, batch, _) = x.dim();
    let mut y = pool.sequence(steps, batch, weight.ncols());
    let table = Table::new(weight, delay, max_delay, taps, Order::ByOutput, pool);
    let x = to_units(x, pool);
    let to = units_mut(&mut y).expect("made unit-major");
    convolve(
        units(&x).expect("made unit-major"),
        to,
        &table,
        rows_of(steps, batch, max_delay),
        Time::Forward,
        taps,
        pool,
    );
    release(x, pool);
    table.recycle(pool);
    y
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
    let y = forward(&sequence(x_value), &matrix(weight_value), &matrix(delay_value), max_delay, taps, pool);
    tape.fused(&[x, weight, delay], y.into_dyn(), TwoTap { max_delay, taps })
}

#[derive(Debug)]
struct TwoTap {
    max_delay: usize,
    taps: Taps,
}

impl<F: Real> Fused<F> for TwoTap {
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
        let table =
            |order, pool: &mut Pool<F>| Table::new(&weight, &delay, self.max_delay, self.taps, order, pool);
        let to_x = wanted[0].then(|| {
            let table = table(Order::ByInput, pool);
            let mut part = pool.sequence(steps, batch, n);
            let to = units_mut(&mut part).expect("made unit-major");
            convolve(g_units, to, &table, rows, Time::Reversed, self.taps, pool);
            table.recycle(pool);
            part.into_dyn()
        });
        let (mut to_weight, mut to_delay) = (None, None);
        if wanted[1] || wanted[2] {
            let table = table(Order::ByOutput, pool);
            let x = to_units(&x, pool);
            let sums = correlate(units(&x).expect("made unit-major"), g_units, &table, rows, pool);
            table.recycle(pool);
            release(x, pool);
            to_weight = wanted[1].then(|| self.weight_gradient(&delay, &sums, pool));
            to_delay = (wanted[2] && self.taps == Taps::Two)
                .then(|| self.delay_gradient(&weight, &delay, &sums, pool));
        }
        release(g, pool);
        vec![to_x, to_weight, to_delay]
    }
}

impl TwoTap {
    fn weight_gradient<F: Real>(
        &self,
        delay: &ArrayRef2<F>,
        sums: &[[F; 2]],
        pool: &mut Pool<F>,
    ) -> ArrayD<F> {
        let (inputs, outputs) = delay.dim();
        let mut part = pool.array(&[inputs, outputs]);
        for ((i, j), &delay) in delay.indexed_iter() {
            let (_, share) = position(delay, self.max_delay, self.taps);
            let [near, far] = sums[j * inputs + i];
            part[[i, j]] = scale::<F>() * ((F::one() - share) * near + share * far);
        }
        part
    }

    fn delay_gradient<F: Real>(
        &self,
        weight: &ArrayRef2<F>,
        delay: &ArrayRef2<F>,
        sums: &[[F; 2]],
        pool: &mut Pool<F>,
    ) -> ArrayD<F> {
        let (inputs, outputs) = delay.dim();
        let mut part = pool.array(&[inputs, outputs]);
        for ((i, j), &delay) in delay.indexed_iter() {
            let [near, far] = sums[j * inputs + i];
            let inside = delay >= F::zero() && delay <= F::of(self.max_delay as f64);
            part[[i, j]] = if inside { scale::<F>() * weight[[i, j]] * (far - near) } else { F::zero() };
        }
        part
    }
}
