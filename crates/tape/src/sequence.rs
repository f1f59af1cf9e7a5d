//! Sequences in blocks of sixteen samples: the one layout between operations.
//!
//! A batch of B samples is cut into ⌈B/16⌉ blocks of [`LANES`] samples, and a sequence has the shape (block, unit, step,
//! lane) in standard order: of one unit and block the steps lie one after another, each a row of sixteen samples, which is
//! one cache line of `f32`. A block of a layer is contiguous, so that an operation's work on it stays in the cache, a
//! unit's parameters are scalars beside its rows, and no sample needs another one's block.
//!
//! **What lies in lanes without a sample is zero**, in values and in gradients: sums over lanes need no mask. Operations
//! that turn zeros into something else (a neuron, a normalisation) write the zeros themselves.
//!
//! Spikes lie in the same order with a bit for each value ([`Spikes`]): what neurons send to synapses is zero or one
//! amplitude, and a signal that says so is neither searched for it nor carried through memory as floats.
//!
//! At the borders of a crate a sequence is an array (T, B, N): step, sample, unit. Functions that record take either: see
//! [`Signal`].

mod spikes;

pub use crate::border::{SequenceVar, Signal};
use crate::{LANES, Pool, Real};
use colearn_simd::{Kernel, Level, copy_row, dispatch};
use ndarray::parallel::prelude::*;
use ndarray::{Array3, Array4, ArrayD, ArrayRef3, ArrayView3, ArrayView4, Axis, Ix4, s};
use rayon::slice::{ParallelSlice, ParallelSliceMut};
pub use spikes::{SequenceValues, Spikes};

/// The size of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceShape {
    /// T.
    pub steps: usize,
    /// B, the samples.
    pub batch: usize,
    /// N.
    pub units: usize,
}

impl SequenceShape {
    /// The shape of a value (block, unit, step, lane) that holds `batch` samples.
    ///
    /// # Panics
    /// If the value has other axes, or another number of blocks.
    #[must_use]
    #[track_caller]
    pub fn of<F>(value: &ArrayD<F>, batch: usize) -> Self {
        let &[blocks, units, steps, lanes] = value.shape() else {
            panic!("a sequence (block, unit, step, lane) is needed, found {:?}", value.shape())
        };
        let expected = (batch.div_ceil(LANES), LANES);
        assert_eq!((blocks, lanes), expected, "blocks and lanes of {batch} samples");
        Self { steps, batch, units }
    }

    /// The shape of an array (T, B, N).
    #[must_use]
    pub fn of_array<F>(array: &ArrayRef3<F>) -> Self {
        let (steps, batch, units) = array.dim();
        Self { steps, batch, units }
    }

    /// The same steps and samples of another number of units.
    #[must_use]
    pub fn with_units(self, units: usize) -> Self {
        Self { units, ..self }
    }

    /// Blocks of samples.
    #[must_use]
    pub fn blocks(self) -> usize {
        self.batch.div_ceil(LANES)
    }

    /// Samples of a block: [`LANES`], or fewer in the last one.
    #[must_use]
    pub fn samples(self, block: usize) -> usize {
        (self.batch - block * LANES).min(LANES)
    }

    /// Floats of one unit of a block.
    #[must_use]
    pub fn unit_len(self) -> usize {
        self.steps * LANES
    }

    /// Floats of a block.
    #[must_use]
    pub fn block_len(self) -> usize {
        self.units * self.unit_len()
    }

    /// Floats of the sequence, lanes without a sample included.
    #[must_use]
    pub fn len(self) -> usize {
        self.blocks() * self.block_len()
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Values of one unit: T·B.
    #[must_use]
    pub fn values(self) -> usize {
        self.steps * self.batch
    }

    /// (block, unit, step, lane).
    #[must_use]
    pub fn dim(self) -> [usize; 4] {
        [self.blocks(), self.units, self.steps, LANES]
    }
}

/// A sequence outside of a tape.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence<F> {
    /// (block, unit, step, lane), in standard order.
    values: Array4<F>,
    batch: usize,
}

impl<F: Real> Sequence<F> {
    /// A sequence with left-over values.
    #[must_use]
    pub fn taken(shape: SequenceShape, pool: &mut Pool<F>) -> Self {
        let values = pool.array(&shape.dim()).into_dimensionality().expect("made with four axes");
        Self { values, batch: shape.batch }
    }

    /// The samples of an array (T, B, N) of any memory order.
    #[must_use]
    pub fn from_array(array: &ArrayRef3<F>, pool: &mut Pool<F>) -> Self {
        let shape = SequenceShape::of_array(array);
        let mut sequence = Self::taken(shape, pool);
        let by_unit = array.view().permuted_axes([2, 0, 1]);
        if let Some(values) = by_unit.to_slice() {
            // A unit's steps and samples lie one after another: read once, in order.
            let units = by_unit_mut(sequence.values_mut(), shape).into_par_iter();
            units.zip(values.par_chunks(shape.values().max(1))).for_each(|(blocks, values)| {
                dispatch(FromUnit { values, batch: shape.batch, blocks });
            });
        } else {
            let blocks = sequence.values_mut().par_chunks_mut(shape.block_len().max(1)).enumerate();
            blocks.for_each(|(k, block)| {
                let last = shape.batch.min((k + 1) * LANES);
                into_block(&array.slice(s![.., k * LANES..last, ..]), block.as_chunks_mut().0);
            });
        }
        sequence
    }

    /// The samples as an array (T, B, N), in the memory order (N, T, B).
    #[must_use]
    pub fn to_array(&self, pool: &mut Pool<F>) -> Array3<F> {
        from_blocks(&self.values.view(), self.batch, pool)
    }

    /// What `f` makes of an array (T, B, N) as a sequence, as an array again: the border of an operation.
    pub fn over_array(
        array: &ArrayRef3<F>,
        pool: &mut Pool<F>,
        f: impl FnOnce(&Self, &mut Pool<F>) -> Self,
    ) -> Array3<F> {
        let input = Self::from_array(array, pool);
        let output = f(&input, pool);
        let array = output.to_array(pool);
        input.recycle(pool);
        output.recycle(pool);
        array
    }

    /// Its size.
    #[must_use]
    pub fn shape(&self) -> SequenceShape {
        let (_, units, steps, _) = self.values.dim();
        SequenceShape { steps, batch: self.batch, units }
    }

    /// All values, block after block.
    #[must_use]
    pub fn values(&self) -> &[F] {
        self.values.as_slice().expect("sequences are in standard order")
    }

    /// All values for writing, block after block.
    #[must_use]
    pub fn values_mut(&mut self) -> &mut [F] {
        self.values.as_slice_mut().expect("sequences are in standard order")
    }

    /// The values as a tape has them.
    #[must_use]
    pub fn into_value(self) -> ArrayD<F> {
        self.values.into_dyn()
    }

    /// Gives the buffer back.
    pub fn recycle(self, pool: &mut Pool<F>) {
        pool.give(self.values);
    }
}

/// The rows of each unit, block after block, of a sequence that is written to.
#[must_use]
pub fn by_unit_mut<F>(values: &mut [F], shape: SequenceShape) -> Vec<Vec<&mut [F]>> {
    let mut units: Vec<Vec<_>> = (0..shape.units).map(|_| Vec::with_capacity(shape.blocks())).collect();
    for (place, rows) in values.chunks_exact_mut(shape.unit_len().max(1)).enumerate() {
        units[place % shape.units].push(rows);
    }
    units
}

/// One unit of an array in the memory order (N, T, B).
struct FromUnit<'a, 'b, F> {
    /// (step, sample).
    values: &'a [F],
    batch: usize,
    /// Its rows, block after block.
    blocks: Vec<&'b mut [F]>,
}

impl<F: Real> Kernel for FromUnit<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { values, batch, mut blocks } = self;
        for (t, samples) in values.chunks_exact(batch).enumerate() {
            for (to, samples) in blocks.iter_mut().zip(samples.chunks(LANES)) {
                copy_row(samples, samples.len(), &mut to.as_chunks_mut::<LANES>().0[t]);
            }
        }
    }
}

/// Copies the samples (step, sample, unit) of a block to the rows (unit, step).
fn into_block<F: Real>(samples: &ArrayView3<'_, F>, rows: &mut [[F; LANES]]) {
    let (steps, count, _) = samples.dim();
    for (t, samples) in samples.outer_iter().enumerate() {
        for lane in 0..LANES {
            let to = rows.iter_mut().skip(t).step_by(steps);
            if lane < count {
                to.zip(samples.row(lane)).for_each(|(row, &x)| row[lane] = x);
            } else {
                to.for_each(|row| row[lane] = F::zero());
            }
        }
    }
}

/// The samples of blocks as an array (T, B, N), in the memory order (N, T, B).
pub(crate) fn from_blocks<F: Real>(
    values: &ArrayView4<'_, F>,
    batch: usize,
    pool: &mut Pool<F>,
) -> Array3<F> {
    let (_, units, steps, _) = values.dim();
    let mut array = pool.sequence(steps, batch, units);
    let units = array.axis_iter_mut(Axis(2)).into_par_iter();
    units.zip(values.axis_iter(Axis(1)).into_par_iter()).for_each(|(mut to, from)| {
        for (mut to, from) in to.axis_chunks_iter_mut(Axis(1), LANES).zip(from.outer_iter()) {
            let samples = to.ncols();
            to.assign(&from.slice(s![.., ..samples]));
        }
    });
    array
}

/// The values of a sequence on a tape, block after block, as slices.
///
/// # Panics
/// If the memory order is not the standard one: sequences have no other.
#[must_use]
#[track_caller]
pub fn values<F>(value: &ArrayD<F>) -> &[F] {
    value.as_slice().expect("sequences are in standard order")
}

/// A sequence's values as (block, unit, step, lane).
///
/// # Panics
/// If the value has other axes.
#[must_use]
#[track_caller]
pub fn blocks<F>(value: &ArrayD<F>) -> ArrayView4<'_, F> {
    value.view().into_dimensionality::<Ix4>().unwrap_or_else(|_| {
        panic!("a sequence (block, unit, step, lane) is needed, found {:?}", value.shape())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tape, Var};

    fn array(steps: usize, batch: usize, units: usize) -> Array3<f64> {
        Array3::from_shape_fn((steps, batch, units), |(t, b, n)| (t * 10_000 + b * 100 + n + 1) as f64)
    }

    #[test]
    fn samples_lie_in_their_lanes_and_the_other_lanes_are_zero() {
        for (steps, batch, units) in [(3, 21, 4), (2, 16, 1), (1, 1, 2), (4, 33, 3), (0, 5, 2), (2, 0, 2)] {
            let array = array(steps, batch, units);
            let orders = [
                array.clone(),
                array.permuted_axes([2, 0, 1]).as_standard_layout().to_owned().permuted_axes([1, 2, 0]),
            ];
            for array in orders {
                let mut pool = Pool::default();
                pool.give_vec(vec![9.0; 8]);
                let sequence = Sequence::from_array(&array, &mut pool);
                let shape = sequence.shape();
                assert_eq!(shape, SequenceShape { steps, batch, units });
                assert_eq!(sequence.values().len(), shape.len());
                let expected: Vec<f64> = (0..shape.len())
                    .map(|at| {
                        let (row, lane) = (at / LANES, at % LANES);
                        let (t, n, k) = (row % steps, row / steps % units, row / steps / units);
                        let b = k * LANES + lane;
                        if b < batch { array[[t, b, n]] } else { 0.0 }
                    })
                    .collect();
                assert_eq!(sequence.values(), expected);
                assert_eq!(sequence.to_array(&mut pool), array);
            }
        }
    }

    #[test]
    fn gradients_come_back_in_the_order_of_the_array() {
        let mut tape = Tape::new();
        let x = tape.leaf(&array(3, 19, 2));
        let weights = tape.constant(array(3, 19, 2).mapv(f64::sqrt));
        let sequence = x.enter(&mut tape);
        let y = Var::leave(sequence, &mut tape);
        let weighted = tape.multiply(y, weights);
        let loss = tape.sum(weighted);
        tape.backward(loss);
        assert_eq!(tape.gradient(x).expect("a leaf"), tape.value(weights));
        assert_eq!(sequence.to_array(&tape), array(3, 19, 2));
    }
}
