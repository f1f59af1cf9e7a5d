//! Two blocks of samples of one unit side by side: the inner loops of the scans.
//!
//! Each step is one loop over the [`CHUNK`] samples with the model's equations for a single number in it. The chunk is
//! long enough that the compiler does not unroll the loop away but vectorises it, and short enough that the states of
//! all steps stay in the second-level cache. Samples that a chunk lacks are computed on zeros and dropped.

use crate::dynamics::{Dynamics, Values};
use crate::fire::Fire;
use colearn_tape::simd::prefetch;
use colearn_tape::{LANES, Real, SequenceShape};

/// Samples of a chunk: those of two blocks.
pub(crate) const CHUNK: usize = 2 * LANES;

/// One number for each sample of a chunk.
pub(crate) type Chunk<F> = [F; CHUNK];

/// What turns a unit's input x into its current: scale · x + shift.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drive<F> {
    pub(crate) scale: F,
    pub(crate) shift: F,
}

impl<F: Real> Drive<F> {
    #[inline(always)]
    pub(crate) fn current(self, x: F) -> F {
        x * self.scale + self.shift
    }
}

/// Scale and shift of every unit; `None` is the input itself.
pub type Drives<'a, F> = Option<(&'a [F], &'a [F])>;

/// Checks that there is a scale and a shift for each of `units` units.
///
/// # Panics
/// If there is another number of them.
#[track_caller]
pub fn check_drives<F>(drives: Drives<'_, F>, units: usize) {
    if let Some((scale, shift)) = drives {
        assert_eq!([scale.len(), shift.len()], [units; 2], "scales and shifts of {units} units");
    }
}

/// The drive of unit `n`.
pub(crate) fn drive<F: Real>(drives: Drives<'_, F>, n: usize) -> Drive<F> {
    let (scale, shift) = drives.map_or((F::one(), F::zero()), |(scale, shift)| (scale[n], shift[n]));
    Drive { scale, shift }
}

/// One unit's rows of two neighbouring blocks of samples; the second is empty where there is none.
pub(crate) type Pair<'a, F> = [&'a [F]; 2];

/// The blocks of each pair.
#[inline(always)]
pub(crate) fn pairs(shape: SequenceShape) -> impl Iterator<Item = [usize; 2]> {
    (0..shape.blocks()).step_by(2).map(|first| [first, first + 1])
}

/// Samples of a pair of blocks.
#[inline(always)]
pub(crate) fn samples(shape: SequenceShape, first: usize) -> usize {
    CHUNK.min(shape.batch - first * LANES)
}

/// The rows of unit `n` in two blocks of a sequence.
#[inline(always)]
pub(crate) fn rows_of<F>(values: &[F], shape: SequenceShape, blocks: [usize; 2], n: usize) -> Pair<'_, F> {
    let len = shape.unit_len();
    blocks.map(|k| {
        let at = k * shape.block_len() + n * len;
        if k < shape.blocks() { &values[at..at + len] } else { &[] }
    })
}

/// The rows that are read after those of unit `n` in `blocks`, from pair to pair and then unit to unit; none at the end.
#[inline(always)]
pub(crate) fn rows_after<F>(values: &[F], shape: SequenceShape, blocks: [usize; 2], n: usize) -> Pair<'_, F> {
    let next = blocks[1] + 1;
    if next < shape.blocks() {
        rows_of(values, shape, [next, next + 1], n)
    } else if n + 1 < shape.units {
        rows_of(values, shape, [0, 1], n + 1)
    } else {
        [&[]; 2]
    }
}

/// Prefetches both blocks' rows of step `t`.
#[inline(always)]
pub(crate) fn prefetch_row<F: Real>(rows: Pair<'_, F>, t: usize) {
    for rows in rows {
        prefetch(rows, t * LANES);
    }
}

/// The samples of both blocks at step `t`, side by side.
#[inline(always)]
pub(crate) fn load<F: Real>(rows: Pair<'_, F>, t: usize, to: &mut Chunk<F>) {
    let halves = to.as_chunks_mut::<LANES>().0;
    for (half, rows) in halves.iter_mut().zip(rows) {
        *half = rows.as_chunks().0.get(t).copied().unwrap_or([F::zero(); LANES]);
    }
}

/// Writes a chunk to both blocks' rows of step `t`.
#[inline(always)]
pub(crate) fn store<F: Real>(chunk: &Chunk<F>, rows: &mut [&mut [F]], t: usize) {
    for (rows, half) in rows.iter_mut().zip(chunk.as_chunks::<LANES>().0) {
        if let Some(row) = rows.as_chunks_mut().0.get_mut(t) {
            *row = *half;
        }
    }
}

/// Sets what belongs to no sample to zero.
#[inline(always)]
pub(crate) fn mask<F: Real>(chunk: &mut Chunk<F>, samples: usize) {
    if samples < CHUNK {
        chunk[samples..].fill(F::zero());
    }
}

/// What a unit carries from step to step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running<F: Real, D: Dynamics> {
    /// The settled state.
    pub(crate) state: D::State<Chunk<F>>,
    /// What was compared with the threshold in the last step.
    pub(crate) potential: Chunk<F>,
    /// The output.
    pub(crate) output: Chunk<F>,
}

impl<F: Real, D: Dynamics> Running<F, D> {
    #[inline(always)]
    pub(crate) fn start() -> Self {
        let zeros = [F::zero(); CHUNK];
        Self { state: D::State::splat(zeros), potential: zeros, output: zeros }
    }

    /// One step on input `x`; `before` receives the state before the spike.
    #[inline(always)]
    pub(crate) fn step<A: Fire<F>>(
        &mut self,
        p: &D::Parameters<F>,
        fire: A,
        drive: Drive<F>,
        x: &Chunk<F>,
        before: &mut D::State<Chunk<F>>,
    ) {
        for l in 0..CHUNK {
            let settled = sample::<F, D>(&self.state, l);
            let state = D::integrate(p, settled, self.output[l], drive.current(x[l]));
            let potential = D::potential(p, &state);
            let output = fire.output(potential);
            let settled = D::settle(p, state, output);
            for k in 0..D::STATES {
                let (before, carried): (&mut Chunk<F>, &mut Chunk<F>) =
                    (before.get_mut(k), self.state.get_mut(k));
                (before[l], carried[l]) = (state.get(k), settled.get(k));
            }
            self.potential[l] = potential;
            self.output[l] = output;
        }
    }
}

/// The state of sample `l` of a chunk.
#[inline(always)]
pub(crate) fn sample<F: Real, D: Dynamics>(state: &D::State<Chunk<F>>, l: usize) -> D::State<F> {
    let mut of_sample = D::State::splat(F::zero());
    for k in 0..D::STATES {
        let of_chunk: &Chunk<F> = state.get_ref(k);
        *of_sample.get_mut(k) = of_chunk[l];
    }
    of_sample
}
