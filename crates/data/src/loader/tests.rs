//! Order, layout, padding and resuming.

use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::{Content, Sample};

/// Sample i has 2 + i % 5 steps; its value at (t, c) is 100 i + 10 t + c.
fn split(count: usize, channels: usize) -> Split {
    let sample = |i: usize| Sample {
        content: Content::Features {
            values: Array2::from_shape_fn((2 + i % 5, channels), |(t, c)| (100 * i + 10 * t + c) as f32),
            power: 1.0,
        },
        label: i % 3,
        speaker: "s".to_owned(),
        id: i.to_string(),
    };
    Split::as_they_are((0..count).map(sample).collect())
}

#[test]
fn each_channel_is_contiguous_in_memory() {
    let split = split(7, 3);
    let batch = Loader::new(&split, 5, 4, Order::Sequential).next().unwrap().unwrap();
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
        let batch = batch.unwrap();
        for (lane, &index) in batch.indices.iter().enumerate() {
            let sample = &split.samples[index];
            let features = split.features(index, 100).unwrap();
            assert_eq!(batch.labels[lane], sample.label);
            assert_eq!(batch.lengths[lane], features.nrows().min(4));
            for t in 0..4 {
                for c in 0..2 {
                    let expected = features.get((t, c)).copied().unwrap_or(0.0);
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

/// Sample i has one spike in each of its 1 + i % 4 steps, on unit i.
fn spikes(count: u16, pad: Pad) -> Split {
    let usual = crate::DataConfig::default_for(crate::DataName::Shd).binning();
    let binning = crate::Binning { steps: 6, sum_channels: 2, channels: 40, ..usual };
    let sample = |i: u16| {
        let times: Vec<f32> = (0..=i % 4).map(|t| 0.01 * f32::from(t) + 0.005).collect();
        let units = vec![i; times.len()];
        Sample {
            content: Content::Spikes(crate::Spikes::checked(times, units, 40, "x").unwrap().0),
            label: usize::from(i) % 3,
            speaker: "s".to_owned(),
            id: i.to_string(),
        }
    };
    let preparation = crate::Preparation { binning: Some(binning), pad, ..crate::Preparation::default() };
    Split::new((0..count).map(sample).collect(), std::sync::Arc::new(preparation))
}

#[test]
fn spikes_are_binned_on_the_way() {
    let split = spikes(7, Pad::Fixed);
    for batch in Loader::new(&split, 6, 3, Order::Sequential) {
        let batch = batch.unwrap();
        assert_eq!(batch.input.dim(), (6, batch.labels.len(), 20));
        for (lane, &index) in batch.indices.iter().enumerate() {
            assert_eq!(batch.lengths[lane], 1 + index % 4);
            let count = (1 + index % 4) as f32;
            let sum = |part: ndarray::ArrayViewD<'_, f32>| (part.sum() - count).abs() < 0.5;
            assert!(sum(batch.input.slice(ndarray::s![.., lane, index / 2]).into_dyn()));
            assert!(sum(batch.input.slice(ndarray::s![.., lane, ..]).into_dyn()));
        }
    }
}

#[test]
fn batches_may_be_as_long_as_their_longest_sample() {
    let split = spikes(6, Pad::Longest);
    let lengths: Vec<usize> =
        Loader::new(&split, 6, 2, Order::Sequential).map(|batch| batch.unwrap().input.dim().0).collect();
    assert_eq!(lengths, [2, 4, 2]);
    let cut: Vec<usize> =
        Loader::new(&split, 3, 2, Order::Sequential).map(|batch| batch.unwrap().input.dim().0).collect();
    assert_eq!(cut, [2, 3, 2]);
}

#[test]
fn a_mixed_batch_takes_steps_and_label_from_partners() {
    let split = split(12, 2);
    let mixing = crate::Augmentation { cutmix: 1.0, ..crate::Augmentation::default() };
    let plain: Vec<Batch> = Loader::new(&split, 6, 6, Order::Sequential).map(Result::unwrap).collect();
    let mixed = Loader::new(&split, 6, 6, Order::Sequential).augmented(mixing, 4, 1);
    let mut changed = 0;
    for (plain, mixed) in plain.iter().zip(mixed) {
        let mixed = mixed.unwrap();
        let facts = mixed.mixed.as_ref().unwrap();
        assert_eq!(mixed.labels, plain.labels);
        let mut partners = facts.labels.clone();
        partners.sort_unstable();
        let mut own = plain.labels.clone();
        own.sort_unstable();
        assert_eq!(partners, own, "partners are a permutation");
        let steps = (0..6).filter(|&t| {
            mixed.input.index_axis(ndarray::Axis(0), t) != plain.input.index_axis(ndarray::Axis(0), t)
        });
        let steps = steps.count();
        assert!(steps as f64 <= facts.share * 6.0 + 1e-9);
        changed += steps;
        for t in 0..6 {
            let sorted = |batch: &Batch| {
                let mut row: Vec<f32> = batch.input.slice(ndarray::s![t, .., 1]).to_vec();
                row.sort_by(f32::total_cmp);
                row
            };
            assert_eq!(sorted(&mixed), sorted(plain), "nothing is made up");
        }
    }
    assert!(changed > 0);
}

proptest! {
    #[test]
    fn every_sample_comes_once(count in 0..40_usize, size in 1..12_usize, seed: u64, epoch in 0..5_u64) {
        let split = split(count, 1);
        let loader = Loader::new(&split, 3, size, Order::Shuffled { seed, epoch });
        prop_assert_eq!(loader.len(), count.div_ceil(size));
        let mut seen: Vec<usize> = loader.flat_map(|batch| batch.unwrap().indices).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn skipping_gives_the_rest_of_the_same_epoch(count in 0..30_usize, size in 1..7_usize, skip in 0..8_usize) {
        let split = split(count, 2);
        let loader = || Loader::new(&split, 3, size, Order::Shuffled { seed: 9, epoch: 4 });
        let whole: Vec<Batch> = loader().skip(skip).map(Result::unwrap).collect();
        let resumed = loader().skip_batches(skip);
        prop_assert_eq!(resumed.len(), whole.len());
        prop_assert_eq!(resumed.map(Result::unwrap).collect::<Vec<_>>(), whole);
    }
}
