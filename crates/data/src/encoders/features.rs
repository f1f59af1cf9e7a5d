//! Log-mel energies scaled to [0, 1].

use ndarray::{Array2, ArrayRef2};
use serde::{Deserialize, Serialize};

use super::wrong;
use crate::{DataError, LogMel, LogMelConfig};

/// Features that the encoders of features take from sound.
///
/// Log-mel energies e (in nats, as in [`LogMel`]) become (e − top)/range + 1, cut to [0, 1]: `top` is the largest
/// energy of the clip, `range` the configured dynamic range. The loudest moment of a clip is 1 whatever its level is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureConfig {
    /// Number of mel bands.
    pub bands: usize,
    /// Length of an analysis window, in seconds.
    pub window_s: f64,
    /// Length of a step, in seconds.
    pub step_s: f64,
    /// Lower edge of the first band, in Hz.
    pub low_hz: f64,
    /// Upper edge of the last band, in Hz; left out: half the sample rate.
    pub high_hz: Option<f64>,
    /// Distance from the loudest energy of a clip to what counts as 0, in dB.
    pub range_db: f64,
}

impl Default for FeatureConfig {
    fn default() -> Self {
        let LogMelConfig { bands, window_s, step_s, low_hz, high_hz } = LogMelConfig::default();
        Self { bands, window_s, step_s, low_hz, high_hz, range_db: 50.0 }
    }
}

impl FeatureConfig {
    pub(super) fn check(&self) -> Result<(), DataError> {
        if !(1..=1 << 15).contains(&self.bands) {
            return Err(wrong("bands", self.bands, "1 to 32768"));
        }
        if !(1e-4..=10.0).contains(&self.step_s) {
            return Err(wrong("step_s", self.step_s, "0.0001 to 10"));
        }
        if !(1.0..=200.0).contains(&self.range_db) {
            return Err(wrong("range_db", self.range_db, "1 to 200"));
        }
        Ok(())
    }

    pub(super) fn front_end(&self) -> LogMelConfig {
        LogMelConfig {
            bands: self.bands,
            window_s: self.window_s,
            step_s: self.step_s,
            low_hz: self.low_hz,
            high_hz: self.high_hz,
        }
    }

    /// Scaled energies of `samples`, shape (frames, bands). A clip without any energy is 0 throughout.
    #[expect(clippy::cast_possible_truncation, reason = "a range is kept in f32")]
    pub(super) fn scaled(&self, mel: &LogMel, samples: &[f32]) -> Array2<f32> {
        let mut energies = mel.features(samples);
        let top = energies.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let range = (self.range_db / 10.0 * std::f64::consts::LN_10) as f32;
        let floor = f32::EPSILON.ln();
        energies.mapv_inplace(|e| if e > floor { ((e - top) / range + 1.0).clamp(0.0, 1.0) } else { 0.0 });
        energies
    }
}

/// Features that cannot be encoded: a step that is no time, a value that is no number, more channels than units.
pub(super) fn check_features(features: &ArrayRef2<f32>, step_s: f64, units: usize) -> Result<(), DataError> {
    if !(step_s > 0.0 && step_s.is_finite()) {
        return Err(wrong("step_s", step_s, "a positive number of seconds"));
    }
    if units > 1 << 16 {
        return Err(wrong("features", format!("{units} channels"), "at most 65536 channels"));
    }
    if let Some((at, value)) = features.indexed_iter().find(|(_, value)| !value.is_finite()) {
        let found = format!("{value} at step {}, channel {}", at.0, at.1);
        return Err(wrong("features", found, "finite numbers"));
    }
    Ok(())
}

/// Collects spikes of several channels and puts them in the order of time, then of channel.
#[derive(Debug, Default)]
pub(super) struct Collected(Vec<(f32, u16)>);

impl Collected {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "times are kept in f32, units were checked to fit u16"
    )]
    pub(super) fn push(&mut self, time_s: f64, unit: usize) {
        self.0.push((time_s as f32, unit as u16));
    }

    pub(super) fn spikes(mut self) -> crate::Spikes {
        self.0.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (times_s, units) = self.0.into_iter().unzip();
        crate::Spikes::of_rising(times_s, units)
    }
}
