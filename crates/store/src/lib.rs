#![doc = include_str!("../README.md")]

mod door;
mod envelope;
mod error;
mod exchange;
mod lock;
mod place;
mod whole;

pub use door::{LARGEST_TABLE, LARGEST_TEXT, open_regular, read_bounded, read_text};
pub use envelope::{Format, fingerprint, hex, sha256};
pub use error::{Problem, StoreError};
pub use exchange::Exchange;
pub use lock::FolderLock;
pub use whole::{WholeFile, write_whole};
