#![doc = include_str!("../README.md")]

pub mod checkpoint;
mod clip;
mod config;
mod error;
pub mod evaluate;
mod finite;
mod identity;
pub mod optimiser;
mod random;
mod record;
pub mod schedule;
mod spread;
mod trainer;
mod warning;
mod watch;

pub use checkpoint::Checkpoint;
pub use clip::{clip_scale, gradient_norm};
pub use config::{
    Decay, OnNonFinite, OptimiserKind, RateFactor, ScheduleConfig, ScheduleKind, Selection, SpreadConfig,
    TrainConfig, ValidTrain,
};
pub use error::TrainError;
pub use evaluate::{SplitResult, evaluate, evaluate_each};
pub use identity::RunId;
pub use optimiser::{Optimiser, OptimiserState, Pace};
pub use random::initial_generator;
pub use record::{Best, EpochProgress, EpochRecord};
pub use schedule::{Schedule, ScheduleState};
pub use spread::{SMALLEST as SMALLEST_SPREAD, SpreadSchedule};
pub use trainer::Trainer;
pub use warning::{SATURATED, Warning};
pub use watch::{BatchEvent, Outcome, RunFiles, Silent, Watcher};
