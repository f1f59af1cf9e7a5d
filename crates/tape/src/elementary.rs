//! Elementary operations: the alphabet of formulas, and the oracle for fused operations.
//!
//! Each operation computes its value here; its gradient is one line of the table in `rules.rs`. Binary operations
//! broadcast as ndarray does; gradients of broadcast inputs are summed back to their shape.

use crate::{Pool, Real, Tape, Var};
use ndarray::{Array, ArrayD, ArrayViewD, Axis, Ix2, IxDyn, Slice, Zip};

/// An elementary operation with what its gradient needs beyond inputs and output.
#[derive(Debug)]
pub enum Elementary<F> {
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
fn broadcast_shape(name: &str, x: &[usize], y: &[usize]) -> Vec<usize> {
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

fn matrix<'a, F>(name: &str, x: &'a ArrayD<F>) -> ndarray::ArrayView2<'a, F> {
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

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident, $op:expr, $f:expr;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Panics
            /// If the input belongs to another tape or an earlier recording.
            #[track_caller]
            pub fn $name(&mut self, x: Var) -> Var {
                let ([x_value], pool) = self.workspace([x]);
                let value = map(pool, x_value, $f);
                self.elementary(&[x], value, $op)
            }
        )*
    };
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident, $op:expr, $f:expr;)*) => {
        $(
            $(#[$doc])*
            /// The shapes broadcast.
            ///
            /// # Panics
            /// If the shapes do not broadcast, or an input belongs to another tape or an earlier recording.
            #[track_caller]
            pub fn $name(&mut self, x: Var, y: Var) -> Var {
                let ([x_value, y_value], pool) = self.workspace([x, y]);
                let shape = broadcast_shape(stringify!($name), x_value.shape(), y_value.shape());
                let value = zip(pool, &shape, x_value, y_value, $f);
                self.elementary(&[x, y], value, $op)
            }
        )*
    };
}

/// Element-wise operations.
impl<F: Real> Tape<F> {
    binary! {
        /// x + y.
        add, Elementary::Add, |x, y| x + y;
        /// x − y.
        subtract, Elementary::Subtract, |x, y| x - y;
        /// x · y, element by element.
        multiply, Elementary::Multiply, |x, y| x * y;
        /// x / y, element by element.
        divide, Elementary::Divide, |x, y| x / y;
    }

    unary! {
        /// −x.
        negate, Elementary::Negate, |x: F| -x;
        /// eˣ.
        exp, Elementary::Exp, F::exp;
        /// The natural logarithm.
        ln, Elementary::Ln, F::ln;
        /// √x.
        sqrt, Elementary::Sqrt, F::sqrt;
        /// x².
        square, Elementary::Square, |x: F| x * x;
        /// |x|, with derivative 0 at 0.
        abs, Elementary::Abs, F::abs;
        /// tanh x.
        tanh, Elementary::Tanh, F::tanh;
        /// 1/(1 + e⁻ˣ).
        sigmoid, Elementary::Sigmoid, |x: F| F::one() / (F::one() + (-x).exp());
        /// x itself, but no gradient flows back through it.
        detach, Elementary::Detach, |x: F| x;
    }

    /// c · x.
    ///
    /// # Panics
    /// If the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn scale(&mut self, x: Var, c: F) -> Var {
        let ([value], pool) = self.workspace([x]);
        let value = map(pool, value, |x| c * x);
        self.elementary(&[x], value, Elementary::Scale(c))
    }

    /// x + c.
    ///
    /// # Panics
    /// If the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn offset(&mut self, x: Var, c: F) -> Var {
        let ([value], pool) = self.workspace([x]);
        let value = map(pool, value, |x| x + c);
        self.elementary(&[x], value, Elementary::Offset)
    }

    /// x clamped to [`low`, `high`]; the derivative is 1 inside and on the bounds, 0 outside.
    ///
    /// # Panics
    /// If the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn clamp(&mut self, x: Var, low: F, high: F) -> Var {
        let ([value], pool) = self.workspace([x]);
        let value = map(pool, value, |x| x.max(low).min(high));
        self.elementary(&[x], value, Elementary::Clamp(low, high))
    }

    /// f(x) element by element with a derivative of the caller's choice: a spike with its surrogate, for example.
    ///
    /// # Panics
    /// If the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn pointwise(&mut self, x: Var, f: impl Fn(F) -> F, derivative: impl Fn(F) -> F) -> Var {
        let ([value], pool) = self.workspace([x]);
        let slope = map(pool, value, derivative);
        let value = map(pool, value, f);
        self.elementary(&[x], value, Elementary::Pointwise(slope))
    }
}

/// Products, sums, shapes and classes.
impl<F: Real> Tape<F> {
    /// X Y for matrices: M×K · K×N → M×N.
    ///
    /// # Panics
    /// If an input is no matrix, the inner sizes differ, or an input belongs to another tape or recording.
    #[track_caller]
    pub fn matrix_product(&mut self, x: Var, y: Var) -> Var {
        let ([x_value, y_value], pool) = self.workspace([x, y]);
        let (a, b) = (matrix("matrix product", x_value), matrix("matrix product", y_value));
        assert_eq!(a.ncols(), b.nrows(), "matrix product: shapes {:?} and {:?}", a.shape(), b.shape());
        let mut value = pool.array(&[a.nrows(), b.ncols()]);
        let mut out = value.view_mut().into_dimensionality::<Ix2>().expect("made with two axes");
        ndarray::linalg::general_mat_mul(F::one(), &a, &b, F::zero(), &mut out);
        self.elementary(&[x, y], value, Elementary::MatrixProduct)
    }

    /// Σ over all elements, shape ().
    ///
    /// # Panics
    /// If the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn sum(&mut self, x: Var) -> Var {
        let value = ndarray::arr0(self.value(x).sum()).into_dyn();
        self.elementary(&[x], value, Elementary::Sum)
    }

    /// Σ over one axis, which disappears.
    ///
    /// # Panics
    /// If there is no such axis, or the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn sum_axis(&mut self, x: Var, axis: usize) -> Var {
        let value = self.value(x).sum_axis(Axis(axis));
        self.elementary(&[x], value, Elementary::SumAxis(axis))
    }

    /// The same elements, in standard order, in another shape.
    ///
    /// # Panics
    /// If the number of elements differs, or the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn reshape(&mut self, x: Var, shape: &[usize]) -> Var {
        let value = standard_reshape(&self.value(x).view(), shape);
        self.elementary(&[x], value, Elementary::Reshape)
    }

    /// Axes in another order: axis k of the result is axis `axes[k]` of the input.
    ///
    /// # Panics
    /// If `axes` is no permutation, or the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn permute(&mut self, x: Var, axes: &[usize]) -> Var {
        let value = self.value(x).view().permuted_axes(IxDyn(axes)).as_standard_layout().into_owned();
        self.elementary(&[x], value, Elementary::Permute(axes.to_vec()))
    }

    /// Elements `start..start + len` of one axis.
    ///
    /// # Panics
    /// If the range leaves the axis, or the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn slice(&mut self, x: Var, axis: usize, start: usize, len: usize) -> Var {
        let value = self.value(x).slice_axis(Axis(axis), Slice::from(start..start + len)).to_owned();
        self.elementary(&[x], value, Elementary::Slice(axis, start))
    }

    /// The inputs one after another along `axis`.
    ///
    /// # Panics
    /// If shapes differ elsewhere, there is no input, or one belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn concatenate(&mut self, inputs: &[Var], axis: usize) -> Var {
        let views: Vec<ArrayViewD<'_, F>> = inputs.iter().map(|&x| self.value(x).view()).collect();
        let value = ndarray::concatenate(Axis(axis), &views)
            .unwrap_or_else(|e| panic!("concatenate along axis {axis}: {e}"))
            .as_standard_layout()
            .into_owned();
        self.elementary(inputs, value, Elementary::Concatenate(axis))
    }

    /// Softmax along the last axis.
    ///
    /// # Panics
    /// If the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn softmax(&mut self, x: Var) -> Var {
        let value = self.log_softmax_value(x).mapv_into(F::exp);
        self.elementary(&[x], value, Elementary::Softmax)
    }

    /// Log-softmax along the last axis.
    ///
    /// # Panics
    /// If the input belongs to another tape or an earlier recording.
    #[track_caller]
    pub fn log_softmax(&mut self, x: Var) -> Var {
        let value = self.log_softmax_value(x);
        self.elementary(&[x], value, Elementary::LogSoftmax)
    }

    #[track_caller]
    fn log_softmax_value(&self, x: Var) -> ArrayD<F> {
        let mut value = self.value(x).as_standard_layout().into_owned();
        for mut row in value.rows_mut() {
            let copy = row.to_vec();
            log_softmax_row(&copy, row.as_slice_mut().expect("rows of a standard array are contiguous"));
        }
        value
    }

    /// `x[b, labels[b]]` for x of shape (B, C): shape (B).
    ///
    /// # Panics
    /// If x is no matrix with a row a label, a label is out of range, or the input belongs to another recording.
    #[track_caller]
    pub fn pick(&mut self, x: Var, labels: &[usize]) -> Var {
        let scores = matrix("pick", self.value(x));
        assert_eq!(scores.nrows(), labels.len(), "pick: rows and labels");
        let value = Array::from_iter(labels.iter().enumerate().map(|(b, &c)| scores[[b, c]])).into_dyn();
        self.elementary(&[x], value, Elementary::Pick(labels.to_vec()))
    }

    /// Mean cross-entropy of scores (B, C) against labels: −1/B Σ_b `log_softmax(x)[b, labels[b]]`.
    ///
    /// # Panics
    /// As [`Tape::pick`].
    #[track_caller]
    pub fn cross_entropy(&mut self, scores: Var, labels: &[usize]) -> Var {
        let log_probability = self.log_softmax(scores);
        let picked = self.pick(log_probability, labels);
        let total = self.sum(picked);
        self.scale(total, -F::one() / F::of(labels.len() as f64))
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
