//! Loading beside training: it is on the clock, its errors reach the run, and nobody is left waiting.

use std::path::Path;

use crate::common::{StopAfter, dataset, fresh, go, resumed, settings, timeless};
use colearn_data::spike_file::{SpikeFileHead, SpikeFileWriter};
use colearn_data::{Augmentation, DataConfig, DataName, Dataset, LoadOptions, Spikes};
use colearn_network::{Network, NetworkConfig};
use colearn_train::{Checkpoint, Outcome, Silent, Times, TrainConfig, Trainer, initial_generator};

/// A set whose spikes stay in their files.
fn stored(folder: &Path) -> Dataset {
    for (name, samples) in [("train.h5", 30_u16), ("valid.h5", 8)] {
        let keys = vec!["early".to_owned(), "late".to_owned()];
        let head = SpikeFileHead { samples: samples.into(), keys, ..SpikeFileHead::default() };
        let mut writer = SpikeFileWriter::create(folder.join(name), head).unwrap();
        for sample in 0..samples {
            let times = (0..30_u16).map(|k| 0.05 * f32::from(sample % 2) + 0.001 * f32::from(k)).collect();
            let units = (0..30).map(|k| (k * 23 + sample) % 700).collect();
            let (spikes, _) = Spikes::checked(times, units, 700, "made").unwrap();
            writer.push(&spikes, usize::from(sample % 2), None).unwrap();
        }
        writer.finish().unwrap();
    }
    let config = DataConfig {
        root: Some(folder.to_owned()),
        steps: 10,
        sum_channels: 100,
        ..DataConfig::default_for(DataName::Ssc)
    };
    config.load_with(&LoadOptions { memory: 0, ..LoadOptions::default() }).unwrap()
}

fn trainer<'a>(data: &'a Dataset, config: &TrainConfig) -> Trainer<'a> {
    let mut network = NetworkConfig::default();
    network.network.hidden = vec![6];
    network.synapse.max_delay = 3;
    let valid = network.validate(data.channels, data.classes.len()).unwrap();
    let network = Network::new(&valid, &mut initial_generator(config.seed));
    Trainer::new(network, data, &config.validate().unwrap(), String::new()).unwrap()
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

#[test]
fn sets_in_files_train_to_the_same_bits_on_any_number_of_threads_and_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let data = stored(folder.path());
    let changes = Augmentation { spike_drop: 0.2, time_jitter: 1.0, ..Augmentation::default() };
    for augment in [Augmentation::default(), changes] {
        let config = TrainConfig { augment, ..settings() };
        let whole = |threads| {
            pool(threads).install(|| {
                let mut run = trainer(&data, &config);
                assert_eq!(run.run(&mut Silent, &go()).unwrap(), Outcome::Finished);
                timeless(&run)
            })
        };
        let expected = whole(1);
        for threads in [2, 3, 8] {
            assert_eq!(whole(threads), expected, "{threads} threads");
        }
        let flag = go();
        let mut first = trainer(&data, &config);
        first.run(&mut StopAfter { batches: 6, flag: &flag }, &flag).unwrap();
        let network = trainer(&data, &config).network().clone();
        let valid = config.validate().unwrap();
        let mut second = Trainer::resume(network, &data, &valid, first.checkpoint()).unwrap();
        second.run(&mut Silent, &go()).unwrap();
        assert_eq!(timeless(&second), expected);
    }
}

#[test]
fn a_file_that_is_cut_off_while_a_run_goes_on_ends_it_with_an_error() {
    for threads in [1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let data = stored(folder.path());
        let mut run = trainer(&data, &settings());
        let file = std::fs::File::options().write(true).open(folder.path().join("train.h5")).unwrap();
        file.set_len(100).unwrap();
        let error = pool(threads).install(|| run.run(&mut Silent, &go())).unwrap_err().to_string();
        assert!(error.contains("train.h5, sample "), "{threads} threads: {error}");
    }
}

/// Clocks are read, not compared with others: a part of a time is not longer than the time.
#[test]
fn waiting_is_a_part_of_training_training_of_its_epoch_and_epochs_of_the_wall_time() {
    let folder = tempfile::tempdir().unwrap();
    for data in [dataset(), stored(folder.path())] {
        for threads in [1, 2] {
            let mut run = trainer(&data, &settings());
            pool(threads).install(|| run.run(&mut Silent, &go())).unwrap();
            let mut all = 0.0;
            for record in run.history() {
                let training = data.train.len() as f64 / record.samples_per_second;
                let waited = record.waited.unwrap();
                assert!(waited > 0.0 && waited <= training, "waited {waited} of {training}");
                assert!(training <= record.seconds, "trained {training} of {}", record.seconds);
                all += record.seconds;
            }
            assert!(all <= run.wall_seconds(), "{all} of {}", run.wall_seconds());
            assert!(run.wall_is_whole());
            let times = run.checkpoint().times.unwrap();
            assert!(times.wall >= all && times.whole && times.waiting == Some(0.0));
            assert_eq!(times.waited, run.history().iter().map(|record| record.waited).collect::<Vec<_>>());
        }
    }
}

#[test]
fn the_wall_time_of_a_run_that_goes_on_is_that_of_all_its_sittings() {
    let data = dataset();
    let flag = go();
    let mut first = fresh(&data, &settings());
    first.run(&mut StopAfter { batches: 4, flag: &flag }, &flag).unwrap();
    let mut checkpoint = first.checkpoint();
    let times = checkpoint.times.as_mut().unwrap();
    times.wall += 1000.0;
    let before = times.wall;
    let mut second = resumed(&data, &settings(), checkpoint.clone());
    second.run(&mut Silent, &go()).unwrap();
    assert!(second.wall_seconds() > before && second.wall_is_whole());
    assert!(second.history().iter().all(|record| record.waited.is_some()));

    // What an older version wrote: the times of its sittings are those of its epochs, and are not whole.
    let epochs: f64 = checkpoint.history.iter().map(|record| record.seconds).sum();
    checkpoint.history[0].seconds += 500.0;
    (checkpoint.history[0].waited, checkpoint.progress.waited) = (None, None);
    let old = Checkpoint { times: None, ..checkpoint };
    let mut third = resumed(&data, &settings(), old);
    assert!(third.wall_seconds() >= epochs + 500.0 && !third.wall_is_whole());
    third.run(&mut Silent, &go()).unwrap();
    let times = third.checkpoint().times.unwrap();
    let known: Vec<bool> = times.waited.iter().map(Option::is_some).collect();
    assert_eq!((known, times.whole), (vec![false, false, true], false));
    let fourth = resumed(&data, &settings(), third.checkpoint());
    assert!(!fourth.wall_is_whole(), "it stays so");
}

#[test]
fn times_that_cannot_be_are_refused() {
    let data = dataset();
    let good = fresh(&data, &settings()).checkpoint();
    let times = |wall, waiting| Some(Times { wall, whole: true, waited: vec![], waiting });
    for (times, found) in [
        (times(f64::NAN, Some(0.0)), "NaN"),
        (times(-1.0, None), "-1"),
        (times(1.0, Some(f64::INFINITY)), "inf"),
    ] {
        let valid = settings().validate().unwrap();
        let checkpoint = Checkpoint { times, ..good.clone() };
        let error =
            Trainer::resume(crate::common::network(9), &data, &valid, checkpoint).unwrap_err().to_string();
        let expected =
            format!("a time in the checkpoint: found {found}; expected a finite number of seconds");
        assert_eq!(error, expected);
    }
}
