#![doc = include_str!("../README.md")]

pub mod checkpoint;
mod config;
mod error;
pub mod evaluate;
mod finite;
mod identity;
pub mod optimiser;
mod random;
mod record;
mod spread;
mod trainer;
mod warning;
mod watch;

pub use checkpoint::Checkpoint;
pub use colearn_optim::{
    OptimiserKind, OptimiserState, Pace, Schedule, ScheduleConfig, ScheduleKind, ScheduleState, clip_scale,
    gradient_norm,
};
pub use config::{Decay, OnNonFinite, RateFactor, Selection, SpreadConfig, TrainConfig, ValidTrain};
pub use error::TrainError;
pub use evaluate::{SplitResult, evaluate, evaluate_each};
pub use identity::RunId;
pub use optimiser::Optimiser;
pub use random::initial_generator;
pub use record::{Best, EpochProgress, EpochRecord, Times};
pub use spread::{SMALLEST as SMALLEST_SPREAD, SpreadSchedule};
pub use trainer::Trainer;
pub use warning::{SATURATED, Warning};
pub use watch::{BatchEvent, Outcome, RunFiles, Silent, Watcher};
