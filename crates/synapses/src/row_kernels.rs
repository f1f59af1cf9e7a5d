//! The hot loops of two-tap synapses over listed rows ([`crate::active`]): little work where the presynaptic signal is zero.
//!
//! One row (step t, values x of eight samples) of pre-unit i meets [`TILE`] outputs o, whose rows lie in a tile:
//!
//! ```text
//! scatter   y_o[t + lag] += near · x,   y_o[t + lag + 1] += far · x                     (forward)
//! gather    P₀ += x · g_o[t + lag],     P₁ += x · g_o[t + lag + 1]          (gradient of weight and delay)
//! ```
//!
//! A tile holds one group of samples only, so that it fits the first-level cache, and the outputs of a step side by
//! side: the rows of both taps are then not neighbours, which compilers would load as one vector across two cache lines.

use crate::active::{Active, GROUP, Listed, Row, Rows};
use crate::lag_kernels::TapTable;
use colearn_tape::Real;
use colearn_tape::simd::{Kernel, Level};

/// Outputs that share an active row: with both taps eight sums in registers.
pub(crate) const TILE: usize = 4;

/// Rows of one output in a tile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    /// T.
    pub(crate) steps: usize,
    /// T and the lags of both taps.
    pub(crate) len: usize,
}

impl Lines {
    pub(crate) fn new(steps: usize, max_delay: usize) -> Self {
        Self { steps, len: steps + max_delay + 1 }
    }

    /// Rows of a tile.
    pub(crate) fn tile(&self) -> usize {
        TILE * self.len
    }
}

/// Distance of the sums of neighbouring taps and outputs, for a number of inputs. Odd: sums of one input at multiples of
/// 4096 bytes would meet in one set of the first-level cache.
pub(crate) fn plane(inputs: usize) -> usize {
    inputs | 1
}

/// Lags of one input to the outputs of a tile; outputs that do not exist have lag 0.
#[inline(always)]
fn lags<F>(table: &TapTable<'_, F>, outputs: usize, input: usize) -> [usize; TILE] {
    std::array::from_fn(|q| if q < outputs { table.lag[q * table.inputs + input] as usize } else { 0 })
}

/// The step from which on rows come too late for all `lags`.
#[inline(always)]
fn end(lags: &[usize; TILE], lines: Lines) -> usize {
    lines.steps.saturating_sub(lags.iter().fold(usize::MAX, |least, &lag| least.min(lag)))
}

/// Adds all active rows of a group to the outputs' rows.
pub(crate) struct Scatter<'a, F, const TAPS: usize> {
    pub(crate) active: &'a Active<F>,
    /// The inputs of the table.
    pub(crate) inputs: &'a [u32],
    pub(crate) group: usize,
    /// At most [`TILE`] rows.
    pub(crate) table: TapTable<'a, F>,
    pub(crate) lines: Lines,
    /// Rows: step, output. What lies after the last step is left over.
    pub(crate) tile: &'a mut [Row<F>],
}

impl<F: Real, const TAPS: usize> Kernel for Scatter<'_, F, TAPS> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { active, inputs, group, table, lines, tile } = self;
        let outputs = table.near.len() / table.inputs;
        for (place, &input) in inputs.iter().enumerate() {
            let lags = lags(&table, outputs, place);
            let count = active.count_until(input as usize, group, end(&lags, lines));
            let starts = lags.map(|lag| lag * TILE);
            let taps: [[F; 2]; TILE] = std::array::from_fn(|q| {
                let k = q * table.inputs + place;
                if q < outputs { [table.near[k], table.far[k]] } else { [F::zero(); 2] }
            });
            match active.of(input as usize, group) {
                Listed::Floats(rows) => scatter::<F, L, TAPS>(rows.first(count), &starts, &taps, tile),
                Listed::Spikes(rows) => scatter::<F, L, TAPS>(rows.first(count), &starts, &taps, tile),
            }
        }
    }
}

/// Adds the rows of one input to the outputs' rows, which begin at `starts` for step 0.
#[inline(always)]
fn scatter<F: Real, L: Level, const TAPS: usize>(
    rows: impl Rows<F>,
    starts: &[usize; TILE],
    taps: &[[F; 2]; TILE],
    tile: &mut [Row<F>],
) {
    for (step, row) in rows.iter() {
        let place = step * TILE;
        for q in 0..TILE {
            let place = starts[q] + place + q;
            add::<F, L>(&mut tile[place], taps[q][0], &row);
            if TAPS == 2 {
                add::<F, L>(&mut tile[place + TILE], taps[q][1], &row);
            }
        }
    }
}

/// `sum += weight · row`.
#[inline(always)]
fn add<F: Real, L: Level>(sum: &mut Row<F>, weight: F, row: &Row<F>) {
    let mut all = *sum;
    for (sum, &x) in all.iter_mut().zip(row) {
        *sum = L::multiply_add(weight, x, *sum);
    }
    *sum = all;
}

/// Adds the products of all listed rows of a group with the outputs' gradients.
pub(crate) struct Gather<'a, F> {
    pub(crate) active: &'a Active<F>,
    pub(crate) group: usize,
    /// At most [`TILE`] rows.
    pub(crate) table: TapTable<'a, F>,
    pub(crate) lines: Lines,
    /// Rows: step, output; zero after the last step.
    pub(crate) tile: &'a [Row<F>],
    /// P₀ and P₁, sample by sample of the group: output of the tile, tap, input ([`plane`] apart). Sums of one input that lay side by side
    /// would be kept in registers of twice the width, filled by two loads and a shuffle each.
    pub(crate) sums: &'a mut [Row<F>],
}

impl<F: Real> Kernel for Gather<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { active, group, table, lines, tile, sums } = self;
        let outputs = table.near.len() / table.inputs;
        let len = lines.steps + 1;
        let (tile, _) = tile.as_chunks::<TILE>();
        for input in 0..table.inputs {
            let lags = lags(&table, outputs, input);
            let end = end(&lags, lines);
            // Written out: the compiler then knows that all have this length, and a row needs one check instead of five.
            let window = |q: usize| &tile[lags[q]..][..len];
            let windows = [window(0), window(1), window(2), window(3)];
            let place = |q: usize, tap: usize| (q * 2 + tap) * plane(table.inputs) + input;
            let near: [Row<F>; TILE] = std::array::from_fn(|q| sums[place(q, 0)]);
            let far: [Row<F>; TILE] = std::array::from_fn(|q| sums[place(q, 1)]);
            let until = |listed: usize| {
                if listed == lines.steps { end } else { active.count_until(input, group, end) }
            };
            let (near, far) = match active.of(input, group) {
                Listed::Floats(rows) => {
                    let every = rows.len() == lines.steps;
                    gather::<F, L>(rows.first(until(rows.len())), every, windows, (near, far))
                }
                Listed::Spikes(rows) => {
                    let every = rows.len() == lines.steps;
                    gather::<F, L>(rows.first(until(rows.len())), every, windows, (near, far))
                }
            };
            for q in 0..TILE {
                (sums[place(q, 0)], sums[place(q, 1)]) = (near[q], far[q]);
            }
        }
    }
}

/// Sums of the outputs of a tile at both taps.
type Pairs<F> = ([Row<F>; TILE], [Row<F>; TILE]);

/// Adds the products of one input's rows with the outputs' gradients, whose windows begin at their lags; `every` says that
/// no step is left out.
#[inline(always)]
fn gather<F: Real, L: Level>(
    rows: impl Rows<F>,
    every: bool,
    windows: [&[[Row<F>; TILE]]; TILE],
    (mut near, mut far): Pairs<F>,
) -> Pairs<F> {
    if every {
        // A row of g is read once: it meets this step's x at the near lag, and the step before's at the far one.
        // What the last row meets at its far lag lies after the end.
        let windows = windows.map(|window| &window[..rows.len()]);
        let mut before = [F::zero(); GROUP];
        for (step, (_, row)) in rows.iter().enumerate() {
            for q in 0..TILE {
                let g = windows[q][step][q];
                product::<F, L>(&mut near[q], &row, &g);
                product::<F, L>(&mut far[q], &before, &g);
            }
            before = row;
        }
    } else {
        for (step, row) in rows.iter() {
            add_row::<F, L>(&windows, step, &row, (&mut near, &mut far));
        }
    }
    (near, far)
}

/// Adds the products of one row with the outputs' gradients at both taps; none of a row that comes too late for them.
#[inline(always)]
fn add_row<F: Real, L: Level>(
    windows: &[&[[Row<F>; TILE]]; TILE],
    step: usize,
    row: &Row<F>,
    (near, far): (&mut [Row<F>; TILE], &mut [Row<F>; TILE]),
) {
    if step + 2 > windows[0].len() {
        return;
    }
    let both: [&[[Row<F>; TILE]]; TILE] = std::array::from_fn(|q| &windows[q][step..step + 2]);
    // Near taps and then far ones: rows of neighbouring outputs lie in different banks of the cache.
    for q in 0..TILE {
        product::<F, L>(&mut near[q], row, &both[q][0][q]);
    }
    for q in 0..TILE {
        product::<F, L>(&mut far[q], row, &both[q][1][q]);
    }
}

/// `sum += x · g`, sample by sample.
#[inline(always)]
fn product<F: Real, L: Level>(sum: &mut Row<F>, x: &Row<F>, g: &Row<F>) {
    for l in 0..GROUP {
        sum[l] = L::multiply_add(x[l], g[l], sum[l]);
    }
}
