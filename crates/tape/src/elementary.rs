//! What elementary operations are, and the loops that compute them.

use crate::{Pool, Real};
use ndarray::{ArrayD, ArrayViewD, Ix2, IxDyn, Zip};

/// An elementary operation with what its gradient needs beyond inputs and output.
#[derive(Debug)]
pub(crate) enum Elementary<F> {
    /// x + y
    Add,
    /// x − y
    Subtract,
    /// x · y
    Multiply,
    /// x / y
    Divide,
    /// −x
    Negate,
    /// c · x
    Scale(F),
    /// x + c
    Offset,
    /// eˣ
    Exp,
    /// ln x
    Ln,
    /// √x
    Sqrt,
    /// x²
    Square,
    /// |x|
    Abs,
    /// tanh x
    Tanh,
    /// 1/(1 + e⁻ˣ)
    Sigmoid,
    /// min(max(x, low), high)
    Clamp(F, F),
    /// x, with no gradient
    Detach,
    /// f(x) element by element, with the stored f'(x)
    Pointwise(ArrayD<F>),
    /// X Y for matrices
    MatrixProduct,
    /// Σ over all elements
    Sum,
    /// Σ over one axis
    SumAxis(usize),
    /// the same elements in another shape
    Reshape,
    /// axes in another order
    Permute(Vec<usize>),
    /// a range of one axis
    Slice(usize, usize),
    /// one after another along an axis
    Concatenate(usize),
    /// softmax along the last axis
    Softmax,
    /// log-softmax along the last axis
    LogSoftmax,
    /// `x[b, labels[b]]`
    Pick(Vec<usize>),
}

impl<F: Real> Elementary<F> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Divide => "divide",
            Self::Negate => "negate",
            Self::Scale(_) => "scale",
            Self::Offset => "offset",
            Self::Exp => "exp",
            Self::Ln => "ln",
            Self::Sqrt => "sqrt",
            Self::Square => "square",
            Self::Abs => "abs",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Clamp(..) => "clamp",
            Self::Detach => "detach",
            Self::Pointwise(_) => "pointwise",
            Self::MatrixProduct => "matrix product",
            Self::Sum => "sum",
            Self::SumAxis(_) => "sum over an axis",
            Self::Reshape => "reshape",
            Self::Permute(_) => "permute",
            Self::Slice(..) => "slice",
            Self::Concatenate(_) => "concatenate",
            Self::Softmax => "softmax",
            Self::LogSoftmax => "log-softmax",
            Self::Pick(_) => "pick",
        }
    }

    pub(crate) fn recycle(self, pool: &mut Pool<F>) {
        if let Self::Pointwise(derivative) = self {
            pool.give(derivative);
        }
    }
}

/// The shape two shapes broadcast to.
#[track_caller]
pub(crate) fn broadcast_shape(name: &str, x: &[usize], y: &[usize]) -> Vec<usize> {
    let rank = x.len().max(y.len());
    let at = |s: &[usize], k: usize| if k + s.len() >= rank { s[k + s.len() - rank] } else { 1 };
    (0..rank)
        .map(|k| match (at(x, k), at(y, k)) {
            (a, b) if a == b => a,
            (1, b) => b,
            (a, 1) => a,
            _ => panic!("{name}: shapes {x:?} and {y:?} do not broadcast"),
        })
        .collect()
}

/// Each element of `x` mapped by `f` into a buffer of the pool.
pub(crate) fn map<F: Real>(pool: &mut Pool<F>, x: &ArrayD<F>, f: impl Fn(F) -> F) -> ArrayD<F> {
    let mut out = pool.array_like(x);
    Zip::from(&mut out).and(x).for_each(|o, &x| *o = f(x));
    out
}

/// Elements of `x` and `y`, broadcast to `shape`, combined by `f` into a buffer of the pool.
pub(crate) fn zip<F: Real>(
    pool: &mut Pool<F>,
    shape: &[usize],
    x: &ArrayD<F>,
    y: &ArrayD<F>,
    f: impl Fn(F, F) -> F,
) -> ArrayD<F> {
    let mut out = pool.array(shape);
    let x = x.broadcast(IxDyn(shape)).expect("the shape was computed from both inputs");
    let y = y.broadcast(IxDyn(shape)).expect("the shape was computed from both inputs");
    Zip::from(&mut out).and(x).and(y).for_each(|o, &x, &y| *o = f(x, y));
    out
}

/// `x` as a matrix, for the operation of this name.
#[track_caller]
pub(crate) fn matrix<'a, F>(name: &str, x: &'a ArrayD<F>) -> ndarray::ArrayView2<'a, F> {
    let shape = x.shape().to_vec();
    x.view()
        .into_dimensionality::<Ix2>()
        .unwrap_or_else(|_| panic!("{name}: a matrix is needed, found shape {shape:?}"))
}

/// Log-softmax of one row, safe for large values.
pub(crate) fn log_softmax_row<F: Real>(row: &[F], out: &mut [F]) {
    let top = row.iter().fold(F::neg_infinity(), |m, &x| m.max(x));
    let total: F = row.iter().map(|&x| (x - top).exp()).sum();
    let shift = top + total.ln();
    for (o, &x) in out.iter_mut().zip(row) {
        *o = x - shift;
    }
}

/// `x` in standard order with another shape.
#[track_caller]
pub(crate) fn standard_reshape<F: Real>(x: &ArrayViewD<'_, F>, shape: &[usize]) -> ArrayD<F> {
    let found = x.shape().to_vec();
    x.as_standard_layout()
        .into_owned()
        .into_shape_with_order(IxDyn(shape))
        .unwrap_or_else(|_| panic!("reshape: {found:?} does not hold the elements of {shape:?}"))
}
