//! From readout membranes over time to one score a class.
//!
//! ```text
//! sum of softmaxes   o[b, c] = Σ_t p[t, b, c],  p = softmax_c(u)      ∂L/∂u = p (g − Σ_k p_k g_k)
//! mean               o[b, c] = 1/T Σ_t u[t, b, c]                     ∂L/∂u = g/T
//! last               o[b, c] = u[T − 1, b, c]                         ∂L/∂u[T − 1] = g
//! maximum            o[b, c] = max_t u[t, b, c]                       ∂L/∂u[first t of the maximum] = g
//! ```
//!
//! The sum of softmaxes is the readout of Bittar & Garner 2022; with cross-entropy a second softmax follows. Threads
//! share out samples in blocks of a fixed size.

use crate::config::Pooling;
use crate::softmaxes;
use colearn_tape::sequence::values;
use colearn_tape::simd::{Kernel, Level};
use colearn_tape::{Fused, LANES, Lanes, Pullback, Real, Sequence, SequenceShape, Signal, Tape, Var};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayD, ArrayView2, ArrayViewMut1, Axis, Ix2};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

/// Scores (B, C) of membranes u (T, B, C), without a tape.
pub(crate) fn forward<F: Real>((u, shape): (&[F], SequenceShape), pooling: Pooling) -> Array2<F> {
    let classes = shape.units;
    let mut scores = Array2::zeros((shape.batch, classes));
    if pooling == Pooling::SumOfSoftmaxes {
        softmaxes::forward(u, shape, &mut scores);
        return scores;
    }
    let blocks = u.par_chunks(shape.block_len().max(1));
    scores.axis_chunks_iter_mut(Axis(0), LANES).into_par_iter().zip(blocks).for_each(|(mut scores, u)| {
        let u = u.as_chunks::<LANES>().0;
        let mut p = vec![F::zero(); classes];
        for (lane, mut row) in scores.outer_iter_mut().enumerate() {
            let mut running = Running::start(&mut row, pooling);
            for t in 0..shape.steps {
                p.iter_mut().enumerate().for_each(|(c, p)| *p = u[c * shape.steps + t][lane]);
                running.add(&mut p);
            }
            running.finish(shape.steps);
        }
    });
    scores
}

/// Scores of one sample as its steps come in.
#[derive(Debug)]
pub(crate) struct Running<'a, 'b, F> {
    scores: &'a mut ArrayViewMut1<'b, F>,
    pooling: Pooling,
}

impl<'a, 'b, F: Real> Running<'a, 'b, F> {
    pub(crate) fn start(scores: &'a mut ArrayViewMut1<'b, F>, pooling: Pooling) -> Self {
        scores.fill(start(pooling));
        Self { scores, pooling }
    }

    /// Continues with scores that are already under way.
    pub(crate) fn resume(scores: &'a mut ArrayViewMut1<'b, F>, pooling: Pooling) -> Self {
        Self { scores, pooling }
    }

    /// Adds one step's membranes, which are used as scratch.
    pub(crate) fn add(&mut self, u: &mut [F]) {
        let pairs = |scores: &mut ArrayViewMut1<'b, F>, u: &[F], f: &dyn Fn(&mut F, F)| {
            scores.iter_mut().zip(u).for_each(|(o, &u)| f(o, u));
        };
        match self.pooling {
            Pooling::SumOfSoftmaxes => {
                softmax(u);
                pairs(self.scores, u, &|o, p| *o += p);
            }
            Pooling::Mean => pairs(self.scores, u, &|o, u| *o += u),
            Pooling::Last => pairs(self.scores, u, &|o, u| *o = u),
            Pooling::Maximum => pairs(self.scores, u, &|o, u| *o = o.max(u)),
        }
    }

    pub(crate) fn finish(self, steps: usize) {
        let pooling = self.pooling;
        self.scores.iter_mut().for_each(|o| *o = finished(pooling, *o, steps));
    }
}

/// The score before the first step.
pub(crate) fn start<F: Real>(pooling: Pooling) -> F {
    if pooling == Pooling::Maximum { F::neg_infinity() } else { F::zero() }
}

/// The score of a sample whose `steps` steps gave `score` so far.
pub(crate) fn finished<F: Real>(pooling: Pooling, score: F, steps: usize) -> F {
    if pooling == Pooling::Mean { score * (F::one() / F::of(steps.max(1) as f64)) } else { score }
}

/// Adds the first `steps` of each class's `stride` rows of membranes to the scores, a row a class.
pub(crate) struct AddRows<'a, F> {
    pub(crate) pooling: Pooling,
    pub(crate) rows: &'a [Lanes<F>],
    pub(crate) stride: usize,
    pub(crate) steps: usize,
    /// Scratch, a row a class.
    pub(crate) softmax: &'a mut [Lanes<F>],
    pub(crate) scores: &'a mut [Lanes<F>],
}

impl<F: Real> Kernel for AddRows<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { pooling, rows, stride, steps, softmax, scores } = self;
        for step in 0..steps {
            for (p, rows) in softmax.iter_mut().zip(rows.chunks_exact(stride)) {
                *p = rows[step];
            }
            if pooling == Pooling::SumOfSoftmaxes {
                softmaxes::softmax(softmax);
            }
            for (score, p) in scores.iter_mut().zip(&*softmax) {
                for (score, &p) in score.0.iter_mut().zip(&p.0) {
                    *score = match pooling {
                        Pooling::SumOfSoftmaxes | Pooling::Mean => *score + p,
                        Pooling::Last => p,
                        Pooling::Maximum => score.max(p),
                    };
                }
            }
        }
    }
}

/// Softmax in place, safe for large values.
pub(crate) fn softmax<F: Real>(u: &mut [F]) {
    let top = u.iter().fold(F::neg_infinity(), |m, &x| m.max(x));
    let mut total = F::zero();
    for x in u.iter_mut() {
        *x = (*x - top).exp_of_negative();
        total += *x;
    }
    let share = F::one() / total;
    for x in u {
        *x *= share;
    }
}

/// Records the pooling of u (T, B, C), an array or a sequence, to scores (B, C).
pub(crate) fn record<F: Real, S: Signal>(tape: &mut Tape<F>, u: S, pooling: Pooling) -> Var {
    let u = u.enter(tape);
    let shape = u.shape(tape);
    let scores = forward((values(tape.value(u.var)), shape), pooling);
    tape.fused(&[u.var], scores.into_dyn(), PoolOverTime { pooling, batch: shape.batch })
}

#[derive(Debug)]
struct PoolOverTime {
    pooling: Pooling,
    batch: usize,
}

impl<F: Real> Fused<F> for PoolOverTime {
    fn name(&self) -> &'static str {
        "pooling of the readout"
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let (u, shape) = (values(p.inputs[0]), SequenceShape::of(p.inputs[0], self.batch));
        let g: ArrayView2<'_, F> = p.gradient.view().into_dimensionality::<Ix2>().expect("scores are (B, C)");
        let mut part = Sequence::taken(shape, p.pool);
        let to = part.values_mut();
        if self.pooling == Pooling::SumOfSoftmaxes {
            softmaxes::backward(u, shape, &g, to);
            return vec![Some(part.into_value())];
        }
        let len = shape.block_len().max(1);
        to.par_chunks_mut(len)
            .zip(u.par_chunks(len))
            .zip(g.axis_chunks_iter(Axis(0), LANES).into_par_iter())
            .for_each(|((to, u), g)| {
                to.fill(F::zero());
                self.pull_back(u.as_chunks().0, &g, to.as_chunks_mut().0, shape.steps);
            });
        vec![Some(part.into_value())]
    }
}

impl PoolOverTime {
    /// The gradient for one block of samples, (class, step), of every pooling but the sum of softmaxes; `to` is zero.
    fn pull_back<F: Real>(
        &self,
        u: &[[F; LANES]],
        g: &ArrayView2<'_, F>,
        to: &mut [[F; LANES]],
        steps: usize,
    ) {
        let classes = to.chunks_exact_mut(steps).zip(u.chunks_exact(steps)).zip(g.columns());
        for ((to, u), g) in classes {
            for (lane, &g) in g.iter().enumerate() {
                match self.pooling {
                    Pooling::SumOfSoftmaxes => unreachable!("sums of softmaxes have a kernel of their own"),
                    Pooling::Mean => {
                        let share = F::one() / F::of(steps as f64);
                        for row in to.iter_mut() {
                            row[lane] = g * share;
                        }
                    }
                    Pooling::Last => to[steps - 1][lane] = g,
                    Pooling::Maximum => {
                        let place = (1..steps).fold(0, |m, t| if u[t][lane] > u[m][lane] { t } else { m });
                        to[place][lane] = g;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_tape::check::{self, Tolerance};
    use ndarray::Array3;

    const ALL: [Pooling; 4] = [Pooling::SumOfSoftmaxes, Pooling::Mean, Pooling::Last, Pooling::Maximum];

    fn input() -> Array3<f64> {
        Array3::from_shape_fn((6, 19, 4), |(t, b, c)| {
            ((t * 37 + b * 11 + c * 29) % 31) as f64 * 0.1 + t as f64 * 0.003
        })
    }

    fn elementary(tape: &mut Tape<f64>, u: Var, pooling: Pooling) -> Var {
        match pooling {
            Pooling::SumOfSoftmaxes => {
                let p = tape.softmax(u);
                tape.sum_axis(p, 0)
            }
            Pooling::Mean => {
                let sum = tape.sum_axis(u, 0);
                tape.scale(sum, 1.0 / 6.0)
            }
            Pooling::Last | Pooling::Maximum => {
                let value = tape.value(u).clone();
                let place = |b: usize, c: usize| match pooling {
                    Pooling::Last => 5,
                    _ => (1..6).fold(0, |m, t| if value[[t, b, c]] > value[[m, b, c]] { t } else { m }),
                };
                let mask =
                    Array3::from_shape_fn((6, 19, 4), |(t, b, c)| f64::from(u8::from(t == place(b, c))));
                let mask = tape.constant(mask);
                let kept = tape.multiply(u, mask);
                tape.sum_axis(kept, 0)
            }
        }
    }

    #[test]
    fn fused_equals_elementary_operations() {
        for pooling in ALL {
            let gradient = |f: &dyn Fn(&mut Tape<f64>, Var) -> Var| {
                let mut tape = Tape::new();
                let u = tape.leaf(&input());
                let o = f(&mut tape, u);
                let labels: Vec<usize> = (0..19).map(|b| b % 4).collect();
                let loss = tape.cross_entropy(o, &labels);
                tape.backward(loss);
                (tape.value(o).clone(), tape.gradient(u).expect("a leaf").clone())
            };
            let (fused, expected) =
                (gradient(&|t, u| record(t, u, pooling)), gradient(&|t, u| elementary(t, u, pooling)));
            approx::assert_abs_diff_eq!(fused.0, expected.0, epsilon = 1e-12);
            approx::assert_abs_diff_eq!(fused.1, expected.1, epsilon = 1e-12);
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        for pooling in ALL {
            let f = |tape: &mut Tape<f64>, v: &[Var]| {
                let o = record(tape, v[0], pooling);
                let o = tape.square(o);
                tape.sum(o)
            };
            check::coordinates(f, &[input().into_dyn()], Tolerance::default()).expect("gradients agree");
        }
    }
}
