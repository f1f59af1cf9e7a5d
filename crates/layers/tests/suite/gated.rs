//! Gated layers: against elementary operations, against finite differences, and their laws.

use crate::common::{
    COMMITTED, Golden, assert_close, elementary_normalisation, gain_and_bias, statistics, weighted_squares,
};
use colearn_layers::{
    Activation, GatedModel, GatedStep, GatedUnit, infer_gated, scan_gated, scan_gated_normalised,
};
use colearn_tape::check::{self, Tolerance};
use colearn_tape::{Pool, Real, Tape, Var};
use ndarray::{Array2, Array3, ArrayD, Axis, concatenate, s};
use ndarray_rand::RandomExt;
use ndarray_rand::rand::SeedableRng;
use ndarray_rand::rand_distr::StandardNormal;
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// Every model with every activation.
pub(crate) fn every_unit() -> Vec<GatedUnit> {
    let activations = [Activation::Tanh, Activation::Relu, Activation::Sigmoid];
    GatedModel::ALL
        .iter()
        .flat_map(|&model| activations.map(|activation| GatedUnit { model, activation }))
        .collect()
}

/// Currents (T, B, G·N) and recurrent weights (N, G·N).
fn case<F: Real>(
    unit: GatedUnit,
    (steps, batch, units): (usize, usize, usize),
    seed: u64,
) -> (Array3<F>, Array2<F>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let rows = unit.model.gates() * units;
    let draw = |scale: f64| move |x: f64| F::of(scale * x);
    let current = Array3::random_using((steps, batch, rows), StandardNormal, &mut rng).mapv(draw(1.0));
    let scale = 0.8 / (units as f64).sqrt();
    let recurrent = Array2::random_using((units, rows), StandardNormal, &mut rng).mapv(draw(scale));
    (current, recurrent)
}

/// The equations of the module's head, step by step, in elementary operations.
fn elementary(tape: &mut Tape<f64>, unit: GatedUnit, current: Var, recurrent: Var) -> Var {
    let (steps, batch) = (tape.value(current).shape()[0], tape.value(current).shape()[1]);
    let units = tape.value(recurrent).shape()[0];
    let part = |tape: &mut Tape<f64>, x: Var, gate: usize| tape.slice(x, 1, gate * units, units);
    let activate = |tape: &mut Tape<f64>, x: Var| match unit.activation {
        Activation::Tanh => tape.tanh(x),
        Activation::Relu => tape.pointwise(x, |x| x.max(0.0), |x| f64::from(u8::from(x > 0.0))),
        Activation::Sigmoid => tape.sigmoid(x),
    };
    let mut h = tape.constant(Array2::zeros((batch, units)));
    let mut outputs = Vec::new();
    for t in 0..steps {
        let now = tape.slice(current, 0, t, 1);
        let now = tape.reshape(now, &[batch, unit.model.gates() * units]);
        let sum = |tape: &mut Tape<f64>, gate: usize, x: Var| {
            let (input, v) = (part(tape, now, gate), part(tape, recurrent, gate));
            let product = tape.matrix_product(x, v);
            tape.add(input, product)
        };
        let gate = |tape: &mut Tape<f64>, gate: usize, h: Var| {
            let sum = sum(tape, gate, h);
            tape.sigmoid(sum)
        };
        let kept = if unit.model == GatedModel::Gru {
            let r = gate(tape, 2, h);
            tape.multiply(r, h)
        } else {
            h
        };
        let c = sum(tape, 0, kept);
        let c = activate(tape, c);
        h = if unit.model == GatedModel::Rnn {
            c
        } else {
            let z = gate(tape, 1, h);
            let difference = tape.subtract(h, c);
            let step = tape.multiply(z, difference);
            tape.add(c, step)
        };
        outputs.push(tape.reshape(h, &[1, batch, units]));
    }
    tape.concatenate(&outputs, 0)
}

#[test]
fn fused_equals_elementary_operations() {
    for unit in every_unit() {
        for shape in [(1, 1, 1), (1, 3, 2), (2, 5, 3), (9, 1, 5), (7, 37, 6)] {
            let (current, recurrent) = case::<f64>(unit, shape, 3);
            let run = |fused: bool| {
                let mut tape = Tape::new();
                let leaves = [tape.leaf(&current), tape.leaf(&recurrent)];
                let y = if fused {
                    scan_gated(&mut tape, unit, leaves[0], leaves[1])
                } else {
                    elementary(&mut tape, unit, leaves[0], leaves[1])
                };
                let loss = weighted_squares(&mut tape, y);
                tape.backward(loss);
                (tape.value(y).clone(), leaves.map(|v| tape.gradient(v).unwrap().clone()))
            };
            let ((fused, of_fused), (expected, of_expected)) = (run(true), run(false));
            let name = format!("{unit:?} {shape:?}");
            assert_close(&name, &fused, &expected, 1e-12);
            for (fused, expected) in of_fused.iter().zip(&of_expected) {
                assert_close(&name, fused, expected, 1e-10);
            }
        }
    }
}

/// Inputs of a normalised layer: x, V, gain and bias.
fn normalised_inputs(unit: GatedUnit, shape: (usize, usize, usize), seed: u64) -> Vec<ArrayD<f64>> {
    let (input, recurrent) = case::<f64>(unit, shape, seed);
    let mut inputs = vec![input.into_dyn(), recurrent.into_dyn()];
    inputs.extend(gain_and_bias(unit.model.gates() * shape.2));
    inputs
}

/// A loss of a layer over normalised input, whose statistics depend on it.
fn normalised_loss(tape: &mut Tape<f64>, unit: GatedUnit, x: &[Var]) -> Var {
    let norm = statistics(tape, x[0]);
    let y = scan_gated_normalised(tape, unit, x[0], [x[2], x[3]], norm, x[1]);
    weighted_squares(tape, y)
}

/// Normalisation and scan as one operation against a normalisation in elementary operations and a scan.
#[test]
fn a_normalised_layer_equals_normalisation_and_layer() {
    for unit in every_unit() {
        for shape in [(1, 2, 1), (9, 3, 5), (7, 37, 6)] {
            let inputs = normalised_inputs(unit, shape, 17);
            let run = |fused: bool| {
                let mut tape = Tape::new();
                let x: Vec<Var> = inputs.iter().map(|x| tape.leaf(x)).collect();
                let loss = if fused {
                    normalised_loss(&mut tape, unit, &x)
                } else {
                    let current = elementary_normalisation(&mut tape, x[0], [x[2], x[3]]);
                    let y = scan_gated(&mut tape, unit, current, x[1]);
                    weighted_squares(&mut tape, y)
                };
                tape.backward(loss);
                let gradients = x.iter().map(|&v| tape.gradient(v).unwrap().clone());
                std::iter::once(tape.value(loss).clone()).chain(gradients).collect::<Vec<_>>()
            };
            for (k, (fused, expected)) in run(true).iter().zip(&run(false)).enumerate() {
                assert_close(&format!("{unit:?} {shape:?}: {k}"), fused, expected, 1e-10);
            }
        }
    }
}

#[test]
fn gradients_of_a_normalised_layer_match_finite_differences() {
    for unit in every_unit() {
        let inputs = normalised_inputs(unit, (6, 3, 4), 19);
        let tolerance = Tolerance { step: 1e-6, relative: 1e-5, absolute: 1e-7 };
        check::coordinates(|tape, x| normalised_loss(tape, unit, x), &inputs, tolerance)
            .unwrap_or_else(|e| panic!("{unit:?}: {e}"));
    }
}

/// Values and gradients against those of an independent script, `datasets/golden/make_gated.py`.
#[test]
fn golden_values() {
    for model in GatedModel::ALL {
        let mut golden = Golden::read(&Path::new(COMMITTED).join(model.name()));
        let gates = ["c", "z", "r"];
        let mut joined = |prefix: &str, axis: usize| {
            let parts: Vec<_> =
                gates[..model.gates()].iter().map(|gate| golden.get(&format!("{prefix}_{gate}"))).collect();
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            concatenate(Axis(axis), &views).unwrap()
        };
        let [current, g_current] = ["I", "g_I"].map(|prefix| joined(prefix, 2));
        let [recurrent, g_recurrent] = ["V", "g_V"].map(|prefix| joined(prefix, 1));
        let mut tape = Tape::new();
        let leaves = [tape.leaf(&current), tape.leaf(&recurrent)];
        let h = scan_gated(&mut tape, GatedUnit::new(model), leaves[0], leaves[1]);
        assert_close(model.name(), tape.value(h), &golden.get("h"), 1e-13);
        let weights = tape.constant(golden.get("G"));
        let product = tape.multiply(h, weights);
        let loss = tape.sum(product);
        tape.backward(loss);
        for (leaf, expected) in leaves.into_iter().zip([g_current, g_recurrent]) {
            assert_close(model.name(), tape.gradient(leaf).unwrap(), &expected, 1e-12);
        }
    }
}

#[test]
fn gradients_match_finite_differences() {
    for unit in every_unit() {
        let f = |tape: &mut Tape<f64>, x: &[Var]| {
            let y = scan_gated(tape, unit, x[0], x[1]);
            weighted_squares(tape, y)
        };
        let inputs = |shape| {
            let (current, recurrent) = case::<f64>(unit, shape, 5);
            [current.into_dyn(), recurrent.into_dyn()]
        };
        let tolerance = Tolerance { step: 1e-6, relative: 1e-5, absolute: 1e-7 };
        check::coordinates(f, &inputs((6, 3, 4)), tolerance).unwrap_or_else(|e| panic!("{unit:?}: {e}"));
        let tolerance = Tolerance { step: 1e-7, relative: 1e-4, absolute: 1e-4 };
        check::inner_product(f, &inputs((15, 18, 5)), 3, 7, tolerance)
            .unwrap_or_else(|e| panic!("{unit:?}: {e}"));
    }
}

#[test]
fn inference_and_single_steps_equal_the_scan_to_the_bit() {
    for unit in every_unit() {
        let (current, recurrent) = case::<f32>(unit, (12, 19, 7), 9);
        let mut tape = Tape::new();
        let leaves = [tape.leaf(&current), tape.leaf(&recurrent)];
        let recorded = scan_gated(&mut tape, unit, leaves[0], leaves[1]);
        let inferred = infer_gated(unit, &current, &recurrent, &mut Pool::default());
        assert_eq!(tape.value(recorded), &inferred.clone().into_dyn(), "{unit:?}");
        let mut step = GatedStep::new(unit, &recurrent);
        for b in 0..19 {
            step.reset();
            for t in 0..12 {
                let output = step.step(&current.slice(s![t, b, ..]).to_vec());
                assert_eq!(output, inferred.slice(s![t, b, ..]).to_vec(), "{unit:?} sample {b} step {t}");
            }
        }
    }
}

#[test]
fn an_output_depends_on_its_own_sample_and_its_past_alone() {
    for unit in every_unit() {
        let (current, recurrent) = case::<f64>(unit, (10, 21, 5), 11);
        let output = |current: &Array3<f64>| infer_gated(unit, current, &recurrent, &mut Pool::default());
        let before = output(&current);
        let mut changed = current.clone();
        changed.slice_mut(s![6, 17, ..]).mapv_inplace(|x| x + 0.7);
        let after = output(&changed);
        let moved = |t: usize, b: usize| before.slice(s![t, b, ..]) != after.slice(s![t, b, ..]);
        for t in 0..10 {
            for b in 0..21 {
                let may = t >= 6 && b == 17;
                // A unit of max(0, x) may forget: only that it moves at once is certain.
                assert!(may || !moved(t, b), "{unit:?} step {t} sample {b}");
                assert!(!may || t > 6 || moved(t, b), "{unit:?} step {t} sample {b}");
            }
        }
        let alone = output(&current.slice(s![.., 17..18, ..]).to_owned());
        assert_eq!(alone.index_axis(Axis(1), 0), before.index_axis(Axis(1), 17), "{unit:?}");
    }
}

/// Gates that are driven hard to one side leave the simpler model.
#[test]
fn a_gate_that_is_open_or_shut_leaves_the_simpler_model() {
    let wide = GatedUnit::new(GatedModel::Gru);
    let (mut current, mut recurrent) = case::<f64>(wide, (14, 5, 6), 13);
    // z = 0 and r = 1: the new state is the candidate of a plain network.
    recurrent.slice_mut(s![.., 6..]).fill(0.0);
    current.slice_mut(s![.., .., 6..12]).fill(-800.0);
    current.slice_mut(s![.., .., 12..]).fill(800.0);
    let narrow = |model, activation| {
        let rows = GatedModel::gates(model) * 6;
        let (current, recurrent) = (current.slice(s![.., .., ..rows]), recurrent.slice(s![.., ..rows]));
        infer_gated(GatedUnit { model, activation }, &current, &recurrent, &mut Pool::default())
    };
    for activation in [Activation::Tanh, Activation::Relu, Activation::Sigmoid] {
        let plain = narrow(GatedModel::Rnn, activation);
        assert_close("light gated", &narrow(GatedModel::Ligru, activation), &plain, 1e-14);
        assert_close("gated", &narrow(GatedModel::Gru, activation), &plain, 1e-14);
    }
    // z = 1: the state never leaves zero.
    current.slice_mut(s![.., .., 6..12]).fill(800.0);
    for model in [GatedModel::Ligru, GatedModel::Gru] {
        let rows = model.gates() * 6;
        let (current, recurrent) = (current.slice(s![.., .., ..rows]), recurrent.slice(s![.., ..rows]));
        let held = infer_gated(GatedUnit::new(model), &current, &recurrent, &mut Pool::default());
        assert!(held.iter().all(|h| *h == 0.0), "{model:?}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for model in GatedModel::ALL {
        let unit = GatedUnit::new(model);
        let (current, recurrent) = case::<f32>(unit, (20, 70, 33), 15);
        let run = |threads: usize| -> Vec<ArrayD<f32>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut tape = Tape::new();
                let leaves = [tape.leaf(&current), tape.leaf(&recurrent)];
                let y = scan_gated(&mut tape, unit, leaves[0], leaves[1]);
                let square = tape.square(y);
                let loss = tape.sum(square);
                tape.backward(loss);
                let gradients = leaves.map(|v| tape.gradient(v).unwrap().clone());
                std::iter::once(tape.value(y).clone()).chain(gradients).collect()
            })
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert_eq!(one, run(threads), "{model:?} with {threads} threads");
        }
    }
}

#[test]
fn an_empty_sequence_has_an_empty_output_and_no_gradient_of_the_weights() {
    for unit in every_unit() {
        for shape in [(0, 4, 3), (5, 0, 3)] {
            let (current, recurrent) = case::<f64>(unit, shape, 1);
            let mut tape = Tape::new();
            let leaves = [tape.leaf(&current), tape.leaf(&recurrent)];
            let y = scan_gated(&mut tape, unit, leaves[0], leaves[1]);
            assert_eq!(tape.value(y).shape(), [shape.0, shape.1, 3]);
            let loss = tape.sum(y);
            tape.backward(loss);
            assert!(tape.gradient(leaves[1]).is_none_or(|g| g.iter().all(|&g| g == 0.0)));
        }
    }
}
