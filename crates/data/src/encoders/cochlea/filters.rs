//! The basilar membrane: a bank of gammatone filters at the places of a human cochlea.
//!
//! | symbol | meaning | value |
//! | --- | --- | --- |
//! | f(x) | best frequency at the place x (0 apex, 1 base): 165.4 (10^{2.1 x} − 0.88) Hz | Greenwood 1990 |
//! | ERB(f) | equivalent rectangular bandwidth: 24.7 (4.37 f/1000 + 1) Hz | Glasberg and Moore 1990 |
//! | p | pole e^{−2π·1.019 ERB(f)/rate + i 2π f/rate} | |
//! | g | 2 (1 − \|p\|)⁴: gain 1 at the centre | |
//!
//! Centres are equally spaced in x. A filter is a cascade of four equal complex resonators, z_k\[n\] = p z_k\[n−1\] +
//! z_{k−1}\[n\], fed with g times the sound; its output is the real part of the last. Its impulse response is that of a
//! gammatone of fourth order, g (n+1)(n+2)(n+3)/6 · \|p\|ⁿ cos(2π f n/rate) (Hohmann 2002).
//!
//! References: D. D. Greenwood, J. Acoust. Soc. Am. 87:2592 (1990); B. R. Glasberg and B. C. J. Moore, Hear. Res.
//! 47:103 (1990); R. D. Patterson et al., APU report 2341 (1988); V. Hohmann, Acta Acustica 88:433 (2002).

use std::f64::consts::TAU;

use colearn_simd::{LANES, Lanes};

use super::ChannelOrder;

/// Share of the sample rate above which no centre lies.
pub(super) const HIGHEST_SHARE: f64 = 0.45;

/// A steady pressure far below hearing: without it the filters of a silent clip would decay into subnormal numbers,
/// which many processors handle a hundred times slower.
pub(super) const AIR: f32 = 1e-12;

/// Best frequency at the place `x`, in Hz.
fn greenwood(x: f64) -> f64 {
    165.4 * (10_f64.powf(2.1 * x) - 0.88)
}

/// Place of the best frequency `hz`.
fn place(hz: f64) -> f64 {
    (hz / 165.4 + 0.88).log10() / 2.1
}

/// `channels` centres from `low` to `high` Hz, equally spaced along the cochlea, in the order asked for. One channel
/// lies at `low`.
pub(super) fn centres(channels: usize, low: f64, high: f64, order: ChannelOrder) -> Vec<f64> {
    let (first, last) = (place(low), place(high));
    let gap = (last - first) / (channels.max(2) - 1) as f64;
    let mut centres: Vec<f64> = (0..channels).map(|c| greenwood(first + gap * c as f64)).collect();
    if order == ChannelOrder::HighFirst {
        centres.reverse();
    }
    centres
}

/// The filters of one block of channels.
#[derive(Debug, Clone)]
pub(super) struct Bank {
    turn: Lanes<f32>,
    swing: Lanes<f32>,
    gain: Lanes<f32>,
}

impl Bank {
    /// Filters for the centres of one block, at most [`LANES`]; the lanes left over stay silent.
    #[expect(clippy::cast_possible_truncation, reason = "coefficients are kept in f32")]
    pub(super) fn new(centres: &[f64], rate: f64) -> Self {
        let zero = Lanes::splat(0.0);
        let mut bank = Self { turn: zero, swing: zero, gain: zero };
        assert!(centres.len() <= LANES, "a block has at most {LANES} channels");
        for (lane, &hz) in centres.iter().enumerate() {
            let bandwidth = 24.7 * (4.37 * hz / 1_000.0 + 1.0);
            let radius = (-TAU * 1.019 * bandwidth / rate).exp();
            let (sin, cos) = (TAU * hz / rate).sin_cos();
            bank.turn.0[lane] = (radius * cos) as f32;
            bank.swing.0[lane] = (radius * sin) as f32;
            bank.gain.0[lane] = (2.0 * (1.0 - radius).powi(4)) as f32;
        }
        bank
    }
}

/// State of one block: real and imaginary part of each of the four resonators.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion([[Lanes<f32>; 2]; 4]);

impl Motion {
    /// At rest.
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self([[Lanes::splat(0.0); 2]; 4])
    }

    /// Moves the membrane by the sound and writes its motion, one row for each sample.
    #[inline(always)]
    pub(super) fn run(&mut self, bank: &Bank, sound: &[f32], motion: &mut [Lanes<f32>]) {
        let Bank { turn, swing, gain } = *bank;
        let mut z = self.0;
        for (&x, row) in sound.iter().zip(motion) {
            let (mut re, mut im) = (gain * Lanes::splat(x + AIR), Lanes::splat(0.0));
            for (k, state) in z.iter_mut().enumerate() {
                let [a, b] = *state;
                re = (turn * a + re) - swing * b;
                // The sound has no imaginary part.
                let turned = if k == 0 { turn * b } else { turn * b + im };
                im = turned + swing * a;
                *state = [re, im];
            }
            *row = re;
        }
        self.0 = z;
    }
}
