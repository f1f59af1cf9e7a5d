//! Gradient descent on least squares, and a proof of its gradient: `cargo run -p colearn-tape --example least_squares`.

#![expect(clippy::print_stdout, reason = "an example reports on the terminal")]

use colearn_tape::{Tape, Var, check};
use ndarray::{Array2, ArrayD, arr2};

/// Mean squared error of `x · weight` against `y`.
fn loss(tape: &mut Tape<f64>, x: &Array2<f64>, y: &Array2<f64>, weight: Var) -> Var {
    let input = tape.constant(x.clone());
    let target = tape.constant(y.clone());
    let output = tape.matrix_product(input, weight);
    let error = tape.subtract(output, target);
    let square = tape.square(error);
    let sum = tape.sum(square);
    tape.scale(sum, 1.0 / y.len() as f64)
}

fn main() -> Result<(), check::Mismatch> {
    let x = Array2::from_shape_fn(
        (40, 2),
        |(row, column)| if column == 0 { 1.0 } else { row as f64 / 20.0 - 1.0 },
    );
    let truth = arr2(&[[0.5], [-2.0]]);
    let y = x.dot(&truth);

    let mut weight = Array2::zeros((2, 1));
    let mut tape = Tape::new();
    for step in 0..200 {
        tape.reset();
        let leaf = tape.leaf(&weight);
        let value = loss(&mut tape, &x, &y, leaf);
        tape.backward(value);
        if step % 50 == 0 {
            println!("step {step:3}  loss {:.6}", tape.value(value).sum());
        }
        weight.scaled_add(-0.5, tape.gradient(leaf).expect("the loss depends on the weight"));
    }
    println!("found {:.4} and {:.4}", weight[[0, 0]], weight[[1, 0]]);
    assert!((&weight - &truth).iter().all(|error: &f64| error.abs() < 1e-6), "the weights are the true ones");

    let inputs: [ArrayD<f64>; 1] = [arr2(&[[0.1], [0.2]]).into_dyn()];
    let checked = check::coordinates(
        |tape, leaves| loss(tape, &x, &y, leaves[0]),
        &inputs,
        check::Tolerance::default(),
    )?;
    println!("{} derivatives equal central differences", checked.compared);
    Ok(())
}
