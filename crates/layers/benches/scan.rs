//! Scans alone: `cargo bench -p colearn-layers`. Items are steps of one unit and sample.

use colearn_layers::{Neuron, NeuronModel, infer_sequence, scan};
use colearn_synapses::Synapse;
use colearn_tape::{Pool, Real, Sequence, SequenceVar, Tape};
use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::{Array1, Array2, Array3};

const SHAPE: (usize, usize, usize) = (100, 128, 128);

fn main() {
    divan::main();
}

fn current() -> Sequence<f32> {
    let (steps, batch, units) = SHAPE;
    let value = |(t, b, n)| (((n * steps + t) * batch + b) % 977) as f32;
    let array = Array3::from_shape_fn((steps, batch, units), |place| (value(place) * 0.37).sin() * 3.0);
    Sequence::from_array(&array, &mut Pool::default())
}

fn parameters(neuron: &Neuron) -> Vec<Array1<f32>> {
    let middle = |bounds: (f64, f64)| f32::of(0.5 * (bounds.0 + bounds.1));
    neuron.specs().iter().map(|spec| Array1::from_elem(SHAPE.2, middle(spec.bounds))).collect()
}

fn recurrent() -> Array2<f32> {
    Array2::from_shape_fn((SHAPE.2, SHAPE.2), |(i, j)| ((i * 31 + j) as f32).sin() * 0.05)
}

const MODELS: [NeuronModel; 2] = [NeuronModel::Lif, NeuronModel::Cadlif];

#[divan::bench(args = MODELS)]
fn inference(bencher: Bencher<'_, '_>, model: NeuronModel) {
    run_inference(bencher, model, None);
}

#[divan::bench(args = MODELS)]
fn recurrent_inference(bencher: Bencher<'_, '_>, model: NeuronModel) {
    run_inference(bencher, model, Some(&recurrent()));
}

fn run_inference(bencher: Bencher<'_, '_>, model: NeuronModel, weights: Option<&Array2<f32>>) {
    let (neuron, x, mut pool) = (Neuron::new(model), current(), Pool::default());
    let values = parameters(&neuron);
    let views: Vec<_> = values.iter().map(|p| p.view()).collect();
    bencher.counter(ItemsCount::new(x.values().len())).bench_local(|| {
        let spikes =
            infer_sequence(&neuron, &x, None, &views, weights.map(|v| Synapse::new(&**v, None)), &mut pool);
        spikes.recycle(&mut pool);
    });
}

#[divan::bench(args = MODELS)]
fn forward_and_backward(bencher: Bencher<'_, '_>, model: NeuronModel) {
    run_training(bencher, model, None);
}

#[divan::bench(args = MODELS)]
fn recurrent_forward_and_backward(bencher: Bencher<'_, '_>, model: NeuronModel) {
    run_training(bencher, model, Some(&recurrent()));
}

fn run_training(bencher: Bencher<'_, '_>, model: NeuronModel, weights: Option<&Array2<f32>>) {
    let (neuron, x, mut tape) = (Neuron::new(model), current(), Tape::new());
    let (values, items) = (parameters(&neuron), ItemsCount::new(x.values().len()));
    let x = x.into_value();
    bencher.counter(items).bench_local(|| {
        tape.reset();
        let input = SequenceVar { var: tape.leaf(&x), batch: SHAPE.1 };
        let parameters: Vec<_> = values.iter().map(|p| tape.leaf(p)).collect();
        let weights = weights.map(|v| Synapse::new(tape.leaf(v), None));
        let spikes = scan(&mut tape, &neuron, input, &parameters, weights);
        let loss = tape.sum(spikes.var);
        tape.backward(loss);
    });
}
