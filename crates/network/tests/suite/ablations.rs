//! Keys that take a part of the model away: each does what it says and nothing else.

use crate::common::{build, config, input, rng};
use colearn_network::config::{Clamp, Delay, Start};
use colearn_network::{Delays, Network, NetworkConfig, Parameter, ParameterKind};
use colearn_tape::{Pool, Tape};

fn find<'a>(network: &'a Network<f64>, name: &str) -> &'a Parameter<f64> {
    network.parameters().iter().find(|p| p.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn names(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn delays_are_where_they_are_wanted_and_weights_stay_the_same() {
    let delayed = |network: &Network<f64>| -> Vec<String> {
        let delays = network.parameters().iter().filter(|p| p.kind == ParameterKind::Delay);
        delays.map(|p| p.name.clone()).collect()
    };
    let all = build::<f64>(&config("d-cadlif"), 8, 5);
    assert_eq!(delayed(&all), ["hidden0.delay", "hidden1.delay", "readout.delay"]);
    for (without, readout, expected) in [
        (vec!["hidden0"], true, vec!["hidden1.delay", "readout.delay"]),
        (vec!["hidden1"], false, vec!["hidden0.delay"]),
        (vec!["hidden0", "readout"], true, vec!["hidden1.delay"]),
    ] {
        let mut config = config("d-cadlif");
        config.synapse.without_delay = names(&without);
        config.synapse.readout_delay = readout;
        let network = build::<f64>(&config, 8, 5);
        assert_eq!(delayed(&network), expected);
        for name in network.parameters().iter().map(|p| p.name.as_str()) {
            // The readout's decay is drawn last: the older key skips the delays before it.
            if readout || name != "readout.alpha" {
                assert_eq!(find(&network, name), find(&all, name), "{without:?}");
            }
        }
        let description = network.description();
        for layer in 0..3 {
            let name = format!("{}.delay", network.layer_name(layer));
            assert_eq!(description.has_delays(layer), expected.contains(&name.as_str()), "{name}");
        }
        let x = input::<f64>(20, 3, 8);
        let scores = network.infer(&x.view(), Delays::Rounded, &mut Pool::default()).scores;
        let mut stream = network.stream();
        let mut last = Vec::new();
        for step in x.outer_iter() {
            last = stream.step(&step.row(0).to_vec());
        }
        for (found, expected) in last.iter().zip(scores.row(0)) {
            assert!((found - expected).abs() < 1e-9, "{without:?}: {found} {expected}");
        }
    }
}

#[test]
fn delays_start_in_their_range() {
    for (range, delay) in [(0.25, Delay::Learned), (0.0, Delay::Learned), (0.5, Delay::Fixed)] {
        let mut config = config("d-lif");
        config.network.hidden = vec![40, 9];
        config.synapse.max_delay = 20;
        config.synapse.delay = delay;
        let wide = build::<f64>(&config, 30, 5);
        config.synapse.initial_range = range;
        let narrow = build::<f64>(&config, 30, 5);
        let (all, part) = (&find(&wide, "hidden0.delay").value, &find(&narrow, "hidden0.delay").value);
        let largest = part.iter().fold(0.0f64, |m, &d| m.max(d));
        assert!(largest <= 20.0 * range && largest >= 18.0 * range, "{range}: up to {largest}");
        if delay == Delay::Learned {
            approx::assert_abs_diff_eq!(*part, all * range, epsilon = 1e-12);
        } else {
            assert!(part.iter().all(|d| d.fract() == 0.0), "fixed delays are whole");
        }
        // The box, in which training moves them, and everything else stay as they were.
        assert_eq!(find(&narrow, "hidden0.delay").bounds, Some((0.0, 20.0)));
        assert_eq!(find(&narrow, "hidden1.weight"), find(&wide, "hidden1.weight"));
    }
}

/// a = b = 0 leaves a neuron with the spikes of a LIF neuron of the same α, and only α learns.
#[test]
fn without_adaptation_a_neuron_is_leaky_integrate_and_fire() {
    let x = input::<f64>(40, 6, 8);
    let mut plain = config("lif");
    // Enough that most units fire.
    plain.norm.gain = 9.0;
    for model in ["cadlif", "adlif"] {
        let mut off = config(model);
        off.norm.gain = 9.0;
        off.neuron.fixed = [("a".to_owned(), 0.0), ("b".to_owned(), 0.0)].into();
        let network = build::<f64>(&off, 8, 5);
        for layer in ["hidden0", "hidden1"] {
            for name in ["a", "b"] {
                let parameter = find(&network, &format!("{layer}.{name}"));
                assert!(!parameter.trainable && parameter.value.iter().all(|&x| x == 0.0));
            }
        }
        let bounds = find(&network, "hidden0.alpha").bounds.unwrap();
        plain.neuron.bounds = [("alpha".to_owned(), bounds)].into();
        let mut lif = build::<f64>(&plain, 8, 5);
        for parameter in lif.parameters_mut() {
            parameter.value.clone_from(&find(&network, &parameter.name).value);
        }
        let rates = network.infer(&x.view(), Delays::Stored, &mut Pool::default()).rates;
        assert!(rates.iter().all(|&rate| rate > 0.005), "{model}: {rates:?}");
        let spikes = |network: &Network<f64>| network.trace(&x.view(), Delays::Stored, &mut Pool::default());
        assert_eq!(spikes(&network).spikes, spikes(&lif).spikes, "{model}");
        // The gradient of what is left is the same too, and none reaches a and b.
        let gradient = |network: &Network<f64>, name: &str| {
            let mut tape = Tape::new();
            let recording = network.record(&mut tape, &x, &mut rng(1));
            let loss = tape.cross_entropy(recording.scores, &[0, 1, 2, 3, 4, 0]);
            tape.backward(loss);
            let place = network.parameters().iter().position(|p| p.name == name).unwrap();
            tape.gradient(recording.parameters[place]).cloned()
        };
        let (found, expected) = (gradient(&network, "hidden0.alpha"), gradient(&lif, "hidden0.alpha"));
        approx::assert_relative_eq!(found.unwrap(), expected.unwrap(), max_relative = 1e-9, epsilon = 1e-12);
        assert_eq!(gradient(&network, "hidden0.a"), None);
    }
}

#[test]
fn one_of_both_kinds_of_adaptation_may_be_off() {
    let mut off = config("cadlif");
    off.neuron.fixed = [("a".to_owned(), 0.0)].into();
    let (network, whole) = (build::<f64>(&off, 8, 5), build::<f64>(&config("cadlif"), 8, 5));
    assert!(find(&network, "hidden0.a").value.iter().all(|&a| a == 0.0));
    for name in ["hidden0.b", "hidden0.beta", "hidden1.weight", "readout.alpha"] {
        assert_eq!(find(&network, name), find(&whole, name), "{name} does not depend on it");
    }
}

#[test]
fn units_that_start_alike_are_in_the_middle_and_nothing_else_changes() {
    let mut alike = config("d-cadlif");
    alike.neuron.start = Start::Middle;
    let (alike, mixed) = (build::<f64>(&alike, 8, 5), build::<f64>(&config("d-cadlif"), 8, 5));
    for (alike, mixed) in alike.parameters().iter().zip(mixed.parameters()) {
        let is_hidden = alike.name.starts_with("hidden");
        match (alike.kind, alike.bounds) {
            (ParameterKind::TimeConstant | ParameterKind::Adaptation, Some((low, high))) if is_hidden => {
                assert!(
                    alike.trainable && alike.value.iter().all(|x| *x == 0.5 * (low + high)),
                    "{}",
                    alike.name
                );
            }
            _ => assert_eq!(alike, mixed),
        }
    }
}

#[test]
fn stored_values_are_clamped_if_asked_for() {
    for (clamp, expected) in [(Clamp::Used, false), (Clamp::Stored, true)] {
        let mut config = config("d-cadlif");
        config.neuron.clamp = clamp;
        let mut network = build::<f64>(&config, 8, 5);
        for parameter in network.parameters_mut() {
            let Some((low, high)) = parameter.bounds else { continue };
            let always = parameter.kind == ParameterKind::Delay;
            assert_eq!(parameter.clamp_stored, expected || always, "{}", parameter.name);
            let beyond = high + 0.125 * (high - low);
            parameter.value.fill(beyond);
            parameter.enforce_bounds();
            let stored = if expected || always { high } else { beyond };
            assert!(parameter.value.iter().all(|&x| x == stored), "{}", parameter.name);
            assert!(parameter.used().iter().all(|&x| x == high), "{}", parameter.name);
        }
    }
}

#[test]
fn wrong_values_are_named_with_their_range() {
    let message = |change: &dyn Fn(&mut NetworkConfig)| {
        let mut config = config("d-cadlif");
        change(&mut config);
        config.validate(40, 10).unwrap_err().to_string()
    };
    for (found, expected) in [
        (
            message(&|c| c.synapse.without_delay = names(&["hidden2"])),
            "synapse.without_delay holds \"hidden2\": expected names of layers: hidden0, hidden1, readout",
        ),
        (
            message(&|c| c.synapse.without_delay = names(&["hidden0", "hidden1", "readout"])),
            "synapse.without_delay = [hidden0, hidden1, readout]: expected a layer with delays",
        ),
        (message(&|c| c.synapse.initial_range = 1.5), "synapse.initial_range = 1.5: expected 0 to 1"),
        (message(&|c| c.synapse.initial_range = f64::NAN), "synapse.initial_range = NaN"),
        (
            message(&|c| c.neuron.fixed = [("tau".to_owned(), 0.0)].into()),
            "neuron.fixed holds \"tau\": expected names of the parameters of cadlif: alpha, beta, a, b",
        ),
        (
            message(&|c| c.neuron.fixed = [("beta".to_owned(), 0.0)].into()),
            "neuron.fixed.beta = 0: expected a number within its bounds, 0.96 to 0.99",
        ),
        (message(&|c| c.neuron.fixed = [("a".to_owned(), f64::NAN)].into()), "neuron.fixed.a = NaN"),
    ] {
        assert!(found.starts_with(expected), "{found}");
    }
    let read = |text: &str| toml::from_str::<NetworkConfig>(text).unwrap_err().to_string();
    for (text, expected) in [
        ("neuron.start = \"same\"", "`uniform`"),
        ("neuron.clamp = \"both\"", "`stored`"),
        ("synapse.delay_layers = [0]", "`without_delay`"),
    ] {
        let message = read(text);
        assert!(message.contains(expected), "{message}");
    }
}
