//! Running statistics from a whole set at once, where moving ones cannot follow the weights.

use crate::network::{Delays, Network};
use crate::normalise::{Statistics, affine, statistics};
use colearn_tape::{Pool, Real, Sequence, on_workers};
use ndarray::{Array1, Array3, ArrayView3};

/// Mean and sum of squared deviations of every unit over some batches, in `f64`.
struct Gathered {
    mean: Array1<f64>,
    squares: Array1<f64>,
    count: f64,
}

impl Gathered {
    fn new(units: usize) -> Self {
        Self { mean: Array1::zeros(units), squares: Array1::zeros(units), count: 0.0 }
    }

    /// Adds a batch (T. Chan, G. Golub, R. LeVeque 1979): means that are far from zero cost no digits.
    fn add<F: Real>(&mut self, batch: &Statistics<F>) {
        let (count, all) = (batch.count as f64, self.count + batch.count as f64);
        let both = batch.mean.iter().zip(&batch.variance);
        for ((mean, squares), (m, v)) in self.mean.iter_mut().zip(&mut self.squares).zip(both) {
            let apart = m.as_f64() - *mean;
            *mean += apart * count / all;
            *squares += v.as_f64() * count + apart * apart * self.count * count / all;
        }
        self.count = all;
    }

    /// With the unbiased variance, as the moving statistics have it.
    fn statistics<F: Real>(&self, count: usize) -> Statistics<F> {
        let free = (self.count - 1.0).max(1.0);
        Statistics { mean: self.mean.mapv(F::of), variance: self.squares.mapv(|s| F::of(s / free)), count }
    }
}

impl<F: Real> Network<F> {
    /// Replaces the running statistics by those of all `batches` (T, B, C) together, each normalised by its own as in
    /// training, but without dropout (Y. Wu, J. Johnson 2021). A batch in which a number is not finite is left out; if
    /// all are, the statistics stay.
    ///
    /// # Errors
    /// The first error of `batches`; the statistics then stay.
    ///
    /// # Panics
    /// If a batch's channels are not the network's inputs.
    pub fn recompute_statistics<E>(
        &mut self,
        batches: impl IntoIterator<Item = Result<Array3<F>, E>>,
        pool: &mut Pool<F>,
    ) -> Result<(), E> {
        let mut all: Vec<Gathered> = self.running.iter().map(|r| Gathered::new(r.mean.len())).collect();
        for batch in batches {
            let batch = batch?;
            let of_batch = on_workers(|| self.batch_statistics(&batch.view(), pool));
            let finite = |s: &Statistics<F>| s.mean.iter().chain(&s.variance).all(|x| x.is_finite());
            if of_batch.iter().all(finite) {
                all.iter_mut().zip(&of_batch).for_each(|(gathered, batch)| gathered.add(batch));
            }
        }
        for (running, gathered) in self.running.iter_mut().zip(&all).filter(|(_, g)| g.count > 0.0) {
            *running = gathered.statistics(running.count);
        }
        Ok(())
    }

    /// The statistics of every layer on one batch, as a recording of it has them.
    #[track_caller]
    fn batch_statistics(&self, input: &ArrayView3<'_, F>, pool: &mut Pool<F>) -> Vec<Statistics<F>> {
        self.assert_channels(input);
        let epsilon = F::of(self.description.config.norm.epsilon);
        let mut all = Vec::with_capacity(self.layers.len());
        let mut signal = Sequence::from_array(input, pool);
        for (k, layer) in self.layers.iter().enumerate() {
            let current = self.current(k, &signal, Delays::Stored, pool);
            let found = statistics((current.values(), current.shape()));
            if k < self.hidden_layers() {
                let (scale, shift) =
                    affine(&found, &self.vector(layer.gain), &self.vector(layer.bias), epsilon);
                let output = self.fire(k, &current, [scale, shift], Delays::Stored, pool);
                std::mem::replace(&mut signal, output).recycle(pool);
            }
            current.recycle(pool);
            all.push(found);
        }
        signal.recycle(pool);
        all
    }
}
