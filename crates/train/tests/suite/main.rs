//! The tests of training, as one program.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod checkpoints;
mod common;
mod determinism;
mod loading;
mod numbers;
mod parts;
mod small_sets;
mod training;
