//! A run as a checkpoint: going on from one, and making one.

use std::fmt::Debug;

use colearn_data::{DataFacts, Dataset, Difference, Normaliser};
use colearn_network::{Network, NetworkState};
use colearn_optim::OptimiserState;

use super::Trainer;
use crate::checkpoint::Checkpoint;
use crate::config::MOST_EPOCHS;
use crate::config::ValidTrain;
use crate::error::TrainError;
use crate::finite::first;
use crate::record::{Best, EpochRecord, Times};

impl<'a> Trainer<'a> {
    /// A run that goes on from `checkpoint`, with a network of the same configuration.
    ///
    /// # Errors
    /// As [`Trainer::new`], and [`TrainError::Mismatch`] or [`TrainError::Network`] when the checkpoint was made with
    /// other data, another seed or another network. What a set is called and where it lies does not matter.
    pub fn resume(
        network: Network<f32>,
        dataset: &'a Dataset,
        config: &ValidTrain,
        checkpoint: Checkpoint,
    ) -> Result<Self, TrainError> {
        let mut trainer = Self::unprepared(network, dataset, config, checkpoint.experiment.clone())?;
        as_in_checkpoint("classes", &dataset.classes, &checkpoint.classes)?;
        as_in_checkpoint("input channels", &dataset.channels, &checkpoint.channels)?;
        as_in_checkpoint("steps", &dataset.steps, &checkpoint.steps)?;
        same_data(&dataset.facts, checkpoint.facts.as_ref())?;
        same_statistics(&dataset.normaliser, &checkpoint.normaliser)?;
        as_in_checkpoint("seed", &config.seed, &checkpoint.seed)?;
        trainer.check_counts(&checkpoint)?;
        let before = Before::of(&checkpoint)?;
        check_finite("initial network", &checkpoint.initial)?;
        if let Some(best) = &checkpoint.best {
            check_finite("best network", &best.network)?;
        }
        trainer.network.restore(checkpoint.network)?;
        trainer.check_moments(&checkpoint.optimiser)?;
        trainer.optimiser.restore(checkpoint.optimiser)?;
        trainer.schedule.restore(checkpoint.schedule);
        trainer.delay_schedule.restore(checkpoint.delay_schedule);
        trainer.initial = checkpoint.initial;
        trainer.epoch = checkpoint.epoch;
        trainer.progress = checkpoint.progress;
        trainer.history = checkpoint.history;
        trainer.best = checkpoint.best;
        trainer.waiting = checkpoint.waiting;
        trainer.run = checkpoint.run;
        trainer.before = before;
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
            ("skipped batches of the present epoch", progress.skipped, progress.batches),
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

    /// Refuses moving means with a number that is not finite.
    fn check_moments(&self, state: &OptimiserState<f32>) -> Result<(), TrainError> {
        for (moment, arrays) in [("first", &state.first), ("second", &state.second)] {
            for (parameter, values) in self.network.parameters().iter().zip(arrays) {
                if let Some(value) = first(values) {
                    let what = format!("optimiser state, {moment} moment of {}", parameter.name);
                    let expected = "finite numbers".to_owned();
                    return Err(TrainError::Mismatch { what, found: value.to_string(), expected });
                }
            }
        }
        Ok(())
    }

    /// Writes the last checkpoint, if there are files, and gives it back; the one it replaces becomes the previous one.
    pub(super) fn save_last(&mut self) -> Result<Option<Checkpoint>, TrainError> {
        let Some(files) = &self.files else { return Ok(None) };
        // What this process did not write itself may be damaged, and must not take the place of a good one.
        if self.last_is_good || Checkpoint::load(&files.last).is_ok() {
            files.keep_last()?;
        }
        let state = self.checkpoint();
        files.save(&files.last, &state)?;
        self.last_is_good = true;
        Ok(Some(state))
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
            run: self.run.clone(),
            facts: self.dataset.facts.is_known().then(|| self.dataset.facts.clone()),
            times: Some(Times {
                wall: self.wall_seconds(),
                whole: self.before.whole,
                waited: self.history.iter().map(|record| record.waited).collect(),
                waiting: self.progress.waited,
            }),
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

    /// Wall time of the run so far in seconds, over all its sittings; the present one began when the trainer was made, or
    /// at [`Trainer::since`].
    #[must_use]
    pub fn wall_seconds(&self) -> f64 {
        self.before.seconds + self.began.elapsed().as_secs_f64()
    }

    /// Whether all of that time is known: see [`Times::whole`].
    #[must_use]
    pub fn wall_is_whole(&self) -> bool {
        self.before.whole
    }
}

/// The time of the sittings before this one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) seconds: f64,
    pub(super) whole: bool,
}

impl Before {
    /// Those that ended with `checkpoint`, refused if they cannot be.
    fn of(checkpoint: &Checkpoint) -> Result<Self, TrainError> {
        let before = if let Some(times) = &checkpoint.times {
            Self { seconds: times.wall, whole: times.whole }
        } else {
            let epochs: f64 = checkpoint.history.iter().map(|record| record.seconds).sum();
            Self { seconds: epochs + checkpoint.progress.seconds, whole: false }
        };
        let waits = checkpoint.times.iter().flat_map(|times| times.waited.iter().chain([&times.waiting]));
        let progress = [before.seconds, checkpoint.progress.seconds];
        for value in waits.flatten().copied().chain(progress) {
            if !(value >= 0.0 && value.is_finite()) {
                let (what, expected) =
                    ("a time in the checkpoint".to_owned(), "a finite number of seconds".to_owned());
                return Err(TrainError::Mismatch { what, found: value.to_string(), expected });
            }
        }
        Ok(before)
    }
}

fn as_in_checkpoint<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Result<(), TrainError> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (format!("{found:?}"), format!("{expected:?}, as in the checkpoint"));
    Err(TrainError::Mismatch { what: what.to_owned(), found, expected })
}

/// Names the first band whose statistics differ: without any other fact they tell whether data are the same.
fn same_statistics(found: &Normaliser, expected: &Normaliser) -> Result<(), TrainError> {
    let bands = |of: &Normaliser| (of.mean.len(), of.deviation.len());
    as_in_checkpoint("bands of the statistics", &bands(found), &bands(expected))?;
    for (what, found, expected) in
        [("mean", &found.mean, &expected.mean), ("standard deviation", &found.deviation, &expected.deviation)]
    {
        for (band, (found, expected)) in found.iter().zip(expected).enumerate() {
            as_in_checkpoint(&format!("{what} of band {band} in the training split"), found, expected)?;
        }
    }
    Ok(())
}

/// Refuses data that are not those of the checkpoint, as far as that is known of both.
fn same_data(found: &DataFacts, expected: Option<&DataFacts>) -> Result<(), TrainError> {
    let expected = expected.filter(|facts| facts.is_known() && found.is_known());
    let Some(Difference { what, found, expected }) = expected.and_then(|facts| found.difference(facts))
    else {
        return Ok(());
    };
    Err(TrainError::Mismatch { what, found, expected: format!("{expected}, as in the checkpoint") })
}

/// Refuses a part of a checkpoint with a number that is not finite.
fn check_finite(part: &str, state: &NetworkState<f32>) -> Result<(), TrainError> {
    state.first_not_finite().map_or(Ok(()), |(name, value)| {
        let what = format!("{name} of the {part} in the checkpoint");
        Err(TrainError::Mismatch { what, found: value.to_string(), expected: "finite numbers".to_owned() })
    })
}
