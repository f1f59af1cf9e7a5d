//! The sum of softmaxes over membranes, sixteen samples side by side.
//!
//! The formulas are those of [`crate::pooling`]; here a class is a row of samples, so that maximum, exponential and sums
//! over classes are vector instructions. Sums run over steps and classes in order; threads share out blocks of samples.

use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{LANES, Lanes, Real, SequenceShape};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

/// The membranes of one block of samples.
#[derive(Clone, Copy)]
struct Block<'a, F> {
    /// (class, step).
    u: &'a [[F; LANES]],
    steps: usize,
    classes: usize,
}

impl<F: Real> Block<'_, F> {
    /// The softmax of one step into `p`, a row a class.
    #[inline(always)]
    fn softmax(&self, step: usize, p: &mut [Lanes<F>]) {
        for (class, p) in p.iter_mut().enumerate() {
            p.0 = self.u[class * self.steps + step];
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

/// p (g − Σ p g) of every step.
struct Backward<'a, F> {
    block: Block<'a, F>,
    /// ∂L/∂scores, a row a class.
    g: &'a [Lanes<F>],
    /// (class, step).
    to: &'a mut [[F; LANES]],
}

impl<F: Real> Kernel for Backward<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { block, g, to } = self;
        let mut p = vec![Lanes::default(); block.classes];
        for step in 0..block.steps {
            block.softmax(step, &mut p);
            let mut mean = Lanes::default();
            for (p, g) in p.iter().zip(g) {
                mean = mean.product::<L>(p, g);
            }
            for (class, (p, g)) in p.iter().zip(g).enumerate() {
                let to = &mut to[class * block.steps + step];
                for (l, to) in to.iter_mut().enumerate() {
                    *to = p.0[l] * (g.0[l] - mean.0[l]);
                }
            }
        }
    }
}

fn blocks<F: Real>(u: &[F], shape: SequenceShape) -> impl IndexedParallelIterator<Item = Block<'_, F>> {
    let (steps, classes) = (shape.steps, shape.units);
    u.par_chunks(shape.block_len().max(1)).map(move |block| Block { u: block.as_chunks().0, steps, classes })
}

/// Scores (B, C) of membranes.
pub(crate) fn forward<F: Real>(u: &[F], shape: SequenceShape, scores: &mut Array2<F>) {
    let scores = scores.axis_chunks_iter_mut(Axis(0), LANES).into_par_iter();
    scores.zip(blocks(u, shape)).for_each(|(mut scores, block)| {
        let sums = dispatch(Forward(block));
        for ((lane, class), score) in scores.indexed_iter_mut() {
            *score = sums[class].0[lane];
        }
    });
}

/// ∂L/∂u for g = ∂L/∂scores (B, C). Lanes without a sample have no g, and so no gradient.
pub(crate) fn backward<F: Real>(u: &[F], shape: SequenceShape, g: &ArrayView2<'_, F>, to: &mut [F]) {
    let g = g.axis_chunks_iter(Axis(0), LANES).into_par_iter();
    let to = to.par_chunks_mut(shape.block_len().max(1));
    to.zip(blocks(u, shape)).zip(g).for_each(|((to, block), g)| {
        let mut rows = vec![Lanes::default(); block.classes];
        g.indexed_iter().for_each(|((lane, class), &g)| rows[class].0[lane] = g);
        dispatch(Backward { block, g: &rows, to: to.as_chunks_mut().0 });
    });
}
