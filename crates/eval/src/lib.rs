#![doc = include_str!("../README.md")]

pub mod activity;
mod crc;
mod error;
pub mod events;
pub mod figures;
pub mod metrics;
pub mod npz;
pub mod page;
pub mod statistics;
pub mod table;

pub use activity::{FiringRates, LayerActivity};
pub use error::EvalError;
pub use metrics::{ClassMetrics, Evaluation, EvaluationReport};
pub use statistics::{Interval, MeanEstimate};
pub use table::{Align, Table};
