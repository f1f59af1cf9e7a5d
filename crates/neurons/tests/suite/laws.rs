//! What must hold for every neuron whatever the numbers.

use crate::common::{Case, assert_close, configured, every_neuron};
use colearn_neurons::{
    BatchNorm, Neuron, NeuronModel, NeuronState, StepParameters, analysis, forward, infer, initial, scan,
    scan_normalised, step,
};
use colearn_tape::{Pool, Real, Tape, Var, layout};
use ndarray::{Array1, Array3, ArrayD, Axis, arr1, s};
use ndarray_rand::rand::SeedableRng;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

fn run<F: Real>(case: &Case<F>) -> Array3<F> {
    infer(&case.neuron, &case.current, &case.views(), &mut Pool::default())
}

/// Output, and gradients of Σ output² · (a ramp).
fn run_with_gradients<F: Real>(case: &Case<F>) -> Vec<ArrayD<F>> {
    let mut tape = Tape::new();
    let inputs = case.inputs();
    let vars: Vec<Var> = inputs.iter().map(|x| tape.leaf(x)).collect();
    let y = scan(&mut tape, &case.neuron, vars[0], &vars[1..]);
    let mut ramp = case.current.clone().into_dyn();
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn samples_do_not_see_each_other(seed in 0u64..1000, kept in 0usize..21) {
        for neuron in every_neuron() {
            let case = Case::<f32>::new(neuron, (15, 21, 5), seed);
            let all = run(&case);
            let alone = Case { current: case.current.slice(s![.., kept..=kept, ..]).to_owned(), ..case };
            prop_assert_eq!(run(&alone), all.slice(s![.., kept..=kept, ..]));
        }
    }

    #[test]
    fn the_future_does_not_reach_the_past(seed in 0u64..1000, changed in 0usize..15) {
        for neuron in every_neuron() {
            let mut case = Case::<f32>::new(neuron, (15, 3, 5), seed);
            let before = run(&case);
            case.current.slice_mut(s![changed.., .., ..]).mapv_inplace(|x| 3.0 - x);
            let after = run(&case);
            prop_assert_eq!(before.slice(s![..changed, .., ..]), after.slice(s![..changed, .., ..]));
        }
    }

    #[test]
    fn starting_values_lie_in_the_box(seed in 0u64..1000) {
        for &model in NeuronModel::ALL {
            for spec in model.specs() {
                let values: Array1<f32> = initial(spec, 50, &mut ChaCha8Rng::seed_from_u64(seed));
                let (low, high) = (f32::of(spec.initial.0), f32::of(spec.initial.1));
                prop_assert!(values.iter().all(|x| (low..=high).contains(x)));
            }
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let with = |threads: usize, case: &Case<f32>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run_with_gradients(case))
    };
    for neuron in every_neuron() {
        // Five blocks of samples: tasks of three and two, or of one.
        let case = Case::<f32>::new(neuron, (20, 70, 37), 21);
        let one = with(1, &case);
        for threads in [2, 8] {
            assert_eq!(one, with(threads, &case), "{:?} {threads}", case.neuron.model());
        }
    }
}

#[test]
fn single_precision_is_close_to_double() {
    for neuron in every_neuron() {
        // From the numbers that both can hold; few steps, since a spike that flips is a jump.
        let single = Case::<f32>::new(neuron, (10, 17, 6), 22);
        let double = run_with_gradients(&single.to::<f64>());
        for (k, (x, y)) in run_with_gradients(&single).iter().zip(&double).enumerate() {
            let name = format!("{:?} {k}", single.neuron.model());
            assert_close(&name, &x.mapv(f64::from), y, 2e-4);
        }
    }
}

#[test]
fn memory_order_does_not_matter() {
    for neuron in every_neuron() {
        let case = Case::<f64>::new(neuron, (9, 18, 4), 23);
        let data = case.current.view().permuted_axes([2, 0, 1]).iter().copied().collect();
        let current = layout::from_units(9, 18, 4, data);
        let expected = run(&case);
        assert_eq!(run(&Case { current, ..case }), expected);
    }
}

#[test]
fn empty_sequences_are_allowed() {
    for neuron in every_neuron() {
        for shape in [(0, 3, 2), (4, 0, 2), (4, 3, 0)] {
            let case = Case::<f32>::new(neuron.clone(), (2, 2, shape.2.max(1)), 24);
            let case = Case {
                current: Array3::zeros(shape),
                parameters: case.parameters.iter().map(|p| p.slice(s![..shape.2]).to_owned()).collect(),
                ..case
            };
            let results = run_with_gradients(&case);
            assert_eq!(results[0].shape(), [shape.0, shape.1, shape.2]);
            assert!(results[1..].iter().all(|g| g.iter().all(|&g| g == 0.0)));
            let trace = forward(&case.neuron, &case.current, &case.views(), &mut Pool::default());
            assert_eq!(trace.membrane().dim(), shape);
            let parameters = StepParameters::new(&case.neuron, &case.views());
            let mut tape = Tape::new();
            let x = tape.leaf(&case.current);
            let affine = [1.0, 0.5].map(|value| tape.leaf(&Array1::from_elem(shape.2, value)));
            let norm = BatchNorm { mean: vec![0.1; shape.2], inverse: vec![2.0; shape.2] };
            let leaves: Vec<_> = case.parameters.iter().map(|p| tape.leaf(p)).collect();
            let y = scan_normalised(&mut tape, &case.neuron, x, affine, norm, &leaves);
            let sum = tape.sum(y);
            tape.backward(sum);
            assert_eq!(tape.gradient(x).unwrap().shape(), tape.value(y).shape());
            assert!(tape.gradient(affine[0]).unwrap().iter().all(|&g| g == 0.0));
            let nothing = vec![0.0; shape.2];
            step(&parameters, &mut NeuronState::new(&parameters), &nothing, &mut nothing.clone());
        }
    }
}

#[test]
#[should_panic(expected = "scales and shifts of 3 units")]
fn statistics_of_other_units_are_refused() {
    let mut tape = Tape::<f64>::new();
    let x = tape.leaf(&Array3::ones((2, 2, 3)));
    let affine = [1.0, 0.0].map(|value| tape.leaf(&Array1::from_elem(4, value)));
    let norm = BatchNorm { mean: vec![0.0; 4], inverse: vec![1.0; 4] };
    let alpha = tape.leaf(&Array1::from_elem(3, 0.9));
    let _ = scan_normalised(&mut tape, &Neuron::new(NeuronModel::Lif), x, affine, norm, &[alpha]);
}

#[test]
fn without_adaptation_the_adaptive_neuron_is_the_plain_one() {
    let drawn = Case::<f64>::new(Neuron::new(NeuronModel::Cadlif), (40, 5, 8), 25);
    let zero = Array1::zeros(8);
    let parameters = vec![drawn.parameters[0].clone(), drawn.parameters[1].clone(), zero.clone(), zero];
    let adaptive = run(&Case {
        parameters,
        current: drawn.current.clone(),
        ..Case::new(drawn.neuron.clone(), (1, 1, 8), 0)
    });
    let plain = Case {
        neuron: Neuron::new(NeuronModel::Lif),
        parameters: vec![drawn.parameters[0].clone()],
        current: drawn.current,
    };
    assert_eq!(adaptive, run(&plain));
}

#[test]
fn a_constant_current_settles_at_the_steady_state_gain() {
    let neuron = Neuron::new(NeuronModel::Cadlif);
    let (alpha, beta, a) = (0.9, 0.98, 0.5);
    let parameters = [arr1(&[alpha]), arr1(&[beta]), arr1(&[a]), arr1(&[1.0])];
    let views = parameters.each_ref().map(|p| p.view());
    let current = Array3::from_elem((4000, 1, 1), 0.6);
    let trace = forward(&neuron, &current, &views, &mut Pool::default());
    assert!(trace.output.iter().all(|&s| s == 0.0), "the test is about the sub-threshold map");
    let last: f64 = trace.membrane()[[3999, 0, 0]];
    approx::assert_relative_eq!(last, 0.6 * analysis::steady_state_gain(beta, a), max_relative = 1e-9);
}

#[test]
fn a_disturbance_decays_with_the_radius_of_the_map() {
    let neuron = configured(NeuronModel::Adlif, |c| c.threshold = 1e30);
    for (beta, a) in [(0.97, 0.9), (0.99, -0.9)] {
        let parameters = [arr1(&[0.9]), arr1(&[beta]), arr1(&[a]), arr1(&[0.0])];
        let views = parameters.each_ref().map(|p| p.view());
        let mut current = Array3::zeros((400, 1, 1));
        current[[0, 0, 0]] = 1.0;
        let trace = forward(&neuron, &current, &views, &mut Pool::default());
        let late = trace.membrane().slice(s![300.., 0, 0]).iter().fold(0.0f64, |m, u: &f64| m.max(u.abs()));
        assert_eq!(late < 1e-2, analysis::is_stable(0.9, beta, a), "β = {beta}, a = {a}: {late}");
    }
}

#[test]
fn a_clamped_parameter_has_no_gradient_and_acts_as_its_bound() {
    for &model in NeuronModel::ALL {
        let case = Case::<f64>::new(Neuron::new(model), (60, 40, 6), 26);
        for (k, spec) in case.neuron.specs().iter().enumerate() {
            let mut outside = Case { parameters: case.parameters.clone(), ..case.to() };
            (outside.parameters[k][0], outside.parameters[k][1]) = (spec.bounds.0 - 0.5, spec.bounds.1 + 0.5);
            let mut on = Case { parameters: case.parameters.clone(), ..case.to() };
            (on.parameters[k][0], on.parameters[k][1]) = (spec.bounds.0, spec.bounds.1);
            let (outside, on) = (run_with_gradients(&outside), run_with_gradients(&on));
            assert_eq!(outside[0], on[0], "{model:?} {}", spec.name);
            let (outside, on) = (&outside[k + 2], &on[k + 2]);
            assert_eq!([outside[[0]], outside[[1]]], [0.0, 0.0], "{model:?} {}", spec.name);
            assert!(
                on[[0]] != 0.0 && on[[1]] != 0.0,
                "{model:?} {}: on the bound the gradient flows",
                spec.name
            );
        }
    }
}

#[test]
fn the_threshold_is_where_the_membrane_fires() {
    let alpha = arr1(&[0.5]);
    for (threshold, expected) in [(0.9, 1.0), (1.0, 0.0), (1.1, 0.0)] {
        let neuron = configured(NeuronModel::Lif, |c| c.threshold = threshold);
        let current = Array3::from_elem((1, 1, 1), 2.0);
        let spikes = infer(&neuron, &current, &[alpha.view()], &mut Pool::default());
        assert_eq!(spikes[[0, 0, 0]], expected, "u = 1 and θ = {threshold}");
    }
}

#[test]
fn a_repeated_step_allocates_nothing_more() {
    for neuron in every_neuron() {
        let case = Case::<f32>::new(neuron, (10, 20, 6), 28);
        let mut tape = Tape::new();
        let mut allocated = Vec::new();
        for _ in 0..4 {
            tape.reset();
            let vars: Vec<Var> = case.inputs().iter().map(|x| tape.leaf(x)).collect();
            let y = scan(&mut tape, &case.neuron, vars[0], &vars[1..]);
            let loss = tape.sum(y);
            tape.backward(loss);
            allocated.push(tape.pool().allocated_bytes());
        }
        assert_eq!(allocated[1], allocated[3], "{:?}", case.neuron.model());
    }
}

#[test]
fn a_constant_parameter_costs_no_gradient_and_changes_nothing_else() {
    let case = Case::<f64>::new(Neuron::new(NeuronModel::Cadlif), (20, 5, 6), 29);
    let mut tape = Tape::new();
    let input = tape.leaf(&case.current);
    let fixed: Vec<Var> = case.parameters.iter().map(|p| tape.constant(p.clone())).collect();
    let y = scan(&mut tape, &case.neuron, input, &fixed);
    let loss = tape.sum(y);
    tape.backward(loss);
    assert!(fixed.iter().all(|&p| tape.gradient(p).is_none()));
    assert!(tape.gradient(input).is_some());
    let per_sample = tape.value(y).sum_axis(Axis(0));
    assert!(per_sample.iter().any(|&count| count > 0.0));
}
