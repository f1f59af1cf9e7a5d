//! Inference of sixteen samples at a time.
//!
//! A block of samples goes through all layers a few steps at a time: what it needs of histories, sums and states stays in
//! the second-level cache, and no layer writes its output to memory for the next one to pack again. Blocks are shared out
//! to threads, and units within a block where there are fewer blocks than threads; each sum is added in one order in
//! either case, so that results do not depend on the number of threads.

use crate::config::Pooling;
use crate::network::{Delays, LayerUnits, Network};
use crate::pooling;
use colearn_neurons::BlockScan;
use colearn_synapses::{BLOCK_SYNAPSE_STEPS, BlockHistory, BlockSynapse, Signals};
use colearn_tape::simd::{Kernel, Level, dispatch, looks_up};
use colearn_tape::{LANES, Lanes, Pool, Real, Sequence, SequenceShape};
use ndarray::{Array2, ArrayView3, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

/// Units that one task sums and fires: they use what a window of inputs brought to the first-level cache. 16, 32 and 64
/// were measured (W2: 16.0, –, 12.0 ms of processor time).
const UNITS: usize = 64;

/// The same where threads share out the units of a block.
const SHARED_UNITS: usize = 16;

/// Steps that go through all layers before the next ones.
const STEPS: usize = BLOCK_SYNAPSE_STEPS;

/// A layer, ready for blocks.
struct Stage<F> {
    synapse: BlockSynapse<F>,
    scan: BlockScan<F>,
    units: usize,
}

/// What came out of a batch.
pub(crate) struct BlockOutputs<F> {
    /// Scores (B, classes).
    pub(crate) scores: Array2<F>,
    /// Each hidden layer's summed magnitude.
    activity: Vec<f64>,
    /// If they were to be kept, each layer's outputs of each block: a row a step, unit after unit.
    kept: Vec<Vec<Vec<Lanes<F>>>>,
}

impl<F: Real> BlockOutputs<F> {
    /// The kept outputs of a layer as a sequence of this shape.
    pub(crate) fn sequence(&self, layer: usize, shape: SequenceShape, pool: &mut Pool<F>) -> Sequence<F> {
        let mut sequence = Sequence::taken(shape, pool);
        let blocks = sequence.values_mut().par_chunks_mut(shape.block_len()).zip(&self.kept).enumerate();
        blocks.for_each(|(k, (block, layers))| {
            for (to, row) in block.as_chunks_mut::<LANES>().0.iter_mut().zip(&layers[layer]) {
                *to = row.0;
                to[shape.samples(k)..].fill(F::zero());
            }
        });
        sequence
    }

    /// Mean magnitude of a hidden layer of this shape.
    pub(crate) fn rate(&self, layer: usize, shape: SequenceShape) -> f64 {
        self.activity[layer] / (shape.values() * shape.units) as f64
    }
}

/// Buffers of one worker.
struct Room<F> {
    /// What each layer reads.
    histories: Vec<BlockHistory<F>>,
    /// States of each layer.
    states: Vec<Vec<Lanes<F>>>,
    /// Summed magnitude of each unit of each layer.
    activity: Vec<Vec<f64>>,
    /// Sums and outputs of the widest layer.
    rows: Vec<Lanes<F>>,
    /// A row a class, twice.
    scores: Vec<Lanes<F>>,
    softmax: Vec<Lanes<F>>,
}

impl<F: Real> Room<F> {
    fn new(stages: &[Stage<F>], steps: usize, pool: &mut Pool<F>) -> Self {
        let widest = stages.iter().map(|stage| stage.units).max().expect("the readout is a layer");
        let classes = stages.last().expect("the readout is a layer").units;
        let state =
            |stage: &Stage<F>, pool: &mut Pool<F>| pool.take_lanes(stage.units * stage.scan.state_rows());
        Self {
            histories: stages.iter().map(|stage| stage.synapse.history(steps, pool)).collect(),
            states: stages.iter().map(|stage| state(stage, pool)).collect(),
            activity: stages.iter().map(|stage| vec![0.0; stage.units]).collect(),
            rows: pool.take_lanes(widest * STEPS),
            scores: pool.take_lanes(classes),
            softmax: pool.take_lanes(classes),
        }
    }

    fn recycle(self, pool: &mut Pool<F>) {
        self.histories.into_iter().for_each(|history| history.recycle(pool));
        let lanes = self.states.into_iter().chain([self.rows, self.scores, self.softmax]);
        lanes.for_each(|lanes| pool.give_lanes(lanes));
    }
}

/// One block of samples on its way.
#[derive(Clone, Copy)]
struct Block<'a, F> {
    stages: &'a [Stage<F>],
    /// Its samples (step, sample, channel).
    input: ArrayView3<'a, F>,
    steps: usize,
    /// How many samples it has.
    count: usize,
    pooling: Pooling,
    /// Whether threads share out the units.
    shared: bool,
    /// Whether outputs are kept.
    keep: bool,
}

impl<F: Real> Network<F> {
    /// A batch (T, B, C), block by block, with every layer's outputs if `keep` says so; `None` where a layer is recurrent, a
    /// kernel has more than two taps, the input is empty, or there are neither delays nor look-ups.
    pub(crate) fn run_blocks(
        &self,
        input: &ArrayView3<'_, F>,
        delays: Delays,
        keep: bool,
        pool: &mut Pool<F>,
    ) -> Option<BlockOutputs<F>> {
        let (steps, batch, _) = input.dim();
        if steps * batch == 0 {
            return None;
        }
        let stages = self.stages(delays, pool)?;
        let blocks = batch.div_ceil(LANES);
        let workers = rayon::current_num_threads().min(blocks);
        let shared = workers < rayon::current_num_threads();
        let mut rooms: Vec<_> = (0..workers).map(|_| Room::new(&stages, steps, pool)).collect();
        let mut scores = Array2::zeros((batch, self.classes()));
        let each = blocks.div_ceil(workers);
        let parts = scores.axis_chunks_iter_mut(Axis(0), each * LANES).into_par_iter();
        let parts = parts.zip(&mut rooms).enumerate().flat_map_iter(|(worker, (mut scores, room))| {
            let run = |(k, mut scores): (usize, ArrayViewMut2<'_, F>)| {
                let first = (worker * each + k) * LANES;
                let input = input.slice(s![.., first..first + scores.nrows(), ..]);
                let (stages, count, pooling) = (&stages[..], scores.nrows(), self.pooling());
                let block = Block { stages, input, steps, count, pooling, shared, keep };
                block.run(room, &mut scores)
            };
            scores.axis_chunks_iter_mut(Axis(0), LANES).enumerate().map(run).collect::<Vec<_>>()
        });
        let (activities, kept): (Vec<Vec<f64>>, Vec<_>) = parts.unzip();
        let total = |k: usize| activities.iter().map(|of_block| of_block[k]).sum();
        let activity = (0..self.hidden_layers()).map(total).collect();
        for room in rooms {
            room.recycle(pool);
        }
        recycle(stages, pool);
        Some(BlockOutputs { scores, activity, kept })
    }

    fn stages(&self, delays: Delays, pool: &mut Pool<F>) -> Option<Vec<Stage<F>>> {
        let is_delayed = self.layers.iter().any(|layer| layer.delay.is_some());
        let is_recurrent = self.layers.iter().any(|layer| layer.recurrent.is_some());
        // Without delays or look-ups, layer after layer is faster: its products are those of a library (W1 on AVX2: 18 ms
        // of processor time against 23; with look-ups 12).
        if is_recurrent || !(is_delayed || looks_up::<F>()) {
            return None;
        }
        let mut stages: Vec<Stage<F>> = Vec::new();
        for k in 0..self.layers.len() {
            let Some(stage) = self.stage(k, delays, pool) else {
                recycle(stages, pool);
                return None;
            };
            stages.push(stage);
        }
        Some(stages)
    }

    fn stage(&self, k: usize, delays: Delays, pool: &mut Pool<F>) -> Option<Stage<F>> {
        let LayerUnits::Neurons(neuron) = self.units_of(k) else { return None };
        let layer = &self.layers[k];
        let signals = match k.checked_sub(1).map(|before| self.units_of(before)) {
            Some(LayerUnits::Neurons(neuron)) if neuron.sends_spikes() => Signals::Spikes,
            _ => Signals::Numbers,
        };
        let synapse = self.synapse(layer, delays).map(|index| self.matrix(index));
        let units = synapse.weight().ncols();
        let synapse = synapse.by_ref().block(signals, pool)?;
        let (scale, shift) = self.running_affine(k);
        let affine = [&scale, &shift].map(|a| a.as_slice().expect("one axis"));
        let scan = BlockScan::new(neuron, &self.neuron_values(layer), affine);
        Some(Stage { synapse, scan, units })
    }
}

fn recycle<F: Real>(stages: Vec<Stage<F>>, pool: &mut Pool<F>) {
    for stage in stages {
        stage.synapse.recycle(pool);
    }
}

impl<F: Real> Block<'_, F> {
    /// Fills the scores (count, classes); returns each layer's summed magnitude and, if it is kept, its output.
    fn run(self, room: &mut Room<F>, scores: &mut ArrayViewMut2<'_, F>) -> (Vec<f64>, Vec<Vec<Lanes<F>>>) {
        let Self { stages, steps, pooling, .. } = self;
        let Room { histories, states, activity, rows, scores: sums, softmax } = room;
        for (state, activity) in states.iter_mut().zip(&mut *activity) {
            state.fill(Lanes::default());
            activity.fill(0.0);
        }
        sums.fill(Lanes::splat(pooling::start(pooling)));
        let room_of =
            |stage: &Stage<F>| vec![Lanes::default(); if self.keep { stage.units * steps } else { 0 }];
        let mut kept: Vec<_> = stages.iter().map(room_of).collect();
        for step in (0..steps).step_by(STEPS) {
            let now = Now { block: self, step, steps: STEPS.min(steps - step) };
            now.read(&mut histories[0]);
            for (k, stage) in stages.iter().enumerate() {
                let (before, after) = histories.split_at_mut(k + 1);
                let rows = &mut rows[..stage.units * STEPS];
                let own = Own { state: &mut states[k], activity: &mut activity[k], rows };
                now.advance(stage, &before[k], own, after.first_mut());
                for (kept, rows) in kept[k].chunks_exact_mut(steps).zip(rows.chunks_exact(STEPS)) {
                    kept[step..step + now.steps].copy_from_slice(&rows[..now.steps]);
                }
            }
            let rows = &rows[..sums.len() * STEPS];
            dispatch(pooling::AddRows {
                pooling,
                rows,
                stride: STEPS,
                steps: now.steps,
                softmax,
                scores: sums,
            });
        }
        for ((lane, class), score) in scores.indexed_iter_mut() {
            *score = pooling::finished(pooling, sums[class].0[lane], steps);
        }
        (activity.iter().map(|of_layer| of_layer.iter().sum()).collect(), kept)
    }
}

/// What a layer changes in some steps.
struct Own<'a, F> {
    state: &'a mut [Lanes<F>],
    /// Summed magnitude of each unit.
    activity: &'a mut [f64],
    /// Receives the outputs.
    rows: &'a mut [Lanes<F>],
}

/// Some steps of a block.
#[derive(Clone, Copy)]
struct Now<'a, F> {
    block: Block<'a, F>,
    step: usize,
    steps: usize,
}

impl<F: Real> Now<'_, F> {
    /// Units that one task sums and fires.
    fn task_units(self) -> usize {
        if self.block.shared { SHARED_UNITS } else { UNITS }
    }

    /// Copies the input of these steps to the first layer's history.
    fn read(self, history: &mut BlockHistory<F>) {
        let Self { block, step, steps } = self;
        self.each(history.parts(self.task_units()), |mut part| {
            part.push_samples(&block.input, step..step + steps);
        });
    }

    /// Runs `task` on every item, on several threads if they share out units.
    fn each<I: Iterator<Item: Send>>(self, items: I, task: impl Fn(I::Item) + Sync + Send) {
        if self.block.shared {
            items.collect::<Vec<_>>().into_par_iter().for_each(task);
        } else {
            items.for_each(task);
        }
    }

    /// Sums and fires a layer, and hands its output on.
    fn advance(
        self,
        stage: &Stage<F>,
        before: &BlockHistory<F>,
        Own { state, activity, rows }: Own<'_, F>,
        after: Option<&mut BlockHistory<F>>,
    ) {
        let task_units = self.task_units();
        let parts = after.into_iter().flat_map(|history| history.parts(task_units)).map(Some);
        let states = state.chunks_mut(task_units * stage.scan.state_rows());
        let rows = rows.chunks_mut(task_units * STEPS);
        let items = rows.zip(states).zip(activity.chunks_mut(task_units));
        let items = items.zip(parts.chain(std::iter::repeat_with(|| None))).enumerate();
        self.each(items, |(task, (((rows, state), activity), part))| {
            let units = task * task_units..((task + 1) * task_units).min(stage.units);
            stage.synapse.sums(before, self.step, units.clone(), rows);
            stage.scan.run(units, state, rows, self.steps, STEPS);
            let Some(mut part) = part else { return };
            for (unit, rows) in rows.chunks_exact(STEPS).enumerate() {
                part.push(unit, self.step, &rows[..self.steps]);
            }
            dispatch(Magnitude { rows, steps: self.steps, samples: self.block.count, to: activity });
        });
    }
}

/// Adds Σ |x| over the first `steps` of each unit's rows and the first `samples` lanes to the unit's place.
struct Magnitude<'a, F> {
    rows: &'a [Lanes<F>],
    steps: usize,
    samples: usize,
    to: &'a mut [f64],
}

impl<F: Real> Kernel for Magnitude<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { rows, steps, samples, to } = self;
        for (to, rows) in to.iter_mut().zip(rows.chunks_exact(STEPS)) {
            let mut total = Lanes::<F>::default();
            for row in &rows[..steps] {
                for l in 0..LANES {
                    total.0[l] += row.0[l].abs();
                }
            }
            *to += total.0[..samples].iter().map(|&x| Real::as_f64(x)).sum::<f64>();
        }
    }
}
