//! The tests of the synapses, as one program: the kernels are compiled once for all of them.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;
mod golden;
mod oracles;
mod precision;
mod spikes;
mod threads;
