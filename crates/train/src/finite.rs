//! Where the first number is that is infinite or not a number.

use colearn_network::{Network, Parameter, Recording};
use colearn_tape::Tape;
use ndarray::{Array, ArrayD, Dimension};

/// A quantity that is not finite, and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flaw {
    /// Like `the gradient of hidden0.weight`.
    pub(crate) what: String,
    pub(crate) value: f64,
}

impl Flaw {
    pub(crate) fn new(what: impl Into<String>, value: f64) -> Self {
        Self { what: what.into(), value }
    }
}

/// Whether no value is infinite or NaN.
pub(crate) fn all_finite<D: Dimension>(values: &Array<f32, D>) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    // Without a way out early the loop is done many numbers at a time.
    let any =
        |values: &[f32]| values.iter().fold(false, |found, x| found | (x.to_bits() & EXPONENT == EXPONENT));
    values.as_slice_memory_order().map_or_else(|| values.iter().all(|x| x.is_finite()), |all| !any(all))
}

/// The first value that is not finite.
pub(crate) fn first<D: Dimension>(values: &Array<f32, D>) -> Option<f64> {
    values.iter().find(|x| !x.is_finite()).map(|&x| f64::from(x))
}

/// The first flaw of a forward pass on sound input, in the order of computation: parameters, current and output of each
/// layer, then the loss.
pub(crate) fn first_in_recording(
    network: &Network<f32>,
    tape: &Tape<f32>,
    recording: &Recording<f32>,
    loss: f64,
) -> Flaw {
    for (k, statistics) in recording.statistics.iter().enumerate() {
        let layer = network.layer_name(k);
        let own = |p: &&Parameter<f32>| p.name.split('.').next() == Some(&layer);
        let mut parameters = network.parameters().iter().filter(own);
        if let Some((name, value)) = parameters.find_map(|p| first(&p.value).map(|value| (&p.name, value))) {
            return Flaw::new(format!("the parameter {name}"), value);
        }
        if let Some(value) = first(&statistics.mean).or_else(|| first(&statistics.variance)) {
            return Flaw::new(format!("the current of {layer}"), value);
        }
        // Spikes are zero or one whatever the membrane was.
        let output = recording.spikes.get(k).unwrap_or(&recording.membrane);
        let floats = tape.spikes(output.var).is_none().then(|| tape.value(output.var));
        if let Some(value) = floats.and_then(first) {
            return Flaw::new(format!("the output of {layer}"), value);
        }
    }
    Flaw::new("the loss", loss)
}

/// The first gradient with a flaw in the order of the backward pass, which comes to the last layer first.
pub(crate) fn first_in_gradients(
    parameters: &[Parameter<f32>],
    gradients: &[Option<&ArrayD<f32>>],
    norm: f64,
) -> Flaw {
    let mut pairs = parameters.iter().zip(gradients).rev();
    let found = pairs.find_map(|(p, gradient)| gradient.and_then(first).map(|value| (&p.name, value)));
    found.map_or_else(
        || Flaw::new("the norm of the gradients", norm),
        |(name, value)| Flaw::new(format!("the gradient of {name}"), value),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::initial_generator;
    use colearn_network::NetworkConfig;
    use ndarray::{Array3, arr1};

    #[test]
    fn every_value_that_is_not_finite_is_seen() {
        for good in [0.0, -0.0, 1.0, f32::MAX, f32::MIN_POSITIVE, 1e-45] {
            assert!(all_finite(&arr1(&[1.0, good, -good])), "{good}");
        }
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = Array3::zeros((3, 4, 5));
            values[[2, 1, 3]] = bad;
            assert!(!all_finite(&values), "{bad}");
            assert!(!all_finite(&values.permuted_axes([2, 0, 1])), "{bad}");
        }
    }

    #[test]
    fn the_gradient_nearest_to_the_loss_is_named() {
        let mut config = NetworkConfig::default();
        config.network.hidden = vec![2];
        let network = Network::<f32>::new(&config.validate(2, 2).unwrap(), &mut initial_generator(1));
        let parameters = network.parameters();
        let zeros: Vec<ArrayD<f32>> = parameters.iter().map(|p| ArrayD::zeros(p.value.raw_dim())).collect();
        for k in 0..parameters.len() {
            let mut values = zeros.clone();
            for earlier in &mut values[..=k] {
                *earlier.iter_mut().last().unwrap() = f32::INFINITY;
            }
            let mut gradients: Vec<Option<&ArrayD<f32>>> = values.iter().map(Some).collect();
            let named = |gradients: &[_]| first_in_gradients(parameters, gradients, f64::NAN).what;
            assert_eq!(named(&gradients), format!("the gradient of {}", parameters[k].name));
            // Frozen parameters have no gradient.
            gradients[k] = None;
            let before = k.checked_sub(1).map(|k| format!("the gradient of {}", parameters[k].name));
            assert_eq!(named(&gradients), before.unwrap_or_else(|| "the norm of the gradients".to_owned()));
        }
    }
}
