//! What a checkpoint holds of a network, and taking it over again.

use crate::{Network, NetworkError};
use colearn_tape::Real;
use ndarray::{Array1, ArrayD};
use serde::{Deserialize, Serialize};

/// Everything that a trained network is, beside its description: what a checkpoint holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "F: Serialize", deserialize = "F: Deserialize<'de>"))]
pub struct NetworkState<F> {
    /// Name and value of every parameter.
    pub parameters: Vec<(String, ArrayD<F>)>,
    /// Name and value of the running mean and variance of every layer.
    pub statistics: Vec<(String, Array1<F>)>,
    /// Spread of the delays' interpolation in steps.
    pub spread: F,
}

impl<F: Real> NetworkState<F> {
    /// The first parameter or statistic that holds infinity or NaN, by name, and the first such value in it.
    #[must_use]
    pub fn first_not_finite(&self) -> Option<(&str, F)> {
        let parameters = self.parameters.iter().map(|(name, value)| (name, value.view()));
        let statistics = self.statistics.iter().map(|(name, value)| (name, value.view().into_dyn()));
        let mut all = parameters.chain(statistics);
        all.find_map(|(name, values)| values.iter().find(|x| !x.is_finite()).map(|&x| (name.as_str(), x)))
    }

    /// Names and shapes, parameters first.
    fn entries(&self) -> Vec<(&str, &[usize])> {
        let parameters = self.parameters.iter().map(|(name, value)| (name.as_str(), value.shape()));
        parameters.chain(self.statistics.iter().map(|(name, value)| (name.as_str(), value.shape()))).collect()
    }

    /// Refuses a state with other names or shapes, or with a number that is not finite.
    fn check(&self, mine: &Self) -> Result<(), NetworkError> {
        let wrong =
            |item: &str, found, expected| Err(NetworkError::State { item: item.to_owned(), found, expected });
        let (mine, theirs) = (mine.entries(), self.entries());
        let describe = |entry: Option<&(&str, &[usize])>| {
            entry.map_or_else(|| "nothing".to_owned(), |(name, shape)| format!("{name} of shape {shape:?}"))
        };
        for k in 0..mine.len().max(theirs.len()) {
            let (expected, found) = (mine.get(k), theirs.get(k));
            if expected != found {
                let item = expected.or(found).map_or("", |(name, _)| *name);
                return wrong(item, describe(found), describe(expected));
            }
        }
        if let Some((name, value)) = self.first_not_finite() {
            return wrong(name, value.to_string(), "finite numbers".to_owned());
        }
        if !(self.spread >= F::zero() && self.spread.is_finite()) {
            return wrong(
                "spread",
                self.spread.to_string(),
                "a finite number of steps, 0 or more".to_owned(),
            );
        }
        Ok(())
    }
}

impl<F: Real> Network<F> {
    /// Parameters and statistics, for a checkpoint.
    #[must_use]
    pub fn state(&self) -> NetworkState<F> {
        let mut statistics = Vec::new();
        for (k, running) in self.running.iter().enumerate() {
            let name = self.layer_name(k);
            statistics.push((format!("{name}.running_mean"), running.mean.clone()));
            statistics.push((format!("{name}.running_variance"), running.variance.clone()));
        }
        let parameters = self.parameters.iter().map(|p| (p.name.clone(), p.value.clone())).collect();
        NetworkState { parameters, statistics, spread: self.spread }
    }

    /// Takes over a saved state.
    ///
    /// # Errors
    /// The first parameter or statistic whose name or shape differs, or that holds infinity or NaN; the network is then
    /// unchanged.
    pub fn restore(&mut self, state: NetworkState<F>) -> Result<(), NetworkError> {
        state.check(&self.state())?;
        for (parameter, (_, value)) in self.parameters.iter_mut().zip(state.parameters) {
            parameter.value = value;
        }
        let mut values = state.statistics.into_iter().map(|(_, value)| value);
        for running in &mut self.running {
            running.mean = values.next().expect("compared above");
            running.variance = values.next().expect("compared above");
        }
        self.spread = state.spread;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkConfig;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    fn network() -> Network<f32> {
        let mut config = NetworkConfig::default();
        config.network.hidden = vec![3, 2];
        Network::new(&config.validate(4, 2).unwrap(), &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn a_state_with_a_number_that_is_not_finite_is_refused_by_name() {
        let mut network = network();
        let good = network.state();
        assert_eq!(good.first_not_finite(), None);
        for (k, (name, _)) in good.parameters.iter().enumerate() {
            let mut state = good.clone();
            *state.parameters[k].1.iter_mut().last().unwrap() = f32::NAN;
            let error = network.restore(state).unwrap_err().to_string();
            assert!(error.ends_with(&format!("{name}: found NaN, expected finite numbers")), "{error}");
        }
        for (k, (name, _)) in good.statistics.iter().enumerate() {
            let mut state = good.clone();
            state.statistics[k].1[1] = f32::INFINITY;
            let error = network.restore(state).unwrap_err().to_string();
            assert!(error.ends_with(&format!("{name}: found inf, expected finite numbers")), "{error}");
        }
        assert_eq!(network.state(), good);
    }

    #[test]
    fn a_state_of_another_shape_is_refused_with_the_first_parameter_that_differs() {
        let mut network = network();
        let mut state = network.state();
        state.parameters[6].1 = ArrayD::zeros(vec![7]);
        state.parameters[9].1 = ArrayD::zeros(vec![8]);
        let name = state.parameters[6].0.clone();
        let error = network.restore(state).unwrap_err().to_string();
        assert!(
            error.contains(&format!("{name}: found {name} of shape [7], expected {name} of shape [")),
            "{error}"
        );
    }
}
