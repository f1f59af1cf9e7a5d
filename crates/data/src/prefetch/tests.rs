//! The same batches in the same order, whoever makes them, and no way to be left waiting.

use std::collections::BTreeSet;
use std::sync::Arc;

use ndarray::{Array2, Array3};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::*;
use crate::spike_file::{SpikeFileHead, SpikeFileWriter};
use crate::{Augmentation, Content, DataConfig, DataName, Order, Pad, Sample, SpikeFile, Spikes, Split};

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

fn sample(index: usize, content: Content) -> Sample {
    Sample { content, label: index % 3, speaker: "s".to_owned(), id: index.to_string() }
}

/// Features of different lengths.
fn features(count: usize) -> Split {
    let content = |index: usize| Content::Features {
        values: Array2::from_shape_fn((2 + index % 5, 20), |(t, c)| (100 * index + 10 * t + c) as f32),
        power: 1.0,
    };
    Split::as_they_are((0..count).map(|index| sample(index, content(index))).collect())
}

fn spikes_of(index: usize) -> Spikes {
    let times: Vec<f32> = (0..40 + index).map(|k| 0.001 * k as f32).collect();
    let units = (0..times.len()).map(|k| u16::try_from((k * 7 + index) % 40).unwrap()).collect();
    Spikes::checked(times, units, 40, "made").unwrap().0
}

/// Spikes in memory, or in a file in `folder`.
fn spikes(count: usize, folder: Option<&std::path::Path>, pad: Pad) -> Split {
    let usual = DataConfig::default_for(DataName::Shd).binning();
    let binning = crate::Binning { steps: 9, sum_channels: 2, channels: 40, ..usual };
    let file = folder.map(|folder| {
        let path = folder.join("set.h5");
        let head =
            SpikeFileHead { samples: count, keys: vec!["yes".to_owned(); 3], ..SpikeFileHead::default() };
        let mut writer = SpikeFileWriter::create(&path, head).unwrap();
        (0..count).for_each(|index| writer.push(&spikes_of(index), index % 3, None).unwrap());
        writer.finish().unwrap();
        Arc::new(SpikeFile::open(&path).unwrap())
    });
    let content = |index| match &file {
        Some(file) => Content::Stored { file: Arc::clone(file), index },
        None => Content::Spikes(spikes_of(index)),
    };
    let samples = (0..count).map(|index| sample(index, content(index))).collect();
    let preparation = crate::Preparation { binning: Some(binning), pad, ..crate::Preparation::default() };
    let mut split = Split::new(samples, Arc::new(preparation));
    split.longest_stored = 9;
    split
}

fn loader(split: &Split, augmented: bool) -> Loader<'_> {
    let changes = Augmentation { noise: 0.5, channel_shift: 2.0, cutmix: 0.7, ..Augmentation::default() };
    let loader = Loader::new(split, 6, 4, Order::Shuffled { seed: 3, epoch: 1 });
    if augmented { loader.augmented(changes, 3, 1) } else { loader }
}

/// All batches, whose buffers are filled with other numbers and given back.
fn collected(loader: Loader<'_>) -> Vec<Batch> {
    loader.ahead(|batches| {
        let (mut all, mut left) = (Vec::new(), batches.len());
        while let Some(batch) = batches.next() {
            let batch = batch.unwrap();
            let mut used = batch.input.clone();
            used.fill(f32::NAN);
            batches.give(used);
            all.push(batch);
            left -= 1;
            assert_eq!(batches.len(), left);
        }
        all
    })
}

#[test]
fn batches_are_the_same_ahead_or_not_on_any_number_of_threads_from_inside_and_outside_of_a_pool() {
    let folder = tempfile::tempdir().unwrap();
    let file = spikes(23, Some(folder.path()), Pad::Fixed);
    for split in
        [features(23), spikes(23, None, Pad::Fixed), spikes(23, None, Pad::Longest), file, features(0)]
    {
        for augmented in [false, true] {
            let expected: Vec<Batch> = loader(&split, augmented).map(Result::unwrap).collect();
            assert_eq!(collected(loader(&split, augmented)), expected);
            for threads in [1, 2, 3, 8] {
                let found = pool(threads).install(|| collected(loader(&split, augmented)));
                assert_eq!(found, expected, "{threads} threads");
            }
            let rest = collected(loader(&split, augmented).skip_batches(2));
            assert_eq!(rest, expected[2.min(expected.len())..]);
        }
    }
}

#[test]
fn parts_of_a_batch_are_cut_out_of_the_whole_one() {
    for split in [features(23), spikes(23, None, Pad::Longest)] {
        for augmented in [false, true] {
            let whole: Vec<Batch> = loader(&split, augmented).map(Result::unwrap).collect();
            for parts in [1, 2, 3] {
                for rank in 0..parts {
                    let part = collected(loader(&split, augmented).part(rank, parts));
                    assert_eq!(part.len(), whole.len());
                    for (part, whole) in part.iter().zip(&whole) {
                        let places = crate::share(whole.labels.len(), rank, parts);
                        assert_eq!(part.input, whole.input.slice(ndarray::s![.., places.clone(), ..]));
                        assert_eq!(part.input.strides()[1], 1);
                        assert_eq!(part.indices, whole.indices[places.clone()]);
                        assert_eq!(part.labels, whole.labels[places.clone()]);
                        assert_eq!(part.lengths, whole.lengths[places.clone()]);
                        let of = |batch: &Batch| batch.mixed.as_ref().map(|m| (m.labels.clone(), m.share));
                        let mixed = of(whole).map(|(labels, share)| (labels[places.clone()].to_vec(), share));
                        assert_eq!(of(part), mixed);
                    }
                }
            }
        }
    }
}

#[test]
fn shares_cover_a_batch_in_order_and_are_alike_in_size() {
    for count in 0..20 {
        for parts in 1..6 {
            let shares: Vec<_> = (0..parts).map(|rank| crate::share(count, rank, parts)).collect();
            let all: Vec<usize> = shares.iter().cloned().flatten().collect();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
            let sizes: BTreeSet<usize> = shares.iter().map(ExactSizeIterator::len).collect();
            assert!(sizes.last().unwrap() - sizes.first().unwrap() <= 1, "{count} in {parts}: {sizes:?}");
        }
    }
}

/// Batches of four: the third has a sample with another number of channels.
#[test]
fn a_panic_in_the_making_is_an_error_at_its_place_and_the_end() {
    let mut split = features(20);
    split.samples[9].content = Content::Features { values: Array2::zeros((3, 7)), power: 1.0 };
    for threads in [1, 2, 3] {
        let (good, error, left) = pool(threads).install(|| {
            Loader::new(&split, 6, 4, Order::Sequential).ahead(|batches| {
                let good = batches.by_ref().take_while(Result::is_ok).count();
                (good, "taken", batches.len())
            })
        });
        assert_eq!((good, error, left), (2, "taken", 0), "{threads} threads");
        let error = pool(threads).install(|| {
            Loader::new(&split, 6, 4, Order::Sequential)
                .ahead(|batches| batches.collect::<Result<Vec<_>, _>>().unwrap_err().to_string())
        });
        assert!(error.contains("the batch that begins with sample \"8\""), "{error}");
        assert!(error.contains(r#"channels of sample \"9\""#), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_any_more_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let split = spikes(12, Some(folder.path()), Pad::Fixed);
    std::fs::File::options().write(true).open(folder.path().join("set.h5")).unwrap().set_len(64).unwrap();
    for threads in [1, 2] {
        let error = pool(threads).install(|| {
            loader(&split, false).ahead(|batches| batches.next().unwrap().unwrap_err().to_string())
        });
        assert!(error.contains("set.h5, sample "), "{error}");
    }
}

/// Nothing waits for batches that nobody takes, and a panic of the user is his own.
#[test]
fn whoever_stops_early_is_let_go() {
    let split = features(40);
    for threads in [1, 2, 3] {
        for taken in 0..4 {
            let found =
                pool(threads).install(|| loader(&split, true).ahead(|b| b.by_ref().take(taken).count()));
            assert_eq!(found, taken);
        }
        let panic = catch_unwind(AssertUnwindSafe(|| {
            pool(threads).install(|| {
                loader(&split, false).ahead(|batches| {
                    batches.next();
                    panic!("the user's own");
                })
            })
        }));
        assert_eq!(said(&*panic.unwrap_err()), "the user's own");
    }
}

#[test]
fn two_buffers_serve_all_batches_of_an_epoch() {
    let split = features(64);
    for threads in [1, 2, 3] {
        let places: Vec<usize> = pool(threads).install(|| {
            Loader::new(&split, 6, 4, Order::Sequential).ahead(|batches| {
                let mut places = Vec::new();
                while let Some(batch) = batches.next() {
                    let input: Array3<f32> = batch.unwrap().input;
                    places.push(input.as_slice_memory_order().unwrap().as_ptr().addr());
                    batches.give(input);
                }
                places
            })
        });
        // The first two batches have theirs, and every later one that of the batch before the last.
        assert!(places[2..].iter().all(|place| places[..2].contains(place)), "{threads} threads");
    }
}
