//! What couples neurons and synapses: layers whose units see each other.
//!
//! `colearn-neurons` knows units that do not see each other, `colearn-synapses` what leads from one layer to the next. A
//! recurrent layer is both at once: what its neurons get in a step they sent in the steps before.
//!
//! ```text
//! current[t, j] = I[t, j] + Σ_{i≠j} V[i, j] Σ_l κ_l(d[i, j]) s[t − 1 − l, i]
//! ```
//!
//! | symbol | meaning | unit | shape |
//! | --- | --- | --- | --- |
//! | I | input current, after normalisation | threshold | (T, B, N) |
//! | s | output: spike, or the membrane of a model without spikes | – | (T, B, N) |
//! | V | recurrent weights, from row to column | threshold | (N, N) |
//! | d | recurrent delays; without them all spikes come one step later | steps | (N, N) |
//!
//! * [`scan()`] records neurons over a sequence on a tape, [`scan_normalised`] with batch normalisation of their input;
//!   [`forward`] keeps their states without a tape; [`infer`] and [`infer_sequence`] keep nothing but the output;
//!   [`LayerStep`] goes one time step further for one sample, to the same bits. All take neurons without recurrence too.
//! * [`scan_gated`], [`infer_gated`] and [`GatedStep`] are the same for layers without spikes that they are compared with:
//!   [`GatedModel::Rnn`], [`GatedModel::Ligru`], [`GatedModel::Gru`]; [`scan_gated_normalised`] normalises as well.
//!
//! ```
//! use colearn_layers::{Neuron, NeuronModel, scan};
//! use colearn_synapses::{Delayed, Interpolation, Synapse};
//! use colearn_tape::Tape;
//! use ndarray::{Array3, arr1, arr2};
//!
//! let neuron = Neuron::new(NeuronModel::Lif);
//! let form = Delayed { max_delay: 8, interpolation: Interpolation::Linear, spread: 0.0 };
//! let mut tape = Tape::<f64>::new();
//! let current = tape.leaf(&Array3::from_elem((20, 1, 2), 1.5));
//! let alpha = tape.leaf(&arr1(&[0.5, 0.9]));
//! let weight = tape.leaf(&arr2(&[[0.0, 1.0], [-1.0, 0.0]]));
//! let delay = tape.leaf(&arr2(&[[0.0, 2.5], [4.0, 0.0]]));
//! let recurrent = Synapse::new(weight, Some((delay, form)));
//! let spikes = scan(&mut tape, &neuron, current, &[alpha], Some(recurrent));
//! let count = tape.sum(spikes);
//! tape.backward(count);
//! assert!(tape.gradient(weight).is_some() && tape.gradient(delay).is_some());
//! ```

mod gated;
mod recurrent;
mod scan;
mod step;

pub use colearn_neurons::{Neuron, NeuronModel};
pub use gated::{
    Activation, GatedModel, GatedStep, GatedUnit, gated_buffers, infer_gated, infer_gated_sequence,
    scan_gated, scan_gated_normalised,
};
pub use scan::{forward, infer, infer_sequence, scan, scan_buffers, scan_normalised};
pub use step::LayerStep;

/// The README's snippet is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
