//! The loops of a recurrent layer over blocks of sixteen samples.

use super::kept::{Keep, Room, SEGMENT};
use crate::dynamics::{Dynamics, Values};
use crate::fire::{Fire, Output};
use crate::lane_step::{Carried, Visited, adjoint, integrate};
use colearn_tape::simd::{BinaryProduct, Kernel, Level, TABLE_BITS, binary_codes, prefetch};
use colearn_tape::{Lanes, Real, SequenceShape};

/// Outputs whose sums are kept in registers. 4 and 8 measured the same, 2 takes 1.7 times as long, 1 takes 2.6 times.
const TILE: usize = 4;

/// y[j] += Σ_i weights[j][i] · x[i], i ascending: [`crate::step()`] adds in the same order.
///
/// The weights of one output lie side by side. The other order, those of one input side by side, tempts the compiler
/// to put outputs instead of samples into vectors, and is fifty times slower.
#[inline(always)]
pub(crate) fn add_product<F: Real, L: Level>(weights: &[F], x: &[Lanes<F>], y: &mut [Lanes<F>]) {
    let n = x.len();
    let mut tiles = y.chunks_exact_mut(TILE);
    let mut j = 0;
    for tile in tiles.by_ref() {
        let mut sums = [Lanes::default(); TILE];
        sums.copy_from_slice(tile);
        let rows: [&[F]; TILE] = std::array::from_fn(|c| &weights[(j + c) * n..(j + c + 1) * n]);
        for i in 0..n {
            let x = x[i];
            for c in 0..TILE {
                sums[c] = sums[c].scaled::<L>(rows[c][i], &x);
            }
        }
        tile.copy_from_slice(&sums);
        j += TILE;
    }
    for (sum, row) in tiles.into_remainder().iter_mut().zip(weights[j * n..].chunks(n)) {
        for (&w, x) in row.iter().zip(x) {
            *sum = sum.scaled::<L>(w, x);
        }
    }
}

/// Variable k of unit n of a row of states lies at k · units + n.
#[inline(always)]
fn read<F: Real, D: Dynamics>(row: &[Lanes<F>], units: usize, n: usize) -> D::State<Lanes<F>> {
    let mut state = D::State::splat(Lanes::default());
    for k in 0..D::STATES {
        *state.get_mut(k) = row[k * units + n];
    }
    state
}

/// Writes the state of unit n, as [`read`] reads it.
#[inline(always)]
fn write<F: Real, D: Dynamics>(state: &D::State<Lanes<F>>, row: &mut [Lanes<F>], units: usize, n: usize) {
    for k in 0..D::STATES {
        row[k * units + n] = state.get(k);
    }
}

/// V without its diagonal, for [`ForwardBlocks`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Weights<'a, F> {
    /// Vᵀ row by row: the weights into unit 0, into unit 1, …
    Rows(&'a [F]),
    /// The same as tables, for outputs that are 0 or 1: see [`BinaryProduct`].
    Tables(&'a [Lanes<F>]),
}

/// Groups of units that share a table.
pub(super) const fn groups(units: usize) -> usize {
    units.div_ceil(TABLE_BITS)
}

/// What one step of any unit needs. A function of its own, not a closure, which the compiler may leave out of line and
/// then compiles for the instructions that every machine has.
struct Step<'a, F: Real, D: Dynamics, A> {
    parameters: &'a [D::Parameters<F>],
    fire: A,
}

impl<F: Real, D: Dynamics, A: Fire<F>> Step<'_, F, D, A> {
    /// The output of unit `n` from its settled state and output before; its state goes to the row `states`.
    #[inline(always)]
    fn advance(
        &self,
        n: usize,
        (before, spike_before): (D::State<Lanes<F>>, Lanes<F>),
        current: Lanes<F>,
        states: &mut [Lanes<F>],
    ) -> Lanes<F> {
        let (p, units) = (&self.parameters[n], self.parameters.len());
        let (state, spike) = integrate::<F, D, A>(p, self.fire, before, spike_before, current);
        write::<F, D>(&state, states, units, n);
        spike
    }
}

/// Forward over all time and units, for some blocks of samples.
pub(super) struct ForwardBlocks<'a, F: Real, D: Dynamics, A> {
    pub(super) parameters: &'a [D::Parameters<F>],
    pub(super) fire: A,
    pub(super) weights: Weights<'a, F>,
    pub(super) shape: SequenceShape,
    /// Steps that the buffers have room for.
    pub(super) room: Room,
    /// (block, room.currents, N).
    pub(super) currents: &'a mut [Lanes<F>],
    /// (block, room.states, variable, N).
    pub(super) states: &'a mut [Lanes<F>],
    /// (block, room.marks, variable, N): copies of the states at the last step of segments; [`Room::mark_lanes`] a block.
    pub(super) marks: &'a mut [Lanes<F>],
    /// (block, T, N): a row holds the input currents until its step has come.
    pub(super) spikes: &'a mut [Lanes<F>],
    /// [`look_up_scratch`] a block; for weights in rows one a block, which is not used.
    pub(super) scratch: &'a mut [Lanes<F>],
}

/// Lanes of codes and sums that a block needs for weights in tables.
pub(super) const fn look_up_scratch(units: usize) -> usize {
    groups(units) + units
}

/// The total currents at step `t` > 0 of all blocks, by table: the input current, which this step's row of `spikes` still
/// holds, plus the product of V with the spikes before. They come into row `row` of `currents`.
#[inline(always)]
fn look_up<F: Real, L: Level>(
    tables: &[Lanes<F>],
    units: usize,
    spikes: &[Lanes<F>],
    t: usize,
    scratch: &mut [Lanes<F>],
    currents: &mut [Lanes<F>],
    row: usize,
) {
    let width = scratch.len() / look_up_scratch(units);
    let (block, currents_len) = (spikes.len() / width, currents.len() / width);
    let (codes, sums) = scratch.split_at_mut(groups(units) * width);
    let none = Lanes::default();
    for (g, codes) in codes.chunks_exact_mut(width).enumerate() {
        for (k, code) in codes.iter_mut().enumerate() {
            let row = &spikes[k * block + (t - 1) * units..][..units];
            let signal = |i: usize| row.get(g * TABLE_BITS + i).unwrap_or(&none);
            *code = binary_codes::<F, L>([signal(0), signal(1), signal(2), signal(3)]);
        }
    }
    for (n, sums) in sums.chunks_exact_mut(width).enumerate() {
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum = spikes[k * block + t * units + n];
        }
    }
    BinaryProduct { tables, codes, width, sums: &mut *sums }.run();
    for (n, sums) in sums.chunks_exact(width).enumerate() {
        for (k, &sum) in sums.iter().enumerate() {
            currents[k * currents_len + row * units + n] = sum;
        }
    }
}

impl<F, D, A> Kernel for ForwardBlocks<'_, F, D, A>
where
    F: Real,
    D: Dynamics,
    A: Fire<F>,
{
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let SequenceShape { steps, units, .. } = self.shape;
        let row_len = D::STATES * units;
        let Room { currents: steps_kept, states: states_kept, .. } = self.room;
        for t in 0..steps {
            let row_of = |room: usize, t: usize| if room == steps { t } else { 0 };
            let row = row_of(steps_kept, t);
            if let (Weights::Tables(tables), true) = (self.weights, t > 0) {
                look_up::<F, L>(tables, units, self.spikes, t, self.scratch, self.currents, row);
            }
            let blocks = self.currents.chunks_exact_mut(steps_kept * units);
            let blocks = blocks.zip(self.states.chunks_exact_mut(states_kept * row_len));
            let blocks = blocks.zip(self.marks.chunks_exact_mut(self.room.mark_lanes(row_len)));
            let blocks = self.spikes.chunks_exact_mut(steps * units).zip(blocks);
            for (spikes, ((currents, states), marks)) in blocks {
                let (past, now) = spikes.split_at_mut(t * units);
                let past = &past[t.saturating_sub(1) * units..];
                let (state_row, row_before) =
                    (row_of(states_kept, t), row_of(states_kept, t.saturating_sub(1)));
                let currents = &mut currents[row * units..(row + 1) * units];
                match self.weights {
                    Weights::Tables(_) if t > 0 => {}
                    Weights::Rows(weights) if t > 0 => {
                        currents.copy_from_slice(&now[..units]);
                        add_product::<F, L>(weights, past, currents);
                    }
                    _ => currents.copy_from_slice(&now[..units]),
                }
                let step = Step::<F, D, A> { parameters: self.parameters, fire: self.fire };
                let to = state_row * row_len;
                // Two loops: a choice inside one keeps the compiler from putting samples side by side.
                if t == 0 {
                    for n in 0..units {
                        let before = (D::State::splat(Lanes::default()), Lanes::default());
                        now[n] = step.advance(n, before, currents[n], &mut states[to..to + row_len]);
                    }
                } else {
                    for n in 0..units {
                        let state = read::<F, D>(&states[row_before * row_len..], units, n);
                        let before = (D::settle(&self.parameters[n], state, past[n]), past[n]);
                        now[n] = step.advance(n, before, currents[n], &mut states[to..to + row_len]);
                    }
                }
                if self.room.marks > 0 && (t + 1).is_multiple_of(SEGMENT) && t + 1 < steps {
                    let (mark, row) = (t / SEGMENT * row_len, state_row * row_len);
                    marks[mark..mark + row_len].copy_from_slice(&states[row..row + row_len]);
                }
            }
        }
    }
}

/// Backward over all time and units, for some blocks of samples.
pub(super) struct BackwardBlocks<'a, F: Real, D: Dynamics> {
    pub(super) parameters: &'a [D::Parameters<F>],
    pub(super) output: Output<F>,
    /// V without its diagonal, row by row: the weights out of unit 0, out of unit 1, …
    pub(super) weights: &'a [F],
    pub(super) shape: SequenceShape,
    /// (block, T, N).
    pub(super) currents: &'a [Lanes<F>],
    /// States at the last step of each segment but the last: [`Room::mark_lanes`] a block.
    pub(super) marks: &'a [Lanes<F>],
    /// ∂L/∂output, and then ∂L/∂current: (block, T, N).
    pub(super) g_currents: &'a mut [Lanes<F>],
    /// [`segment_scratch`] values.
    pub(super) scratch: &'a mut [Lanes<F>],
    /// Receives the parameter sums of each block: (block, N, parameter).
    pub(super) sums: &'a mut [Lanes<F>],
}

/// Lanes that a task of the backward pass needs, for N = `units` of `states` variables: carried gradients of states and spikes,
/// potentials of one step, and states, outputs and slopes of a segment and of the step before it.
pub(super) const fn segment_scratch(states: usize, units: usize) -> usize {
    (states + 2 + (SEGMENT + 1) * (states + 2)) * units
}

impl<F: Real, D: Dynamics> Kernel for BackwardBlocks<'_, F, D> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let SequenceShape { steps, units, .. } = self.shape;
        let rows = steps * units;
        let marks = self.marks.chunks_exact(Room::of(Keep::Recording, steps).mark_lanes(D::STATES * units));
        let saved = self.currents.chunks_exact(rows).zip(marks);
        let received =
            self.g_currents.chunks_exact_mut(rows).zip(self.sums.chunks_exact_mut(D::PARAMETERS * units));
        for ((currents, marks), (g_currents, sums)) in saved.zip(received) {
            Block::<F, D> {
                parameters: self.parameters,
                output: self.output,
                weights: self.weights,
                shape: self.shape,
                currents,
                marks,
                g_currents,
                scratch: &mut *self.scratch,
                sums,
            }
            .pull_back::<L>();
        }
    }
}

/// The settled state and the output of unit `n` of N = `units` before row `row` of a segment.
#[inline(always)]
fn before<F: Real, D: Dynamics>(
    p: &D::Parameters<F>,
    states: &[Lanes<F>],
    outputs: &[Lanes<F>],
    (row, units, n): (usize, usize, usize),
) -> (D::State<Lanes<F>>, Lanes<F>) {
    let spike = outputs[(row - 1) * 2 * units + n];
    let row_len = D::STATES * units;
    let state = read::<F, D>(&states[(row - 1) * row_len..row * row_len], units, n);
    (D::settle(p, state, spike), spike)
}

/// One of [`BackwardBlocks`].
struct Block<'a, F: Real, D: Dynamics> {
    parameters: &'a [D::Parameters<F>],
    output: Output<F>,
    weights: &'a [F],
    shape: SequenceShape,
    currents: &'a [Lanes<F>],
    marks: &'a [Lanes<F>],
    g_currents: &'a mut [Lanes<F>],
    scratch: &'a mut [Lanes<F>],
    sums: &'a mut [Lanes<F>],
}

impl<F: Real, D: Dynamics> Block<'_, F, D> {
    #[inline(always)]
    fn pull_back<L: Level>(self) {
        let SequenceShape { steps, units, .. } = self.shape;
        let row_len = D::STATES * units;
        self.scratch.fill(Lanes::default());
        self.sums.fill(Lanes::default());
        let (g_states, rest) = self.scratch.split_at_mut(row_len);
        let (g_spikes, rest) = rest.split_at_mut(units);
        let (potentials, rest) = rest.split_at_mut(units);
        // Row 0 is the step before a segment.
        let (states, outputs) = rest.split_at_mut((SEGMENT + 1) * row_len);
        for first in (0..steps).step_by(SEGMENT).rev() {
            let last = steps.min(first + SEGMENT);
            if first > 0 {
                let mark = (first / SEGMENT - 1) * row_len;
                states[..row_len].copy_from_slice(&self.marks[mark..mark + row_len]);
                for (n, potential) in potentials.iter_mut().enumerate() {
                    *potential = D::potential(&self.parameters[n], &read::<F, D>(states, units, n));
                }
                self.output.of_row(potentials, &mut outputs[..2 * units]);
            } else {
                states[..row_len].fill(Lanes::default());
                outputs[..units].fill(Lanes::default());
            }
            for t in first..last {
                let row = t + 1 - first;
                for (n, potential) in potentials.iter_mut().enumerate() {
                    let p = &self.parameters[n];
                    let (before, spike_before) = before::<F, D>(p, states, outputs, (row, units, n));
                    let state = D::integrate(p, before, spike_before, self.currents[t * units + n]);
                    write::<F, D>(&state, &mut states[row * row_len..], units, n);
                    *potential = D::potential(p, &state);
                }
                self.output.of_row(potentials, &mut outputs[row * 2 * units..(row + 1) * 2 * units]);
            }
            for t in (first..last).rev() {
                let row = t + 1 - first;
                let (up_to_now, later) = self.g_currents.split_at_mut((t + 1) * units);
                if t + 1 < steps {
                    add_product::<F, L>(self.weights, &later[..units], g_spikes);
                }
                let now = &outputs[row * 2 * units..(row + 1) * 2 * units];
                for n in 0..units {
                    let p = &self.parameters[n];
                    let (before, spike_before) = before::<F, D>(p, states, outputs, (row, units, n));
                    let visited = Visited {
                        before,
                        spike_before,
                        input: self.currents[t * units + n],
                        state: read::<F, D>(&states[row * row_len..(row + 1) * row_len], units, n),
                        spike: now[n],
                        slope: now[units + n],
                    };
                    prefetch(self.currents, (t * units + n).wrapping_sub(SEGMENT * units));
                    prefetch(up_to_now, (t * units + n).wrapping_sub(units));
                    let above = up_to_now[t * units + n];
                    let mut carried = Carried { state: read::<F, D>(g_states, units, n), spike: g_spikes[n] };
                    let sums = D::Parameters::first_mut(&mut self.sums[n * D::PARAMETERS..]);
                    up_to_now[t * units + n] = adjoint::<F, _, D>(p, visited, above, &mut carried, sums);
                    write::<F, D>(&carried.state, g_states, units, n);
                    g_spikes[n] = carried.spike;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_tape::simd::{InstructionSet, dispatch_to};

    struct Product<'a>(&'a [f64], &'a [Lanes<f64>], &'a mut [Lanes<f64>]);

    impl Kernel for Product<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Level>(self) {
            add_product::<f64, L>(self.0, self.1, self.2);
        }
    }

    #[test]
    fn every_instruction_set_gives_the_product() {
        for n in [1, 3, 4, 9] {
            let weights: Vec<f64> = (0..n * n).map(|k| (k as f64 * 0.7).sin()).collect();
            let x: Vec<Lanes<f64>> =
                (0..n).map(|i| Lanes(std::array::from_fn(|l| ((i * 16 + l) as f64 * 1.3).cos()))).collect();
            for set in InstructionSet::available() {
                let mut y = vec![Lanes::splat(0.5); n];
                dispatch_to(set, Product(&weights, &x, &mut y));
                for (j, y) in y.iter().enumerate() {
                    for l in 0..16 {
                        let expected = 0.5 + (0..n).map(|i| weights[j * n + i] * x[i].0[l]).sum::<f64>();
                        approx::assert_abs_diff_eq!(y.0[l], expected, epsilon = 1e-13);
                    }
                }
            }
        }
    }
}
