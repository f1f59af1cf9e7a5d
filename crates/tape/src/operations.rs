//! Elementary operations on a tape: the alphabet of formulas, and the oracle for fused operations.
//!
//! Each operation computes its value here; its gradient is one line of the table in `rules.rs`. Binary operations
//! broadcast as ndarray does; gradients of broadcast inputs are summed back to their shape.

use crate::elementary::{Elementary, broadcast_shape, log_softmax_row, map, matrix, standard_reshape, zip};
use crate::{Real, Tape, Var};
use ndarray::{Array, ArrayD, ArrayViewD, Axis, Ix2, IxDyn, Slice};

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
