//! Synapses for spiking networks: dense ones, and ones with one real, learned delay each.
//!
//! ```text
//! dense     y[t, b, j] = Σ_i W[i, j] · x[t, b, i]
//! delayed   y[t, b, j] = Σ_i Σ_k W[i, j] · κ_k(d[i, j]) · x[t − k, b, i],   k = 0 … D
//! ```
//!
//! x is (T, B, I), y is (T, B, J), the weights W and the delays d (in steps, clamped to [0, D] when used) are (I, J);
//! x is zero before the first step. κ(d) spreads a real delay over whole lags ([`Interpolation`]).
//!
//! | module | what |
//! | --- | --- |
//! | [`interpolation`] | the kernels κ and their slopes as in DCLS: the oracle for everything else, but for slopes on whole delays (see there) |
//! | [`dense`] | no delays: matrix products |
//! | [`two_tap`] | linear interpolation: two multiply-adds per synapse and step, whatever D is |
//! | [`wide`] | triangle and Gaussian: D + 1 shifted matrix products |
//! | [`smooth`] | one Gaussian for the whole layer after the sum, so that an annealed spread costs two taps per synapse |
//! | [`stream`] | one step at a time, event-driven |
//! | [`steps`] | between the units of one layer: recurrence, whose input is its own output |
//! | [`BlockSynapse`] | inference of sixteen samples, some steps at a time; spikes by look-up instead of multiplication |
//!
//! [`Delayed`] chooses among them, and [`Synapse`] is either kind behind one interface. Every form to train with has gradients for input, weight and delay (fixed whole delays
//! for the first two); streaming and block inference have none.
//!
//! ```
//! use colearn_synapses::{Delayed, Interpolation};
//! use colearn_tape::Tape;
//! use ndarray::{Array3, arr2};
//!
//! let synapse = Delayed { max_delay: 4, interpolation: Interpolation::Linear, spread: 0.0 };
//! let mut tape = Tape::<f64>::new();
//! let mut spike = Array3::zeros((6, 1, 1));
//! spike[[0, 0, 0]] = 1.0;
//! let x = tape.constant(spike);
//! let weight = tape.leaf(&arr2(&[[2.0]]));
//! let delay = tape.leaf(&arr2(&[[2.25]]));
//! let y = synapse.record(&mut tape, x, weight, delay);
//! let y: Vec<f64> = tape.value(y).iter().map(|v| (v * 1e6).round() / 1e6).collect();
//! assert_eq!(y, [0.0, 0.0, 1.5, 0.5, 0.0, 0.0]);
//! ```

mod active;
mod block;
mod choice;
mod codes;
mod delayed;
pub mod dense;
pub mod interpolation;
mod lag_kernels;
mod packing;
mod row_kernels;
mod samples;
pub mod smooth;
mod sparse;
pub mod steps;
pub mod stream;
mod synapse;
mod table;
pub mod two_tap;
pub mod wide;

pub use block::{BLOCK_SYNAPSE_STEPS, BlockHistory, BlockSynapse, HistoryPart, Signals};
pub use delayed::Delayed;
pub use interpolation::Interpolation;
pub use synapse::Synapse;

/// The README's snippet is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
