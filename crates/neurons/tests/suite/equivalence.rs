//! The fused scan against the same equations written in other ways: with elementary operations of the tape, as a
//! naive loop over single numbers, and step by step.

use crate::common::{
    Case, assert_close, clamping, configured, differentiate, elementary, elementary_normalisation,
    every_neuron, gain_and_bias, output, soft, statistics, weighted_squares,
};
use colearn_neurons::{
    BlockScan, Firing, Neuron, NeuronModel, NeuronState, StepParameters, Surrogate, forward, infer,
    infer_scaled, scan, scan_normalised, step,
};
use colearn_tape::{LANES, Lanes, Pool, Real, Tape, Var};
use ndarray::Array3;

/// Normalisation and scan as one operation against a normalisation in elementary operations and a scan.
#[test]
fn a_normalised_scan_equals_normalisation_and_scan() {
    for neuron in every_neuron() {
        let soft = soft(neuron.model(), Surrogate::Logistic { slope: 4.0 });
        for shape in [(9, 37, 3), (4, 1, 2)] {
            let case = Case::<f64>::new(soft.clone(), shape, 8);
            let run = |fused: bool| {
                let mut tape = Tape::new();
                let mut leaves: Vec<Var> = case.inputs().iter().map(|x| tape.leaf(x)).collect();
                let norm = gain_and_bias(shape.2).map(|x| tape.leaf(&x));
                let parameters = &leaves[1..];
                let y = if fused {
                    let of_batch = statistics(&tape, leaves[0]);
                    scan_normalised(&mut tape, &soft, leaves[0], norm, of_batch, parameters)
                } else {
                    let current = elementary_normalisation(&mut tape, leaves[0], norm);
                    scan(&mut tape, &soft, current, parameters)
                };
                let loss = weighted_squares(&mut tape, y);
                tape.backward(loss);
                leaves.extend(norm);
                let gradients = leaves.iter().map(|&v| tape.gradient(v).unwrap().clone());
                std::iter::once(tape.value(y).clone()).chain(gradients).collect::<Vec<_>>()
            };
            for (k, (fused, expected)) in run(true).iter().zip(&run(false)).enumerate() {
                let name = format!("{:?} {shape:?}: {k}", soft.model());
                assert!(expected.iter().any(|&x| x != 0.0), "{name}: nothing to compare");
                assert_close(&name, fused, expected, 1e-11);
            }
        }
    }
}

#[test]
fn fused_equals_elementary_in_value_and_every_gradient() {
    for neuron in every_neuron() {
        let smooth = configured(neuron.model(), |c| {
            c.firing = Firing::Soft;
            c.surrogate = Surrogate::Logistic { slope: 4.0 };
            c.threshold = 0.7;
        });
        let variants = [(neuron.clone(), 1, 23), (smooth, 2, 20), (clamping(neuron.model()), 3, 31)];
        for (neuron, seed, steps) in variants {
            let drawn = Case::<f64>::new(Neuron::new(neuron.model()), (steps, 19, 5), seed);
            let case = Case { neuron, ..drawn };
            let (fused, fused_gradients) =
                differentiate(&case.inputs(), |tape, x| scan(tape, &case.neuron, x[0], &x[1..]));
            let (plain, plain_gradients) = differentiate(&case.inputs(), |tape, x| {
                elementary(tape, &case.neuron, x[0], &x[1..], |_, current, _| current)
            });
            let name = format!("{:?}, variant {seed}", case.neuron.model());
            assert_close(&name, &fused, &plain, 1e-10);
            for (k, (x, y)) in fused_gradients.iter().zip(&plain_gradients).enumerate() {
                assert_close(&format!("{name}, gradient {k}"), x, y, 1e-10);
            }
            let silent = fused_gradients.iter().any(|g| g.iter().all(|&g| g == 0.0));
            assert!(!silent, "{name}: a gradient is zero everywhere, so that the comparison says little");
        }
    }
}

/// One sample of one unit after the other, with the equations as the documentation has them: for the models that stand
/// here. Every other one is held to its elementary form.
fn naive(case: &Case<f64>) -> Option<Array3<f64>> {
    let (steps, batch, units) = case.current.dim();
    let mut out = Array3::zeros(case.current.dim());
    for b in 0..batch {
        let (mut u, mut w, mut s) = (vec![0.0; units], vec![0.0; units], vec![0.0; units]);
        for t in 0..steps {
            for j in 0..units {
                let p: Vec<f64> = case.parameters.iter().map(|p| p[j]).collect();
                let current = case.current[[t, b, j]];
                match case.neuron.model() {
                    NeuronModel::Integrator => u[j] = p[0] * u[j] + (1.0 - p[0]) * current,
                    NeuronModel::Lif => u[j] = p[0] * (u[j] - s[j]) + (1.0 - p[0]) * current,
                    NeuronModel::SeAdlif => u[j] = p[0] * u[j] + (1.0 - p[0]) * (current - w[j]),
                    NeuronModel::Adlif | NeuronModel::Cadlif => {
                        w[j] = p[1] * w[j] + p[2] * u[j] + p[3] * s[j];
                        u[j] = p[0] * (u[j] - s[j]) + (1.0 - p[0]) * (current - w[j]);
                    }
                    _ => return None,
                }
                s[j] = output(&case.neuron, u[j]);
                if case.neuron.model() == NeuronModel::SeAdlif {
                    u[j] *= 1.0 - s[j];
                    w[j] = p[1] * w[j] + (1.0 - p[1]) * 120.0 * (p[2] * u[j] + p[3] * s[j]);
                }
                out[[t, b, j]] = s[j];
            }
        }
    }
    Some(out)
}

/// The output of the model's elementary form.
fn elementary_output(case: &Case<f64>) -> Array3<f64> {
    let mut tape = Tape::new();
    let inputs: Vec<Var> = case.inputs().iter().map(|x| tape.leaf(x)).collect();
    let y = elementary(&mut tape, &case.neuron, inputs[0], &inputs[1..], |_, current, _| current);
    tape.value(y).clone().into_dimensionality().expect("three axes")
}

#[test]
fn fused_equals_a_naive_loop_for_any_batch_size() {
    for neuron in every_neuron() {
        for batch in [1, 15, 16, 17, 33] {
            let case = Case::<f64>::new(neuron.clone(), (20, batch, 9), 5);
            let found = infer(&case.neuron, &case.current, &case.views(), &mut Pool::default());
            let name = format!("{:?} {batch}", neuron.model());
            assert_close(&name, &found, &elementary_output(&case), 1e-11);
            if let Some(expected) = naive(&case) {
                assert_close(&name, &found, &expected, 1e-11);
            }
        }
    }
}

/// Runs the case step by step.
fn streamed<F: Real>(case: &Case<F>) -> Array3<F> {
    let (steps, batch, _) = case.current.dim();
    let parameters = StepParameters::new(&case.neuron, &case.views());
    let mut out = Array3::zeros(case.current.dim());
    let mut state = NeuronState::new(&parameters);
    for b in 0..batch {
        state.reset();
        for t in 0..steps {
            let input: Vec<F> = case.current.slice(ndarray::s![t, b, ..]).to_vec();
            let mut spikes = vec![F::zero(); parameters.units()];
            step(&parameters, &mut state, &input, &mut spikes);
            out.slice_mut(ndarray::s![t, b, ..]).assign(&ndarray::ArrayView1::from(&spikes));
        }
    }
    out
}

fn check_streaming<F: Real>() {
    for neuron in every_neuron() {
        let case = Case::<F>::new(clamping(neuron.model()), (30, 18, 11), 6);
        let scanned = infer(&case.neuron, &case.current, &case.views(), &mut Pool::default());
        assert_eq!(scanned, streamed(&case), "{:?}", neuron.model());
    }
}

#[test]
fn the_scan_equals_repeated_steps_to_the_bit() {
    check_streaming::<f64>();
    check_streaming::<f32>();
}

/// What a neuron holds after its last step: the state before the spike, where a spike acts on the next step alone.
#[test]
fn the_state_after_repeated_steps_is_that_of_the_trace() {
    for neuron in every_neuron().filter(|neuron| !neuron.model().settles()) {
        let case = Case::<f64>::new(neuron, (20, 1, 5), 9);
        let trace = forward(&case.neuron, &case.current, &case.views(), &mut Pool::default());
        let parameters = StepParameters::new(&case.neuron, &case.views());
        let mut state = NeuronState::new(&parameters);
        for t in 0..20 {
            let input = case.current.slice(ndarray::s![t, 0, ..]).to_vec();
            step(&parameters, &mut state, &input, &mut [0.0; 5]);
            for k in 0..case.neuron.model().states() {
                let expected = trace.state(k).slice(ndarray::s![t, 0, ..]).to_vec();
                assert_eq!(state.variable(k), expected, "{:?} variable {k} step {t}", case.neuron.model());
            }
        }
    }
}

fn check_blocks<F: Real>() {
    let (steps, batch) = (25, 18);
    for neuron in every_neuron() {
        for units in [1, 6, 7] {
            let case = Case::<F>::new(neuron.clone(), (steps, batch, units), 8);
            let scale: Vec<F> = (0..units).map(|n| F::of(0.8 + 0.1 * n as f64)).collect();
            let shift: Vec<F> = (0..units).map(|n| F::of(0.3 - 0.05 * n as f64)).collect();
            let affine = [&scale[..], &shift[..]];
            let expected = infer_scaled(&neuron, &case.current, affine, &case.views(), &mut Pool::default());
            let block = BlockScan::new(&neuron, &case.views(), affine);
            for first in (0..batch).step_by(LANES) {
                let count = LANES.min(batch - first);
                let mut state = vec![Lanes::default(); units * block.state_rows()];
                // Windows that divide neither the sequence nor each other, and units in two parts.
                for (step, len) in [(0, 7), (7, 10), (17, 8)] {
                    for part in [0..units / 2, units / 2..units] {
                        let row = |(n, t): (usize, usize)| {
                            let samples = case.current.slice(ndarray::s![step + t, first..first + count, n]);
                            Lanes::load(&samples.to_vec(), count)
                        };
                        // One row more than is used.
                        let places = part.clone().flat_map(|n| (0..=len).map(move |t| (n, t.min(len - 1))));
                        let mut rows: Vec<Lanes<F>> = places.map(row).collect();
                        let state =
                            &mut state[part.start * block.state_rows()..part.end * block.state_rows()];
                        block.run(part.clone(), state, &mut rows, len, len + 1);
                        for (n, rows) in part.zip(rows.chunks_exact(len + 1)) {
                            for (t, row) in rows[..len].iter().enumerate() {
                                let expected =
                                    expected.slice(ndarray::s![step + t, first..first + count, n]).to_vec();
                                assert_eq!(row.0[..count], expected[..], "{:?} unit {n}", neuron.model());
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn blocks_equal_the_scan_to_the_bit() {
    check_blocks::<f64>();
    check_blocks::<f32>();
}

#[test]
fn tape_trace_and_inference_agree_to_the_bit() {
    for neuron in every_neuron() {
        let case = Case::<f32>::new(neuron, (25, 20, 7), 7);
        let mut pool = Pool::default();
        let trace = forward(&case.neuron, &case.current, &case.views(), &mut pool);
        let inferred = infer(&case.neuron, &case.current, &case.views(), &mut pool);
        let mut tape = Tape::new();
        let vars: Vec<Var> = case.inputs().iter().map(|x| tape.leaf(x)).collect();
        let taped = scan(&mut tape, &case.neuron, vars[0], &vars[1..]);
        assert_eq!(trace.output, inferred);
        assert_eq!(tape.value(taped), &inferred.into_dyn());
        let mut tape = Tape::new();
        let states: Vec<Var> =
            (0..case.neuron.model().states()).map(|k| tape.leaf(&trace.state(k))).collect();
        let parameters: Vec<Var> = case.parameters.iter().map(|p| tape.leaf(p)).collect();
        let potential = case.neuron.model().elementary_potential(&mut tape, &parameters, &states);
        let potential = tape.value(potential).clone();
        let fired = potential.mapv(|u| if f64::from(u) > 1.0 { 1.0 } else { 0.0 });
        let expected = if case.neuron.model().is_spiking() { fired } else { potential };
        assert_eq!(trace.output.into_dyn(), expected, "the states of the trace are those that fired");
    }
}
