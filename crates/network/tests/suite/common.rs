//! What the tests share: inputs, and networks that are small and settled.

use colearn_network::{Network, NetworkConfig};
use colearn_tape::{Real, Tape};
use ndarray::Array3;
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::Uniform;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub(crate) fn input<F: Real>(steps: usize, batch: usize, channels: usize) -> Array3<F> {
    let range = Uniform::new(-1.0, 2.0).unwrap();
    Array3::random_using((steps, batch, channels), range, &mut rng(7)).mapv(F::of)
}

pub(crate) fn config(model: &str) -> NetworkConfig {
    let mut config = NetworkConfig::default();
    config.set_model(model).unwrap();
    config.network.hidden = vec![12, 9];
    config.network.dropout = 0.0;
    config.synapse.max_delay = 6;
    config.norm.initial_rate = 0.1;
    config
}

pub(crate) fn build<F: Real>(config: &NetworkConfig, channels: usize, classes: usize) -> Network<F> {
    Network::new(&config.validate(channels, classes).unwrap(), &mut rng(3))
}

/// A network whose running statistics are those of `x`, so that training and inference normalise alike.
pub(crate) fn settled(config: &NetworkConfig, x: &Array3<f64>) -> Network<f64> {
    let mut config = config.clone();
    config.norm.momentum = 1.0;
    let mut network = build::<f64>(&config, x.dim().2, 5);
    network.calibrate(&x.view());
    let mut recording = network.record(&mut Tape::new(), x.clone(), &mut rng(1));
    // Running variances are unbiased, (T B)/(T B − 1) of a batch's: take that factor out, for exact agreement.
    for statistics in &mut recording.statistics {
        let count = statistics.count as f64;
        statistics.variance *= (count - 1.0) / count;
    }
    network.absorb(&recording);
    network
}
