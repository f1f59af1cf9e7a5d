//! The loops of a recurrent layer over one block of sixteen samples.

use crate::dynamics::Dynamics;
use crate::fire::{Fire, Output};
use crate::lane_step::{Carried, State, Visited, adjoint, integrate};
use crate::row::Row;
use crate::shape::Shape;
use colearn_tape::simd::{Kernel, Level};
use colearn_tape::{Lanes, Real};
use std::marker::PhantomData;

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

/// Units that [`gather`] takes side by side.
const GATHER: usize = 8;

/// One block of samples of a unit-major sequence as (T, N). On its own, because neighbouring units lie far apart in
/// memory: many of these reads are under way at once, which the loop over time does not allow.
#[inline(always)]
fn gather<F: Real>(from: &[F], shape: Shape, start: usize, count: usize, to: &mut [Lanes<F>]) {
    let Shape { steps, batch, units } = shape;
    for first in (0..units).step_by(GATHER) {
        for t in 0..steps {
            let row = &mut to[t * units..(t + 1) * units];
            for (n, lanes) in row.iter_mut().enumerate().skip(first).take(GATHER) {
                *lanes = Lanes::load(&from[(n * steps + t) * batch + start..], count);
            }
        }
    }
}

/// Variable k of unit n of a row of states lies at k · units + n.
#[inline(always)]
fn read<F: Real, const S: usize>(row: &[Lanes<F>], units: usize, n: usize) -> State<F, S> {
    let mut state = [Row::default(); S];
    for (k, variable) in state.iter_mut().enumerate() {
        *variable = Row(row[k * units + n]);
    }
    state
}

/// Forward over all time and units.
pub(super) struct ForwardBlock<'a, F, D, A, const S: usize, const P: usize> {
    pub(super) parameters: &'a [[F; P]],
    pub(super) fire: A,
    /// Vᵀ without its diagonal, row by row: the weights into unit 0, into unit 1, …
    pub(super) weights: &'a [F],
    pub(super) shape: Shape,
    /// First sample.
    pub(super) start: usize,
    /// Number of samples.
    pub(super) count: usize,
    /// Input currents of all samples, unit-major.
    pub(super) input: &'a [F],
    /// Steps that `currents` and `states` have room for: all, or one that is written over and over.
    pub(super) kept: usize,
    pub(super) currents: &'a mut [Lanes<F>],
    pub(super) states: &'a mut [Lanes<F>],
    pub(super) spikes: &'a mut [Lanes<F>],
    pub(super) dynamics: PhantomData<D>,
}

impl<F, D, A, const S: usize, const P: usize> Kernel for ForwardBlock<'_, F, D, A, S, P>
where
    F: Real,
    D: Dynamics<F, S, P>,
    A: Fire<F>,
{
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Shape { steps, units, .. } = self.shape;
        // A row of spikes holds the input currents until its step has come.
        gather(self.input, self.shape, self.start, self.count, self.spikes);
        for t in 0..steps {
            let (past, now) = self.spikes.split_at_mut(t * units);
            let past = &past[t.saturating_sub(1) * units..];
            let row = if self.kept == steps { t } else { 0 };
            let row_before = row.saturating_sub(1);
            let currents = &mut self.currents[row * units..(row + 1) * units];
            currents.copy_from_slice(&now[..units]);
            if t > 0 {
                add_product::<F, L>(self.weights, past, currents);
            }
            for n in 0..units {
                let p = &self.parameters[n];
                let (mut before, mut spike_before) = ([Row::default(); S], Row::default());
                if t > 0 {
                    spike_before = Row(past[n]);
                    let state = read(&self.states[row_before * S * units..], units, n);
                    before = D::settle(p, state, spike_before);
                }
                let (state, spike) =
                    integrate::<F, D, A, S, P>(p, self.fire, before, spike_before, Row(currents[n]));
                for (k, variable) in state.iter().enumerate() {
                    self.states[(row * S + k) * units + n] = variable.0;
                }
                now[n] = spike.0;
            }
        }
    }
}

/// Backward over all time and units.
pub(super) struct BackwardBlock<'a, F, D, const S: usize, const P: usize> {
    pub(super) parameters: &'a [[F; P]],
    pub(super) output: Output<F>,
    /// V without its diagonal, row by row: the weights out of unit 0, out of unit 1, …
    pub(super) weights: &'a [F],
    pub(super) shape: Shape,
    /// First sample.
    pub(super) start: usize,
    /// Number of samples.
    pub(super) count: usize,
    pub(super) currents: &'a [Lanes<F>],
    pub(super) states: &'a [Lanes<F>],
    /// ∂L/∂output of all samples, unit-major.
    pub(super) gradient: &'a [F],
    /// Receives ∂L/∂current: (T, N).
    pub(super) g_currents: &'a mut [Lanes<F>],
    /// [`BackwardBlock::scratch`] values.
    pub(super) scratch: &'a mut [Lanes<F>],
    /// Receives the parameter sums of this block: (N, parameter).
    pub(super) sums: &'a mut [Lanes<F>],
    pub(super) dynamics: PhantomData<D>,
}

impl<F: Real, D, const S: usize, const P: usize> BackwardBlock<'_, F, D, S, P> {
    /// Room for the carried gradients of states and spikes, and two rows of outputs and slopes.
    pub(super) fn scratch(units: usize) -> usize {
        (S + 5) * units
    }
}

impl<F: Real, D: Dynamics<F, S, P>, const S: usize, const P: usize> Kernel for BackwardBlock<'_, F, D, S, P> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Shape { steps, units, .. } = self.shape;
        // A row of gradients of currents holds ∂L/∂output until its step has come.
        gather(self.gradient, self.shape, self.start, self.count, self.g_currents);
        self.scratch.fill(Lanes::default());
        self.sums.fill(Lanes::default());
        let (g_states, rest) = self.scratch.split_at_mut(S * units);
        let (g_spikes, rest) = rest.split_at_mut(units);
        let (now, past) = rest.split_at_mut(2 * units);
        let (mut now, mut past) = (now, past);
        // Each pair of rows holds outputs and slopes of one step.
        let fill = |rows: &mut [Lanes<F>], t: usize| {
            let (outputs, slopes) = rows.split_at_mut(units);
            outputs.copy_from_slice(&self.states[t * S * units..(t * S + 1) * units]);
            self.output.fill(outputs, slopes);
        };
        fill(now, steps - 1);
        for t in (0..steps).rev() {
            let row = &self.states[t * S * units..(t + 1) * S * units];
            let mut row_before = row;
            if t > 0 {
                fill(past, t - 1);
                row_before = &self.states[(t - 1) * S * units..t * S * units];
            }
            let (up_to_now, later) = self.g_currents.split_at_mut((t + 1) * units);
            if t + 1 < steps {
                add_product::<F, L>(self.weights, &later[..units], g_spikes);
            }
            for n in 0..units {
                let p = &self.parameters[n];
                let (mut before, mut spike_before) = ([Row::default(); S], Row::default());
                if t > 0 {
                    spike_before = Row(past[n]);
                    before = D::settle(p, read(row_before, units, n), spike_before);
                }
                let visited = Visited {
                    before,
                    spike_before,
                    input: Row(self.currents[t * units + n]),
                    state: read(row, units, n),
                    spike: Row(now[n]),
                    slope: Row(now[units + n]),
                };
                let above = Row(up_to_now[t * units + n]);
                let mut carried = Carried { state: read(g_states, units, n), spike: Row(g_spikes[n]) };
                let mut sums = [Row::default(); P];
                for (sum, &stored) in sums.iter_mut().zip(&self.sums[n * P..]) {
                    *sum = Row(stored);
                }
                let g_current = adjoint::<F, _, D, S, P>(p, visited, above, &mut carried, &mut sums);
                up_to_now[t * units + n] = g_current.0;
                for (stored, sum) in self.sums[n * P..].iter_mut().zip(&sums) {
                    *stored = sum.0;
                }
                for (k, variable) in carried.state.iter().enumerate() {
                    g_states[k * units + n] = variable.0;
                }
                g_spikes[n] = carried.spike.0;
            }
            std::mem::swap(&mut now, &mut past);
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
