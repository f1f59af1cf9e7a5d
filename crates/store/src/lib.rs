#![doc = include_str!("../README.md")]

#[cfg(all(test, unix))]
mod children;
mod door;
mod envelope;
mod error;
mod exchange;
mod lock;
mod place;
pub mod shown;
mod whole;

pub use door::{
    LARGEST_TABLE, LARGEST_TEXT, expect_one_name, expect_own, holds, open_own, open_regular, read_bounded,
    read_text,
};
pub use envelope::{Format, fingerprint, hex, sha256};
pub use error::{Problem, StoreError};
pub use exchange::Exchange;
pub use lock::{FileLock, FolderLock};
pub use whole::{WholeFile, sync_folder, write_whole};
