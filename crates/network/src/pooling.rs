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
use colearn_tape::layout::{release, sequence, to_units, units, units_mut};
use colearn_tape::simd::{Kernel, Level};
use colearn_tape::{Fused, LANES, Lanes, Pool, Pullback, Real, Tape, Var};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayD, ArrayView2, ArrayView3, ArrayViewMut1, ArrayViewMut3, Axis, Ix2};

/// Scores (B, C) of membranes u (T, B, C), without a tape.
pub(crate) fn forward<F: Real>(u: &ArrayView3<'_, F>, pooling: Pooling, pool: &mut Pool<F>) -> Array2<F> {
    let (steps, batch, classes) = u.dim();
    let mut scores = Array2::zeros((batch, classes));
    if pooling == Pooling::SumOfSoftmaxes {
        let u = to_units(u, pool);
        softmaxes::forward(units(&u).expect("made unit-major"), steps, &mut scores);
        release(u, pool);
        return scores;
    }
    scores
        .axis_chunks_iter_mut(Axis(0), LANES)
        .into_par_iter()
        .zip(u.axis_chunks_iter(Axis(1), LANES))
        .for_each(|(mut scores, u)| {
            let mut p = vec![F::zero(); classes];
            for (b, mut row) in scores.outer_iter_mut().enumerate() {
                let u = u.index_axis(Axis(1), b);
                let mut running = Running::start(&mut row, pooling);
                for t in 0..steps {
                    u.index_axis(Axis(0), t).iter().zip(&mut p).for_each(|(&u, p)| *p = u);
                    running.add(&mut p);
                }
                running.finish(steps);
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

/// Records the pooling of u (T, B, C) to scores (B, C).
pub(crate) fn record<F: Real>(tape: &mut Tape<F>, u: Var, pooling: Pooling) -> Var {
    let ([value], pool) = tape.workspace([u]);
    let scores = forward(&sequence(value), pooling, pool);
    tape.fused(&[u], scores.into_dyn(), PoolOverTime { pooling })
}

#[derive(Debug)]
struct PoolOverTime {
    pooling: Pooling,
}

impl<F: Real> Fused<F> for PoolOverTime {
    fn name(&self) -> &'static str {
        "pooling of the readout"
    }

    fn backward(&self, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let u = sequence(p.inputs[0]);
        let g: ArrayView2<'_, F> = p.gradient.view().into_dimensionality::<Ix2>().expect("scores are (B, C)");
        let (steps, batch, classes) = u.dim();
        let mut part = p.pool.sequence(steps, batch, classes);
        if self.pooling == Pooling::SumOfSoftmaxes {
            let u = to_units(&u, p.pool);
            let to = units_mut(&mut part).expect("made unit-major");
            softmaxes::backward(units(&u).expect("made unit-major"), steps, &g, to);
            release(u, p.pool);
            return vec![Some(part.into_dyn())];
        }
        part.axis_chunks_iter_mut(Axis(1), LANES)
            .into_par_iter()
            .zip(u.axis_chunks_iter(Axis(1), LANES))
            .zip(g.axis_chunks_iter(Axis(0), LANES))
            .for_each(|((mut to, u), g)| self.pull_back(&u, &g, &mut to));
        vec![Some(part.into_dyn())]
    }
}

impl PoolOverTime {
    /// The gradient for one block of samples, of every pooling but the sum of softmaxes.
    fn pull_back<F: Real>(
        &self,
        u: &ArrayView3<'_, F>,
        g: &ArrayView2<'_, F>,
        to: &mut ArrayViewMut3<'_, F>,
    ) {
        let (steps, batch, classes) = u.dim();
        for b in 0..batch {
            let g = g.row(b);
            match self.pooling {
                Pooling::SumOfSoftmaxes => unreachable!("sums of softmaxes have a kernel of their own"),
                Pooling::Mean => {
                    let share = F::one() / F::of(steps as f64);
                    for t in 0..steps {
                        (0..classes).for_each(|c| to[[t, b, c]] = g[c] * share);
                    }
                }
                Pooling::Last | Pooling::Maximum => {
                    for c in 0..classes {
                        let place = match self.pooling {
                            Pooling::Last => steps - 1,
                            _ => (1..steps).fold(0, |m, t| if u[[t, b, c]] > u[[m, b, c]] { t } else { m }),
                        };
                        (0..steps).for_each(|t| to[[t, b, c]] = if t == place { g[c] } else { F::zero() });
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
