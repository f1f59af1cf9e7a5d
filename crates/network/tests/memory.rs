//! The memory that is predicted for a training step, against what an allocator counted while the step ran. A program of its
//! own: the allocator counts everything that the program holds.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use colearn_network::{Network, NetworkConfig, TrainingStep};
use colearn_synapses::Interpolation;
use colearn_tape::Tape;
use ndarray::Array3;
use peak_alloc::PeakAlloc;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const INPUTS: usize = 40;
const CLASSES: usize = 20;

/// One way to build a network of `units`.
type Build = fn(&mut NetworkConfig);

/// Predicted bytes, and bytes that a step took beside two moments of each parameter, which an optimiser has.
fn predicted_and_taken(config: &NetworkConfig, step: TrainingStep) -> (usize, usize) {
    let description = config.validate(INPUTS, CLASSES).unwrap();
    let predicted = description.training_bytes(step);
    let before = MEMORY.current_usage();
    let mut network = Network::<f32>::new(&description, &mut ChaCha8Rng::seed_from_u64(3));
    network.set_spread(step.spread);
    let input = Array3::from_shape_fn((step.steps, step.batch, INPUTS), |(t, b, i)| {
        f32::from(u8::from((t * 7 + b * 5 + i * 3 + t * b % 11).is_multiple_of(4)))
    });
    network.calibrate(&input.view());
    MEMORY.reset_peak_usage();
    let mut tape = Tape::new();
    tape.set_recompute(step.recompute);
    let recording = network.record(&mut tape, &input, &mut ChaCha8Rng::seed_from_u64(5));
    let labels: Vec<usize> = (0..step.batch).map(|b| b % CLASSES).collect();
    let loss = tape.cross_entropy(recording.scores, &labels);
    tape.backward(loss);
    let moments = 2 * size_of::<f32>() * network.parameter_count();
    (predicted, MEMORY.peak_usage() - before + moments)
}

/// Bytes that are not counted: threads have buffers of their own for products of matrices, and lists of events.
const OWN: usize = 1 << 20;

/// Bytes for forms of sums that a step could have taken and did not: which it takes depends on its input and the machine.
const OTHERS: usize = 1 << 19;

/// Predictions are of the worst case: as if every row of a layer's input had spikes, and sums took every form. They are at most
/// 1.15 times what was taken and [`OTHERS`], and but for [`OWN`] not below it.
#[test]
fn the_memory_of_a_step_is_predicted_for_layers_of_any_width() {
    let wide = 512;
    let builds: [(&str, usize, Build); 8] = [
        ("delayed", wide, |c| c.set_model("d-cadlif").unwrap()),
        ("whole delays", 200, |c| c.synapse.kernel = Interpolation::Whole),
        ("smoothed delays", 200, |c| c.synapse.kernel = Interpolation::Smoothed),
        ("gaussian delays", 200, |c| c.synapse.kernel = Interpolation::Gaussian),
        ("not delayed", wide, |c| c.set_model("cadlif").unwrap()),
        ("recurrent", wide, |c| {
            c.set_model("cadlif").unwrap();
            c.neuron.recurrent = true;
        }),
        ("delayed and recurrent", 200, |c| c.neuron.recurrent = true),
        ("gated", wide, |c| c.set_model("gru").unwrap()),
    ];
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for (name, most, build) in builds {
        for units in [20, 128, 200, wide].into_iter().filter(|&units| units <= most) {
            for recompute in [false, true] {
                let mut config = NetworkConfig::default();
                config.network.hidden = vec![units, units];
                config.synapse.max_delay = 6;
                build(&mut config);
                let step = TrainingStep { batch: 24, steps: 24, recompute, spread: 1.5 };
                let (predicted, taken) = threads.install(|| predicted_and_taken(&config, step));
                assert!(
                    predicted + OWN >= taken && 20 * predicted <= 23 * taken + 20 * OTHERS,
                    "{name}, {units} units, recompute {recompute}: {predicted} predicted, {taken} taken"
                );
            }
        }
    }
}
