//! Settings of the cochlea.

use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::encoders::wrong;

/// How loud a clip is made before it enters the ear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The root mean square of the whole clip becomes 0.1, with a gain of at most 60 dB. The usual choice.
    #[default]
    Rms,
    /// The largest absolute sample becomes 0.5, with a gain of at most 60 dB.
    Peak,
    /// As recorded. The only choice whose first spikes do not depend on later sound.
    Off,
}

/// Which channel is number 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelOrder {
    /// The highest frequency, as in the published conversion code of the Heidelberg sets, which numbers its channels
    /// from the base of the cochlea (stiff, high) to its apex (soft, low).
    #[default]
    HighFirst,
    /// The lowest frequency, as in spectrograms.
    LowFirst,
}

/// Settings of the [`Cochlea`](super::Cochlea). What a file leaves out keeps its default; unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CochleaConfig {
    /// Number of channels, 1 to 65,536.
    pub channels: usize,
    /// Centre of the lowest channel, in Hz.
    pub low_hz: f64,
    /// Centre of the highest channel, in Hz. Limited to 0.45 of the sample rate, so that every channel is used
    /// whatever the rate is; the channels of a recording of 8 kHz therefore lie closer together.
    pub high_hz: f64,
    /// Which channel is number 0.
    pub order: ChannelOrder,
    /// Level of a clip before it enters the ear.
    pub level: Level,
    /// Corner of the middle ear's high-pass filter, in Hz; 0 leaves the filter out.
    pub ear_hz: f64,
    /// Drive of the hair cells: units of Meddis's permeability constants for a sample of 1.
    pub drive: f64,
    /// Auditory fibres that meet in one cell.
    pub fibres: u32,
    /// Steady rate of every fibre that just brings the cell to its threshold, in spikes per second.
    pub threshold_hz: f64,
    /// Time constant of the cell's synapse, in seconds.
    pub synapse_s: f64,
    /// Time constant of the cell's membrane, in seconds.
    pub membrane_s: f64,
    /// Shortest time between two spikes of a channel, in seconds; rounded up to whole samples.
    pub refractory_s: f64,
    /// Noise of the fibres: 1 is that of independent Poisson fibres, 0 none (no random number is drawn).
    pub noise: f64,
    /// Seed of the noise. The noise of a clip depends on this seed and the clip's index alone.
    pub seed: u64,
}

impl Default for CochleaConfig {
    fn default() -> Self {
        Self {
            channels: 700,
            low_hz: 80.0,
            high_hz: 7_000.0,
            order: ChannelOrder::HighFirst,
            level: Level::Rms,
            ear_hz: 1_000.0,
            drive: 6_000.0,
            fibres: 40,
            threshold_hz: 154.0,
            synapse_s: 0.5e-3,
            membrane_s: 1e-3,
            refractory_s: 8e-3,
            noise: 1.0,
            seed: 0,
        }
    }
}

/// Sample rates of a cochlea, in Hz.
pub(super) const RATES: std::ops::RangeInclusive<u32> = 8_000..=48_000;

impl CochleaConfig {
    /// Whether these settings can work.
    ///
    /// # Errors
    /// [`DataError::Config`] names the first value that cannot, and what would.
    pub fn check(&self) -> Result<(), DataError> {
        if !(1..=1 << 16).contains(&self.channels) {
            return Err(wrong("channels", self.channels, "1 to 65536"));
        }
        if !(1..=1_000_000).contains(&self.fibres) {
            return Err(wrong("fibres", self.fibres, "1 to 1000000"));
        }
        let ranges = [
            ("low_hz", self.low_hz, 20.0, 3_000.0),
            ("high_hz", self.high_hz, self.low_hz * 1.05, 21_600.0),
            ("ear_hz", self.ear_hz, 0.0, 20_000.0),
            ("drive", self.drive, 1e-3, 1e9),
            ("threshold_hz", self.threshold_hz, 1e-3, 1e6),
            ("synapse_s", self.synapse_s, 1e-5, 1.0),
            ("membrane_s", self.membrane_s, 1e-5, 1.0),
            ("refractory_s", self.refractory_s, 0.0, 1.0),
            ("noise", self.noise, 0.0, 100.0),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(wrong(key, value, format!("{least} to {most}")));
            }
        }
        Ok(())
    }
}
