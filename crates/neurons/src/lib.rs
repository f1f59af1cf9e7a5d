//! Spiking neuron models as fused scans over time, with surrogate gradients.
//!
//! A model is a pair of small functions of one unit and one sample over one step, with their adjoints. A shared
//! driver does the rest: it loops over time with the state in registers, many samples side by side, shares out
//! units to threads, and records the whole sequence as one node of a [`colearn_tape::Tape`].
//!
//! | model | equations |
//! | --- | --- |
//! | [`NeuronModel::Lif`] | u ← α(u − s) + (1 − α)I |
//! | [`NeuronModel::Adlif`], [`NeuronModel::Cadlif`] | w ← βw + au + bs, then u ← α(u − s) + (1 − α)(I − w) |
//! | [`NeuronModel::SeAdlif`] | û ← αu + (1 − α)(I − w), then u ← û(1 − s), w ← βw + (1 − β)q(au + bs) |
//! | [`NeuronModel::Alif`] | u as LIF, b ← ρb + (1 − ρ)s, and a threshold of θ + β_a b |
//! | [`NeuronModel::Integrator`] | u ← αu + (1 − α)I, no spikes |
//!
//! with the spike s = H(u − θ), where the threshold does not move. Recurrence is not another model: `colearn-layers` adds what
//! any of them sent before to its current.
//!
//! | symbol | meaning | unit | shape |
//! | --- | --- | --- | --- |
//! | I | input current | threshold | (T, B, N) |
//! | u, w | membrane, adaptation | threshold | (T, B, N) |
//! | s | spike, 0 or 1 | – | (T, B, N) |
//! | α, β | decay of u and of w per step | – | (N) |
//! | a, b | coupling of w to u and to s | – | (N) |
//!
//! * [`scan()`] records a neuron over a sequence on a tape; [`forward`] keeps its states without one; [`infer`] keeps
//!   nothing but the output; [`step()`] goes one time step further for one sample, to the same bits.
//! * [`scan_normalised`] is batch normalisation and a scan in one operation, [`infer_scaled`] its inference,
//!   [`BlockScan`] the same for sixteen samples and some steps at a time.
//! * [`NeuronConfig`] is what configurations say; [`Neuron`] is the checked form that runs.
//! * [`Surrogate`] is the derivative that stands in for the step's.
//! * [`driver`] has what loops over time of other crates are written with.
//! * [`analysis`] knows time constants, stability and gain of the sub-threshold dynamics.
//!
//! To add a model, write its file in `models` (what is known of it by name, its elementary form, and its equations with
//! their adjoints) and add its line to the registry in `models/mod.rs`: every function above, the configuration, and
//! every law in the tests then holds it too. Golden values come from `datasets/golden/make_golden.py`.

pub mod analysis;
mod backward;
mod block;
mod chunk;
pub mod driver;
mod dynamics;
mod error;
mod fire;
mod forward;
mod lane_step;
mod models;
mod neuron;
mod norm;
mod normalised;
mod parameters;
mod scan;
mod shape;
mod step;
mod surrogate;
mod value;

pub use block::BlockScan;
pub use dynamics::{ElementaryStep, VariableSpec};
pub use error::Error;
pub use models::NeuronModel;
pub use neuron::{Firing, Neuron, NeuronConfig};
pub use norm::BatchNorm;
pub use normalised::{infer_scaled, infer_sequence, scan_normalised};
pub use parameters::{ParameterRole, ParameterSpec, initial};
pub use scan::{Trace, forward, infer, scan, scan_buffers};
pub use step::{NeuronState, StepParameters, step};
pub use surrogate::Surrogate;

/// The README's snippet is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
