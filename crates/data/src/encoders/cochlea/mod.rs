//! A cochlea: sound to the spikes of 700 channels, in the spirit of the Heidelberg sets.
//!
//! 1. *Level*: the clip is brought to a fixed level ([`Level`]), then the middle ear's first-order high-pass filter.
//! 2. *Basilar membrane* (`filters.rs`): gammatone filters at the places of a human cochlea.
//! 3. *Hair cells* (`hair_cell.rs`): Meddis's transmitter pools rectify, compress and adapt.
//! 4. *Bushy cells* (`cell.rs`): forty noisy fibres onto one leaky integrate-and-fire cell with a refractory time.
//!
//! What differs from the model of B. Cramer, Y. Stradmann, J. Schemmel and F. Zenke (IEEE Trans. Neural Netw. Learn.
//! Syst. 33:2744, 2022) is listed in `docs/encoders.md`, with the statistics of both.
//!
//! Channels lie across the lanes of a vector, time runs in the inner loop; every number is computed without fused
//! operations, so spikes are the same to the bit under every instruction set. The noise of a clip depends on the seed and
//! on the clip's index alone. Cost: O(samples · channels).
//!
//! ```
//! use colearn_data::encoders::{Cochlea, CochleaConfig, Scratch};
//!
//! # fn main() -> Result<(), colearn_data::DataError> {
//! let cochlea = Cochlea::new(16_000, &CochleaConfig { channels: 64, ..CochleaConfig::default() })?;
//! let tone: Vec<f32> = (0..3_200).map(|n| (n as f32 * 0.4).sin()).collect();
//! let spikes = cochlea.encode(&tone, 0, &mut Scratch::default());
//! assert!(!spikes.is_empty());
//! # Ok(())
//! # }
//! ```

mod cell;
mod config;
mod filters;
mod hair_cell;

pub use config::{ChannelOrder, CochleaConfig, Level};

use std::f64::consts::TAU;

use colearn_simd::{InstructionSet, Kernel, LANES, Lanes, dispatch_to};
use ndarray::Array2;

use super::{Scratch, wrong};
use crate::{DataError, Spikes};
use cell::Cell;
use filters::{Bank, Motion};
use hair_cell::Pools;

/// Samples between two changes of stage: the rows of a chunk fit the first cache.
const CHUNK: usize = 128;
/// Most a quiet clip is amplified: 60 dB.
const MOST_GAIN: f32 = 1_000.0;
/// Level of a clip after [`Level::Rms`].
const RMS: f32 = 0.1;
/// Level of a clip after [`Level::Peak`].
const PEAK: f32 = 0.5;

/// A cochlea for one sample rate: filters and constants, no state. Shared freely between threads.
#[derive(Debug, Clone)]
pub struct Cochlea {
    rate: u32,
    level: Level,
    /// Decay of the middle ear's filter; `None` leaves it out.
    ear: Option<f32>,
    seed: u64,
    centres: Vec<f64>,
    banks: Vec<Bank>,
    pools: Pools,
    cell: Cell,
}

impl Cochlea {
    /// Prepares filters for `rate` samples per second, 8,000 to 48,000.
    ///
    /// # Errors
    /// [`DataError::Config`] when a value is out of range, or the rate too low for the lowest channel.
    pub fn new(rate: u32, config: &CochleaConfig) -> Result<Self, DataError> {
        config.check()?;
        if !config::RATES.contains(&rate) {
            return Err(wrong("rate", format!("{rate} Hz"), "a sample rate of 8000 to 48000 Hz"));
        }
        let hz = f64::from(rate);
        let high = config.high_hz.min(filters::HIGHEST_SHARE * hz);
        let centres = filters::centres(config.channels, config.low_hz, high, config.order);
        #[expect(clippy::cast_possible_truncation, reason = "a coefficient is kept in f32")]
        let decay = (-TAU * config.ear_hz / hz).exp() as f32;
        Ok(Self {
            rate,
            level: config.level,
            ear: (config.ear_hz > 0.0).then_some(decay),
            seed: config.seed,
            banks: centres.chunks(LANES).map(|block| Bank::new(block, hz)).collect(),
            centres,
            pools: Pools::new(hz, config.drive),
            cell: Cell::new(config, hz),
        })
    }

    /// Samples per second this cochlea is for.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.centres.len()
    }

    /// Best frequency of each channel, in Hz.
    #[must_use]
    pub fn centres_hz(&self) -> &[f64] {
        &self.centres
    }

    /// Spikes of `samples` (in [-1, 1], at this cochlea's rate), the clip number `index` of its set. A spike carries
    /// the time of the sample that caused it; spikes of the same time are in the order of their channels. Samples that
    /// are no finite numbers count as 0.
    #[must_use]
    pub fn encode(&self, samples: &[f32], index: u64, scratch: &mut Scratch) -> Spikes {
        self.encode_on(InstructionSet::best(), samples, index, scratch)
    }

    /// As [`encode`](Self::encode) with a given instruction set: for tests and measurements.
    ///
    /// # Panics
    /// If this machine does not have the set.
    #[must_use]
    pub fn encode_on(
        &self,
        set: InstructionSet,
        samples: &[f32],
        index: u64,
        scratch: &mut Scratch,
    ) -> Spikes {
        self.condition(samples, &mut scratch.sound);
        scratch.events.clear();
        for (block, bank) in self.banks.iter().enumerate() {
            let first = block * LANES;
            let noise = std::array::from_fn(|l| cell::noise_seed(self.seed, index, first + l));
            let lanes = LANES.min(self.channels() - first);
            let sound = &scratch.sound;
            let events = &mut scratch.events;
            dispatch_to(set, Block { cochlea: self, bank, sound, noise, first, lanes, events });
        }
        scratch.spikes(f64::from(self.rate))
    }

    /// Motion of the basilar membrane, shape (samples, channels): the filters' output before the hair cells.
    #[must_use]
    pub fn membrane(&self, samples: &[f32]) -> Array2<f32> {
        let mut sound = Vec::new();
        self.condition(samples, &mut sound);
        let mut motion = Array2::zeros((samples.len(), self.channels()));
        let mut rows = vec![Lanes::splat(0.0); samples.len()];
        for (block, bank) in self.banks.iter().enumerate() {
            Motion::new().run(bank, &sound, &mut rows);
            let first = block * LANES;
            let lanes = LANES.min(self.channels() - first);
            for (mut to, row) in motion.rows_mut().into_iter().zip(&rows) {
                to.iter_mut().skip(first).zip(&row.0[..lanes]).for_each(|(to, &x)| *to = x);
            }
        }
        motion
    }

    /// Level and middle ear: y\[n\] = x\[n\] − x\[n−1\] + d y\[n−1\], scaled to gain 1 at half the rate.
    fn condition(&self, samples: &[f32], sound: &mut Vec<f32>) {
        sound.clear();
        sound.extend(samples.iter().map(|&x| if x.is_finite() { x } else { 0.0 }));
        let level = match self.level {
            Level::Off => 1.0,
            Level::Rms => gain(RMS, root_mean_square(sound)),
            Level::Peak => gain(PEAK, sound.iter().fold(0.0, |most, x| x.abs().max(most))),
        };
        let Some(decay) = self.ear else {
            for x in sound {
                *x *= level;
            }
            return;
        };
        let scale = level * 0.5 * (1.0 + decay);
        let (mut before, mut out) = (0.0, 0.0);
        for x in sound {
            let now = scale * *x;
            out = now - before + decay * out;
            before = now;
            *x = out;
        }
    }
}

/// What brings `found` to `wanted`; silence stays silent.
fn gain(wanted: f32, found: f32) -> f32 {
    if found > 0.0 { (wanted / found).min(MOST_GAIN) } else { 1.0 }
}

#[expect(clippy::cast_possible_truncation, reason = "a level is kept in f32")]
fn root_mean_square(samples: &[f32]) -> f32 {
    let power: f64 = samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    (power / samples.len().max(1) as f64).sqrt() as f32
}

/// One block of channels through one clip.
struct Block<'a> {
    cochlea: &'a Cochlea,
    bank: &'a Bank,
    sound: &'a [f32],
    noise: [u32; LANES],
    first: usize,
    lanes: usize,
    events: &'a mut Vec<u64>,
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: colearn_simd::Level>(self) {
        if self.cochlea.cell.is_noisy() { self.stages::<true>() } else { self.stages::<false>() }
    }
}

impl Block<'_> {
    #[inline(always)]
    fn stages<const NOISY: bool>(self) {
        let Cochlea { pools, cell, .. } = self.cochlea;
        let mut motion = Motion::new();
        let mut transmitter = pools.at_rest();
        let mut state = cell.start(transmitter[1], self.noise);
        let mut rows = [Lanes::splat(0.0); CHUNK];
        for (chunk, sound) in self.sound.chunks(CHUNK).enumerate() {
            let rows = &mut rows[..sound.len()];
            motion.run(self.bank, sound, rows);
            pools.run(&mut transmitter, rows);
            cell.run::<NOISY>(&mut state, rows);
            for (row, fired) in rows.iter().enumerate() {
                if fired.0.iter().fold(0, |any, x| any | x.to_bits()) != 0 {
                    let step = (chunk * CHUNK + row) as u64;
                    let fires = |lane: &usize| fired.0[*lane] > 0.0;
                    let channels = (0..self.lanes).filter(fires).map(|lane| (self.first + lane) as u64);
                    self.events.extend(channels.map(|channel| step << 16 | channel));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
