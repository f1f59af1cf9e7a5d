//! Recurrent delays: the three forms of a network with them agree, its gradients are exact, and they change nothing else.

use crate::common::{
    assert_bits_on_any_threads, assert_memory_is_kept, build, config, input, rng, settled, step,
};
use colearn_network::config::{Delay, HiddenModel};
use colearn_network::{Delays, Network, NetworkConfig, Parameter, ParameterKind, TrainingStep};
use colearn_neurons::{Firing, Surrogate};
use colearn_synapses::Interpolation;
use colearn_tape::{Pool, Tape};
use ndarray::{ArrayD, s};

const KERNELS: [(Interpolation, f64); 4] = [
    (Interpolation::Linear, 0.0),
    (Interpolation::Whole, 0.0),
    (Interpolation::Triangle, 1.5),
    (Interpolation::Gaussian, 1.5),
];

/// A network of `model` with recurrent delays of up to five steps.
fn with(model: &str, delay: Delay) -> NetworkConfig {
    let mut config = config(model);
    config.neuron.recurrent = true;
    config.synapse.recurrent_delay = delay;
    config.synapse.recurrent_max_delay = 5;
    config
}

/// Every spiking model of hidden layers, without and with delays of its other synapses.
fn models() -> impl Iterator<Item = String> {
    let spiking = HiddenModel::all().filter(|model| model.is_spiking()).map(HiddenModel::name);
    spiking.flat_map(|name| [name.to_owned(), format!("d-{name}")])
}

fn find<'a>(network: &'a Network<f64>, name: &str) -> &'a Parameter<f64> {
    network.parameters().iter().find(|p| p.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn training_inference_and_streaming_agree() {
    let x = input::<f64>(30, 18, 8);
    for model in models() {
        for delay in [Delay::Fixed, Delay::Learned] {
            let mut config = with(&model, delay);
            config.synapse.kernel = Interpolation::Whole;
            let network = settled(&config, &x);
            let mut tape = Tape::new();
            let recording = network.record(&mut tape, &x, &mut rng(1));
            let recorded = tape.value(recording.scores).clone();
            let inferred = network.infer(&x.view(), Delays::Rounded, &mut Pool::default());
            let trace = network.trace(&x.view(), Delays::Rounded, &mut Pool::default());
            assert!(inferred.rates.iter().all(|&rate| rate > 0.0), "{model}: silent");
            assert_eq!(trace.scores, inferred.scores);
            approx::assert_abs_diff_eq!(recorded, inferred.scores.clone().into_dyn(), epsilon = 1e-9);
            let mut stream = network.stream();
            for b in [0, 17] {
                stream.reset();
                let mut scores = Vec::new();
                for t in 0..30 {
                    scores = stream.step(&x.slice(s![t, b, ..]).to_vec());
                    for layer in [0, 1] {
                        let spikes = trace.spikes[layer].slice(s![t, b, ..]).to_vec();
                        assert_eq!(stream.spikes(layer), spikes, "{model} {delay:?} step {t} layer {layer}");
                    }
                }
                for (found, expected) in scores.iter().zip(inferred.scores.row(b)) {
                    assert!((found - expected).abs() < 1e-9, "{model} {delay:?}: {found} {expected}");
                }
            }
        }
    }
}

#[test]
fn training_equals_inference_with_stored_delays_for_every_kernel() {
    let x = input::<f64>(30, 9, 8);
    for (kernel, spread) in KERNELS {
        let mut config = with("d-cadlif", Delay::Learned);
        config.synapse.kernel = kernel;
        let mut network = settled(&config, &x);
        network.set_spread(spread);
        let mut recording = network.record(&mut Tape::new(), &x, &mut rng(1));
        for statistics in &mut recording.statistics {
            statistics.variance *= (statistics.count as f64 - 1.0) / statistics.count as f64;
        }
        network.absorb(&recording);
        let mut tape = Tape::new();
        let recording = network.record(&mut tape, &x, &mut rng(1));
        let inferred = network.infer(&x.view(), Delays::Stored, &mut Pool::default());
        let recorded = tape.value(recording.scores);
        approx::assert_abs_diff_eq!(*recorded, inferred.scores.into_dyn(), epsilon = 1e-9);
    }
}

/// Of every entry of every parameter: the loss of a network whose step is soft.
#[test]
fn gradients_of_the_whole_network_match_finite_differences() {
    let x = input::<f64>(12, 3, 3);
    for (model, (kernel, spread)) in ["lif", "d-adlif", "d-cadlif", "alif"].into_iter().zip([
        (Interpolation::Linear, 0.0),
        (Interpolation::Gaussian, 1.0),
        (Interpolation::Triangle, 0.35),
        (Interpolation::Linear, 0.0),
    ]) {
        let mut config = with(model, Delay::Learned);
        config.network.hidden = vec![4, 3];
        config.synapse.kernel = kernel;
        (config.synapse.max_delay, config.synapse.recurrent_max_delay) = (3, 4);
        config.neuron.firing = Firing::Soft;
        config.neuron.surrogate = Surrogate::ArcTangent { slope: 2.0 };
        let mut network = build::<f64>(&config, 3, 3);
        network.set_spread(spread);
        let loss = |network: &Network<f64>, tape: &mut Tape<f64>| {
            let recording = network.record(tape, &x, &mut rng(1));
            let loss = tape.cross_entropy(recording.scores, &[0, 1, 2]);
            (recording.parameters, loss)
        };
        let mut tape = Tape::new();
        let (leaves, total) = loss(&network, &mut tape);
        tape.backward(total);
        let parameters = network.parameters().iter().enumerate();
        let recurrent: Vec<usize> =
            parameters.filter(|(_, p)| p.name.contains("recurrent")).map(|(k, _)| k).collect();
        assert_eq!(recurrent.len(), 4);
        for k in recurrent {
            let gradient = tape.gradient(leaves[k]).unwrap();
            for entry in 0..gradient.len() {
                let moved = |by: f64| {
                    let mut network = network.clone();
                    network.parameters_mut()[k].value.as_slice_mut().unwrap()[entry] += by;
                    let mut tape = Tape::new();
                    let (_, loss) = loss(&network, &mut tape);
                    tape.value(loss).sum()
                };
                let quotient = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let found = gradient.as_slice().unwrap()[entry];
                let name = &network.parameters()[k].name;
                let close = (found - quotient).abs() <= 1e-7 + 1e-4 * quotient.abs();
                assert!(close, "{model}, {name}, entry {entry}: {found}, quotient {quotient}");
            }
        }
    }
}

#[test]
fn threads_and_repeated_steps_change_no_bit_and_no_memory() {
    for (kernel, spread) in KERNELS {
        let mut config = with("d-cadlif", Delay::Learned);
        config.network.dropout = 0.2;
        config.synapse.kernel = kernel;
        let network = || {
            let mut network = build::<f32>(&config, 20, 7);
            network.set_spread(spread);
            network
        };
        assert_bits_on_any_threads(network);
        let network = build::<f32>(&config, 8, 5);
        assert_memory_is_kept(&network);
        let run = |recompute: bool| {
            let mut tape = Tape::new();
            tape.set_recompute(recompute);
            let (recording, loss) = step(&network, &mut tape, &input(30, 19, 8), 5);
            let gradients: Vec<_> = recording.parameters.iter().map(|&v| tape.gradient(v).cloned()).collect();
            (tape.value(loss).clone(), gradients)
        };
        assert_eq!(run(false), run(true), "{kernel:?}");
    }
}

#[test]
fn recurrent_delays_change_nothing_else_that_a_seed_draws() {
    for model in models() {
        let mut without = config(&model);
        without.neuron.recurrent = true;
        let without = build::<f64>(&without, 8, 5);
        for delay in [Delay::Fixed, Delay::Learned] {
            let network = build::<f64>(&with(&model, delay), 8, 5);
            for parameter in without.parameters() {
                assert_eq!(find(&network, &parameter.name), parameter, "{model}");
            }
            for (layer, units) in [("hidden0", 12), ("hidden1", 9)] {
                let delays = find(&network, &format!("{layer}.recurrent_delay"));
                assert_eq!(delays.kind, ParameterKind::Delay);
                assert_eq!((delays.value.shape(), delays.bounds), (&[units, units][..], Some((0.0, 5.0))));
                assert_eq!((delays.trainable, delays.clamp_stored), (delay == Delay::Learned, true));
                assert!(delays.value.iter().all(|d| (0.0..=5.0).contains(d)));
                let whole = delays.value.iter().all(|d| d.fract() == 0.0);
                assert_eq!(whole, delay == Delay::Fixed);
            }
            let more = 12 * 12 + 9 * 9;
            assert_eq!(network.parameter_count(), without.parameter_count() + more);
            assert_eq!(network.description().parameter_count(), network.parameter_count());
            let of =
                |network: &Network<f64>| [0, 1, 2].map(|k| network.description().has_recurrent_delays(k));
            assert_eq!((of(&network), of(&without)), ([true, true, false], [false; 3]));
        }
    }
}

/// The range in which they start is that of the other delays, and their own seed's.
#[test]
fn recurrent_delays_start_in_their_range() {
    let mut wide = with("lif", Delay::Learned);
    wide.network.hidden = vec![40, 9];
    let mut narrow = wide.clone();
    narrow.synapse.initial_range = 0.25;
    let [all, part] = [wide, narrow].map(|config| build::<f64>(&config, 8, 5));
    let [all, part] = [&all, &part].map(|network| find(network, "hidden0.recurrent_delay").value.clone());
    approx::assert_abs_diff_eq!(part, &all * 0.25, epsilon = 1e-12);
    let mean = all.sum() / all.len() as f64;
    assert!((2.3..2.7).contains(&mean), "mean of {mean} steps");
}

/// Delays of zero, with weights that make good the factor of κ: the scores of the network without recurrent delays.
#[test]
fn recurrent_delays_of_zero_are_none() {
    let x = input::<f64>(40, 7, 8);
    let mut plain = config("cadlif");
    plain.neuron.recurrent = true;
    let plain = settled(&plain, &x);
    let mut delayed = build::<f64>(&with("cadlif", Delay::Learned), 8, 5);
    for parameter in delayed.parameters_mut() {
        if parameter.name.ends_with("recurrent_delay") {
            parameter.value.fill(0.0);
        } else {
            parameter.value.clone_from(&find(&plain, &parameter.name).value);
        }
        if parameter.name.ends_with("recurrent") {
            parameter.value *= 1.0 + 1e-7;
        }
    }
    let mut state = delayed.state();
    state.statistics = plain.state().statistics;
    delayed.restore(state).unwrap();
    for delays in [Delays::Stored, Delays::Rounded] {
        let [with, without] =
            [&delayed, &plain].map(|network| network.trace(&x.view(), delays, &mut Pool::default()));
        assert_eq!(with.spikes, without.spikes);
        approx::assert_abs_diff_eq!(with.scores, without.scores, epsilon = 1e-12);
    }
}

/// Rounding them is rounding what is stored.
#[test]
fn recurrent_delays_are_rounded_with_the_others() {
    let x = input::<f64>(40, 7, 8);
    let network = settled(&with("d-lif", Delay::Learned), &x);
    let mut whole = network.clone();
    for parameter in whole.parameters_mut().iter_mut().filter(|p| p.kind == ParameterKind::Delay) {
        parameter.value.mapv_inplace(f64::round);
    }
    let scores =
        |network: &Network<f64>, delays| network.infer(&x.view(), delays, &mut Pool::default()).scores;
    assert_eq!(scores(&network, Delays::Rounded), scores(&whole, Delays::Rounded));
    assert_ne!(scores(&network, Delays::Rounded), scores(&network, Delays::Stored));
}

#[test]
fn a_state_with_recurrent_delays_is_restored_and_fits_no_other_network() {
    let network = build::<f32>(&with("d-cadlif", Delay::Learned), 8, 5);
    let mut other = build::<f32>(&with("d-cadlif", Delay::Learned), 8, 5);
    other.parameters_mut().iter_mut().for_each(|p| p.value = ArrayD::zeros(p.value.raw_dim()));
    other.restore(network.state()).unwrap();
    assert_eq!(other.parameters(), network.parameters());
    let mut without = with("d-cadlif", Delay::None);
    without.synapse.recurrent_max_delay = 24;
    let error = build::<f32>(&without, 8, 5).restore(network.state()).unwrap_err().to_string();
    assert!(error.contains("hidden0.recurrent_delay"), "{error}");
}

#[test]
fn the_memory_of_a_training_step_is_predicted() {
    let (steps, batch) = (100, 64);
    for (kernel, spread) in KERNELS {
        let mut config = with("cadlif", Delay::Learned);
        config.network.hidden = vec![64, 64];
        config.synapse.kernel = kernel;
        let mut network = build::<f32>(&config, 40, 20);
        network.set_spread(spread);
        let mut tape = Tape::new();
        step(&network, &mut tape, &input(steps, batch, 40), 1);
        let input = steps * batch * 40 * 4;
        let taken = tape.pool().allocated_bytes() + input + 3 * 4 * network.parameter_count();
        let step = TrainingStep { batch, steps, recompute: false, spread };
        let predicted = network.description().training_bytes(step);
        let ratio = predicted as f64 / taken as f64;
        assert!((0.98..1.2).contains(&ratio), "{kernel:?}: predicted {predicted}, taken {taken}");
    }
}

#[test]
fn wrong_values_are_named_with_their_range() {
    let message = |model: &str, change: &dyn Fn(&mut NetworkConfig)| {
        let mut config = with(model, Delay::Learned);
        change(&mut config);
        config.validate(40, 10).unwrap_err().to_string()
    };
    for (found, expected) in [
        (
            message("lif", &|c| c.neuron.recurrent = false),
            "synapse.recurrent_delay = learned: expected none, or a spiking model with neuron.recurrent = true",
        ),
        (
            message("gru", &|c| c.neuron.recurrent = false),
            "synapse.recurrent_delay = learned: expected none, or a spiking model",
        ),
        (
            message("d-lif", &|c| c.synapse.kernel = Interpolation::Smoothed),
            "synapse.recurrent_delay = learned: expected none or fixed with synapse.kernel = smoothed",
        ),
        (
            message("lif", &|c| c.synapse.recurrent_max_delay = 1001),
            "synapse.recurrent_max_delay = 1001: expected 1 to 1000 steps",
        ),
        (message("lif", &|c| c.synapse.recurrent_max_delay = 0), "synapse.recurrent_max_delay = 0"),
    ] {
        assert!(found.starts_with(expected), "{found}");
    }
    // Fixed delays are whole, and none of them looks ahead.
    let mut fixed = with("d-lif", Delay::Fixed);
    fixed.synapse.kernel = Interpolation::Smoothed;
    let mut network = build::<f64>(&fixed, 8, 5);
    network.set_spread(2.0);
    let _ = network.infer(&input::<f64>(9, 3, 8).view(), Delays::Stored, &mut Pool::default());
    // Older files have neither key.
    let old: NetworkConfig = toml::from_str("[synapse]\nmax_delay = 9\n").unwrap();
    assert_eq!((old.synapse.recurrent_delay, old.synapse.recurrent_max_delay), (Delay::None, 24));
}
