//! A seeded mutation fuzzer over everything this workspace reads from outside.
//!
//! A [`Target`](targets::Target) gives a few good inputs and runs the reader on any bytes. [`mutate`] changes good
//! inputs; [`harness`] runs them and looks for four kinds of [`Defect`](harness::Defect): a panic, a case that takes
//! more than a second, more than a gigabyte of memory for one small file, and a refusal without a reason. A case is fixed by target, seed and number
//! alone, so each one can be run again.
//!
//! ```
//! use colearn_fuzz::harness::{Limits, run};
//! use colearn_fuzz::targets;
//!
//! let folder = tempfile::tempdir()?;
//! let targets = targets::all(folder.path())?;
//! let wav = targets.iter().find(|target| target.name() == "wav").unwrap();
//! let report = run(wav.as_ref(), 1, 0..50, folder.path(), &Limits::default());
//! assert_eq!((report.cases, report.defects.len()), (50, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To add a reader, add its file in `src/targets` and its line in [`targets::all`].

pub mod harness;
pub mod mutate;
pub mod targets;

/// Counts every byte that the process asks for.
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// The snippets of the workspace's README are tests; crates that are published cannot reach that file.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
