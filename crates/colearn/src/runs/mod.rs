//! Runs: from what is asked for to the folder of a run, and from such folders to tables and pages.
//!
//! A [`Request`] names a model, a data set and keys; [`train`] makes of it the folder of a run, [`reproduce`] of many the
//! folder of a comparison. [`evaluate`] and [`classify`] use what a run has learned, [`compare`] and [`report`] set finished
//! runs side by side. What happens meanwhile is told through [`Front`] and [`GridFront`]; nothing is printed here.

mod classify;
mod compare;
mod comparison;
mod describe;
mod evaluate;
mod event_file;
mod experiment;
mod figures;
mod front;
mod head;
mod loading;
mod made;
mod memory;
mod model;
mod outputs;
mod overrides;
mod page;
mod plan;
pub mod program;
mod recorded;
mod reproduce;
mod request;
mod results;
mod run_folder;
mod seen;
mod stored;
mod subject;
mod summary;
mod train;
mod words;

pub use classify::{Answer, Classified, ClassifyRequest, classify};
pub use compare::{Compared, compare};
pub use describe::described;
pub use evaluate::{Evaluated, EvaluationRequest, SplitName, evaluate};
pub use experiment::Experiment;
pub use front::{Front, Quiet};
pub use loading::Loading;
pub use overrides::distance;
pub use page::report;
pub use plan::Conclusion;
pub use recorded::{expect_csv, expect_npz};
pub use reproduce::{Failure, GridEnd, GridFront, GridOptions, GridRequest, reproduce};
pub use request::{Request, data_set};
pub use stored::StoredRun;
pub use summary::peak_memory;
pub use train::{Ended, TrainOptions, train};
pub use words::percents;
