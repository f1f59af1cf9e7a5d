//! The one place that chooses between dense and sparse forms, by the measured share of entries that are not zero.
//!
//! Dense forms do sixteen multiply-adds a cycle whatever the signal is; sparse ones touch memory for every event and
//! synapse. With both taps together (128 to 128 units, AVX-512, cycles per event and synapse): 2.7 forward, which also
//! writes, and 1.15 in the gradient, where two dense taps cost 2/16 of a cycle per step and synapse.

use crate::two_tap::Taps;

/// Below this share the forward pass of two taps goes by events.
const FORWARD_TWO: f64 = 0.05;

/// Below this share the forward pass of one tap goes by events.
const FORWARD_ONE: f64 = 0.025;

/// Below this share the gradient of weights and delays goes by events.
const GRADIENT: f64 = 0.13;

pub(crate) fn forward_by_events(density: f64, taps: Taps) -> bool {
    density < if taps == Taps::Two { FORWARD_TWO } else { FORWARD_ONE }
}

pub(crate) fn gradient_by_events(density: f64) -> bool {
    density < GRADIENT
}
