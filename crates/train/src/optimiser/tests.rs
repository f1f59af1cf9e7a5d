//! Laws of the optimisers, by hand and by the published formulas.

use super::*;
use approx::assert_relative_eq;
use colearn_optim::OptimiserKind;
use ndarray::{Array2, ShapeBuilder, arr1};

fn parameter(name: &str, kind: ParameterKind, values: &[f64]) -> Parameter<f64> {
    let value = arr1(values).into_dyn();
    Parameter { name: name.into(), kind, trainable: true, bounds: None, clamp_stored: false, value }
}

fn config(optimiser: OptimiserKind, decay: f64) -> TrainConfig {
    TrainConfig { optimiser, decay: Decay { weight: decay, ..Decay::default() }, ..TrainConfig::default() }
}

/// A gradient that changes sign and size from step to step.
fn gradient(step: usize, p: f64) -> f64 {
    (0.7 * step as f64).sin() + 0.3 * p
}

/// The published formulas for one number, the moments as the sums they stand for.
fn reference(kind: OptimiserKind, decay: f64, rate: f64, start: f64, steps: usize) -> f64 {
    let (b1, b2, epsilon) = (0.9_f64, 0.999_f64, 1e-8);
    let (mut p, mut gradients) = (start, Vec::new());
    for t in 1..=steps {
        let mut g = gradient(t, p);
        match kind {
            OptimiserKind::Adam => g += decay * p,
            OptimiserKind::AdamW => p -= rate * decay * p,
        }
        gradients.push(g);
        let mean = |b: f64, power: i32| {
            let terms = gradients.iter().rev().enumerate();
            let sum: f64 = terms.map(|(age, g)| (1.0 - b) * b.powf(age as f64) * g.powi(power)).sum();
            sum / (1.0 - b.powf(t as f64))
        };
        p -= rate * mean(b1, 1) / (mean(b2, 2).sqrt() + epsilon);
    }
    p
}

#[test]
fn two_steps_by_hand() {
    let mut parameters = [parameter("w", ParameterKind::Weight, &[1.0])];
    let mut adam = Optimiser::new(&config(OptimiserKind::Adam, 0.0), &parameters);
    let (first, second) = (arr1(&[0.5]).into_dyn(), arr1(&[-0.25]).into_dyn());
    adam.step(&mut parameters, &[Some(&first)], |_| 0.1, 1.0);
    assert_relative_eq!(parameters[0].value[0], 0.9, epsilon = 1e-7);
    adam.step(&mut parameters, &[Some(&second)], |_| 0.1, 1.0);
    // m = 0.9·0.05 − 0.1·0.25 = 0.02, v = 0.999·0.00025 + 0.001·0.0625 = 0.00031225;
    // m / 0.19 = 0.105263, √(v / 0.001999) = 0.395222; 0.9 − 0.1 · 0.266338
    assert_relative_eq!(parameters[0].value[0], 0.873_366, epsilon = 1e-5);
}

/// Numbers as in the test above, with the decays 0.95 and 0.85 as PyTorch takes them: that of the step in its correction.
#[test]
fn the_decay_of_the_mean_may_move_from_step_to_step() {
    let mut parameters = [parameter("w", ParameterKind::Weight, &[1.0])];
    let mut adam = Optimiser::new(&config(OptimiserKind::Adam, 0.0), &parameters);
    for (gradient, beta1, expected) in [(0.5, 0.95, 0.9), (-0.25, 0.85, 0.914_817)] {
        let pace = |_| Pace { rate: 0.1, beta1: Some(beta1) };
        adam.step_at(&mut parameters, &[Some(&arr1(&[gradient]).into_dyn())], pace, 1.0);
        // m = 0.85·0.025 − 0.15·0.25 = −0.01625; m / (1 − 0.85²) = −0.058559; 0.9 + 0.1 · 0.148166
        assert_relative_eq!(parameters[0].value[0], expected, epsilon = 1e-5);
    }
}

#[test]
fn fifty_steps_follow_the_formulas() {
    for kind in [OptimiserKind::Adam, OptimiserKind::AdamW] {
        for decay in [0.0, 0.3] {
            let start = [0.8, -1.7, 0.0];
            let mut parameters = [parameter("w", ParameterKind::Weight, &start)];
            let mut optimiser = Optimiser::new(&config(kind, decay), &parameters);
            for t in 1..=50 {
                let gradient = parameters[0].value.mapv(|p| gradient(t, p));
                optimiser.step(&mut parameters, &[Some(&gradient)], |_| 0.02, 1.0);
            }
            for (&found, &start) in parameters[0].value.iter().zip(&start) {
                let expected = reference(kind, decay, 0.02, start, 50);
                assert_relative_eq!(found, expected, epsilon = 1e-12, max_relative = 1e-11);
            }
        }
    }
}

#[test]
fn decay_without_gradient_moves_adam_by_the_rate_and_adamw_by_the_product() {
    for (kind, expected) in
        [(OptimiserKind::Adam, 4.0 - 0.1), (OptimiserKind::AdamW, 4.0 * (1.0 - 0.1 * 0.5))]
    {
        let mut parameters = [parameter("w", ParameterKind::Weight, &[4.0])];
        let mut optimiser = Optimiser::new(&config(kind, 0.5), &parameters);
        let zero = arr1(&[0.0]).into_dyn();
        optimiser.step(&mut parameters, &[Some(&zero)], |_| 0.1, 1.0);
        assert_relative_eq!(parameters[0].value[0], expected, epsilon = 1e-8);
    }
}

#[test]
fn frozen_and_unreached_parameters_keep_their_bits() {
    let mut parameters = [
        parameter("frozen", ParameterKind::Weight, &[1.5]),
        parameter("unreached", ParameterKind::Norm, &[2.5]),
        parameter("moving", ParameterKind::Weight, &[3.5]),
    ];
    parameters[0].trainable = false;
    let before = parameters.clone();
    let mut adam = Optimiser::new(&config(OptimiserKind::AdamW, 0.1), &parameters);
    let one = arr1(&[1.0]).into_dyn();
    for _ in 0..3 {
        adam.step(&mut parameters, &[Some(&one), None, Some(&one)], |_| 0.1, 1.0);
    }
    assert_eq!(parameters[..2], before[..2]);
    assert_ne!(parameters[2], before[2]);
    assert!(adam.state().first[..2].iter().all(|m| m[0].to_bits() == 0));
}

#[test]
fn rates_and_decays_go_by_kind_and_bounds_hold_after_the_step() {
    let mut parameters = ParameterKind::ALL.map(|kind| parameter(&kind.to_string(), kind, &[0.5]));
    parameters[1].bounds = Some((0.0, 24.0));
    parameters[1].clamp_stored = true;
    let mut adam = Optimiser::new(&TrainConfig::default(), &parameters);
    let ones = arr1(&[1.0]).into_dyn();
    let rate = |kind| if kind == ParameterKind::Delay { 0.9 } else { 0.01 * (1 + kind as usize) as f64 };
    adam.step(&mut parameters, &[Some(&ones); 5], rate, 1.0);
    let found: Vec<f64> = parameters.iter().map(|p| p.value[0]).collect();
    for (found, expected) in found.iter().zip([0.49, 0.0, 0.47, 0.46, 0.45]) {
        assert_relative_eq!(*found, expected, epsilon = 1e-7);
    }
}

#[test]
fn clipping_scales_the_gradient_before_the_moments() {
    let run = |gradient: f64, scale: f64| {
        let mut parameters = [parameter("w", ParameterKind::Norm, &[1.0])];
        let mut adam = Optimiser::new(&TrainConfig::default(), &parameters);
        adam.step(&mut parameters, &[Some(&arr1(&[gradient]).into_dyn())], |_| 0.1, scale);
        adam.state().clone()
    };
    assert_eq!(run(8.0, 0.25), run(2.0, 1.0));
}

#[test]
fn the_memory_order_of_a_gradient_does_not_matter() {
    let shape = (3, 4);
    let standard = Array2::from_shape_fn(shape, |(i, j)| i as f64 - 0.7 * j as f64);
    let mut other = Array2::zeros(shape.f());
    other.assign(&standard);
    let [a, b] = [standard, other].map(|gradient| {
        let mut parameters = [parameter("w", ParameterKind::Weight, &[])];
        parameters[0].value = Array2::zeros(shape).into_dyn();
        let mut adam = Optimiser::new(&TrainConfig::default(), &parameters);
        adam.step(&mut parameters, &[Some(&gradient.into_dyn())], |_| 0.1, 1.0);
        parameters
    });
    assert_eq!(a, b);
}

#[test]
fn a_state_of_other_shapes_is_refused() {
    let mut adam =
        Optimiser::new(&TrainConfig::default(), &[parameter("w", ParameterKind::Weight, &[0.0; 3])]);
    let other = Optimiser::new(&TrainConfig::default(), &[parameter("w", ParameterKind::Weight, &[0.0; 2])]);
    let error = adam.restore(other.state().clone()).unwrap_err().to_string();
    assert!(error.contains("found shapes [[2]]; expected [[3]]"), "{error}");
}

/// A decay is driven over its upper bound and then called back, as the network does: with no gradient outside.
#[test]
fn a_stored_value_that_is_clamped_comes_back_and_one_that_is_not_stays_out() {
    let (low, high) = (0.96, 0.99);
    let driven = |clamp_stored: bool| {
        let mut parameters = [parameter("beta", ParameterKind::TimeConstant, &[0.975, 0.98])];
        (parameters[0].bounds, parameters[0].clamp_stored) = (Some((low, high)), clamp_stored);
        let mut adam = Optimiser::new(&TrainConfig::default(), &parameters);
        let mut used = Vec::new();
        for step in 0..400 {
            // Downhill is up, and later down.
            let sign = if step < 100 { -1.0 } else { 1.0 };
            let inside = |x: &f64| f64::from(u8::from((low..=high).contains(x)));
            let gradient = parameters[0].value.mapv(|x| sign * inside(&x));
            adam.step(&mut parameters, &[Some(&gradient)], |_| 0.01, 1.0);
            used.push(parameters[0].used().sum() / 2.0);
        }
        (used[99], used[399])
    };
    let (stuck, free) = (driven(false), driven(true));
    for (found, expected) in [(stuck.0, high), (stuck.1, high), (free.0, high), (free.1, low)] {
        assert!((found - expected).abs() < 1e-12, "stuck {stuck:?}, free {free:?}");
    }
}
