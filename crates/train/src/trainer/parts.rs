//! Training one network in several processes: each has all data and the whole network, and records its share of every
//! batch.
//!
//! Statistics of batch normalisation, losses and gradients are summed over the parts, so that after each step all have the
//! same network to the bit; validation is done by each for itself. What ends or changes a run in one part (a stop, a
//! sample that cannot be read, a number that is not finite) is agreed on first, so that no part waits for one that left.

use std::sync::Arc;

use colearn_data::{Batch, DataError, share};
use colearn_tape::{Part, Reduce};

use super::Trainer;
use crate::error::TrainError;

impl Trainer<'_> {
    /// This process trains a part of every batch, and `reduce` adds over the parts. All parts are made with the same data,
    /// network, settings and checkpoint; one of them alone should write files.
    ///
    /// # Errors
    /// [`TrainError::Mismatch`] when a batch has fewer samples than there are parts.
    pub fn shared(mut self, reduce: Arc<dyn Reduce>) -> Result<Self, TrainError> {
        let (samples, batch) = (self.dataset.train.len(), self.config.batch);
        let smallest = if samples % batch == 0 { batch.min(samples) } else { samples % batch };
        if smallest < reduce.parts() {
            return Err(TrainError::Mismatch {
                what: "samples of the smallest batch of an epoch".to_owned(),
                found: smallest.to_string(),
                expected: format!("at least one for each of the {} processes that train", reduce.parts()),
            });
        }
        self.reduce = reduce;
        Ok(self)
    }

    /// Samples of the present batch in all parts together.
    pub(super) fn samples_of_batch(&self) -> usize {
        let rest = self.dataset.train.len().saturating_sub(self.progress.batches * self.config.batch);
        rest.min(self.config.batch)
    }

    /// The part of the present batch that is trained here; `None`: all of it.
    pub(super) fn part(&self) -> Option<Part> {
        let (reduce, of) = (&self.reduce, self.samples_of_batch());
        let part = || {
            let samples = share(of, reduce.rank(), reduce.parts());
            Part { reduce: Arc::clone(reduce), samples, of }
        };
        (reduce.parts() > 1).then(part)
    }

    /// Sums over all parts.
    pub(super) fn sums<const N: usize>(&self, mut values: [f64; N]) -> [f64; N] {
        if self.reduce.parts() > 1 {
            self.reduce.sum(&mut values);
        }
        values
    }

    /// The batch that comes next if all parts have theirs, nothing if one was asked to stop.
    pub(super) fn agreed(&self, next: Option<Result<Batch, DataError>>) -> Result<Option<Batch>, TrainError> {
        let next = next.transpose();
        let stopped = matches!(next, Ok(None));
        let [stopped, failed] = self.sums([stopped, next.is_err()].map(f64::from));
        let batch = next?;
        if failed > 0.0 {
            return Err(TrainError::OtherPart);
        }
        Ok(batch.filter(|_| stopped <= 0.0))
    }
}
