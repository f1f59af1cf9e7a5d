//! The backward scan of units that do not see each other.
//!
//! Shares out units, of which a task has all samples. Nothing was saved: for each pair of blocks the forward pass is run once
//! more, which keeps the states of all steps in the first-level cache, and then one loop over time in reverse, which finds
//! outputs and surrogate slopes from the states. That is faster than reading any of them from memory, where the input and
//! the gradient are waited for already.
//! Parameter gradients are summed over time sample by sample, over chunks in order, and over samples last.
//!
//! With batch normalisation in front (see [`crate::normalised`]) the pass ends with its gradient, unit by unit.

use crate::Neuron;
use crate::chunk::{self, CHUNK, Chunk, Drive, Running, drive, sample};
use crate::dynamics::{Dynamics, Values};
use crate::fire::{Fire, Membrane, Output};
use crate::lane_step::{Carried, Visited, adjoint};
use crate::models::Visitor;
use crate::norm::{Norm, Normalisation};
use crate::shape::clamped;
use colearn_tape::sequence::by_unit_mut;
use colearn_tape::simd::{Kernel, Level, dispatch, prefetch};
use colearn_tape::{Buffers, LANES, Pool, Real, SequenceShape};
use ndarray::ArrayView1;
use rayon::prelude::*;

/// Most units a task works on: its scratch stays in the second-level cache from unit to unit.
const TASK_UNITS: usize = 16;

/// Tasks that smaller layers are split into. Fixed: results cannot depend on the number of threads.
const MIN_TASKS: usize = 8;

/// Rows of scratch: states before the spike, with zeros before the first step.
fn rows(states: usize, steps: usize) -> usize {
    states * (steps + 1)
}

/// Units of a task.
fn task_units(units: usize) -> usize {
    units.div_ceil(MIN_TASKS).clamp(1, TASK_UNITS)
}

/// What the pass takes for N = `units` of `states` variables.
pub(crate) fn buffers(states: usize, steps: usize, units: usize) -> Buffers {
    Buffers::values(units.div_ceil(task_units(units)) * rows(states, steps) * CHUNK)
}

/// Pulls ∂L/∂output back to the input and the parameters.
#[derive(Debug)]
pub(crate) struct Backward<'a, F> {
    pub(crate) neuron: &'a Neuron,
    pub(crate) parameters: &'a [ArrayView1<'a, F>],
    pub(crate) shape: SequenceShape,
    /// The normalisation of the inputs; without one they are the currents.
    pub(crate) norm: Option<&'a Normalisation<F>>,
    /// Inputs of the forward pass.
    pub(crate) input: &'a [F],
    /// ∂L/∂output.
    pub(crate) gradient: &'a [F],
    /// Receives ∂L/∂input.
    pub(crate) g_input: &'a mut [F],
    /// Receives ∂L/∂(value used), unit by unit, parameter by parameter; not masked.
    pub(crate) g_parameters: &'a mut [F],
    /// Receives ∂L/∂gain and ∂L/∂bias of the normalisation, unit by unit.
    pub(crate) g_norms: &'a mut [[F; 2]],
    /// Whether the statistics of the normalisation are of these samples alone. Otherwise `g_input` receives ∂L/∂current.
    pub(crate) whole: bool,
    pub(crate) pool: &'a mut Pool<F>,
}

impl<F: Real> Visitor for Backward<'_, F> {
    type Output = ();

    fn visit<D: Dynamics>(self) {
        match Output::of::<D>(self.neuron) {
            output @ Output::Membrane => self.run::<D, _>(Membrane, output),
            output @ Output::Spike(step, _) if D::SPIKING => self.run::<D, _>(step, output),
            output @ Output::Soft(soft) if D::SPIKING => self.run::<D, _>(soft, output),
            Output::Spike(..) | Output::Soft(..) => {
                unreachable!("a model without spikes sends out its membrane")
            }
        }
    }
}

impl<F: Real> Backward<'_, F> {
    fn run<D: Dynamics, A: Fire<F>>(self, fire: A, output: Output<F>) {
        let (shape, units) = (self.shape, self.shape.units);
        self.g_parameters.fill(F::zero());
        self.g_norms.fill([F::zero(); 2]);
        if shape.is_empty() {
            return;
        }
        let parameters = clamped::<F, D>(self.neuron, self.parameters, units);
        let rows = rows(D::STATES, shape.steps);
        let task_units = task_units(units);
        let mut scratch = self.pool.take(units.div_ceil(task_units) * rows * CHUNK);
        by_unit_mut(self.g_input, shape)
            .par_chunks_mut(task_units)
            .zip(self.g_parameters.par_chunks_mut(task_units * D::PARAMETERS))
            .zip(self.g_norms.par_chunks_mut(task_units))
            .zip(scratch.par_chunks_mut(rows * CHUNK))
            .enumerate()
            .for_each(|(task, (((g_input, sums), g_norms), scratch))| {
                let each = g_input.iter_mut().zip(sums.chunks_mut(D::PARAMETERS)).zip(g_norms);
                for (n, ((g_input, sums), g_norm)) in (task * task_units..).zip(each) {
                    let (rows, _) = scratch.as_chunks_mut::<CHUNK>();
                    let (total, of_norm) = dispatch(Unit::<F, D, A> {
                        p: parameters[n],
                        fire,
                        output,
                        drive: drive(self.norm.map(Normalisation::drives), n),
                        norm: self.norm.map(|norm| norm.unit(n)),
                        whole: self.whole,
                        shape,
                        n,
                        input: self.input,
                        gradient: self.gradient,
                        g_input,
                        rows,
                    });
                    *D::Parameters::first_mut(sums) = total;
                    *g_norm = of_norm;
                }
            });
        self.pool.give_vec(scratch);
    }
}

/// One unit over all samples.
struct Unit<'a, 'b, F: Real, D: Dynamics, A> {
    p: D::Parameters<F>,
    fire: A,
    output: Output<F>,
    drive: Drive<F>,
    norm: Option<Norm<F>>,
    whole: bool,
    shape: SequenceShape,
    /// Its number.
    n: usize,
    /// All units', as `gradient`.
    input: &'a [F],
    gradient: &'a [F],
    /// Its rows, block after block.
    g_input: &'a mut [&'b mut [F]],
    rows: &'a mut [Chunk<F>],
}

/// Sums over time, sample by sample.
struct Sums<F: Real, D: Dynamics> {
    parameters: D::Parameters<Chunk<F>>,
    /// Σ g x̂ and Σ g, g = ∂L/∂current.
    norm: [Chunk<F>; 2],
}

impl<F: Real, D: Dynamics, A: Fire<F>> Kernel for Unit<'_, '_, F, D, A> {
    type Output = (D::Parameters<F>, [F; 2]);

    #[inline(always)]
    fn run<L: Level>(mut self) -> (D::Parameters<F>, [F; 2]) {
        let (mut parameters, mut norm) = (D::Parameters::splat(F::zero()), [F::zero(); 2]);
        for blocks in chunk::pairs(self.shape) {
            let count = chunk::samples(self.shape, blocks[0]);
            self.forward(blocks);
            let sums = self.reverse(blocks);
            // The other numbers of a chunk belong to no sample.
            let total = |chunk: &Chunk<F>| chunk[..count].iter().fold(F::zero(), |sum, &x| sum + x);
            for k in 0..D::PARAMETERS {
                *parameters.get_mut(k) += total(sums.parameters.get_ref(k));
            }
            norm.iter_mut().zip(&sums.norm).for_each(|(sum, chunk)| *sum += total(chunk));
        }
        if let (Some(of_unit), true) = (self.norm, self.whole) {
            let count = F::of(self.shape.values() as f64);
            of_unit.through_statistics(norm, count, self.shape, (self.input, self.n), self.g_input);
        }
        (parameters, norm)
    }
}

impl<F: Real, D: Dynamics, A: Fire<F>> Unit<'_, '_, F, D, A> {
    /// Fills the rows with states, and prefetches what is read next and where this pair's gradients will be written.
    #[inline(always)]
    fn forward(&mut self, blocks: [usize; 2]) {
        let steps = self.shape.steps;
        let input = chunk::rows_of(self.input, self.shape, blocks, self.n);
        let next =
            [self.input, self.gradient].map(|values| chunk::rows_after(values, self.shape, blocks, self.n));
        let written = &self.g_input[blocks[0]..];
        self.rows[..D::STATES].fill([F::zero(); CHUNK]);
        let mut running = Running::<F, D>::start();
        let mut x = [F::zero(); CHUNK];
        for t in 0..steps {
            for rows in next {
                chunk::prefetch_row(rows, t);
            }
            written.iter().take(blocks.len()).for_each(|rows| prefetch(rows, t * LANES));
            chunk::load(input, t, &mut x);
            let before = D::State::first_mut(&mut self.rows[(t + 1) * D::STATES..]);
            running.step(&self.p, self.fire, self.drive, &x, before);
        }
    }

    /// The gradient of the samples' currents, in reverse.
    #[inline(always)]
    fn reverse(&mut self, blocks: [usize; 2]) -> Sums<F, D> {
        let steps = self.shape.steps;
        let input = chunk::rows_of(self.input, self.shape, blocks, self.n);
        let gradient = chunk::rows_of(self.gradient, self.shape, blocks, self.n);
        let norm = self.norm.unwrap_or_default();
        let zeros = [F::zero(); CHUNK];
        let mut sums = Sums::<F, D> { parameters: Values::splat(zeros), norm: [zeros; 2] };
        let mut carried = Running::<F, D>::start();
        let (mut x, mut above, mut slopes) = (zeros, zeros, zeros);
        let mut potential = self.potential(steps);
        for t in (0..steps).rev() {
            chunk::load(input, t, &mut x);
            chunk::load(gradient, t, &mut above);
            self.output.slopes(&potential, &mut slopes);
            // Nothing is sent before the first step, whatever a state of zeros would send.
            let first = t == 0;
            let potential_before = self.potential(t);
            // Arrays, not slices: a check inside the loop over samples would keep it from being vectorised.
            let states_before: &D::State<Chunk<F>> = Values::first(&self.rows[t * D::STATES..]);
            let states_now: &D::State<Chunk<F>> = Values::first(&self.rows[(t + 1) * D::STATES..]);
            let mut g_current = zeros;
            for l in 0..CHUNK {
                let spike_before = if first { F::zero() } else { self.fire.output(potential_before[l]) };
                let before = sample::<F, D>(states_before, l);
                let mut old = Carried { state: sample::<F, D>(&carried.state, l), spike: carried.output[l] };
                let visited = Visited {
                    before: D::settle(&self.p, before, spike_before),
                    spike_before,
                    input: self.drive.current(x[l]),
                    state: sample::<F, D>(states_now, l),
                    spike: self.fire.output(potential[l]),
                    slope: slopes[l],
                };
                let mut own = D::Parameters::splat(F::zero());
                let g = adjoint::<F, F, D>(&self.p, visited, above[l], &mut old, &mut own);
                for k in 0..D::STATES {
                    let of_chunk: &mut Chunk<F> = carried.state.get_mut(k);
                    of_chunk[l] = old.state.get(k);
                }
                carried.output[l] = old.spike;
                for k in 0..D::PARAMETERS {
                    let sum: &mut Chunk<F> = sums.parameters.get_mut(k);
                    sum[l] += own.get(k);
                }
                sums.norm[0][l] += g * norm.hat(x[l]);
                sums.norm[1][l] += g;
                g_current[l] = g;
            }
            potential = potential_before;
            chunk::store(&g_current, &mut self.g_input[blocks[0]..], t);
        }
        sums
    }

    /// What was compared with the threshold in the step before row `t` of states.
    #[inline(always)]
    fn potential(&self, t: usize) -> Chunk<F> {
        let states: &D::State<Chunk<F>> = Values::first(&self.rows[t * D::STATES..]);
        let mut potential = [F::zero(); CHUNK];
        for (l, potential) in potential.iter_mut().enumerate() {
            *potential = D::potential(&self.p, &sample::<F, D>(states, l));
        }
        potential
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Surrogate;
    use crate::fire::Step;
    use crate::forward;
    use crate::models::adlif::Adlif;
    use colearn_tape::LANES;
    use colearn_tape::simd::{InstructionSet, dispatch_to};

    /// Outputs, gradient of the input, and parameter sums of one unit.
    fn run(set: InstructionSet) -> ([Vec<f64>; 2], [f64; 4], [f64; 2]) {
        let shape = SequenceShape { steps: 30, batch: 21, units: 1 };
        let values = |phase: f64| -> Vec<f64> {
            let value = |k: usize| 3.0 + 9.0 * (k as f64 * 0.37 + phase).sin();
            let has_sample = |k: usize| k / shape.block_len() * LANES + k % LANES < shape.batch;
            (0..shape.len()).map(|k| if has_sample(k) { value(k) } else { 0.0 }).collect()
        };
        let (input, gradient) = (values(0.0), values(1.0));
        let mut output = vec![0.0; input.len()];
        let (p, step, drive) = ([0.8, 0.97, 0.4, 1.1], Step(1.0), Drive { scale: 0.9, shift: 0.1 });
        let (first, second) = output.split_at_mut(shape.block_len());
        dispatch_to(
            set,
            forward::Unit::<f64, Adlif, _, forward::Floats, false> {
                p,
                fire: step,
                drive,
                samples: shape.batch,
                input: chunk::rows_of(&input, shape, [0, 1], 0),
                output: [first, second],
                states: [&mut [], &mut []],
            },
        );
        let mut g_input = vec![0.0; input.len()];
        let (sums, of_norm) = dispatch_to(
            set,
            Unit::<f64, Adlif, _> {
                p,
                fire: step,
                output: Output::Spike(step, Surrogate::default()),
                drive,
                norm: Some(Norm { mean: 0.3, inverse: 0.2, scale: 0.9 }),
                whole: true,
                shape,
                n: 0,
                input: &input,
                gradient: &gradient,
                g_input: &mut by_unit_mut(&mut g_input, shape)[0],
                rows: &mut vec![[0.0; CHUNK]; rows(2, shape.steps)],
            },
        );
        ([output, g_input], sums, of_norm)
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let expected = run(InstructionSet::Portable);
        assert!(expected.0[0].contains(&1.0) && expected.1.iter().all(|&sum| sum != 0.0));
        for set in InstructionSet::available() {
            assert_eq!(run(set), expected, "{set:?}");
        }
    }
}
