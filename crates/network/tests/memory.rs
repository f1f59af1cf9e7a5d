//! The memory that a training step takes, counted by the allocator: against what is predicted for it, after the first steps,
//! and in sequences. A program of its own, one test at a time: the allocator counts everything that the program holds.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use colearn_network::config::Delay;
use colearn_network::{Network, NetworkConfig, TrainingStep};
use colearn_synapses::Interpolation;
use colearn_tape::Tape;
use ndarray::Array3;
use peak_alloc::PeakAlloc;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const INPUTS: usize = 40;
const CLASSES: usize = 20;

/// One way to build a network of `units`.
type Build = fn(&mut NetworkConfig);

/// Units of a wide layer.
const WIDE: usize = 512;

/// Networks by name, and the most units of a layer that a test of them takes.
const BUILDS: [(&str, usize, Build); 10] = [
    ("delayed", WIDE, |c| c.set_model("d-cadlif").unwrap()),
    ("whole delays", 200, |c| c.synapse.kernel = Interpolation::Whole),
    ("smoothed delays", 200, |c| c.synapse.kernel = Interpolation::Smoothed),
    ("gaussian delays", 200, |c| c.synapse.kernel = Interpolation::Gaussian),
    ("not delayed", WIDE, |c| c.set_model("cadlif").unwrap()),
    ("recurrent", WIDE, |c| {
        c.set_model("cadlif").unwrap();
        c.neuron.recurrent = true;
    }),
    ("delayed and recurrent", 200, |c| c.neuron.recurrent = true),
    ("recurrent delays", 200, |c| recurrent_delays(c, Interpolation::Linear)),
    ("recurrent gaussian delays", 128, |c| recurrent_delays(c, Interpolation::Gaussian)),
    ("gated", WIDE, |c| c.set_model("gru").unwrap()),
];

fn recurrent_delays(config: &mut NetworkConfig, kernel: Interpolation) {
    config.set_model("cadlif").unwrap();
    config.neuron.recurrent = true;
    config.synapse.kernel = kernel;
    config.synapse.recurrent_delay = Delay::Learned;
    config.synapse.recurrent_max_delay = 6;
}

/// Held by the one test that runs.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spikes(steps: usize, batch: usize, inputs: usize) -> Array3<f32> {
    Array3::from_shape_fn((steps, batch, inputs), |(t, b, i)| {
        f32::from(u8::from((t * 7 + b * 5 + i * 3 + t * b % 11).is_multiple_of(4)))
    })
}

/// One step, without an optimiser.
fn step(network: &Network<f32>, tape: &mut Tape<f32>, input: &Array3<f32>) {
    let recording = network.record(tape, input, &mut ChaCha8Rng::seed_from_u64(5));
    let labels: Vec<usize> = (0..input.dim().1).map(|b| b % network.classes()).collect();
    let loss = tape.cross_entropy(recording.scores, &labels);
    tape.backward(loss);
}

fn on_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

/// Predicted bytes, and bytes that a step took beside two moments of each parameter, which an optimiser has.
fn predicted_and_taken(config: &NetworkConfig, of: TrainingStep) -> (usize, usize) {
    let description = config.validate(INPUTS, CLASSES).unwrap();
    let predicted = description.training_bytes(of);
    let before = MEMORY.current_usage();
    let mut network = Network::<f32>::new(&description, &mut ChaCha8Rng::seed_from_u64(3));
    network.set_spread(of.spread);
    let input = spikes(of.steps, of.batch, INPUTS);
    network.calibrate(&input.view());
    MEMORY.reset_peak_usage();
    let mut tape = Tape::new();
    tape.set_recompute(of.recompute);
    step(&network, &mut tape, &input);
    let moments = 2 * size_of::<f32>() * network.parameter_count();
    (predicted, MEMORY.peak_usage() - before + moments)
}

/// Bytes that are not counted: threads have buffers of their own for products of matrices, and lists of events.
const OWN: usize = 1 << 20;

/// Bytes for forms of sums that a step could have taken and did not: which it takes depends on its input and the machine.
const OTHERS: usize = 1 << 20;

/// Predictions are of the worst case: as if every row of a layer's input had spikes, and sums took every form. They are at
/// most 1.15 times what was taken and [`OTHERS`], and but for [`OWN`] not below it.
#[test]
fn the_memory_of_a_step_is_predicted_for_layers_of_any_width() {
    let _alone = alone();
    for (name, most, build) in BUILDS {
        for units in [20, 128, 200, WIDE].into_iter().filter(|&units| units <= most) {
            for recompute in [false, true] {
                let mut config = NetworkConfig::default();
                config.network.hidden = vec![units, units];
                config.synapse.max_delay = 6;
                build(&mut config);
                let step = TrainingStep { batch: 24, steps: 24, recompute, spread: 1.5 };
                let (predicted, taken) = on_threads(2, || predicted_and_taken(&config, step));
                assert!(
                    predicted + OWN >= taken && 20 * predicted <= 23 * taken + 20 * OTHERS,
                    "{name}, {units} units, recompute {recompute}: {predicted} predicted, {taken} taken"
                );
            }
        }
    }
}

/// Bytes that a step on one thread may allocate in passing beside the buffers of its pool: nodes of the tape, labels, small
/// vectors, and what a product of matrices packs (`matrixmultiply`, up to 256 by 1,024 numbers and a little more). The
/// smallest sequence here has 2,048,000.
const SMALL: usize = 1_500_000;

#[test]
fn a_step_like_the_one_before_allocates_nothing_of_the_size_of_a_sequence() {
    let _alone = alone();
    for (name, _, build) in BUILDS {
        for recompute in [false, true] {
            let mut config = NetworkConfig::default();
            config.network.hidden = vec![64, 48];
            config.synapse.max_delay = 6;
            build(&mut config);
            let mut network =
                Network::<f32>::new(&config.validate(32, 32).unwrap(), &mut ChaCha8Rng::seed_from_u64(3));
            network.set_spread(1.5);
            let input = spikes(100, 160, 32);
            network.calibrate(&input.view());
            let allocated = on_threads(1, || {
                let mut tape = Tape::new();
                tape.set_recompute(recompute);
                for _ in 0..2 {
                    step(&network, &mut tape, &input);
                    tape.reset();
                }
                let before = MEMORY.current_usage();
                MEMORY.reset_peak_usage();
                step(&network, &mut tape, &input);
                tape.reset();
                assert!(MEMORY.current_usage() <= before + SMALL, "{name}: more is held after each step");
                MEMORY.peak_usage().saturating_sub(before)
            });
            assert!(allocated < SMALL, "{name}, recompute {recompute}: {allocated} bytes in passing");
        }
    }
}

/// A layer's signal is written once, its synaptic sums once, and their gradients once each: `docs/architecture.md`. Inputs,
/// layers and classes have the same number of units here, so that every sequence has one length.
#[test]
fn a_step_copies_its_input_into_blocks_and_no_other_sequence() {
    let _alone = alone();
    let (steps, batch, units) = (100, 256, 32);
    for layers in [1u8, 2, 3] {
        let mut config = NetworkConfig::default();
        config.set_model("cadlif").unwrap();
        config.network.hidden = vec![units; usize::from(layers)];
        config.network.dropout = 0.0;
        let network =
            Network::<f32>::new(&config.validate(units, units).unwrap(), &mut ChaCha8Rng::seed_from_u64(3));
        let input = spikes(steps, batch, units);
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        on_threads(2, || step(&network, &mut Tape::new(), &input));
        let sequences = (MEMORY.peak_usage() - before) as f64 / (4 * input.len()) as f64;
        // The input's blocks, the sums of hidden layers and readout, the readout's membranes, and of each hidden layer a bit for
        // a float: spikes.
        let kept = 3.0 + f64::from(layers) * (1.0 + 1.0 / 32.0);
        // Two gradients are under way, and scratch is less than one sequence.
        let passing = sequences - kept;
        assert!((2.0..3.0).contains(&passing), "{layers} layers: {sequences} sequences, {kept} of them kept");
    }
}
