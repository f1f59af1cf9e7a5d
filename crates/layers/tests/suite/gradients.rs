//! Gradients of recurrent layers against finite differences, with the soft step in place of the step.

use crate::common::{exact_models, gain_and_bias, soft, statistics, weighted_squares};
use crate::recurrence::{Layer, forms};
use colearn_layers::scan_normalised;
use colearn_neurons::Surrogate;
use colearn_synapses::Interpolation;
use colearn_tape::check::{self, Tolerance};

const TOLERANCE: Tolerance = Tolerance { step: 1e-5, relative: 1e-5, absolute: 1e-7 };

/// Whole delays have no gradient though their output depends on them: their layers are checked without it elsewhere.
fn layers(shape: (usize, usize, usize), surrogate: Surrogate, seed: u64) -> Vec<Layer<f64>> {
    let forms = || forms().into_iter().filter(|f| f.is_none_or(|f| f.interpolation != Interpolation::Whole));
    let cases = exact_models().flat_map(|model| forms().map(move |form| (model, form)));
    cases.map(|(model, form)| Layer::new(soft(model, surrogate), shape, form, seed)).collect()
}

#[test]
fn every_coordinate_matches_central_differences() {
    for surrogate in [Surrogate::Logistic { slope: 3.0 }, Surrogate::ArcTangent { slope: 2.0 }] {
        for layer in layers((6, 2, 3), surrogate, 11) {
            let loss = |tape: &mut _, x: &[_]| {
                let y = layer.record(tape, x);
                weighted_squares(tape, y)
            };
            let agreement = check::coordinates(loss, &layer.inputs(), TOLERANCE);
            agreement.unwrap_or_else(|e| panic!("{} {surrogate:?}: {e}", layer.name()));
        }
    }
}

#[test]
fn random_directions_match_central_differences() {
    for layer in layers((15, 18, 5), Surrogate::FastSigmoid { slope: 2.0 }, 12) {
        let loss = |tape: &mut _, x: &[_]| {
            let y = layer.record(tape, x);
            weighted_squares(tape, y)
        };
        let tolerance = Tolerance { step: 1e-6, relative: 1e-4, absolute: 1e-5 };
        let agreement = check::inner_product(loss, &layer.inputs(), 3, 13, tolerance);
        agreement.unwrap_or_else(|e| panic!("{}: {e}", layer.name()));
    }
}

/// Of a scan over normalised input, whose statistics depend on it; gain and bias come after the input.
#[test]
fn normalised_scans_match_central_differences() {
    for (shape, seed) in [((6, 2, 3), 16), ((4, 19, 2), 17)] {
        for layer in layers(shape, Surrogate::Logistic { slope: 3.0 }, seed) {
            let mut inputs = layer.inputs();
            inputs.splice(1..1, gain_and_bias(shape.2));
            let loss = |tape: &mut colearn_tape::Tape<f64>, x: &[colearn_tape::Var]| {
                let norm = statistics(tape, x[0]);
                let parameters = &x[3..2 + layer.before_matrices()];
                let recurrent = Some(layer.on_tape(x));
                let neuron = &layer.case.neuron;
                let y = scan_normalised(tape, neuron, x[0], [x[1], x[2]], norm, parameters, recurrent);
                weighted_squares(tape, y)
            };
            let agreement = check::coordinates(loss, &inputs, TOLERANCE);
            agreement.unwrap_or_else(|e| panic!("{} {shape:?}: {e}", layer.name()));
        }
    }
}
