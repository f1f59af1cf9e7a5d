//! Checkpoint files: loading, restoring the network, going on with the run.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use colearn_data::{Content, DataFacts, Dataset, Normaliser, Protocol, Sample, Split};
use colearn_network::{Network, NetworkConfig, ValidNetwork};
use colearn_train::checkpoint::FORMAT;
use colearn_train::{
    Checkpoint, Silent, Times, TrainConfig, TrainError, Trainer, ValidTrain, initial_generator,
};
use ndarray::Array2;

use super::{Outcome, Target};
use crate::mutate::Form;

const CHANNELS: usize = 2;

/// A run of two epochs of two batches that is resumed from a file.
#[derive(Debug)]
pub(super) struct Resume {
    dataset: Dataset,
    network: ValidNetwork,
    train: ValidTrain,
}

impl Resume {
    pub(super) fn new() -> Self {
        let mut network = NetworkConfig::default();
        network.network.hidden = vec![3];
        network.synapse.max_delay = 4;
        let train = TrainConfig { epochs: 2, batch: 3, ..TrainConfig::default() };
        Self {
            dataset: dataset(),
            network: network.validate(CHANNELS, 2).expect("a valid network"),
            train: train.validate().expect("valid settings"),
        }
    }

    fn fresh(&self) -> Network<f32> {
        Network::new(&self.network, &mut initial_generator(self.train.seed))
    }

    /// The run's checkpoints: before the first step, and after the last, without the times of the machine.
    fn checkpoints(&self) -> Result<[Checkpoint; 2], TrainError> {
        let mut trainer =
            Trainer::new(self.fresh(), &self.dataset, &self.train, "[train]\nepochs = 2\n".to_owned())?;
        let mut first = trainer.checkpoint();
        trainer.run(&mut Silent, &AtomicBool::new(false))?;
        let mut last = trainer.checkpoint();
        for record in &mut last.history {
            (record.seconds, record.samples_per_second) = (1.0, 6.0);
        }
        for (checkpoint, waited) in [(&mut first, vec![]), (&mut last, vec![Some(0.25), None])] {
            checkpoint.times = Some(Times { wall: 2.5, whole: true, waited, waiting: Some(0.0) });
        }
        Ok([first, last])
    }

    fn resume(&self, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let mut trainer = Trainer::resume(self.fresh(), &self.dataset, &self.train, checkpoint)?;
        trainer.run(&mut Silent, &AtomicBool::new(false))?;
        Ok(())
    }
}

impl Target for Resume {
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn form(&self) -> Form {
        Form::Envelope
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let checkpoints = self.checkpoints().expect("a small run ends well");
        checkpoints.iter().map(|checkpoint| FORMAT.encode(checkpoint)).collect()
    }

    fn run(&self, input: &[u8], scratch: &Path) -> Outcome {
        let path = scratch.join("case.ckpt");
        if let Err(error) = std::fs::write(&path, input) {
            return Outcome::Refused(format!("the checkpoint cannot be written: {error}"));
        }
        Checkpoint::load(&path).and_then(|checkpoint| self.resume(checkpoint)).into()
    }
}

/// A good checkpoint with a few fields overwritten: nine bytes each, which field and the bits of its value. Reaches what
/// changes to a file's bytes hit once in a million.
#[derive(Debug)]
pub(super) struct Fields {
    run: Resume,
    good: Checkpoint,
}

impl Fields {
    pub(super) fn new() -> Self {
        let run = Resume::new();
        let [good, _] = run.checkpoints().expect("a small run ends well");
        Self { run, good }
    }
}

impl Target for Fields {
    fn name(&self) -> &'static str {
        "checkpoint-fields"
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let one = |field: u8, bits: u64| [&[field][..], &bits.to_le_bytes()].concat();
        // An epoch and a schedule's factor; a weight and the best network.
        vec![
            [one(0, 1), one(5, 0.5_f64.to_bits())].concat(),
            [one(9, u64::from(0.25_f32.to_bits())), one(19, 1)].concat(),
        ]
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        let mut checkpoint = self.good.clone();
        for change in input.chunks_exact(9) {
            overwrite(
                &mut checkpoint,
                change[0],
                u64::from_le_bytes(change[1..].try_into().expect("eight bytes")),
            );
        }
        self.run.resume(checkpoint).into()
    }
}

fn overwrite(checkpoint: &mut Checkpoint, field: u8, bits: u64) {
    let (count, place) = (usize::try_from(bits).unwrap_or(usize::MAX), usize::from(field / 20));
    #[expect(clippy::cast_possible_truncation, reason = "the low half is as good as any")]
    let single = f32::from_bits(bits as u32);
    let long = f64::from_bits(bits);
    match field % 20 {
        0 => checkpoint.epoch = count,
        1 => checkpoint.progress.batches = count,
        2 => checkpoint.progress.samples = count,
        3 => checkpoint.progress.correct = count,
        4 => checkpoint.waiting = count,
        5 => checkpoint.schedule.factor = long,
        6 => checkpoint.schedule.waiting = count,
        7 => checkpoint.delay_schedule.waiting = count,
        8 => checkpoint.delay_schedule.best = Some(long),
        9 | 10 => {
            let parameters = &mut checkpoint.network.parameters;
            let place = place % parameters.len();
            parameters[place].1.fill(single);
        }
        11 => {
            let statistics = &mut checkpoint.network.statistics;
            let place = place % statistics.len();
            statistics[place].1.fill(single);
        }
        12 => checkpoint.network.spread = single,
        13 => {
            let moments = &mut checkpoint.optimiser.second;
            let place = place % moments.len();
            moments[place].fill(single);
        }
        14 => checkpoint.progress.loss_sum = long,
        15 => checkpoint.progress.norm_sum = long,
        16 => checkpoint.seed = bits,
        17 => checkpoint.steps = count,
        18 => checkpoint.optimiser.steps = bits,
        19 => checkpoint.best = None,
        _ => unreachable!("a remainder of 20"),
    }
}

/// Six clips to train, two to validate, of 4 to 6 steps.
fn dataset() -> Dataset {
    let sample = |n: usize| Sample {
        content: Content::Features {
            values: Array2::from_shape_fn((4 + n % 3, CHANNELS), |(t, c)| {
                ((t + 3 * c + 5 * n) % 7) as f32 / 2.0 - 1.5
            }),
            power: 1.0,
        },
        label: n % 2,
        speaker: format!("speaker {n}"),
        id: format!("clip {n}"),
    };
    Dataset {
        name: "clips".to_owned(),
        classes: vec!["left".to_owned(), "right".to_owned()],
        channels: CHANNELS,
        channel_label: "Channel",
        step_s: 0.01,
        steps: 5,
        train: Split::as_they_are((0..6).map(sample).collect()),
        validation: Split::as_they_are((6..8).map(sample).collect()),
        test: None,
        protocol: Protocol::NoTest,
        normaliser: Normaliser { mean: vec![0.0; CHANNELS], deviation: vec![1.0; CHANNELS] },
        facts: DataFacts::default(),
        notes: Vec::new(),
    }
}
