//! The loops of a recurrent layer over blocks of sixteen samples: what both ways share, and forward.

mod backward;

use super::kept::{Room, SEGMENT};
pub(super) use backward::{BackwardBlocks, segment_scratch};
use colearn_neurons::driver::{Dynamics, Fire, Values, integrate};
use colearn_synapses::steps::StepSynapses;
use colearn_tape::simd::{BinaryProduct, Kernel, Level, TABLE_BITS, binary_codes};
use colearn_tape::{Lanes, Real, SequenceShape};

/// Outputs whose sums are kept in registers. 4 and 8 measured the same, 2 takes 1.7 times as long, 1 takes 2.6 times.
const TILE: usize = 4;

/// y[j] += Σ_i weights[j][i] · x[i], i ascending: a single step adds in the same order.
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

/// V without its diagonal. Forward it is transposed: the weights into unit 0, into unit 1, …; backward not.
#[derive(Clone, Copy, Debug)]
pub(super) enum Weights<'a, F> {
    /// Row by row.
    Rows(&'a [F]),
    /// The rows as tables, for outputs that are 0 or 1: see [`BinaryProduct`].
    Tables(&'a [Lanes<F>]),
    /// With delays.
    Delayed(&'a StepSynapses<F>),
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
    /// [`look_up_scratch`] a block, or its history with delays; for weights in rows one a block, which is not used.
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
        let own = self.scratch.len() / (self.spikes.len() / (steps * units));
        if matches!(self.weights, Weights::Delayed(_)) {
            self.scratch.fill(Lanes::default());
        }
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
            let blocks = blocks.zip(self.scratch.chunks_exact_mut(own));
            for ((spikes, ((currents, states), marks)), scratch) in blocks {
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
                    Weights::Delayed(synapses) if t > 0 => {
                        currents.copy_from_slice(&now[..units]);
                        synapses.add_sums(scratch, t, currents);
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
                if let Weights::Delayed(synapses) = self.weights {
                    synapses.push(scratch, t, &now[..units]);
                }
                if self.room.marks > 0 && (t + 1).is_multiple_of(SEGMENT) && t + 1 < steps {
                    let (mark, row) = (t / SEGMENT * row_len, state_row * row_len);
                    marks[mark..mark + row_len].copy_from_slice(&states[row..row + row_len]);
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
