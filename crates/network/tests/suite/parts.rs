//! A batch that is recorded in parts, each on a thread and a tape of its own, is the batch recorded as a whole.

use crate::common::{build, config, input, rng};
use colearn_network::config::{Delay, DropoutMask};
use colearn_network::{BASELINE_NAMES, MODEL_NAMES, Network, NetworkConfig, NetworkState};
use colearn_synapses::Interpolation;
use colearn_tape::{Part, Reduce, Tape, ThreadParts};
use ndarray::{Array3, s};
use std::ops::Range;
use std::sync::Arc;
use std::thread;

const SAMPLES: usize = 7;
const STEPS: usize = 4;

/// The network after some steps of plain gradient descent in which this tape records `samples` of the batch, and the
/// losses of its part.
fn trained(
    mut network: Network<f64>,
    samples: &Range<usize>,
    reduce: Option<Arc<dyn Reduce>>,
) -> (NetworkState<f64>, Vec<f64>) {
    let mut tape = Tape::new();
    let part = reduce.map(|reduce| Part { reduce, samples: samples.clone(), of: SAMPLES });
    let weight = part.as_ref().map_or(1.0, Part::weight);
    tape.set_part(part);
    let mut losses = Vec::new();
    for step in 0..STEPS {
        tape.reset();
        let whole: Array3<f64> = input::<f64>(15, SAMPLES, 6).mapv(|x| x * (1.0 + 0.1 * step as f64));
        let own = whole.slice(s![.., samples.clone(), ..]).to_owned();
        let recording = network.record(&mut tape, &own, &mut rng(step as u64));
        let labels: Vec<usize> = samples.clone().map(|sample| sample % 3).collect();
        let mean = tape.cross_entropy(recording.scores, &labels);
        let loss = tape.scale(mean, weight);
        tape.backward(loss);
        tape.reduce_gradients(&recording.parameters);
        losses.push(tape.value(loss).sum());
        for (parameter, &leaf) in network.parameters_mut().iter_mut().zip(&recording.parameters) {
            if let Some(gradient) = tape.gradient(leaf) {
                parameter.value.scaled_add(-0.05, gradient);
                parameter.enforce_bounds();
            }
        }
        network.absorb(&recording);
    }
    (network.state(), losses)
}

/// What each part ends with.
fn in_parts(network: &Network<f64>, shares: &[Range<usize>]) -> Vec<(NetworkState<f64>, Vec<f64>)> {
    thread::scope(|scope| {
        let parts = ThreadParts::new(shares.len()).into_iter().zip(shares);
        let threads: Vec<_> = parts
            .map(|(reduce, samples)| {
                scope.spawn(move || {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
                    pool.install(|| trained(network.clone(), samples, Some(Arc::new(reduce))))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn values(state: &NetworkState<f64>) -> impl Iterator<Item = (&str, f64)> {
    let parameters = state.parameters.iter().flat_map(|(name, v)| v.iter().map(move |&x| (name.as_str(), x)));
    let statistics = state.statistics.iter().flat_map(|(name, v)| v.iter().map(move |&x| (name.as_str(), x)));
    parameters.chain(statistics)
}

fn settings() -> Vec<(String, NetworkConfig)> {
    let named = |name: &str, change: &dyn Fn(&mut NetworkConfig)| {
        let mut config = config(name);
        config.network.hidden = vec![5, 4];
        config.network.dropout = 0.3;
        change(&mut config);
        (name.to_owned(), config)
    };
    let models = MODEL_NAMES.into_iter().chain(BASELINE_NAMES).chain(["d-se_adlif"]);
    let mut all: Vec<_> = models.map(|model| named(model, &|_| ())).collect();
    all.push(named("d-cadlif", &|c| c.neuron.recurrent = true));
    all.push(named("cadlif", &|c| c.neuron.recurrent = true));
    all.push(named("lif", &|c| {
        c.neuron.recurrent = true;
        c.synapse.recurrent_delay = Delay::Learned;
    }));
    all.push(named("d-lif", &|c| c.network.dropout_mask = DropoutMask::Step));
    all.push(named("d-cadlif", &|c| c.synapse.kernel = Interpolation::Linear));
    all
}

#[test]
fn parts_train_as_the_whole_does_and_end_with_the_same_bits() {
    for (name, config) in settings() {
        let mut network = build::<f64>(&config, 6, 3);
        network.calibrate(&input::<f64>(15, SAMPLES, 6).view());
        let (expected, losses) = trained(network.clone(), &(0..SAMPLES), None);
        assert_ne!(expected.parameters, network.state().parameters);
        for shares in
            [&[0..4, 4..7][..], &[0..3, 3..5, 5..7], &[0..1, 1..6, 6..7], &[Range { start: 0, end: SAMPLES }]]
        {
            let found = in_parts(&network, shares);
            for (step, &loss) in losses.iter().enumerate() {
                let sum: f64 = found.iter().map(|(_, losses)| losses[step]).sum();
                approx::assert_relative_eq!(sum, loss, max_relative = 1e-11);
            }
            for ((name_of, x), (_, y)) in values(&found[0].0).zip(values(&expected)) {
                assert!((x - y).abs() < 1e-10, "{name}, {shares:?}: {name_of} is {x}; expected {y}");
            }
            let bits = |state| values(state).map(|(_, x)| x.to_bits()).collect::<Vec<_>>();
            for (state, _) in &found[1..] {
                assert_eq!(bits(state), bits(&found[0].0), "{name}, {shares:?}: all parts");
            }
            let again = in_parts(&network, shares);
            assert_eq!(bits(&again[0].0), bits(&found[0].0), "{name}, {shares:?}: the next run");
        }
    }
}
