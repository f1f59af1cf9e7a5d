//! Speech data for spiking networks: readers, log-mel front end, splits and a seeded loader.
//!
//! A [`DataConfig`] names a set and how to cut it; [`DataConfig::load`] gives a [`Dataset`] of normalised log-mel
//! features; a [`Loader`] turns a [`Split`] into batches of shape (T, B, C).
//!
//! ```
//! use colearn_data::{DataConfig, DataName, Loader, Order};
//!
//! # fn main() -> Result<(), colearn_data::DataError> {
//! let config = DataConfig { bands: 8, ..DataConfig::default_for(DataName::Digits) };
//! let digits = config.load()?;
//! assert_eq!(digits.classes.len(), 20);
//!
//! let epoch = Loader::new(&digits.train, digits.steps, 64, Order::Shuffled { seed: 1, epoch: 0 });
//! for batch in epoch.take(2) {
//!     assert_eq!(batch.input.dim(), (digits.steps, 64, 8));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The sets: [`DataName::Digits`] is embedded (synthesised speech, no download), [`DataName::Fsdd`] the Free Spoken
//! Digit Dataset, [`DataName::Words`] any folder of words (`<root>/<word>/<speaker>_….wav|flac`).

pub mod audio;
mod augment;
mod config;
mod dataset;
mod error;
mod loader;
mod logmel;
mod normaliser;
mod random;
mod readers;
pub mod spike_file;
mod spikes;
#[cfg(test)]
mod testing;

pub use augment::Augmentation;
pub use config::{DataConfig, DataName};
pub use dataset::{Dataset, Sample, Split};
pub use error::DataError;
pub use loader::{Batch, Loader, Order};
pub use logmel::{LogMel, LogMelConfig};
pub use normaliser::Normaliser;
pub use spikes::Spikes;
