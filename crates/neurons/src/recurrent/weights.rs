//! Recurrent weights in the order of the kernels, and their gradient.

use super::kernels::groups;
use colearn_tape::product::{self, Form};
use colearn_tape::simd::{Kernel, Level, TABLE_BITS, binary_table, dispatch};
use colearn_tape::{LANES, Lanes, Pool, Real, SequenceShape};
use ndarray::{Array2, ArrayRef2, ArrayView3, s};
use rayon::prelude::*;

/// V without its diagonal, row by row, or its transpose.
pub(super) fn pack_weights<F: Real>(weights: &ArrayRef2<F>, transposed: bool, pool: &mut Pool<F>) -> Vec<F> {
    let n = weights.nrows();
    let mut packed = pool.take(n * n);
    for ((i, j), &v) in weights.indexed_iter() {
        let place = if transposed { j * n + i } else { i * n + j };
        packed[place] = if i == j { F::zero() } else { v };
    }
    packed
}

/// Units whose tables a task makes.
const TASK_TABLES: usize = 16;

/// Lanes of the tables of V.
pub(super) const fn table_lanes(units: usize) -> usize {
    units * groups(units)
}

/// [`pack_weights`] as tables of [`TABLE_BITS`] weights.
pub(super) fn pack_tables<F: Real>(packed: &[F], units: usize, pool: &mut Pool<F>) -> Vec<Lanes<F>> {
    let mut tables = pool.take_lanes(table_lanes(units));
    let rows = packed.par_chunks(TASK_TABLES * units);
    tables
        .par_chunks_mut(TASK_TABLES * groups(units))
        .zip(rows)
        .for_each(|(tables, rows)| dispatch(PackTables { rows, units, tables }));
    tables
}

struct PackTables<'a, F> {
    rows: &'a [F],
    units: usize,
    tables: &'a mut [Lanes<F>],
}

impl<F: Real> Kernel for PackTables<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { rows, units, tables } = self;
        for (row, tables) in rows.chunks(units).zip(tables.chunks_mut(groups(units))) {
            for (weights, to) in row.chunks(TABLE_BITS).zip(tables) {
                *to = binary_table(std::array::from_fn(|k| weights.get(k).copied().unwrap_or_default()));
            }
        }
    }
}

/// ∂L/∂V[i, j] = Σ_t,b s[t−1, b, i] g[t, b, j], zero on the diagonal: a unit is a row whose columns are the steps of a
/// block, so that one step later is [`LANES`] columns further.
pub(crate) fn weight_gradient<F: Real>(
    spikes: &[F],
    g_current: &[F],
    shape: SequenceShape,
    pool: &mut Pool<F>,
) -> Array2<F> {
    let n = shape.units;
    let mut gradient =
        Array2::from_shape_vec((n, n), pool.take(n * n)).expect("the buffer has the length of V");
    if shape.steps < 2 || shape.is_empty() {
        gradient.fill(F::zero());
        return gradient;
    }
    let [before, after] = shifted(spikes, g_current, shape, shape);
    product::over_columns(Form::of(spikes), &before, &after, &mut gradient, pool);
    gradient.diag_mut().fill(F::zero());
    gradient
}

/// Two sequences as (block, unit, column): the first without its last step, the second without its first.
pub(crate) fn shifted<'a, F>(
    before: &'a [F],
    after: &'a [F],
    shape: SequenceShape,
    of_after: SequenceShape,
) -> [ArrayView3<'a, F>; 2] {
    let columns = shape.unit_len();
    let matrix = |values, units| {
        ArrayView3::from_shape((shape.blocks(), units, columns), values).expect("a sequence of this shape")
    };
    [
        matrix(before, shape.units).slice_move(s![.., .., ..columns - LANES]),
        matrix(after, of_after.units).slice_move(s![.., .., LANES..]),
    ]
}
