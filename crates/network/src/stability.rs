//! Neurons whose state does not settle below threshold.

use crate::Network;
use colearn_neurons::analysis::modes;
use colearn_tape::Real;

impl<F: Real> Network<F> {
    /// Units of each hidden layer whose sub-threshold map has an eigenvalue on or outside the unit circle, with the
    /// parameters as used: see [`colearn_neurons::analysis`]. 0 for the constrained box, which holds none, and for layers
    /// without neurons.
    #[must_use]
    pub fn unstable_units(&self) -> Vec<usize> {
        (0..self.hidden_layers()).map(|k| self.unstable_units_of(k)).collect()
    }

    fn unstable_units_of(&self, layer: usize) -> usize {
        let Some(neuron) = self.neuron(layer) else { return 0 };
        let used: Vec<Vec<f64>> = self.layers[layer]
            .neuron
            .iter()
            .map(|&index| self.parameters[index].used().iter().map(|value| value.as_f64()).collect())
            .collect();
        let units = used.first().map_or(0, Vec::len);
        let is_unstable = |&unit: &usize| {
            let parameters: Vec<f64> = used.iter().map(|values| values[unit]).collect();
            modes(neuron.model(), &parameters).iter().any(|(real, imaginary)| real.hypot(*imaginary) >= 1.0)
        };
        (0..units).filter(is_unstable).count()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Network, NetworkConfig};
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    fn network(model: &str) -> Network<f64> {
        let mut config = NetworkConfig::default();
        config.set_model(model).unwrap();
        config.network.hidden = vec![5, 4];
        Network::new(&config.validate(3, 2).unwrap(), &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn units_outside_the_stable_interval_are_counted() {
        let mut network = network("adlif");
        let mut set = |name: &str, values: &[f64]| {
            let parameter = network.parameters_mut().iter_mut().find(|p| p.name == name).unwrap();
            parameter.value.iter_mut().zip(values).for_each(|(x, &v)| *x = v);
        };
        // β = 0.98: stable for a above −0.02.
        for (layer, units) in [("hidden0", 5), ("hidden1", 4)] {
            set(&format!("{layer}.alpha"), &vec![0.9; units]);
            set(&format!("{layer}.beta"), &vec![0.98; units]);
            set(&format!("{layer}.a"), &vec![0.5; units]);
        }
        set("hidden1.a", &[-0.5, -0.019, -0.021, 0.0]);
        assert_eq!(network.unstable_units(), [0, 2]);
    }

    #[test]
    fn constrained_neurons_and_other_models_have_none() {
        for model in ["cadlif", "d-cadlif", "lif", "gru"] {
            assert_eq!(network(model).unstable_units(), [0, 0], "{model}");
        }
    }
}
