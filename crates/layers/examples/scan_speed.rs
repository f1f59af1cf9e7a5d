//! How long a layer takes forward, backward and in inference:
//! `cargo run --release -p colearn-layers --example scan_speed`.
//!
//! One thread unless RAYON_NUM_THREADS says otherwise. The best of twenty runs is shown, in milliseconds.

#![expect(clippy::print_stdout, reason = "the example's purpose is to print its measurements")]

use colearn_layers::{
    GatedModel, GatedUnit, Neuron, NeuronModel, infer_gated_sequence, infer_sequence, scan, scan_gated,
};
use colearn_neurons::{NeuronConfig, Surrogate, initial};
use colearn_synapses::{Delayed, Interpolation, Synapse};
use colearn_tape::{Fused, Pool, Pullback, Real, Sequence, SequenceVar, Tape};
use ndarray::{Array1, Array2, Array3, ArrayD};
use ndarray_rand::RandomExt;
use ndarray_rand::rand::{SeedableRng, rngs::StdRng};
use ndarray_rand::rand_distr::{Normal, StandardNormal};
use std::sync::{Arc, Mutex};
use std::time::Instant;

const SHAPE: (usize, usize, usize) = (100, 128, 128);

fn main() {
    let threads = std::env::var("RAYON_NUM_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .expect("the pool is built first of all");
    println!("(T, B, N) = {SHAPE:?}, {threads} thread(s) [ms]");
    println!("{:24}{:>9}{:>9}{:>9}", "", "forward", "backward", "infer");
    for &model in NeuronModel::ALL {
        measure::<f32>(model.name(), &Neuron::new(model), Recurrence::None);
    }
    measure::<f32>("cadlif, recurrent", &Neuron::new(NeuronModel::Cadlif), Recurrence::Dense);
    for interpolation in [Interpolation::Whole, Interpolation::Linear, Interpolation::Gaussian] {
        let name = format!("cadlif, {interpolation:?} delays").to_lowercase();
        measure::<f32>(&name, &Neuron::new(NeuronModel::Cadlif), Recurrence::Delayed(interpolation));
    }
    let mut config = NeuronConfig::new(NeuronModel::Cadlif);
    config.surrogate = Surrogate::ArcTangent { slope: 5.0 };
    measure::<f32>(
        "cadlif, arc tangent",
        &config.validate().expect("the slope is positive"),
        Recurrence::None,
    );
    measure::<f64>("cadlif, f64", &Neuron::new(NeuronModel::Cadlif), Recurrence::None);
    for model in GatedModel::ALL {
        measure_gated::<f32>(GatedUnit::new(model));
    }
}

/// Notes when the backward pass gets here, and passes `gradient` on.
#[derive(Debug)]
struct Probe<F> {
    gradient: Option<ArrayD<F>>,
    times: Arc<Mutex<Vec<Instant>>>,
}

impl<F: Real> Fused<F> for Probe<F> {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn backward(&self, _pullback: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
        let gradient = self.gradient.clone();
        self.times.lock().expect("no thread panics").push(Instant::now());
        vec![gradient]
    }
}

fn draw<F: Real>(mean: f64, deviation: f64, rows: usize, rng: &mut StdRng) -> Sequence<F> {
    let (steps, batch, _) = SHAPE;
    let distribution = Normal::new(mean, deviation).expect("the deviation is positive");
    let array = Array3::random_using((steps, batch, rows), distribution, rng).mapv(F::of);
    Sequence::from_array(&array, &mut Pool::default())
}

/// Recurrent weights (N, `columns`).
fn draw_weights<F: Real>(columns: usize, rng: &mut StdRng) -> Array2<F> {
    Array2::random_using((SHAPE.2, columns), StandardNormal, rng).mapv(|v: f64| F::of(0.09 * v))
}

/// What a layer's units get from each other.
#[derive(Clone, Copy)]
enum Recurrence {
    None,
    Dense,
    /// With delays up to 24 steps.
    Delayed(Interpolation),
}

fn measure<F: Real>(name: &str, neuron: &Neuron, recurrence: Recurrence) {
    let units = SHAPE.2;
    let mut rng = StdRng::seed_from_u64(1);
    let current = draw::<F>(1.0, 2.0, units, &mut rng);
    let parameters: Vec<Array1<F>> = neuron.specs().iter().map(|s| initial(s, units, &mut rng)).collect();
    let weights = draw_weights::<F>(units, &mut rng);
    let delays = draw_weights::<F>(units, &mut rng).mapv(|x| F::of(12.0) + F::of(50.0) * x);
    let recurrent = match recurrence {
        Recurrence::None => None,
        Recurrence::Dense => Some(Synapse::new(&*weights, None)),
        Recurrence::Delayed(interpolation) => {
            let form = Delayed { max_delay: 24, interpolation, spread: F::zero() };
            Some(Synapse::new(&*weights, Some((&*delays, form))))
        }
    };
    let record = |tape: &mut Tape<F>, input: SequenceVar| {
        let values: Vec<_> = parameters.iter().map(|p| tape.leaf(p)).collect();
        let recurrent = recurrent.map(|synapse| synapse.map(|matrix| tape.leaf(&matrix.view())));
        scan(tape, neuron, input, &values, recurrent)
    };
    let views: Vec<_> = parameters.iter().map(|p| p.view()).collect();
    let run = |pool: &mut Pool<F>| infer_sequence(neuron, &current, None, &views, recurrent, pool);
    time(name, &current, record, run);
}

fn measure_gated<F: Real>(unit: GatedUnit) {
    let mut rng = StdRng::seed_from_u64(1);
    let rows = unit.model.gates() * SHAPE.2;
    let current = draw::<F>(0.0, 1.0, rows, &mut rng);
    let weights = draw_weights::<F>(rows, &mut rng);
    let record = |tape: &mut Tape<F>, input: SequenceVar| {
        let v = tape.leaf(&weights);
        scan_gated(tape, unit, input, v)
    };
    let run = |pool: &mut Pool<F>| infer_gated_sequence(unit, &current, None, &weights, pool);
    time(unit.model.name(), &current, record, run);
}

/// Times recording, the backward pass and inference of a layer with input `current`.
fn time<F: Real>(
    name: &str,
    current: &Sequence<F>,
    record: impl Fn(&mut Tape<F>, SequenceVar) -> SequenceVar,
    infer: impl Fn(&mut Pool<F>) -> Sequence<F>,
) {
    let above = draw::<F>(0.0, 1.0, SHAPE.2, &mut StdRng::seed_from_u64(2)).into_value();
    let times = Arc::new(Mutex::new(Vec::new()));
    let mut tape = Tape::<F>::new();
    let [mut forward, mut backward, mut inference] = [f64::INFINITY; 3];
    for _ in 0..20 {
        tape.reset();
        let source = tape.leaf(&ndarray::arr0(F::zero()));
        let probe = Probe { gradient: None, times: Arc::clone(&times) };
        let var = tape.fused(&[source], current.clone().into_value(), probe);
        let input = SequenceVar { var, batch: SHAPE.1 };
        let start = Instant::now();
        let output = record(&mut tape, input);
        forward = forward.min(start.elapsed().as_secs_f64());
        let probe = Probe { gradient: Some(above.clone()), times: Arc::clone(&times) };
        let loss = tape.fused(&[output.var], ndarray::arr0(F::zero()).into_dyn(), probe);
        tape.backward(loss);
        let reached: Vec<Instant> = times.lock().expect("no thread panics").drain(..).collect();
        backward = backward.min((reached[1] - reached[0]).as_secs_f64());
        let start = Instant::now();
        let output = infer(tape.pool());
        inference = inference.min(start.elapsed().as_secs_f64());
        output.recycle(tape.pool());
    }
    let [forward, backward, inference] = [forward, backward, inference].map(|seconds| seconds * 1000.0);
    println!("{name:24}{forward:9.2}{backward:9.2}{inference:9.2}");
}
