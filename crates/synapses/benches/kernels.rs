//! Layers alone: `cargo bench -p colearn-synapses`. Items are multiply-adds, every synapse counted at every step and tap,
//! so that the throughput compares with the measured peak that the first benchmark prints.

use colearn_synapses::{Delayed, Interpolation, dense};
use colearn_tape::simd::{InstructionSet, MultiplyAdds};
use colearn_tape::{Pool, Sequence, SequenceVar, Tape, Var};
use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::{Array2, Array3};

const STEPS: usize = 100;
const BATCH: usize = 128;

fn main() {
    divan::main();
}

fn noise(len: usize, mut state: u32) -> Vec<f32> {
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    (0..len).map(next).collect()
}

/// Signal, weights and delays of a layer.
struct Layer {
    x: Sequence<f32>,
    weight: Array2<f32>,
    delay: Array2<f32>,
}

impl Layer {
    fn new(inputs: usize, outputs: usize, density: f32) -> Self {
        let x = noise(STEPS * BATCH * inputs, 1);
        let x = Array3::from_shape_vec((STEPS, BATCH, inputs), x).expect("sized so");
        let matrix = |seed, scale: f32| {
            let values = noise(inputs * outputs, seed);
            Array2::from_shape_vec((inputs, outputs), values).expect("sized so") * scale
        };
        let x = x.mapv(|x| if x < density { 1.0 } else { 0.0 });
        let x = Sequence::from_array(&x, &mut Pool::default());
        Self { x, weight: matrix(2, 1.0), delay: matrix(3, 24.0) }
    }

    fn operations(&self, taps: usize) -> ItemsCount {
        ItemsCount::new(STEPS * BATCH * self.weight.len() * taps)
    }
}

/// The peak of one core.
#[divan::bench]
fn peak_of_one_core(bencher: Bencher<'_, '_>) {
    let work = MultiplyAdds::new(InstructionSet::best());
    bencher.counter(ItemsCount::new(work.count())).bench_local(|| divan::black_box(&work).run());
}

/// Shares of entries that are spikes, per mille.
const DENSITIES: [usize; 4] = [230, 75, 30, 10];

fn forward(bencher: Bencher<'_, '_>, layer: &Layer, synapse: Delayed<f32>, taps: usize) {
    let mut pool = Pool::default();
    bencher.counter(layer.operations(taps)).bench_local(|| {
        let y = synapse.forward_sequence(&layer.x, &layer.weight, &layer.delay, &mut pool);
        y.recycle(&mut pool);
    });
}

#[divan::bench(args = DENSITIES)]
fn two_taps_forward(bencher: Bencher<'_, '_>, density: usize) {
    let synapse = Delayed { max_delay: 24, interpolation: Interpolation::Linear, spread: 0.0 };
    forward(bencher, &Layer::new(128, 128, density as f32 / 1e3), synapse, 2);
}

#[divan::bench(args = DENSITIES)]
fn one_tap_forward(bencher: Bencher<'_, '_>, density: usize) {
    let synapse = Delayed { max_delay: 24, interpolation: Interpolation::Whole, spread: 0.0 };
    forward(bencher, &Layer::new(128, 128, density as f32 / 1e3), synapse, 1);
}

fn step(
    bencher: Bencher<'_, '_>,
    layer: &Layer,
    taps: usize,
    record: impl Fn(&mut Tape<f32>, SequenceVar, [Var; 2]) -> SequenceVar,
) {
    let mut tape = Tape::new();
    let (x, batch) = (layer.x.clone().into_value(), BATCH);
    bencher.counter(layer.operations(3 * taps)).bench_local(|| {
        tape.reset();
        let x = SequenceVar { var: tape.leaf(&x), batch };
        let vars = [tape.leaf(&layer.weight), tape.leaf(&layer.delay)];
        let y = record(&mut tape, x, vars);
        let loss = tape.sum(y.var);
        tape.backward(loss);
    });
}

#[divan::bench(args = DENSITIES)]
fn two_taps_forward_and_backward(bencher: Bencher<'_, '_>, density: usize) {
    let synapse = Delayed { max_delay: 24, interpolation: Interpolation::Linear, spread: 0.0 };
    let layer = Layer::new(128, 128, density as f32 / 1e3);
    step(bencher, &layer, 2, |tape, x, [w, d]| synapse.record(tape, x, w, d));
}

#[divan::bench]
fn dense_forward_and_backward(bencher: Bencher<'_, '_>) {
    step(bencher, &Layer::new(128, 128, 0.12), 1, |tape, x, [w, _]| dense::record(tape, x, w));
}
