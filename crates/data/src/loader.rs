//! Batches of fixed length in sequential or seeded order.
//!
//! ```
//! use colearn_data::{Content, Loader, Order, Sample, Split};
//! use ndarray::Array2;
//!
//! let sample = |label| Sample {
//!     content: Content::Features { values: Array2::ones((3, 2)), power: 1.0 },
//!     label,
//!     speaker: "s".into(),
//!     id: label.to_string(),
//! };
//! let split = Split::as_they_are((0..5).map(sample).collect());
//! let batches: Result<Vec<_>, _> = Loader::new(&split, 4, 2, Order::Sequential).collect();
//! let batches = batches.unwrap(); // only samples that are read from a file on the way can fail
//! assert_eq!(batches.len(), 3); // the last batch holds one sample
//! assert_eq!(batches[0].input.dim(), (4, 2, 2));
//! assert_eq!(batches[0].input[[2, 0, 0]], 1.0);
//! assert_eq!(batches[0].input[[3, 0, 0]], 0.0); // zeros after the sample's third step
//! ```

use std::ops::Range;

use ndarray::{Array2, Array3, ShapeBuilder, s};
use rayon::prelude::*;

use crate::augment::{Augmentation, Mix};
use crate::prepare::{Draw, Pad};
use crate::random::{generator, shuffle};
use crate::{DataError, Split};

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
    /// What CutMix did to this batch, if anything.
    pub mixed: Option<Mixed>,
}

/// A batch in which every sample took some steps from another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    /// Class of the sample that the steps were taken from.
    pub labels: Vec<usize>,
    /// Share of the steps that were taken, 0 to 1: the weight of these labels in the loss.
    pub share: f64,
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
    /// Which part of every batch is made, and of how many.
    part: (usize, usize),
}

/// The places of the samples in a batch of `count` that belong to part `rank` of `parts`: neighbours, in the order of the
/// ranks, and no part has two more than another.
#[must_use]
pub fn share(count: usize, rank: usize, parts: usize) -> Range<usize> {
    rank * count / parts..(rank + 1) * count / parts
}

impl<'a> Loader<'a> {
    /// Batches of `batch_size` samples with `steps` steps each, or with those of the longest sample if the split's
    /// preparation says so.
    ///
    /// # Panics
    /// When `steps` or `batch_size` is zero.
    #[must_use]
    #[track_caller]
    pub fn new(split: &'a Split, steps: usize, batch_size: usize, order: Order) -> Self {
        assert!(steps > 0, "a loader needs at least one step");
        assert!(batch_size > 0, "a loader needs at least one sample per batch");
        let order = order.indices(split.len());
        Self { split, steps, batch_size, order, next: 0, augmentation: None, part: (0, 1) }
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

    /// Make of every batch only the [`share`] of part `rank` of `parts`, with the same bits as in the whole batch.
    ///
    /// # Panics
    /// When there is no such part.
    #[must_use]
    #[track_caller]
    pub fn part(mut self, rank: usize, parts: usize) -> Self {
        assert!(rank < parts, "part {rank} of {parts}");
        self.part = (rank, parts);
        self
    }

    /// Sample `index` of the split as this loader gives it out.
    fn features(&self, index: usize) -> Result<Array2<f32>, DataError> {
        let draw = self.augmentation.as_ref().map(|(augmentation, seed, epoch)| Draw {
            augmentation,
            rng: Augmentation::generator(*seed, *epoch, index),
        });
        self.split.preparation.features(&self.split.samples[index].content, self.steps, draw)
    }

    /// Where in the visiting order the next batch begins.
    pub(crate) fn place(&self) -> usize {
        self.next
    }

    /// The samples of the batch that begins at place `first` of the visiting order; none after the last.
    pub(crate) fn samples_from(&self, first: usize) -> &[usize] {
        let rest = self.order.get(first..).unwrap_or(&[]);
        &rest[..rest.len().min(self.batch_size)]
    }

    /// Batches from place `first` of the visiting order on.
    pub(crate) fn batches_from(&self, first: usize) -> usize {
        self.order.len().saturating_sub(first).div_ceil(self.batch_size)
    }

    /// The name of the sample at place `first` of the visiting order.
    pub(crate) fn name(&self, first: usize) -> &str {
        self.order.get(first).map_or("", |&index| &self.split.samples[index].id)
    }

    /// This part of the batch that begins at place `first` of the visiting order, in `buffer` if it is large enough.
    pub(crate) fn make(&self, first: usize, buffer: Vec<f32>) -> Result<Batch, DataError> {
        let (indices, (rank, parts)) = (self.samples_from(first), self.part);
        let share = share(indices.len(), rank, parts);
        // What becomes of a sample may depend on the others of its batch.
        let mixes = self.augmentation.as_ref().is_some_and(|(augmentation, ..)| augmentation.cutmix > 0.0);
        if parts > 1 && (mixes || self.split.preparation.pad == Pad::Longest) {
            return Ok(self.batch(first, indices, buffer)?.cut(&share));
        }
        self.batch(first, &indices[share], buffer)
    }

    fn batch(&self, first: usize, indices: &[usize], buffer: Vec<f32>) -> Result<Batch, DataError> {
        let features: Vec<_> = indices.par_iter().map(|&index| self.features(index)).collect();
        let features = features.into_iter().collect::<Result<Vec<_>, _>>()?;
        let samples: Vec<_> = indices.iter().map(|&i| &self.split.samples[i]).collect();
        let c = features.first().map_or(0, Array2::ncols);
        for (sample, features) in samples.iter().zip(&features) {
            assert_eq!(features.ncols(), c, "channels of sample {:?} against its batch", sample.id);
        }
        let longest = features.iter().map(Array2::nrows).max().unwrap_or(0);
        let t = match self.split.preparation.pad {
            Pad::Fixed => self.steps,
            Pad::Longest => longest.clamp(1, self.steps),
        };
        let b = samples.len();
        let mut values = unit_major(&features, t, c, buffer);
        let mut lengths: Vec<usize> = features.iter().map(|f| f.nrows().min(t)).collect();
        let mix = self.augmentation.as_ref().and_then(|(augmentation, seed, epoch)| {
            augmentation.mix(*seed, *epoch, first / self.batch_size, b, t)
        });
        let mixed = mix.map(|mix| {
            mix_blocks(&mut values, t, b, &mix);
            lengths = mix.lengths(&lengths);
            Mixed {
                labels: mix.partners.iter().map(|&partner| samples[partner].label).collect(),
                share: mix.steps.len() as f64 / t as f64,
            }
        });
        Ok(Batch {
            input: Array3::from_shape_vec((t, b, c).strides((b, 1, t * b)), values)
                .expect("t * b * c values and strides that visit each of them once"),
            labels: samples.iter().map(|s| s.label).collect(),
            lengths,
            indices: indices.to_vec(),
            mixed,
        })
    }
}

impl Batch {
    /// The samples at the places `share` alone.
    fn cut(self, share: &Range<usize>) -> Self {
        let input = self.input.slice(s![.., share.clone(), ..]).permuted_axes([2, 0, 1]);
        Self {
            input: input.as_standard_layout().into_owned().permuted_axes([1, 2, 0]),
            labels: self.labels[share.clone()].to_vec(),
            lengths: self.lengths[share.clone()].to_vec(),
            indices: self.indices[share.clone()].to_vec(),
            mixed: self.mixed.map(|mixed| Mixed { labels: mixed.labels[share.clone()].to_vec(), ..mixed }),
        }
    }
}

/// Channels that are written together: one cache line of a sample's row.
const TOGETHER: usize = 16;

/// Samples (steps, `c`) as `c` blocks of shape (`t`, samples), zeros where a sample has ended. What `values` held before
/// does not matter.
fn unit_major(features: &[Array2<f32>], t: usize, c: usize, mut values: Vec<f32>) -> Vec<f32> {
    let b = features.len();
    let block = t * b;
    if values.capacity() < block * c {
        values = Vec::new();
    }
    values.resize(block * c, 0.0);
    let samples = features.iter().map(|sample| sample.as_slice().expect("an owned array in standard order"));
    let samples: Vec<&[f32]> = samples.collect();
    values.par_chunks_mut((block * TOGETHER).max(1)).enumerate().for_each(|(group, blocks)| {
        let first = group * TOGETHER;
        let width = blocks.len() / block;
        // Samples inside: the next one's numbers go into the same cache lines.
        for step in 0..t {
            for (lane, sample) in samples.iter().enumerate() {
                let row = sample.get(step * c + first..step * c + first + width);
                for channel in 0..width {
                    blocks[channel * block + step * b + lane] = row.map_or(0.0, |row| row[channel]);
                }
            }
        }
    });
    values
}

/// Takes the steps of `mix` from each sample's partner, in every block of shape (`t`, `b`).
fn mix_blocks(values: &mut [f32], t: usize, b: usize, mix: &Mix) {
    values.par_chunks_mut((t * b).max(1)).for_each(|block| {
        for row in block.chunks_exact_mut(b).skip(mix.steps.start).take(mix.steps.len()) {
            let from = row.to_vec();
            row.iter_mut().zip(&mix.partners).for_each(|(x, &partner)| *x = from[partner]);
        }
    });
}

impl Iterator for Loader<'_> {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let count = self.samples_from(self.next).len();
        if count == 0 {
            return None;
        }
        let batch = self.make(self.next, Vec::new());
        self.next += count;
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batches_from(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Loader<'_> {}

#[cfg(test)]
mod tests;
