//! Recurrent scans against elementary operations, against each other, and step by step.

use crate::common::{
    assert_close, clamping, configured, differentiate, elementary_normalisation, gain_and_bias, soft,
    statistics, weighted_squares,
};
use crate::recurrence::{Layer, every_layer, forms, in_elementary_operations};
use colearn_layers::{LayerStep, forward, infer, scan, scan_normalised};
use colearn_neurons::{Firing, Neuron, NeuronModel, Surrogate};
use colearn_synapses::Synapse;
use colearn_tape::{Pool, Real, Tape, Var};
use ndarray::{Array2, s};

#[test]
fn fused_equals_elementary_in_value_and_every_gradient() {
    for &model in NeuronModel::ALL {
        let smooth = configured(model, |c| {
            c.firing = Firing::Soft;
            c.surrogate = Surrogate::Logistic { slope: 4.0 };
            c.threshold = 0.7;
        });
        // Steps around the ends of the segments of ten that a scan computes again.
        for (neuron, seed, steps) in [(Neuron::new(model), 1, 23), (smooth, 2, 20), (clamping(model), 3, 31)]
        {
            for form in forms() {
                let drawn = Layer::<f64>::new(Neuron::new(model), (steps, 19, 5), form, seed);
                let layer =
                    Layer { case: crate::common::Case { neuron: neuron.clone(), ..drawn.case }, ..drawn };
                let inputs = layer.inputs();
                let (fused, of_fused) = differentiate(&inputs, |tape, x| layer.record(tape, x));
                let (plain, of_plain) =
                    differentiate(&inputs, |tape, x| in_elementary_operations(&layer, tape, x));
                let name = format!("{}, variant {seed}", layer.name());
                assert_close(&name, &fused, &plain, 1e-9);
                for (k, (x, y)) in of_fused.iter().zip(&of_plain).enumerate() {
                    assert_close(&format!("{name}, gradient {k}"), x, y, 1e-9);
                    let learns = k <= layer.before_matrices()
                        || layer.delay.as_ref().is_some_and(|(_, form)| form.rounded() != *form);
                    let silent = y.iter().all(|&g| g == 0.0);
                    assert_eq!(silent, !learns, "{name}, gradient {k} says little");
                }
            }
        }
    }
}

/// The shortest sequences whose recurrent weights have a gradient.
#[test]
fn two_steps_differentiate_the_recurrent_weights() {
    for &model in NeuronModel::ALL {
        for form in forms() {
            let soft = soft(model, Surrogate::Logistic { slope: 4.0 });
            let layer = Layer::<f64>::new(soft, (2, 19, 5), form, 4);
            let inputs = layer.inputs();
            let (_, fused) = differentiate(&inputs, |tape, x| layer.record(tape, x));
            let (_, plain) = differentiate(&inputs, |tape, x| in_elementary_operations(&layer, tape, x));
            let weights = layer.before_matrices();
            assert!(plain[weights].iter().any(|&g| g != 0.0));
            for (fused, plain) in fused[weights..].iter().zip(&plain[weights..]) {
                assert_close(&layer.name(), fused, plain, 1e-9);
            }
        }
    }
}

/// Normalisation and scan as one operation against a normalisation in elementary operations and a scan.
#[test]
fn a_normalised_scan_equals_normalisation_and_scan() {
    for &model in NeuronModel::ALL {
        for (form, shape) in forms().into_iter().zip([(9, 37, 3), (4, 1, 2)].into_iter().cycle()) {
            let soft = soft(model, Surrogate::Logistic { slope: 4.0 });
            let layer = Layer::<f64>::new(soft, shape, form, 8);
            let run = |fused: bool| {
                let mut tape = Tape::new();
                let mut leaves: Vec<Var> = layer.inputs().iter().map(|x| tape.leaf(x)).collect();
                let norm = gain_and_bias(shape.2).map(|x| tape.leaf(&x));
                let (neuron, parameters) = (&layer.case.neuron, &leaves[1..layer.before_matrices()]);
                let recurrent = Some(layer.on_tape(&leaves));
                let y = if fused {
                    let of_batch = statistics(&tape, leaves[0]);
                    scan_normalised(&mut tape, neuron, leaves[0], norm, of_batch, parameters, recurrent)
                } else {
                    let current = elementary_normalisation(&mut tape, leaves[0], norm);
                    scan(&mut tape, neuron, current, parameters, recurrent)
                };
                let loss = weighted_squares(&mut tape, y);
                tape.backward(loss);
                leaves.extend(norm);
                let gradients = leaves.iter().filter_map(|&v| tape.gradient(v).cloned());
                std::iter::once(tape.value(y).clone()).chain(gradients).collect::<Vec<_>>()
            };
            let (fused, expected) = (run(true), run(false));
            assert_eq!(fused.len(), expected.len());
            for (k, (fused, expected)) in fused.iter().zip(&expected).enumerate() {
                assert_close(&format!("{} {shape:?}: {k}", layer.name()), fused, expected, 1e-11);
            }
        }
    }
}

fn check_streaming<F: Real>() {
    for model in NeuronModel::ALL {
        for form in forms() {
            let layer = Layer::<F>::new(clamping(*model), (30, 18, 11), form, 6);
            assert_eq!(layer.infer(), layer.streamed(), "{}", layer.name());
        }
    }
}

#[test]
fn the_scan_equals_repeated_steps_to_the_bit() {
    check_streaming::<f64>();
    check_streaming::<f32>();
}

/// Without recurrence too: then they are the functions of neurons alone.
#[test]
fn tape_trace_and_inference_agree_to_the_bit() {
    for layer in every_layer::<f32>((25, 20, 7), 7) {
        for recurrent in [None, Some(layer.recurrent())] {
            let (case, mut pool) = (&layer.case, Pool::default());
            let trace = forward(&case.neuron, &case.current, &case.views(), recurrent, &mut pool);
            let inferred = infer(&case.neuron, &case.current, &case.views(), recurrent, &mut pool);
            let mut tape = Tape::new();
            let vars: Vec<Var> = layer.inputs().iter().map(|x| tape.leaf(x)).collect();
            let of_tape = recurrent.map(|_| layer.on_tape(&vars));
            let parameters = &vars[1..layer.before_matrices()];
            let taped = scan(&mut tape, &case.neuron, vars[0], parameters, of_tape);
            assert_eq!(trace.output, inferred, "{}", layer.name());
            assert_eq!(tape.value(taped), &inferred.clone().into_dyn(), "{}", layer.name());
            let mut step = LayerStep::new(&case.neuron, &case.views(), recurrent);
            for t in 0..25 {
                let output = step.step(&case.current.slice(s![t, 0, ..]).to_vec()).to_vec();
                assert_eq!(output, inferred.slice(s![t, 0, ..]).to_vec(), "{}", layer.name());
            }
            // What a neuron holds after its last step: the state before the spike, where a spike acts on the next one alone.
            for k in (0..case.neuron.model().states()).filter(|_| !case.neuron.model().settles()) {
                assert_eq!(step.state().variable(k), trace.state(k).slice(s![24, 0, ..]).to_vec());
            }
        }
    }
}

/// But for κ's factor 1/(1 + 10⁻⁷), which the weights make good here.
#[test]
fn delays_of_zero_are_recurrence_without_delays() {
    for layer in every_layer::<f64>((40, 18, 7), 12).into_iter().filter(|layer| layer.delay.is_some()) {
        let Layer { case, weight, delay } = &layer;
        let form = delay.as_ref().unwrap().1;
        // Gaussians are never one tap, and triangles only without spread.
        let form = colearn_synapses::Delayed { spread: 0.0, ..form };
        if form.interpolation == colearn_synapses::Interpolation::Gaussian {
            continue;
        }
        let (zero, scaled) = (Array2::zeros(weight.raw_dim()), weight * (1.0 + 1e-7));
        let run = |recurrent: Synapse<f64, &ndarray::ArrayRef2<f64>>| {
            let pool = &mut Pool::default();
            forward(&case.neuron, &case.current, &case.views(), Some(recurrent), pool)
        };
        let with = run(Synapse::new(&*scaled, Some((&*zero, form))));
        let without = run(Synapse::new(&**weight, None));
        assert_close(&layer.name(), &with.output, &without.output, 1e-12);
        assert_close(&layer.name(), &with.states, &without.states, 1e-12);
    }
}

/// Weights that cancel, so that the order in which they are added decides whether the last unit spikes.
#[test]
fn the_scan_and_the_step_add_in_one_order() {
    for form in forms() {
        let mut layer = Layer::<f32>::new(Neuron::new(NeuronModel::Lif), (12, 70, 9), form, 7);
        layer.case.current.fill(0.0);
        layer.case.current.slice_mut(s![0, .., ..8]).fill(1e4);
        if let Some((delay, _)) = &mut layer.delay {
            delay.fill(1.0);
        }
        let orders = [[3, 4, 5], [2, 3, 4], [5, 3, 4], [3, 5, 4], [0, 1, 7], [4, 7, 2]];
        for [up, down, small] in orders {
            layer.weight.fill(0.0);
            let large = 2.0f32.powi(35);
            for (unit, weight) in [(up, large), (down, -large), (small, 1024.0)] {
                layer.weight[(unit, 8)] = weight;
            }
            for threads in [1, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let scanned = pool.install(|| layer.infer());
                assert_eq!(scanned, layer.streamed(), "{} {up} {down} {small}, {threads}", layer.name());
            }
        }
    }
}
