//! Synthetic input with the statistics of spoken digits as spikes of 700 cochlear channels in steps of 10 ms.
//!
//! Each sample is a word of 0.5 to 0.9 s: three to five bands (formants) that move over the channels, each loud during
//! a few syllables, a short onset over all channels, and a weak background. Spikes are Poisson counts of that rate,
//! scaled to about 8,500 a sample. Summed over 5 neighbouring channels about 23 % of the 14,000 counts of a sample
//! are not zero, and the mean of those is about 2.6.

use colearn_tape::{Real, layout};
use ndarray::Array3;
use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, Normal, Poisson};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Channels before neighbours are summed.
const CHANNELS: usize = 700;

/// What the counts of a batch look like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputStatistics {
    pub(crate) active_share: f64,
    pub(crate) mean_of_active: f64,
    pub(crate) spikes_per_sample: f64,
}

/// Counts (T, B, `inputs`), unit-major; `inputs` divides 700.
pub(crate) fn counts(batch: usize, steps: usize, inputs: usize, seed: u64) -> Array3<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = vec![0.0; steps * batch * inputs];
    for sample in 0..batch {
        let rates = rates(steps, &mut rng);
        let drawn: f64 = Normal::new(8_500.0, 2_200.0).expect("a positive deviation").sample(&mut rng);
        let total = drawn.clamp(3_000.0, 16_000.0);
        let scale = total / rates.iter().sum::<f64>();
        for (place, &rate) in rates.iter().enumerate().filter(|(_, rate)| **rate > 0.0) {
            let (step, unit) = (place / CHANNELS, place % CHANNELS * inputs / CHANNELS);
            let count: f64 = Poisson::new(rate * scale).map_or(0.0, |poisson| poisson.sample(&mut rng));
            values[(unit * steps + step) * batch + sample] += f32::of(count);
        }
    }
    layout::from_units(steps, batch, inputs, values)
}

/// Rates of one word, (T, 700), in no particular unit.
fn rates(steps: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let bell = |distance: f64| (-0.5 * distance * distance).exp();
    let start = rng.random_range(2..12);
    let length = rng.random_range(50..90);
    let (first, last) = (f64::from(start), f64::from(start + length));
    let mut rates = vec![0.0; steps * CHANNELS];
    for _ in 0..rng.random_range(3..6) {
        let knots: [f64; 5] = std::array::from_fn(|_| rng.random_range(0.05..0.95) * CHANNELS as f64);
        let width = rng.random_range(12.0..45.0);
        let syllables: Vec<(f64, f64, f64)> = (0..rng.random_range(2..5))
            .map(|_| (rng.random_range(0.3..1.0), rng.random_range(first..last), rng.random_range(3.0..12.0)))
            .collect();
        for (step, row) in rates.chunks_mut(CHANNELS).enumerate() {
            let t = step as f64;
            let loud: f64 = syllables.iter().map(|&(peak, at, width)| peak * bell((t - at) / width)).sum();
            let centre = between(&knots, (t - first) / (last - first));
            for (channel, rate) in row.iter_mut().enumerate() {
                *rate += loud * bell((channel as f64 - centre) / width);
            }
        }
    }
    for (step, row) in rates.chunks_mut(CHANNELS).enumerate() {
        let t = step as f64;
        let inside = t >= first && t < last;
        let onset = 0.25 * bell((t - first - 2.0) / 1.5);
        for rate in row {
            *rate = if inside { *rate + onset + 0.004 } else { 0.0 };
        }
    }
    rates
}

/// Linear interpolation between equally spaced knots; `share` 0 is the first, 1 the last, outside the ends are held.
fn between(knots: &[f64; 5], share: f64) -> f64 {
    let place = (share * 4.0).clamp(0.0, 4.0);
    let k = (1..4).filter(|k| place >= f64::from(*k)).count();
    let part = place - k as f64;
    (1.0 - part) * knots[k] + part * knots[k + 1]
}

/// The statistics of a batch.
pub(crate) fn statistics(counts: &Array3<f32>) -> InputStatistics {
    let active = counts.iter().filter(|x| **x > 0.0).count() as f64;
    let total: f64 = counts.iter().map(|&x| f64::from(x)).sum();
    InputStatistics {
        active_share: active / counts.len() as f64,
        mean_of_active: total / active,
        spikes_per_sample: total / counts.dim().1 as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_documented_statistics() {
        let InputStatistics { active_share, mean_of_active, spikes_per_sample } =
            statistics(&counts(48, 100, 140, 3));
        assert!((0.20..0.26).contains(&active_share), "active {active_share}");
        assert!((2.2..3.0).contains(&mean_of_active), "mean {mean_of_active}");
        assert!((7_500.0..9_500.0).contains(&spikes_per_sample), "spikes {spikes_per_sample}");
    }
}
