//! One step of training and a live stream: `cargo run --release -p colearn-network --example one_step`.
//!
//! Prints what a small network holds, the loss before and after one plain gradient step, and shows that a stream of
//! single steps ends with the scores of the whole sequence.

#![expect(clippy::print_stdout, reason = "an example reports on the terminal")]

use colearn_network::{Delays, Network, NetworkConfig, NetworkError};
use colearn_tape::{Pool, Tape};
use ndarray::{Array3, Axis};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

fn main() -> Result<(), NetworkError> {
    let mut config = NetworkConfig::default();
    config.set_model("d-cadlif")?;
    config.network.hidden = vec![32];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut network = Network::<f32>::new(&config.validate(40, 4)?, &mut rng);
    for parameter in network.parameters() {
        println!("{:24} {:?}", parameter.name, parameter.value.shape());
    }

    // (steps, samples, channels): a channel of its own is active in each sample.
    let input =
        Array3::from_shape_fn(
            (60, 4, 40),
            |(step, sample, channel)| {
                if channel % 4 == sample && step % 5 == 0 { 2.0 } else { 0.0 }
            },
        );
    let labels = [0, 1, 2, 3];
    let mut losses = Vec::new();
    for _ in 0..2 {
        let mut tape = Tape::new();
        let recording = network.record(&mut tape, &input, &mut rng);
        let loss = tape.cross_entropy(recording.scores, &labels);
        tape.backward(loss);
        losses.push(tape.value(loss).sum());
        network.absorb(&recording);
        for (parameter, &leaf) in network.parameters_mut().iter_mut().zip(&recording.parameters) {
            if let Some(gradient) = tape.gradient(leaf) {
                parameter.value.scaled_add(-0.05, gradient);
            }
        }
    }
    println!("loss {:.4}, after one step {:.4}", losses[0], losses[1]);

    let scores = network.infer(&input.view(), Delays::Rounded, &mut Pool::default()).scores;
    let mut stream = network.stream();
    let mut live = Vec::new();
    for step in input.index_axis(Axis(1), 2).outer_iter() {
        live = stream.step(&step.to_vec());
    }
    println!("scores of the whole sequence {:.4}", scores.row(2));
    println!("scores of the stream         {live:.4?}");
    assert!(scores.row(2).iter().zip(&live).all(|(whole, live)| (whole - live).abs() < 1e-4));
    Ok(())
}
