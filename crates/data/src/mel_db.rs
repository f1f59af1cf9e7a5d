//! Mel bands in decibels, as in the speech-command experiments of DCLS-Delays.
//!
//! 1. Cut or zero-pad at the end to one length (1 s), at the clip's own sample rate;
//! 2. resample to 8 kHz ([`Resampler`]);
//! 3. power spectrum |X\[k\]|² of frames of W = 256 samples, S = 80 apart. Frame n is centred on sample n·S; beyond its
//!    ends the signal is mirrored without repeating the end sample. Periodic Hann window 0.5 − 0.5 cos(2πi/W). Of N
//!    samples there are 1 + ⌊N / S⌋ frames: 101;
//! 4. 140 triangular filters, equally spaced in mel(f) = 2595 log₁₀(1 + f/700) from 50 Hz to 14 kHz, each linear *in
//!    hertz* from its neighbours' centres, 1 at its own; not normalised by area;
//! 5. 10 log₁₀(max(energy, 10⁻¹⁰)) dB. Nothing is cut off relative to the loudest value.
//!
//! The upper edge lies above half the sample rate, 4 kHz, on purpose: it is what the experiments used. The 53 bands 87 to
//! 139 then hold no frequency and are constant at −100 dB, so that only 87 of the 140 channels carry anything
//! ([`MelDb::empty_bands`]); standardised, they are 0.
//!
//! ```
//! use colearn_data::{MelDb, MelDbConfig};
//!
//! let front = MelDb::new(16_000, &MelDbConfig::default()).unwrap();
//! assert_eq!(front.features(&[0.0; 12_000]).dim(), (101, 140));
//! assert_eq!(front.empty_bands(), (87..140).collect::<Vec<_>>());
//! ```
//!
//! The steps are those of torchaudio: `Resample`, `Spectrogram(power=2)`, `MelScale(mel_scale="htk", norm=None)` and
//! `AmplitudeToDB(top_db=None)`. Reference: I. Hammouamri et al., "Learning delays in spiking neural networks using
//! dilated convolutions with learnable spacings", ICLR 2024.

use std::f64::consts::TAU;
use std::fmt;

use ndarray::Array2;

use crate::audio::{HIGHEST_RATE, LOWEST_RATE};
use crate::bands::{Filter, FilterBank, whole_samples};
use crate::{DataError, Resampler};

/// Least energy, −100 dB.
const FLOOR: f32 = 1e-10;

/// Settings of the front end.
#[derive(Debug, Clone, PartialEq)]
pub struct MelDbConfig {
    /// Sample rate of the analysis, in Hz.
    pub rate_hz: u32,
    /// Length that every clip is cut or padded to, in seconds.
    pub length_s: f64,
    /// Number of mel bands.
    pub bands: usize,
    /// Length of a window, in seconds: an even number of samples at `rate_hz`.
    pub window_s: f64,
    /// Distance of two windows, in seconds.
    pub step_s: f64,
    /// Lower edge of the first band, in Hz.
    pub low_hz: f64,
    /// Upper edge of the last band, in Hz; may lie above half of `rate_hz`.
    pub high_hz: f64,
}

impl Default for MelDbConfig {
    fn default() -> Self {
        Self {
            rate_hz: 8_000,
            length_s: 1.0,
            bands: 140,
            window_s: 0.032,
            step_s: 0.010,
            low_hz: 50.0,
            high_hz: 14_000.0,
        }
    }
}

/// The front end for clips of one sample rate.
#[derive(Clone)]
pub struct MelDb {
    rate: u32,
    /// Samples of a clip at its own rate.
    length: usize,
    resampler: Resampler,
    shift: usize,
    window: Vec<f32>,
    bank: FilterBank,
}

impl fmt::Debug for MelDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MelDb")
            .field("rate", &self.rate)
            .field("length", &self.length)
            .field("window", &self.window.len())
            .field("shift", &self.shift)
            .field("bands", &self.bank.filters().len())
            .finish_non_exhaustive()
    }
}

impl MelDb {
    /// Prepare resampling, window and filters for clips of `rate` samples per second.
    ///
    /// # Errors
    /// [`DataError::Config`] when a length, rate or frequency is out of range, or no band holds a frequency.
    pub fn new(rate: u32, config: &MelDbConfig) -> Result<Self, DataError> {
        let wrong = |key, found: String, expected: String| Err(DataError::Config { key, found, expected });
        if !(LOWEST_RATE..=HIGHEST_RATE).contains(&config.rate_hz) {
            let expected = format!("{LOWEST_RATE} to {HIGHEST_RATE} Hz");
            return wrong("rate_hz", format!("{} Hz", config.rate_hz), expected);
        }
        let points = whole_samples("window_s", config.window_s, config.rate_hz)?;
        if points % 2 == 1 {
            let found = format!("{} s, {points} samples at {} Hz", config.window_s, config.rate_hz);
            return wrong("window_s", found, "an even number of samples".to_owned());
        }
        let shift = whole_samples("step_s", config.step_s, config.rate_hz)?;
        let length = clip_length(config.length_s, rate)?;
        let resampler = Resampler::new(rate, config.rate_hz)?;
        if resampler.length(length) <= points / 2 {
            let found = format!("{} s", config.length_s);
            return wrong("length_s", found, format!("more than half a window of {} s", config.window_s));
        }
        let bank = FilterBank::new(points, mel_filters(points, config)?);
        Ok(Self { rate, length, resampler, shift, window: hann(points), bank })
    }

    /// Samples per second of the clips this front end is for.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Number of frames, the same for every clip.
    #[must_use]
    pub fn frames(&self) -> usize {
        1 + self.resampler.length(self.length) / self.shift
    }

    /// The bands that hold no frequency of the spectrum, rising: constant whatever the clip.
    #[must_use]
    pub fn empty_bands(&self) -> Vec<usize> {
        let filters = self.bank.filters().iter().enumerate();
        filters.filter(|(_, filter)| filter.weights.is_empty()).map(|(band, _)| band).collect()
    }

    /// Energies in dB of `samples` (in [-1, 1]), shape (frames, bands). Costs O(frames · n log n) with n the samples of
    /// a window, and the resampling.
    #[must_use]
    pub fn features(&self, samples: &[f32]) -> Array2<f32> {
        let mut clip = samples[..samples.len().min(self.length)].to_vec();
        clip.resize(self.length, 0.0);
        let clip = mirrored(&self.resampler.resample(&clip), self.window.len() / 2);
        let mut features = self.bank.energies(self.frames(), |n, frame| {
            let start = n * self.shift;
            let samples = &clip[start..start + self.window.len()];
            for ((out, x), w) in frame.iter_mut().zip(samples).zip(&self.window) {
                *out = x * w;
            }
        });
        let (decibels, least) = (10.0 / std::f32::consts::LN_10, 10.0 * FLOOR.log10());
        features.mapv_inplace(|energy| if energy > FLOOR { decibels * energy.ln() } else { least });
        features
    }
}

/// Longest clip, in seconds.
const LONGEST_S: f64 = 100.0;

fn clip_length(seconds: f64, rate: u32) -> Result<usize, DataError> {
    let samples = (seconds * f64::from(rate) + 1e-6).floor();
    if samples >= 1.0 && seconds <= LONGEST_S {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1 to 100 s of samples"
        )]
        return Ok(samples as usize);
    }
    let expected = format!("one sample to {LONGEST_S} s");
    Err(DataError::Config { key: "length_s", found: format!("{seconds} s"), expected })
}

/// `samples` with `reach` more on each side, mirrored at the first and at the last sample.
fn mirrored(samples: &[f32], reach: usize) -> Vec<f32> {
    let last = samples.len() - 1;
    let before = samples[1..=reach].iter().rev();
    let after = samples[last - reach..last].iter().rev();
    before.chain(samples).chain(after).copied().collect()
}

fn hann(length: usize) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "weights are used in single precision")]
    (0..length).map(|i| (0.5 - 0.5 * (TAU * i as f64 / length as f64).cos()) as f32).collect()
}

fn mel(hz: f64) -> f64 {
    2_595.0 * (1.0 + hz / 700.0).log10()
}

fn hertz(mel: f64) -> f64 {
    700.0 * (10.0_f64.powf(mel / 2_595.0) - 1.0)
}

/// Most bands: as many as one would ever feed a network.
const MOST_BANDS: usize = 4_096;

/// Edge `place` of `bands` bands, of which band b has the edges b and b + 2 and its centre between them.
fn edge_hz(place: usize, bands: usize, low_hz: f64, high_hz: f64) -> f64 {
    let (low, high) = (mel(low_hz), mel(high_hz));
    hertz(low + (high - low) * place as f64 / (bands + 1) as f64)
}

/// The centres of `bands` bands from `low_hz` to `high_hz`, in Hz.
pub(crate) fn centres_hz(bands: usize, low_hz: f64, high_hz: f64) -> impl Iterator<Item = f64> {
    (1..=bands).map(move |place| edge_hz(place, bands, low_hz, high_hz))
}

fn mel_filters(points: usize, config: &MelDbConfig) -> Result<Vec<Filter>, DataError> {
    let wrong = |key, found: String, expected: String| Err(DataError::Config { key, found, expected });
    let nyquist = f64::from(config.rate_hz) / 2.0;
    if !(config.low_hz >= 0.0 && config.low_hz < nyquist) {
        let expected = format!("0 Hz to less than {nyquist} Hz, half the sample rate");
        return wrong("low_hz", format!("{} Hz", config.low_hz), expected);
    }
    if !(config.high_hz > config.low_hz && config.high_hz <= f64::from(HIGHEST_RATE)) {
        let expected = format!("more than {} Hz, at most {HIGHEST_RATE} Hz", config.low_hz);
        return wrong("high_hz", format!("{} Hz", config.high_hz), expected);
    }
    if !(1..=MOST_BANDS).contains(&config.bands) {
        return wrong("bands", config.bands.to_string(), format!("1 to {MOST_BANDS}"));
    }
    let edge = |place: usize| edge_hz(place, config.bands, config.low_hz, config.high_hz);
    let bin_hz = f64::from(config.rate_hz) / points as f64;
    let places: Vec<f64> = (0..=points / 2).map(|bin| bin as f64 * bin_hz).collect();
    let filters: Vec<Filter> = (0..config.bands)
        .map(|band| {
            let [left, centre, right] = [0, 1, 2].map(|place| edge(band + place));
            Filter::of(&places, (left, right), |hz| {
                ((hz - left) / (centre - left)).min((right - hz) / (right - centre))
            })
        })
        .collect();
    if filters.iter().all(|filter| filter.weights.is_empty()) {
        let expected = "bands that hold at least one frequency".to_owned();
        return wrong(
            "bands",
            format!("{} between {} and {} Hz", config.bands, config.low_hz, config.high_hz),
            expected,
        );
    }
    Ok(filters)
}

#[cfg(test)]
mod tests;
