//! Sets of a few clips, an epoch of which is one batch or two.

use crate::common::{CHANNELS, dataset, go, split};
use colearn_data::Dataset;
use colearn_network::config::RunningStatistics;
use colearn_network::{Delays, Network, NetworkConfig};
use colearn_tape::Pool;
use colearn_train::{Silent, TrainConfig, Trainer, evaluate, initial_generator};

/// `samples` clips for training, 20 for validation.
fn set(samples: usize) -> Dataset {
    Dataset { train: split(samples, 0), validation: split(20, 1), ..dataset() }
}

/// Training accuracy with the statistics of inference after the last epoch, and the largest validation loss.
fn learn(data: &Dataset, train: &TrainConfig, statistics: RunningStatistics) -> (f64, f64) {
    let mut config = NetworkConfig::default();
    config.norm.statistics = statistics;
    config.network.hidden = vec![32, 32];
    let network = Network::new(&config.validate(CHANNELS, 2).unwrap(), &mut initial_generator(0));
    let mut trainer = Trainer::new(network, data, &train.validate().unwrap(), String::new()).unwrap();
    trainer.run(&mut Silent, &go()).unwrap();
    let (network, pool) = (trainer.network(), &mut Pool::default());
    let on_training = evaluate(network, &data.train, data.steps, 128, Delays::Rounded, pool).unwrap();
    let largest = trainer.history().iter().map(|record| record.validation_loss).fold(0.0, f64::max);
    (on_training.evaluation.accuracy(), largest)
}

#[test]
fn a_few_clips_are_learned_and_validation_sees_what_was_learned() {
    let train = TrainConfig { learning_rate: 0.03, epochs: 30, ..TrainConfig::default() };
    for samples in [16, 64, 200] {
        let data = set(samples);
        let (accuracy, largest) = learn(&data, &train, RunningStatistics::Auto);
        assert!(accuracy >= 0.99, "{samples} clips: {accuracy}");
        assert!(largest < 1.3, "{samples} clips: {largest}");
        if samples == 64 {
            let moving = learn(&data, &train, RunningStatistics::Moving);
            assert!(moving.0 < accuracy && moving.1 > largest, "{moving:?} against {accuracy}, {largest}");
        }
    }
}

#[test]
fn many_batches_an_epoch_move_the_statistics_as_ever() {
    let (data, train) = (set(60), TrainConfig { batch: 6, epochs: 2, ..TrainConfig::default() });
    let [auto, moving, recomputed] =
        [RunningStatistics::Auto, RunningStatistics::Moving, RunningStatistics::Recomputed]
            .map(|statistics| learn(&data, &train, statistics));
    assert_eq!(auto, moving);
    assert_ne!(auto, recomputed);
}
