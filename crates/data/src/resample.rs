//! Change of sample rate by a windowed sinc.
//!
//! With f the sample rate of x, g that of y, and the band limit c = 0.99 · min(f, g) (in zero crossings per second):
//!
//! y\[j\] = (c / f) · Σ_i x\[i\] · sinc(τ) · cos²(πτ / 12),   τ = c · (i / f − j / g),   over |τ| < 6,
//!
//! sinc(τ) = sin(πτ) / πτ. Samples before the first and after the last one are zero. After the common factor of the two
//! rates is taken out, y\[j + g\] uses the weights of y\[j\] on samples f later, so g sets of weights suffice. Equal rates
//! give the samples back unchanged.
//!
//! These are the definition and the defaults of `torchaudio.functional.resample` (`sinc_interp_hann`, width 6, roll-off
//! 0.99). Reference: J. O. Smith, "Digital audio resampling", <https://ccrma.stanford.edu/~jos/resample/>.
//!
//! ```
//! use colearn_data::Resampler;
//!
//! let half = Resampler::new(16_000, 8_000).unwrap();
//! assert_eq!(half.resample(&vec![0.0; 16_000]).len(), 8_000);
//! ```

use std::f64::consts::PI;

use colearn_simd::{Kernel, LANES, Lanes, Level, dispatch};

use crate::DataError;
use crate::audio::HIGHEST_RATE;

/// Zero crossings of the sinc on each side.
const WIDTH: f64 = 6.0;
/// Share of the lower of the two bands that passes.
const ROLL_OFF: f64 = 0.99;

/// A change from one sample rate to another.
#[derive(Debug, Clone)]
pub struct Resampler {
    from: u32,
    to: u32,
    /// Samples in after which the phases repeat.
    stride: usize,
    /// The weights of y\[0\], y\[1\] … until they repeat; empty for equal rates.
    phases: Vec<Phase>,
}

/// The weights of one sample out.
#[derive(Debug, Clone)]
struct Phase {
    /// Place of the first weight, from the first sample of the period.
    first: isize,
    /// A multiple of [`LANES`] in length, filled up with zeros.
    weights: Vec<Lanes<f32>>,
}

impl Resampler {
    /// Prepare the weights: at most about 12 · max(`from`, `to`) / (their common factor) of them.
    ///
    /// # Errors
    /// [`DataError::Config`] when a rate is 0 or above [`HIGHEST_RATE`].
    pub fn new(from: u32, to: u32) -> Result<Self, DataError> {
        for (key, rate) in [("rate", from), ("rate_hz", to)] {
            if !(1..=HIGHEST_RATE).contains(&rate) {
                let (found, expected) = (format!("{rate} Hz"), format!("1 to {HIGHEST_RATE} Hz"));
                return Err(DataError::Config { key, found, expected });
            }
        }
        let common = common_factor(from, to);
        let (inward, outward) = (from / common, to / common);
        let phases =
            if from == to { Vec::new() } else { (0..outward).map(|j| phase(inward, outward, j)).collect() };
        Ok(Self { from, to, stride: inward as usize, phases })
    }

    /// Number of samples out of `samples` samples in: ⌈samples · to / from⌉.
    #[must_use]
    pub fn length(&self, samples: usize) -> usize {
        let exact = (samples as u128 * u128::from(self.to)).div_ceil(u128::from(self.from));
        usize::try_from(exact).unwrap_or(usize::MAX)
    }

    /// `samples` at the other rate. Costs about 12 · max(1, from / to) multiply-adds per sample out.
    #[must_use]
    pub fn resample(&self, samples: &[f32]) -> Vec<f32> {
        if self.phases.is_empty() {
            return samples.to_vec();
        }
        let mut resampled = vec![0.0; self.length(samples.len())];
        dispatch(Convolution { samples, stride: self.stride, phases: &self.phases, out: &mut resampled });
        resampled
    }
}

fn common_factor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_factor(b, a % b) }
}

/// The weights of y\[j\] for rates without a common factor.
fn phase(from: u32, to: u32, j: u32) -> Phase {
    let (from, to) = (f64::from(from), f64::from(to));
    let limit = ROLL_OFF * from.min(to);
    let centre = f64::from(j) * from / to;
    let reach = WIDTH * from / limit;
    #[expect(clippy::cast_possible_truncation, reason = "places are below twice the highest rate")]
    let (first, last) = ((centre - reach).ceil() as isize, (centre + reach).floor() as isize);
    let mut weights: Vec<f32> =
        (first..=last).map(|i| weight(limit * (i as f64 / from - f64::from(j) / to), limit / from)).collect();
    weights.resize(weights.len().next_multiple_of(LANES), 0.0);
    Phase { first, weights: weights.chunks_exact(LANES).map(|block| Lanes::load(block, LANES)).collect() }
}

fn weight(tau: f64, scale: f64) -> f32 {
    if tau.abs() >= WIDTH {
        return 0.0;
    }
    let sinc = if tau == 0.0 { 1.0 } else { (PI * tau).sin() / (PI * tau) };
    #[expect(clippy::cast_possible_truncation, reason = "weights are used in single precision")]
    let weight = (scale * sinc * (PI * tau / (2.0 * WIDTH)).cos().powi(2)) as f32;
    weight
}

/// Every sample out: phases in turn, sixteen products at a time.
struct Convolution<'a> {
    samples: &'a [f32],
    stride: usize,
    phases: &'a [Phase],
    out: &'a mut [f32],
}

impl Kernel for Convolution<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for (period, out) in self.out.chunks_mut(self.phases.len()).enumerate() {
            let start = (period * self.stride).cast_signed();
            for (y, phase) in out.iter_mut().zip(self.phases) {
                let mut place = start + phase.first;
                let mut sum = Lanes::default();
                for weights in &phase.weights {
                    sum = sum.product::<L>(weights, &window(self.samples, place));
                    place += LANES.cast_signed();
                }
                *y = halved(sum);
            }
        }
    }
}

/// The sum over all lanes, halves added to halves: a sum in order would wait for each of its fifteen additions.
#[inline(always)]
fn halved(mut lanes: Lanes<f32>) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes.0[lane] += lanes.0[lane + width];
        }
        width /= 2;
    }
    lanes.0[0]
}

/// The samples from `place` on, zeros outside.
#[inline(always)]
fn window(samples: &[f32], place: isize) -> Lanes<f32> {
    if let Ok(start) = usize::try_from(place)
        && let Some(inside) = samples.get(start..start + LANES)
    {
        return Lanes::load(inside, LANES);
    }
    let mut lanes = Lanes::default();
    for (lane, i) in lanes.0.iter_mut().zip(place..) {
        *lane = usize::try_from(i).ok().and_then(|i| samples.get(i)).copied().unwrap_or(0.0);
    }
    lanes
}

#[cfg(test)]
mod tests;
