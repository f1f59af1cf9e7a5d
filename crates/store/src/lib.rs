#![doc = include_str!("../README.md")]

mod envelope;
mod error;
mod lock;
mod place;
mod whole;

pub use envelope::{Format, fingerprint, hex};
pub use error::{Problem, StoreError};
pub use lock::FolderLock;
pub use whole::{WholeFile, write_whole};
