//! Speed of one layer, forward and backward: `cargo run --release -p colearn-synapses --example layer_speed [NAME]`;
//! NAME is a part of the names of the lines wanted.
//!
//! Prints the fastest of seven runs in milliseconds of processor time (all threads together, so that other jobs on the
//! machine matter little), and multiply-adds per second with every synapse counted at every step, spike or not.

use colearn_synapses::{Delayed, Interpolation, dense};
use colearn_tape::{Pool, Sequence, SequenceVar, Tape, Var};
use ndarray::{Array2, Array3};

fn noise(len: usize, mut state: u32) -> Vec<f32> {
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    (0..len).map(next).collect()
}

fn fastest(mut f: impl FnMut() -> [f64; 2]) -> [f64; 2] {
    f();
    let runs: Vec<[f64; 2]> = (0..7).map(|_| f()).collect();
    [0, 1].map(|k| runs.iter().map(|run| run[k]).fold(f64::INFINITY, f64::min))
}

/// Processor time of all threads of this process, where the system tells; otherwise 0.
fn processor_seconds() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let nanoseconds = |task: std::fs::DirEntry| -> Option<f64> {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    tasks.flatten().filter_map(nanoseconds).sum::<f64>() / 1e9
}

fn measure(
    name: &str,
    dim: (usize, usize, usize, usize),
    taps: f64,
    density: f32,
    layer: impl Fn(&mut Tape<f32>, SequenceVar, [Var; 2]) -> SequenceVar,
) {
    if std::env::args().nth(1).is_some_and(|wanted| !name.contains(&wanted)) {
        return;
    }
    let (steps, batch, inputs, outputs) = dim;
    let x =
        Array3::from_shape_vec((steps, batch, inputs), noise(steps * batch * inputs, 1)).expect("sized so");
    let x = x.mapv(|x| if x < density { 1.0 } else { 0.0 });
    let x = Sequence::from_array(&x, &mut Pool::default()).into_value();
    let matrix = |seed, scale: f32| {
        Array2::from_shape_vec((inputs, outputs), noise(inputs * outputs, seed)).expect("sized so") * scale
    };
    let (weight, delay) = (matrix(2, 1.0), matrix(3, 24.0));
    let mut tape = Tape::new();
    let [forward, backward] = fastest(|| {
        tape.reset();
        let x = SequenceVar { var: tape.leaf(&x), batch };
        let vars = [tape.leaf(&weight), tape.leaf(&delay)];
        let start = processor_seconds();
        let y = layer(&mut tape, x, vars);
        let forward = processor_seconds() - start;
        let loss = tape.sum(y.var);
        let start = processor_seconds();
        tape.backward(loss);
        [forward, processor_seconds() - start]
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
    for density in [1.0, 0.4, 0.3, 0.23, 0.12, 0.03] {
        let name = format!("no delays, {:.0} %", 100.0 * density);
        measure(&name, dim, 1.0, density, |tape, x, [w, _]| dense::record(tape, x, w));
    }
    for (name, interpolation, taps) in [
        ("linear", Interpolation::Linear, 2.0),
        ("whole", Interpolation::Whole, 1.0),
        ("smoothed, spread 12", Interpolation::Smoothed, 2.0),
        ("Gaussian, 25 taps", Interpolation::Gaussian, 25.0),
    ] {
        let synapse = Delayed { max_delay: 24, interpolation, spread: 12.0 };
        measure(name, dim, taps, 0.23, |tape, x, [w, d]| synapse.record(tape, x, w, d));
    }
    for max_delay in [24, 250] {
        let synapse = Delayed { max_delay, interpolation: Interpolation::Linear, spread: 0.0 };
        for density in [0.15, 0.075, 0.03, 0.01] {
            let name = format!("linear, delay {max_delay}, {:.1} %", 100.0 * density);
            let dim = (100, 128, 128, 128);
            measure(&name, dim, 2.0, density, |tape, x, [w, d]| synapse.record(tape, x, w, d));
        }
    }
    let synapse = Delayed { max_delay: 24, interpolation: Interpolation::Linear, spread: 0.0 };
    let (wide, narrow) = ((100, 128, 512, 512), (100, 128, 128, 20));
    measure("512 × 512, 7.5 %", wide, 2.0, 0.075, |tape, x, [w, d]| synapse.record(tape, x, w, d));
    measure("128 × 20, 7.5 %", narrow, 2.0, 0.075, |tape, x, [w, d]| synapse.record(tape, x, w, d));
}
