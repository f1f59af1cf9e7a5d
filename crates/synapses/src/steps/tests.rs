use super::*;
use crate::interpolation::taps;
use crate::{Delayed, Interpolation};
use colearn_tape::LANES;
use ndarray::Array2;

const STEPS: usize = 19;

/// Every kernel, for a largest delay.
fn forms(max_delay: usize) -> Vec<Delayed<f64>> {
    let with = |interpolation, spread| Delayed { max_delay, interpolation, spread };
    vec![
        with(Interpolation::Linear, 0.0),
        with(Interpolation::Whole, 0.0),
        with(Interpolation::Smoothed, 0.0),
        with(Interpolation::Triangle, 0.0),
        with(Interpolation::Triangle, 2.3),
        with(Interpolation::Triangle, 40.0),
        with(Interpolation::Gaussian, 0.0),
        with(Interpolation::Gaussian, 3.0),
    ]
}

fn number(k: usize) -> f64 {
    (k as f64 * 0.7).sin()
}

/// Weights, and delays that also lie outside their bounds and on them.
fn matrices(units: usize, max_delay: usize) -> [Array2<f64>; 2] {
    let top = max_delay as f64;
    let delay = Array2::from_shape_fn((units, units), |(i, j)| match (i + 2 * j) % 7 {
        0 => 0.0,
        1 => top,
        2 => -0.5,
        3 => top + 0.5,
        _ => 0.5 * top * (1.0 + number(i * 13 + j * 5)),
    });
    [Array2::from_shape_fn((units, units), |(i, j)| number(i * 31 + j * 17 + 3)), delay]
}

fn row(units: usize, step: usize) -> Vec<Lanes<f64>> {
    let at = |n: usize, l: usize| {
        if (n + step + l).is_multiple_of(3) { 0.0 } else { number(n * 41 + step * 7 + l) }
    };
    (0..units).map(|n| Lanes(std::array::from_fn(|l| at(n, l)))).collect()
}

/// The definition: the sum of unit `unit` at `step`, of one lane.
fn expected(
    form: Delayed<f64>,
    direction: Direction,
    units: usize,
    (unit, step, lane): (usize, usize, usize),
) -> f64 {
    let [weight, delay] = matrices(units, form.max_delay);
    let (mut kappa, mut slopes) = (vec![0.0; form.max_delay + 1], vec![0.0; form.max_delay + 1]);
    let mut sum = 0.0;
    for other in (0..units).filter(|&other| other != unit) {
        let place = if direction == Direction::Forward { [other, unit] } else { [unit, other] };
        let used = delay[place].clamp(0.0, form.max_delay as f64);
        taps(form.interpolation, used, form.spread, &mut kappa, &mut slopes);
        for (lag, &tap) in kappa.iter().enumerate().filter(|(lag, _)| *lag < step) {
            sum += weight[place] * tap * row(units, step - 1 - lag)[other].0[lane];
        }
    }
    sum
}

#[test]
fn sums_of_every_kernel_and_direction_are_those_of_the_definition() {
    for (units, max_delay) in [(1, 1), (5, 3), (4, 9), (9, 24)] {
        for form in forms(max_delay) {
            for direction in [Direction::Forward, Direction::Backward] {
                let pool = &mut Pool::default();
                let [weight, delay] = matrices(units, max_delay);
                let table = form.steps(&weight, &delay, direction, pool);
                let (of_table, lanes) = form.step_buffers(units);
                assert_eq!((pool.allocated_bytes(), lanes), (of_table.bytes::<f64>(), table.history_lanes()));
                let mut history = vec![Lanes::default(); table.history_lanes()];
                for step in 0..STEPS {
                    let mut sums = vec![Lanes::splat(0.25); units];
                    table.add_sums(&history, step, &mut sums);
                    for (unit, sum) in sums.iter().enumerate() {
                        for lane in [0, 7, LANES - 1] {
                            let expected = 0.25 + expected(form, direction, units, (unit, step, lane));
                            approx::assert_abs_diff_eq!(sum.0[lane], expected, epsilon = 1e-6);
                        }
                    }
                    table.push(&mut history, step, &row(units, step));
                }
                table.recycle(pool);
            }
        }
    }
}

/// Also on numbers that are none: a zero that is left out would change −0, and meets a weight that is infinite.
#[test]
fn a_line_has_the_bits_of_the_sums_over_sixteen_samples() {
    let units = 9;
    for form in forms(6) {
        for odd in [false, true] {
            let [mut weight, delay] = matrices(units, 6);
            if odd {
                weight[[2, 3]] = f64::INFINITY;
            }
            let pool = &mut Pool::default();
            let table = form.steps(&weight, &delay, Direction::Forward, pool);
            let mut history = vec![Lanes::default(); table.history_lanes()];
            let mut line = form.step_line(&weight, &delay);
            // A second sample remembers nothing of the first.
            for lane in [3, 3, 11] {
                line.reset();
                history.fill(Lanes::default());
                for step in 0..STEPS {
                    let start: Vec<f64> =
                        (0..units).map(|n| if n % 4 == 1 { -0.0 } else { number(n) }).collect();
                    let mut sums: Vec<_> = start.iter().map(|&x| Lanes::splat(x)).collect();
                    if step > 0 {
                        table.add_sums(&history, step, &mut sums);
                    }
                    let mut current = start;
                    line.add_to(&mut current);
                    for (found, expected) in current.iter().zip(&sums) {
                        let expected = expected.0[lane];
                        let same =
                            found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
                        assert!(same, "{form:?}, step {step}: {found}, not {expected}");
                    }
                    let mut sent = row(units, step);
                    if step % 4 < 3 {
                        sent.iter_mut().skip(step % 4).step_by(3).for_each(|row| *row = Lanes::default());
                    }
                    table.push(&mut history, step, &sent);
                    line.push(&sent.iter().map(|row| row.0[lane]).collect::<Vec<_>>());
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "looks ahead")]
fn smoothed_delays_with_a_spread_are_refused() {
    let form = Delayed { max_delay: 3, interpolation: Interpolation::Smoothed, spread: 1.0 };
    let square = Array2::zeros((2, 2));
    let _ = form.steps(&square, &square, Direction::Forward, &mut Pool::<f64>::default());
}
