//! The training loop.
//!
//! One epoch: the training split in an order that depends on (seed, epoch) alone, the next batch of which is made while
//! the present one is used; for each batch forward on the tape, cross-entropy, backward, clipping, a step of the
//! optimiser, running statistics, which a short epoch recomputes at its end; then the validation split with rounded delays
//! and without a tape. Random numbers of a batch come from a generator seeded by (seed, epoch, batch, purpose), so a run
//! that goes on from a checkpoint between any two batches has the same bits as one that never stopped.

mod parts;
mod state;
mod step;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use colearn_data::{Batches, Dataset, Loader, Order};
use colearn_network::{Delays, Network, NetworkState};
use colearn_optim::Schedule;
use colearn_tape::{Alone, Reduce, Tape, on_workers};
use ndarray::Array3;

use crate::config::{OnNonFinite, ValidTrain};
use crate::error::TrainError;
use crate::evaluate::{SplitResult, check_channels, evaluate};
use crate::finite::{Flaw, all_finite};
use crate::identity::RunId;
use crate::optimiser::Optimiser;
use crate::record::{Best, EpochProgress, EpochRecord, is_better};
use crate::spread::SpreadSchedule;
use crate::warning::{Warning, new_warnings};
use crate::watch::{BatchEvent, Outcome, RunFiles, Watcher};
use state::Before;
use step::Step;

/// What became of a batch.
enum Next {
    Used(BatchEvent),
    /// It was left out.
    Skipped,
    /// There was a wish to stop before it.
    Stopped,
}

/// Trains one network on one data set.
#[derive(Debug)]
pub struct Trainer<'a> {
    dataset: &'a Dataset,
    config: ValidTrain,
    experiment: String,
    run: Option<RunId>,
    files: Option<RunFiles>,
    /// Whether this process has written the last checkpoint.
    last_is_good: bool,
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
    /// When this sitting began, and the time of those before.
    began: Instant,
    before: Before,
    /// Adds over the processes that train this network together.
    reduce: Arc<dyn Reduce>,
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
        let first = trainer.first_batch()?;
        trainer.network.set_spread(trainer.spread.at(0, config.epochs));
        trainer.network.calibrate(&first.view());
        trainer.initial = trainer.network.state();
        Ok(trainer)
    }

    /// The input of the first batch, or of the first one without a flaw: a flaw in the statistics would stay.
    fn first_batch(&self) -> Result<Array3<f32>, TrainError> {
        let mut usual = None;
        for batch in self.loader(0) {
            let input = batch?.input;
            if all_finite(&input) {
                return Ok(input);
            }
            usual.get_or_insert(input);
        }
        Ok(usual.expect("the training split is not empty"))
    }

    /// Writes checkpoints to `files` from now on.
    #[must_use]
    pub fn with_files(mut self, files: RunFiles) -> Self {
        self.files = Some(files);
        self
    }

    /// Checkpoints name `run` as the run that they are states of.
    #[must_use]
    pub fn with_run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    /// The run's present sitting began at `began`, where reading the data counts as well.
    #[must_use]
    pub fn since(mut self, began: Instant) -> Self {
        self.began = began;
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
        let mut tape = Tape::new();
        tape.set_recompute(config.recompute);
        let steps = (config.epochs * dataset.train.len().div_ceil(config.batch)) as u64;
        Ok(Self {
            optimiser: Optimiser::new(config, network.parameters()),
            schedule: Schedule::new(config.schedule_kind, config.schedule, steps),
            delay_schedule: Schedule::new(config.delay_schedule_kind, config.schedule, steps),
            initial: network.state(),
            tape,
            config: config.clone(),
            run: None,
            files: None,
            last_is_good: false,
            epoch: 0,
            progress: EpochProgress::default(),
            history: Vec::new(),
            best: None,
            waiting: 0,
            began: Instant::now(),
            before: Before { seconds: 0.0, whole: true },
            reduce: Arc::new(Alone),
            dataset,
            experiment,
            network,
            spread: SpreadSchedule::new(config.spread),
        })
    }

    /// Trains until the last epoch, an early stop, or `stop`, which is looked at before each batch.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when a number is infinite or NaN and batches are not to be skipped, or when it is in a
    /// parameter; [`TrainError::AllSkipped`] after an epoch without a step; [`TrainError::Store`] when a checkpoint cannot
    /// be written, [`TrainError::Data`] when a sample cannot be read.
    pub fn run(&mut self, watcher: &mut dyn Watcher, stop: &AtomicBool) -> Result<Outcome, TrainError> {
        while self.epoch < self.config.epochs {
            if self.config.early_stop > 0 && self.waiting >= self.config.early_stop {
                return Ok(Outcome::EarlyStopped);
            }
            if !self.train_epoch(watcher, stop)? {
                self.check_state()?;
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
        let loader = self.loader(self.progress.batches).part(self.reduce.rank(), self.reduce.parts());
        let mut clock = Instant::now();
        loader.ahead(|batches| {
            while batches.len() > 0 {
                let went_on = self.next_batch(batches, watcher, stop);
                let now = Instant::now();
                self.progress.seconds += (now - clock).as_secs_f64();
                clock = now;
                match went_on? {
                    Next::Used(event) => watcher.batch(&event),
                    Next::Skipped => {}
                    Next::Stopped => return Ok(false),
                }
            }
            Ok(true)
        })
    }

    /// One batch of the epoch, unless `stop` was raised before.
    fn next_batch(
        &mut self,
        batches: &mut Batches<'_, '_>,
        watcher: &mut dyn Watcher,
        stop: &AtomicBool,
    ) -> Result<Next, TrainError> {
        let start = Instant::now();
        let next = if stop.load(Ordering::Relaxed) { None } else { batches.next() };
        let waited = start.elapsed().as_secs_f64();
        self.progress.waited = self.progress.waited.map(|before| before + waited);
        let Some(batch) = self.agreed(next)? else { return Ok(Next::Stopped) };
        let all = self.batches();
        let step = on_workers(|| self.train_batch(&batch));
        batches.give(batch.input);
        let Step { loss, norm, correct } = match step {
            Ok(step) => step,
            Err(flaw) => {
                self.skip(flaw, all, watcher)?;
                return Ok(Next::Skipped);
            }
        };
        let samples = self.samples_of_batch();
        let progress = &mut self.progress;
        progress.batches += 1;
        progress.samples += samples;
        progress.correct += correct;
        progress.loss_sum += loss * samples as f64;
        progress.norm_sum += norm;
        Ok(Next::Used(BatchEvent {
            epoch: self.epoch,
            batch: progress.batches,
            batches: all,
            loss,
            mean_loss: progress.loss_sum / progress.samples as f64,
            accuracy: progress.correct as f64 / progress.samples as f64,
            gradient_norm: norm,
            learning_rate: self.rate_before(self.progress.batches),
        }))
    }

    /// Leaves out the present batch, if that is allowed and some other batch of the epoch was or may be used.
    fn skip(&mut self, flaw: Flaw, batches: usize, watcher: &mut dyn Watcher) -> Result<(), TrainError> {
        let (epoch, batch, Flaw { what, value }) = (self.epoch, self.progress.batches, flaw);
        if self.config.on_nonfinite == OnNonFinite::Stop {
            return Err(TrainError::NotFinite { epoch, batch, what, value });
        }
        self.progress.batches += 1;
        self.progress.skipped += 1;
        if self.progress.skipped == batches {
            return Err(TrainError::AllSkipped { epoch, batches, what, value });
        }
        watcher.warning(&Warning::Skipped { epoch, batch, what, value });
        Ok(())
    }

    /// Refuses a network with a number that is not finite: no checkpoint may hold one.
    fn check_state(&self) -> Result<(), TrainError> {
        self.network.state().first_not_finite().map_or(Ok(()), |(name, value)| {
            let (what, value) = (format!("after its step the parameter {name}"), f64::from(value));
            let batch = self.progress.batches.saturating_sub(1);
            Err(TrainError::NotFinite { epoch: self.epoch, batch, what, value })
        })
    }

    /// Validation, record, best network, checkpoints; then the next epoch.
    fn finish_epoch(&mut self, watcher: &mut dyn Watcher) -> Result<(), TrainError> {
        let start = Instant::now();
        self.check_state()?;
        self.recompute_statistics()?;
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
            gradient_norm: progress.norm_sum / (progress.batches - progress.skipped) as f64,
            seconds: progress.seconds + start.elapsed().as_secs_f64(),
            samples_per_second: progress.samples as f64 / progress.seconds,
            waited: progress.waited,
            skipped_batches: progress.skipped,
            unstable_units: self.network.unstable_units(),
        };
        self.schedule.end_epoch(loss);
        self.delay_schedule.end_epoch(loss);
        let before = self.best.as_ref().map(|best| (best.accuracy, best.loss));
        let improved = is_better(self.config.selection, (accuracy, loss), before);
        self.waiting = if improved { 0 } else { self.waiting + 1 };
        if improved {
            self.best = Some(Best { epoch: self.epoch, accuracy, loss, network: self.network.state() });
        }
        let warnings = new_warnings(&self.network, &record, &self.history);
        self.history.push(record);
        self.epoch += 1;
        // The last one first: what a killed process did not write of the best one can be made from it.
        let saved = self.save_last()?;
        if let (true, Some(files), Some(state)) = (improved, &self.files, &saved) {
            files.save(&files.best, state)?;
        }
        watcher.epoch(self.history.last().expect("just pushed"), improved);
        for warning in &warnings {
            watcher.warning(warning);
        }
        Ok(())
    }

    /// Statistics that moved too few times to follow the weights are taken from the whole training split, in its own order
    /// and unchanged, as inference sees it.
    fn recompute_statistics(&mut self) -> Result<(), TrainError> {
        if !self.network.description().config().norm.recomputes(self.batches()) {
            return Ok(());
        }
        self.tape.reset();
        let (split, steps, batch) = (&self.dataset.train, self.dataset.steps, self.config.batch);
        let loader = Loader::new(split, steps, batch, Order::Sequential);
        let (network, pool) = (&mut self.network, self.tape.pool());
        loader.ahead(|batches| {
            let inputs = batches.map(|batch| Ok::<_, TrainError>(batch?.input));
            network.recompute_statistics(inputs, pool)
        })
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
