//! Layers in single precision, which networks train in, against the same layers in double precision: other kernels, and
//! sums that are looked up where the machine can.

use colearn_synapses::{Delayed, Interpolation};
use colearn_tape::{Pool, Real, Tape, Var};
use ndarray::{Array, Array2, Array3, ArrayD, Dimension, Ix2, Ix3};

use crate::common::{Case, assert_close, random};

#[test]
fn single_precision_stays_close_to_double() {
    let case = Case::new(
        (40, 20, 30, 20),
        Delayed { max_delay: 9, interpolation: Interpolation::Linear, spread: 0.0 },
        71,
    );
    let single = Delayed { max_delay: 9, interpolation: Interpolation::Linear, spread: 0.0f32 };
    let narrow = |a: &Array2<f64>| a.mapv(f32::of);
    let y = single.forward(
        &case.x.mapv(f32::of),
        &narrow(&case.weight),
        &narrow(&case.delay),
        &mut Pool::default(),
    );
    assert_close(
        "y",
        &y.mapv(f64::from).view(),
        &case.fused()[0].clone().into_dimensionality().unwrap(),
        2e-6,
    );
}

/// Units that fire often, rarely, with values of their own, and never: each form of the sums has some of them.
fn spikes(steps: usize, batch: usize) -> Array3<f64> {
    let mut x = random(Ix3(steps, batch, 21), 0.0, 1.0, 91);
    x.indexed_iter_mut().for_each(|((_, _, unit), v)| {
        *v = match unit % 7 {
            0 => *v,
            1 => 0.0,
            2 => 0.75 * f64::from(*v > 0.98),
            // Two amplitudes.
            3 => f64::from(*v > 0.7) + f64::from(*v > 0.8),
            k => k as f64 * 0.25 * f64::from(*v > 0.8),
        };
    });
    x
}

fn rounded<D: Dimension>(values: &Array<f64, D>) -> Array<f64, D> {
    values.mapv(|v| f64::from(f32::of(v)))
}

/// y and the gradients of x, W and d for L = Σ G · y.
fn gradients<F: Real>(
    synapse: Delayed<F>,
    [x, g]: [&Array3<f64>; 2],
    [weight, delay]: [&Array2<f64>; 2],
) -> [ArrayD<f64>; 4] {
    let mut tape = Tape::<F>::new();
    let x = tape.leaf(&x.mapv(F::of));
    let [weight, delay] = [weight, delay].map(|of| tape.leaf(&of.mapv(F::of)));
    let y = synapse.record(&mut tape, x, weight, delay);
    let g = tape.constant(g.mapv(F::of));
    let product = tape.multiply(y, g);
    let loss = tape.sum(product);
    tape.backward(loss);
    // Whole delays have no slope.
    let gradient =
        |of: Var| tape.gradient(of).map_or_else(|| ArrayD::zeros(vec![0]), |g| g.mapv(Real::as_f64));
    let gradients = [x, weight, delay].map(gradient);
    let [to_x, to_weight, to_delay] = gradients;
    [tape.value(y).mapv(Real::as_f64), to_x, to_weight, to_delay]
}

/// The fused gradients of `f32`, kernel by kernel, against those of `f64` for the very same numbers.
#[test]
fn gradients_in_single_precision_are_those_of_double() {
    for (t, b, j, max_delay) in [(23, 37, 19, 6), (60, 16, 5, 24), (4, 3, 2, 9), (100, 40, 33, 25)] {
        let x = rounded(&spikes(t, b));
        let weight = rounded(&random(Ix2(21, j), -1.0, 1.0, 92));
        // Away from whole delays, where the slope has a kink.
        let delay = random(Ix2(21, j), 0.0, max_delay as f64, 93);
        let delay = rounded(&delay.mapv(|d| d.floor().min(max_delay as f64 - 1.0) + 0.1 + 0.8 * d.fract()));
        let g = rounded(&random(Ix3(t, b, j), -1.0, 1.0, 94));
        for interpolation in [Interpolation::Linear, Interpolation::Whole, Interpolation::Smoothed] {
            let spread = if interpolation == Interpolation::Smoothed { 1.5 } else { 0.0 };
            let double = Delayed { max_delay, interpolation, spread };
            let single = Delayed { max_delay, interpolation, spread: f32::of(spread) };
            let expected = gradients(double, [&x, &g], [&weight, &delay]);
            let found = gradients(single, [&x, &g], [&weight, &delay]);
            for ((name, found), expected) in ["y", "∂L/∂x", "∂L/∂W", "∂L/∂d"].iter().zip(found).zip(expected)
            {
                let of = format!("{interpolation:?} {t}x{b}, {name}");
                assert_close(&of, &found.view(), &expected, 1e-5);
            }
        }
    }
}

/// In single precision spikes are looked up where the machine can, in double precision they are multiplied.
#[test]
fn spikes_of_any_amplitude_sum_alike_in_single_and_double_precision() {
    for (t, b, j, max_delay) in [(23, 37, 19, 6), (60, 16, 5, 24), (4, 3, 2, 9)] {
        let x = spikes(t, b);
        let weight = random(Ix2(21, j), -1.0, 1.0, 92);
        let delay = random(Ix2(21, j), 0.0, max_delay as f64, 93);
        for interpolation in [Interpolation::Linear, Interpolation::Whole] {
            let double = Delayed { max_delay, interpolation, spread: 0.0 };
            let single = Delayed { max_delay, interpolation, spread: 0.0f32 };
            let pool = &mut Pool::default();
            let expected = double.forward(&x, &weight, &delay, pool);
            let narrow = |a: &Array2<f64>| a.mapv(f32::of);
            let y = single.forward(&x.mapv(f32::of), &narrow(&weight), &narrow(&delay), &mut Pool::default());
            let name = format!("{interpolation:?} {t}x{b}");
            // Delays rounded to single precision move a share of up to 10⁻⁶ between two steps.
            assert_close(&name, &y.mapv(f64::from).view(), &expected, 5e-6);
        }
    }
}
