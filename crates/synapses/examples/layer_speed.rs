//! Speed of one layer, forward and backward: `cargo run --release -p colearn-synapses --example layer_speed`.
//!
//! Prints the median of seven runs in milliseconds, and multiply-adds per second counted as two per tap.

use colearn_synapses::{Delayed, Interpolation, dense};
use colearn_tape::{Tape, Var, layout};
use ndarray::{Array2, Array3};
use std::time::Instant;

fn noise(len: usize, mut state: u32) -> Vec<f32> {
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    (0..len).map(next).collect()
}

fn median(mut f: impl FnMut() -> [f64; 2]) -> [f64; 2] {
    f();
    let mut runs: Vec<[f64; 2]> = (0..7).map(|_| f()).collect();
    [0, 1].map(|k| {
        runs.sort_by(|a, b| a[k].total_cmp(&b[k]));
        runs[3][k]
    })
}

fn measure(
    name: &str,
    dim: (usize, usize, usize, usize),
    taps: f64,
    layer: impl Fn(&mut Tape<f32>, [Var; 3]) -> Var,
) {
    let (steps, batch, inputs, outputs) = dim;
    let x: Array3<f32> = layout::from_units(steps, batch, inputs, noise(steps * batch * inputs, 1));
    let matrix = |seed, scale: f32| {
        Array2::from_shape_vec((inputs, outputs), noise(inputs * outputs, seed)).expect("sized so") * scale
    };
    let (weight, delay) = (matrix(2, 1.0), matrix(3, 24.0));
    let mut tape = Tape::new();
    let [forward, backward] = median(|| {
        tape.reset();
        let vars = [tape.leaf(&x), tape.leaf(&weight), tape.leaf(&delay)];
        let start = Instant::now();
        let y = layer(&mut tape, vars);
        let forward = start.elapsed().as_secs_f64();
        let loss = tape.sum(y);
        let start = Instant::now();
        tape.backward(loss);
        [forward, start.elapsed().as_secs_f64()]
    });
    let operations = (steps * batch * inputs * outputs) as f64 * taps;
    #[expect(clippy::print_stdout, reason = "an example reports on the terminal")]
    {
        println!(
            "{name:<28} forward {:7.2} ms ({:5.1} GMAC/s)   backward {:7.2} ms ({:5.1} GMAC/s)",
            forward * 1e3,
            operations / forward / 1e9,
            backward * 1e3,
            2.0 * operations / backward / 1e9
        );
    }
}

fn main() {
    let dim = (100, 128, 140, 128);
    measure("dense", dim, 1.0, |tape, [x, w, _]| dense::record(tape, x, w));
    for (name, interpolation, taps) in [
        ("linear", Interpolation::Linear, 2.0),
        ("smoothed, spread 12", Interpolation::Smoothed, 2.0),
        ("Gaussian, 25 taps", Interpolation::Gaussian, 25.0),
    ] {
        let synapse = Delayed { max_delay: 24, interpolation, spread: 12.0 };
        measure(name, dim, taps, |tape, [x, w, d]| synapse.record(tape, x, w, d));
    }
    let synapse = Delayed { max_delay: 30, interpolation: Interpolation::Linear, spread: 0.0 };
    measure("linear, 512 × 512", (100, 128, 512, 512), 2.0, |tape, [x, w, d]| synapse.record(tape, x, w, d));
    measure("linear, 128 × 20", (100, 128, 128, 20), 2.0, |tape, [x, w, d]| synapse.record(tape, x, w, d));
}
