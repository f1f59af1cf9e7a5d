//! The sum of softmaxes over unit-major membranes, sixteen samples side by side.
//!
//! The formulas are those of [`crate::pooling`]; here a class is a row of samples, so that maximum, exponential and sums
//! over classes are vector instructions. Sums run over steps and classes in order; threads share out blocks of samples.

use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{LANES, Lanes, Real};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::slice::ParallelSliceMut;

/// Where the membranes of one block of samples are.
#[derive(Clone, Copy)]
struct Block<'a, F> {
    u: &'a [F],
    steps: usize,
    batch: usize,
    classes: usize,
    /// First sample, and how many.
    first: usize,
    count: usize,
}

impl<F: Real> Block<'_, F> {
    #[inline(always)]
    fn at(&self, step: usize, class: usize) -> usize {
        (class * self.steps + step) * self.batch + self.first
    }

    /// The softmax of one step into `p`, a row a class.
    #[inline(always)]
    fn softmax(&self, step: usize, p: &mut [Lanes<F>]) {
        for (class, p) in p.iter_mut().enumerate() {
            *p = Lanes::load(&self.u[self.at(step, class)..], self.count);
        }
        softmax(p);
    }
}

/// The softmax of sixteen samples in place, a row a class.
#[inline(always)]
pub(crate) fn softmax<F: Real>(p: &mut [Lanes<F>]) {
    let mut top = Lanes::splat(F::neg_infinity());
    for p in p.iter() {
        for l in 0..LANES {
            // A NaN is no maximum but stays in its own row, and from there in the total.
            top.0[l] = if p.0[l] > top.0[l] { p.0[l] } else { top.0[l] };
        }
    }
    let mut total = Lanes::default();
    for p in p.iter_mut() {
        for l in 0..LANES {
            p.0[l] = (p.0[l] - top.0[l]).exp_of_negative();
            total.0[l] += p.0[l];
        }
    }
    for l in 0..LANES {
        total.0[l] = F::one() / total.0[l];
    }
    for p in p.iter_mut() {
        for l in 0..LANES {
            p.0[l] *= total.0[l];
        }
    }
}

/// Σ over steps, a row a class.
struct Forward<'a, F>(Block<'a, F>);

impl<F: Real> Kernel for Forward<'_, F> {
    type Output = Vec<Lanes<F>>;
    #[inline(always)]
    fn run<L: Level>(self) -> Vec<Lanes<F>> {
        let block = self.0;
        let mut p = vec![Lanes::default(); block.classes];
        let mut scores = p.clone();
        for step in 0..block.steps {
            block.softmax(step, &mut p);
            scores.iter_mut().zip(&p).for_each(|(sum, p)| *sum = sum.plus(p));
        }
        scores
    }
}

/// p (g − Σ p g) of every step, in the order step, class.
struct Backward<'a, F> {
    block: Block<'a, F>,
    /// ∂L/∂scores, a row a class.
    g: &'a [Lanes<F>],
    to: &'a mut [Lanes<F>],
}

impl<F: Real> Kernel for Backward<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { block, g, to } = self;
        for (step, p) in to.chunks_mut(block.classes).enumerate() {
            block.softmax(step, p);
            let mut mean = Lanes::default();
            for (p, g) in p.iter().zip(g) {
                mean = mean.product::<L>(p, g);
            }
            for (p, g) in p.iter_mut().zip(g) {
                for l in 0..LANES {
                    p.0[l] *= g.0[l] - mean.0[l];
                }
            }
        }
    }
}

fn block<F>(u: &[F], steps: usize, (batch, classes): (usize, usize), k: usize) -> Block<'_, F> {
    let first = k * LANES;
    Block { u, steps, batch, classes, first, count: LANES.min(batch - first) }
}

/// Scores (B, C) of unit-major membranes of `steps` steps.
pub(crate) fn forward<F: Real>(u: &[F], steps: usize, scores: &mut Array2<F>) {
    let dim = scores.dim();
    scores.axis_chunks_iter_mut(Axis(0), LANES).into_par_iter().enumerate().for_each(|(k, mut scores)| {
        let sums = dispatch(Forward(block(u, steps, dim, k)));
        for ((lane, class), score) in scores.indexed_iter_mut() {
            *score = sums[class].0[lane];
        }
    });
}

/// ∂L/∂u for g = ∂L/∂scores (B, C), both sequences unit-major.
pub(crate) fn backward<F: Real>(u: &[F], steps: usize, g: &ArrayView2<'_, F>, to: &mut [F]) {
    let (batch, classes) = g.dim();
    let blocks: Vec<Vec<Lanes<F>>> = g
        .axis_chunks_iter(Axis(0), LANES)
        .into_par_iter()
        .enumerate()
        .map(|(k, g)| {
            let mut rows = vec![Lanes::default(); classes];
            g.indexed_iter().for_each(|((lane, class), &g)| rows[class].0[lane] = g);
            let mut part = vec![Lanes::default(); steps * classes];
            let block = block(u, steps, (batch, classes), k);
            dispatch(Backward { block, g: &rows, to: &mut part });
            part
        })
        .collect();
    to.par_chunks_mut((steps * batch).max(1)).enumerate().for_each(|(class, unit)| {
        for (k, part) in blocks.iter().enumerate() {
            let count = LANES.min(batch - k * LANES);
            for step in 0..steps {
                part[step * classes + class].store(&mut unit[step * batch + k * LANES..], count);
            }
        }
    });
}
