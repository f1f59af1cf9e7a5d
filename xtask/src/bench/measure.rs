//! Timed steps and peak memory.

use std::fs;
use std::time::Instant;

use anyhow::Result;
use colearn_network::{Delays, Network, ParameterKind};
use colearn_store::{LARGEST_TEXT, read_text};
use colearn_tape::simd::{InstructionSet, MultiplyAdds};
use colearn_tape::{Pool, Tape, on_workers};
use colearn_train::{Optimiser, TrainConfig, clip_scale, gradient_norm, initial_generator};
use ndarray::Array3;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;

use colearn::runs::peak_memory;

/// Seconds of timed steps, and the peak of the process's memory.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Timing {
    pub(crate) median_s: f64,
    pub(crate) min_s: f64,
    pub(crate) max_s: f64,
    /// Processor time of a step, all threads together, median: other jobs on the machine matter less.
    pub(crate) processor_s: Option<f64>,
    pub(crate) steps: usize,
    /// Largest resident memory since the start of the workload, if the system tells.
    pub(crate) peak_mib: Option<f64>,
}

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) warm_up: usize,
    pub(crate) steps: usize,
}

impl Effort {
    fn time(self, mut step: impl FnMut() -> Result<()>) -> Result<Timing> {
        for _ in 0..self.warm_up {
            step()?;
        }
        let (mut seconds, mut spent) = (Vec::with_capacity(self.steps), Vec::with_capacity(self.steps));
        for _ in 0..self.steps {
            let (start, before) = (Instant::now(), processor_seconds());
            step()?;
            seconds.push(start.elapsed().as_secs_f64());
            spent.extend(processor_seconds().zip(before).map(|(after, before)| after - before));
        }
        seconds.sort_by(f64::total_cmp);
        spent.sort_by(f64::total_cmp);
        let processor_s = spent.get(spent.len() / 2).copied();
        let (median_s, min_s, max_s) = (seconds[self.steps / 2], seconds[0], seconds[seconds.len() - 1]);
        Ok(Timing { median_s, min_s, max_s, processor_s, steps: self.steps, peak_mib: peak_mib() })
    }
}

/// One network in training: forward, loss, backward, clipping, optimiser, running statistics.
pub(crate) struct Trained {
    pub(crate) network: Network<f32>,
    tape: Tape<f32>,
    optimiser: Optimiser<f32>,
    rng: ChaCha8Rng,
    labels: Vec<usize>,
}

impl Trained {
    /// Starts from `network`; labels are drawn in a fixed order.
    pub(crate) fn new(network: Network<f32>, batch: usize, recompute: bool) -> Self {
        let mut tape = Tape::new();
        tape.set_recompute(recompute);
        let labels = (0..batch).map(|b| b * 7 % network.classes()).collect();
        let optimiser = Optimiser::new(&TrainConfig::default(), network.parameters());
        Self { network, tape, optimiser, rng: initial_generator(1), labels }
    }

    /// One step on `input` with labels of its own.
    pub(crate) fn step_on(&mut self, input: &Array3<f32>, labels: &[usize]) -> Result<()> {
        self.labels.clear();
        self.labels.extend_from_slice(labels);
        self.step(input)
    }

    /// One step on `input`.
    fn step(&mut self, input: &Array3<f32>) -> Result<()> {
        self.tape.reset();
        let recording = self.network.record(&mut self.tape, input, &mut self.rng);
        let loss = self.tape.cross_entropy(recording.scores, &self.labels);
        let value = self.tape.value(loss).sum();
        anyhow::ensure!(value.is_finite(), "the loss is {value}");
        self.tape.backward(loss);
        let gradients: Vec<_> = recording.parameters.iter().map(|&var| self.tape.gradient(var)).collect();
        let scale = clip_scale(gradient_norm(&gradients), 1.0);
        let rate = |kind| if kind == ParameterKind::Delay { 1e-2 } else { 1e-3 };
        self.optimiser.step(self.network.parameters_mut(), &gradients, rate, scale);
        self.network.absorb(&recording);
        Ok(())
    }

    /// Times training steps on `input`.
    pub(crate) fn train(&mut self, input: &Array3<f32>, effort: Effort) -> Result<Timing> {
        effort.time(|| on_workers(|| self.step(input)))
    }

    /// Times inference with whole delays on `input`.
    pub(crate) fn infer(&self, input: &Array3<f32>, effort: Effort) -> Result<Timing> {
        let mut pool = Pool::default();
        effort.time(|| {
            let inference = self.network.infer(&input.view(), Delays::Rounded, &mut pool);
            std::hint::black_box(inference.scores.sum());
            Ok(())
        })
    }

    /// Spikes per unit and step of each hidden layer in inference with `delays`.
    pub(crate) fn rates(&self, input: &Array3<f32>, delays: Delays) -> Vec<f64> {
        self.network.infer(&input.view(), delays, &mut Pool::default()).rates
    }
}

/// Processor time of all threads of this process, where the system tells.
fn processor_seconds() -> Option<f64> {
    let nanoseconds = |task: fs::DirEntry| -> Option<f64> {
        let text = read_text(&task.path().join("schedstat"), LARGEST_TEXT).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    Some(fs::read_dir("/proc/self/task").ok()?.flatten().filter_map(nanoseconds).sum::<f64>() / 1e9)
}

/// Forgets the peak of the process's memory so far; the peak is then that of what follows.
pub(crate) fn reset_peak() {
    // Where the system has no such file, the peak is that of the whole process.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Largest resident memory in MiB.
pub(crate) fn peak_mib() -> Option<f64> {
    peak_memory().map(|bytes| bytes as f64 / f64::from(1 << 20))
}

/// Multiply-adds per second of one core, the best of several runs: what kernels are compared with.
pub(crate) fn peak_multiply_adds() -> f64 {
    let work = MultiplyAdds::new(InstructionSet::best());
    let run = |_| {
        let start = Instant::now();
        std::hint::black_box(work.run());
        work.count() as f64 / start.elapsed().as_secs_f64()
    };
    (0..100).map(run).fold(0.0, f64::max)
}

/// A fresh network of `description`, calibrated on `input`.
pub(crate) fn prepared(
    description: &colearn_network::ValidNetwork,
    input: &Array3<f32>,
    spread: f64,
) -> Network<f32> {
    let mut network = Network::<f32>::new(description, &mut ChaCha8Rng::seed_from_u64(7));
    network.set_spread(spread);
    network.calibrate(&input.view());
    network
}
