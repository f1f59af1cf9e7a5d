//! Three paths delay and weigh three signals; their sum is all that is seen. Gradient descent finds weights and delays.
//!
//! The layer is `colearn-synapses`, the optimiser `colearn-optim`, and the loop this file's own. `cargo run` prints what
//! was found; it fails if that is not what the sum was made with.

use colearn_optim::{Adam, AdamSettings, Target};
use colearn_synapses::{Delayed, Interpolation};
use colearn_tape::{Pool, Tape};
use ndarray::{Array2, Array3, arr2};

const STEPS: usize = 120;
const SAMPLES: usize = 4;

/// Slow waves of another period and phase for each input and sample: (steps, samples, inputs).
fn signals() -> Array3<f32> {
    Array3::from_shape_fn((STEPS, SAMPLES, 3), |(step, sample, input)| {
        let period = 23.0 + 6.0 * input as f32 + 2.0 * sample as f32;
        (std::f32::consts::TAU * step as f32 / period + (input + 2 * sample) as f32).sin()
    })
}

fn main() {
    let synapse = Delayed { max_delay: 12, interpolation: Interpolation::Linear, spread: 0.0 };
    let (true_weight, true_delay) = (arr2(&[[1.0], [-0.7], [0.4]]), arr2(&[[2.25], [7.5], [4.0]]));
    let x = signals();
    let seen = synapse.forward(&x, &true_weight, &true_delay, &mut Pool::default());

    let (mut weight, mut delay) = (arr2(&[[0.3], [-0.3], [0.3]]), arr2(&[[5.0], [5.0], [5.0]]));
    let settings = AdamSettings { beta2: 0.99, ..AdamSettings::default() };
    let mut adam = Adam::new(settings, [weight.shape(), delay.shape()]);
    let mut tape = Tape::<f32>::new();
    for step in 0..=300 {
        tape.reset();
        let input = tape.constant(x.clone());
        let target = tape.constant(seen.clone());
        let (w, d) = (tape.leaf(&weight), tape.leaf(&delay));
        let sum = synapse.record(&mut tape, input, w, d);
        let error = tape.subtract(sum, target);
        let square = tape.square(error);
        let total = tape.sum(square);
        let loss = tape.scale(total, 1.0 / seen.len() as f32);
        tape.backward(loss);
        if step % 100 == 0 {
            println!("step {step:3}  loss {:.6}", tape.value(loss).sum());
        }
        let gradient = |leaf| {
            let gradient = tape.gradient(leaf).expect("the loss depends on it").clone();
            gradient.into_dimensionality().expect("a matrix's gradient is a matrix")
        };
        let (of_weight, of_delay): (Array2<f32>, Array2<f32>) = (gradient(w), gradient(d));
        let targets = [Target::new(&mut weight, &of_weight, 0.02), Target::new(&mut delay, &of_delay, 0.05)];
        adam.step(targets, 1.0);
    }
    println!("weights {:.2?}, made with {:.2?}", weight.as_slice(), true_weight.as_slice());
    println!("delays  {:.2?}, made with {:.2?}", delay.as_slice(), true_delay.as_slice());
    let far = |a: &Array2<f32>, b: &Array2<f32>| (a - b).iter().fold(0.0_f32, |far, x| far.max(x.abs()));
    assert!(far(&weight, &true_weight) < 0.02 && far(&delay, &true_delay) < 0.05, "not found");
    println!("found");
}
