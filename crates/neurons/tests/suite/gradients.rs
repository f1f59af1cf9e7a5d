//! Gradients against finite differences, with the soft step in place of the step.

use crate::common::{Case, configured, gain_and_bias, statistics, weighted_squares};
use colearn_neurons::{Firing, Neuron, NeuronModel, Surrogate, scan, scan_normalised};
use colearn_tape::check::{self, Tolerance};
use colearn_tape::{Tape, Var};

const TOLERANCE: Tolerance = Tolerance { step: 1e-5, relative: 1e-5, absolute: 1e-7 };

/// Σ of squares of the output, unevenly weighted.
fn loss(tape: &mut Tape<f64>, neuron: &Neuron, vars: &[Var]) -> Var {
    let count = neuron.specs().len();
    let y = scan(tape, neuron, vars[0], &vars[1..=count], vars.get(count + 1).copied());
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

/// The box a little wider than the draw, so that no difference quotient steps over a bound.
fn soft(model: NeuronModel, surrogate: Surrogate) -> Neuron {
    configured(model, |c| {
        (c.firing, c.surrogate) = (Firing::Soft, surrogate);
        for spec in model.specs() {
            c.bounds.insert(spec.name.into(), (spec.bounds.0 - 1e-3, spec.bounds.1 + 1e-3));
        }
    })
}

/// Every model whose gradient is exact; the detached reset of SE-adLIF is checked beside its code.
fn models() -> impl Iterator<Item = NeuronModel> {
    NeuronModel::ALL.iter().copied().filter(|model| model.has_exact_gradient())
}

#[test]
fn every_coordinate_matches_central_differences() {
    for model in models() {
        for surrogate in smooth_surrogates() {
            for recurrent in [false, true] {
                let drawn = Case::<f64>::new(Neuron::new(model), (6, 2, 3), recurrent, 11);
                let neuron = soft(model, surrogate);
                let agreement = check::coordinates(|t, x| loss(t, &neuron, x), &drawn.inputs(), TOLERANCE);
                agreement.unwrap_or_else(|e| panic!("{model:?} {surrogate:?} recurrent {recurrent}: {e}"));
            }
        }
    }
}

#[test]
fn random_directions_match_central_differences() {
    for model in models() {
        for surrogate in smooth_surrogates() {
            for recurrent in [false, true] {
                let drawn = Case::<f64>::new(Neuron::new(model), (15, 18, 5), recurrent, 12);
                let neuron = soft(model, surrogate);
                let tolerance = Tolerance { step: 1e-6, relative: 1e-4, absolute: 1e-5 };
                let agreement =
                    check::inner_product(|t, x| loss(t, &neuron, x), &drawn.inputs(), 3, 13, tolerance);
                agreement.unwrap_or_else(|e| panic!("{model:?} {surrogate:?} recurrent {recurrent}: {e}"));
            }
        }
    }
}

/// [`loss`] of a scan over normalised input, whose statistics depend on it; gain and bias come after the input, V last.
fn normalised_loss(tape: &mut Tape<f64>, neuron: &Neuron, vars: &[Var]) -> Var {
    let norm = statistics(tape, vars[0]);
    let (parameters, recurrent) = vars[3..].split_at(neuron.specs().len());
    let norm_vars = [vars[1], vars[2]];
    let y = scan_normalised(tape, neuron, vars[0], norm_vars, norm, parameters, recurrent.first().copied());
    weighted_squares(tape, y)
}

#[test]
fn normalised_scans_match_central_differences() {
    // Samples of one chunk or block, and of more.
    for (shape, recurrent, seed) in
        [((6, 2, 3), false, 14), ((5, 70, 2), false, 15), ((6, 2, 3), true, 16), ((4, 19, 2), true, 17)]
    {
        for model in models() {
            let drawn = Case::<f64>::new(Neuron::new(model), shape, recurrent, seed);
            let mut inputs = drawn.inputs();
            inputs.splice(1..1, gain_and_bias(shape.2));
            let neuron = soft(model, Surrogate::Logistic { slope: 3.0 });
            let agreement = check::coordinates(|t, x| normalised_loss(t, &neuron, x), &inputs, TOLERANCE);
            agreement.unwrap_or_else(|e| panic!("{model:?} {shape:?} recurrent {recurrent}: {e}"));
        }
    }
}
