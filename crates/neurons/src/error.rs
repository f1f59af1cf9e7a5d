//! What can be wrong with a neuron's configuration.

use colearn_tape::simd::in_words;

/// A configuration that describes no neuron.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bounds are given for a parameter that the model does not have.
    #[error("bounds.{found}: no parameter of {model}; expected one of {}", known.join(", "))]
    UnknownParameter {
        /// Name of the model.
        model: &'static str,
        /// The name that was found.
        found: String,
        /// The names it has.
        known: Vec<&'static str>,
    },
    /// Bounds that are no interval of finite numbers, or that leave [0, 1] for a time constant.
    #[error("bounds.{name} of {model}: expected {expected}, found [{}, {}]", in_words(*low), in_words(*high))]
    Bounds {
        /// Name of the model.
        model: &'static str,
        /// Name of the parameter.
        name: &'static str,
        /// What an interval must satisfy.
        expected: &'static str,
        /// Lower bound found.
        low: f64,
        /// Upper bound found.
        high: f64,
    },
    /// A threshold that is not positive and finite.
    #[error("threshold: expected a finite number above 0, found {}", in_words(*found))]
    Threshold {
        /// The threshold that was found.
        found: f64,
    },
    /// A width, slope or scale of a surrogate that is not positive and finite.
    #[error("surrogate: expected a finite {name} above 0, found {}", in_words(*found))]
    Surrogate {
        /// Which number.
        name: &'static str,
        /// Its value.
        found: f64,
    },
}
