//! Values and gradients against those of independent scripts, `datasets/golden/make_golden.py` and `make_recurrent.py`.

use crate::common::{COMMITTED, Golden, assert_close};
use colearn_layers::{Neuron, NeuronModel, forward, scan};
use colearn_synapses::{Delayed, Interpolation, Synapse};
use colearn_tape::{Pool, Tape, Var};
use ndarray::{Array1, Array2};
use std::path::Path;

const VALUES: f64 = 1e-9;
const GRADIENTS: f64 = 1e-8;
const ADAPTIVE: [&str; 4] = ["alpha_raw", "beta_raw", "a_raw", "b_raw"];

/// Compares spikes, states, and the gradients of Σ G·s of cAdLIF neurons with the recurrence of the file.
fn check(golden: &mut Golden, form: Option<Delayed<f64>>) {
    let neuron = Neuron::new(NeuronModel::Cadlif);
    let mut tape = Tape::<f64>::new();
    let input = tape.leaf(&golden.get("I"));
    let parameters: Vec<Var> = ADAPTIVE.iter().map(|p| tape.leaf(&golden.get(p))).collect();
    let weight = tape.leaf(&golden.get("V"));
    let delay = form.map(|form| (tape.leaf(&golden.get("D")), form));
    let spikes = scan(&mut tape, &neuron, input, &parameters, Some(Synapse::new(weight, delay)));
    assert_close("s", tape.value(spikes), &golden.get("s"), VALUES);
    let weights = tape.constant(golden.get("G"));
    let product = tape.multiply(spikes, weights);
    let loss = tape.sum(product);
    tape.backward(loss);
    let mut compare = |var: Var, name: &str| {
        assert_close(name, tape.gradient(var).unwrap(), &golden.get(&format!("g_{name}")), GRADIENTS);
    };
    compare(input, "I");
    neuron.specs().iter().zip(&parameters).for_each(|(spec, &p)| compare(p, spec.name));
    compare(weight, "V");
    if let Some((delay, _)) = delay.filter(|(_, form)| form.interpolation != Interpolation::Whole) {
        compare(delay, "D");
    }

    let matrix =
        |golden: &mut Golden, name: &str| -> Array2<f64> { golden.get(name).into_dimensionality().unwrap() };
    let stored: Vec<Array1<f64>> =
        ADAPTIVE.iter().map(|p| golden.get(p).into_dimensionality().unwrap()).collect();
    let views: Vec<_> = stored.iter().map(|p| p.view()).collect();
    let (weight, delay) = (matrix(golden, "V"), form.map(|_| matrix(golden, "D")));
    let recurrent = Synapse::new(&*weight, delay.as_deref().zip(form));
    let trace = forward(&neuron, &golden.sequence("I"), &views, Some(recurrent), &mut Pool::default());
    for (k, name) in ["u", "w"].into_iter().enumerate() {
        assert_close(name, &trace.state(k), &golden.get(name), VALUES);
    }
}

#[test]
fn golden_recurrence_without_delays() {
    check(&mut Golden::open("radlif"), None);
}

#[test]
fn golden_recurrence_with_delays_of_every_kernel() {
    for (name, interpolation) in [
        ("linear", Interpolation::Linear),
        ("whole", Interpolation::Whole),
        ("triangle", Interpolation::Triangle),
        ("gauss", Interpolation::Gaussian),
    ] {
        let mut golden = Golden::read(&Path::new(COMMITTED).join(format!("recurrent_delay_{name}")));
        let [spread, max_delay] = ["sigma", "max_delay"].map(|name| golden.get(name).sum());
        let max_delay = (1..100).find(|&d| d as f64 == max_delay).unwrap();
        check(&mut golden, Some(Delayed { max_delay, interpolation, spread }));
    }
}
