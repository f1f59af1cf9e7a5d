//! Neighbouring samples of one unit side by side: the inner loops of the scans.
//!
//! Each step is one loop over the [`CHUNK`] samples with the model's equations for a single number in it. The chunk is
//! long enough that the compiler does not unroll the loop away but vectorises it, and short enough that the states of
//! all steps stay in the second-level cache. Samples that a chunk lacks are computed on zeros and dropped.

use crate::dynamics::Dynamics;
use crate::fire::Fire;
use colearn_tape::Real;

/// Samples of a chunk.
pub(crate) const CHUNK: usize = 32;

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
pub(crate) type Drives<'a, F> = Option<(&'a [F], &'a [F])>;

/// Checks that there is a scale and a shift for each of `units` units.
#[track_caller]
pub(crate) fn check_drives<F>(drives: Drives<'_, F>, units: usize) {
    if let Some((scale, shift)) = drives {
        assert_eq!([scale.len(), shift.len()], [units; 2], "scales and shifts of {units} units");
    }
}

/// The drive of unit `n`.
pub(crate) fn drive<F: Real>(drives: Drives<'_, F>, n: usize) -> Drive<F> {
    let (scale, shift) = drives.map_or((F::one(), F::zero()), |(scale, shift)| (scale[n], shift[n]));
    Drive { scale, shift }
}

/// `from[..count]`, then zeros.
#[inline(always)]
pub(crate) fn load<F: Real>(from: &[F], count: usize) -> Chunk<F> {
    if count == CHUNK {
        return *<&Chunk<F>>::try_from(&from[..CHUNK]).expect("sliced to this length");
    }
    let mut chunk = [F::zero(); CHUNK];
    chunk[..count].copy_from_slice(&from[..count]);
    chunk
}

/// Writes the first `count` numbers to `to`.
#[inline(always)]
pub(crate) fn store<F: Real>(chunk: &Chunk<F>, to: &mut [F], count: usize) {
    if count == CHUNK {
        *<&mut Chunk<F>>::try_from(&mut to[..CHUNK]).expect("sliced to this length") = *chunk;
        return;
    }
    to[..count].copy_from_slice(&chunk[..count]);
}

/// What a unit carries from step to step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running<F, const S: usize> {
    /// The settled state.
    pub(crate) state: [Chunk<F>; S],
    /// The output.
    pub(crate) output: Chunk<F>,
}

impl<F: Real, const S: usize> Running<F, S> {
    #[inline(always)]
    pub(crate) fn start() -> Self {
        Self { state: [[F::zero(); CHUNK]; S], output: [F::zero(); CHUNK] }
    }

    /// One step on input `x`; `before` receives the state before the spike.
    #[inline(always)]
    pub(crate) fn step<D: Dynamics<F, S, P>, A: Fire<F>, const P: usize>(
        &mut self,
        p: &[F; P],
        fire: A,
        drive: Drive<F>,
        x: &Chunk<F>,
        before: &mut [Chunk<F>; S],
    ) {
        for l in 0..CHUNK {
            let mut settled = [F::zero(); S];
            for (settled, stored) in settled.iter_mut().zip(&self.state) {
                *settled = stored[l];
            }
            let state = D::integrate(p, settled, self.output[l], drive.current(x[l]));
            let output = fire.output(state[0]);
            let settled = D::settle(p, state, output);
            for k in 0..S {
                before[k][l] = state[k];
                self.state[k][l] = settled[k];
            }
            self.output[l] = output;
        }
    }
}
