//! The one place that chooses between dense and sparse forms, by the measured share of active rows of each unit.
//!
//! Nanoseconds for one synapse and eight samples, from the kernels alone (AVX-512, 3.6 GHz): a step of the dense form
//! 0.29 with two taps and 0.21 with one, an active row of the sparse form 0.90 and 0.58 (it also writes to memory). The
//! gradient of weights and delays only reads: 0.41 to 0.49 an active row, against 0.30 for every step, and always
//! goes by active rows.

use crate::block::Signals;
use crate::two_tap::Taps;
use colearn_tape::Real;
use colearn_tape::simd::BinarySums;

/// Below this share of active rows a unit's forward pass with two taps goes by rows.
const TWO: f64 = 0.3;

/// The same with one tap.
const ONE: f64 = 0.33;

/// Whether the forward pass of a unit with this `share` of active rows goes by rows.
pub(crate) fn forward_by_rows(share: f64, taps: Taps) -> bool {
    share < if taps == Taps::Two { TWO } else { ONE }
}

/// Whether a block's signals are kept as codes and looked up instead of multiplied. With two taps a table holds two
/// synapses instead of four, which leaves a gain of half: not built.
pub(crate) fn block_by_codes<F: Real>(signals: Signals, taps: Taps) -> bool {
    signals == Signals::Spikes && taps == Taps::One && BinarySums::<F>::pays()
}
