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
//! with rows of sixteen samples. A scalar of the table multiplies a row, so x may be anything: spikes, counts or real numbers.
//! The sparse twin is [`crate::row_kernels`].

use crate::interpolation::Taps;
use colearn_tape::simd::{InstructionSet, Kernel, Level, dispatch, scaled};
use colearn_tape::{LANES, Lanes, Real};

/// Steps kept in registers by `accumulate`: ten sums, a row or two and the taps fit the registers of AVX-512 and AVX2. The
/// number was chosen by measuring 4, 8, 10, 12 and 20 (which is no longer vectorised).
pub(crate) const BLOCK_STEPS: usize = 10;

/// Bytes after which the sets of the first-level cache repeat.
const SETS_BYTES: usize = 4096;

/// Least distance in sets between the rows of neighbouring units: three lines. One is too few, two leave a thirtieth.
const APART: usize = 192;

/// Samples of a row of the packed x: what one register of AVX-512 or AVX2 holds, so that a block of steps stays in registers. The
/// sixteen samples of a block are one or two parts, which lie one after the other: what is in use at a time is then half as
/// large.
///
/// Rows of sixteen on AVX2 are two registers each, twenty sums for sixteen registers: 31 billion multiply-adds a second with
/// two taps and 20 with one, where rows of eight do 39 and 26 and the peak is 51 (Zen 3, one core). A sample's sums are
/// added in the same order in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowWidth {
    Sixteen,
    Eight,
}

impl RowWidth {
    /// That of the instruction set that kernels run with.
    pub(crate) fn best() -> Self {
        if InstructionSet::best().width() >= LANES { Self::Sixteen } else { Self::Eight }
    }

    /// The number of samples.
    pub(crate) fn samples(self) -> usize {
        match self {
            Self::Sixteen => LANES,
            Self::Eight => LANES / 2,
        }
    }

    /// Rows from one unit to the next, where a unit has `rows`: a few more where the windows of neighbouring units would lie
    /// in the same sets of the first-level cache, which repeat every 4096 bytes. Of 125 rows of eight samples, 96 bytes less
    /// than that, 24 windows do not fit it: one tap does 26 billion multiply-adds a second and two do 38 in place of 29
    /// and 41 with 134 (Zen 3, one core; 17 and 31 with 128).
    pub(crate) fn stride(self, rows: usize) -> usize {
        let is_apart = |rows: usize| {
            let beyond = rows * self.samples() * size_of::<f32>() % SETS_BYTES;
            beyond.min(SETS_BYTES - beyond) >= APART
        };
        (rows..rows + SETS_BYTES).find(|&rows| is_apart(rows)).unwrap_or(rows)
    }

    /// Writes the samples of some steps to a unit's rows of both parts, which start at the first of these steps; rows of sixteen
    /// have no second part.
    #[inline(always)]
    pub(crate) fn write<F: Real>(self, parts: [&mut [F]; 2], steps: impl Iterator<Item = Lanes<F>>) {
        let [first, second] = parts;
        match self {
            Self::Sixteen => {
                for (row, samples) in first.as_chunks_mut().0.iter_mut().zip(steps) {
                    *row = samples.0;
                }
            }
            Self::Eight => {
                let rows = first.as_chunks_mut::<8>().0.iter_mut().zip(second.as_chunks_mut().0);
                for ((first, second), samples) in rows.zip(steps) {
                    let (halves, _) = samples.0.as_chunks();
                    (*first, *second) = (halves[0], halves[1]);
                }
            }
        }
    }
}

/// Pre-units whose window of x is used by all outputs of a task before the next ones come: more of them save loads and
/// stores of the sums, fewer stay in the first-level cache. Of rows of sixteen 6, 8, 12 and 16 were measured: 12 is the best for
/// one tap (0.42 against 0.47 ns a vector of multiply-adds) and no worse for two (0.285 ns); of rows of eight 12, 16, 24 and
/// 32: one tap 25.7, 27.8, 27.7 and 26.5 billion multiply-adds a second, two taps 38.5, 40.4 and 39.2 (the last not measured).
const fn block_inputs(row: usize, taps: usize) -> usize {
    match (row, taps) {
        (LANES, _) => 12,
        (_, 1) => 24,
        (_, _) => 16,
    }
}

/// Outputs whose sums of a block of steps lie side by side while all inputs are added.
const BLOCK_OUTPUTS: usize = 64;

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
    /// Rows of the pre-units, one after the other: those of the first part of the samples, then of the second.
    pub(crate) rows: &'a [F],
    pub(crate) width: RowWidth,
    /// Rows per pre-unit and part.
    pub(crate) stride: usize,
    /// Rows of zeros before step 0.
    pub(crate) pad: usize,
}

/// `y += taps ∗ x` for the outputs of `table`; `TAPS` is 1 when no far tap is needed, `N` the samples of a row of x.
struct Accumulate<'a, F, const TAPS: usize, const N: usize> {
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
    match (taps, x.width) {
        (Taps::One, RowWidth::Sixteen) => dispatch(Accumulate::<F, 1, 16> { x, table, y, padded_steps }),
        (Taps::Two, RowWidth::Sixteen) => dispatch(Accumulate::<F, 2, 16> { x, table, y, padded_steps }),
        (Taps::One, RowWidth::Eight) => dispatch(Accumulate::<F, 1, 8> { x, table, y, padded_steps }),
        (Taps::Two, RowWidth::Eight) => dispatch(Accumulate::<F, 2, 8> { x, table, y, padded_steps }),
    }
}

impl<F: Real, const TAPS: usize, const N: usize> Kernel for Accumulate<'_, F, TAPS, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { x, table, y, padded_steps } = self;
        let inputs = table.inputs;
        if inputs == 0 {
            return;
        }
        let window = const { block_inputs(N, TAPS) };
        let (rows, _) = x.rows.as_chunks::<N>();
        let mut tile = Tile([[[F::zero(); N]; BLOCK_STEPS]; BLOCK_OUTPUTS]);
        for (k, y) in y.chunks_mut(BLOCK_OUTPUTS * padded_steps).enumerate() {
            let tile = &mut tile.0[..y.len() / padded_steps];
            for (part, rows) in rows.chunks_exact(inputs * x.stride).enumerate() {
                for start in (0..padded_steps).step_by(BLOCK_STEPS) {
                    for (sums, y) in tile.iter_mut().zip(y.chunks_exact(padded_steps)) {
                        for (sum, y) in sums.iter_mut().zip(&y[start..start + BLOCK_STEPS]) {
                            *sum = y.0.as_chunks().0[part];
                        }
                    }
                    for first in (0..inputs).step_by(window) {
                        let last = (first + window).min(inputs);
                        let windows = &rows[first * x.stride..last * x.stride];
                        for (output, to) in (k * BLOCK_OUTPUTS..).zip(&mut *tile) {
                            let mut sums = *to;
                            // Slices of one length and no index: what is checked here is checked once for all synapses.
                            let synapses = output * inputs + first..output * inputs + last;
                            let taps = table.near[synapses.clone()].iter().zip(&table.far[synapses.clone()]);
                            let taps = taps.zip(&table.lag[synapses]);
                            for (((&near, &far), &lag), window) in taps.zip(windows.chunks_exact(x.stride)) {
                                let now = x.pad + start - lag as usize;
                                add_block::<F, L, TAPS, N>(&mut sums, near, far, window, now);
                            }
                            *to = sums;
                        }
                    }
                    for (sums, y) in tile.iter().zip(y.chunks_exact_mut(padded_steps)) {
                        for (sum, y) in sums.iter().zip(&mut y[start..start + BLOCK_STEPS]) {
                            y.0.as_chunks_mut().0[part] = *sum;
                        }
                    }
                }
            }
        }
    }
}

/// Sums of some outputs and steps, in lines of the cache of their own.
#[repr(C, align(64))]
struct Tile<F, const N: usize>([[[F; N]; BLOCK_STEPS]; BLOCK_OUTPUTS]);

/// Adds the taps of one synapse to a block of steps whose near tap starts at row `now`.
#[inline(always)]
fn add_block<F: Real, L: Level, const TAPS: usize, const N: usize>(
    sums: &mut [[F; N]; BLOCK_STEPS],
    near: F,
    far: F,
    rows: &[[F; N]],
    now: usize,
) {
    if TAPS == 1 {
        let rows = &rows[now..now + BLOCK_STEPS];
        for s in 0..BLOCK_STEPS {
            sums[s] = scaled::<F, L, N>(sums[s], near, &rows[s]);
        }
    } else {
        let rows = &rows[now - 1..now + BLOCK_STEPS];
        let mut before = rows[0];
        for s in 0..BLOCK_STEPS {
            let current = rows[s + 1];
            sums[s] = scaled::<F, L, N>(scaled::<F, L, N>(sums[s], far, &before), near, &current);
            before = current;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_tape::simd::dispatch_to;

    const INPUTS: usize = 27;
    const OUTPUTS: usize = BLOCK_OUTPUTS + 3;
    const STEPS: usize = 2 * BLOCK_STEPS;
    const PAD: usize = 5;

    fn number(k: usize) -> f64 {
        (k as f64 * 0.7).sin()
    }

    /// x of a unit, sixteen samples a step; zero before the first.
    fn x(input: usize, row: usize) -> Lanes<f64> {
        let sample = |lane| if row < PAD { 0.0 } else { number((input * STEPS + row) * LANES + lane) };
        Lanes(std::array::from_fn(sample))
    }

    fn packed(width: RowWidth) -> Vec<f64> {
        let stride = PAD + STEPS;
        let mut rows = vec![f64::NAN; INPUTS * stride * LANES];
        let (first, second) = rows.split_at_mut(INPUTS * stride * width.samples());
        for input in 0..INPUTS {
            let len = stride * width.samples();
            let second = second.get_mut(input * len..(input + 1) * len).unwrap_or_default();
            let parts = [&mut first[input * len..(input + 1) * len], second];
            width.write(parts, (0..stride).map(|row| x(input, row)));
        }
        rows
    }

    /// More outputs than a tile has, more inputs than a window, added to what is there.
    #[test]
    fn both_widths_have_the_sums_of_the_equation_with_every_instruction_set() {
        let entries = OUTPUTS * INPUTS;
        let near: Vec<f64> = (0..entries).map(|k| number(3 * k + 1)).collect();
        let far: Vec<f64> = (0..entries).map(|k| number(5 * k + 2)).collect();
        let lag: Vec<u32> = (0..).map(|k: u32| k * 7 % 5).take(entries).collect();
        let table = TapTable { near: &near, far: &far, lag: &lag, inputs: INPUTS };
        let start: Vec<Lanes<f64>> = (0..OUTPUTS * STEPS).map(|k| Lanes::splat(number(k))).collect();
        let expected = |taps: usize, output: usize, step: usize| {
            (0..INPUTS).fold(start[output * STEPS + step], |sum, input| {
                let k = output * INPUTS + input;
                let now = PAD + step - lag[k] as usize;
                let sum = sum + x(input, now).map(|x| x * near[k]);
                if taps == 1 { sum } else { sum + x(input, now - 1).map(|x| x * far[k]) }
            })
        };
        for set in InstructionSet::available() {
            for taps in [1, 2] {
                let sums = |width| {
                    let rows = &packed(width);
                    let x = Source { rows, width, stride: PAD + STEPS, pad: PAD };
                    let (mut y, padded_steps) = (start.clone(), STEPS);
                    let to = &mut y;
                    match (taps, width) {
                        (1, RowWidth::Sixteen) => {
                            dispatch_to(set, Accumulate::<_, 1, 16> { x, table, y: to, padded_steps });
                        }
                        (1, RowWidth::Eight) => {
                            dispatch_to(set, Accumulate::<_, 1, 8> { x, table, y: to, padded_steps });
                        }
                        (_, RowWidth::Sixteen) => {
                            dispatch_to(set, Accumulate::<_, 2, 16> { x, table, y: to, padded_steps });
                        }
                        (_, RowWidth::Eight) => {
                            dispatch_to(set, Accumulate::<_, 2, 8> { x, table, y: to, padded_steps });
                        }
                    }
                    y
                };
                let found = sums(RowWidth::Sixteen);
                assert_eq!(found, sums(RowWidth::Eight), "{set:?}, {taps} taps");
                for (k, found) in found.iter().enumerate() {
                    let expected = expected(taps, k / STEPS, k % STEPS);
                    let close =
                        found.zip(expected, |a, b| (a - b).abs()).0.iter().all(|&error| error < 1e-12);
                    assert!(close, "{set:?}, {taps} taps, {k}: {found:?}, not {expected:?}");
                }
            }
        }
    }

    #[test]
    fn neighbouring_units_lie_apart_in_the_cache() {
        for (width, longest) in [(RowWidth::Eight, 11), (RowWidth::Sixteen, 5)] {
            for rows in 1..600 {
                let more = width.stride(rows) - rows;
                let beyond = (rows + more) * width.samples() * 4 % 4096;
                assert!((192..=4096 - 192).contains(&beyond), "{width:?}, {rows} rows: {beyond} bytes");
                assert!(more <= longest, "{width:?}, {rows} rows and {more} more");
            }
        }
    }
}
