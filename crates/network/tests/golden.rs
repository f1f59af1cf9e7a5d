//! A whole d-cAdLIF network against loss and gradients from PyTorch's autograd (`datasets/golden/make_golden.py`).
//!
//! `COLEARN_GOLDEN_DIR` names another folder of the same form.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use colearn_network::{Network, NetworkConfig, Recording};
use colearn_synapses::Interpolation;
use colearn_tape::{Real, Tape};
use ndarray::{Array0, Array1, Array3, ArrayD, OwnedRepr};
use ndarray_npy::NpzReader;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

struct Golden {
    arrays: BTreeMap<String, ArrayD<f64>>,
    labels: Vec<usize>,
    max_delay: usize,
}

/// A relative folder is meant from here: tests run in their package's folder.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn read() -> Golden {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/golden");
    let folder = std::env::var_os("COLEARN_GOLDEN_DIR")
        .map_or_else(|| default.into(), |dir| PathBuf::from(WORKSPACE).join(dir));
    let path = folder.join("network.npz");
    let mut file =
        NpzReader::new(File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap();
    let mut arrays = BTreeMap::new();
    for name in file.names().unwrap() {
        let name = name.trim_end_matches(".npy").to_owned();
        if let Ok(array) = file.by_name::<OwnedRepr<f64>, ndarray::IxDyn>(&name) {
            arrays.insert(name, array);
        }
    }
    let labels: Array1<i64> = file.by_name("labels").unwrap();
    let taps: Array0<i64> = file.by_name("K").unwrap();
    let labels = labels.iter().map(|&l| usize::try_from(l).unwrap()).collect();
    Golden { arrays, labels, max_delay: usize::try_from(taps[()]).unwrap() - 1 }
}

/// The golden file's name of a parameter: `hidden1.gain` is `gamma1`.
fn golden_name(name: &str) -> String {
    let (layer, part) = name.split_once('.').unwrap();
    let k = if layer == "readout" { 2 } else { layer.strip_prefix("hidden").unwrap().parse().unwrap() };
    let part = match part {
        "weight" => "W",
        "delay" => "D",
        "gain" => "gamma",
        other => other,
    };
    format!("{part}{k}")
}

/// The golden network doubles the hidden layers' normalised current: gain and bias here are twice the file's.
fn factor(name: &str) -> f64 {
    let doubled = name.starts_with("hidden") && (name.ends_with("gain") || name.ends_with("bias"));
    if doubled { 2.0 } else { 1.0 }
}

fn run<F: Real>(golden: &Golden) -> (Network<F>, Tape<F>, Recording<F>, f64) {
    let shape = |name: &str| golden.arrays[name].shape().to_vec();
    let mut config = NetworkConfig::default();
    config.network.hidden = vec![shape("W0")[1], shape("W1")[1]];
    config.network.dropout = 0.0;
    config.synapse.max_delay = golden.max_delay;
    config.synapse.kernel = Interpolation::Gaussian;
    let description = config.validate(shape("W0")[0], shape("W2")[1]).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut network = Network::<F>::new(&description, &mut rng);
    network.set_spread(golden.arrays["sigma"].sum());
    for parameter in network.parameters_mut() {
        let value = &golden.arrays[&golden_name(&parameter.name)];
        assert_eq!(parameter.value.shape(), value.shape(), "{}", parameter.name);
        parameter.value = value.mapv(|v| F::of(v * factor(&parameter.name)));
    }
    let x: Array3<f64> = golden.arrays["x"].clone().into_dimensionality().unwrap();
    let mut tape = Tape::new();
    let recording = network.record(&mut tape, &x.mapv(F::of), &mut rng);
    let loss = tape.cross_entropy(recording.scores, &golden.labels);
    tape.backward(loss);
    let loss = tape.value(loss).sum().as_f64();
    (network, tape, recording, loss)
}

#[track_caller]
fn assert_close<F: Real>(name: &str, found: &ArrayD<F>, expected: &ArrayD<f64>, tolerance: f64) {
    assert_eq!(found.shape(), expected.shape(), "{name}");
    let nan_max = |m: f64, v: f64| if v > m || v.is_nan() { v } else { m };
    let top = expected.iter().fold(1e-300, |m, v| nan_max(m, v.abs()));
    let difference =
        found.iter().zip(expected).fold(0.0, |m, (a, b)| nan_max(m, (a.as_f64() - b).abs())) / top;
    assert!(difference <= tolerance, "{name}: relative difference {difference:e}, allowed {tolerance:e}");
}

fn check<F: Real>(value_tolerance: f64, gradient_tolerance: f64) {
    let golden = read();
    let (network, tape, recording, loss) = run::<F>(&golden);
    let expected = golden.arrays["loss"].sum();
    assert!((loss - expected).abs() <= value_tolerance * expected.abs(), "loss {loss}, expected {expected}");
    for (k, &spikes) in recording.spikes.iter().enumerate() {
        assert_close(
            "spikes",
            &spikes.to_array(&tape).into_dyn(),
            &golden.arrays[&format!("_spikes{k}")],
            0.0,
        );
    }
    assert_close(
        "readout",
        &recording.membrane.to_array(&tape).into_dyn(),
        &golden.arrays["readout"],
        value_tolerance,
    );
    for (parameter, &var) in network.parameters().iter().zip(&recording.parameters) {
        let gradient = tape.gradient(var).unwrap().mapv(|g| g * F::of(factor(&parameter.name)));
        let expected = &golden.arrays[&format!("g_{}", golden_name(&parameter.name))];
        assert_close(&parameter.name, &gradient, expected, gradient_tolerance);
    }
}

#[test]
fn golden_network_in_double_precision() {
    check::<f64>(1e-9, 1e-8);
}

#[test]
fn golden_network_in_single_precision() {
    check::<f32>(1e-4, 1e-4);
}
