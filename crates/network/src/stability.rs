//! Adaptive neurons whose membrane does not settle below threshold.

use crate::Network;
use crate::config::HiddenModel;
use colearn_neurons::NeuronModel;
use colearn_neurons::analysis::is_stable;
use colearn_tape::Real;

impl<F: Real> Network<F> {
    /// Units of each hidden layer whose sub-threshold map has an eigenvalue on or outside the unit circle, with the
    /// parameters as used: see [`colearn_neurons::analysis`]. 0 for the constrained box, which holds none, and for models
    /// with other equations.
    #[must_use]
    pub fn unstable_units(&self) -> Vec<usize> {
        let adaptive = [NeuronModel::Adlif, NeuronModel::Cadlif].map(HiddenModel::Spiking);
        if !adaptive.contains(&self.description.config.neuron.model) {
            return vec![0; self.hidden_layers()];
        }
        let unstable = |k: usize| {
            let used = |name: &str| {
                let name = format!("{}.{name}", self.layer_name(k));
                let parameter = self.parameters.iter().find(|p| p.name == name);
                parameter.expect("adaptive neurons have α, β and a").used()
            };
            let (alpha, beta, a) = (used("alpha"), used("beta"), used("a"));
            let units = alpha.iter().zip(&beta).zip(&a);
            units.filter(|((alpha, beta), a)| !is_stable(alpha.as_f64(), beta.as_f64(), a.as_f64())).count()
        };
        (0..self.hidden_layers()).map(unstable).collect()
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
