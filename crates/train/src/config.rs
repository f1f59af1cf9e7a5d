//! How to train: the `[train]` table of an experiment.
//!
//! ```
//! use colearn_train::TrainConfig;
//!
//! let config = TrainConfig { epochs: 3, learning_rate: 1e-3, ..TrainConfig::default() };
//! let valid = config.validate()?;
//! assert_eq!(valid.epochs, 3);
//!
//! let error = TrainConfig { batch: 0, ..TrainConfig::default() }.validate().unwrap_err();
//! assert_eq!(error.to_string(), "train.batch: found 0; expected a whole number from 1 to 65536");
//! # Ok::<(), colearn_train::TrainError>(())
//! ```

use std::ops::Deref;

use colearn_data::Augmentation;
use colearn_network::ParameterKind;
use colearn_optim::{OptimiserKind, ScheduleConfig, ScheduleKind};
use colearn_tape::simd::within;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// Everything about training that is not the network and not the data. Keys left out take their default; unknown keys
/// are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training split. Range: 1 to 1000000. Unit: epochs. Source: own choice.
    pub epochs: usize,
    /// Samples in a batch; the last batch of an epoch may be smaller. Range: 1 to 65536. Unit: samples. Source: Bittar &
    /// Garner 2022.
    pub batch: usize,
    /// Seed of the initial values, of the order of the samples and of dropout. Range: 0 to 9223372036854775807. Unit:
    /// none. Source: own choice.
    pub seed: u64,
    /// Adam with weight decay in the gradient (Kingma & Ba 2015), or beside it (Loshchilov & Hutter 2019). Range:
    /// `adam`, `adamw`. Source: Bittar & Garner 2022.
    pub optimiser: OptimiserKind,
    /// Largest learning rate η of a parameter whose factor is 1. Range: above 0. Unit: the parameter's, per step.
    /// Source: 5e-3 as in Hammouamri et al. 2024, 0.01 as in Bittar & Garner 2022.
    pub learning_rate: f64,
    /// Decay per step of the mean gradient. Range: 0 to below 1. Unit: none. Source: Kingma & Ba 2015.
    pub beta1: f64,
    /// Decay per step of the mean squared gradient. Range: 0 to below 1. Unit: none. Source: Kingma & Ba 2015.
    pub beta2: f64,
    /// Added to the denominator of a step. Range: above 0. Unit: the gradient's. Source: Kingma & Ba 2015.
    pub epsilon: f64,
    /// Largest norm of all gradients together; 0: no clipping. Range: at least 0. Unit: the gradient's. Source: Pascanu
    /// et al. 2013.
    pub clip_norm: f64,
    /// What follows a loss, gradient or activity that is infinite or not a number: the run ends with an error, or goes
    /// on without the batch, which then changes neither parameters nor running statistics. Range: `stop`, `skip`.
    /// Source: own choice.
    pub on_nonfinite: OnNonFinite,
    /// Epochs without a better validation result after which training ends; 0: never. Range: at least 0. Unit: epochs.
    /// Source: own choice.
    pub early_stop: usize,
    /// Which epoch is the best one, on the validation split with rounded delays: highest accuracy or lowest loss. Range:
    /// `accuracy`, `loss`. Source: rounded delays as in Hammouamri et al. 2024.
    pub selection: Selection,
    /// Schedule of every learning rate but that of the delays. Range: `constant`, `cosine`, `one_cycle`, `plateau`.
    /// Source: `one_cycle` as in Hammouamri et al. 2024, where `schedule.cycle_beta1` is on.
    pub schedule_kind: ScheduleKind,
    /// Schedule of the learning rate of the delays. Range: `constant`, `cosine`, `one_cycle`, `plateau`. Source:
    /// `cosine` as in Hammouamri et al. 2024.
    pub delay_schedule_kind: ScheduleKind,
    /// Whether every epoch is also validated with the delays as they are, beside the rounded ones. Range: `true`,
    /// `false`. Source: own choice.
    pub validate_unrounded: bool,
    /// Whether the backward pass computes synaptic sums and active rows a second time instead of keeping them, which long
    /// sequences need; results are the same to the bit. Range: `true`, `false`. Source: own choice.
    pub recompute: bool,
    /// Factors on the learning rate, one per kind of parameter.
    pub rate_factor: RateFactor,
    /// Weight decay, one per kind of parameter.
    pub decay: Decay,
    /// The numbers of the schedules.
    pub schedule: ScheduleConfig,
    /// How the spread of the delay kernels falls; kernels without a spread ignore it.
    pub spread: SpreadConfig,
    /// How training features are changed from epoch to epoch; zeros change nothing.
    pub augment: Augmentation,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 60,
            batch: 128,
            seed: 0,
            optimiser: OptimiserKind::Adam,
            learning_rate: 5e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip_norm: 0.0,
            on_nonfinite: OnNonFinite::Stop,
            recompute: false,
            early_stop: 0,
            selection: Selection::Accuracy,
            schedule_kind: ScheduleKind::OneCycle,
            delay_schedule_kind: ScheduleKind::Cosine,
            validate_unrounded: false,
            rate_factor: RateFactor::default(),
            decay: Decay::default(),
            schedule: ScheduleConfig::default(),
            spread: SpreadConfig::default(),
            augment: Augmentation::default(),
        }
    }
}

/// What follows a number that is infinite or not a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNonFinite {
    /// The run ends; its checkpoints stay as they are.
    #[default]
    Stop,
    /// The batch is left out. A run whose whole epoch was left out ends.
    Skip,
}

/// The rules that choose the best epoch, always on the validation split with rounded delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Highest accuracy, then lowest loss, then earliest.
    Accuracy,
    /// Lowest loss, then highest accuracy, then earliest.
    Loss,
}

/// Annealing of the spread σ of the delay kernels: see [`SpreadSchedule`](crate::SpreadSchedule).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpreadConfig {
    /// σ in the first epoch. Half the largest delay is usual. Range: 0 to 1000. Unit: steps. Source: Hammouamri et al.
    /// 2024.
    pub start: f64,
    /// σ after the annealing. Range: 0 to 1000. Unit: steps. Source: Hammouamri et al. 2024.
    pub end: f64,
    /// Share of the epochs in which σ falls. Range: 0 to 1. Unit: none. Source: Hammouamri et al. 2024.
    pub share: f64,
}

impl Default for SpreadConfig {
    fn default() -> Self {
        Self { start: 12.0, end: 0.23, share: 0.25 }
    }
}

/// Factors on [`TrainConfig::learning_rate`], all 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateFactor {
    /// Factor of the weights. Range: at least 0. Unit: none. Source: own choice.
    pub weight: f64,
    /// Factor of the delays, which are in steps and so are much larger numbers than the rest. Range: at least 0. Unit:
    /// steps. Source: 20 to 100 in Hammouamri et al. 2024.
    pub delay: f64,
    /// Factor of membrane and adaptation decays α, β per step. Range: at least 0. Unit: none. Source: own choice.
    pub time_constant: f64,
    /// Factor of adaptation strengths a, b. Range: at least 0. Unit: none. Source: own choice.
    pub adaptation: f64,
    /// Factor of gains and biases of the normalisation. Range: at least 0. Unit: none. Source: own choice.
    pub norm: f64,
}

impl Default for RateFactor {
    fn default() -> Self {
        Self { weight: 1.0, delay: 5.0, time_constant: 1.0, adaptation: 1.0, norm: 1.0 }
    }
}

impl RateFactor {
    /// The factor of one kind.
    #[must_use]
    pub fn of(&self, kind: ParameterKind) -> f64 {
        match kind {
            ParameterKind::Weight => self.weight,
            ParameterKind::Delay => self.delay,
            ParameterKind::TimeConstant => self.time_constant,
            ParameterKind::Adaptation => self.adaptation,
            ParameterKind::Norm => self.norm,
        }
    }
}

/// Weight decay λ, all 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Decay {
    /// λ of weights. Range: at least 0. Unit: none. Source: Hammouamri et al. 2024.
    pub weight: f64,
    /// λ of delays. Range: at least 0. Unit: none. Source: Hammouamri et al. 2024.
    pub delay: f64,
    /// λ of membrane and adaptation decays α, β. Range: at least 0. Unit: none. Source: own choice.
    pub time_constant: f64,
    /// λ of adaptation strengths a, b. Range: at least 0. Unit: none. Source: own choice.
    pub adaptation: f64,
    /// λ of gains and biases of the normalisation. Range: at least 0. Unit: none. Source: Hammouamri et al. 2024.
    pub norm: f64,
}

impl Default for Decay {
    fn default() -> Self {
        Self { weight: 1e-5, delay: 0.0, time_constant: 0.0, adaptation: 0.0, norm: 0.0 }
    }
}

impl Decay {
    /// λ of one kind.
    #[must_use]
    pub fn of(&self, kind: ParameterKind) -> f64 {
        match kind {
            ParameterKind::Weight => self.weight,
            ParameterKind::Delay => self.delay,
            ParameterKind::TimeConstant => self.time_constant,
            ParameterKind::Adaptation => self.adaptation,
            ParameterKind::Norm => self.norm,
        }
    }
}

/// A [`TrainConfig`] whose every value has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidTrain(TrainConfig);

impl Deref for ValidTrain {
    type Target = TrainConfig;

    fn deref(&self) -> &TrainConfig {
        &self.0
    }
}

/// Most epochs of a run.
pub(crate) const MOST_EPOCHS: usize = 1_000_000;

const POSITIVE: &str = "a finite number above 0";
const NOT_NEGATIVE: &str = "a finite number of at least 0";
const SHARE: &str = "a number from 0 to 1";
const DECAY: &str = "a number from 0 to below 1";
const DIVISOR: &str = "a finite number of at least 1";
const RATE: &str = "a factor whose product with train.learning_rate f32 can hold";

impl TrainConfig {
    /// Checks every value; numbers as the `f32` that training computes with, too.
    ///
    /// # Errors
    /// [`TrainError::Config`] with the first key whose value is not allowed.
    pub fn validate(&self) -> Result<ValidTrain, TrainError> {
        require(
            "epochs",
            self.epochs,
            (1..=MOST_EPOCHS).contains(&self.epochs),
            "a whole number from 1 to 1000000",
        )?;
        require("batch", self.batch, (1..=65_536).contains(&self.batch), "a whole number from 1 to 65536")?;
        require("seed", self.seed, i64::try_from(self.seed).is_ok(), "a whole number from 0 to 2^63 - 1")?;
        for (key, value) in [("learning_rate", self.learning_rate), ("epsilon", self.epsilon)] {
            number(key, value, |x| x > 0.0 && x.is_finite(), POSITIVE)?;
        }
        for (key, value) in [
            ("beta1", self.beta1),
            ("beta2", self.beta2),
            ("schedule.beta1_ends", self.schedule.beta1_ends),
            ("schedule.beta1_peak", self.schedule.beta1_peak),
            ("augment.spike_drop", self.augment.spike_drop),
        ] {
            number(key, value, |x| (0.0..1.0).contains(&x), DECAY)?;
        }
        let (rate, decay) = (&self.rate_factor, &self.decay);
        for (key, value) in [
            ("clip_norm", self.clip_norm),
            ("augment.noise", self.augment.noise),
            ("rate_factor.weight", rate.weight),
            ("rate_factor.delay", rate.delay),
            ("rate_factor.time_constant", rate.time_constant),
            ("rate_factor.adaptation", rate.adaptation),
            ("rate_factor.norm", rate.norm),
            ("decay.weight", decay.weight),
            ("decay.delay", decay.delay),
            ("decay.time_constant", decay.time_constant),
            ("decay.adaptation", decay.adaptation),
            ("decay.norm", decay.norm),
        ] {
            number(key, value, |x| x >= 0.0 && x.is_finite(), NOT_NEGATIVE)?;
        }
        self.check_rates()?;
        for (key, value) in [
            ("spread.start", self.spread.start),
            ("spread.end", self.spread.end),
            ("augment.channel_shift", self.augment.channel_shift),
            ("augment.time_jitter", self.augment.time_jitter),
        ] {
            number(key, value, |x| (0.0..=1000.0).contains(&x), "a number from 0 to 1000")?;
        }
        for (key, value) in [("spread.share", self.spread.share), ("augment.cutmix", self.augment.cutmix)] {
            number(key, value, |x| (0.0..=1.0).contains(&x), SHARE)?;
        }
        if let Some([low, high]) = self.augment.noise_snr_db {
            let inside = -100.0 <= low && low <= high && high <= 100.0;
            let found = format!("[{low}, {high}]");
            require("augment.noise_snr_db", found.as_str(), inside, "two rising numbers from -100 to 100")?;
        }
        check_schedule(&self.schedule)?;
        Ok(ValidTrain(self.clone()))
    }

    /// The largest rate of every kind of parameter is a number that steps in `f32` can use.
    fn check_rates(&self) -> Result<(), TrainError> {
        let rate = &self.rate_factor;
        for (key, factor) in [
            ("rate_factor.weight", rate.weight),
            ("rate_factor.delay", rate.delay),
            ("rate_factor.time_constant", rate.time_constant),
            ("rate_factor.adaptation", rate.adaptation),
            ("rate_factor.norm", rate.norm),
        ] {
            let product = within(factor * self.learning_rate, f64::is_finite);
            require(key, factor, product.is_ok(), RATE)?;
        }
        Ok(())
    }
}

fn check_schedule(config: &ScheduleConfig) -> Result<(), TrainError> {
    for (key, value) in [("schedule.rise_share", config.rise_share), ("schedule.floor", config.floor)] {
        number(key, value, |x| (0.0..=1.0).contains(&x), SHARE)?;
    }
    for (key, value) in
        [("schedule.start_divisor", config.start_divisor), ("schedule.final_divisor", config.final_divisor)]
    {
        number(key, value, |x| x >= 1.0 && x.is_finite(), DIVISOR)?;
    }
    let inside = |x| x > 0.0 && x < 1.0;
    number("schedule.factor", config.factor, inside, "a number above 0 and below 1")
}

fn require(
    key: &'static str,
    value: impl Copy + ToString,
    holds: bool,
    expected: &'static str,
) -> Result<(), TrainError> {
    if holds { Ok(()) } else { Err(TrainError::Config { key, found: value.to_string(), expected }) }
}

/// As [`require`] for a number that is rounded to `f32` before it is used.
fn number(
    key: &'static str,
    value: f64,
    holds: impl Fn(f64) -> bool,
    expected: &'static str,
) -> Result<(), TrainError> {
    within(value, holds).map_err(|found| TrainError::Config { key, found, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(*TrainConfig::default().validate().unwrap(), TrainConfig::default());
    }

    #[test]
    fn a_bad_value_is_named_with_its_range() {
        let base = TrainConfig::default;
        let schedule = ScheduleConfig::default;
        let augmented = |augment| TrainConfig { augment, ..base() };
        let cases = [
            (
                TrainConfig { epochs: 0, ..base() },
                "train.epochs: found 0; expected a whole number from 1 to 1000000",
            ),
            (TrainConfig { seed: u64::MAX, ..base() }, "train.seed: found 18446744073709551615; expected"),
            (
                TrainConfig { learning_rate: -1.0, ..base() },
                "train.learning_rate: found -1; expected a finite",
            ),
            (TrainConfig { learning_rate: f64::NAN, ..base() }, "train.learning_rate: found NaN"),
            (
                TrainConfig { beta2: 1.0, ..base() },
                "train.beta2: found 1; expected a number from 0 to below 1",
            ),
            (TrainConfig { clip_norm: f64::INFINITY, ..base() }, "train.clip_norm: found inf"),
            (
                augmented(Augmentation { spike_drop: 1.0, ..Augmentation::default() }),
                "train.augment.spike_drop: found 1; expected a number from 0 to below 1",
            ),
            (
                augmented(Augmentation { noise_snr_db: Some([5.0, 1.0]), ..Augmentation::default() }),
                "train.augment.noise_snr_db: found [5, 1]; expected two rising numbers from -100 to 100",
            ),
            (
                augmented(Augmentation { cutmix: 1.5, ..Augmentation::default() }),
                "train.augment.cutmix: found 1.5; expected a number from 0 to 1",
            ),
            (
                TrainConfig { decay: Decay { norm: -0.5, ..Decay::default() }, ..base() },
                "train.decay.norm: found -0.5; expected a finite number of at least 0",
            ),
            (
                TrainConfig { schedule: ScheduleConfig { rise_share: 1.5, ..schedule() }, ..base() },
                "train.schedule.rise_share: found 1.5; expected a number from 0 to 1",
            ),
            (
                TrainConfig { epsilon: 1e-50, ..base() },
                "train.epsilon: found 1e-50 (0 in f32); expected a finite number above 0",
            ),
            (
                TrainConfig { beta1: 0.999_999_99, ..base() },
                "train.beta1: found 0.99999999 (1 in f32); expected a number from 0 to below 1",
            ),
            (TrainConfig { learning_rate: 1e39, ..base() }, "train.learning_rate: found 1e39 (inf in f32)"),
            (
                TrainConfig { decay: Decay { weight: 1e-60, ..Decay::default() }, ..base() },
                "train.decay.weight: found 1e-60 (0 in f32); expected a finite number of at least 0",
            ),
            (
                TrainConfig {
                    learning_rate: 1e20,
                    rate_factor: RateFactor { norm: 1e20, ..RateFactor::default() },
                    ..base()
                },
                "train.rate_factor.norm: found 100000000000000000000; expected a factor whose product with",
            ),
            (
                TrainConfig { schedule: ScheduleConfig { factor: 1.0, ..schedule() }, ..base() },
                "train.schedule.factor: found 1; expected a number above 0 and below 1",
            ),
        ];
        for (config, message) in cases {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
