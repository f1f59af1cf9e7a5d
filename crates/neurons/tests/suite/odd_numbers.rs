//! Currents that are no ordinary numbers: a scan and repeated steps agree to the bit on them as well. Of NaN it is asked that
//! both have one: its bit pattern is up to the compiler.

use colearn_neurons::{
    Firing, GatedStep, NeuronModel, NeuronState, StepParameters, forward, infer, infer_gated, step,
};
use colearn_tape::{Pool, Real};
use ndarray::{Array2, Array3, s};

use crate::common::{Case, configured};
use crate::gated::every_unit;

const STEPS: usize = 12;
const BATCH: usize = 18;
const UNITS: usize = 11;

/// Zeros of both signs, NaN, infinities, the smallest and the largest numbers.
fn odd<F: Real>() -> Vec<F> {
    let smallest = F::of(if size_of::<F>() == 4 { 1e-45 } else { 5e-324 });
    vec![
        -F::zero(),
        F::zero(),
        F::nan(),
        F::infinity(),
        F::neg_infinity(),
        smallest,
        -smallest,
        F::max_value(),
        F::min_value(),
    ]
}

/// Puts an odd number in place of each number with the chance `share` of 16; from a generator that is good enough.
fn strew<F: Real>(numbers: &mut [F], odd: &[F], share: u32) {
    let mut state = 1u32;
    for x in numbers {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, _, place, chance] = state.to_le_bytes();
        if u32::from(chance) / 16 < share {
            *x = odd[usize::from(place) % odd.len()];
        }
    }
}

fn same<F: Real>(x: F, y: F) -> bool {
    x.as_f64().to_bits() == y.as_f64().to_bits() || (x.is_nan() && y.is_nan())
}

/// Outputs of all steps, and the states of the last sample after the last one.
fn compare<F: Real>(case: &Case<F>, what: &str) {
    let v = case.recurrent.as_deref();
    let scanned = infer(&case.neuron, &case.current, &case.views(), v, &mut Pool::default());
    let trace = forward(&case.neuron, &case.current, &case.views(), v, &mut Pool::default());
    let parameters = StepParameters::new(&case.neuron, &case.views(), v);
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
        for recurrent in [false, true] {
            let what = |of: &str| format!("{model:?}, {firing:?}, recurrent {recurrent}, {of}");
            for share in [1, 8] {
                let mut case = Case::<F>::new(neuron.clone(), (STEPS, BATCH, UNITS), recurrent, 3);
                strew(case.current.as_slice_mut().expect("made in standard order"), &odd, share);
                compare(&case, &what("odd currents"));
                strew(case.current.as_slice_mut().expect("made in standard order"), &odd[..1], 15);
                compare(&case, &what("negative zeros"));
                if let Some(v) = &mut case.recurrent {
                    strew(v.as_slice_mut().expect("made in standard order"), &odd, share);
                    compare(&case, &what("odd weights"));
                }
            }
        }
    }
}

#[test]
fn the_scan_equals_repeated_steps_on_odd_numbers() {
    check::<f32>();
    check::<f64>();
}

#[test]
fn gated_scans_equal_repeated_steps_on_odd_numbers() {
    let odd = odd::<f32>();
    for unit in every_unit() {
        let rows = unit.model.gates() * UNITS;
        let mut current =
            Array3::from_shape_fn((STEPS, BATCH, rows), |(t, b, n)| ((t + 3 * b + 5 * n) % 7) as f32 - 3.0);
        strew(current.as_slice_mut().unwrap(), &odd, 3);
        let recurrent = Array2::from_shape_fn((UNITS, rows), |(i, j)| ((i + 2 * j) % 5) as f32 * 0.3 - 0.6);
        let scanned = infer_gated(unit, &current, &recurrent, &mut Pool::default());
        let mut stepped = GatedStep::new(unit, &recurrent);
        for b in 0..BATCH {
            stepped.reset();
            for t in 0..STEPS {
                for (n, &found) in stepped.step(&current.slice(s![t, b, ..]).to_vec()).iter().enumerate() {
                    let expected = scanned[(t, b, n)];
                    assert!(
                        same(found, expected),
                        "{unit:?}: step {t}, sample {b}, unit {n}: {found:?}, {expected:?}"
                    );
                }
            }
        }
    }
}
