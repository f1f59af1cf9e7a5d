//! Currents that are no ordinary numbers: a scan and repeated steps agree to the bit on them as well. Of NaN it is asked that
//! both have one: its bit pattern is up to the compiler.

use colearn_neurons::{Firing, NeuronModel, NeuronState, StepParameters, forward, infer, step};
use colearn_tape::{Pool, Real};
use ndarray::s;

use crate::common::{Case, configured, odd, same, strew};

const STEPS: usize = 12;
const BATCH: usize = 18;
const UNITS: usize = 11;

/// Outputs of all steps, and the states of the last sample after the last one.
fn compare<F: Real>(case: &Case<F>, what: &str) {
    let scanned = infer(&case.neuron, &case.current, &case.views(), &mut Pool::default());
    let trace = forward(&case.neuron, &case.current, &case.views(), &mut Pool::default());
    let parameters = StepParameters::new(&case.neuron, &case.views());
    let mut state = NeuronState::new(&parameters);
    let mut out = vec![F::zero(); UNITS];
    for b in 0..BATCH {
        state.reset();
        for t in 0..STEPS {
            step(&parameters, &mut state, &case.current.slice(s![t, b, ..]).to_vec(), &mut out);
            for (n, &found) in out.iter().enumerate() {
                let expected = scanned[(t, b, n)];
                assert!(
                    same(found, expected),
                    "{what}: step {t}, sample {b}, unit {n}: {found:?}, {expected:?}"
                );
            }
        }
    }
    // A spike of this model acts on the state at once, of the others on the next step.
    for k in (0..case.neuron.model().states()).filter(|_| case.neuron.model() != NeuronModel::SeAdlif) {
        let expected = trace.state(k);
        for (n, &found) in state.variable(k).iter().enumerate() {
            let expected = expected[(STEPS - 1, BATCH - 1, n)];
            assert!(same(found, expected), "{what}: variable {k} of unit {n}: {found:?}, {expected:?}");
        }
    }
}

fn check<F: Real>() {
    let odd = odd::<F>();
    for (&model, firing) in
        NeuronModel::ALL.iter().flat_map(|model| [(model, Firing::Spike), (model, Firing::Soft)])
    {
        let neuron = configured(model, |config| config.firing = firing);
        let what = |of: &str| format!("{model:?}, {firing:?}, {of}");
        for share in [1, 8] {
            let mut case = Case::<F>::new(neuron.clone(), (STEPS, BATCH, UNITS), 3);
            strew(case.current.as_slice_mut().expect("made in standard order"), &odd, share);
            compare(&case, &what("odd currents"));
            strew(case.current.as_slice_mut().expect("made in standard order"), &odd[..1], 15);
            compare(&case, &what("negative zeros"));
        }
    }
}

#[test]
fn the_scan_equals_repeated_steps_on_odd_numbers() {
    check::<f32>();
    check::<f64>();
}
