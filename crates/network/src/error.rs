//! What can be wrong with a network's description or with a state that should fit it.

use colearn_tape::simd::in_words;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A key holds a value outside its range.
    #[error("{key} = {found}: expected {expected}")]
    Value {
        /// The key as written in the experiment file.
        key: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A model name that does not exist.
    #[error("model \"{found}\": expected one of {}", expected.join(", "))]
    Model {
        /// What was found.
        found: String,
        /// What exists.
        expected: Vec<String>,
    },
    /// A key names a parameter that the model does not have.
    #[error("{key} holds \"{found}\": expected names of the parameters of {model}: {}", list(expected))]
    Parameter {
        /// The key as written in the experiment file.
        key: &'static str,
        /// The model of the hidden layers.
        model: &'static str,
        /// What was found.
        found: String,
        /// What exists.
        expected: Vec<&'static str>,
    },
    /// A parameter is fixed outside of its bounds.
    #[error("neuron.fixed.{name} = {}: expected a number within its bounds, {low} to {high}", in_words(*found))]
    Fixed {
        /// The parameter.
        name: String,
        /// What was found.
        found: f64,
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// A layer that does not exist is to have no delays.
    #[error("synapse.without_delay holds \"{found}\": expected names of layers: {}", expected.join(", "))]
    Layer {
        /// What was found.
        found: String,
        /// What exists.
        expected: Vec<String>,
    },
    /// A neuron's own settings are wrong.
    #[error("neuron.{0}")]
    Neuron(colearn_neurons::Error),
    /// A saved state does not belong to this network.
    #[error("the saved state does not fit the network: {item}: found {found}, expected {expected}")]
    State {
        /// The first parameter or statistic that differs.
        item: String,
        /// What the state holds.
        found: String,
        /// What the network holds.
        expected: String,
    },
}

// Not by `#[from]`: the error is part of the message, not its source.
impl From<colearn_neurons::Error> for NetworkError {
    fn from(error: colearn_neurons::Error) -> Self {
        Self::Neuron(error)
    }
}

/// The names in one line.
fn list(names: &[&str]) -> String {
    if names.is_empty() { "there are none".to_owned() } else { names.join(", ") }
}
