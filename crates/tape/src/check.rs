//! Gradients against finite differences, in `f64`.
//!
//! [`inner_product`] compares ⟨v, J d⟩ with ⟨Jᵀv, d⟩ for a random direction d: two evaluations whatever the size.
//! [`coordinates`] compares every single derivative. Both check every input that is a leaf.
//!
//! ```
//! use colearn_tape::check;
//! use ndarray::arr1;
//!
//! let report = check::coordinates(
//!     |tape, x| { let y = tape.tanh(x[0]); tape.sum(y) },
//!     &[arr1(&[0.3, -0.7]).into_dyn()],
//!     check::Tolerance::default(),
//! );
//! report.unwrap();
//! ```
//!
//! A function with a kink (a spike) has no derivative there: check it with a smooth function in its place.

use crate::{Tape, Var};
use ndarray::{ArrayD, Dimension};
use ndarray_rand::RandomExt;
use ndarray_rand::rand::SeedableRng;
use ndarray_rand::rand_distr::StandardNormal;
use rand_chacha::ChaCha8Rng;

/// When a derivative counts as equal to its difference quotient.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Step of the central difference.
    pub step: f64,
    /// Largest |derivative − quotient| relative to the larger of both.
    pub relative: f64,
    /// Differences below this are rounding.
    pub absolute: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { step: 1e-5, relative: 1e-6, absolute: 1e-8 }
    }
}

/// A derivative that differs from its difference quotient.
#[derive(Debug, thiserror::Error)]
#[error("input {input}, {place}: the tape says {derivative:e}, central differences say {quotient:e}")]
pub struct Mismatch {
    /// Index of the input.
    pub input: usize,
    /// Which element, or which random direction.
    pub place: String,
    /// What the backward pass found.
    pub derivative: f64,
    /// What the difference quotient found.
    pub quotient: f64,
}

/// How well the gradients agreed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Agreement {
    /// Number of derivatives compared.
    pub compared: usize,
    /// Largest absolute difference.
    pub largest_difference: f64,
}

/// Checks every single ∂f/∂input. `f` records a computation that ends in one number.
///
/// # Errors
/// The first derivative that differs.
pub fn coordinates(
    f: impl Fn(&mut Tape<f64>, &[Var]) -> Var,
    inputs: &[ArrayD<f64>],
    tolerance: Tolerance,
) -> Result<Agreement, Mismatch> {
    let (_, gradients) = evaluate(&f, inputs);
    let mut agreement = Agreement::default();
    for (input, gradient) in gradients.iter().enumerate() {
        for (position, &derivative) in gradient.indexed_iter() {
            let moved = |step: f64| {
                let mut inputs = inputs.to_vec();
                inputs[input][&position] += step;
                evaluate(&f, &inputs).0
            };
            let quotient = (moved(tolerance.step) - moved(-tolerance.step)) / (2.0 * tolerance.step);
            let place = || format!("element {:?}", position.slice());
            agreement.compare(input, place, derivative, quotient, tolerance)?;
        }
    }
    Ok(agreement)
}

/// Checks ⟨∂f/∂input, d⟩ for `directions` random directions d of each input.
///
/// # Errors
/// The first direction whose derivative differs.
pub fn inner_product(
    f: impl Fn(&mut Tape<f64>, &[Var]) -> Var,
    inputs: &[ArrayD<f64>],
    directions: usize,
    seed: u64,
    tolerance: Tolerance,
) -> Result<Agreement, Mismatch> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (_, gradients) = evaluate(&f, inputs);
    let mut agreement = Agreement::default();
    for (input, gradient) in gradients.iter().enumerate() {
        for k in 0..directions {
            let direction = ArrayD::random_using(gradient.raw_dim(), StandardNormal, &mut rng);
            let derivative = (gradient * &direction).sum();
            let moved = |step: f64| {
                let mut inputs = inputs.to_vec();
                inputs[input].scaled_add(step, &direction);
                evaluate(&f, &inputs).0
            };
            let quotient = (moved(tolerance.step) - moved(-tolerance.step)) / (2.0 * tolerance.step);
            agreement.compare(input, || format!("random direction {k}"), derivative, quotient, tolerance)?;
        }
    }
    Ok(agreement)
}

impl Agreement {
    fn compare(
        &mut self,
        input: usize,
        place: impl Fn() -> String,
        derivative: f64,
        quotient: f64,
        tolerance: Tolerance,
    ) -> Result<(), Mismatch> {
        let difference = (derivative - quotient).abs();
        let allowed = tolerance.absolute + tolerance.relative * derivative.abs().max(quotient.abs());
        // Written so that NaN fails.
        if difference <= allowed {
            self.compared += 1;
            self.largest_difference = self.largest_difference.max(difference);
            return Ok(());
        }
        Err(Mismatch { input, place: place(), derivative, quotient })
    }
}

/// The value of `f` and its gradient for each input, zero where the value does not depend on it.
fn evaluate(f: impl Fn(&mut Tape<f64>, &[Var]) -> Var, inputs: &[ArrayD<f64>]) -> (f64, Vec<ArrayD<f64>>) {
    let mut tape = Tape::new();
    let vars: Vec<Var> = inputs.iter().map(|x| tape.leaf(x)).collect();
    let loss = f(&mut tape, &vars);
    let value = *tape.value(loss).first().expect("the function ends in one number");
    tape.backward(loss);
    let gradient = |(v, x): (&Var, &ArrayD<f64>)| {
        tape.gradient(*v).map_or_else(|| ArrayD::zeros(x.raw_dim()), |g| g.as_standard_layout().into_owned())
    };
    (value, vars.iter().zip(inputs).map(gradient).collect())
}
