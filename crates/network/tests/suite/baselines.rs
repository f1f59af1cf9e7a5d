//! Networks without spikes: they train, infer and stream alike, and their sizes can be asked for.

use crate::common::{assert_bits_on_any_threads, assert_memory_is_kept, build, config, input, rng, settled};
use colearn_layers::Activation;
use colearn_network::config::Pooling;
use colearn_network::{
    BASELINE_NAMES, Delays, MODEL_NAMES, Network, NetworkConfig, NetworkError, ParameterKind,
};
use colearn_tape::{Pool, Tape};
use ndarray::{ArrayD, s};

#[test]
fn training_and_inference_and_streaming_agree() {
    let x = input::<f64>(30, 5, 8);
    for model in BASELINE_NAMES {
        for pooling in [Pooling::SumOfSoftmaxes, Pooling::Mean, Pooling::Last, Pooling::Maximum] {
            let mut config = config(model);
            config.readout.pooling = pooling;
            let network = settled(&config, &x);
            let mut tape = Tape::new();
            let recording = network.record(&mut tape, &x, &mut rng(1));
            let trace = network.trace(&x.view(), Delays::Rounded, &mut Pool::default());
            for (recorded, inferred) in tape.value(recording.scores).iter().zip(&trace.scores) {
                assert!((recorded - inferred).abs() < 1e-9, "{model} {pooling:?}: {recorded}, {inferred}");
            }
            let mut stream = network.stream();
            for b in 0..5 {
                stream.reset();
                let mut scores = Vec::new();
                for t in 0..30 {
                    scores = stream.step(&x.slice(s![t, b, ..]).to_vec());
                    let outputs = trace.spikes[1].slice(s![t, b, ..]);
                    for (found, expected) in stream.spikes(1).iter().zip(outputs) {
                        assert!((found - expected).abs() < 1e-9, "{model} step {t}: {found} {expected}");
                    }
                }
                for (found, expected) in scores.iter().zip(trace.scores.row(b)) {
                    assert!((found - expected).abs() < 1e-9, "{model}: {found} {expected}");
                }
            }
        }
    }
}

#[test]
fn gradients_of_the_whole_network_match_finite_differences() {
    for model in BASELINE_NAMES {
        let mut config = config(model);
        config.network.hidden = vec![4, 3];
        let x = input::<f64>(12, 3, 3);
        let network = build::<f64>(&config, 3, 3);
        let inputs: Vec<ArrayD<f64>> = network.parameters().iter().map(|p| p.value.clone()).collect();
        let record = |values: &[ArrayD<f64>]| {
            let mut network = network.clone();
            network.parameters_mut().iter_mut().zip(values).for_each(|(p, v)| p.value.clone_from(v));
            let mut tape = Tape::new();
            let recording = network.record(&mut tape, &x, &mut rng(1));
            let loss = tape.cross_entropy(recording.scores, &[0, 1, 2]);
            tape.backward(loss);
            let gradients: Vec<_> =
                recording.parameters.iter().map(|&v| tape.gradient(v).unwrap().clone()).collect();
            (tape.value(loss).sum(), gradients)
        };
        let (_, gradients) = record(&inputs);
        let step = 1e-6;
        for (k, gradient) in gradients.iter().enumerate() {
            for (place, &derivative) in gradient.indexed_iter() {
                let moved = |by: f64| {
                    let mut values = inputs.clone();
                    values[k][&place] += by;
                    record(&values).0
                };
                let quotient = (moved(step) - moved(-step)) / (2.0 * step);
                let allowed = 1e-7 + 1e-4 * derivative.abs().max(quotient.abs());
                let name = &network.parameters()[k].name;
                assert!((derivative - quotient).abs() <= allowed, "{model} {name}: {derivative} {quotient}");
            }
        }
    }
}

#[test]
fn parameters_have_names_kinds_and_shapes() {
    for (model, gates) in [("rnn", 1), ("ligru", 2), ("gru", 3)] {
        let network = build::<f32>(&config(model), 8, 5);
        let rows: Vec<_> = network.parameter_table().into_iter().map(|r| (r.name, r.kind, r.shape)).collect();
        let layer = |name: &str, inputs: usize, units: usize| {
            let part = |part: &str| format!("{name}.{part}");
            let columns = gates * units;
            [
                (part("weight"), ParameterKind::Weight, vec![inputs, columns]),
                (part("gain"), ParameterKind::Norm, vec![columns]),
                (part("bias"), ParameterKind::Norm, vec![columns]),
                (part("recurrent"), ParameterKind::Weight, vec![units, columns]),
            ]
        };
        let readout = [
            ("readout.weight".to_owned(), ParameterKind::Weight, vec![9, 5]),
            ("readout.gain".to_owned(), ParameterKind::Norm, vec![5]),
            ("readout.bias".to_owned(), ParameterKind::Norm, vec![5]),
            ("readout.alpha".to_owned(), ParameterKind::TimeConstant, vec![5]),
        ];
        let expected: Vec<_> =
            layer("hidden0", 8, 12).into_iter().chain(layer("hidden1", 12, 9)).chain(readout).collect();
        assert_eq!(rows, expected, "{model}");
        let recurrent = network.parameters().iter().find(|p| p.name == "hidden0.recurrent").unwrap();
        let matrix = recurrent.value.view().into_dimensionality::<ndarray::Ix2>().unwrap();
        for gate in 0..gates {
            let part = matrix.slice(s![.., gate * 12..(gate + 1) * 12]);
            approx::assert_abs_diff_eq!(part.dot(&part.t()), ndarray::Array2::eye(12), epsilon = 1e-5);
        }
    }
}

#[test]
fn a_state_restores_and_rates_are_mean_magnitudes() {
    let x = input::<f32>(20, 6, 8);
    for model in BASELINE_NAMES {
        let network = build::<f32>(&config(model), 8, 5);
        let mut other = Network::<f32>::new(&config(model).validate(8, 5).unwrap(), &mut rng(99));
        other.restore(network.state()).unwrap();
        assert_eq!(other.parameters(), network.parameters());
        let trace = network.trace(&x.view(), Delays::Rounded, &mut Pool::default());
        let rates = network.infer(&x.view(), Delays::Rounded, &mut Pool::default()).rates;
        for (rate, outputs) in rates.iter().zip(&trace.spikes) {
            let expected = outputs.iter().map(|h| f64::from(h.abs())).sum::<f64>() / outputs.len() as f64;
            assert!(*rate > 0.0 && (rate - expected).abs() < 1e-12, "{model}: {rate} {expected}");
        }
    }
    let message = build::<f32>(&config("gru"), 8, 5)
        .restore(build::<f32>(&config("ligru"), 8, 5).state())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("hidden0.weight of shape [8, 24], expected hidden0.weight of shape [8, 36]"),
        "{message}"
    );
}

#[test]
fn calibration_leaves_gains_alone_and_starts_the_statistics() {
    let x = input::<f32>(20, 6, 8);
    let mut network = build::<f32>(&config("gru"), 8, 5);
    let before = network.state();
    network.calibrate(&x.view());
    assert_eq!(network.state().parameters, before.parameters);
    assert_ne!(network.state().statistics, before.statistics);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let mut config = config("gru");
    config.network.hidden = vec![40, 33];
    config.network.dropout = 0.3;
    assert_bits_on_any_threads(|| build::<f32>(&config, 20, 7));
}

#[test]
fn a_repeated_step_keeps_its_memory() {
    assert_memory_is_kept(&build::<f32>(&config("gru"), 8, 5));
}

#[test]
fn what_layers_without_spikes_cannot_have_is_said() {
    let message = |change: &dyn Fn(&mut NetworkConfig)| {
        let mut config = config("gru");
        change(&mut config);
        config.validate(40, 10).unwrap_err().to_string()
    };
    for (found, expected) in [
        (
            message(&|c| c.synapse.delay = colearn_network::config::Delay::Learned),
            "synapse.delay = learned: expected none: layers without spikes have no delays",
        ),
        (message(&|c| c.neuron.recurrent = true), "neuron.recurrent = true: expected false: layers without"),
        (
            message(&|c| c.neuron.frozen = ["alpha".to_owned()].into()),
            "neuron.frozen holds \"alpha\": expected names of the parameters of gru: there are none",
        ),
        (message(&|c| c.neuron.fixed = [("a".to_owned(), 0.0)].into()), "neuron.fixed holds \"a\""),
        (message(&|c| c.neuron.bounds = [("a".to_owned(), (0.0, 1.0))].into()), "neuron.bounds holds \"a\""),
        (message(&|c| c.network.hidden = vec![12_000]), "at most 268435456 (2^28) numbers"),
    ] {
        assert!(found.starts_with(expected) || found.ends_with(expected), "{found}");
    }
    let mut spiking = config("lif");
    spiking.neuron.activation = Some(Activation::Relu);
    let message = spiking.validate(40, 10).unwrap_err().to_string();
    assert!(message.starts_with("neuron.activation = set: expected nothing"), "{message}");
    let delayed = NetworkConfig::default().set_model("d-gru").unwrap_err();
    assert!(
        matches!(delayed, NetworkError::Model { .. }) && delayed.to_string().contains("ligru"),
        "{delayed}"
    );
    let text = toml::from_str::<NetworkConfig>("neuron.model = \"lstm\"").unwrap_err().to_string();
    assert!(text.contains("`lstm`") && text.contains("`ligru`"), "{text}");
}

#[test]
fn names_and_activations_round_trip() {
    for name in BASELINE_NAMES {
        let mut config = config(name);
        assert_eq!(config.model_name(), name);
        config.neuron.activation = Some(Activation::Sigmoid);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<NetworkConfig>(&text).unwrap(), config, "{text}");
    }
}

/// The formula against networks that are built.
#[test]
fn counts_of_descriptions_are_those_of_networks() {
    for model in MODEL_NAMES.into_iter().chain(BASELINE_NAMES) {
        for recurrent in [false, true] {
            for (readout_delay, undelayed) in [(true, None), (false, None), (true, Some("hidden1"))] {
                let mut config = config(model);
                config.neuron.recurrent = recurrent && !BASELINE_NAMES.contains(&model);
                config.synapse.readout_delay = readout_delay;
                config.synapse.without_delay = undelayed.map(str::to_owned).into_iter().collect();
                let description = config.validate(17, 6).unwrap();
                let network = Network::<f32>::new(&description, &mut rng(1));
                assert_eq!(description.parameter_count(), network.parameter_count(), "{config:?}");
            }
        }
    }
}

/// The table of `docs/ablations.md`.
#[test]
fn widths_of_equal_size_are_those_of_the_table() {
    for ((channels, hidden, classes), count, widths) in [
        ((40, 128, 20), 49_724, [(118, 49_384), (82, 49_260), (66, 49_296)]),
        ((140, 128, 20), 75_324, [(133, 74_939), (89, 74_998), (70, 75_800)]),
        ((140, 512, 35), 709_737, [(457, 708_455), (318, 709_563), (256, 709_481)]),
        ((40, 512, 35), 607_337, [(437, 607_535), (308, 607_173), (251, 609_031)]),
    ] {
        let sized = |model: &str, width: usize| {
            let mut config = config(model);
            config.network.hidden = vec![width; 2];
            config.validate(channels, classes).unwrap().parameter_count()
        };
        assert_eq!(sized("d-cadlif", hidden), count);
        for (model, expected) in BASELINE_NAMES.into_iter().zip(widths) {
            let width = config(model).nearest_width(channels, classes, count).unwrap();
            assert_eq!((width, sized(model, width)), expected, "{model} for {channels} channels");
        }
    }
}

#[test]
fn the_nearest_width_is_nearer_than_its_neighbours() {
    for model in BASELINE_NAMES.into_iter().chain(["lif", "d-cadlif"]) {
        for layers in [1, 2, 3] {
            let mut config = config(model);
            let mut count = |width: usize| {
                config.network.hidden = vec![width; layers];
                config.validate(140, 20).unwrap().parameter_count()
            };
            let all: Vec<usize> = (1..=700).map(&mut count).collect();
            for wanted in [0, 1, all[0], all[0] + 1, all[6], 38_460, 75_324, all[300] - 1] {
                let found = config.nearest_width(140, 20, wanted).unwrap();
                let best = (1..=700).min_by_key(|&width| all[width - 1].abs_diff(wanted)).unwrap();
                assert_eq!(found, best, "{model}, {layers} layers, {wanted} parameters");
            }
        }
    }
    // What fits is bounded by the size of networks, and a wrong key is still named.
    let mut config = config("gru");
    let largest = config.nearest_width(140, 20, usize::MAX).unwrap();
    for (width, fits) in [(largest, true), (largest + 1, false)] {
        config.network.hidden = vec![width; 2];
        assert_eq!(config.validate(140, 20).is_ok(), fits, "{width}");
    }
    config.network.dropout = 2.0;
    assert!(config.nearest_width(140, 20, 1000).unwrap_err().to_string().contains("network.dropout"));
}
