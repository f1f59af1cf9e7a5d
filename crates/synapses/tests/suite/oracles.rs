//! Fused synapses against naive loops, elementary tape operations and finite differences, and the laws they obey.

use crate::common::{Case, assert_close, random};
use colearn_synapses::{BLOCK_SYNAPSE_STEPS, BlockSynapse, Delayed, Interpolation, Signals, dense, smooth};
use colearn_tape::check::{self, Tolerance};
use colearn_tape::{LANES, Pool, Real, Tape, Var};
use ndarray::{Array2, Array3, ArrayD, ArrayRef2, Ix2, Ix3, Slice, s};
use proptest::prelude::*;

const NAMES: [&str; 4] = ["y", "∂L/∂x", "∂L/∂W", "∂L/∂d"];

/// Every form with its spreads.
fn forms(max_delay: usize) -> Vec<Delayed<f64>> {
    let with = |interpolation, spread| Delayed { max_delay, interpolation, spread };
    vec![
        with(Interpolation::Linear, 0.0),
        with(Interpolation::Whole, 0.0),
        with(Interpolation::Triangle, 0.0),
        with(Interpolation::Triangle, 2.3),
        with(Interpolation::Gaussian, 0.23),
        with(Interpolation::Gaussian, 4.0),
        with(Interpolation::Smoothed, 0.0),
        with(Interpolation::Smoothed, 1.7),
    ]
}

/// (steps, batch, inputs, outputs, largest delay): blocks full, partly filled and single, sequences longer and shorter
/// than the delay, more units than a task holds, delays over several windows of inference.
const SHAPES: [(usize, usize, usize, usize, usize); 7] = [
    (130, 3, 3, 2, 70),
    (23, 5, 7, 3, 6),
    (10, 16, 4, 4, 3),
    (13, 17, 5, 19, 4),
    (40, 33, 18, 2, 24),
    (4, 1, 3, 2, 9),
    (1, 2, 1, 1, 1),
];

#[test]
fn fused_equals_the_naive_loops() {
    for (t, b, i, j, max_delay) in SHAPES {
        for synapse in forms(max_delay) {
            let case = Case::new((t, b, i, j), synapse, 5);
            for ((name, fused), naive) in NAMES.iter().zip(case.fused()).zip(case.naive()) {
                assert_close(&format!("{synapse:?} {t}x{b} {name}"), &fused.view(), &naive, 1e-10);
            }
        }
    }
}

/// The same with few entries that are not zero, where the sparse forms are chosen.
#[test]
fn fused_equals_the_naive_loops_for_sparse_signals() {
    for (t, b, i, j, max_delay) in SHAPES {
        for synapse in forms(max_delay) {
            for every in [9, 25, 60] {
                let mut case = Case::new((t, b, i, j), synapse, 7);
                let mut k = 0;
                case.x.mapv_inplace(|v| {
                    k += 1;
                    if k * 7 % every == 0 { v + 1.5 } else { 0.0 }
                });
                for ((name, fused), naive) in NAMES.iter().zip(case.fused()).zip(case.naive()) {
                    assert_close(
                        &format!("{synapse:?} {t}x{b} 1/{every} {name}"),
                        &fused.view(),
                        &naive,
                        1e-10,
                    );
                }
            }
        }
    }
}

/// Σ_k K_k applied to shifted copies of x, all elementary: κ is computed on the tape from the delays.
fn elementary(tape: &mut Tape<f64>, synapse: Delayed<f64>, x: Var, w: Var, d: Var) -> Var {
    let (steps, batch, inputs) = dims(tape.value(x));
    let outputs = tape.value(w).shape()[1];
    let used = tape.clamp(d, 0.0, synapse.max_delay as f64);
    let taps: Vec<Var> =
        (0..=synapse.max_delay).map(|lag| elementary_tap(tape, synapse, used, lag)).collect();
    let mut total = taps[0];
    for &tap in &taps[1..] {
        total = tape.add(total, tap);
    }
    let total = tape.offset(total, 1e-7);
    let mut y = None;
    for (lag, &tap) in taps.iter().enumerate().take(steps) {
        let kappa = tape.divide(tap, total);
        let kernel = tape.multiply(w, kappa);
        let kept = tape.slice(x, 0, 0, steps - lag);
        let past = tape.constant(ArrayD::zeros(vec![lag, batch, inputs]));
        let shifted = tape.concatenate(&[past, kept], 0);
        let flat = tape.reshape(shifted, &[steps * batch, inputs]);
        let part = tape.matrix_product(flat, kernel);
        y = Some(y.map_or(part, |sum| tape.add(sum, part)));
    }
    tape.reshape(y.unwrap(), &[steps, batch, outputs])
}

fn elementary_tap(tape: &mut Tape<f64>, synapse: Delayed<f64>, delay: Var, lag: usize) -> Var {
    let centred = tape.negate(delay);
    let distance = tape.offset(centred, lag as f64);
    match synapse.interpolation {
        Interpolation::Gaussian => {
            let width = synapse.spread + 0.27;
            let square = tape.square(distance);
            let exponent = tape.scale(square, -0.5 / (width * width));
            tape.exp(exponent)
        }
        Interpolation::Linear | Interpolation::Triangle => {
            let half_width =
                if synapse.interpolation == Interpolation::Linear { 1.0 } else { 1.0 + synapse.spread };
            let size = tape.abs(distance);
            let down = tape.negate(size);
            let height = tape.offset(down, half_width);
            tape.clamp(height, 0.0, f64::INFINITY)
        }
        Interpolation::Smoothed | Interpolation::Whole => unreachable!("compared with other oracles"),
    }
}

fn dims(x: &ArrayD<f64>) -> (usize, usize, usize) {
    (x.shape()[0], x.shape()[1], x.shape()[2])
}

#[test]
fn fused_equals_elementary_operations() {
    for synapse in forms(6) {
        if matches!(synapse.interpolation, Interpolation::Smoothed | Interpolation::Whole) {
            continue;
        }
        let case = Case::new((15, 3, 6, 4), synapse, 11);
        let elementary = case.gradients(|tape, x, w, d| elementary(tape, synapse, x, w, d));
        for ((name, fused), expected) in NAMES.iter().zip(case.fused()).zip(elementary) {
            assert_close(&format!("{synapse:?} {name}"), &fused.view(), &expected, 1e-10);
        }
    }
}

#[test]
fn smoothing_equals_elementary_shifts() {
    let case = Case::new(
        (15, 3, 6, 4),
        Delayed { max_delay: 6, interpolation: Interpolation::Smoothed, spread: 1.2 },
        3,
    );
    let linear = Delayed { interpolation: Interpolation::Linear, ..case.synapse };
    let expected = case.gradients(|tape, x, w, d| {
        let z = elementary(tape, linear, x, w, d);
        let steps = 15;
        let kernel = smooth::half_kernel(1.2);
        let mut y = tape.scale(z, kernel[0]);
        for (lag, &h) in kernel.iter().enumerate().skip(1) {
            let zeros = ArrayD::zeros(vec![lag, 3, 4]);
            let edge = tape.constant(zeros);
            let early = tape.slice(z, 0, 0, steps - lag);
            let late = tape.slice(z, 0, lag, steps - lag);
            for shifted in [tape.concatenate(&[edge, early], 0), tape.concatenate(&[late, edge], 0)] {
                let part = tape.scale(shifted, h);
                y = tape.add(y, part);
            }
        }
        y
    });
    for ((name, fused), expected) in NAMES.iter().zip(case.fused()).zip(expected) {
        assert_close(name, &fused.view(), &expected, 1e-10);
    }
}

#[test]
fn gradients_match_finite_differences() {
    for synapse in forms(5) {
        if synapse.interpolation == Interpolation::Whole {
            continue;
        }
        let case = Case::new((12, 2, 4, 3), synapse, 21);
        let f = |tape: &mut Tape<f64>, v: &[Var]| {
            let y = synapse.record(tape, v[0], v[1], v[2]);
            let y = tape.square(y);
            tape.sum(y)
        };
        let inputs =
            [case.x.clone().into_dyn(), case.weight.clone().into_dyn(), case.delay.clone().into_dyn()];
        check::coordinates(f, &inputs, Tolerance::default()).unwrap_or_else(|e| panic!("{synapse:?}: {e}"));
        check::inner_product(
            f,
            &inputs,
            3,
            1,
            Tolerance { step: 1e-7, relative: 1e-5, ..Tolerance::default() },
        )
        .unwrap_or_else(|e| panic!("{synapse:?}: {e}"));
    }
}

/// Gradients of a layer's input, weight and delay, those that are wanted, over a tape that recomputes or not.
fn gradients_of(case: &Case, wanted: [bool; 3], recompute: bool) -> [Option<ArrayD<f64>>; 3] {
    let mut tape = Tape::new();
    tape.set_recompute(recompute);
    let values = [case.x.clone().into_dyn(), case.weight.clone().into_dyn(), case.delay.clone().into_dyn()];
    let all: Vec<Var> = values
        .iter()
        .zip(wanted)
        .map(|(value, wanted)| if wanted { tape.leaf(value) } else { tape.constant(value.clone()) })
        .collect();
    let y = case.synapse.record(&mut tape, all[0], all[1], all[2]);
    let square = tape.square(y);
    tape.forget(y);
    let loss = tape.sum(square);
    tape.backward(loss);
    [0, 1, 2].map(|k| tape.gradient(all[k]).cloned())
}

/// As where delays are fixed, or a layer reads the network's input.
#[test]
fn a_gradient_does_not_depend_on_which_others_are_wanted() {
    for synapse in forms(6) {
        let case = Case::new((23, 5, 7, 3), synapse, 11);
        let expected = gradients_of(&case, [true; 3], false);
        for pattern in 1..8 {
            let wanted = [0, 1, 2].map(|k| pattern >> k & 1 == 1);
            let found = gradients_of(&case, wanted, false);
            for k in 0..3 {
                let expected = expected[k].as_ref().filter(|_| wanted[k]);
                assert_eq!(found[k].as_ref(), expected, "{synapse:?} {wanted:?}: {}", NAMES[k + 1]);
            }
        }
    }
}

#[test]
fn what_is_recomputed_has_the_same_bits() {
    for synapse in forms(6) {
        let case = Case::new((23, 5, 7, 3), synapse, 13);
        let [kept, again] = [false, true].map(|recompute| gradients_of(&case, [true; 3], recompute));
        assert_eq!(kept, again, "{synapse:?}");
    }
}

#[test]
fn dense_equals_elementary_operations_and_finite_differences() {
    let mut case = Case::new((9, 18, 35, 20), forms(1)[0], 31);
    // Once as it is and once so sparse that it goes by events.
    for least in [0.0, 0.9] {
        case.x.mapv_inplace(|x| if x.abs() < least { 0.0 } else { x });
        let fused = case.gradients(|tape, x, w, _| dense::record(tape, x, w));
        let expected = case.gradients(|tape, x, w, _| {
            let flat = tape.reshape(x, &[9 * 18, 35]);
            let y = tape.matrix_product(flat, w);
            tape.reshape(y, &[9, 18, 20])
        });
        for ((name, fused), expected) in NAMES.iter().zip(fused).zip(expected) {
            assert_close(name, &fused.view(), &expected, 1e-12);
        }
    }
    let kept = case.x.iter().filter(|&&x| x != 0.0).count();
    assert!(kept > 0 && kept * 4 < case.x.len(), "{kept} of {} entries are left", case.x.len());
    let f = |tape: &mut Tape<f64>, v: &[Var]| {
        let y = dense::record(tape, v[0], v[1]);
        let y = tape.tanh(y);
        tape.sum(y)
    };
    let inputs = [random(Ix3(4, 3, 5), -1.0, 1.0, 1).into_dyn(), random(Ix2(5, 2), -1.0, 1.0, 2).into_dyn()];
    check::coordinates(f, &inputs, Tolerance::default()).unwrap();
}

#[test]
fn a_dense_layer_without_inputs_or_outputs_is_empty_or_zero() {
    let pool = &mut Pool::default();
    pool.give_vec(vec![f64::NAN; 4 * 3 * 2]);
    let y = dense::forward(&Array3::zeros((4, 3, 0)), &Array2::zeros((0, 2)), pool);
    assert_eq!(y, Array3::zeros((4, 3, 2)));
    assert_eq!(dense::forward(&Array3::ones((4, 3, 2)), &Array2::zeros((2, 0)), pool).dim(), (4, 3, 0));
}

#[test]
fn delays_outside_the_range_are_clamped_and_get_no_gradient() {
    for interpolation in [Interpolation::Linear, Interpolation::Triangle, Interpolation::Gaussian] {
        let mut case = Case::new((12, 2, 3, 2), Delayed { max_delay: 4, interpolation, spread: 0.5 }, 41);
        case.delay[[0, 0]] = -0.7;
        case.delay[[1, 1]] = 4.9;
        let [y, _, _, gd] = case.fused();
        assert_eq!((gd[[0, 0]], gd[[1, 1]]), (0.0, 0.0), "{interpolation:?}");
        case.delay.mapv_inplace(|d| d.clamp(0.0, 4.0));
        assert_close("y", &y.view(), &case.fused()[0], 1e-14);
    }
}

#[test]
fn a_delay_gradient_is_the_slope_between_two_lags() {
    // One synapse, one spike: moving the delay by 0.1 moves a tenth of the weight from one step to the next.
    let mut case = Case::new(
        (8, 1, 1, 1),
        Delayed { max_delay: 5, interpolation: Interpolation::Linear, spread: 0.0 },
        2,
    );
    case.x.fill(0.0);
    case.x[[1, 0, 0]] = 1.0;
    case.delay[[0, 0]] = 2.25;
    let [_, _, _, gd] = case.fused();
    let expected = case.weight[[0, 0]] * (case.g[[4, 0, 0]] - case.g[[3, 0, 0]]);
    assert!((gd[[0, 0]] - expected).abs() < 1e-6 * expected.abs());
}

#[test]
fn streaming_equals_the_whole_sequence() {
    for (t, b, i, j, max_delay) in SHAPES {
        for synapse in forms(max_delay) {
            if synapse.interpolation == Interpolation::Smoothed && synapse.spread > 0.0 {
                continue;
            }
            let case = Case::new((t, b, i, j), synapse, 51);
            let y = synapse.forward(&case.x, &case.weight, &case.delay, &mut Pool::default());
            let mut line = synapse.stream(&case.weight, &case.delay);
            for sample in 0..b {
                line.reset();
                let mut current = vec![0.0; j];
                for step in 0..t {
                    line.step(&case.x.slice(s![step, sample, ..]).to_vec(), &mut current);
                    let expected = y.slice(s![step, sample, ..]).to_vec();
                    for (found, expected) in current.iter().zip(expected) {
                        assert!(
                            (found - expected).abs() < 1e-12,
                            "{synapse:?} step {step}: {found} {expected}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let run = |threads: usize, synapse: Delayed<f64>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut case = Case::new((30, 37, 40, 35), synapse, 61);
            let dense = case.fused();
            case.x.mapv_inplace(|v| if v > 0.97 { v } else { 0.0 });
            [dense, case.fused()]
        })
    };
    for synapse in forms(7) {
        assert_eq!(run(1, synapse), run(3, synapse), "{synapse:?}");
    }
}

#[test]
fn the_steady_state_allocates_nothing() {
    for synapse in forms(5) {
        let case = Case::new((20, 17, 9, 8), synapse, 81);
        let mut tape = Tape::new();
        let mut allocated = Vec::new();
        for _ in 0..4 {
            let (x, w, d) = (tape.leaf(&case.x), tape.leaf(&case.weight), tape.leaf(&case.delay));
            let y = synapse.record(&mut tape, x, w, d);
            let loss = tape.sum(y);
            tape.backward(loss);
            tape.reset();
            allocated.push(tape.pool().allocated_bytes());
        }
        assert_eq!(allocated[1], allocated[3], "{synapse:?}: {allocated:?}");
    }
}

#[test]
fn the_smoothed_form_approaches_the_exact_gaussian_away_from_the_ends() {
    let (d, spread) = (12.4, 2.0);
    let mut impulse = Array3::zeros((60, 1, 1));
    impulse[[15, 0, 0]] = 1.0;
    let (w, delay) = (Array2::ones((1, 1)), Array2::from_elem((1, 1), d));
    let response = |interpolation, spread| {
        Delayed { max_delay: 24, interpolation, spread }.forward(&impulse, &w, &delay, &mut Pool::default())
    };
    let exact = response(Interpolation::Gaussian, spread);
    let smoothed = response(Interpolation::Smoothed, spread + 0.27);
    let difference = (&exact - &smoothed).mapv(f64::abs).fold(0.0, |m: f64, &v| m.max(v));
    assert!(difference < 0.03 * exact.fold(0.0, |m: f64, &v| m.max(v)), "largest difference {difference}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_whole_delay_is_a_shift(delay in 0usize..=7, seed in 0u64..1000) {
        let x = random(Ix3(20, 3, 1), -1.0, 1.0, seed);
        let synapse = Delayed { max_delay: 7, interpolation: Interpolation::Linear, spread: 0.0 };
        let (w, d) = (Array2::ones((1, 1)), Array2::from_elem((1, 1), delay as f64));
        let y = synapse.forward(&x, &w, &d, &mut Pool::default());
        let kept = x.slice_axis(ndarray::Axis(0), Slice::from(0..20 - delay));
        prop_assert!(y.slice(s![..delay, .., ..]).iter().all(|v| *v == 0.0));
        let late = y.slice(s![delay.., .., ..]);
        prop_assert!((&late - &kept).iter().all(|v| v.abs() < 1e-6));
    }

    #[test]
    fn no_output_depends_on_the_future(step in 1usize..19, seed in 0u64..1000) {
        for synapse in forms(6) {
            if synapse.interpolation == Interpolation::Smoothed && synapse.spread > 0.0 {
                continue;
            }
            let case = Case::new((20, 2, 3, 2), synapse, seed);
            let mut changed = case.x.clone();
            changed.slice_mut(s![step.., .., ..]).fill(9.0);
            let y = |x: &Array3<f64>| synapse.forward(x, &case.weight, &case.delay, &mut Pool::default());
            let (before, after) = (y(&case.x), y(&changed));
            prop_assert_eq!(before.slice(s![..step, .., ..]), after.slice(s![..step, .., ..]));
        }
    }

    #[test]
    fn a_sample_does_not_depend_on_its_batch(batch in 1usize..40, seed in 0u64..1000) {
        for synapse in forms(4) {
            let case = Case::new((11, batch, 4, 3), synapse, seed);
            let y = |x: &ndarray::ArrayRef3<f64>| synapse.forward(x, &case.weight, &case.delay, &mut Pool::default());
            let all = y(&case.x);
            let last = y(&case.x.slice(s![.., batch - 1..batch, ..]));
            let difference = (&all.slice(s![.., batch - 1..batch, ..]) - &last).mapv(f64::abs);
            prop_assert!(difference.iter().all(|v| *v < 1e-13), "{:?}", synapse);
        }
    }
}

/// The output (T, B, J) of `synapse` for x (T, B, I), block after block and window after window.
fn by_blocks<F: Real>(
    synapse: &BlockSynapse<F>,
    x: &Array3<F>,
    outputs: usize,
    signals: Signals,
) -> Array3<F> {
    let (steps, batch, inputs) = x.dim();
    let mut y = Array3::zeros((steps, batch, outputs));
    for first in (0..batch).step_by(LANES) {
        let count = LANES.min(batch - first);
        let mut history = synapse.history(steps, &mut Pool::default());
        for step in (0..steps).step_by(BLOCK_SYNAPSE_STEPS) {
            let len = BLOCK_SYNAPSE_STEPS.min(steps - step);
            for (part, mut history) in history.parts(3).enumerate() {
                if signals == Signals::Numbers {
                    let samples = x.slice(s![.., first..first + count, ..]);
                    history.push_samples(&samples, step..step + len);
                    continue;
                }
                for unit in part * 3..(part * 3 + 3).min(inputs) {
                    let of_unit: Vec<F> = x.slice(s![.., .., unit]).iter().copied().collect();
                    let rows = of_unit[step * batch..(step + len) * batch].chunks_exact(batch);
                    let rows: Vec<_> =
                        rows.map(|row| colearn_tape::Lanes::load(&row[first..], count)).collect();
                    history.push(unit - part * 3, step, &rows);
                }
            }
            // Outputs in two parts, as threads take them.
            for range in [0..outputs / 2, outputs / 2..outputs] {
                let mut sums =
                    vec![colearn_tape::Lanes::splat(F::of(5.0)); range.len() * BLOCK_SYNAPSE_STEPS];
                synapse.sums(&history, step, range.clone(), &mut sums);
                for (output, rows) in range.zip(sums.chunks_exact(BLOCK_SYNAPSE_STEPS)) {
                    for (t, row) in rows[..len].iter().enumerate() {
                        for lane in 0..count {
                            y[[step + t, first + lane, output]] = row.0[lane];
                        }
                    }
                }
            }
        }
    }
    y
}

fn check_blocks<F: Real>(tolerance: f64) {
    let to = |a: &Array3<f64>| a.mapv(F::of);
    // Histories of units that lie some rows apart (of eight samples, of sixteen), and so packed sequences.
    let apart = [(330, 5, 3, 2, 161), (330, 5, 3, 2, 201), (120, 18, 3, 2, 7)];
    for (t, b, i, j, max_delay) in SHAPES.into_iter().chain(apart) {
        for signals in [Signals::Numbers, Signals::Spikes] {
            let mut x = random(Ix3(t, b, i), -1.0, 1.0, 3);
            if signals == Signals::Spikes {
                x.mapv_inplace(|v| f64::from(v > 0.6));
            }
            let weight = random(Ix2(i, j), -1.0, 1.0, 4).mapv(F::of);
            let delay = random(Ix2(i, j), -0.5, max_delay as f64 + 0.5, 5).mapv(F::of);
            let compare = |name: &str, synapse: BlockSynapse<F>, expected: Array3<F>| {
                let found = by_blocks(&synapse, &to(&x), j, signals).mapv(F::as_f64);
                let name = format!("{name} {signals:?} {t}x{b}x{i}x{j}");
                assert_close(&name, &found.view(), &expected.mapv(F::as_f64), tolerance);
            };
            let pool = &mut Pool::default();
            for interpolation in [Interpolation::Whole, Interpolation::Linear] {
                let synapse = Delayed { max_delay, interpolation, spread: F::zero() };
                let (weight, delay): (&ArrayRef2<F>, &ArrayRef2<F>) = (&weight, &delay);
                let block = synapse.block(weight, delay, signals, pool).expect("at most two taps");
                compare(&format!("{interpolation:?}"), block, synapse.forward(&to(&x), weight, delay, pool));
            }
            let block = BlockSynapse::without_delays(&weight, signals, pool);
            compare("no delays", block, dense::forward(&to(&x), &weight, pool));
        }
    }
}

#[test]
fn blocks_equal_the_whole_layer() {
    check_blocks::<f64>(1e-12);
    check_blocks::<f32>(1e-5);
}

#[test]
fn kernels_of_more_than_two_taps_have_no_blocks() {
    let weight = Array2::<f64>::zeros((2, 3));
    for (interpolation, spread) in
        [(Interpolation::Triangle, 0.0), (Interpolation::Gaussian, 1.0), (Interpolation::Smoothed, 0.5)]
    {
        let synapse = Delayed { max_delay: 4, interpolation, spread };
        assert!(synapse.block(&weight, &weight, Signals::Numbers, &mut Pool::default()).is_none());
        assert!(synapse.rounded().block(&weight, &weight, Signals::Numbers, &mut Pool::default()).is_some());
    }
}
