//! Log-mel features with the conventions of Kaldi's filter bank.
//!
//! Frame n takes the samples n·S .. n·S + W (window 25 ms, shift 10 ms, both rounded down to samples; only whole
//! windows, Kaldi's `snip_edges`). Per frame:
//!
//! 1. subtract the frame's mean;
//! 2. pre-emphasis x\[i\] ← x\[i\] − 0.97 x\[i−1\], the first sample with itself;
//! 3. Povey window (0.5 − 0.5 cos(2πi/(W−1)))^0.85;
//! 4. power spectrum |X\[k\]|² over the next power of two of W;
//! 5. triangular filters, equally spaced and linear in mel(f) = 1127 ln(1 + f/700), from 20 Hz to half the rate;
//! 6. ln(max(energy, 2⁻²³)).
//!
//! Samples are in [-1, 1], as in torchaudio; Kaldi's own 16-bit range would add 2 ln 32768 = 20.8 to every value. The
//! floor thus lies 96 dB or more below a full-scale tone. No dither.
//!
//! ```
//! use colearn_data::{LogMel, LogMelConfig};
//!
//! let front = LogMel::new(16_000, &LogMelConfig::default()).unwrap();
//! let second = vec![0.0; 16_000];
//! assert_eq!(front.features(&second).dim(), (98, 40));
//! ```
//!
//! Reference: D. Povey et al., "The Kaldi speech recognition toolkit", ASRU 2011 (`feature-fbank`, `mel-computations`).

use std::f64::consts::TAU;
use std::fmt;

use colearn_simd::{Kernel, LANES, Lanes, Level, dispatch};
use ndarray::Array2;

use crate::DataError;
use crate::bands::{Filter, FilterBank, whole_samples};

/// Share of the previous sample that pre-emphasis takes away.
const PRE_EMPHASIS: f32 = 0.97;

/// Settings of the front end.
#[derive(Debug, Clone, PartialEq)]
pub struct LogMelConfig {
    /// Number of mel bands.
    pub bands: usize,
    /// Length of a window, in seconds.
    pub window_s: f64,
    /// Distance of two windows, in seconds.
    pub step_s: f64,
    /// Lower edge of the first band, in Hz.
    pub low_hz: f64,
    /// Upper edge of the last band, in Hz; `None` is half the sample rate.
    pub high_hz: Option<f64>,
}

impl Default for LogMelConfig {
    fn default() -> Self {
        Self { bands: 40, window_s: 0.025, step_s: 0.010, low_hz: 20.0, high_hz: None }
    }
}

/// The front end for one sample rate.
#[derive(Clone)]
pub struct LogMel {
    rate: u32,
    shift: usize,
    window: Vec<f32>,
    bank: FilterBank,
}

impl fmt::Debug for LogMel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogMel")
            .field("rate", &self.rate)
            .field("window", &self.window.len())
            .field("shift", &self.shift)
            .field("bands", &self.bank.filters().len())
            .finish_non_exhaustive()
    }
}

impl LogMel {
    /// Prepare window and filters for `rate` samples per second.
    ///
    /// # Errors
    /// [`DataError::Config`] when a length or frequency is out of range, or when there are so many bands that one of
    /// them holds no frequency of the spectrum.
    pub fn new(rate: u32, config: &LogMelConfig) -> Result<Self, DataError> {
        let length = whole_samples("window_s", config.window_s, rate)?;
        let shift = whole_samples("step_s", config.step_s, rate)?;
        let points = length.next_power_of_two();
        Ok(Self {
            rate,
            shift,
            window: povey(length),
            bank: FilterBank::new(points, mel_filters(rate, points, config)?),
        })
    }

    /// Samples per second this front end is for.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Number of frames that `samples` samples give: 0 when they do not fill one window.
    #[must_use]
    pub fn frames(&self, samples: usize) -> usize {
        if samples < self.window.len() { 0 } else { (samples - self.window.len()) / self.shift + 1 }
    }

    /// Log-mel energies of `samples` (in [-1, 1]), shape (frames, bands). Costs O(frames · n log n) with n the points
    /// of the transform.
    #[must_use]
    pub fn features(&self, samples: &[f32]) -> Array2<f32> {
        let mut features = self.bank.energies(self.frames(samples.len()), |n, frame| {
            let start = n * self.shift;
            let samples = &samples[start..start + self.window.len()];
            dispatch(Condition { samples, window: &self.window, frame });
        });
        features.mapv_inplace(|energy| energy.max(f32::EPSILON).ln());
        features
    }
}

/// Steps 1 to 3 of the module's list, and zeros up to the size of the transform.
struct Condition<'a> {
    samples: &'a [f32],
    window: &'a [f32],
    frame: &'a mut [f32],
}

impl Kernel for Condition<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { samples, window, frame } = self;
        let mut sums = Lanes::default();
        let mut blocks = samples.chunks_exact(LANES);
        for block in &mut blocks {
            sums = sums.plus(&Lanes::load(block, LANES));
        }
        let rest = blocks.remainder();
        sums = sums.plus(&Lanes::load(rest, rest.len()));
        let mean = sums.total() / samples.len() as f32;
        let (frame, padding) = frame.split_at_mut(samples.len());
        padding.fill(0.0);
        frame[0] = (1.0 - PRE_EMPHASIS) * (samples[0] - mean) * window[0];
        let neighbours = samples.iter().zip(&samples[1..]);
        for ((out, (&before, &x)), w) in frame[1..].iter_mut().zip(neighbours).zip(&window[1..]) {
            *out = ((x - mean) - PRE_EMPHASIS * (before - mean)) * w;
        }
    }
}

fn povey(length: usize) -> Vec<f32> {
    let last = (length - 1) as f64;
    #[expect(clippy::cast_possible_truncation, reason = "weights are used in single precision")]
    (0..length).map(|i| (0.5 - 0.5 * (TAU * i as f64 / last).cos()).powf(0.85) as f32).collect()
}

fn mel(hz: f64) -> f64 {
    1127.0 * (hz / 700.0).ln_1p()
}

/// The centres of `bands` bands from `low_hz` to `high_hz`, in Hz.
pub(crate) fn centres_hz(bands: usize, low_hz: f64, high_hz: f64) -> impl Iterator<Item = f64> {
    let (low, width) = (mel(low_hz), (mel(high_hz) - mel(low_hz)) / (bands + 1) as f64);
    (1..=bands).map(move |band| 700.0 * ((low + band as f64 * width) / 1127.0).exp_m1())
}

fn mel_filters(rate: u32, points: usize, config: &LogMelConfig) -> Result<Vec<Filter>, DataError> {
    let nyquist = f64::from(rate) / 2.0;
    let high_hz = config.high_hz.unwrap_or(nyquist);
    let wrong = |key, found: String, expected: String| Err(DataError::Config { key, found, expected });
    if !(config.low_hz >= 0.0 && config.low_hz < high_hz) {
        return wrong("low_hz", format!("{} Hz", config.low_hz), format!("0 Hz to less than {high_hz} Hz"));
    }
    if high_hz > nyquist {
        return wrong(
            "high_hz",
            format!("{high_hz} Hz"),
            format!("at most {nyquist} Hz, half the sample rate"),
        );
    }
    if config.bands == 0 || config.bands > points / 2 {
        return wrong("bands", config.bands.to_string(), format!("1 to {} at {rate} Hz", points / 2));
    }
    let low = mel(config.low_hz);
    let width = (mel(high_hz) - low) / (config.bands + 1) as f64;
    let bin_hz = f64::from(rate) / points as f64;
    // As in Kaldi the last bin, half the rate itself, belongs to no filter.
    let places: Vec<f64> = (0..points / 2).map(|bin| mel(bin as f64 * bin_hz)).collect();
    let mut filters = Vec::with_capacity(config.bands);
    for band in 0..config.bands {
        let left = low + band as f64 * width;
        let filter = Filter::of(&places, (left, left + 2.0 * width), |place| {
            let rise = (place - left) / width;
            rise.min(2.0 - rise)
        });
        if filter.weights.is_empty() {
            let expected = format!("fewer bands: band {band} would hold no frequency at {rate} Hz");
            return wrong("bands", config.bands.to_string(), expected);
        }
        filters.push(filter);
    }
    Ok(filters)
}

#[cfg(test)]
mod tests;
