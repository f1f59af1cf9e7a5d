//! Bushy cells: many fibres onto one leaky integrate-and-fire cell.
//!
//! | symbol | meaning |
//! | --- | --- |
//! | ρ | rate of a fibre over θ (`threshold_hz`), from the hair cell |
//! | i | synaptic current: i ← s i + (1 − s)(ρ + κ √ρ ξ), s = e^{−dt/synapse} |
//! | v | membrane: v ← m v + (1 − m) i, m = e^{−dt/membrane}; a spike where v ≥ 1, then v = 0 |
//! | R | refractory steps: v stays 0 until R steps after a spike |
//! | κ | noise / √(N θ dt): N independent Poisson fibres have this much noise in a step |
//! | ξ | noise of mean 0 and variance 1: the sum of two uniform numbers |
//!
//! The published code draws N = 40 fibres for each channel and step; here their sum is its mean and a noise of the same
//! mean and variance, one draw instead of 40. Fibres have no refractory time of their own. In the published form
//! (weight 13000/N, threshold 1, 1 ms membrane, 0.5 ms synapse) the threshold is reached at θ = 1/(13000 · 1 ms ·
//! 0.5 ms) = 154 spikes per second and fibre.
//!
//! Reference: W. S. Rothman, E. D. Young and P. B. Manis, J. Neurophysiol. 70:2562 (1993), on convergence onto bushy
//! cells; the constants are those of the published conversion code of B. Cramer et al. (2022).

use colearn_simd::{LANES, Lanes};

use super::{CochleaConfig, hair_cell};
use crate::encoders::{mix, mixed};

/// Constants of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// From transmitter in the cleft to ρ.
    scale: f32,
    kappa: f32,
    synapse: f32,
    input: f32,
    membrane: f32,
    charge: f32,
    refractory: f32,
}

/// State of one block.
#[derive(Debug, Clone, Copy)]
pub(super) struct CellState {
    current: Lanes<f32>,
    potential: Lanes<f32>,
    /// Refractory steps left.
    rest: Lanes<f32>,
    noise: [u32; LANES],
}

impl Cell {
    #[expect(clippy::cast_possible_truncation, reason = "coefficients are kept in f32")]
    pub(super) fn new(config: &CochleaConfig, rate: f64) -> Self {
        let synapse = (-1.0 / (rate * config.synapse_s)).exp();
        let membrane = (-1.0 / (rate * config.membrane_s)).exp();
        // A millionth of a sample is rounding of the product, not a longer time.
        let refractory = (config.refractory_s * rate - 1e-6).ceil().max(1.0);
        Self {
            scale: (hair_cell::FIRING / config.threshold_hz) as f32,
            kappa: (config.noise * (rate / (f64::from(config.fibres) * config.threshold_hz)).sqrt()) as f32,
            synapse: synapse as f32,
            input: (1.0 - synapse) as f32,
            membrane: membrane as f32,
            charge: (1.0 - membrane) as f32,
            refractory: refractory as f32,
        }
    }

    /// Whether random numbers are drawn.
    pub(super) fn is_noisy(&self) -> bool {
        self.kappa > 0.0
    }

    /// State of a block whose channels draw their noise from these seeds. Membranes start charged by the spontaneous
    /// rate, as if silence had gone before.
    #[inline(always)]
    pub(super) fn start(&self, cleft: Lanes<f32>, noise: [u32; LANES]) -> CellState {
        let current = cleft * Lanes::splat(self.scale);
        let potential = current.map(|i| if i < 1.0 { i } else { 0.0 });
        CellState { current, potential, rest: Lanes::splat(0.0), noise }
    }

    /// Replaces the cleft's transmitter in each row by 1 where the cell fires and by 0 where it does not.
    #[inline(always)]
    pub(super) fn run<const NOISY: bool>(&self, state: &mut CellState, rows: &mut [Lanes<f32>]) {
        let splat = Lanes::splat;
        let CellState { mut current, mut potential, mut rest, mut noise } = *state;
        for row in rows {
            let mut input = *row * splat(self.scale);
            if NOISY {
                let spread = input.map(f32::sqrt) * splat(self.kappa);
                input = input + spread * draw(&mut noise);
            }
            current = splat(self.synapse) * current + splat(self.input) * input;
            rest = rest - splat(1.0);
            let charged = splat(self.membrane) * potential + splat(self.charge) * current;
            let free = masked(charged, reaching(splat(0.0), rest));
            let fires = reaching(free, splat(1.0));
            let stays = fires.map(|mask| !mask);
            potential = masked(free, stays);
            rest = masked(rest, stays) + masked(splat(self.refractory), fires);
            *row = masked(splat(1.0), fires);
        }
        *state = CellState { current, potential, rest, noise };
    }
}

/// All bits where `x` is at least `y`, none elsewhere. Masks instead of conditions: the compiler makes jumps of
/// conditions that depend on each other.
#[inline(always)]
fn reaching(x: Lanes<f32>, y: Lanes<f32>) -> [u32; LANES] {
    let mut mask = [0; LANES];
    for (mask, (x, y)) in mask.iter_mut().zip(x.0.iter().zip(&y.0)) {
        *mask = 0_u32.wrapping_sub(u32::from(x >= y));
    }
    mask
}

/// `x` where the mask has all bits, 0 where it has none.
#[inline(always)]
fn masked(x: Lanes<f32>, mask: [u32; LANES]) -> Lanes<f32> {
    let mut out = x;
    for (x, mask) in out.0.iter_mut().zip(&mask) {
        *x = f32::from_bits(x.to_bits() & mask);
    }
    out
}

/// One number of mean 0 and variance 1 for each lane: a step of Marsaglia's xorshift (13, 17, 5) and the sum of its
/// halves, which has the shape of a triangle. Whole numbers below 2¹⁷ are exact in f32.
#[inline(always)]
fn draw(noise: &mut [u32; LANES]) -> Lanes<f32> {
    let mut out = Lanes::splat(0.0);
    for (out, word) in out.0.iter_mut().zip(noise) {
        *word ^= *word << 13;
        *word ^= *word >> 17;
        *word ^= *word << 5;
        #[expect(clippy::cast_possible_wrap, reason = "below 2^17")]
        let sum = ((*word & 0xffff) + (*word >> 16)) as i32 - 0xffff;
        *out = sum as f32 * (2.449_489_7 / 65_536.0);
    }
    out
}

/// Seed of the noise of one channel of one clip: never 0, where xorshift would stay.
pub(super) fn noise_seed(seed: u64, index: u64, channel: usize) -> u32 {
    let mixed = mix(mixed(seed, index) ^ channel as u64);
    let word = (mixed >> 32) as u32;
    word | 1
}
