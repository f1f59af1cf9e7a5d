//! Currents and weights that are no ordinary numbers: a scan and repeated steps agree to the bit on them as well. Of NaN it is
//! asked that both have one: its bit pattern is up to the compiler.

use colearn_layers::{GatedStep, NeuronModel, infer_gated};
use colearn_neurons::Firing;
use colearn_tape::{Pool, Real};
use ndarray::{Array2, Array3, s};

use crate::common::{configured, odd, same, strew};
use crate::gated::every_unit;
use crate::recurrence::{Layer, forms};

const STEPS: usize = 12;
const BATCH: usize = 18;
const UNITS: usize = 11;

fn compare<F: Real>(layer: &Layer<F>, what: &str) {
    let (scanned, stepped) = (layer.infer(), layer.streamed());
    for ((place, &expected), &found) in scanned.indexed_iter().zip(&stepped) {
        assert!(same(found, expected), "{}, {what}, {place:?}: {found:?}, {expected:?}", layer.name());
    }
}

fn check<F: Real>() {
    let odd = odd::<F>();
    for (&model, firing) in
        NeuronModel::ALL.iter().flat_map(|model| [(model, Firing::Spike), (model, Firing::Soft)])
    {
        let neuron = configured(model, |config| config.firing = firing);
        for form in forms() {
            for share in [1, 8] {
                let mut layer = Layer::<F>::new(neuron.clone(), (STEPS, BATCH, UNITS), form, 3);
                strew(layer.case.current.as_slice_mut().expect("made in standard order"), &odd, share);
                compare(&layer, "odd currents");
                strew(layer.case.current.as_slice_mut().expect("made in standard order"), &odd[..1], 15);
                compare(&layer, "negative zeros");
                strew(layer.weight.as_slice_mut().expect("made in standard order"), &odd, share);
                compare(&layer, "odd weights");
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
