//! Spiking networks of delayed synapses and adaptive neurons, from a config to inference.
//!
//! A [`NetworkConfig`] (serde, TOML) is checked into a [`ValidNetwork`] and built into a [`Network`]: hidden layers of
//! synapse → batch normalisation → neuron → dropout, and a readout of synapse → batch normalisation → leaky integrator
//! → pooling over time. Hidden layers may be recurrent, with a learned delay for each recurrent synapse; to compare with,
//! also recurrent ones without spikes. The same network runs in three ways that agree:
//!
//! - [`Network::record`] on a tape, for training;
//! - [`Network::infer`] without one, whole sequences at a time;
//! - [`Network::stream`], one step of one sample at a time, with work only where there are spikes.
//!
//! ```
//! use colearn_network::{Delays, Network, NetworkConfig};
//! use colearn_tape::{Pool, Tape};
//! use ndarray::Array3;
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let mut config = NetworkConfig::default();
//! config.set_model("d-cadlif")?;
//! config.network.hidden = vec![16];
//! let description = config.validate(40, 10)?;
//! let mut rng = ChaCha8Rng::seed_from_u64(1);
//! let mut network = Network::<f32>::new(&description, &mut rng);
//!
//! let input = Array3::<f32>::ones((50, 4, 40)); // (T, B, C)
//! network.calibrate(&input.view());
//! let mut tape = Tape::new();
//! let recording = network.record(&mut tape, &input, &mut rng);
//! let loss = tape.cross_entropy(recording.scores, &[0, 1, 2, 3]);
//! tape.backward(loss);
//! assert!(tape.gradient(recording.parameters[1]).is_some()); // hidden0.delay
//!
//! let scores = network.infer(&input.view(), Delays::Rounded, &mut Pool::default()).scores;
//! assert_eq!(scores.dim(), (4, 10));
//! # Ok::<(), colearn_network::NetworkError>(())
//! ```

mod blocks;
pub mod config;
mod counts;
mod dropout;
mod error;
mod infer;
mod initial;
mod memory;
mod network;
mod normalise;
mod parameters;
mod pooling;
mod recompute;
mod record;
mod softmaxes;
mod stability;
mod state;
mod stream;
mod widths;

pub use config::{BASELINE_NAMES, MODEL_NAMES, NetworkConfig, ValidNetwork, model_names};
pub use counts::{FanOut, ParameterRow};
pub use error::NetworkError;
pub use infer::{Inference, NetworkTrace};
pub use memory::TrainingStep;
pub use network::{Delays, Network};
pub use normalise::Statistics;
pub use parameters::{Parameter, ParameterKind};
pub use record::Recording;
pub use state::NetworkState;
pub use stream::Stream;

/// The README's snippet is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
