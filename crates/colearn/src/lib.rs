#![doc = include_str!("../README.md")]

pub use {
    colearn_data as data, colearn_digits as digits, colearn_eval as eval, colearn_fetch as fetch,
    colearn_layers as layers, colearn_network as network, colearn_neurons as neurons, colearn_optim as optim,
    colearn_simd as simd, colearn_store as store, colearn_synapses as synapses, colearn_tape as tape,
    colearn_train as train,
};

#[cfg(feature = "cli")]
pub mod cli;
pub mod runs;
