//! Buffers that outlive a step.

use crate::{Lanes, Real};
use colearn_simd::{ALIGN_ROOM, aligned_range};
use ndarray::{Array, Array1, Array3, ArrayD, ArrayRef, Dimension, IxDyn, s};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Buffers by length, handed out and given back, so that a loop over equal shapes allocates only once.
#[derive(Debug)]
pub struct Pool<F> {
    values: HashMap<usize, Vec<Vec<F>>>,
    lanes: HashMap<usize, Vec<Vec<Lanes<F>>>>,
    indices: HashMap<usize, Vec<Vec<u32>>>,
    /// Buffers of values handed out and not given back, by length: more than these are not kept.
    lent: HashMap<usize, usize>,
    allocated_bytes: usize,
}

impl<F> Default for Pool<F> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            lanes: HashMap::new(),
            indices: HashMap::new(),
            lent: HashMap::new(),
            allocated_bytes: 0,
        }
    }
}

impl<F: Real> Pool<F> {
    /// A buffer of `len` values left over from an earlier use: write every value before reading one.
    #[must_use]
    pub fn take(&mut self, len: usize) -> Vec<F> {
        *self.lent.entry(len).or_default() += 1;
        if let Some(buffer) = self.values.get_mut(&len).and_then(Vec::pop) {
            return buffer;
        }
        self.allocated_bytes += len * size_of::<F>();
        vec![F::zero(); len]
    }

    /// A buffer of `len` blocks of lanes left over from an earlier use: write every one before reading it.
    #[must_use]
    pub fn take_lanes(&mut self, len: usize) -> Vec<Lanes<F>> {
        if let Some(buffer) = self.lanes.get_mut(&len).and_then(Vec::pop) {
            return buffer;
        }
        self.allocated_bytes += len * size_of::<Lanes<F>>();
        vec![Lanes::default(); len]
    }

    /// A buffer of `len` indices left over from an earlier use: write every one before reading it.
    #[must_use]
    pub fn take_indices(&mut self, len: usize) -> Vec<u32> {
        if let Some(buffer) = self.indices.get_mut(&len).and_then(Vec::pop) {
            return buffer;
        }
        self.allocated_bytes += len * size_of::<u32>();
        vec![0; len]
    }

    /// `len` left-over values that begin at a multiple of 64 bytes, for arrays: sixteen `f32` of a unit then lie in one line of
    /// the cache.
    fn row(&mut self, len: usize) -> Array1<F> {
        let buffer = self.take(len + ALIGN_ROOM);
        let first = aligned_range(&buffer).start;
        Array1::from_vec(buffer).slice_move(s![first..first + len])
    }

    /// An array in standard order with left-over values.
    #[must_use]
    pub fn array(&mut self, shape: &[usize]) -> ArrayD<F> {
        let row = self.row(shape.iter().product());
        row.into_shape_with_order(IxDyn(shape)).expect("the row has the length of the shape")
    }

    /// An array of the shape, and if all of `like` is contiguous of the memory order, of another one, with left-over
    /// values.
    #[must_use]
    pub fn array_like(&mut self, like: &ArrayRef<F, IxDyn>) -> ArrayD<F> {
        let strides: Option<Vec<usize>> = like.strides().iter().map(|s| usize::try_from(*s).ok()).collect();
        let strides = strides.filter(|_| !like.is_empty() && like.as_slice_memory_order().is_some());
        let Some(strides) = strides else { return self.array(like.shape()) };
        let mut axes: Vec<usize> = (0..like.ndim()).collect();
        axes.sort_by_key(|&axis| Reverse(strides[axis]));
        let outermost_first: Vec<usize> = axes.iter().map(|&axis| like.shape()[axis]).collect();
        let mut places = vec![0; axes.len()];
        for (place, &axis) in axes.iter().enumerate() {
            places[axis] = place;
        }
        self.array(&outermost_first).permuted_axes(places)
    }

    /// A (T, B, N) array with left-over values, in the memory order (N, T, B).
    #[must_use]
    pub fn sequence(&mut self, steps: usize, batch: usize, units: usize) -> Array3<F> {
        let row = self.row(steps * batch * units);
        let by_unit =
            row.into_shape_with_order((units, steps, batch)).expect("the row has the length of the shape");
        by_unit.permuted_axes([1, 2, 0])
    }

    /// Takes the buffer of an array that is no longer needed.
    pub fn give<D: Dimension>(&mut self, array: Array<F, D>) {
        self.give_vec(array.into_raw_vec_and_offset().0);
    }

    /// Takes a buffer that is no longer needed. Of each length no more buffers are kept than were handed out: one that
    /// was allocated elsewhere is dropped, so the pool cannot grow from step to step.
    pub fn give_vec(&mut self, buffer: Vec<F>) {
        let lent = self.lent.entry(buffer.len()).or_default();
        if *lent > 0 && !buffer.is_empty() {
            *lent -= 1;
            self.values.entry(buffer.len()).or_default().push(buffer);
        }
    }

    /// Takes a buffer of lanes that is no longer needed.
    pub fn give_lanes(&mut self, buffer: Vec<Lanes<F>>) {
        if !buffer.is_empty() {
            self.lanes.entry(buffer.len()).or_default().push(buffer);
        }
    }

    /// Takes a buffer of indices that is no longer needed.
    pub fn give_indices(&mut self, buffer: Vec<u32>) {
        if !buffer.is_empty() {
            self.indices.entry(buffer.len()).or_default().push(buffer);
        }
    }

    /// Bytes of the buffers that wait in this pool: constant from step to step once a loop has reached its steady state.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let bytes = |lengths: &mut dyn Iterator<Item = (usize, usize)>, size: usize| -> usize {
            lengths.map(|(len, count)| len * count * size).sum()
        };
        bytes(&mut self.values.iter().map(|(len, b)| (*len, b.len())), size_of::<F>())
            + bytes(&mut self.lanes.iter().map(|(len, b)| (*len, b.len())), size_of::<Lanes<F>>())
            + bytes(&mut self.indices.iter().map(|(len, b)| (*len, b.len())), size_of::<u32>())
    }

    /// Bytes this pool has ever allocated: constant once a loop has reached its steady state.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.allocated_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Axis, Slice};

    #[test]
    fn an_array_like_a_contiguous_one_has_its_memory_order() {
        let mut pool = Pool::<f32>::default();
        let like = Array3::zeros((2, 3, 4)).permuted_axes([2, 0, 1]).into_dyn();
        let same = pool.array_like(&like);
        assert_eq!((same.shape(), same.strides()), (like.shape(), like.strides()));
        // With gaps, or empty, it is in standard order.
        for until in [1, 0] {
            let part = like.slice_axis(Axis(0), Slice::from(0..until));
            let found = pool.array_like(&part);
            assert_eq!(found.shape(), part.shape());
            assert!(found.is_standard_layout());
        }
    }

    #[test]
    fn arrays_begin_at_a_line_of_the_cache_and_come_back() {
        let mut pool = Pool::<f32>::default();
        let like = Array3::zeros((2, 3, 5)).permuted_axes([1, 2, 0]).into_dyn();
        for _ in 0..2 {
            let arrays = [
                pool.array(&[7, 3]),
                pool.array_like(&like),
                pool.sequence(4, 3, 5).into_dyn(),
                pool.array(&[]),
            ];
            for array in arrays {
                let first = array.as_slice_memory_order().expect("contiguous").as_ptr();
                assert!(cfg!(miri) || first.addr().is_multiple_of(64), "{:?} at {first:?}", array.shape());
                pool.give(array);
            }
            assert_eq!(pool.held_bytes(), pool.allocated_bytes());
        }
        assert_eq!(pool.allocated_bytes(), 4 * (21 + 30 + 60 + 1 + 4 * ALIGN_ROOM));
    }

    #[test]
    fn a_buffer_given_back_is_used_again() {
        let mut pool = Pool::<f32>::default();
        let first = pool.take(10);
        let address = first.as_ptr();
        pool.give_vec(first);
        let second = pool.take(10);
        assert_eq!(second.as_ptr(), address);
        assert_eq!(pool.allocated_bytes(), 40);
    }

    #[test]
    fn a_buffer_from_elsewhere_is_not_kept() {
        let mut pool = Pool::<f32>::default();
        pool.give_vec(vec![0.0; 10]);
        assert_eq!(pool.held_bytes(), 0);
        let lent = pool.take(10);
        pool.give_vec(vec![0.0; 10]);
        pool.give_vec(lent);
        assert_eq!(pool.held_bytes(), 40);
    }

    #[test]
    fn lanes_and_indices_have_their_length_and_are_counted_and_used_again() {
        let mut pool = Pool::<f32>::default();
        let (lanes, indices, values) = (pool.take_lanes(3), pool.take_indices(5), pool.take(7));
        assert_eq!((lanes.len(), indices.len(), values.len()), (3, 5, 7));
        let bytes = 3 * size_of::<Lanes<f32>>() + 5 * size_of::<u32>() + 7 * size_of::<f32>();
        assert_eq!((pool.allocated_bytes(), pool.held_bytes()), (bytes, 0));

        let addresses = (lanes.as_ptr(), indices.as_ptr());
        pool.give_lanes(lanes);
        pool.give_indices(indices);
        pool.give_vec(values);
        assert_eq!((pool.allocated_bytes(), pool.held_bytes()), (bytes, bytes));
        let (lanes, indices) = (pool.take_lanes(3), pool.take_indices(5));
        assert_eq!((lanes.as_ptr(), indices.as_ptr()), addresses);
        assert_eq!((pool.allocated_bytes(), pool.held_bytes()), (bytes, 7 * size_of::<f32>()));

        // Two of one length count twice, and empty ones not at all.
        let (first, second) = (pool.take_lanes(2), pool.take_lanes(2));
        pool.give_lanes(first);
        pool.give_lanes(second);
        pool.give_lanes(Vec::new());
        pool.give_indices(Vec::new());
        assert_eq!(pool.held_bytes(), 4 * size_of::<Lanes<f32>>() + 7 * size_of::<f32>());
    }
}
