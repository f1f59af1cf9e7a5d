//! The tests of layers, as one program: the scans are compiled once for all of them.

#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test may fail by panicking, and what must be equal to the bit is compared exactly"
)]

// What `common` reads golden files with.
use ndarray_npy as _;

#[path = "../../../neurons/tests/suite/common.rs"]
#[allow(dead_code, reason = "the tests of neurons alone use the rest")]
mod common;
mod equivalence;
mod gated;
mod golden;
mod gradients;
mod laws;
mod learning;
mod odd_numbers;
mod recurrence;
