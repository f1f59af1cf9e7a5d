#![doc = include_str!("../README.md")]

mod envelope;
mod error;
mod whole;

pub use envelope::{Format, hex};
pub use error::{Problem, StoreError};
pub use whole::{WholeFile, write_whole};
