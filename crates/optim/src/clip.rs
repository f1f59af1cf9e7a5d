//! Clipping of the norm of all gradients together.
//!
//! With n = √(Σ g²) over every entry of every gradient and a limit c, all gradients are multiplied by
//! min(1, c / (n + 1e-6)): Pascanu et al. (2013), arXiv:1211.5063, with the small constant of PyTorch's
//! `clip_grad_norm_`.
//!
//! ```
//! use colearn_optim::{clip_scale, gradient_norm};
//! use ndarray::arr1;
//!
//! let (a, b) = (arr1(&[3.0_f32, 0.0]).into_dyn(), arr1(&[4.0_f32]).into_dyn());
//! let norm = gradient_norm(&[Some(&a), None, Some(&b)]);
//! assert_eq!(norm, 5.0);
//! assert!((clip_scale(norm, 1.0) - 0.2).abs() < 1e-6);
//! assert_eq!(clip_scale(norm, 0.0), 1.0); // a limit of 0: no clipping
//! ```

use colearn_simd::Real;
use ndarray::ArrayD;

/// Euclidean norm of all gradients taken together, summed in f64, in the order of the list and of the indices.
#[must_use]
pub fn gradient_norm<F: Real>(gradients: &[Option<&ArrayD<F>>]) -> f64 {
    let square = |&g: &F| g.as_f64().powi(2);
    gradients.iter().flatten().map(|gradient| gradient.iter().map(square).sum::<f64>()).sum::<f64>().sqrt()
}

/// Factor that brings gradients of norm `norm` down to `limit`; 1 when they are below it or the limit is 0.
#[must_use]
pub fn clip_scale(norm: f64, limit: f64) -> f64 {
    if limit > 0.0 { (limit / (norm + 1e-6)).min(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, ShapeBuilder};

    #[test]
    fn memory_order_does_not_matter() {
        let standard = Array2::from_shape_fn((7, 5), |(i, j)| (1.0 + i as f32 * 0.37) / (2.0 + j as f32));
        let mut other = Array2::zeros((7, 5).f());
        other.assign(&standard);
        let (a, b) = (standard.into_dyn(), other.into_dyn());
        assert_eq!(gradient_norm(&[Some(&a)]).to_bits(), gradient_norm(&[Some(&b)]).to_bits());
    }

    #[test]
    fn small_gradients_are_left_alone_and_large_ones_get_the_limit() {
        for (norm, limit, expected) in [(0.5, 1.0, 1.0), (2.0, 1.0, 0.5), (10.0, 5.0, 0.5), (3.0, 0.0, 1.0)] {
            assert!((clip_scale(norm, limit) - expected).abs() < 1e-6, "{norm} against {limit}");
        }
        assert!(gradient_norm::<f32>(&[None]) <= 0.0);
    }
}
