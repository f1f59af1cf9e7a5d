//! Unit-major memory order.
//!
//! Sequences have the public shape (T, B, N): time step, sample of the batch, unit. In memory the fused operations
//! keep each unit's (T, B) block contiguous: strides (B, 1, T·B). Per-unit work (a neuron's scan, a normalisation)
//! then runs over contiguous memory with samples in the vector lanes, one unit's parameters are scalars, and threads
//! share out units, so that a unit's sums belong to one of them. Every operation accepts any memory order and
//! copies when it has to.

use crate::{Pool, Real};
use ndarray::{
    Array3, ArrayD, ArrayRef3, ArrayView, ArrayView1, ArrayView2, ArrayView3, CowArray, Dimension, Ix3,
    ShapeBuilder,
};

/// Wraps `data`, which holds each unit's (T, B) block contiguously, as an array of shape (T, B, N).
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

/// All values, unit after unit, each a (T, B) block; `None` if the memory order is another one.
#[must_use]
pub fn units<F>(array: &ArrayRef3<F>) -> Option<&[F]> {
    let view = array.view().permuted_axes([2, 0, 1]);
    view.to_slice()
}

/// All values for writing, unit after unit, each a (T, B) block; `None` if the memory order is another one.
#[must_use]
pub fn units_mut<F>(array: &mut ArrayRef3<F>) -> Option<&mut [F]> {
    array.view_mut().permuted_axes([2, 0, 1]).into_slice()
}

/// The same array in unit-major order: borrowed where it already is, copied into a buffer of `pool` where it is not.
#[must_use]
pub fn to_units<'a, F: Real>(array: &'a ArrayRef3<F>, pool: &mut Pool<F>) -> CowArray<'a, F, Ix3> {
    if units(array).is_some() {
        return array.view().into();
    }
    let (steps, batch, n) = array.dim();
    let mut copy = pool.sequence(steps, batch, n);
    copy.assign(array);
    copy.into()
}

/// Gives the buffer of a copy made by [`to_units`] back to the pool; a borrowed array is left alone.
pub fn release<F: Real>(array: CowArray<'_, F, Ix3>, pool: &mut Pool<F>) {
    if array.is_owned() {
        pool.give(array.into_owned());
    }
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
    use ndarray::Array3;

    #[test]
    fn a_unit_is_contiguous_and_the_shape_is_public() {
        let array = from_units(2, 3, 4, (0..24).collect());
        assert_eq!(array.dim(), (2, 3, 4));
        assert_eq!(array[[1, 2, 3]], 3 * 6 + 3 + 2);
        assert_eq!(units(&array).unwrap(), (0..24).collect::<Vec<_>>());
    }

    #[test]
    fn another_order_is_copied_to_equal_values() {
        let standard = Array3::from_shape_fn((3, 2, 5), |(t, b, n)| (t * 100 + b * 10 + n) as f64);
        assert!(units(&standard).is_none());
        let mut pool = Pool::default();
        let copy = to_units(&standard, &mut pool);
        assert!(units(&copy).is_some());
        assert_eq!(copy, standard);
    }

    #[test]
    fn one_step_or_one_sample_or_one_unit_is_recognised() {
        for (t, b, n) in [(1, 4, 3), (4, 1, 3), (4, 3, 1), (1, 1, 1)] {
            assert!(units(&from_units(t, b, n, vec![0.0f32; t * b * n])).is_some());
        }
    }
}
