//! How often each model fires under constant currents: `cargo run --release -p colearn-neurons --example rates`.
//!
//! Parameters are in the middle of their bounds. Numbers are spikes per step over 500 steps.

#![expect(clippy::print_stdout, reason = "the example's purpose is to print its numbers")]

use colearn_neurons::{Neuron, NeuronModel, infer};
use colearn_tape::Pool;
use ndarray::{Array1, Array3, Axis};

const CURRENTS: [f64; 5] = [1.0, 1.5, 2.0, 4.0, 8.0];
const STEPS: usize = 500;

fn main() {
    println!("{:12}{}", "current", CURRENTS.map(|current| format!("{current:8.1}")).concat());
    // A sample for each current.
    let input = Array3::from_shape_fn((STEPS, CURRENTS.len(), 1), |(_, sample, _)| CURRENTS[sample]);
    for &model in NeuronModel::ALL.iter().filter(|model| model.is_spiking()) {
        let neuron = Neuron::new(model);
        let middle = |bounds: (f64, f64)| Array1::from_elem(1, f64::midpoint(bounds.0, bounds.1));
        let values: Vec<_> = neuron.specs().iter().map(|spec| middle(spec.bounds)).collect();
        let views: Vec<_> = values.iter().map(|values| values.view()).collect();
        let spikes = infer(&neuron, &input, &views, &mut Pool::default());
        let rates = spikes.sum_axis(Axis(0)) / STEPS as f64;
        let rates: Vec<String> = rates.iter().map(|rate| format!("{rate:8.3}")).collect();
        println!("{:12}{}", model.name(), rates.concat());
    }
}
