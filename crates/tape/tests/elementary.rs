//! Every elementary operation against finite differences and against its formula, and the laws of the tape.

#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test may fail by panicking, and exact results are compared exactly"
)]

use colearn_tape::check::{self, Tolerance};
use colearn_tape::{Fused, Inputs, Pool, Pullback, Recompute, Tape, Var};
use ndarray::{Array2, ArrayD, IxDyn, arr1, arr2};
use ndarray_rand::RandomExt;
use ndarray_rand::rand::SeedableRng;
use ndarray_rand::rand_distr::Uniform;
use rand_chacha::ChaCha8Rng;

fn random(shape: &[usize], low: f64, high: f64, seed: u64) -> ArrayD<f64> {
    let range = Uniform::new(low, high).unwrap();
    ArrayD::random_using(IxDyn(shape), range, &mut ChaCha8Rng::seed_from_u64(seed))
}

/// Weights the output unevenly, so that a wrong place in a gradient cannot cancel.
fn weighted_sum(tape: &mut Tape<f64>, y: Var) -> Var {
    let weights = random(tape.value(y).shape(), -1.0, 1.0, 99);
    let weights = tape.constant(weights);
    let product = tape.multiply(y, weights);
    tape.sum(product)
}

fn check(inputs: &[ArrayD<f64>], f: impl Fn(&mut Tape<f64>, &[Var]) -> Var) {
    let f = |tape: &mut Tape<f64>, x: &[Var]| {
        let y = f(tape, x);
        weighted_sum(tape, y)
    };
    check::coordinates(f, inputs, Tolerance::default()).unwrap();
    check::inner_product(f, inputs, 3, 7, Tolerance::default()).unwrap();
}

#[test]
fn unary_gradients_match_finite_differences() {
    type Op = fn(&mut Tape<f64>, Var) -> Var;
    let anywhere: [Op; 9] = [
        Tape::negate,
        Tape::exp,
        Tape::square,
        Tape::tanh,
        Tape::sigmoid,
        |t, x| t.scale(x, -2.5),
        |t, x| t.offset(x, 0.7),
        Tape::softmax,
        Tape::log_softmax,
    ];
    for op in anywhere {
        check(&[random(&[3, 4], -2.0, 2.0, 1)], |tape, x| op(tape, x[0]));
    }
    let positive: [Op; 3] = [Tape::ln, Tape::sqrt, Tape::abs];
    for op in positive {
        check(&[random(&[3, 4], 0.3, 2.0, 2)], |tape, x| op(tape, x[0]));
    }
    check(&[random(&[3, 4], -2.0, -0.3, 2)], |tape, x| tape.abs(x[0]));
}

#[test]
fn binary_gradients_match_finite_differences_with_broadcasting() {
    type Op = fn(&mut Tape<f64>, Var, Var) -> Var;
    let ops: [Op; 4] = [Tape::add, Tape::subtract, Tape::multiply, Tape::divide];
    let shapes: [(&[usize], &[usize]); 5] =
        [(&[3, 4], &[3, 4]), (&[2, 3, 4], &[4]), (&[4], &[2, 3, 4]), (&[3, 1], &[1, 4]), (&[], &[3])];
    for op in ops {
        for (a, b) in shapes {
            check(&[random(a, 0.5, 2.0, 3), random(b, 0.5, 2.0, 4)], |tape, x| op(tape, x[0], x[1]));
        }
    }
}

#[test]
fn gradients_of_products_sums_and_shapes_match_finite_differences() {
    check(&[random(&[3, 4], -1.0, 1.0, 5), random(&[4, 2], -1.0, 1.0, 6)], |t, x| {
        t.matrix_product(x[0], x[1])
    });
    let x = [random(&[2, 3, 4], -1.0, 1.0, 7)];
    for axis in 0..3 {
        check(&x, |t, x| t.sum_axis(x[0], axis));
        check(&x, |t, x| t.slice(x[0], axis, 1, 1));
        check(&x, |t, x| t.concatenate(&[x[0], x[0]], axis));
    }
    check(&x, |t, x| t.reshape(x[0], &[4, 6]));
    check(&x, |t, x| t.permute(x[0], &[2, 0, 1]));
    check(&x, |t, x| t.sum(x[0]));
    check(&[random(&[3, 4], -1.0, 1.0, 8)], |t, x| t.pick(x[0], &[3, 0, 2]));
    check(&[random(&[3, 4], -1.0, 1.0, 8)], |t, x| t.cross_entropy(x[0], &[3, 0, 2]));
}

#[test]
fn shapes_change_as_ndarray_changes_them() {
    let x = random(&[4, 5, 3], -1.0, 1.0, 11);
    let mut tape = Tape::<f64>::new();
    let leaf = tape.leaf(&x);
    let slice = tape.slice(leaf, 1, 1, 3);
    assert_eq!(tape.value(slice), &x.slice(ndarray::s![.., 1..4, ..]).into_dyn());
    let rest = tape.slice(leaf, 1, 4, 1);
    let both = tape.concatenate(&[slice, rest], 1);
    assert_eq!(tape.value(both), &x.slice(ndarray::s![.., 1..5, ..]).into_dyn());
    let turned = tape.permute(leaf, &[2, 0, 1]);
    assert_eq!(tape.value(turned), &x.view().permuted_axes(IxDyn(&[2, 0, 1])));
    let flat = tape.reshape(leaf, &[20, 3]);
    assert_eq!(tape.value(flat)[[7, 2]], x[[1, 2, 2]]);
    let sum = tape.sum_axis(leaf, 1);
    assert_eq!(tape.value(sum), &x.sum_axis(ndarray::Axis(1)).into_dyn());
}

#[test]
fn a_tape_says_how_much_it_holds_and_where_gradients_flow() {
    let mut tape = Tape::<f64>::new();
    assert!(tape.is_empty());
    let x = tape.leaf(&arr1(&[1.5, -2.0]));
    let c = tape.constant(arr1(&[2.0, 3.0]));
    let moved = tape.offset(x, 0.25);
    let scaled = tape.scale(c, 4.0);
    let product = tape.multiply(moved, scaled);
    assert_eq!(tape.value(product), &arr1(&[14.0, -21.0]).into_dyn());
    assert_eq!((tape.len(), tape.is_empty()), (5, false));
    let flows = [x, c, moved, scaled, product].map(|var| tape.needs_gradient(var));
    assert_eq!(flows, [true, false, true, false, true]);
}

#[test]
fn clamp_passes_the_gradient_inside_and_on_the_bounds_only() {
    let mut tape = Tape::<f64>::new();
    let x = tape.leaf(&arr1(&[-2.0, -1.0, 0.0, 1.0, 2.0]));
    let y = tape.clamp(x, -1.0, 1.0);
    let loss = tape.sum(y);
    tape.backward(loss);
    assert_eq!(tape.value(y), &arr1(&[-1.0, -1.0, 0.0, 1.0, 1.0]).into_dyn());
    assert_eq!(tape.gradient(x).unwrap(), &arr1(&[0.0, 1.0, 1.0, 1.0, 0.0]).into_dyn());
}

#[test]
fn pointwise_uses_the_derivative_it_was_given() {
    let mut tape = Tape::<f64>::new();
    let x = tape.leaf(&arr1(&[-1.0, 0.2]));
    let y = tape.pointwise(x, |v| f64::from(v > 0.0), |v| 3.0 * v);
    let loss = tape.sum(y);
    tape.backward(loss);
    assert_eq!(tape.value(y), &arr1(&[0.0, 1.0]).into_dyn());
    approx::assert_abs_diff_eq!(tape.gradient(x).unwrap()[[1]], 0.6, epsilon = 1e-15);
}

#[test]
fn a_detached_value_passes_no_gradient() {
    let mut tape = Tape::<f64>::new();
    let x = tape.leaf(&arr1(&[2.0]));
    let cut = tape.detach(x);
    let y = tape.multiply(x, cut);
    let loss = tape.sum(y);
    tape.backward(loss);
    assert_eq!(tape.gradient(x).unwrap()[[0]], 2.0);
}

#[test]
fn gradients_of_a_value_used_twice_add_up() {
    let mut tape = Tape::<f64>::new();
    let x = tape.leaf(&arr1(&[3.0]));
    let y = tape.multiply(x, x);
    let z = tape.add(y, x);
    let loss = tape.sum(z);
    tape.backward(loss);
    assert_eq!(tape.gradient(x).unwrap()[[0]], 7.0);
}

#[test]
fn a_hundred_thousand_steps_do_not_overflow_the_stack() {
    let mut tape = Tape::<f64>::new();
    let x = tape.leaf(&arr1(&[1.0]));
    let mut y = x;
    for _ in 0..100_000 {
        y = tape.offset(y, 1e-6);
    }
    let loss = tape.sum(y);
    tape.backward(loss);
    assert_eq!(tape.gradient(x).unwrap()[[0]], 1.0);
}

#[test]
fn constants_and_unused_leaves_have_no_gradient() {
    let mut tape = Tape::<f64>::new();
    let (x, unused) = (tape.leaf(&arr1(&[1.0])), tape.leaf(&arr1(&[1.0])));
    let c = tape.constant(arr1(&[5.0]));
    let y = tape.multiply(x, c);
    let loss = tape.sum(y);
    tape.backward(loss);
    assert!(tape.gradient(c).is_none() && tape.gradient(unused).is_none());
    assert_eq!(tape.gradient(x).unwrap()[[0]], 5.0);
}

/// y = x³ with x saved, to try the door for fused operations.
#[derive(Debug)]
struct Cube {
    saved: ArrayD<f64>,
}

impl Fused<f64> for Cube {
    fn name(&self) -> &'static str {
        "cube"
    }
    fn backward(&self, p: Pullback<'_, f64>) -> Vec<Option<ArrayD<f64>>> {
        let mut part = p.pool.array(p.gradient.shape());
        ndarray::Zip::from(&mut part)
            .and(p.gradient)
            .and(&self.saved)
            .for_each(|o, &g, &x| *o = 3.0 * g * x * x);
        vec![Some(part)]
    }
    fn recycle(self: Box<Self>, pool: &mut Pool<f64>) {
        pool.give(self.saved);
    }
}

fn cube(tape: &mut Tape<f64>, x: Var) -> Var {
    let ([value], pool) = tape.workspace([x]);
    let mut saved = pool.array(value.shape());
    saved.assign(value);
    let mut out = pool.array(value.shape());
    ndarray::Zip::from(&mut out).and(value).for_each(|o, &x| *o = x * x * x);
    tape.fused(&[x], out, Cube { saved })
}

#[test]
fn a_fused_operation_equals_elementary_ones_and_finite_differences() {
    let x = random(&[4, 3], -1.5, 1.5, 11);
    check(std::slice::from_ref(&x), |tape, x| cube(tape, x[0]));
    let gradient = |f: &dyn Fn(&mut Tape<f64>, Var) -> Var| {
        let mut tape = Tape::new();
        let v = tape.leaf(&x);
        let y = f(&mut tape, v);
        let loss = weighted_sum(&mut tape, y);
        tape.backward(loss);
        tape.gradient(v).unwrap().clone()
    };
    let elementary = gradient(&|tape, x| {
        let square = tape.square(x);
        tape.multiply(square, x)
    });
    approx::assert_abs_diff_eq!(gradient(&cube), elementary, epsilon = 1e-12);
}

#[test]
fn the_cross_entropy_of_equal_scores_is_the_logarithm_of_the_classes() {
    let mut tape = Tape::<f64>::new();
    let scores = tape.leaf(&Array2::from_elem((3, 4), 0.7));
    let loss = tape.cross_entropy(scores, &[3, 0, 2]);
    approx::assert_abs_diff_eq!(tape.value(loss).sum(), 4f64.ln(), epsilon = 1e-15);
}

#[test]
fn buffers_are_reused_between_steps() {
    let mut tape = Tape::<f64>::new();
    let x = random(&[50, 40], -1.0, 1.0, 12);
    let mut allocated = Vec::new();
    for _ in 0..4 {
        let v = tape.leaf(&x);
        let y = cube(&mut tape, v);
        let z = tape.tanh(y);
        // It keeps its derivative.
        let z = tape.pointwise(z, |v| v * v, |v| 2.0 * v);
        let loss = tape.sum(z);
        tape.backward(loss);
        tape.reset();
        allocated.push(tape.pool().allocated_bytes());
    }
    assert_eq!(allocated[1], allocated[3], "allocated bytes after each step: {allocated:?}");
}

#[test]
fn a_wrong_gradient_is_found() {
    let wrong = |tape: &mut Tape<f64>, x: &[Var]| {
        let y = tape.pointwise(x[0], |v| v * v, |v| 2.1 * v);
        tape.sum(y)
    };
    let inputs = [arr2(&[[0.5, 1.0], [2.0, -1.0]]).into_dyn()];
    let found = check::coordinates(wrong, &inputs, Tolerance::default()).unwrap_err();
    assert_eq!((found.input, found.place.as_str()), (0, "element [0, 0]"));
    check::inner_product(wrong, &inputs, 1, 3, Tolerance::default()).unwrap_err();
    // Where so much is allowed: what was compared, and the largest difference, 0.1 · 2.
    let wide = Tolerance { relative: 0.06, ..Tolerance::default() };
    let report = check::coordinates(wrong, &inputs, wide).unwrap();
    assert_eq!(report.compared, 4);
    approx::assert_abs_diff_eq!(report.largest_difference, 0.2, epsilon = 1e-6);
    assert_eq!(check::inner_product(wrong, &inputs, 3, 3, wide).unwrap().compared, 3);
}

#[test]
#[should_panic(expected = "was used on recording")]
fn a_variable_of_an_earlier_recording_is_refused() {
    let mut tape = Tape::<f64>::new();
    let x = tape.leaf(&arr1(&[1.0]));
    tape.reset();
    let _ = tape.value(x);
}

/// y = x² that keeps nothing and can be computed again.
#[derive(Debug)]
struct Square;

fn squared(x: &ArrayD<f64>, pool: &mut Pool<f64>) -> ArrayD<f64> {
    let mut y = pool.array(x.shape());
    ndarray::Zip::from(&mut y).and(x).for_each(|y, &x| *y = x * x);
    y
}

impl Fused<f64> for Square {
    fn name(&self) -> &'static str {
        "square"
    }
    fn backward(&self, p: Pullback<'_, f64>) -> Vec<Option<ArrayD<f64>>> {
        let mut part = p.pool.array(p.gradient.shape());
        // From the output, too: it must be there again.
        assert_eq!(p.output, &p.inputs[0].mapv(|x| x * x));
        ndarray::Zip::from(&mut part).and(p.gradient).and(p.inputs[0]).for_each(|o, &g, &x| *o = 2.0 * g * x);
        vec![Some(part)]
    }
    fn as_recompute(&self) -> Option<&dyn Recompute<f64>> {
        Some(self)
    }
}

impl Recompute<f64> for Square {
    fn recompute(&self, inputs: Inputs<'_, f64>, pool: &mut Pool<f64>) -> ArrayD<f64> {
        squared(inputs.values[0], pool)
    }
}

fn square(tape: &mut Tape<f64>, x: Var) -> Var {
    let ([value], pool) = tape.workspace([x]);
    let y = squared(value, pool);
    tape.fused(&[x], y, Square)
}

/// Eighth powers by three squares; what is forgotten is computed again, one from the other, and used by two.
#[test]
fn what_a_recomputing_tape_forgets_comes_back_for_the_backward_pass() {
    let run = |recompute: bool| {
        let mut tape = Tape::new();
        tape.set_recompute(recompute);
        let x = tape.leaf(&random(&[30], -1.5, 1.5, 13));
        let second = square(&mut tape, x);
        let fourth = square(&mut tape, second);
        tape.forget(second);
        let eighth = square(&mut tape, fourth);
        let product = tape.multiply(fourth, eighth);
        tape.forget(fourth);
        tape.forget(eighth);
        // Neither a leaf nor an operation that cannot be repeated is forgotten.
        tape.forget(x);
        tape.forget(product);
        let loss = tape.sum(product);
        tape.backward(loss);
        (tape.value(loss).clone(), tape.gradient(x).unwrap().clone(), tape.value(product).clone())
    };
    let expected = run(false);
    assert_eq!(run(true), expected);
    // ∂ Σ x¹² / ∂x.
    let twelve = random(&[30], -1.5, 1.5, 13).mapv(|x| 12.0 * x.powi(11));
    approx::assert_relative_eq!(expected.1, twelve, max_relative = 1e-12);
}

/// Every value but the last is forgotten, so that the backward pass begins by computing the whole chain again. Each link
/// takes the one before it twice, as a value with two uses.
#[test]
fn a_forgotten_chain_may_be_longer_than_the_stack_is_deep() {
    let chain = || {
        let mut tape = Tape::new();
        tape.set_recompute(true);
        let x = tape.leaf(&arr1(&[1.0, -1.0]));
        let mut links = vec![x];
        for _ in 0..100_000 {
            let last = links[links.len() - 1];
            let y = tape.value(last).clone();
            links.push(tape.fused(&[last, last], y, First));
        }
        let (last, inner) = links.split_last().unwrap();
        for &link in inner {
            tape.forget(link);
        }
        let loss = tape.sum(*last);
        tape.backward(loss);
        assert_eq!(tape.gradient(x).unwrap().as_slice(), Some(&[1.0, 1.0][..]));
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(chain).unwrap().join().unwrap();
}

/// The first of two inputs.
#[derive(Debug)]
struct First;

impl Fused<f64> for First {
    fn name(&self) -> &'static str {
        "first"
    }
    fn backward(&self, p: Pullback<'_, f64>) -> Vec<Option<ArrayD<f64>>> {
        vec![Some(p.gradient.clone()), None]
    }
    fn as_recompute(&self) -> Option<&dyn Recompute<f64>> {
        Some(self)
    }
}

impl Recompute<f64> for First {
    fn recompute(&self, inputs: Inputs<'_, f64>, _pool: &mut Pool<f64>) -> ArrayD<f64> {
        inputs.values[0].clone()
    }
}

#[test]
fn a_constant_is_taken_back_after_the_backward_pass() {
    let mut tape = Tape::<f64>::new();
    for _ in 0..2 {
        tape.reset();
        let (x, c) = (tape.leaf(&arr1(&[1.0, 2.0])), tape.constant(arr1(&[3.0, 5.0])));
        let product = tape.multiply(x, c);
        let loss = tape.sum(product);
        tape.backward(loss);
        assert_eq!(tape.take(c).as_slice(), Some(&[3.0, 5.0][..]));
        assert_eq!(tape.gradient(x).unwrap().as_slice(), Some(&[3.0, 5.0][..]));
    }
}

#[test]
#[should_panic(expected = "only a constant can be taken, and once")]
fn a_leaf_is_not_taken() {
    let mut tape = Tape::<f64>::new();
    let x = tape.leaf(&arr1(&[1.0]));
    let _ = tape.take(x);
}

#[test]
#[should_panic(expected = "a constant was used that had been taken")]
fn what_was_taken_is_not_used() {
    let mut tape = Tape::<f64>::new();
    let c = tape.constant(arr1(&[1.0]));
    let _ = tape.take(c);
    let _ = tape.workspace([c]);
}

#[test]
#[should_panic(expected = "forgotten")]
fn a_forgotten_value_is_not_read() {
    let mut tape = Tape::new();
    tape.set_recompute(true);
    let x = tape.leaf(&arr1(&[2.0]));
    let y = square(&mut tape, x);
    tape.forget(y);
    let _ = tape.value(y);
}
