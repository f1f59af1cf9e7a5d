//! The training loop.
//!
//! One epoch: the training split in an order that depends on (seed, epoch) alone; for each batch forward on the tape,
//! cross-entropy, backward, clipping, a step of the optimiser, running statistics; then the validation split with
//! rounded delays and without a tape. Random numbers of a batch come from a generator seeded by (seed, epoch, batch,
//! purpose), so a run that goes on from a checkpoint between any two batches has the same bits as one that never
//! stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use colearn_data::{Batch, Dataset, Loader, Mixed, Order};
use colearn_network::{Delays, Network, NetworkState, ParameterKind};
use colearn_tape::{Tape, Var};
use ndarray::ArrayD;

use crate::checkpoint::Checkpoint;
use crate::clip::{clip_scale, gradient_norm};
use crate::config::ValidTrain;
use crate::error::TrainError;
use crate::evaluate::{SplitResult, check_channels, evaluate};
use crate::optimiser::Optimiser;
use crate::random::{Purpose, generator};
use crate::record::{Best, EpochProgress, EpochRecord, is_better};
use crate::schedule::Schedule;
use crate::spread::SpreadSchedule;
use crate::watch::{BatchEvent, Outcome, RunFiles, Watcher};

/// Most epochs of a run, as [`TrainConfig::epochs`](crate::TrainConfig::epochs).
const MOST_EPOCHS: usize = 1_000_000;

/// Trains one network on one data set.
#[derive(Debug)]
pub struct Trainer<'a> {
    dataset: &'a Dataset,
    config: ValidTrain,
    experiment: String,
    files: Option<RunFiles>,
    network: Network<f32>,
    initial: NetworkState<f32>,
    tape: Tape<f32>,
    optimiser: Optimiser<f32>,
    schedule: Schedule,
    delay_schedule: Schedule,
    spread: SpreadSchedule,
    epoch: usize,
    progress: EpochProgress,
    history: Vec<EpochRecord>,
    best: Option<Best>,
    waiting: usize,
}

impl<'a> Trainer<'a> {
    /// A run from its beginning. `network` is fresh (see [`initial_generator`](crate::initial_generator)) and is calibrated here, on the first
    /// batch; `experiment` is a text that checkpoints carry along.
    ///
    /// # Errors
    /// [`TrainError::EmptySplit`] without training or validation samples, [`TrainError::Mismatch`] when channels or
    /// classes of data and network differ, [`TrainError::Data`] when the set has no such augmentation or a sample cannot
    /// be read.
    pub fn new(
        network: Network<f32>,
        dataset: &'a Dataset,
        config: &ValidTrain,
        experiment: String,
    ) -> Result<Self, TrainError> {
        let mut trainer = Self::unprepared(network, dataset, config, experiment)?;
        let first = trainer.loader(0).next().expect("the training split is not empty")?;
        trainer.network.set_spread(trainer.spread.at(0, config.epochs));
        trainer.network.calibrate(&first.input.view());
        trainer.initial = trainer.network.state();
        Ok(trainer)
    }

    /// A run that goes on from `checkpoint`, with a network of the same configuration.
    ///
    /// # Errors
    /// As [`Trainer::new`], and [`TrainError::Mismatch`] or [`TrainError::Network`] when the checkpoint was made with
    /// other data, another seed or another network.
    pub fn resume(
        network: Network<f32>,
        dataset: &'a Dataset,
        config: &ValidTrain,
        checkpoint: Checkpoint,
    ) -> Result<Self, TrainError> {
        let mut trainer = Self::unprepared(network, dataset, config, checkpoint.experiment.clone())?;
        expect_same("data set of the checkpoint", &checkpoint.dataset, &dataset.name)?;
        expect_same("classes of the checkpoint", &checkpoint.classes, &dataset.classes)?;
        expect_same("input channels of the checkpoint", &checkpoint.channels, &dataset.channels)?;
        expect_same("steps of the checkpoint", &checkpoint.steps, &dataset.steps)?;
        expect_same("normaliser of the checkpoint", &checkpoint.normaliser, &dataset.normaliser)?;
        expect_same("seed of the checkpoint", &checkpoint.seed, &config.seed)?;
        trainer.check_counts(&checkpoint)?;
        trainer.network.restore(checkpoint.network)?;
        trainer.optimiser.restore(checkpoint.optimiser)?;
        trainer.schedule.restore(checkpoint.schedule);
        trainer.delay_schedule.restore(checkpoint.delay_schedule);
        trainer.initial = checkpoint.initial;
        trainer.epoch = checkpoint.epoch;
        trainer.progress = checkpoint.progress;
        trainer.history = checkpoint.history;
        trainer.best = checkpoint.best;
        trainer.waiting = checkpoint.waiting;
        Ok(trainer)
    }

    /// Refuses counts that no run of this data can reach: sums with them could overflow.
    fn check_counts(&self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let (Checkpoint { epoch, progress, waiting, .. }, samples) = (checkpoint, self.dataset.train.len());
        let steps = usize::try_from(checkpoint.optimiser.steps).unwrap_or(usize::MAX);
        for (what, found, most) in [
            ("finished epochs", *epoch, MOST_EPOCHS),
            ("batches of the present epoch", progress.batches, samples),
            ("samples of the present epoch", progress.samples, samples),
            ("right answers of the present epoch", progress.correct, progress.samples),
            ("epochs without a better one", *waiting, *epoch),
            ("epochs since the schedule's best one", checkpoint.schedule.waiting, *epoch),
            ("epochs since the delay schedule's best one", checkpoint.delay_schedule.waiting, *epoch),
            ("steps of the optimiser", steps, MOST_EPOCHS.saturating_mul(samples)),
        ] {
            if found > most {
                let (what, expected) = (format!("{what} in the checkpoint"), format!("at most {most}"));
                return Err(TrainError::Mismatch { what, found: found.to_string(), expected });
            }
        }
        Ok(())
    }

    /// Writes checkpoints to `files` from now on.
    #[must_use]
    pub fn with_files(mut self, files: RunFiles) -> Self {
        self.files = Some(files);
        self
    }

    fn unprepared(
        network: Network<f32>,
        dataset: &'a Dataset,
        config: &ValidTrain,
        experiment: String,
    ) -> Result<Self, TrainError> {
        for (split, name) in [(&dataset.train, "training"), (&dataset.validation, "validation")] {
            if split.is_empty() {
                return Err(TrainError::EmptySplit { set: dataset.name.clone(), split: name });
            }
            check_channels(&network, split)?;
        }
        dataset.train.preparation().check(&config.augment)?;
        expect_same("classes of the data", &dataset.classes.len(), &network.classes())?;
        let steps = (config.epochs * dataset.train.len().div_ceil(config.batch)) as u64;
        Ok(Self {
            optimiser: Optimiser::new(config, network.parameters()),
            schedule: Schedule::new(config.schedule_kind, config.schedule, steps),
            delay_schedule: Schedule::new(config.delay_schedule_kind, config.schedule, steps),
            initial: network.state(),
            tape: Tape::new(),
            config: config.clone(),
            files: None,
            epoch: 0,
            progress: EpochProgress::default(),
            history: Vec::new(),
            best: None,
            waiting: 0,
            dataset,
            experiment,
            network,
            spread: SpreadSchedule::new(config.spread),
        })
    }

    /// Trains until the last epoch, an early stop, or `stop`, which is looked at before each batch.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when a loss or a gradient is no finite number, [`TrainError::Store`] when a checkpoint
    /// cannot be written, [`TrainError::Data`] when a sample cannot be read.
    pub fn run(&mut self, watcher: &mut dyn Watcher, stop: &AtomicBool) -> Result<Outcome, TrainError> {
        while self.epoch < self.config.epochs {
            if self.config.early_stop > 0 && self.waiting >= self.config.early_stop {
                return Ok(Outcome::EarlyStopped);
            }
            if !self.train_epoch(watcher, stop)? {
                self.save_last()?;
                return Ok(Outcome::Stopped);
            }
            self.finish_epoch(watcher)?;
        }
        Ok(Outcome::Finished)
    }

    /// The batches of the present epoch that are left; `false` if `stop` was raised before the last one was done.
    fn train_epoch(&mut self, watcher: &mut dyn Watcher, stop: &AtomicBool) -> Result<bool, TrainError> {
        self.network.set_spread(self.spread.at(self.epoch, self.config.epochs));
        let batches = self.batches();
        for batch in self.loader(self.progress.batches) {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let batch = batch?;
            let start = Instant::now();
            let samples = batch.labels.len();
            let (loss, norm, correct) = self.train_batch(batch)?;
            let progress = &mut self.progress;
            progress.batches += 1;
            progress.samples += samples;
            progress.correct += correct;
            progress.loss_sum += loss * samples as f64;
            progress.norm_sum += norm;
            progress.seconds += start.elapsed().as_secs_f64();
            watcher.batch(&BatchEvent {
                epoch: self.epoch,
                batch: progress.batches,
                batches,
                loss,
                mean_loss: progress.loss_sum / progress.samples as f64,
                accuracy: progress.correct as f64 / progress.samples as f64,
                gradient_norm: norm,
                learning_rate: self.rate_before(self.progress.batches),
            });
        }
        Ok(true)
    }

    /// One step; returns the mean loss, the gradient norm and the number of right answers.
    fn train_batch(&mut self, batch: Batch) -> Result<(f64, f64, usize), TrainError> {
        let number = self.progress.batches;
        let step = (self.epoch * self.batches() + number) as u64;
        let mut rng = generator(self.config.seed, self.epoch, number, Purpose::Dropout);
        let not_finite =
            |what, value| Err(TrainError::NotFinite { epoch: self.epoch, batch: number, what, value });

        self.tape.reset();
        let recording = self.network.record(&mut self.tape, batch.input, &mut rng);
        let loss_var = batch_loss(&mut self.tape, recording.scores, &batch.labels, batch.mixed.as_ref());
        let loss = self.tape.value(loss_var).iter().map(|&loss| f64::from(loss)).sum::<f64>();
        if !loss.is_finite() {
            return not_finite("loss", loss);
        }
        let correct = right_answers(self.tape.value(recording.scores), &batch.labels);
        self.tape.backward(loss_var);

        let gradients: Vec<Option<&ArrayD<f32>>> =
            recording.parameters.iter().map(|&var| self.tape.gradient(var)).collect();
        let norm = gradient_norm(&gradients);
        if !norm.is_finite() {
            return not_finite("gradient norm", norm);
        }
        let (weights, delays) = (self.schedule.factor(step), self.delay_schedule.factor(step));
        let config = &self.config;
        let rate = |kind| {
            let schedule = if kind == ParameterKind::Delay { delays } else { weights };
            config.learning_rate * config.rate_factor.of(kind) * schedule
        };
        let scale = clip_scale(norm, config.clip_norm);
        self.optimiser.step(self.network.parameters_mut(), &gradients, rate, scale);
        self.network.absorb(&recording);
        Ok((loss, norm, correct))
    }

    /// Validation, record, best network, checkpoints; then the next epoch.
    fn finish_epoch(&mut self, watcher: &mut dyn Watcher) -> Result<(), TrainError> {
        let start = Instant::now();
        let rounded = self.evaluate_validation(Delays::Rounded)?;
        let unrounded = if self.config.validate_unrounded {
            Some(self.evaluate_validation(Delays::Stored)?.evaluation.accuracy())
        } else {
            None
        };
        let (accuracy, loss) = (rounded.evaluation.accuracy(), rounded.evaluation.loss());
        let progress = std::mem::take(&mut self.progress);
        let record = EpochRecord {
            epoch: self.epoch,
            train_loss: progress.loss_sum / progress.samples as f64,
            train_accuracy: progress.correct as f64 / progress.samples as f64,
            validation_loss: loss,
            validation_accuracy: accuracy,
            validation_accuracy_unrounded: unrounded,
            hidden_rates: rounded.rates,
            learning_rate: self.rate_before(progress.batches),
            spread: self.spread.at(self.epoch, self.config.epochs),
            gradient_norm: progress.norm_sum / progress.batches as f64,
            seconds: progress.seconds + start.elapsed().as_secs_f64(),
            samples_per_second: progress.samples as f64 / progress.seconds,
        };
        self.schedule.end_epoch(loss);
        self.delay_schedule.end_epoch(loss);
        let before = self.best.as_ref().map(|best| (best.accuracy, best.loss));
        let improved = is_better(self.config.selection, (accuracy, loss), before);
        self.waiting = if improved { 0 } else { self.waiting + 1 };
        if improved {
            self.best = Some(Best { epoch: self.epoch, accuracy, loss, network: self.network.state() });
        }
        self.history.push(record);
        self.epoch += 1;
        if let (true, Some(files)) = (improved, &self.files) {
            self.checkpoint().save(&files.best)?;
        }
        self.save_last()?;
        watcher.epoch(self.history.last().expect("just pushed"), improved);
        Ok(())
    }

    fn evaluate_validation(&mut self, delays: Delays) -> Result<SplitResult, TrainError> {
        self.tape.reset();
        let (split, steps) = (&self.dataset.validation, self.dataset.steps);
        evaluate(&self.network, split, steps, self.config.batch, delays, self.tape.pool())
    }

    /// Batches of an epoch.
    fn batches(&self) -> usize {
        self.dataset.train.len().div_ceil(self.config.batch)
    }

    /// The batches of the present epoch after the first `skip`.
    fn loader(&self, skip: usize) -> Loader<'a> {
        let (seed, epoch) = (self.config.seed, self.epoch as u64);
        Loader::new(
            &self.dataset.train,
            self.dataset.steps,
            self.config.batch,
            Order::Shuffled { seed, epoch },
        )
        .augmented(self.config.augment, seed, epoch)
        .skip_batches(skip)
    }

    /// Learning rate of the weights in the step that ended `batches` batches of the present epoch.
    fn rate_before(&self, batches: usize) -> f64 {
        let step = (self.epoch * self.batches() + batches).saturating_sub(1) as u64;
        self.config.learning_rate * self.config.rate_factor.weight * self.schedule.factor(step)
    }

    fn save_last(&self) -> Result<(), TrainError> {
        self.files.as_ref().map_or(Ok(()), |files| self.checkpoint().save(&files.last))
    }

    /// The present state.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            experiment: self.experiment.clone(),
            dataset: self.dataset.name.clone(),
            classes: self.dataset.classes.clone(),
            channels: self.dataset.channels,
            steps: self.dataset.steps,
            normaliser: self.dataset.normaliser.clone(),
            seed: self.config.seed,
            network: self.network.state(),
            initial: self.initial.clone(),
            optimiser: self.optimiser.state().clone(),
            schedule: self.schedule.state(),
            delay_schedule: self.delay_schedule.state(),
            epoch: self.epoch,
            progress: self.progress.clone(),
            history: self.history.clone(),
            best: self.best.clone(),
            waiting: self.waiting,
        }
    }

    /// The network as it is now.
    #[must_use]
    pub fn network(&self) -> &Network<f32> {
        &self.network
    }

    /// The parameters before the first step.
    #[must_use]
    pub fn initial(&self) -> &NetworkState<f32> {
        &self.initial
    }

    /// The finished epochs.
    #[must_use]
    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    /// The best epoch so far.
    #[must_use]
    pub fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }
}

/// Mean cross-entropy; of a mixed batch that with both labels, weighed by their shares.
fn batch_loss(tape: &mut Tape<f32>, scores: Var, labels: &[usize], mixed: Option<&Mixed>) -> Var {
    let own = tape.cross_entropy(scores, labels);
    let Some(mixed) = mixed else { return own };
    #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
    let share = mixed.share as f32;
    let other = tape.cross_entropy(scores, &mixed.labels);
    let (own, other) = (tape.scale(own, 1.0 - share), tape.scale(other, share));
    tape.add(own, other)
}

/// Rows of `scores` (B, C) whose largest entry, the first among equals, is the label.
fn right_answers(scores: &ArrayD<f32>, labels: &[usize]) -> usize {
    let answer = |row: ndarray::ArrayViewD<'_, f32>| {
        row.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (class, &score)| {
            if score > best.1 { (class, score) } else { best }
        })
    };
    scores.outer_iter().zip(labels).filter(|(row, label)| answer(row.view()).0 == **label).count()
}

fn expect_same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), TrainError> {
    if found == expected {
        return Ok(());
    }
    Err(TrainError::Mismatch {
        what: what.to_owned(),
        found: format!("{found:?}"),
        expected: format!("{expected:?}"),
    })
}
