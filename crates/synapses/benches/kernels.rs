//! Layers alone: `cargo bench -p colearn-synapses`. Items are multiply-adds, every synapse counted at every step and tap,
//! so that the throughput compares with the measured peak that the first benchmark prints.

use colearn_synapses::{Delayed, Interpolation, dense};
use colearn_tape::simd::{InstructionSet, Kernel, Level, dispatch_to};
use colearn_tape::{LANES, Lanes, Pool, Tape, Var, layout};
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
    x: Array3<f32>,
    weight: Array2<f32>,
    delay: Array2<f32>,
}

impl Layer {
    fn new(inputs: usize, outputs: usize, density: f32) -> Self {
        let x = layout::from_units(STEPS, BATCH, inputs, noise(STEPS * BATCH * inputs, 1));
        let matrix = |seed, scale: f32| {
            let values = noise(inputs * outputs, seed);
            Array2::from_shape_vec((inputs, outputs), values).expect("sized so") * scale
        };
        let x = x.mapv(|x| if x < density { 1.0 } else { 0.0 });
        Self { x, weight: matrix(2, 1.0), delay: matrix(3, 24.0) }
    }

    fn operations(&self, taps: usize) -> ItemsCount {
        ItemsCount::new(STEPS * BATCH * self.weight.len() * taps)
    }
}

/// Multiply-adds in registers and the first-level cache: the peak of one core.
struct Peak<'a>(&'a [Lanes<f32>]);

const ROUNDS: usize = 10_000;
const SUMS: usize = 10;

impl Kernel for Peak<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<L: Level>(self) -> f32 {
        let mut sums = [Lanes::default(); SUMS];
        for round in 0..ROUNDS {
            let rows = &self.0[round % (self.0.len() - SUMS)..][..SUMS];
            for s in 0..SUMS {
                sums[s] = sums[s].scaled::<L>(1e-3, &rows[s]);
            }
        }
        sums.iter().map(Lanes::total).sum()
    }
}

#[divan::bench]
fn peak_of_one_core(bencher: Bencher<'_, '_>) {
    let rows = vec![Lanes::splat(0.5f32); 128];
    let bencher = bencher.counter(ItemsCount::new(ROUNDS * SUMS * LANES));
    bencher.bench_local(|| dispatch_to(InstructionSet::best(), Peak(divan::black_box(&rows))));
}

/// Shares of entries that are spikes, per mille.
const DENSITIES: [usize; 4] = [230, 75, 30, 10];

fn forward(bencher: Bencher<'_, '_>, layer: &Layer, synapse: Delayed<f32>, taps: usize) {
    let mut pool = Pool::default();
    bencher.counter(layer.operations(taps)).bench_local(|| {
        let y = synapse.forward(&layer.x, &layer.weight, &layer.delay, &mut pool);
        pool.give(y);
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
    record: impl Fn(&mut Tape<f32>, [Var; 3]) -> Var,
) {
    let mut tape = Tape::new();
    bencher.counter(layer.operations(3 * taps)).bench_local(|| {
        tape.reset();
        let vars = [tape.leaf(&layer.x), tape.leaf(&layer.weight), tape.leaf(&layer.delay)];
        let y = record(&mut tape, vars);
        let loss = tape.sum(y);
        tape.backward(loss);
    });
}

#[divan::bench(args = DENSITIES)]
fn two_taps_forward_and_backward(bencher: Bencher<'_, '_>, density: usize) {
    let synapse = Delayed { max_delay: 24, interpolation: Interpolation::Linear, spread: 0.0 };
    let layer = Layer::new(128, 128, density as f32 / 1e3);
    step(bencher, &layer, 2, |tape, [x, w, d]| synapse.record(tape, x, w, d));
}

#[divan::bench]
fn dense_forward_and_backward(bencher: Bencher<'_, '_>) {
    step(bencher, &Layer::new(128, 128, 0.12), 1, |tape, [x, w, _]| dense::record(tape, x, w));
}
