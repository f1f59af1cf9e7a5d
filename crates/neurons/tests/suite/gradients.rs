//! Gradients against finite differences, with the soft step in place of the step.

use crate::common::{Case, exact_models, gain_and_bias, soft, statistics, weighted_squares};
use colearn_neurons::{Neuron, Surrogate, scan, scan_normalised};
use colearn_tape::check::{self, Tolerance};
use colearn_tape::{Tape, Var};

const TOLERANCE: Tolerance = Tolerance { step: 1e-5, relative: 1e-5, absolute: 1e-7 };

/// Σ of squares of the output, unevenly weighted.
fn loss(tape: &mut Tape<f64>, neuron: &Neuron, vars: &[Var]) -> Var {
    let y = scan(tape, neuron, vars[0], &vars[1..]);
    weighted_squares(tape, y)
}

fn smooth_surrogates() -> Vec<Surrogate> {
    vec![
        Surrogate::FastSigmoid { slope: 2.0 },
        Surrogate::ArcTangent { slope: 2.0 },
        Surrogate::Logistic { slope: 3.0 },
        Surrogate::Triangle { slope: 0.4 },
        Surrogate::Exponential { slope: 2.0, scale: 0.8 },
    ]
}

#[test]
fn every_coordinate_matches_central_differences() {
    for model in exact_models() {
        for surrogate in smooth_surrogates() {
            let drawn = Case::<f64>::new(Neuron::new(model), (6, 2, 3), 11);
            let neuron = soft(model, surrogate);
            let agreement = check::coordinates(|t, x| loss(t, &neuron, x), &drawn.inputs(), TOLERANCE);
            agreement.unwrap_or_else(|e| panic!("{model:?} {surrogate:?}: {e}"));
        }
    }
}

#[test]
fn random_directions_match_central_differences() {
    for model in exact_models() {
        for surrogate in smooth_surrogates() {
            let drawn = Case::<f64>::new(Neuron::new(model), (15, 18, 5), 12);
            let neuron = soft(model, surrogate);
            let tolerance = Tolerance { step: 1e-6, relative: 1e-4, absolute: 1e-5 };
            let agreement =
                check::inner_product(|t, x| loss(t, &neuron, x), &drawn.inputs(), 3, 13, tolerance);
            agreement.unwrap_or_else(|e| panic!("{model:?} {surrogate:?}: {e}"));
        }
    }
}

/// [`loss`] of a scan over normalised input, whose statistics depend on it; gain and bias come after the input.
fn normalised_loss(tape: &mut Tape<f64>, neuron: &Neuron, vars: &[Var]) -> Var {
    let norm = statistics(tape, vars[0]);
    let y = scan_normalised(tape, neuron, vars[0], [vars[1], vars[2]], norm, &vars[3..]);
    weighted_squares(tape, y)
}

#[test]
fn normalised_scans_match_central_differences() {
    // Samples of one chunk or block, and of more.
    for (shape, seed) in [((6, 2, 3), 14), ((5, 70, 2), 15)] {
        for model in exact_models() {
            let drawn = Case::<f64>::new(Neuron::new(model), shape, seed);
            let mut inputs = drawn.inputs();
            inputs.splice(1..1, gain_and_bias(shape.2));
            let neuron = soft(model, Surrogate::Logistic { slope: 3.0 });
            let agreement = check::coordinates(|t, x| normalised_loss(t, &neuron, x), &inputs, TOLERANCE);
            agreement.unwrap_or_else(|e| panic!("{model:?} {shape:?}: {e}"));
        }
    }
}
