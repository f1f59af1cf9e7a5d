//! What can be wrong with a network's description or with a state that should fit it.

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
        expected: Vec<&'static str>,
    },
    /// A parameter to freeze that the neuron does not have.
    #[error("neuron.frozen holds \"{found}\": expected names of this neuron's parameters: {}", expected.join(", "))]
    Frozen {
        /// What was found.
        found: String,
        /// What exists.
        expected: Vec<&'static str>,
    },
    /// A neuron's own settings are wrong.
    #[error("[neuron]")]
    Neuron(#[from] colearn_neurons::Error),
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
