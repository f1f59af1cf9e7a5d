//! The hot loop of two-tap synapses over all steps, zero or not, of one packed block of samples.
//!
//! With x packed per pre-unit (see [`crate::packing`]) and a [`TapTable`]:
//!
//! ```text
//! y_o[t] += Σ_i near[o, i] · x_i[t − lag[o, i]] + far[o, i] · x_i[t − lag[o, i] − 1]
//! ```
//!
//! This is the forward pass, and with time reversed and the table transposed the gradient of the input. It keeps a block
//! of steps in registers and the window of x that it needs in the first-level cache, and reaches the multiply-add peak
//! of the machine. A scalar of the table multiplies 16 samples, so x may be anything: spikes, counts or real numbers.
//! The sparse twin is [`crate::row_kernels`].

use crate::two_tap::Taps;
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{Lanes, Real};

/// Steps kept in registers by `accumulate`. Ten accumulators of sixteen lanes fit AVX-512's and AVX2's registers; the
/// number was chosen by measuring 4, 8, 10, 12 and 20 (which is no longer vectorised).
pub(crate) const BLOCK_STEPS: usize = 10;

/// Pre-units whose window of x is used by all outputs of a task before the next ones come: more of them save loads and
/// stores of the sums, fewer stay in the first-level cache. 6, 8, 12 and 16 were measured: 12 is the best for one tap
/// (0.42 against 0.47 ns a vector of multiply-adds) and no worse for two (0.285 ns).
const BLOCK_INPUTS: usize = 12;

/// Taps of some inputs of a layer, `outputs` × `inputs`, input fastest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TapTable<'a, F> {
    /// Weight at `lag`.
    pub(crate) near: &'a [F],
    /// Weight at `lag` + 1.
    pub(crate) far: &'a [F],
    /// The smaller of the two lags; `lag` + 1 must not exceed the pad of x.
    pub(crate) lag: &'a [u32],
    /// Number of these pre-units.
    pub(crate) inputs: usize,
}

/// Layout of the packed x.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a, F> {
    /// Packed rows of the pre-units, one after the other.
    pub(crate) rows: &'a [Lanes<F>],
    /// Rows per pre-unit.
    pub(crate) stride: usize,
    /// Rows of zeros before step 0.
    pub(crate) pad: usize,
}

/// `y += taps ∗ x` for the outputs of `table`; `TAPS` is 1 when no far tap is needed.
struct Accumulate<'a, F, const TAPS: usize> {
    x: Source<'a, F>,
    table: TapTable<'a, F>,
    /// `padded_steps` rows per output, a multiple of [`BLOCK_STEPS`].
    y: &'a mut [Lanes<F>],
    padded_steps: usize,
}

/// Runs [`Accumulate`] with the far taps of `taps` or without.
pub(crate) fn accumulate<F: Real>(
    taps: Taps,
    x: Source<'_, F>,
    table: TapTable<'_, F>,
    y: &mut [Lanes<F>],
    padded_steps: usize,
) {
    match taps {
        Taps::One => dispatch(Accumulate::<F, 1> { x, table, y, padded_steps }),
        Taps::Two => dispatch(Accumulate::<F, 2> { x, table, y, padded_steps }),
    }
}

impl<F: Real, const TAPS: usize> Kernel for Accumulate<'_, F, TAPS> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { x, table, y, padded_steps } = self;
        let inputs = table.inputs;
        if inputs == 0 {
            return;
        }
        for start in (0..padded_steps).step_by(BLOCK_STEPS) {
            for first in (0..inputs).step_by(BLOCK_INPUTS) {
                let last = (first + BLOCK_INPUTS).min(inputs);
                let windows = &x.rows[first * x.stride..last * x.stride];
                for (output, y) in y.chunks_exact_mut(padded_steps).enumerate() {
                    let rows: &mut [Lanes<F>; BLOCK_STEPS] =
                        (&mut y[start..start + BLOCK_STEPS]).try_into().expect("sliced to this length");
                    let mut sums = *rows;
                    // Slices of one length and no index: what is checked here is checked once for all synapses.
                    let synapses = output * inputs + first..output * inputs + last;
                    let taps = table.near[synapses.clone()].iter().zip(&table.far[synapses.clone()]);
                    let taps = taps.zip(&table.lag[synapses]);
                    for (((&near, &far), &lag), window) in taps.zip(windows.chunks_exact(x.stride)) {
                        let now = x.pad + start - lag as usize;
                        add_block::<F, L, TAPS>(&mut sums, near, far, window, now);
                    }
                    *rows = sums;
                }
            }
        }
    }
}

/// Adds the taps of one synapse to a block of steps whose near tap starts at row `now`.
#[inline(always)]
fn add_block<F: Real, L: Level, const TAPS: usize>(
    sums: &mut [Lanes<F>; BLOCK_STEPS],
    near: F,
    far: F,
    rows: &[Lanes<F>],
    now: usize,
) {
    if TAPS == 1 {
        let rows = &rows[now..now + BLOCK_STEPS];
        for s in 0..BLOCK_STEPS {
            sums[s] = sums[s].scaled::<L>(near, &rows[s]);
        }
    } else {
        let rows = &rows[now - 1..now + BLOCK_STEPS];
        let mut before = rows[0];
        for s in 0..BLOCK_STEPS {
            let current = rows[s + 1];
            sums[s] = sums[s].scaled::<L>(far, &before).scaled::<L>(near, &current);
            before = current;
        }
    }
}
