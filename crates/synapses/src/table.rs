//! The taps of a layer or of some of its inputs, in buffers of the pool.

use crate::interpolation::{EPSILON, Taps, two_taps};
use crate::lag_kernels::TapTable;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{Buffers, Pool, Real};
use ndarray::ArrayRef2;
use rayon::prelude::*;

/// Rows that one task fills.
pub(crate) const TASK_ROWS: usize = 8;

/// Near and far weight and lag of the synapses; a row holds the synapses of one unit.
#[derive(Debug)]
pub(crate) struct Table<F> {
    near: Vec<F>,
    far: Vec<F>,
    lag: Vec<u32>,
    /// Entries in use.
    len: usize,
    /// Length of a row.
    pub(crate) width: usize,
}

/// What the taps of a layer come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Synapses<'a, F> {
    /// W (I, J).
    pub(crate) weight: &'a ArrayRef2<F>,
    /// d (I, J), as stored.
    pub(crate) delay: &'a ArrayRef2<F>,
    pub(crate) max_delay: usize,
    pub(crate) taps: Taps,
}

impl<F: Real> Synapses<'_, F> {
    /// Near and far weight and lag of one synapse.
    #[inline(always)]
    pub(crate) fn taps(&self, input: usize, output: usize) -> (F, F, u32) {
        let (lag, share) = position(self.delay[[input, output]], self.max_delay, self.taps);
        let weight = self.weight[[input, output]] * scale::<F>();
        let lag = u32::try_from(lag).expect("delays are far shorter than 2³² steps");
        (weight * (F::one() - share), weight * share, lag)
    }
}

impl<F: Real> Table<F> {
    /// A table in buffers of `room` entries: the number of inputs changes from step to step, and the pool keeps buffers by
    /// their length.
    fn empty(rows: usize, width: usize, room: usize, pool: &mut Pool<F>) -> Self {
        let len = rows * width;
        Self { near: pool.take(room), far: pool.take(room), lag: pool.take_indices(room), len, width }
    }

    /// What a table with room for so many synapses takes.
    pub(crate) fn buffers(room: usize) -> Buffers {
        Buffers::values(room).and(Buffers::values(room)).and(Buffers::indices(room))
    }

    /// Fills every entry with what `entry(row, column)` returns: near, far, lag.
    fn fill(&mut self, entry: impl Fn(usize, usize) -> (F, F, u32) + Sync) {
        let (width, task) = (self.width, TASK_ROWS * self.width.max(1));
        let len = self.len;
        let parts = self.near[..len].par_chunks_mut(task).zip(self.far[..len].par_chunks_mut(task));
        parts.zip(self.lag[..len].par_chunks_mut(task)).enumerate().for_each(|(k, ((near, far), lag))| {
            dispatch(Fill { near, far, lag, first: k * TASK_ROWS, width, entry: &entry });
        });
    }

    /// One row per output unit, with the synapses from `inputs`, in that order.
    pub(crate) fn by_output(synapses: Synapses<'_, F>, inputs: &[u32], pool: &mut Pool<F>) -> Self {
        let mut table = Self::empty(synapses.weight.ncols(), inputs.len(), synapses.weight.len(), pool);
        table.fill(|output, place| synapses.taps(inputs[place] as usize, output));
        table
    }

    /// One row per output unit of the layer's (I, J) `shape`, with what `synapse(input, output)` says.
    pub(crate) fn whole(
        (inputs, outputs): (usize, usize),
        synapse: impl Fn(usize, usize) -> (F, F, u32) + Sync,
        pool: &mut Pool<F>,
    ) -> Self {
        let mut table = Self::empty(outputs, inputs, outputs * inputs, pool);
        table.fill(|output, input| synapse(input, output));
        table
    }

    /// One row per input unit, with the synapses to all outputs.
    pub(crate) fn by_input(synapses: Synapses<'_, F>, pool: &mut Pool<F>) -> Self {
        let (inputs, outputs) = synapses.weight.dim();
        let mut table = Self::empty(inputs, outputs, synapses.weight.len(), pool);
        table.fill(|input, output| synapses.taps(input, output));
        table
    }

    /// Rows `range`.
    pub(crate) fn rows(&self, range: std::ops::Range<usize>) -> TapTable<'_, F> {
        let range = range.start * self.width..range.end * self.width;
        TapTable {
            near: &self.near[range.clone()],
            far: &self.far[range.clone()],
            lag: &self.lag[range],
            inputs: self.width,
        }
    }

    pub(crate) fn recycle(self, pool: &mut Pool<F>) {
        pool.give_vec(self.near);
        pool.give_vec(self.far);
        pool.give_indices(self.lag);
    }
}

/// Fills rows of a table from row `first` on. Rounding a delay is a call where the plain target has no instruction for it.
struct Fill<'a, F, E> {
    near: &'a mut [F],
    far: &'a mut [F],
    lag: &'a mut [u32],
    first: usize,
    width: usize,
    entry: &'a E,
}

impl<F: Real, E: Fn(usize, usize) -> (F, F, u32)> Kernel for Fill<'_, F, E> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { near, far, lag, first, width, entry } = self;
        let rows = near.chunks_exact_mut(width).zip(far.chunks_exact_mut(width));
        for (row, ((near, far), lag)) in rows.zip(lag.chunks_exact_mut(width)).enumerate() {
            for (column, ((near, far), lag)) in near.iter_mut().zip(far).zip(lag).enumerate() {
                (*near, *far, *lag) = entry(first + row, column);
            }
        }
    }
}

/// The factor 1/(1 + ε) that dividing by the sum of the taps leaves.
pub(crate) fn scale<F: Real>() -> F {
    F::one() / (F::one() + F::of(EPSILON))
}

/// Lag and share of the next lag for a stored delay.
#[inline(always)]
pub(crate) fn position<F: Real>(delay: F, max_delay: usize, taps: Taps) -> (usize, F) {
    let used = delay.max(F::zero()).min(F::of(max_delay as f64));
    match taps {
        Taps::Two => two_taps(used, max_delay),
        Taps::One => (used.round().to_usize().unwrap_or(0), F::zero()),
    }
}
