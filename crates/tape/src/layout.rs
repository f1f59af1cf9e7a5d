//! What the values of a tape are for operations: sequences (T, B, N), matrices, vectors. Inside, operations keep sequences in
//! blocks of samples: see [`crate::sequence`].

use ndarray::{Array3, ArrayD, ArrayView, ArrayView1, ArrayView2, ArrayView3, Dimension, ShapeBuilder};

/// Wraps `data`, which holds each unit's (T, B) values contiguously, as an array of shape (T, B, N): a memory order that
/// comes into blocks without a change of the order of samples.
///
/// # Panics
/// If `data` does not hold exactly T·B·N values.
#[must_use]
pub fn from_units<F>(steps: usize, batch: usize, units: usize, data: Vec<F>) -> Array3<F> {
    assert_eq!(
        data.len(),
        steps * batch * units,
        "{} values for shape ({steps}, {batch}, {units})",
        data.len()
    );
    // Strides of empty axes may not be zero-sized products: a plain order serves there.
    let shape = (steps, batch, units);
    if data.is_empty() {
        return Array3::from_shape_vec(shape, data).expect("an empty array has any shape with a zero");
    }
    Array3::from_shape_vec(shape.strides((batch, 1, steps * batch)), data)
        .expect("the strides cover the data once")
}

/// The value as a sequence (T, B, N).
///
/// # Panics
/// If it has another number of axes.
#[must_use]
#[track_caller]
pub fn sequence<F>(value: &ArrayD<F>) -> ArrayView3<'_, F> {
    with_axes(value, "a sequence (T, B, N)")
}

/// The value as a matrix.
///
/// # Panics
/// If it has another number of axes.
#[must_use]
#[track_caller]
pub fn matrix<F>(value: &ArrayD<F>) -> ArrayView2<'_, F> {
    with_axes(value, "a matrix")
}

/// The value as a vector, one number a unit.
///
/// # Panics
/// If it has another number of axes.
#[must_use]
#[track_caller]
pub fn vector<F>(value: &ArrayD<F>) -> ArrayView1<'_, F> {
    with_axes(value, "a vector (N)")
}

#[track_caller]
fn with_axes<'a, F, D: Dimension>(value: &'a ArrayD<F>, needed: &str) -> ArrayView<'a, F, D> {
    let view = value.view().into_dimensionality::<D>();
    view.unwrap_or_else(|_| panic!("{needed} is needed, found {:?}", value.shape()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_contiguous_and_the_shape_is_public() {
        let array = from_units(2, 3, 4, (0..24).collect());
        assert_eq!(array.dim(), (2, 3, 4));
        assert_eq!(array[[1, 2, 3]], 3 * 6 + 3 + 2);
        assert_eq!(array.permuted_axes([2, 0, 1]).as_slice().unwrap(), (0..24).collect::<Vec<_>>());
    }

    #[test]
    fn empty_sequences_have_their_shape() {
        for (t, b, n) in [(0, 4, 3), (4, 0, 3), (4, 3, 0)] {
            assert_eq!(from_units(t, b, n, Vec::<f32>::new()).dim(), (t, b, n));
        }
    }
}
