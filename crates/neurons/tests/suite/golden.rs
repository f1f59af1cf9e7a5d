//! Values and gradients against those of an independent script, `datasets/golden/make_golden.py`.

use crate::common::{Golden, assert_close, configured};
use colearn_neurons::{Neuron, NeuronModel, forward, scan};
use colearn_tape::{Pool, Tape, Var};
use ndarray::{Array1, ArrayD, s};

const VALUES: f64 = 1e-9;
const GRADIENTS: f64 = 1e-8;

/// Compares the output, and the gradients of Σ G·output with respect to current and parameters.
fn check_spiking(name: &str, neuron: &Neuron, stored: &[impl AsRef<str>]) {
    let mut golden = Golden::open(name);
    let mut tape = Tape::<f64>::new();
    let input = tape.leaf(&golden.get("I"));
    let parameters: Vec<Var> = stored.iter().map(|p| tape.leaf(&golden.get(p.as_ref()))).collect();
    let spikes = scan(&mut tape, neuron, input, &parameters);
    assert_close("s", tape.value(spikes), &golden.get("s"), VALUES);
    let weights = tape.constant(golden.get("G"));
    let product = tape.multiply(spikes, weights);
    let loss = tape.sum(product);
    tape.backward(loss);
    assert_close("g_I", tape.gradient(input).unwrap(), &golden.get("g_I"), GRADIENTS);
    for (spec, &p) in neuron.specs().iter().zip(&parameters) {
        let expected = golden.get(&format!("g_{}", spec.name));
        assert_close(spec.name, tape.gradient(p).unwrap(), &expected, GRADIENTS);
    }
}

/// The states before the spike.
fn states(name: &str, neuron: &Neuron, stored: &[&str]) -> Vec<ArrayD<f64>> {
    let mut golden = Golden::open(name);
    let parameters: Vec<Array1<f64>> =
        stored.iter().map(|p| golden.get(p).into_dimensionality().unwrap()).collect();
    let views: Vec<_> = parameters.iter().map(|p| p.view()).collect();
    let trace = forward(neuron, &golden.sequence("I"), &views, &mut Pool::default());
    (0..neuron.model().states()).map(|k| trace.state(k).to_owned().into_dyn()).collect()
}

const ADAPTIVE: [&str; 4] = ["alpha_raw", "beta_raw", "a_raw", "b_raw"];

/// A model that has no file is found here. Models with the same equations share the file of the first, whose stored
/// parameters (`_raw`, if the script clamps them) go beyond the box of the last.
#[test]
fn golden_values_of_every_spiking_model() {
    for model in NeuronModel::ALL.iter().filter(|model| model.is_spiking()) {
        let mut alike = NeuronModel::ALL.iter().filter(|other| other.equations() == model.equations());
        let (first, last) = (alike.next().unwrap_or(model), alike.next_back().unwrap_or(model));
        let neuron = Neuron::new(*last);
        let mut golden = Golden::open(first.name());
        let names: Vec<String> = neuron.specs().iter().map(|spec| golden.stored(spec.name)).collect();
        check_spiking(first.name(), &neuron, &names);
    }
}

#[test]
fn golden_lif() {
    let neuron = Neuron::new(NeuronModel::Lif);
    check_spiking("lif", &neuron, &["alpha_raw"]);
    let [u] = &states("lif", &neuron, &["alpha_raw"])[..] else { panic!("one variable") };
    assert_close("u", u, &Golden::open("lif").get("u"), VALUES);
}

#[test]
fn golden_adlif() {
    let neuron = Neuron::new(NeuronModel::Cadlif);
    check_spiking("adlif", &neuron, &ADAPTIVE);
    let [u, w] = &states("adlif", &neuron, &ADAPTIVE)[..] else { panic!("two variables") };
    assert_close("u", u, &Golden::open("adlif").get("u"), VALUES);
    assert_close("w", w, &Golden::open("adlif").get("w"), VALUES);
}

#[test]
fn golden_se_adlif() {
    let neuron = Neuron::new(NeuronModel::SeAdlif);
    let names = ["alpha", "beta", "a", "b"];
    check_spiking("se_adlif", &neuron, &names);
    // The file holds the states after the spike: u is reset, and w is the next step's w before its spike.
    let mut golden = Golden::open("se_adlif");
    let [u, w] = &states("se_adlif", &neuron, &names)[..] else { panic!("two variables") };
    assert_close("u", &(u * (1.0 - golden.get("s"))), &golden.get("u"), VALUES);
    let (w, expected) = (w.slice(s![1.., .., ..]), golden.sequence("w"));
    assert_close("w", &w, &expected.slice(s![..-1, .., ..]), VALUES);
}

#[test]
fn golden_readout() {
    let neuron = configured(NeuronModel::Integrator, |c| {
        c.bounds.insert("alpha".into(), (0.0, 1.0));
    });
    let mut golden = Golden::open("readout");
    let mut tape = Tape::<f64>::new();
    let (input, alpha) = (tape.leaf(&golden.get("I")), tape.leaf(&golden.get("alpha")));
    let u = scan(&mut tape, &neuron, input, &[alpha]);
    assert_close("u", tape.value(u), &golden.get("u"), VALUES);
    let probability = tape.softmax(u);
    let scores = tape.sum_axis(probability, 0);
    let loss = tape.cross_entropy(scores, &golden.labels("labels"));
    assert_close("loss", tape.value(loss), &golden.get("loss"), VALUES);
    tape.backward(loss);
    assert_close("g_I", tape.gradient(input).unwrap(), &golden.get("g_I"), GRADIENTS);
    assert_close("g_alpha", tape.gradient(alpha).unwrap(), &golden.get("g_alpha"), GRADIENTS);
}
