//! Recurrent synapses in the order of the kernels, and their gradients.

use super::Recurrent;
use super::kernels::{Weights, groups, look_up_scratch};
use colearn_neurons::driver::Fire;
use colearn_synapses::steps::{Direction, StepSynapses};
use colearn_synapses::{Delayed, Synapse};
use colearn_tape::product::{self, Form};
use colearn_tape::simd::{Kernel, Level, TABLE_BITS, binary_table, dispatch};
use colearn_tape::{LANES, Lanes, Pool, Real, Sequence, SequenceShape};
use ndarray::{Array2, ArrayD, ArrayRef2, ArrayView3, Ix2, s};
use rayon::prelude::*;

/// Whether sums of outputs of this kind are looked up where the machine `looks_up`: a scan and a single step agree.
pub(crate) fn adds_by_table<F: Real, A: Fire<F>>(looks_up: bool) -> bool {
    A::BINARY && looks_up
}

/// Recurrent synapses as a pass over time wants them.
#[derive(Debug)]
pub(super) enum Packed<F> {
    /// V without its diagonal, row by row, or its transpose.
    Rows(Vec<F>),
    /// The transpose as tables.
    Tables(Vec<Lanes<F>>),
    /// Taps of synapses with delays.
    Delayed(StepSynapses<F>),
}

impl<F: Real> Packed<F> {
    /// For the sums of each unit's inputs, by table or not where there are no delays.
    pub(super) fn forward(recurrent: Recurrent<'_, F>, by_table: bool, pool: &mut Pool<F>) -> Self {
        match recurrent {
            Synapse::Dense { weight } => {
                let rows = pack_weights(weight, true, pool);
                if !by_table {
                    return Self::Rows(rows);
                }
                let tables = pack_tables(&rows, weight.nrows(), pool);
                pool.give_vec(rows);
                Self::Tables(tables)
            }
            Synapse::Delayed { weight, delay, form } => {
                Self::Delayed(form.steps(weight, delay, Direction::Forward, pool))
            }
        }
    }

    /// For the gradients of each unit's output.
    pub(super) fn backward(recurrent: Recurrent<'_, F>, pool: &mut Pool<F>) -> Self {
        match recurrent {
            Synapse::Dense { weight } => Self::Rows(pack_weights(weight, false, pool)),
            Synapse::Delayed { weight, delay, form } => {
                Self::Delayed(form.steps(weight, delay, Direction::Backward, pool))
            }
        }
    }

    pub(super) fn weights(&self) -> Weights<'_, F> {
        match self {
            Self::Rows(rows) => Weights::Rows(rows),
            Self::Tables(tables) => Weights::Tables(tables),
            Self::Delayed(synapses) => Weights::Delayed(synapses),
        }
    }

    /// Lanes of the history of a block.
    pub(super) fn history(&self) -> usize {
        if let Self::Delayed(synapses) = self { synapses.history_lanes() } else { 0 }
    }

    /// Lanes that the forward pass of a block needs. For weights in rows one, which is not used.
    pub(super) fn block_scratch(&self, units: usize) -> usize {
        match self {
            Self::Rows(_) => 1,
            Self::Tables(_) => look_up_scratch(units),
            Self::Delayed(synapses) => synapses.history_lanes(),
        }
    }

    pub(super) fn recycle(self, pool: &mut Pool<F>) {
        match self {
            Self::Rows(rows) => pool.give_vec(rows),
            Self::Tables(tables) => pool.give_lanes(tables),
            Self::Delayed(synapses) => synapses.recycle(pool),
        }
    }
}

/// V without its diagonal, row by row, or its transpose.
fn pack_weights<F: Real>(weights: &ArrayRef2<F>, transposed: bool, pool: &mut Pool<F>) -> Vec<F> {
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
fn pack_tables<F: Real>(packed: &[F], units: usize, pool: &mut Pool<F>) -> Vec<Lanes<F>> {
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
fn weight_gradient<F: Real>(
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

/// ∂L/∂V and with delays ∂L/∂d, those that are `wanted`, from s and g = ∂L/∂current; zero on the diagonals.
pub(crate) fn gradients<F: Real>(
    recurrent: Recurrent<'_, F>,
    spikes: &[F],
    g_current: &[F],
    shape: SequenceShape,
    wanted: &[bool],
    pool: &mut Pool<F>,
) -> Vec<Option<ArrayD<F>>> {
    match (recurrent, wanted) {
        (Synapse::Dense { .. }, &[weight]) => {
            vec![weight.then(|| weight_gradient(spikes, g_current, shape, pool).into_dyn())]
        }
        (Synapse::Delayed { weight, delay, form }, &[of_weight, of_delay]) => {
            let wanted = [of_weight, of_delay];
            delayed_gradients(form, (weight, delay), (spikes, g_current, shape), wanted, pool).into()
        }
        _ => unreachable!("a synapse wants a gradient for each of its matrices"),
    }
}

/// Those of a layer with delays that read s one step later.
fn delayed_gradients<F: Real>(
    form: Delayed<F>,
    matrices: (&ArrayRef2<F>, &ArrayRef2<F>),
    (spikes, g_current, shape): (&[F], &[F], SequenceShape),
    wanted: [bool; 2],
    pool: &mut Pool<F>,
) -> [Option<ArrayD<F>>; 2] {
    if wanted == [false; 2] {
        return [None, None];
    }
    let mut later = Sequence::taken(shape, pool);
    if !shape.is_empty() {
        let units = later.values_mut().par_chunks_mut(shape.unit_len());
        units.zip(spikes.par_chunks(shape.unit_len())).with_min_len(8).for_each(|(to, from)| {
            let (first, rest) = to.split_at_mut(LANES);
            first.fill(F::zero());
            rest.copy_from_slice(&from[..rest.len()]);
        });
    }
    let gradients = form.correlate(&later, g_current, matrices, wanted, pool);
    later.recycle(pool);
    gradients.map(|gradient| {
        let mut gradient = gradient?.into_dimensionality::<Ix2>().expect("a gradient of a matrix");
        gradient.diag_mut().fill(F::zero());
        Some(gradient.into_dyn())
    })
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
