//! The two hot loops of two-tap synapses, over one packed block of samples.
//!
//! With x packed per pre-unit (see [`crate::packing`]) and a [`TapTable`]:
//!
//! ```text
//! accumulate   y_o[t] += Σ_i near[o, i] · x_i[t − lag[o, i]] + far[o, i] · x_i[t − lag[o, i] − 1]
//! correlate    P_o,i[0] += Σ_t g_o[t] · x_i[t − lag[o, i]],   P_o,i[1] += Σ_t g_o[t] · x_i[t − lag[o, i] − 1]
//! ```
//!
//! `accumulate` is the forward pass, and with time reversed and the table transposed the gradient of the input;
//! `correlate` is the gradient of weight and delay. Both keep a block of steps in registers and the window of x
//! that it needs in the first-level cache, and reach the multiply-add peak of the machine. A scalar of the table
//! multiplies 16 samples, so x may be anything: spikes, counts or real numbers.

use colearn_tape::simd::{Kernel, Level};
use colearn_tape::{Lanes, Real};

/// Steps kept in registers by `accumulate`. Ten accumulators of sixteen lanes fit AVX-512's and AVX2's registers; the
/// number was chosen by measuring 4, 8, 10, 12 and 20 (which is no longer vectorised).
pub(crate) const BLOCK_STEPS: usize = 10;

/// Pre-units whose window of x stays in the first-level cache, beside the sums, while all outputs of a task use it.
const BLOCK_INPUTS: usize = 6;

/// Pre-units that `correlate` handles side by side.
const CORRELATE_INPUTS: usize = 4;

/// Steps that `correlate` handles before it moves to the next pre-units.
const CORRELATE_STEPS: usize = 20;

/// Taps of a layer, `outputs` × `inputs`, input fastest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TapTable<'a, F> {
    /// Weight at `lag`.
    pub(crate) near: &'a [F],
    /// Weight at `lag` + 1.
    pub(crate) far: &'a [F],
    /// The smaller of the two lags; `lag` + 1 must not exceed the pad of x.
    pub(crate) lag: &'a [u32],
    /// Number of pre-units.
    pub(crate) inputs: usize,
}

/// Layout of the packed x.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a, F> {
    /// Packed rows of all pre-units.
    pub(crate) rows: &'a [Lanes<F>],
    /// Rows per pre-unit.
    pub(crate) stride: usize,
    /// Rows of zeros before step 0.
    pub(crate) pad: usize,
}

/// `y += taps ∗ x` for the outputs of `table`; `TAPS` is 1 when no far tap is needed.
pub(crate) struct Accumulate<'a, F, const TAPS: usize> {
    pub(crate) x: Source<'a, F>,
    pub(crate) table: TapTable<'a, F>,
    /// `padded_steps` rows per output, a multiple of [`BLOCK_STEPS`].
    pub(crate) y: &'a mut [Lanes<F>],
    pub(crate) padded_steps: usize,
}

impl<F: Real, const TAPS: usize> Kernel for Accumulate<'_, F, TAPS> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { x, table, y, padded_steps } = self;
        let inputs = table.inputs;
        let outputs = table.near.len() / inputs;
        for start in (0..padded_steps).step_by(BLOCK_STEPS) {
            for first in (0..inputs).step_by(BLOCK_INPUTS) {
                let last = (first + BLOCK_INPUTS).min(inputs);
                for output in 0..outputs {
                    let rows = &mut y[output * padded_steps + start..][..BLOCK_STEPS];
                    let rows: &mut [Lanes<F>; BLOCK_STEPS] = rows.try_into().expect("sliced to this length");
                    let mut sums = *rows;
                    for input in first..last {
                        let k = output * inputs + input;
                        let now = input * x.stride + x.pad + start - table.lag[k] as usize;
                        add_block::<F, L, TAPS>(&mut sums, table.near[k], table.far[k], x.rows, now);
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

/// Products of the gradient with the presynaptic signal at both taps, summed over steps, lane by lane.
pub(crate) struct Correlate<'a, F> {
    pub(crate) x: Source<'a, F>,
    pub(crate) table: TapTable<'a, F>,
    /// Gradient of the outputs, `padded_steps` rows per output.
    pub(crate) g: &'a [Lanes<F>],
    pub(crate) padded_steps: usize,
    /// `[near, far]` per synapse, in the order of the table.
    pub(crate) sums: &'a mut [[Lanes<F>; 2]],
}

impl<F: Real> Kernel for Correlate<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { x, table, g, padded_steps, sums } = self;
        let inputs = table.inputs;
        let outputs = table.near.len() / inputs;
        let whole = inputs - inputs % CORRELATE_INPUTS;
        for start in (0..padded_steps).step_by(CORRELATE_STEPS) {
            let end = (start + CORRELATE_STEPS).min(padded_steps);
            for first in (0..whole).step_by(CORRELATE_INPUTS) {
                for output in 0..outputs {
                    let g = &g[output * padded_steps + start..output * padded_steps + end];
                    let k = output * inputs + first;
                    correlate_block::<F, L, CORRELATE_INPUTS>(&x, &table, g, first, start, k, sums);
                }
            }
            for input in whole..inputs {
                for output in 0..outputs {
                    let g = &g[output * padded_steps + start..output * padded_steps + end];
                    let k = output * inputs + input;
                    correlate_block::<F, L, 1>(&x, &table, g, input, start, k, sums);
                }
            }
        }
    }
}

/// `N` neighbouring pre-units of one output over one range of steps; `k` is the first synapse.
#[inline(always)]
fn correlate_block<F: Real, L: Level, const N: usize>(
    x: &Source<'_, F>,
    table: &TapTable<'_, F>,
    g: &[Lanes<F>],
    first: usize,
    start: usize,
    k: usize,
    sums: &mut [[Lanes<F>; 2]],
) {
    let windows: [&[Lanes<F>]; N] = std::array::from_fn(|q| {
        let now = (first + q) * x.stride + x.pad + start - table.lag[k + q] as usize;
        &x.rows[now - 1..now + g.len()]
    });
    let mut near = [Lanes::default(); N];
    let mut far = [Lanes::default(); N];
    let mut before: [Lanes<F>; N] = std::array::from_fn(|q| windows[q][0]);
    for t in 0..g.len() {
        let gradient = g[t];
        for q in 0..N {
            let current = windows[q][t + 1];
            near[q] = near[q].product::<L>(&gradient, &current);
            far[q] = far[q].product::<L>(&gradient, &before[q]);
            before[q] = current;
        }
    }
    for q in 0..N {
        let [sum_near, sum_far] = &mut sums[k + q];
        *sum_near = sum_near.plus(&near[q]);
        *sum_far = sum_far.plus(&far[q]);
    }
}
