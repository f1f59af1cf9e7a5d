//! Batch normalisation of a current, and its gradient: the equations of [`crate::normalised`], of one unit and of all.

use colearn_tape::sequence::by_unit_mut;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{LANES, Lanes, Pool, Real, Reduce, SequenceShape};
use ndarray::{ArrayD, ArrayView1};
use rayon::prelude::*;

/// Mean and 1/√(v + ε) of every unit's input over steps and samples.
#[derive(Clone, Debug)]
pub struct BatchNorm<F> {
    /// m, a value a unit; of a gated layer, one for each of its G·N currents.
    pub mean: Vec<F>,
    /// 1/√(v + ε), as many.
    pub inverse: Vec<F>,
}

/// A normalisation with what gain and bias make of it.
#[derive(Debug)]
pub struct Normalisation<F> {
    statistics: BatchNorm<F>,
    scale: Vec<F>,
    shift: Vec<F>,
}

impl<F: Real> Normalisation<F> {
    /// For gain γ and bias η.
    ///
    /// # Panics
    /// If there are not as many as statistics.
    #[track_caller]
    pub fn new(statistics: BatchNorm<F>, gain: &ArrayView1<'_, F>, bias: &ArrayView1<'_, F>) -> Self {
        let BatchNorm { mean, inverse } = &statistics;
        assert_eq!(inverse.len(), mean.len(), "deviations and means of a normalisation");
        assert_eq!(gain.len(), mean.len(), "gains and units of a normalisation");
        assert_eq!(bias.len(), mean.len(), "biases and units of a normalisation");
        let scale: Vec<F> = gain.iter().zip(inverse).map(|(&gain, &inverse)| gain * inverse).collect();
        let shift = bias.iter().zip(mean).zip(&scale).map(|((&bias, &m), &s)| bias - m * s).collect();
        Self { statistics, scale, shift }
    }

    /// What turns inputs into currents.
    pub fn drives(&self) -> (&[F], &[F]) {
        (&self.scale, &self.shift)
    }

    /// That of unit `n`.
    pub(crate) fn unit(&self, n: usize) -> Norm<F> {
        Norm { mean: self.statistics.mean[n], inverse: self.statistics.inverse[n], scale: self.scale[n] }
    }

    /// From g = ∂L/∂I to ∂L/∂x in its place, both sequences of this shape; `sums` receives ∂L/∂γ and ∂L/∂η, unit by unit, of
    /// this part of the batch where there is a `reduce`.
    pub fn pull_back(
        &self,
        shape: SequenceShape,
        x: &[F],
        g: &mut [F],
        sums: &mut [[F; 2]],
        reduce: Option<&dyn Reduce>,
    ) {
        if shape.is_empty() {
            sums.fill([F::zero(); 2]);
        } else {
            let whole = reduce.is_none();
            let units = by_unit_mut(g, shape).into_par_iter().zip(&mut *sums).enumerate();
            units.for_each(|(n, (mut g, sums))| {
                *sums = dispatch(PullBack { norm: self.unit(n), whole, shape, x, n, g: &mut g });
            });
        }
        if let Some(reduce) = reduce {
            self.pull_back_over(reduce, shape, x, g, sums);
        }
    }

    /// As [`Self::pull_back`] where all parts' `sums` are still to be added; those given stay as they are.
    pub(crate) fn pull_back_over(
        &self,
        reduce: &dyn Reduce,
        shape: SequenceShape,
        x: &[F],
        g: &mut [F],
        sums: &[[F; 2]],
    ) {
        let mut all: Vec<f64> = sums.as_flattened().iter().map(|sum| sum.as_f64()).collect();
        all.push(shape.values() as f64);
        reduce.sum(&mut all);
        let count = F::of(all.pop().expect("just pushed"));
        let (all, _) = all.as_chunks::<2>();
        by_unit_mut(g, shape).into_par_iter().zip(all).enumerate().for_each(|(n, (mut g, sums))| {
            let sums = sums.map(F::of);
            dispatch(Through { norm: self.unit(n), sums, count, shape, x, n, g: &mut g });
        });
    }
}

/// ∂L/∂γ and ∂L/∂η, those that are wanted, from the sums of every unit.
pub fn affine_gradients<F: Real>(
    sums: &[[F; 2]],
    wanted: [bool; 2],
    pool: &mut Pool<F>,
) -> [Option<ArrayD<F>>; 2] {
    [0, 1].map(|k| {
        wanted[k].then(|| {
            let mut part = pool.array(&[sums.len()]);
            part.iter_mut().zip(sums).for_each(|(to, sums)| *to = sums[k]);
            part
        })
    })
}

/// The normalisation of one unit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Norm<F> {
    pub(crate) mean: F,
    pub(crate) inverse: F,
    pub(crate) scale: F,
}

impl<F: Real> Norm<F> {
    /// x̂.
    #[inline(always)]
    pub(crate) fn hat(self, x: F) -> F {
        (x - self.mean) * self.inverse
    }

    /// From g = ∂L/∂I of unit `n` to ∂L/∂x in its place, block after block, for Σ g x̂ and Σ g over the `count` values that
    /// the statistics are of. What belongs to no sample has no gradient.
    #[inline(always)]
    pub(crate) fn through_statistics(
        self,
        [scaled, plain]: [F; 2],
        count: F,
        shape: SequenceShape,
        (x, n): (&[F], usize),
        g: &mut [&mut [F]],
    ) {
        let (scaled, plain) = (scaled / count, plain / count);
        for (k, g) in g.iter_mut().enumerate() {
            // One loop over all numbers: of a loop over rows of sixteen the compiler makes one that reads a lane of many rows.
            for (g, &x) in g.iter_mut().zip(rows_of(x, shape, k, n).as_flattened()) {
                *g = self.scale * (*g - plain - self.hat(x) * scaled);
            }
            let samples = shape.samples(k);
            if samples < LANES {
                g.as_chunks_mut::<LANES>().0.iter_mut().for_each(|row| row[samples..].fill(F::zero()));
            }
        }
    }
}

/// The rows of unit `n` in block `k`.
#[inline(always)]
fn rows_of<F>(values: &[F], shape: SequenceShape, k: usize, n: usize) -> &[[F; LANES]] {
    let at = k * shape.block_len() + n * shape.unit_len();
    values[at..at + shape.unit_len()].as_chunks().0
}

/// [`Normalisation::pull_back`] of one unit: returns Σ g x̂ and Σ g.
struct PullBack<'a, 'b, F> {
    norm: Norm<F>,
    /// Whether these sums are those over the whole batch.
    whole: bool,
    shape: SequenceShape,
    x: &'a [F],
    n: usize,
    g: &'a mut [&'b mut [F]],
}

impl<F: Real> Kernel for PullBack<'_, '_, F> {
    type Output = [F; 2];

    #[inline(always)]
    fn run<L: Level>(self) -> [F; 2] {
        let Self { norm, whole, shape, x, n, g } = self;
        let (mut scaled, mut plain) = (Lanes::default(), Lanes::default());
        for (k, g) in g.iter().enumerate() {
            for (g, x) in g.as_chunks::<LANES>().0.iter().zip(rows_of(x, shape, k, n)) {
                for l in 0..LANES {
                    scaled.0[l] += g[l] * norm.hat(x[l]);
                    plain.0[l] += g[l];
                }
            }
        }
        let sums = [scaled.total(), plain.total()];
        if whole {
            norm.through_statistics(sums, F::of(shape.values() as f64), shape, (x, n), g);
        }
        sums
    }
}

/// [`Norm::through_statistics`] of one unit.
struct Through<'a, 'b, F> {
    norm: Norm<F>,
    sums: [F; 2],
    count: F,
    shape: SequenceShape,
    x: &'a [F],
    n: usize,
    g: &'a mut [&'b mut [F]],
}

impl<F: Real> Kernel for Through<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        self.norm.through_statistics(self.sums, self.count, self.shape, (self.x, self.n), self.g);
    }
}
