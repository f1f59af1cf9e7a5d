//! Exclusive-or with two layers, learned on a tape: no neuron, no synapse, no other crate of colearn.
//!
//! `cargo run` prints the loss and what was learned; it fails if that is not exclusive-or.

use colearn_tape::{Tape, Var};
use ndarray::{Array2, arr2};

/// A layer's weights (inputs, units); its last input is always one.
fn start(inputs: usize, units: usize, phase: f64) -> Array2<f64> {
    // No random numbers are needed: any start without symmetry will do.
    Array2::from_shape_fn((inputs, units), |(i, j)| ((i * units + j) as f64 * 1.7 + phase).sin())
}

/// x · weight, where a column of ones is appended to x (rows, inputs) first.
fn affine(tape: &mut Tape<f64>, x: Var, weight: Var, rows: usize) -> Var {
    let ones = tape.constant(Array2::ones((rows, 1)));
    let extended = tape.concatenate(&[x, ones], 1);
    tape.matrix_product(extended, weight)
}

fn main() {
    let inputs = arr2(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    let labels = [0, 1, 1, 0];
    let mut weights = [start(3, 6, 0.3), start(7, 2, 0.9)];

    let mut tape = Tape::new();
    let mut last = f64::INFINITY;
    for step in 0..=400 {
        tape.reset();
        let x = tape.constant(inputs.clone());
        let leaves = [tape.leaf(&weights[0]), tape.leaf(&weights[1])];
        let sum = affine(&mut tape, x, leaves[0], 4);
        let hidden = tape.tanh(sum);
        let scores = affine(&mut tape, hidden, leaves[1], 4);
        let loss = tape.cross_entropy(scores, &labels);
        tape.backward(loss);

        last = tape.value(loss).sum();
        if step % 100 == 0 {
            println!("step {step:3}  loss {last:.4}");
        }
        for (weight, &leaf) in weights.iter_mut().zip(&leaves) {
            weight.scaled_add(-0.5, tape.gradient(leaf).expect("the loss depends on every weight"));
        }
        if step == 400 {
            for ((row, scores), label) in inputs.rows().into_iter().zip(tape.value(scores).rows()).zip(labels)
            {
                let said = usize::from(scores[1] > scores[0]);
                println!("{} xor {} = {said}", row[0], row[1]);
                assert_eq!(said, label, "exclusive-or was not learned");
            }
        }
    }
    assert!(last < 0.05, "the loss is still {last}");
    println!("learned");
}
