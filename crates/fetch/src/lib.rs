#![doc = include_str!("../README.md")]

mod client;
mod contents;
mod digest;
mod download;
mod error;
mod manifest;
mod pace;
mod part;
mod progress;
mod redirect;
mod script;
mod set;
mod sort;
mod sums;
mod sync;
mod table;
mod tar_entries;
mod tls;
mod transfer;
mod unpack;
mod verify;

pub use client::{Client, ClientConfig};
pub use contents::{Contents, Difference};
pub use digest::{Checksum, Sums, hash_file};
pub use download::{Outcome, Retries, download};
pub use error::FetchError;
pub use manifest::{DataSet, Manifest, RemoteFile, Samples, Unpack};
pub use pace::{Clock, LeastRate};
pub use progress::Progress;
pub use set::{Presence, fetch_set};
pub use sums::SumsFile;
pub use unpack::{Limits, unpack_tar_gz};
pub use verify::{Checked, State, verify_folder, verify_set};
