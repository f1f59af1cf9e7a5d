//! The backward scan of units that do not see each other: one loop over time in reverse.
//!
//! Shares out units as the forward scan does. For each block of sixteen samples the outputs and surrogate slopes of
//! all steps are filled first, so that the loop over time is compiled once a model, whatever the surrogate.
//! Parameter gradients are summed over time in lanes, over blocks in order, and over lanes last.

use crate::Neuron;
use crate::dynamics::Dynamics;
use crate::fire::Output;
use crate::forward::UNITS;
use crate::lane_step::{Carried, State, Visited, adjoint};
use crate::model::Visitor;
use crate::row::Row;
use crate::shape::{Shape, clamped};
use colearn_tape::simd::{Kernel, Level, dispatch};
use colearn_tape::{LANES, Lanes, Pool, Real};
use ndarray::ArrayView1;
use rayon::prelude::*;
use std::marker::PhantomData;

/// Pulls ∂L/∂output back to the input and the parameters. All sequences are unit-major.
#[derive(Debug)]
pub(crate) struct Backward<'a, F> {
    pub(crate) neuron: &'a Neuron,
    pub(crate) parameters: &'a [ArrayView1<'a, F>],
    pub(crate) shape: Shape,
    /// Input currents of the forward pass.
    pub(crate) input: &'a [F],
    /// States saved by the forward pass.
    pub(crate) states: &'a [F],
    /// ∂L/∂output.
    pub(crate) gradient: &'a [F],
    /// Receives ∂L/∂input.
    pub(crate) g_input: &'a mut [F],
    /// Receives ∂L/∂(value used), unit by unit, parameter by parameter; not masked.
    pub(crate) g_parameters: &'a mut [F],
    pub(crate) pool: &'a mut Pool<F>,
}

impl<F: Real> Visitor<F> for Backward<'_, F> {
    type Output = ();

    fn visit<D: Dynamics<F, S, P>, const S: usize, const P: usize>(self) {
        let (block, batch) = (self.shape.block(), self.shape.batch);
        self.g_parameters.fill(F::zero());
        if block == 0 {
            return;
        }
        let output = Output::of::<D, S, P>(self.neuron);
        let parameters = clamped::<F, P>(self.neuron, self.parameters, self.shape.units);
        let rows = 2 * self.shape.steps;
        let mut scratch = self.pool.take_lanes(self.shape.units.div_ceil(UNITS) * rows);
        self.g_input
            .par_chunks_mut(UNITS * block)
            .zip(self.g_parameters.par_chunks_mut(UNITS * P))
            .zip(scratch.par_chunks_mut(rows))
            .zip(parameters.par_chunks(UNITS))
            .enumerate()
            .for_each(|(chunk, (((g_input, sums), scratch), parameters))| {
                for (k, (g_input, sums)) in g_input.chunks_mut(block).zip(sums.chunks_mut(P)).enumerate() {
                    let n = chunk * UNITS + k;
                    let total = dispatch(Unit::<F, D, S, P> {
                        p: parameters[k],
                        output,
                        batch,
                        input: &self.input[n * block..(n + 1) * block],
                        states: &self.states[n * S * block..(n + 1) * S * block],
                        gradient: &self.gradient[n * block..(n + 1) * block],
                        g_input,
                        scratch: &mut *scratch,
                        dynamics: PhantomData,
                    });
                    sums.copy_from_slice(&total);
                }
            });
        self.pool.give_lanes(scratch);
    }
}

/// One unit over all samples.
struct Unit<'a, F, D, const S: usize, const P: usize> {
    p: [F; P],
    output: Output<F>,
    batch: usize,
    input: &'a [F],
    states: &'a [F],
    gradient: &'a [F],
    g_input: &'a mut [F],
    scratch: &'a mut [Lanes<F>],
    dynamics: PhantomData<D>,
}

impl<F: Real, D: Dynamics<F, S, P>, const S: usize, const P: usize> Kernel for Unit<'_, F, D, S, P> {
    type Output = [F; P];

    #[inline(always)]
    fn run<L: Level>(mut self) -> [F; P] {
        let mut sums = [Row::default(); P];
        let whole = self.batch / LANES * LANES;
        for start in (0..whole).step_by(LANES) {
            self.samples(start, LANES, &mut sums);
        }
        if whole < self.batch {
            self.samples(whole, self.batch - whole, &mut sums);
        }
        let mut totals = [F::zero(); P];
        for k in 0..P {
            totals[k] = sums[k].0.total();
        }
        totals
    }
}

impl<F: Real, D: Dynamics<F, S, P>, const S: usize, const P: usize> Unit<'_, F, D, S, P> {
    /// The states before the spike of samples `at..at + count` of a step.
    #[inline(always)]
    fn state(&self, at: usize, count: usize) -> State<F, S> {
        let mut state = [Row::default(); S];
        for (k, variable) in state.iter_mut().enumerate() {
            *variable = Row::load(&self.states[k * self.input.len() + at..], count);
        }
        state
    }

    /// Samples `start..start + count` over all time, in reverse.
    #[inline(always)]
    fn samples(&mut self, start: usize, count: usize, sums: &mut [Row<F>; P]) {
        let steps = self.input.len() / self.batch;
        self.fill_scratch(start, count);
        let mut carried = Carried::default();
        let mut own = [Row::default(); P];
        let mut state = self.state(start + (steps - 1) * self.batch, count);
        for t in (0..steps).rev() {
            let at = start + t * self.batch;
            let (spikes, slopes) = self.scratch.split_at(steps);
            let (mut state_before, mut before, mut spike_before) =
                ([Row::default(); S], [Row::default(); S], Row::default());
            if t > 0 {
                state_before = self.state(at - self.batch, count);
                spike_before = Row(spikes[t - 1]);
                before = D::settle(&self.p, state_before, spike_before);
            }
            let visited = Visited {
                before,
                spike_before,
                input: Row::load(&self.input[at..], count),
                state,
                spike: Row(spikes[t]),
                slope: Row(slopes[t]),
            };
            let gradient = Row::load(&self.gradient[at..], count);
            let g_input = adjoint::<F, D, S, P>(&self.p, visited, gradient, &mut carried, &mut own);
            g_input.store(&mut self.g_input[at..], count);
            state = state_before;
        }
        add_first(sums, &own, count);
    }

    /// Outputs and slopes of every step, from the saved membrane.
    #[inline(always)]
    fn fill_scratch(&mut self, start: usize, count: usize) {
        let steps = self.input.len() / self.batch;
        let (outputs, slopes) = self.scratch.split_at_mut(steps);
        for (t, row) in outputs.iter_mut().enumerate() {
            *row = Lanes::load(&self.states[start + t * self.batch..], count);
        }
        self.output.fill(outputs, slopes);
    }
}

/// Adds the first `count` lanes: the others belong to no sample.
#[inline(always)]
fn add_first<F: Real, const P: usize>(sums: &mut [Row<F>; P], own: &[Row<F>; P], count: usize) {
    for k in 0..P {
        for l in 0..count {
            sums[k].0.0[l] += own[k].0.0[l];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Surrogate;
    use crate::adlif::Adlif;
    use crate::fire::Step;
    use crate::forward;
    use colearn_tape::simd::{InstructionSet, dispatch_to};

    /// Outputs, gradient of the input, and parameter sums of one unit.
    fn run(set: InstructionSet) -> (Vec<f64>, Vec<f64>, [f64; 4]) {
        let (steps, batch) = (30, 21);
        let values = |phase: f64| -> Vec<f64> {
            (0..steps * batch).map(|k| 3.0 + 9.0 * (k as f64 * 0.37 + phase).sin()).collect()
        };
        let (input, gradient) = (values(0.0), values(1.0));
        let (mut output, mut states) = (vec![0.0; input.len()], vec![0.0; 2 * input.len()]);
        let (p, step) = ([0.8, 0.97, 0.4, 1.1], Step(1.0));
        dispatch_to(
            set,
            forward::Unit::<f64, Adlif, _, 2, 4, true> {
                p,
                fire: step,
                batch,
                input: &input,
                output: &mut output,
                states: &mut states,
                dynamics: PhantomData,
            },
        );
        let mut g_input = vec![0.0; input.len()];
        let sums = dispatch_to(
            set,
            Unit::<f64, Adlif, 2, 4> {
                p,
                output: Output::Spike(step, Surrogate::default()),
                batch,
                input: &input,
                states: &states,
                gradient: &gradient,
                g_input: &mut g_input,
                scratch: &mut vec![Lanes::default(); 2 * steps],
                dynamics: PhantomData,
            },
        );
        (output, g_input, sums)
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let expected = run(InstructionSet::Portable);
        assert!(expected.0.contains(&1.0) && expected.2.iter().all(|&sum| sum != 0.0));
        for set in InstructionSet::available() {
            assert_eq!(run(set), expected, "{set:?}");
        }
    }
}
