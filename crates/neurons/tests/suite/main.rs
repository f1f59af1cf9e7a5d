//! The tests of the neuron models, as one program: the scans are compiled once for all of them.

#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test may fail by panicking, and what must be equal to the bit is compared exactly"
)]

mod common;
mod equivalence;
mod golden;
mod gradients;
mod laws;
mod odd_numbers;
