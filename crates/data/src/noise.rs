//! What noise looks like to a front end.
//!
//! A front end is linear up to the power spectrum, so the energy of signal plus noise in a band is the sum of both
//! energies and a cross term of mean zero. Noise is therefore added where the bands are: frames of white Gaussian noise
//! of power 1 are put through the front end once, and a clip takes as many of them, from a random place, scaled to the
//! power that the ratio to the signal asks for,
//!
//! x ← k ln(e^{x/k} + g e^{n/k}),   g = power / 10^(SNR/10),
//!
//! with k the scale of the front end's logarithm. What is neglected is the cross term alone.

use std::sync::OnceLock;

use ndarray::{Array2, Axis, Slice, concatenate};
use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, StandardNormal};
use rand_chacha::ChaCha8Rng;

use crate::front_end::FrontEnd;
use crate::random::generator;

/// Seconds of noise that are kept.
const SECONDS: usize = 4;
const SEED: u64 = 0x6e6f_6973_6562_616e;

/// Energies of noise of power 1 in every band.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NoiseBank {
    /// Shape (frames, bands).
    energies: Array2<f32>,
    /// Features per natural logarithm of energy.
    log_scale: f32,
}

/// A bank that is made when noise is first asked for.
#[derive(Debug)]
pub(crate) struct LazyNoise {
    front: FrontEnd,
    bank: OnceLock<NoiseBank>,
}

impl LazyNoise {
    pub(crate) fn new(front: FrontEnd) -> Self {
        Self { front, bank: OnceLock::new() }
    }

    pub(crate) fn bank(&self) -> &NoiseBank {
        self.bank.get_or_init(|| NoiseBank::new(&self.front))
    }
}

impl NoiseBank {
    pub(crate) fn new(front: &FrontEnd) -> Self {
        let log_scale = front.log_scale();
        // A second at a time: a front end may cut what is longer.
        let seconds: Vec<_> = (0..SECONDS as u64)
            .map(|second| {
                let mut rng = generator(SEED, second);
                let noise: Vec<f32> = (0..front.rate()).map(|_| StandardNormal.sample(&mut rng)).collect();
                front.features(&noise)
            })
            .collect();
        let views: Vec<_> = seconds.iter().map(|features| features.view()).collect();
        let features = concatenate(Axis(0), &views).expect("every second has the same bands");
        Self { energies: features.mapv_into(|x| (x / log_scale).exp()), log_scale }
    }

    /// Adds noise of `noise_power` to log features (steps, bands).
    pub(crate) fn add(&self, features: &mut Array2<f32>, noise_power: f32, rng: &mut ChaCha8Rng) {
        let frames = self.energies.nrows();
        let start = rng.random_range(0..frames);
        for (step, mut row) in features.axis_iter_mut(Axis(0)).enumerate() {
            let place = (start + step) % frames;
            let noise = self.energies.slice_axis(Axis(0), Slice::from(place..=place));
            for (x, &energy) in row.iter_mut().zip(&noise) {
                *x = self.log_scale * ((*x / self.log_scale).exp() + noise_power * energy).ln();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogMel, LogMelConfig};

    /// A harmonic sound of one second.
    fn sound() -> Vec<f32> {
        (0..16_000_u16)
            .map(|i| 0.3 * (f32::from(i) * 0.05).sin() + 0.2 * (f32::from(i) * 0.31).sin())
            .collect()
    }

    #[test]
    fn noise_added_to_the_bands_is_noise_added_to_the_sound_on_average() {
        let front = FrontEnd::LogMel(LogMel::new(16_000, &LogMelConfig::default()).unwrap());
        let bank = NoiseBank::new(&front);
        for power in [1e-4_f32, 1e-2] {
            let mut rng = generator(1, 1);
            let noisy: Vec<f32> = sound()
                .into_iter()
                .map(|x| {
                    let n: f32 = StandardNormal.sample(&mut rng);
                    x + power.sqrt() * n
                })
                .collect();
            let expected = front.features(&noisy);
            let mut found = front.features(&sound());
            let clean = found.clone();
            bank.add(&mut found, power, &mut rng);
            let difference = |a: &Array2<f32>| (a - &expected).mean_axis(Axis(0)).unwrap();
            assert!(difference(&clean).iter().any(|d| d.abs() > 1.0), "the noise matters at {power}");
            for (band, d) in difference(&found).iter().enumerate() {
                assert!(d.abs() < 0.35, "power {power}, band {band}: {d}");
            }
        }
    }
}
