//! Order, layout, padding and resuming.

use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::Sample;

/// Sample i has 2 + i % 5 steps; its value at (t, c) is 100 i + 10 t + c.
fn split(count: usize, channels: usize) -> Split {
    let sample = |i: usize| Sample {
        features: Array2::from_shape_fn((2 + i % 5, channels), |(t, c)| (100 * i + 10 * t + c) as f32),
        label: i % 3,
        speaker: "s".to_owned(),
        id: i.to_string(),
    };
    Split { samples: (0..count).map(sample).collect() }
}

#[test]
fn each_channel_is_contiguous_in_memory() {
    let split = split(7, 3);
    let batch = Loader::new(&split, 5, 4, Order::Sequential).next().unwrap();
    assert_eq!(batch.input.dim(), (5, 4, 3));
    assert_eq!(batch.input.strides(), [4, 1, 20]);
    let memory = batch.input.as_slice_memory_order().unwrap();
    for c in 0..3 {
        let block: Vec<f32> = batch.input.slice(ndarray::s![.., .., c]).iter().copied().collect();
        assert_eq!(memory[c * 20..(c + 1) * 20], block);
    }
}

#[test]
fn values_are_those_of_the_samples_then_zeros() {
    let split = split(11, 2);
    for batch in Loader::new(&split, 4, 4, Order::Shuffled { seed: 3, epoch: 1 }) {
        for (lane, &index) in batch.indices.iter().enumerate() {
            let sample = &split.samples[index];
            assert_eq!(batch.labels[lane], sample.label);
            assert_eq!(batch.lengths[lane], sample.features.nrows().min(4));
            for t in 0..4 {
                for c in 0..2 {
                    let expected = sample.features.get((t, c)).copied().unwrap_or(0.0);
                    assert_eq!(batch.input[[t, lane, c]].to_bits(), expected.to_bits(), "{index}: {t}, {c}");
                }
            }
        }
    }
}

#[test]
fn the_order_is_pinned_across_machines_and_versions() {
    assert_eq!(Order::Sequential.indices(4), [0, 1, 2, 3]);
    assert_eq!(Order::Shuffled { seed: 1, epoch: 0 }.indices(10), PINNED[0]);
    assert_eq!(Order::Shuffled { seed: 1, epoch: 1 }.indices(10), PINNED[1]);
    assert_eq!(Order::Shuffled { seed: 2, epoch: 0 }.indices(10), PINNED[2]);
}

const PINNED: [[usize; 10]; 3] =
    [[2, 7, 8, 5, 3, 6, 1, 9, 0, 4], [6, 7, 2, 3, 1, 5, 9, 4, 0, 8], [5, 2, 0, 9, 3, 1, 7, 6, 4, 8]];

#[test]
fn an_empty_split_has_no_batch() {
    let split = Split::default();
    let mut loader = Loader::new(&split, 4, 4, Order::Sequential);
    assert_eq!(loader.len(), 0);
    assert!(loader.next().is_none());
}

proptest! {
    #[test]
    fn every_sample_comes_once(count in 0..40_usize, size in 1..12_usize, seed: u64, epoch in 0..5_u64) {
        let split = split(count, 1);
        let loader = Loader::new(&split, 3, size, Order::Shuffled { seed, epoch });
        prop_assert_eq!(loader.len(), count.div_ceil(size));
        let mut seen: Vec<usize> = loader.flat_map(|batch| batch.indices).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn skipping_gives_the_rest_of_the_same_epoch(count in 0..30_usize, size in 1..7_usize, skip in 0..8_usize) {
        let split = split(count, 2);
        let loader = || Loader::new(&split, 3, size, Order::Shuffled { seed: 9, epoch: 4 });
        let whole: Vec<Batch> = loader().skip(skip).collect();
        let resumed = loader().skip_batches(skip);
        prop_assert_eq!(resumed.len(), whole.len());
        prop_assert_eq!(resumed.collect::<Vec<_>>(), whole);
    }
}
