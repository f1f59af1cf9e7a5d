//! Speech data for spiking networks: readers, front ends, spike files, splits and a seeded loader.
//!
//! A [`DataConfig`] names a set and how to cut it; [`DataConfig::load`] gives a [`Dataset`] of features or spikes; a
//! [`Loader`] turns a [`Split`] into batches of shape (T, B, C).
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
//!     assert_eq!(batch?.input.dim(), (digits.steps, 64, 8));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The sets: [`DataName::Digits`] is embedded (synthesised speech, no download), [`DataName::Fsdd`] the Free Spoken
//! Digit Dataset, [`DataName::Words`] any folder of words (`<root>/<word>/<speaker>_….wav|flac`), [`DataName::Gsc`]
//! Google Speech Commands, [`DataName::Shd`] and [`DataName::Ssc`] the Heidelberg sets and all files of their layout.

pub mod audio;
mod augment;
mod bands;
pub mod binning;
mod cache;
mod config;
mod dataset;
pub mod encoders;
mod error;
mod facts;
mod front_end;
mod loader;
mod logmel;
mod mel_db;
mod noise;
mod normaliser;
mod prefetch;
mod prepare;
mod random;
mod rates;
mod readers;
mod resample;
mod sounds;
pub mod spike_file;
mod spikes;
mod splits;
#[cfg(test)]
mod testing;

pub use augment::Augmentation;
pub use binning::{BinValues, Binned, Binning, Edges, Recipe, TimeZero};
pub use config::{DataConfig, DataName, LoadOptions, SplitRule, Task};
pub use dataset::{Content, Dataset, Protocol, Sample, Split};
pub use error::{DataError, shortened};
pub use facts::{DataFacts, Difference, SplitFacts};
pub use front_end::{FrontEndName, centres_hz};
pub use loader::{Batch, Loader, Mixed, Order, share};
pub use logmel::{LogMel, LogMelConfig};
pub use mel_db::{MelDb, MelDbConfig};
pub use normaliser::Normaliser;
pub use prefetch::Batches;
pub use prepare::{Pad, Preparation};
pub use readers::single::SoundReader;
pub use resample::Resampler;
pub use sounds::{Sound, Sounds};
pub use spike_file::SpikeFile;
pub use spikes::{Spikes, TimePrecision};

/// The README's snippet is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
