//! Latency coding: time to first spike.
//!
//! In each step a channel fires at most once, the earlier the larger its feature x (cut to at most 1); a feature at or
//! below `floor` θ gives no spike. With the length d of a step the latency after the step's start is
//!
//! - [`LatencyCurve::Linear`]: d (1 − x)/(1 − θ);
//! - [`LatencyCurve::Logarithmic`]: d ln(x/(x − θ)) / ln(m/(m − θ)), at most d: a membrane charged by the current x
//!   reaches the threshold θ after τ ln(x/(x − θ)); τ is chosen so that a current of m = 1.01 θ takes the whole step.
//!
//! A latency of d itself would belong to the next step, so d is 0.999 of the step.
//!
//! Reference: S. Thorpe and J. Gautrais, "Rank order coding", Computational Neuroscience (1998) 113.

use ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use super::features::{Collected, check_features};
use super::{FeatureConfig, wrong};
use crate::{DataError, Spikes};

/// From a feature to a latency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LatencyCurve {
    /// In proportion.
    #[default]
    Linear,
    /// The charging time of a membrane.
    Logarithmic,
}

/// Settings of latency coding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LatencyConfig {
    /// Feature at and below which there is no spike.
    pub floor: f64,
    /// From a feature to a latency.
    pub curve: LatencyCurve,
    /// The features. Their step is the window of a latency.
    pub features: FeatureConfig,
}

impl Default for LatencyConfig {
    fn default() -> Self {
        Self { floor: 0.2, curve: LatencyCurve::Linear, features: FeatureConfig::default() }
    }
}

impl LatencyConfig {
    pub(super) fn check(&self) -> Result<(), DataError> {
        self.features.check()?;
        check_floor(self.floor)
    }
}

fn check_floor(floor: f64) -> Result<(), DataError> {
    if (1e-3..=0.99).contains(&floor) { Ok(()) } else { Err(wrong("floor", floor, "0.001 to 0.99")) }
}

/// Spikes of `features`, shape (steps, channels), in steps of `step_s` seconds. Unit c belongs to channel c.
///
/// # Errors
/// [`DataError::Config`] when the step is not positive, the floor not in 0.001 to 0.99, a feature no finite number, or
/// there are more than 65,536 channels.
pub fn latency(
    features: &ArrayRef2<f32>,
    step_s: f64,
    floor: f64,
    curve: LatencyCurve,
) -> Result<Spikes, DataError> {
    check_features(features, step_s, features.ncols())?;
    check_floor(floor)?;
    let slowest = (1.01_f64 / 0.01).ln();
    let mut collected = Collected::default();
    for ((step, channel), &value) in features.indexed_iter() {
        let x = f64::from(value).min(1.0);
        if x <= floor {
            continue;
        }
        let share = match curve {
            LatencyCurve::Linear => (1.0 - x) / (1.0 - floor),
            LatencyCurve::Logarithmic => ((x / (x - floor)).ln() / slowest).min(1.0),
        };
        collected.push((step as f64 + 0.999 * share) * step_s, channel);
    }
    Ok(collected.spikes())
}
