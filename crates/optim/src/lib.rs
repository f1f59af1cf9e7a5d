#![doc = include_str!("../README.md")]

pub mod adam;
pub mod clip;
pub mod schedule;

pub use adam::{Adam, AdamSettings, OptimiserKind, OptimiserState, OtherShapes, Pace, Target};
pub use clip::{clip_scale, gradient_norm};
pub use schedule::{Schedule, ScheduleConfig, ScheduleKind, ScheduleState};
