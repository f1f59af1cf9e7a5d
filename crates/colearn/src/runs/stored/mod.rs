//! What a finished run leaves in its folder, and who reads it: settings and summary for tables of many runs,
//! and what its report needs beside these.

mod data;
mod evaluation;
mod numbers;
mod origin;
mod run;

pub(crate) use data::{StoredData, same_place};
pub(crate) use evaluation::{Example, StoredEvaluation, StoredResult, Wrong, read};
pub(crate) use origin::Origin;
pub use run::StoredRun;

#[cfg(test)]
pub(crate) use evaluation::ExampleLayer;
