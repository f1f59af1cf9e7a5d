//! One Gaussian over time for a whole layer: the spread that commutes with the delays.
//!
//! ```text
//! y[t, b, j] = Σ_|k| ≤ R  h_k z[t − k, b, j],   h_k = exp(−k²/2σ²) / Σ_m exp(−m²/2σ²),   R = ⌈3σ⌉
//! ```
//!
//! Smoothing the *sum* of a two-tap layer equals smoothing every presynaptic signal, Σ_i w_i (h ∗ x_i)(t − d_i) =
//! h ∗ Σ_i w_i x_i(t − d_i), so an annealed spread costs 2R + 1 multiply-adds per output and step instead of D + 1 per
//! synapse. Edge rule: the Gaussian is not cut at the lags 0 and D (it looks up to R steps ahead), and what leaves the
//! sequence is lost (z is zero outside, h is not rescaled). At σ = 0 it is the identity. It is symmetric, hence its own
//! adjoint.

use colearn_tape::sequence::values;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{
    Buffers, Fused, Inputs, LANES, Lanes, Pool, Pullback, Real, Recompute, Sequence, SequenceShape,
    SequenceVar, Signal, StepBuffers, Tape,
};
use ndarray::ArrayD;
use rayon::prelude::*;

/// h_0 … h_R for a spread of `sigma` steps; `[1]` below 0.02, where e^(−1/2σ²) is zero in every precision.
///
/// # Panics
/// If `sigma` is negative or not finite.
#[must_use]
pub fn half_kernel<F: Real>(sigma: F) -> Vec<F> {
    assert!(sigma >= F::zero() && sigma.is_finite(), "spread {sigma} of a smoothed synapse");
    // Narrower than this the neighbours' weight is zero in every precision, and σ² may not be a number any more.
    if sigma < F::of(0.02) {
        return vec![F::one()];
    }
    let radius = (F::of(3.0) * sigma).ceil().to_usize().expect("a finite spread has a finite radius");
    let at = |k: usize| (-(F::of((k * k) as f64)) / (F::of(2.0) * sigma * sigma)).exp();
    let total = F::one() + F::of(2.0) * (1..=radius).map(at).sum::<F>();
    (0..=radius).map(|k| at(k) / total).collect()
}

/// Units that one task handles.
const TASK_UNITS: usize = 8;

/// Steps kept in registers.
const BLOCK_STEPS: usize = 10;

/// One unit of a block smoothed: its rows are brought to a column with zeros before and after it, and blocks of steps are
/// summed in registers.
struct SmoothUnit<'a, F> {
    /// h_0 … h_R.
    kernel: &'a [F],
    from: &'a [F],
    to: &'a mut [F],
    column: &'a mut [Lanes<F>],
}

/// Rows of a column: T rounded up to whole blocks, and R on both sides.
fn column(steps: usize, radius: usize) -> usize {
    steps.next_multiple_of(BLOCK_STEPS) + 2 * radius
}

impl<F: Real> Kernel for SmoothUnit<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { kernel, from, to, column } = self;
        let (from, to) = (from.as_chunks::<LANES>().0, to.as_chunks_mut::<LANES>().0);
        let (radius, steps) = (kernel.len() - 1, from.len());
        column.fill(Lanes::default());
        for (row, from) in column[radius..].iter_mut().zip(from) {
            row.0 = *from;
        }
        for start in (0..steps).step_by(BLOCK_STEPS) {
            let mut sums = [Lanes::default(); BLOCK_STEPS];
            // Row `start + k` of the column lies k − R steps from the first step of the block.
            for (k, rows) in column[start..].windows(BLOCK_STEPS).take(2 * radius + 1).enumerate() {
                let h = kernel[k.abs_diff(radius)];
                for s in 0..BLOCK_STEPS {
                    sums[s] = sums[s].scaled::<L>(h, &rows[s]);
                }
            }
            for (to, sum) in to[start..].iter_mut().zip(&sums) {
                *to = sum.0;
            }
        }
    }
}

/// The buffers of a smoothing of a sequence in a training step.
#[must_use]
pub fn buffers<F: Real>(shape: SequenceShape, sigma: F) -> StepBuffers {
    let tasks = (shape.blocks() * shape.units).div_ceil(TASK_UNITS);
    let columns = Buffers::lanes(tasks * column(shape.steps, half_kernel(sigma).len() - 1));
    StepBuffers { forward: columns.clone(), backward: columns, ..StepBuffers::default() }
}

/// The sequence z smoothed over time, without a tape.
#[must_use]
pub fn forward_sequence<F: Real>(z: &Sequence<F>, sigma: F, pool: &mut Pool<F>) -> Sequence<F> {
    smoothed((z.values(), z.shape()), sigma, pool)
}

fn smoothed<F: Real>((z, shape): (&[F], SequenceShape), sigma: F, pool: &mut Pool<F>) -> Sequence<F> {
    let kernel = half_kernel(sigma);
    let mut y = Sequence::taken(shape, pool);
    let (unit, task) = (shape.unit_len().max(1), (TASK_UNITS * shape.unit_len()).max(1));
    let rows = column(shape.steps, kernel.len() - 1);
    let mut columns = pool.take_lanes(z.len().div_ceil(task) * rows);
    let tasks = y.values_mut().par_chunks_mut(task).zip(z.par_chunks(task));
    tasks.zip(columns.par_chunks_mut(rows.max(1))).for_each(|((to, from), column)| {
        for (to, from) in to.chunks_mut(unit).zip(from.chunks(unit)) {
            dispatch(SmoothUnit { kernel: &kernel, from, to, column });
        }
    });
    pool.give_lanes(columns);
    y
}

/// Records the smoothing of z (T, B, N), an array or a sequence ([`Signal`]).
///
/// # Panics
/// If `z` is no sequence.
#[track_caller]
pub fn record<F: Real, S: Signal>(tape: &mut Tape<F>, z: S, sigma: F) -> S {
    let z = z.enter(tape).floats(tape);
    let shape = z.shape(tape);
    let ([value], pool) = tape.workspace([z.var]);
    let y = smoothed((values(value), shape), sigma, pool);
    let var = tape.fused(&[z.var], y.into_value(), Smooth { sigma, batch: shape.batch });
    S::leave(SequenceVar { var, batch: shape.batch }, tape)
}

#[derive(Debug)]
struct Smooth<F> {
    sigma: F,
    batch: usize,
}

impl<F: Real> Fused<F> for Smooth<F> {
    fn name(&self) -> &'static str {
        "smoothing over time"
    }

    fn as_recompute(&self) -> Option<&dyn Recompute<F>> {
        Some(self)
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        vec![Some(self.of(p.gradient, p.pool))]
    }
}

impl<F: Real> Recompute<F> for Smooth<F> {
    fn recompute(&self, inputs: Inputs<'_, F>, pool: &mut Pool<F>) -> ArrayD<F> {
        self.of(inputs.values[0], pool)
    }
}

impl<F: Real> Smooth<F> {
    /// The smoothed sequence; the kernel is symmetric, so that of the gradient is the gradient.
    fn of(&self, z: &ArrayD<F>, pool: &mut Pool<F>) -> ArrayD<F> {
        let shape = SequenceShape::of(z, self.batch);
        smoothed((values(z), shape), self.sigma, pool).into_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_tape::simd::{InstructionSet, dispatch_to};

    #[test]
    fn every_instruction_set_gives_the_sum_over_the_neighbours() {
        for (steps, sigma) in [(23, 2.5), (7, 4.0), (1, 1.0), (30, 0.0)] {
            let from: Vec<f64> = (0..steps * LANES).map(|k| (k as f64 * 0.7).sin()).collect();
            let kernel = half_kernel(sigma);
            for set in InstructionSet::available() {
                let mut to = vec![9.0; from.len()];
                let mut room = vec![Lanes::splat(5.0); column(steps, kernel.len() - 1)];
                let unit = SmoothUnit { kernel: &kernel, from: &from, to: &mut to, column: &mut room };
                dispatch_to(set, unit);
                for (k, &found) in to.iter().enumerate() {
                    let near = (0..steps).map(|t| (t.abs_diff(k / LANES), from[t * LANES + k % LANES]));
                    let expected: f64 = near.filter_map(|(lag, z)| kernel.get(lag).map(|h| h * z)).sum();
                    approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-13);
                }
            }
        }
    }
}
