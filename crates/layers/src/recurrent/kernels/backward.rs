//! Backward over all time: a segment's states are computed once more, and then its steps pulled back.

use super::super::kept::{Keep, Room, SEGMENT};
use super::{Weights, add_product, read, write};
use colearn_neurons::driver::{Carried, Dynamics, Output, Values, Visited, adjoint};
use colearn_tape::simd::{Kernel, Level, prefetch};
use colearn_tape::{Lanes, Real, SequenceShape};

/// Backward over all time and units, for some blocks of samples.
pub(in super::super) struct BackwardBlocks<'a, F: Real, D: Dynamics> {
    pub(in super::super) parameters: &'a [D::Parameters<F>],
    pub(in super::super) output: Output<F>,
    /// V: the weights out of unit 0, out of unit 1, …
    pub(in super::super) weights: Weights<'a, F>,
    pub(in super::super) shape: SequenceShape,
    /// (block, T, N).
    pub(in super::super) currents: &'a [Lanes<F>],
    /// States at the last step of each segment but the last: [`Room::mark_lanes`] a block.
    pub(in super::super) marks: &'a [Lanes<F>],
    /// ∂L/∂output, and then ∂L/∂current: (block, T, N).
    pub(in super::super) g_currents: &'a mut [Lanes<F>],
    /// [`segment_scratch`] values, and with delays a history.
    pub(in super::super) scratch: &'a mut [Lanes<F>],
    /// Receives the parameter sums of each block: (block, N, parameter).
    pub(in super::super) sums: &'a mut [Lanes<F>],
}

/// Lanes that a task of the backward pass needs, for N = `units` of `states` variables: carried gradients of states and spikes,
/// potentials of one step, and states, outputs and slopes of a segment and of the step before it.
pub(in super::super) const fn segment_scratch(states: usize, units: usize) -> usize {
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
    weights: Weights<'a, F>,
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
        let (states, rest) = rest.split_at_mut((SEGMENT + 1) * row_len);
        let (outputs, history) = rest.split_at_mut((SEGMENT + 1) * 2 * units);
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
                let rest = steps - 1 - t;
                match self.weights {
                    Weights::Rows(weights) if rest > 0 => {
                        add_product::<F, L>(weights, &later[..units], g_spikes);
                    }
                    Weights::Delayed(synapses) if rest > 0 => synapses.add_sums(history, rest, g_spikes),
                    _ => {}
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
                if let Weights::Delayed(synapses) = self.weights {
                    synapses.push(history, rest, &up_to_now[t * units..]);
                }
            }
        }
    }
}
