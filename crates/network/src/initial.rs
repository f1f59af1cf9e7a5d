//! Random initial values of matrices, drawn in `f64`.

use ndarray::{Array1, Array2};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::{StandardNormal, Uniform};
use rand_chacha::ChaCha8Rng;

/// Uniform in ±`limit`.
pub(crate) fn uniform(shape: (usize, usize), limit: f64, rng: &mut ChaCha8Rng) -> Array2<f64> {
    let range = Uniform::new_inclusive(-limit, limit).expect("the limit is finite and above zero");
    Array2::random_using(shape, range, rng)
}

/// A random orthogonal matrix of N rows, the usual start of recurrent weights without spikes (Ravanelli et al. 2018,
/// Bittar & Garner 2022): normally distributed rows, made orthogonal one after the other (Gram–Schmidt). Work: N³.
pub(crate) fn orthogonal(n: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    let mut matrix = Array2::random_using((n, n), StandardNormal, rng);
    for k in 0..n {
        let (done, mut rest) = matrix.view_mut().split_at(ndarray::Axis(0), k);
        let mut row = rest.row_mut(0);
        // Twice: what rounding left over after the first pass is gone after the second.
        for _ in 0..2 {
            let shares: Array1<f64> = done.dot(&row);
            row -= &shares.dot(&done);
        }
        let length = row.dot(&row).sqrt();
        row /= length;
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn rows_of_an_orthogonal_matrix_are_orthogonal_and_of_length_one() {
        for n in [1, 2, 17, 64] {
            let matrix = orthogonal(n, &mut ChaCha8Rng::seed_from_u64(3));
            let product = matrix.dot(&matrix.t());
            approx::assert_abs_diff_eq!(product, Array2::eye(n), epsilon = 1e-12);
        }
    }
}
