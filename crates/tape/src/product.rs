//! Matrix products whose long axis is shared out between threads.

use crate::{Pool, Real};
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{ArrayRef2, ArrayView2, ArrayViewMut2, Axis};
use rayon::slice::ParallelSliceMut;

/// Columns of one part of the sum. Fixed: results cannot depend on the number of threads.
const COLUMNS: usize = 3200;

/// `to = left · rightᵀ` for `left` (M, K), `right` (N, K) and `to` (M, N), with K much longer than M and N: the gradient
/// of a weight, summed over steps and samples.
///
/// K is cut into parts of a fixed length, whose products are computed in parallel and added in their order: a product
/// has to bring its operands into another order first, which sharing out rows would repeat for every share.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn over_columns<F: Real>(
    left: &ArrayRef2<F>,
    right: &ArrayRef2<F>,
    to: &mut ArrayRef2<F>,
    pool: &mut Pool<F>,
) {
    assert_eq!(left.ncols(), right.ncols(), "columns of the operands of a product over columns");
    assert_eq!(
        to.dim(),
        (left.nrows(), right.nrows()),
        "rows of the operands and the shape of their product"
    );
    let dim = to.dim();
    let len = (dim.0 * dim.1).max(1);
    to.fill(F::zero());
    if left.is_empty() || right.is_empty() {
        return;
    }
    let mut sums = pool.take(left.ncols().div_ceil(COLUMNS) * len);
    let pairs = left.axis_chunks_iter(Axis(1), COLUMNS).into_par_iter();
    let pairs = pairs.zip(right.axis_chunks_iter(Axis(1), COLUMNS));
    sums.par_chunks_mut(len).zip(pairs).for_each(|(part, (left, right))| {
        let mut part = ArrayViewMut2::from_shape(dim, part).expect("taken with this length");
        general_mat_mul(F::one(), &left, &right.t(), F::zero(), &mut part);
    });
    for part in sums.chunks(len) {
        let part = ArrayView2::from_shape(dim, part).expect("taken with this length");
        to.zip_mut_with(&part, |to, &x| *to += x);
    }
    pool.give_vec(sums);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn the_product_over_columns_is_the_product_whatever_their_number() {
        for columns in [0, 1, COLUMNS - 1, COLUMNS, COLUMNS + 7, 2 * COLUMNS + 1] {
            let matrix = |rows: usize, phase: f64| {
                Array2::from_shape_fn((rows, columns), |(i, k)| ((i * 31 + k) as f64 * 0.7 + phase).sin())
            };
            let (left, right) = (matrix(3, 0.0), matrix(5, 1.0));
            let mut found = Array2::ones((3, 5));
            over_columns(&left, &right, &mut found, &mut Pool::default());
            for ((i, j), &found) in found.indexed_iter() {
                let expected: f64 = left.row(i).iter().zip(right.row(j)).map(|(a, b)| a * b).sum();
                approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-10);
            }
        }
        let (none, some) = (Array2::<f64>::zeros((0, 4)), Array2::zeros((2, 4)));
        over_columns(&none, &some, &mut Array2::zeros((0, 2)), &mut Pool::default());
    }
}
