//! Poisson rate coding.
//!
//! A channel whose feature is x fires at random with x · `most_hz` spikes per second, independently of everything
//! before. Spikes are placed in continuous time by the change of time: each waits until the integral of the rate has
//! grown by −ln(1 − u) with u uniform in [0, 1). Their number in a step of length d is Poisson with mean x · `most_hz` · d,
//! whatever the step is; no spike is lost because a bin is full. Features below 0 count as 0.
//!
//! Channel c of the clip `index` draws from stream c of ChaCha8 seeded by (seed, index), so its spikes depend on its own
//! features alone.
//!
//! Reference: D. J. Daley and D. Vere-Jones, "An Introduction to the Theory of Point Processes", 2nd ed., theorem 7.4.I
//! (random time change).

use ndarray::ArrayRef2;
use ndarray_rand::rand::Rng;
use serde::{Deserialize, Serialize};

use super::features::{Collected, check_features};
use super::{FeatureConfig, wrong};
use crate::random::generator;
use crate::{DataError, Spikes};

/// Settings of Poisson coding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoissonConfig {
    /// Rate of a feature of 1, in spikes per second.
    pub most_hz: f64,
    /// Seed of the spikes, together with the clip's index.
    pub seed: u64,
    /// The features.
    pub features: FeatureConfig,
}

impl Default for PoissonConfig {
    fn default() -> Self {
        Self { most_hz: 200.0, seed: 0, features: FeatureConfig::default() }
    }
}

/// Largest mean number of spikes in one step of one channel.
const MOST_IN_STEP: f64 = 1e5;

impl PoissonConfig {
    pub(super) fn check(&self) -> Result<(), DataError> {
        self.features.check()?;
        if !(1e-3..=1e4).contains(&self.most_hz) {
            return Err(wrong("most_hz", self.most_hz, "0.001 to 10000"));
        }
        Ok(())
    }
}

/// Spikes of `features`, shape (steps, channels), in steps of `step_s` seconds, of the clip number `index`. Unit c
/// belongs to channel c; step n covers the times from n·step to (n + 1)·step.
///
/// # Errors
/// [`DataError::Config`] when the step or the rate is not positive, a feature is no finite number or asks for more than
/// 100,000 spikes in a step, or there are more than 65,536 channels.
pub fn poisson(
    features: &ArrayRef2<f32>,
    step_s: f64,
    most_hz: f64,
    seed: u64,
    index: u64,
) -> Result<Spikes, DataError> {
    check_features(features, step_s, features.ncols())?;
    if !(most_hz > 0.0 && most_hz.is_finite()) {
        return Err(wrong("most_hz", most_hz, "a positive rate"));
    }
    let mut collected = Collected::default();
    for (channel, signal) in features.columns().into_iter().enumerate() {
        let mut rng = generator(super::mixed(seed, index), channel as u64);
        let mut wait = || -(1.0 - rng.random::<f64>()).ln();
        let mut left = wait();
        for (step, &value) in signal.iter().enumerate() {
            let mean = f64::from(value).max(0.0) * most_hz * step_s;
            if mean > MOST_IN_STEP {
                return Err(wrong(
                    "most_hz",
                    format!("{mean:e} spikes in step {step}"),
                    "at most 100000 spikes",
                ));
            }
            let mut passed = 0.0;
            while passed + left < mean {
                passed += left;
                left = wait();
                collected.push((step as f64 + passed / mean) * step_s, channel);
            }
            left -= mean - passed;
        }
    }
    Ok(collected.spikes())
}
