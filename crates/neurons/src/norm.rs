//! Batch normalisation of a current, and its gradient: the equations of [`crate::normalised`], of one unit and of all.

use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{LANES, Lanes, Pool, Real, Reduce};
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
pub(crate) struct Normalisation<F> {
    statistics: BatchNorm<F>,
    scale: Vec<F>,
    shift: Vec<F>,
}

impl<F: Real> Normalisation<F> {
    /// For gain γ and bias η.
    #[track_caller]
    pub(crate) fn new(statistics: BatchNorm<F>, gain: &ArrayView1<'_, F>, bias: &ArrayView1<'_, F>) -> Self {
        let BatchNorm { mean, inverse } = &statistics;
        assert_eq!(inverse.len(), mean.len(), "deviations and means of a normalisation");
        assert_eq!(gain.len(), mean.len(), "gains and units of a normalisation");
        assert_eq!(bias.len(), mean.len(), "biases and units of a normalisation");
        let scale: Vec<F> = gain.iter().zip(inverse).map(|(&gain, &inverse)| gain * inverse).collect();
        let shift = bias.iter().zip(mean).zip(&scale).map(|((&bias, &m), &s)| bias - m * s).collect();
        Self { statistics, scale, shift }
    }

    /// What turns inputs into currents.
    pub(crate) fn drives(&self) -> (&[F], &[F]) {
        (&self.scale, &self.shift)
    }

    /// That of unit `n`.
    pub(crate) fn unit(&self, n: usize) -> Norm<F> {
        Norm { mean: self.statistics.mean[n], inverse: self.statistics.inverse[n], scale: self.scale[n] }
    }

    /// From g = ∂L/∂I to ∂L/∂x in its place, both unit-major like `x`; `sums` receives ∂L/∂γ and ∂L/∂η, unit by unit, of
    /// this part of the batch where there is a `reduce`.
    pub(crate) fn pull_back(&self, x: &[F], g: &mut [F], sums: &mut [[F; 2]], reduce: Option<&dyn Reduce>) {
        let block = x.len() / sums.len().max(1);
        if block == 0 {
            sums.fill([F::zero(); 2]);
        } else {
            let (whole, units) = (reduce.is_none(), g.par_chunks_mut(block).zip(x.par_chunks(block)));
            units.zip(&mut *sums).enumerate().for_each(|(n, ((g, x), sums))| {
                *sums = dispatch(PullBack { norm: self.unit(n), whole, x, g });
            });
        }
        if let Some(reduce) = reduce {
            self.pull_back_over(reduce, x, g, sums);
        }
    }

    /// As [`Self::pull_back`] where all parts' `sums` are still to be added; those given stay as they are.
    pub(crate) fn pull_back_over(&self, reduce: &dyn Reduce, x: &[F], g: &mut [F], sums: &[[F; 2]]) {
        let block = x.len() / sums.len().max(1);
        let mut all: Vec<f64> = sums.as_flattened().iter().map(|sum| sum.as_f64()).collect();
        all.push(block as f64);
        reduce.sum(&mut all);
        let count = F::of(all.pop().expect("just pushed"));
        let (all, _) = all.as_chunks::<2>();
        let units = g.par_chunks_mut(block.max(1)).zip(x.par_chunks(block.max(1))).zip(all).enumerate();
        units.for_each(|(n, ((g, x), sums))| {
            dispatch(Through { norm: self.unit(n), sums: sums.map(F::of), count, x, g });
        });
    }
}

/// ∂L/∂γ and ∂L/∂η, those that are wanted, from the sums of every unit.
pub(crate) fn affine_gradients<F: Real>(
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

    /// From g = ∂L/∂I to ∂L/∂x in its place, for Σ g x̂ and Σ g over the `count` values that the statistics are of.
    #[inline(always)]
    pub(crate) fn through_statistics(self, [scaled, plain]: [F; 2], count: F, x: &[F], g: &mut [F]) {
        let (scaled, plain) = (scaled / count, plain / count);
        for (g, &x) in g.iter_mut().zip(x) {
            *g = self.scale * (*g - plain - self.hat(x) * scaled);
        }
    }
}

/// [`Normalisation::pull_back`] of one unit: returns Σ g x̂ and Σ g.
struct PullBack<'a, F> {
    norm: Norm<F>,
    /// Whether these sums are those over the whole batch.
    whole: bool,
    x: &'a [F],
    g: &'a mut [F],
}

impl<F: Real> Kernel for PullBack<'_, F> {
    type Output = [F; 2];

    #[inline(always)]
    fn run<L: Level>(self) -> [F; 2] {
        let Self { norm, whole, x, g } = self;
        let ((g_blocks, g_rest), (x_blocks, x_rest)) = (g.as_chunks::<LANES>(), x.as_chunks::<LANES>());
        let (mut scaled, mut plain) = (Lanes::default(), Lanes::default());
        for (g, x) in g_blocks.iter().zip(x_blocks) {
            for l in 0..LANES {
                scaled.0[l] += g[l] * norm.hat(x[l]);
                plain.0[l] += g[l];
            }
        }
        let rest = g_rest.iter().zip(x_rest);
        let sums = rest.fold([scaled.total(), plain.total()], |[scaled, plain], (&g, &x)| {
            [scaled + g * norm.hat(x), plain + g]
        });
        if whole {
            norm.through_statistics(sums, F::of(x.len() as f64), x, g);
        }
        sums
    }
}

/// [`Norm::through_statistics`] of one unit.
struct Through<'a, F> {
    norm: Norm<F>,
    sums: [F; 2],
    count: F,
    x: &'a [F],
    g: &'a mut [F],
}

impl<F: Real> Kernel for Through<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        self.norm.through_statistics(self.sums, self.count, self.x, self.g);
    }
}
