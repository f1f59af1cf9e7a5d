//! Between sequences, a unit's steps side by side, and the blocks of recurrent scans, a step's units side by side.

use colearn_neurons::driver::Drives;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{LANES, Lanes, Real, SequenceShape};
use ndarray::parallel::prelude::*;
use ndarray::{ArrayViewMut2, Axis};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

/// Units that a task of [`pack`] and [`unpack`] handles.
const TASK_UNITS: usize = 8;

/// A sequence as (block, T, N), the units of a step side by side, with what turns inputs into currents.
pub(super) fn pack<F: Real>(from: &[F], shape: SequenceShape, drives: Drives<'_, F>, to: &mut [Lanes<F>]) {
    let blocks = from.par_chunks(shape.block_len());
    to.par_chunks_mut(shape.steps * shape.units).zip(blocks).for_each(|(to, from)| {
        let mut to =
            ArrayViewMut2::from_shape((shape.steps, shape.units), to).expect("a block of a sequence");
        let tasks = to.axis_chunks_iter_mut(Axis(1), TASK_UNITS).into_par_iter();
        tasks.zip(from.par_chunks(TASK_UNITS * shape.unit_len())).enumerate().for_each(
            |(task, (to, from))| {
                dispatch(Pack { from, drives, first: task * TASK_UNITS, to });
            },
        );
    });
}

/// Some units of a block: [`pack`].
struct Pack<'a, F> {
    /// (unit, step, lane).
    from: &'a [F],
    drives: Drives<'a, F>,
    /// Number of the first unit.
    first: usize,
    /// (step, unit).
    to: ArrayViewMut2<'a, Lanes<F>>,
}

impl<F: Real> Kernel for Pack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { from, drives, first, mut to } = self;
        let (steps, rows) = (to.nrows(), from.as_chunks::<LANES>().0);
        for (t, row) in to.rows_mut().into_iter().enumerate() {
            let row = row.into_slice().expect("units lie side by side");
            for (n, lanes) in row.iter_mut().enumerate() {
                lanes.0 = rows[n * steps + t];
                if let Some((scale, shift)) = drives {
                    *lanes = *lanes * Lanes::splat(scale[first + n]) + Lanes::splat(shift[first + n]);
                }
            }
        }
    }
}

/// (block, T, N) as a sequence, with zeros in lanes without a sample.
pub(crate) fn unpack<F: Real>(packed: &[Lanes<F>], shape: SequenceShape, to: &mut [F]) {
    let blocks = packed.par_chunks(shape.steps * shape.units).enumerate();
    to.par_chunks_mut(shape.block_len()).zip(blocks).for_each(|(to, (k, packed))| {
        let tasks = to.par_chunks_mut(TASK_UNITS * shape.unit_len()).enumerate();
        tasks.for_each(|(task, to)| {
            let (first, samples) = (task * TASK_UNITS, shape.samples(k));
            dispatch(Unpack { packed, units: shape.units, first, samples, to });
        });
    });
}

/// Some units of a block: [`unpack`].
struct Unpack<'a, F> {
    /// (step, unit).
    packed: &'a [Lanes<F>],
    units: usize,
    /// Number of the first unit.
    first: usize,
    /// Lanes that hold a sample.
    samples: usize,
    /// (unit, step, lane).
    to: &'a mut [F],
}

impl<F: Real> Kernel for Unpack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { packed, units, first, samples, to } = self;
        let (steps, rows) = (packed.len() / units, to.as_chunks_mut::<LANES>().0);
        for (t, step) in packed.chunks_exact(units).enumerate() {
            for (n, lanes) in step[first..].iter().take(rows.len() / steps).enumerate() {
                let row = &mut rows[n * steps + t];
                *row = lanes.0;
                if samples < LANES {
                    row[samples..].fill(F::zero());
                }
            }
        }
    }
}
