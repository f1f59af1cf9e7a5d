//! A tiny synthetic set, networks for it, and runs.

use std::sync::atomic::{AtomicBool, Ordering};

use colearn_data::{Content, DataFacts, Dataset, Normaliser, Protocol, Sample, Split};
use colearn_network::{Network, NetworkConfig};
use colearn_train::{BatchEvent, Checkpoint, SpreadConfig, TrainConfig, Trainer, Watcher, initial_generator};
use ndarray::Array2;

pub(crate) const CHANNELS: usize = 6;
pub(crate) const STEPS: usize = 12;

/// Two classes: activity early in the low channels, or late in the high ones, with some variation.
pub(crate) fn split(samples: usize, shift: usize) -> Split {
    let sample = |index: usize| {
        let label = (index * 7 + shift) % 2;
        let values = Array2::from_shape_fn((STEPS, CHANNELS), |(t, c)| {
            let near = if label == 0 { c < 3 && t < 6 } else { c >= 3 && t >= 6 };
            let wobble = ((index * 31 + t * 17 + c * 13 + shift) % 10) as f32 / 10.0 - 0.5;
            f32::from(u8::from(near)) * 2.0 - 0.5 + 0.6 * wobble
        });
        let content = Content::Features { values, power: 1.0 };
        Sample { content, label, speaker: "s".to_owned(), id: format!("{shift}-{index}") }
    };
    Split::as_they_are((0..samples).map(sample).collect())
}

pub(crate) fn dataset() -> Dataset {
    Dataset {
        name: "early or late".to_owned(),
        classes: vec!["early".to_owned(), "late".to_owned()],
        channels: CHANNELS,
        channel_label: "Channel",
        step_s: 0.01,
        steps: STEPS,
        train: split(22, 0),
        validation: split(10, 1),
        test: None,
        protocol: Protocol::NoTest,
        normaliser: Normaliser { mean: vec![0.0; CHANNELS], deviation: vec![1.0; CHANNELS] },
        facts: DataFacts::default(),
        notes: Vec::new(),
    }
}

pub(crate) fn settings() -> TrainConfig {
    let spread = SpreadConfig { start: 2.0, end: 0.5, share: 0.5 };
    TrainConfig { spread, epochs: 3, batch: 8, seed: 5, learning_rate: 0.02, ..TrainConfig::default() }
}

pub(crate) fn network(seed: u64) -> Network<f32> {
    changed(seed, |_| ())
}

pub(crate) fn changed(seed: u64, change: impl Fn(&mut NetworkConfig)) -> Network<f32> {
    let mut config = NetworkConfig::default();
    config.network.hidden = vec![8, 8];
    config.network.dropout = 0.25;
    config.synapse.max_delay = 4;
    config.synapse.kernel = colearn_synapses::Interpolation::Gaussian;
    change(&mut config);
    Network::new(&config.validate(CHANNELS, 2).unwrap(), &mut initial_generator(seed))
}

pub(crate) fn fresh<'a>(data: &'a Dataset, config: &TrainConfig) -> Trainer<'a> {
    let valid = config.validate().unwrap();
    Trainer::new(network(config.seed), data, &valid, "text".to_owned()).unwrap()
}

pub(crate) fn resumed<'a>(data: &'a Dataset, config: &TrainConfig, checkpoint: Checkpoint) -> Trainer<'a> {
    let valid = config.validate().unwrap();
    Trainer::resume(network(99), data, &valid, checkpoint).unwrap()
}

pub(crate) fn go() -> AtomicBool {
    AtomicBool::new(false)
}

/// The state without the times, which no two runs share.
pub(crate) fn timeless(trainer: &Trainer<'_>) -> Checkpoint {
    let mut state = trainer.checkpoint();
    (state.progress.seconds, state.progress.waited, state.times) = (0.0, None, None);
    for record in &mut state.history {
        (record.seconds, record.samples_per_second, record.waited) = (0.0, 0.0, None);
    }
    state
}

/// Raises the flag after some batches.
pub(crate) struct StopAfter<'a> {
    pub(crate) batches: usize,
    pub(crate) flag: &'a AtomicBool,
}

impl Watcher for StopAfter<'_> {
    fn batch(&mut self, _: &BatchEvent) {
        self.batches -= 1;
        if self.batches == 0 {
            self.flag.store(true, Ordering::Relaxed);
        }
    }
}
