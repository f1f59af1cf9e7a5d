//! Synthesised spoken digits in English and German, embedded in the binary.
//!
//! Twenty classes (`en-0` … `en-9`, `de-0` … `de-9`), 8 kHz, one channel. Each split is one FLAC stream, all clips end
//! to end, and a CSV index with the columns
//! `start,samples,class,language,digit,voice,accent,pitch,speed`, where `start` and `samples` count samples of the
//! stream. The three splits share no voice. Nobody was recorded: `make_digits.py`, beside this crate's sources, has
//! espeak-ng say the words and writes the files.
//!
//! This crate only holds the bytes; `colearn-data` decodes them.
//!
//! ```
//! let header = colearn_digits::TEST_CSV.lines().next();
//! assert_eq!(header, Some("start,samples,class,language,digit,voice,accent,pitch,speed"));
//! assert_eq!(&colearn_digits::TEST_FLAC[..4], b"fLaC");
//! ```

/// Samples per second of every stream.
pub const SAMPLE_RATE: u32 = 8_000;

/// The training clips: one FLAC stream.
pub const TRAIN_FLAC: &[u8] = include_bytes!("../train.flac");

/// The validation clips: one FLAC stream.
pub const VALIDATION_FLAC: &[u8] = include_bytes!("../validation.flac");

/// The test clips: one FLAC stream.
pub const TEST_FLAC: &[u8] = include_bytes!("../test.flac");

/// Where the clips lie in [`TRAIN_FLAC`], and what they are.
pub const TRAIN_CSV: &str = include_str!("../train.csv");

/// Where the clips lie in [`VALIDATION_FLAC`], and what they are.
pub const VALIDATION_CSV: &str = include_str!("../validation.csv");

/// Where the clips lie in [`TEST_FLAC`], and what they are.
pub const TEST_CSV: &str = include_str!("../test.csv");

/// The README's snippet is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
