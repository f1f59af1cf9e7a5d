//! What the tests share: inputs, and networks that are small and settled.

use colearn_network::{Network, NetworkConfig, Recording};
use colearn_tape::{Real, Tape, Var};
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
    let mut recording = network.record(&mut Tape::new(), x, &mut rng(1));
    // Running variances are unbiased, (T B)/(T B − 1) of a batch's: take that factor out, for exact agreement.
    for statistics in &mut recording.statistics {
        let count = statistics.count as f64;
        statistics.variance *= (count - 1.0) / count;
    }
    network.absorb(&recording);
    network
}

/// One training step on `tape` with labels in a fixed order; dropout is drawn with `seed`.
pub(crate) fn step(
    network: &Network<f32>,
    tape: &mut Tape<f32>,
    input: &Array3<f32>,
    seed: u64,
) -> (Recording<f32>, Var) {
    let labels: Vec<usize> = (0..input.dim().1).map(|b| b % network.classes()).collect();
    let recording = network.record(tape, input, &mut rng(seed));
    let loss = tape.cross_entropy(recording.scores, &labels);
    tape.backward(loss);
    (recording, loss)
}

/// Loss and gradients of the network that `make` gives (20 inputs) are the same bits for 1, 2, 3 and 8 threads.
pub(crate) fn assert_bits_on_any_threads(make: impl Fn() -> Network<f32> + Sync) {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut tape = Tape::new();
            let (recording, loss) = step(&make(), &mut tape, &input(40, 37, 20), 5);
            let gradients: Vec<_> = recording.parameters.iter().map(|&v| tape.gradient(v).cloned()).collect();
            (tape.value(loss).clone(), gradients)
        })
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        assert_eq!(one, run(threads), "{threads} threads");
    }
}

/// After its first steps, the step of a network (8 inputs) allocates nothing and holds as much as before.
pub(crate) fn assert_memory_is_kept(network: &Network<f32>) {
    let mut tape = Tape::new();
    let mut held = Vec::new();
    for _ in 0..5 {
        step(network, &mut tape, &input(20, 17, 8), 1);
        tape.reset();
        held.push((tape.pool().held_bytes(), tape.pool().allocated_bytes()));
    }
    assert_eq!(held[1], held[4], "bytes held and allocated after each step: {held:?}");
}
