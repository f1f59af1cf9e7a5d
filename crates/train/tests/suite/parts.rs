//! One network trained in parts: all parts take the same steps, and what ends one ends all.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use crate::common::{StopAfter, dataset, fresh, go, settings, timeless};
use colearn_data::{Augmentation, Content, Dataset};
use colearn_tape::{Alone, Reduce, ThreadParts};
use colearn_train::{
    BatchEvent, Checkpoint, OnNonFinite, Outcome, Silent, TrainConfig, TrainError, Trainer, Watcher,
};

/// 22 samples in batches of 8: the last batch has 6.
fn config() -> TrainConfig {
    TrainConfig { augment: Augmentation { noise: 0.1, cutmix: 0.5, ..Augmentation::default() }, ..settings() }
}

/// What each of `count` parts gives, each with its own threads.
fn in_parts<R: Send>(count: usize, run: impl Fn(usize, Arc<dyn Reduce>) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let run = &run;
        let parts = ThreadParts::new(count).into_iter().enumerate();
        let threads: Vec<_> = parts
            .map(|(rank, part)| {
                scope.spawn(move || {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(1 + rank % 2).build().unwrap();
                    pool.install(|| run(rank, Arc::new(part)))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Keeps what it is told.
#[derive(Default)]
struct Keep(Vec<BatchEvent>);

impl Watcher for Keep {
    fn batch(&mut self, event: &BatchEvent) {
        self.0.push(event.clone());
    }
}

/// State and batches of a whole run.
fn run(mut trainer: Trainer<'_>) -> (Checkpoint, Vec<BatchEvent>) {
    let mut kept = Keep::default();
    assert_eq!(trainer.run(&mut kept, &go()).unwrap(), Outcome::Finished);
    (timeless(&trainer), kept.0)
}

#[test]
fn all_parts_end_with_the_same_bits_and_begin_as_the_whole_does() {
    let data = dataset();
    let whole = run(fresh(&data, &config()));
    for count in [2, 3] {
        let of = |_: usize, reduce| run(fresh(&data, &config()).shared(reduce).unwrap());
        let found = in_parts(count, of);
        for part in &found[1..] {
            assert_eq!(part, &found[0], "{count} parts");
        }
        assert_eq!(in_parts(count, of), found, "{count} parts, once more");
        let (first, expected) = (&found[0].1[0], &whole.1[0]);
        approx::assert_relative_eq!(first.loss, expected.loss, max_relative = 1e-5);
        approx::assert_relative_eq!(first.gradient_norm, expected.gradient_norm, max_relative = 1e-3);
        assert_eq!(found[0].0.progress.samples, whole.0.progress.samples);
    }
}

#[test]
fn the_only_part_is_the_whole_to_the_bit() {
    let data = dataset();
    let alone = run(fresh(&data, &config()).shared(Arc::new(Alone)).unwrap());
    assert_eq!(alone, run(fresh(&data, &config())));
    assert_eq!(in_parts(1, |_, reduce| run(fresh(&data, &config()).shared(reduce).unwrap())), [alone]);
}

#[test]
fn a_wish_to_stop_in_one_part_stops_all_at_the_same_batch() {
    let data = dataset();
    let found = in_parts(2, |rank, reduce| {
        let flag = AtomicBool::new(false);
        let mut trainer = fresh(&data, &config()).shared(reduce).unwrap();
        let outcome = if rank == 1 {
            trainer.run(&mut StopAfter { batches: 4, flag: &flag }, &flag)
        } else {
            trainer.run(&mut Silent, &flag)
        };
        (outcome.unwrap(), timeless(&trainer))
    });
    assert_eq!(found[0], found[1]);
    assert_eq!((found[0].0, found[0].1.epoch, found[0].1.progress.batches), (Outcome::Stopped, 1, 1));
}

/// Sample 5 is in one of the parts, whichever.
#[test]
fn a_number_that_is_not_finite_in_one_part_is_skipped_or_ends_the_run_in_all() {
    let mut data = dataset();
    let Content::Features { values, .. } = &mut data.train.samples[5].content else { panic!("features") };
    values[[2, 3]] = f32::NAN;
    let with = |on_nonfinite| TrainConfig { on_nonfinite, ..settings() };
    let skipped = in_parts(2, |_, reduce| {
        let mut trainer = fresh(&data, &with(OnNonFinite::Skip)).shared(reduce).unwrap();
        trainer.run(&mut Silent, &go()).unwrap();
        timeless(&trainer)
    });
    assert_eq!(skipped[0], skipped[1]);
    assert!(skipped[0].history.iter().all(|record| record.skipped_batches == 1));
    let errors = in_parts(2, |_, reduce| {
        let mut trainer = fresh(&data, &with(OnNonFinite::Stop)).shared(reduce).unwrap();
        trainer.run(&mut Silent, &go()).unwrap_err().to_string()
    });
    let cause = |text: &String| text.split(" is NaN").next().unwrap().to_owned();
    assert_eq!(cause(&errors[0]), cause(&errors[1]));
    assert!(errors[0].contains("the input of the network is NaN"), "{errors:?}");
}

#[test]
fn more_parts_than_samples_in_a_batch_are_refused() {
    let data: Dataset = dataset();
    for count in [6, 7] {
        let refused = ThreadParts::new(count).into_iter().map(|part| {
            fresh(&data, &settings())
                .shared(Arc::new(part))
                .map(|_| ())
                .map_err(|error: TrainError| error.to_string())
        });
        let expected = "samples of the smallest batch of an epoch: found 6; expected at least one for each of the 7 \
                        processes that train";
        for found in refused {
            assert_eq!(found.err().as_deref(), (count == 7).then_some(expected));
        }
    }
}
