//! The forward scan over time of units that do not see each other.
//!
//! Parallel over chunks of [`UNITS`] units; inside a unit, chunks of samples (see [`crate::chunk`]); inside a chunk, one
//! loop over time with the state in the first-level cache. Work: steps × batch × units times the model's ten or so
//! operations; the reads and writes of memory are what it costs.

use crate::Neuron;
use crate::chunk::{CHUNK, Course, Drive, Drives, Running, drive};
use crate::dynamics::{Dynamics, Values};
use crate::fire::{Fire, Membrane, Output};
use crate::models::Visitor;
use crate::shape::{Shape, clamped};
use colearn_tape::Real;
use colearn_tape::simd::{Kernel, Level, dispatch, load_row, store_row};
use ndarray::ArrayView1;
use rayon::prelude::*;

/// Units a task works on. Fixed: results cannot depend on the number of threads.
pub(crate) const UNITS: usize = 4;

/// Runs a neuron over unit-major sequences.
#[derive(Debug)]
pub(crate) struct Forward<'a, F> {
    pub(crate) neuron: &'a Neuron,
    pub(crate) parameters: &'a [ArrayView1<'a, F>],
    pub(crate) shape: Shape,
    /// What turns inputs into currents.
    pub(crate) drives: Drives<'a, F>,
    /// Inputs.
    pub(crate) input: &'a [F],
    /// Receives the outputs.
    pub(crate) output: &'a mut [F],
    /// Receives each unit's states before the spike, variable after variable; `None` if nobody needs them.
    pub(crate) states: Option<&'a mut [F]>,
}

impl<F: Real> Visitor for Forward<'_, F> {
    type Output = ();

    fn visit<D: Dynamics>(self) {
        match Output::of::<D>(self.neuron) {
            Output::Membrane => self.run::<D, _>(Membrane),
            Output::Spike(step, _) if D::SPIKING => self.run::<D, _>(step),
            Output::Soft(soft) if D::SPIKING => self.run::<D, _>(soft),
            Output::Spike(..) | Output::Soft(..) => {
                unreachable!("a model without spikes sends out its membrane")
            }
        }
    }
}

impl<F: Real> Forward<'_, F> {
    fn run<D: Dynamics, A: Fire<F>>(self, fire: A) {
        let Self { neuron, parameters, shape, drives, input, output, states } = self;
        let (block, batch) = (shape.block(), shape.batch);
        if block == 0 {
            return;
        }
        let parameters = clamped::<F, D>(neuron, parameters, shape.units);
        let inputs = input.par_chunks(UNITS * block);
        let tasks = output.par_chunks_mut(UNITS * block).zip(inputs).zip(parameters.par_chunks(UNITS));
        if let Some(states) = states {
            let tasks = tasks.zip(states.par_chunks_mut(UNITS * D::STATES * block)).enumerate();
            tasks.for_each(|(task, (((output, input), p), states))| {
                for (n, (output, states)) in
                    output.chunks_mut(block).zip(states.chunks_mut(D::STATES * block)).enumerate()
                {
                    let input = &input[n * block..];
                    let p = p[n];
                    dispatch(Unit::<F, D, A, true> {
                        p,
                        fire,
                        drive: drive(drives, task * UNITS + n),
                        batch,
                        input,
                        output,
                        states,
                    });
                }
            });
        } else {
            tasks.enumerate().for_each(|(task, ((output, input), p))| {
                for (n, output) in output.chunks_mut(block).enumerate() {
                    let (p, input, states) = (p[n], &input[n * block..], &mut [][..]);
                    dispatch(Unit::<F, D, A, false> {
                        p,
                        fire,
                        drive: drive(drives, task * UNITS + n),
                        batch,
                        input,
                        output,
                        states,
                    });
                }
            });
        }
    }
}

/// Steps between a chunk that is computed and one that is asked for.
const AHEAD: usize = 12;

/// One unit over all samples.
#[derive(Debug)]
pub(crate) struct Unit<'a, F: Real, D: Dynamics, A, const SAVE: bool> {
    pub(crate) p: D::Parameters<F>,
    pub(crate) fire: A,
    pub(crate) drive: Drive<F>,
    pub(crate) batch: usize,
    /// From this unit on.
    pub(crate) input: &'a [F],
    pub(crate) output: &'a mut [F],
    pub(crate) states: &'a mut [F],
}

impl<F, D, A, const SAVE: bool> Kernel for Unit<'_, F, D, A, SAVE>
where
    F: Real,
    D: Dynamics,
    A: Fire<F>,
{
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(mut self) {
        for start in (0..self.batch).step_by(CHUNK) {
            self.samples(start, CHUNK.min(self.batch - start));
        }
    }
}

impl<F, D, A, const SAVE: bool> Unit<'_, F, D, A, SAVE>
where
    F: Real,
    D: Dynamics,
    A: Fire<F>,
{
    /// Samples `start..start + count` over all time.
    #[inline(always)]
    fn samples(&mut self, start: usize, count: usize) {
        let block = self.output.len();
        let course = Course { steps: block / self.batch, batch: self.batch, start };
        let mut running = Running::<F, D>::start();
        let mut before = running.state;
        for (t, at) in (start..block).step_by(self.batch).enumerate() {
            course.ask_for(self.input, t, AHEAD.min(course.steps));
            course.ask_for(self.output, t, AHEAD.min(course.steps));
            let x = load_row(&self.input[at..], count);
            running.step(&self.p, self.fire, self.drive, &x, &mut before);
            store_row(&running.output, &mut self.output[at..], count);
            if SAVE {
                for k in 0..D::STATES {
                    store_row(before.get_ref(k), &mut self.states[k * block + at..], count);
                }
            }
        }
    }
}
