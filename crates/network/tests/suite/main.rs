//! The tests of networks, as one program.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test may fail by panicking, and exact results are exact"
)]

mod ablations;
mod baselines;
mod common;
mod network;
mod parts;
mod recurrent_delays;
mod statistics;
