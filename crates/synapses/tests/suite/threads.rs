//! Layers of several tasks, whose blocks or outputs threads share out, against the equation.

use colearn_synapses::{Delayed, Interpolation};
use colearn_tape::{Pool, Tape, Var};
use ndarray::{Array2, Array3, ArrayD};

/// More outputs than two tasks take.
const OUTPUTS: usize = 70;

const INPUTS: usize = 5;

fn number(k: usize) -> f64 {
    (k as f64 * 0.7).sin()
}

fn input(steps: usize, batch: usize) -> Array3<f64> {
    Array3::from_shape_fn((steps, batch, INPUTS), |(t, b, i)| number((t * 41 + b) * 7 + i))
}

fn weight() -> Array2<f64> {
    Array2::from_shape_fn((INPUTS, OUTPUTS), |(i, j)| number(i * 31 + j * 17))
}

/// Whole delays, from 0 to 7 steps.
fn delay() -> Array2<f64> {
    Array2::from_shape_fn((INPUTS, OUTPUTS), |(i, j)| ((i * 3 + j * 5) % 8) as f64)
}

/// The output, and the gradients of input, weight and delay, on this many threads.
fn run(threads: usize, x: &Array3<f64>) -> Vec<ArrayD<f64>> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    threads.install(|| {
        let mut tape = Tape::new();
        let (x, weight, delay) = (tape.leaf(x), tape.leaf(&weight()), tape.leaf(&delay()));
        let synapse = Delayed { max_delay: 8, interpolation: Interpolation::Linear, spread: 0.0 };
        let y: Var = synapse.record(&mut tape, x, weight, delay);
        let square = tape.square(y);
        let loss = tape.sum(square);
        tape.backward(loss);
        let gradients = [x, weight, delay].map(|var| tape.gradient(var).unwrap().clone());
        std::iter::once(tape.value(y).clone()).chain(gradients).collect()
    })
}

#[test]
fn every_task_of_every_block_has_its_own_outputs() {
    for batch in [5, 40] {
        let x = input(13, batch);
        let expected = Array3::from_shape_fn((13, batch, OUTPUTS), |(t, b, j)| {
            let of = |i: usize| {
                let lag = (i * 3 + j * 5) % 8;
                if t < lag { 0.0 } else { weight()[[i, j]] * x[[t - lag, b, i]] }
            };
            (0..INPUTS).map(of).sum::<f64>()
        });
        let one = run(1, &x);
        // The taps are divided by 1 + ε.
        approx::assert_abs_diff_eq!(one[0], expected.into_dyn(), epsilon = 1e-6);
        for threads in [2, 3, 8] {
            assert_eq!(run(threads, &x), one, "{batch} samples, {threads} threads");
        }
        let inferred = Delayed { max_delay: 8, interpolation: Interpolation::Linear, spread: 0.0 };
        let inferred = inferred.forward(&x, &weight(), &delay(), &mut Pool::default());
        approx::assert_abs_diff_eq!(inferred.into_dyn(), one[0], epsilon = 1e-12);
    }
}
