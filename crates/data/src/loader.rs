//! Batches of fixed length in sequential or seeded order.
//!
//! ```
//! use colearn_data::{Loader, Order, Sample, Split};
//! use ndarray::Array2;
//!
//! let sample = |label| Sample {
//!     features: Array2::ones((3, 2)), label, speaker: "s".into(), id: label.to_string(),
//! };
//! let split = Split { samples: (0..5).map(sample).collect() };
//! let batches: Vec<_> = Loader::new(&split, 4, 2, Order::Sequential).collect();
//! assert_eq!(batches.len(), 3); // the last batch holds one sample
//! assert_eq!(batches[0].input.dim(), (4, 2, 2));
//! assert_eq!(batches[0].input[[2, 0, 0]], 1.0);
//! assert_eq!(batches[0].input[[3, 0, 0]], 0.0); // zeros after the sample's third step
//! ```

use ndarray::{Array3, CowArray, Ix2, ShapeBuilder};
use rayon::prelude::*;

use crate::Split;
use crate::augment::Augmentation;
use crate::random::{generator, shuffle};

/// In which order a [`Loader`] visits the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they are in the split.
    Sequential,
    /// A permutation that depends on nothing but these two numbers and the number of samples.
    Shuffled {
        /// Seed of the run.
        seed: u64,
        /// Epoch, counted from 0; every epoch has its own stream of the seed's generator.
        epoch: u64,
    },
}

impl Order {
    /// The visiting order of `count` samples.
    #[must_use]
    pub fn indices(self, count: usize) -> Vec<usize> {
        let mut indices: Vec<usize> = (0..count).collect();
        if let Self::Shuffled { seed, epoch } = self {
            shuffle(&mut indices, &mut generator(seed, epoch));
        }
        indices
    }
}

/// B samples, cut or zero-padded to T steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Features, logical shape (T, B, C), **unit-major in memory**: each channel's (T, B) block is contiguous, strides
    /// (B, 1, T·B). Kernels that run over one unit's steps and samples need no copy.
    pub input: Array3<f32>,
    /// Class of each sample.
    pub labels: Vec<usize>,
    /// Steps of each sample before the padding, at most T.
    pub lengths: Vec<usize>,
    /// Place of each sample in its split.
    pub indices: Vec<usize>,
}

/// Iterator over the batches of a split; the last batch may be smaller. `len()` is the number of batches left.
#[derive(Debug, Clone)]
pub struct Loader<'a> {
    split: &'a Split,
    steps: usize,
    batch_size: usize,
    order: Vec<usize>,
    next: usize,
    /// What changes the features, with the seed and epoch of its draws.
    augmentation: Option<(Augmentation, u64, u64)>,
}

impl<'a> Loader<'a> {
    /// Batches of `batch_size` samples with `steps` steps each.
    ///
    /// # Panics
    /// When `steps` or `batch_size` is zero.
    #[must_use]
    #[track_caller]
    pub fn new(split: &'a Split, steps: usize, batch_size: usize, order: Order) -> Self {
        assert!(steps > 0, "a loader needs at least one step");
        assert!(batch_size > 0, "a loader needs at least one sample per batch");
        Self { split, steps, batch_size, order: order.indices(split.len()), next: 0, augmentation: None }
    }

    /// Leave out the next `count` batches without making them, to go on in the middle of an epoch.
    #[must_use]
    pub fn skip_batches(mut self, count: usize) -> Self {
        self.next = self.next.saturating_add(count.saturating_mul(self.batch_size)).min(self.order.len());
        self
    }

    /// Change the features of every sample, anew for each (seed, epoch).
    #[must_use]
    pub fn augmented(mut self, augmentation: Augmentation, seed: u64, epoch: u64) -> Self {
        self.augmentation = (!augmentation.is_off()).then_some((augmentation, seed, epoch));
        self
    }

    /// Features of sample `index` of the split as this loader gives them out.
    fn features(&self, index: usize) -> CowArray<'_, f32, Ix2> {
        let features = &self.split.samples[index].features;
        match self.augmentation {
            Some((augmentation, seed, epoch)) => {
                augmentation.apply(features, self.steps, seed, epoch, index).into()
            }
            None => features.view().into(),
        }
    }

    fn batch(&self, indices: &[usize]) -> Batch {
        let samples: Vec<_> = indices.iter().map(|&i| &self.split.samples[i]).collect();
        let (t, b) = (self.steps, samples.len());
        let c = samples.first().map_or(0, |s| s.features.ncols());
        let mut values = vec![0.0_f32; t * b * c];
        let features: Vec<_> = indices.par_iter().map(|&index| self.features(index)).collect();
        for (lane, (sample, features)) in samples.iter().zip(&features).enumerate() {
            assert_eq!(features.ncols(), c, "channels of sample {:?} against its batch", sample.id);
            for (step, row) in features.rows().into_iter().take(t).enumerate() {
                let column = values[step * b + lane..].iter_mut().step_by(t * b);
                column.zip(row).for_each(|(value, &x)| *value = x);
            }
        }
        Batch {
            input: Array3::from_shape_vec((t, b, c).strides((b, 1, t * b)), values)
                .expect("t * b * c values and strides that visit each of them once"),
            labels: samples.iter().map(|s| s.label).collect(),
            lengths: features.iter().map(|f| f.nrows().min(t)).collect(),
            indices: indices.to_vec(),
        }
    }
}

impl Iterator for Loader<'_> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let rest = &self.order[self.next..];
        let indices = &rest[..rest.len().min(self.batch_size)];
        if indices.is_empty() {
            return None;
        }
        let batch = self.batch(indices);
        self.next += batch.indices.len();
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.len() - self.next).div_ceil(self.batch_size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Loader<'_> {}

#[cfg(test)]
mod tests;
