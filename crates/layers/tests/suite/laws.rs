//! What must hold for every recurrent layer whatever the numbers.

use crate::common::{Case, assert_close};
use crate::recurrence::{Layer, every_layer};
use colearn_layers::{LayerStep, Neuron, NeuronModel, forward, infer, scan, scan_buffers};
use colearn_synapses::{Delayed, Interpolation, Synapse};
use colearn_tape::{Pool, Real, SequenceShape, Tape, Var};
use ndarray::{Array1, Array2, Array3, ArrayD, s};

/// Output, and gradients of Σ output · (a ramp).
fn run_with_gradients<F: Real>(layer: &Layer<F>) -> Vec<ArrayD<F>> {
    let mut tape = Tape::new();
    let inputs = layer.inputs();
    let vars: Vec<Var> = inputs.iter().map(|x| tape.leaf(x)).collect();
    let y = layer.record(&mut tape, &vars);
    let mut ramp = layer.case.current.clone().into_dyn();
    for (k, x) in ramp.iter_mut().enumerate() {
        *x = F::of((k % 13) as f64 - 5.5);
    }
    let ramp = tape.constant(ramp);
    let product = tape.multiply(y, ramp);
    let loss = tape.sum(product);
    tape.backward(loss);
    let gradient =
        |(&v, x): (&Var, &ArrayD<F>)| tape.gradient(v).cloned().unwrap_or_else(|| ArrayD::zeros(x.raw_dim()));
    std::iter::once(tape.value(y).clone()).chain(vars.iter().zip(&inputs).map(gradient)).collect()
}

#[test]
fn samples_do_not_see_each_other() {
    for mut layer in every_layer::<f32>((15, 21, 5), 31) {
        let all = layer.infer();
        let current = layer.case.current.clone();
        for kept in [0, 15, 16, 20] {
            layer.case.current = current.slice(s![.., kept..=kept, ..]).to_owned();
            assert_eq!(layer.infer(), all.slice(s![.., kept..=kept, ..]), "{}", layer.name());
        }
    }
}

#[test]
fn the_future_does_not_reach_the_past() {
    for mut layer in every_layer::<f32>((15, 3, 5), 32) {
        for changed in [0, 1, 7, 14] {
            let before = layer.infer();
            layer.case.current.slice_mut(s![changed.., .., ..]).mapv_inplace(|x| 3.0 - x);
            let after = layer.infer();
            assert_eq!(before.slice(s![..changed, .., ..]), after.slice(s![..changed, .., ..]));
        }
    }
}

/// A unit's spike comes where its delay says, and nowhere else.
#[test]
fn a_spike_arrives_one_step_and_its_delay_later() {
    let neuron = Neuron::new(NeuronModel::Integrator);
    let mut current = Array3::zeros((12, 1, 2));
    current[[1, 0, 0]] = 1.0;
    let (alpha, weight) = (ndarray::arr1(&[0.9f64; 2]), ndarray::arr2(&[[0.0, 2.0], [0.0, 0.0]]));
    for delay in 0..=5usize {
        let delays = Array2::from_elem((2, 2), delay as f64);
        let form = Delayed { max_delay: 5, interpolation: Interpolation::Whole, spread: 0.0 };
        let recurrent = Synapse::new(&*weight, Some((&*delays, form)));
        let out = infer(&neuron, &current, &[alpha.view()], Some(recurrent), &mut Pool::default());
        for t in 0..12 {
            assert_eq!(out[[t, 0, 1]] != 0.0, t > 1 + delay, "delay {delay}, step {t}");
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let with = |threads: usize, layer: &Layer<f32>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run_with_gradients(layer))
    };
    // Five blocks of samples: tasks of three and two, or of one.
    for layer in every_layer::<f32>((20, 70, 37), 21) {
        let one = with(1, &layer);
        for threads in [2, 3, 8] {
            assert_eq!(one, with(threads, &layer), "{} {threads}", layer.name());
        }
    }
}

#[test]
fn single_precision_is_close_to_double() {
    // From the numbers that both can hold; few steps, since a spike that flips is a jump.
    for layer in every_layer::<f32>((10, 17, 6), 22) {
        let delay = layer.delay.as_ref().map(|(delay, form)| {
            let spread = f64::from(form.spread);
            (
                delay.mapv(f64::from),
                Delayed { max_delay: form.max_delay, interpolation: form.interpolation, spread },
            )
        });
        let double = Layer { case: layer.case.to(), weight: layer.weight.mapv(f64::from), delay };
        for (k, (x, y)) in run_with_gradients(&layer).iter().zip(&run_with_gradients(&double)).enumerate() {
            assert_close(&format!("{} {k}", layer.name()), &x.mapv(f64::from), y, 2e-4);
        }
    }
}

#[test]
fn empty_sequences_are_allowed() {
    for shape in [(0, 3, 2), (4, 0, 2), (4, 3, 0)] {
        for drawn in every_layer::<f32>((2, 2, shape.2.max(1)), 24) {
            let parameters = drawn.case.parameters.iter().map(|p| p.slice(s![..shape.2]).to_owned());
            let case = Case {
                neuron: drawn.case.neuron.clone(),
                current: Array3::zeros(shape),
                parameters: parameters.collect(),
            };
            let square = |m: &Array2<f32>| m.slice(s![..shape.2, ..shape.2]).to_owned();
            let delay = drawn.delay.as_ref().map(|(delay, form)| (square(delay), *form));
            let layer = Layer { case, weight: square(&drawn.weight), delay };
            let case = &layer.case;
            let recurrent = || Some(layer.recurrent());
            let trace =
                forward(&case.neuron, &case.current, &case.views(), recurrent(), &mut Pool::default());
            assert_eq!((trace.output.dim(), layer.infer().dim()), (shape, shape), "{}", layer.name());
            for gradient in &run_with_gradients(&layer)[1 + layer.before_matrices()..] {
                assert!(gradient.iter().all(|&g| g == 0.0), "{}", layer.name());
            }
            let mut step = LayerStep::new(&case.neuron, &case.views(), recurrent());
            assert_eq!(step.step(&vec![0.0; shape.2]).len(), shape.2);
        }
    }
}

#[test]
fn the_diagonals_of_weights_and_delays_are_neither_used_nor_trained() {
    for mut layer in every_layer::<f64>((20, 5, 6), 27) {
        let with = run_with_gradients(&layer);
        layer.weight.diag_mut().fill(1e3);
        if let Some((delay, _)) = &mut layer.delay {
            delay.diag_mut().fill(2.5);
        }
        assert_eq!(with, run_with_gradients(&layer), "{}", layer.name());
        for gradient in &with[1 + layer.before_matrices()..] {
            let gradient = gradient.view().into_dimensionality::<ndarray::Ix2>().unwrap();
            assert!(gradient.diag().iter().all(|&g| g == 0.0), "{}", layer.name());
        }
    }
}

#[test]
fn a_repeated_step_allocates_nothing_more() {
    for layer in every_layer::<f32>((10, 20, 6), 28) {
        let mut tape = Tape::new();
        let mut allocated = Vec::new();
        for _ in 0..4 {
            tape.reset();
            let vars: Vec<Var> = layer.inputs().iter().map(|x| tape.leaf(x)).collect();
            let y = layer.record(&mut tape, &vars);
            let loss = tape.sum(y);
            tape.backward(loss);
            allocated.push(tape.pool().allocated_bytes());
        }
        assert_eq!(allocated[1], allocated[3], "{}", layer.name());
    }
}

/// What is predicted is at least what is taken, and not much more.
#[test]
fn buffers_are_those_of_a_step() {
    for layer in every_layer::<f32>((30, 64, 40), 33) {
        let mut tape = Tape::new();
        let vars: Vec<Var> = layer.inputs().iter().map(|x| tape.leaf(x)).collect();
        let mut of_step = || {
            let before = tape.pool().allocated_bytes();
            let y = layer.record(&mut tape, &vars);
            let loss = tape.sum(y);
            tape.backward(loss);
            tape.pool().allocated_bytes() - before
        };
        let taken = of_step();
        let shape = SequenceShape::of_array(&layer.case.current);
        let form = layer.recurrent().form();
        let buffers = scan_buffers::<f32>(layer.case.neuron.model(), shape, Some(form));
        let predicted = buffers.kept.and(buffers.forward.or(buffers.backward)).bytes::<f32>();
        // Beside: input and output, here also as arrays, their gradients, parameters with theirs.
        let beside = 8 * shape.len() * size_of::<f32>() + 6 * layer.weight.len() * size_of::<f32>() + 4096;
        assert!(taken <= predicted + beside, "{}: {taken} of {predicted} + {beside}", layer.name());
        assert!(predicted <= taken, "{}: {predicted}, taken {taken}", layer.name());
    }
}

#[test]
fn constants_cost_no_gradient_and_change_no_other() {
    for layer in every_layer::<f64>((20, 5, 6), 29) {
        let all = run_with_gradients(&layer);
        let matrices = layer.before_matrices();
        for constant in matrices..layer.inputs().len() {
            let mut tape = Tape::new();
            let leaf = |(k, x): (usize, &ArrayD<f64>)| {
                if k == constant { tape.constant(x.clone()) } else { tape.leaf(x) }
            };
            let vars: Vec<Var> = layer.inputs().iter().enumerate().map(leaf).collect();
            let y = layer.record(&mut tape, &vars);
            let loss = tape.sum(y);
            tape.backward(loss);
            assert!(tape.gradient(vars[constant]).is_none());
            assert!(tape.gradient(vars[0]).is_some());
            assert_eq!(tape.value(y), &all[0], "{}", layer.name());
        }
    }
}

#[test]
#[should_panic(expected = "shape of the recurrent weights and delays")]
fn delays_of_another_shape_are_refused() {
    let mut tape = Tape::<f64>::new();
    let (x, alpha) = (tape.leaf(&Array3::ones((2, 2, 3))), tape.leaf(&Array1::from_elem(3, 0.9)));
    let (weight, delay) = (tape.leaf(&Array2::zeros((3, 3))), tape.leaf(&Array2::zeros((3, 2))));
    let form = Delayed { max_delay: 3, interpolation: Interpolation::Linear, spread: 0.0 };
    let recurrent = Some(Synapse::new(weight, Some((delay, form))));
    let _ = scan(&mut tape, &Neuron::new(NeuronModel::Lif), x, &[alpha], recurrent);
}
