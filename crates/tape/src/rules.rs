//! The gradient of every elementary operation, in one table.
//!
//! Notation: g = ∂L/∂output, x and y the inputs, o the output; each line gives ∂L/∂input.

use crate::elementary::{Elementary, map, standard_reshape, zip};
use crate::{Pool, Pullback, Real};
use ndarray::{Array2, ArrayD, ArrayView2, Axis, Ix2, IxDyn, Slice};

/// Vector-Jacobian products of `op`, one per input.
pub(crate) fn backward<F: Real>(op: &Elementary<F>, p: Pullback<'_, F>) -> Vec<Option<ArrayD<F>>> {
    let Pullback { inputs, output: o, gradient: g, wanted, pool, .. } = p;
    let (zero, one, two) = (F::zero(), F::one(), F::one() + F::one());
    let x = inputs[0];
    let mut each = |other: &ArrayD<F>, f: &dyn Fn(F, F) -> F| vec![Some(zip(pool, g.shape(), g, other, f))];
    match op {
        Elementary::Add => both(pool, inputs, wanted, g, |g, _, _| g, |g, _, _| g),
        Elementary::Subtract => both(pool, inputs, wanted, g, |g, _, _| g, |g, _, _| -g),
        Elementary::Multiply => both(pool, inputs, wanted, g, |g, _, y| g * y, |g, x, _| g * x),
        Elementary::Divide => both(pool, inputs, wanted, g, |g, _, y| g / y, |g, x, y| -g * x / (y * y)),
        Elementary::Negate => vec![Some(map(pool, g, |g| -g))],
        Elementary::Scale(c) => vec![Some(map(pool, g, |g| *c * g))],
        Elementary::Offset => vec![Some(map(pool, g, |g| g))],
        Elementary::Exp => each(o, &|g, o| g * o),
        Elementary::Ln => each(x, &|g, x| g / x),
        Elementary::Sqrt => each(o, &|g, o| g / (two * o)),
        Elementary::Square => each(x, &|g, x| two * g * x),
        Elementary::Abs => each(x, &|g, x| if x == zero { zero } else { g * x.signum() }),
        Elementary::Tanh => each(o, &|g, o| g * (one - o * o)),
        Elementary::Sigmoid => each(o, &|g, o| g * o * (one - o)),
        Elementary::Clamp(low, high) => each(x, &|g, x| if x < *low || x > *high { zero } else { g }),
        Elementary::Detach => vec![None],
        Elementary::Pointwise(slope) => each(slope, &|g, slope| g * slope),
        Elementary::MatrixProduct => {
            let (x, y, g) = (matrix(x), matrix(inputs[1]), matrix(g));
            vec![wanted[0].then(|| product(pool, &g, &y.t())), wanted[1].then(|| product(pool, &x.t(), &g))]
        }
        Elementary::Sum => {
            let g = *g.first().expect("a sum is one number");
            vec![Some(map(pool, x, |_| g))]
        }
        Elementary::SumAxis(axis) => {
            let g = g.clone().insert_axis(Axis(*axis));
            vec![Some(zip(pool, x.shape(), &g, x, |g, _| g))]
        }
        Elementary::Reshape => vec![Some(standard_reshape(&g.view(), x.shape()))],
        Elementary::Permute(axes) => {
            let mut inverse = vec![0; axes.len()];
            axes.iter().enumerate().for_each(|(k, &a)| inverse[a] = k);
            vec![Some(g.view().permuted_axes(IxDyn(&inverse)).as_standard_layout().into_owned())]
        }
        Elementary::Slice(axis, start) => {
            let mut part = pool.array(x.shape());
            part.fill(zero);
            part.slice_axis_mut(Axis(*axis), Slice::from(*start..*start + g.shape()[*axis])).assign(g);
            vec![Some(part)]
        }
        Elementary::Concatenate(axis) => {
            let mut start = 0;
            let part = |x: &&ArrayD<F>| {
                let end = start + x.shape()[*axis];
                let range = Slice::from(start..end);
                start = end;
                Some(g.slice_axis(Axis(*axis), range).as_standard_layout().into_owned())
            };
            inputs.iter().map(part).collect()
        }
        Elementary::Softmax => {
            let dot = (g * o).sum_axis(Axis(o.ndim() - 1)).insert_axis(Axis(o.ndim() - 1));
            vec![Some(o * &(g - &dot))]
        }
        Elementary::LogSoftmax => {
            let total = g.sum_axis(Axis(o.ndim() - 1)).insert_axis(Axis(o.ndim() - 1));
            vec![Some(g - &(o.mapv(F::exp) * &total))]
        }
        Elementary::Pick(labels) => {
            let mut part = pool.array(x.shape());
            part.fill(zero);
            labels.iter().enumerate().for_each(|(b, &c)| part[[b, c]] = g[[b]]);
            vec![Some(part)]
        }
    }
}

/// Gradients of a broadcasting binary operation.
fn both<F: Real>(
    pool: &mut Pool<F>,
    inputs: &[&ArrayD<F>],
    wanted: &[bool],
    g: &ArrayD<F>,
    to_x: impl Fn(F, F, F) -> F,
    to_y: impl Fn(F, F, F) -> F,
) -> Vec<Option<ArrayD<F>>> {
    let x = inputs[0].broadcast(g.dim()).expect("the forward pass broadcast it");
    let y = inputs[1].broadcast(g.dim()).expect("the forward pass broadcast it");
    let mut part = |f: &dyn Fn(F, F, F) -> F, shape: &[usize]| {
        let mut full = pool.array(g.shape());
        ndarray::Zip::from(&mut full).and(g).and(&x).and(&y).for_each(|o, &g, &x, &y| *o = f(g, x, y));
        reduce(full, shape)
    };
    vec![wanted[0].then(|| part(&to_x, inputs[0].shape())), wanted[1].then(|| part(&to_y, inputs[1].shape()))]
}

/// Sums a broadcast gradient back to the shape it was broadcast from.
fn reduce<F: Real>(mut g: ArrayD<F>, shape: &[usize]) -> ArrayD<F> {
    while g.ndim() > shape.len() {
        g = g.sum_axis(Axis(0));
    }
    for (axis, &size) in shape.iter().enumerate() {
        if size == 1 && g.shape()[axis] != 1 {
            g = g.sum_axis(Axis(axis)).insert_axis(Axis(axis));
        }
    }
    g
}

fn matrix<F>(x: &ArrayD<F>) -> ArrayView2<'_, F> {
    x.view().into_dimensionality::<Ix2>().expect("the forward pass took a matrix")
}

fn product<F: Real>(pool: &mut Pool<F>, x: &ArrayView2<'_, F>, y: &ArrayView2<'_, F>) -> ArrayD<F> {
    let buffer = pool.take(x.nrows() * y.ncols());
    let mut out = Array2::from_shape_vec((x.nrows(), y.ncols()), buffer).expect("taken with this length");
    ndarray::linalg::general_mat_mul(F::one(), x, y, F::zero(), &mut out);
    out.into_dyn()
}
