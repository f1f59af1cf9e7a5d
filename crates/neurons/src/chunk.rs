//! Neighbouring samples of one unit side by side: the inner loops of the scans.
//!
//! Each step is one loop over the [`CHUNK`] samples with the model's equations for a single number in it. The chunk is
//! long enough that the compiler does not unroll the loop away but vectorises it, and short enough that the states of
//! all steps stay in the second-level cache. Samples that a chunk lacks are computed on zeros and dropped.

use crate::dynamics::Dynamics;
use crate::fire::Fire;
use colearn_tape::Real;
use colearn_tape::simd::prefetch;

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

/// The order in which a unit's chunks are visited: samples `start` to `start` + [`CHUNK`] over all steps, then the next samples,
/// then the next unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    pub(crate) steps: usize,
    pub(crate) batch: usize,
    pub(crate) start: usize,
}

impl Course {
    /// Asks for the chunk that is visited `ahead` steps, at most T, after step `t`, if `values` (from this unit on) have it.
    #[inline(always)]
    pub(crate) fn ask_for<F: Real>(self, values: &[F], t: usize, ahead: usize) {
        let Self { steps, batch, start } = self;
        let later = t + ahead;
        let at = if later < steps {
            start + later * batch
        } else {
            let next = if start + CHUNK < batch { start + CHUNK } else { steps * batch };
            next + (later - steps) * batch
        };
        for at in (at..at + CHUNK).step_by(64 / size_of::<F>()) {
            prefetch(values, at);
        }
    }
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
