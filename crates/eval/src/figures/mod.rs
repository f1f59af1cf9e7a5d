//! Figures as SVG documents, readable on light and on dark ground.
//!
//! Each figure is a struct of plain data whose `render` returns a complete document: it scales without loss, names
//! itself for screen readers, follows the reader's light or dark setting by a style sheet of its own, and needs no
//! font but the reader's. Values that are not finite are left out; empty data give empty axes. The same data give the
//! same bytes.
//!
//! Figures of a page of HTML ([`crate::page`]) come as `inline` drawings or `panels` as wide as a phone, which the page
//! sets side by side where there is room.
//!
//! ```
//! use colearn_eval::figures::{EpochPoint, TrainingCurves};
//!
//! let figure = TrainingCurves {
//!     title: "Spoken digits".into(),
//!     epochs: vec![EpochPoint {
//!         epoch: 1,
//!         train_loss: 2.1,
//!         validation_loss: Some(2.0),
//!         train_accuracy: 0.3,
//!         validation_accuracy: Some(0.35),
//!         rounded_accuracy: None,
//!         firing_rates: vec![0.04],
//!     }],
//!     chance: Some(0.1),
//!     best_epoch: Some(1),
//!     layer_names: vec!["hidden 1".into()],
//! };
//! assert!(figure.render().starts_with("<svg"));
//! ```

mod bands;
mod comparison;
mod confusion;
mod curves;
mod delays;
mod heat;
#[cfg(test)]
mod inline_tests;
mod panel;
mod parameters;
mod raster;
mod response;
mod sample;
#[cfg(test)]
mod sample_tests;
mod scale;
mod series;
#[cfg(test)]
mod size_tests;
mod stability;
mod svg;
#[cfg(test)]
mod tests;
mod theme;

pub use bands::{BandCurves, BandPoint, CurveGroup, Look};
pub use comparison::{DotRow, DotRows, Scatter, ScatterGroup};
pub use confusion::ConfusionMatrix;
pub use curves::{EpochPoint, TrainingCurves};
pub use delays::{DelayHistograms, DelayLayer, Sample};
pub use parameters::{LayerParameters, Parameter, ParameterDistributions, ParameterSample};
pub use raster::{RasterLayer, SpikeRaster};
pub use response::{Course, Response, Variable};
pub use sample::{SampleFigure, SampleMap, SampleSpikes};
pub use stability::{Modes, StabilityMap, stability_summary};
pub(crate) use svg::escape;
pub(crate) use theme::page_style;
