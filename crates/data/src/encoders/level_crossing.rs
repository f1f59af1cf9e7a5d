//! Level crossing, also called delta modulation or send-on-delta.
//!
//! With the signal x of a channel and the threshold θ, a level y starts at 0. Where x − y reaches θ, an up spike is
//! emitted and y ← y + θ; where y − x reaches θ, a down spike and y ← y − θ. Counting up and down spikes therefore
//! gives the signal back within θ: |x − θ (ups − downs)| < θ.
//!
//! The feature of step n is the value that x reaches at the end of the step; within the step x runs straight from the
//! value before (0 before the first). A change of several θ in a step gives several spikes, at the times of their
//! crossings. Nothing is known before its step: spikes before n·step depend on features before n alone.
//!
//! Reference: N. Sayiner, H. V. Sorensen and T. R. Viswanathan, "A level-crossing sampling scheme for A/D conversion",
//! IEEE Trans. Circuits Syst. II 43:335 (1996).

use ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use super::features::{Collected, check_features};
use super::{FeatureConfig, wrong};
use crate::{DataError, Spikes};

/// Settings of level crossing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LevelCrossingConfig {
    /// Distance of two levels, in features: 0.1 is a tenth of the dynamic range.
    pub threshold: f64,
    /// The features.
    pub features: FeatureConfig,
}

impl Default for LevelCrossingConfig {
    fn default() -> Self {
        Self { threshold: 0.1, features: FeatureConfig::default() }
    }
}

/// Largest number of crossings in one step.
const MOST_CROSSINGS: f64 = 1e5;

impl LevelCrossingConfig {
    pub(super) fn check(&self) -> Result<(), DataError> {
        self.features.check()?;
        if !(1e-4..=1.0).contains(&self.threshold) {
            return Err(wrong("threshold", self.threshold, "0.0001 to 1"));
        }
        Ok(())
    }
}

/// Spikes of `features`, shape (steps, channels), in steps of `step_s` seconds. Channel c gives its up spikes to unit
/// c and its down spikes to unit channels + c.
///
/// # Errors
/// [`DataError::Config`] when the step or the threshold is not positive, a feature is no finite number or further than
/// 100,000 thresholds from the one before, or there are more than 32,768 channels.
pub fn level_crossing(features: &ArrayRef2<f32>, step_s: f64, threshold: f64) -> Result<Spikes, DataError> {
    let channels = features.ncols();
    check_features(features, step_s, 2 * channels)?;
    if !(threshold > 0.0 && threshold.is_finite()) {
        return Err(wrong("threshold", threshold, "a positive number"));
    }
    let mut collected = Collected::default();
    for (channel, signal) in features.columns().into_iter().enumerate() {
        // The level is counted in thresholds, so that no rounding adds up.
        let (mut level, mut before) = (0.0_f64, 0.0_f64);
        for (step, &value) in signal.iter().enumerate() {
            let value = f64::from(value) / threshold;
            if (value - level).abs() > MOST_CROSSINGS {
                let found = format!("a change of {:e} thresholds in step {step}", value - level);
                return Err(wrong("threshold", found, "at most 100000 crossings in a step"));
            }
            loop {
                let (next, unit) = if value >= level + 1.0 {
                    (level + 1.0, channel)
                } else if value <= level - 1.0 {
                    (level - 1.0, channels + channel)
                } else {
                    break;
                };
                let share = ((next - before) / (value - before)).clamp(0.0, 1.0);
                collected.push((step as f64 + share) * step_s, unit);
                level = next;
            }
            before = value;
        }
    }
    Ok(collected.spikes())
}
