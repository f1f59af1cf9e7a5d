//! `cargo xtask bench --loading FOLDER`: what loading adds to the wall time of an epoch.
//!
//! A set of the size of SHD (8,156 samples of about 8,500 spikes on 700 channels) lies in spike files in the folder, and is
//! made there where it is missing. Three epochs are timed in turn, several times: of batches that are in memory already,
//! which is training alone; of batches read from the files beside training; and of batches read when they are asked for.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use colearn_data::spike_file::{SpikeFileHead, SpikeFileWriter};
use colearn_data::{Batch, DataConfig, DataName, Dataset, LoadOptions, Loader, Order, Spikes};
use colearn_synapses::Interpolation;
use colearn_tape::on_workers;
use ndarray::Axis;
use ndarray_rand::rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;

use super::input;
use super::measure::{self, Trained};
use super::workload::Workload;
use colearn::cli::terminal::{say, say_json};

const CHANNELS: usize = 700;
const CLASSES: usize = 20;
const SAMPLES: usize = 8_156;
const STEP_S: f32 = 0.01;

/// Samples that are drawn; the set repeats them, each time at a place of its own in the file.
const DRAWN: usize = 128;

/// Times of whole epochs in seconds, the medians of several in turn.
#[derive(Debug, Serialize)]
struct Epochs {
    workload: &'static str,
    threads: usize,
    samples: usize,
    rounds: usize,
    /// Batches in memory.
    alone_s: f64,
    /// From the files, the next batch beside the present one, and the part of it that training waited.
    beside_s: f64,
    waited_s: f64,
    /// From the files, one after the other.
    serial_s: f64,
    beside_to_alone: f64,
    serial_to_alone: f64,
}

/// Measures `workload`, whose channels are 700 summed in groups, over `epochs` epochs of each kind.
pub(super) fn run(workload: Workload, folder: &Path, epochs: usize, json: bool) -> Result<()> {
    let inputs = workload.inputs;
    anyhow::ensure!(
        CHANNELS.is_multiple_of(inputs),
        "{}: found {inputs} inputs; expected a divisor of 700",
        workload.name
    );
    let data = set(folder, workload)?;
    let loader =
        || Loader::new(&data.train, data.steps, workload.batch, Order::Shuffled { seed: 1, epoch: 0 });
    let batches: Vec<Batch> = loader().collect::<Result<_, _>>()?;
    let network = measure::prepared(&workload.network(Interpolation::Linear)?, &batches[0].input, 0.0);
    let mut trained = Trained::new(network, workload.batch, false);
    let (mut alone, mut beside, mut serial) = (Vec::new(), Vec::new(), Vec::new());
    // The first round brings files and buffers to where they stay.
    for round in 0..=epochs {
        let from_memory = timed(|| batches.iter().try_for_each(|batch| step(&mut trained, batch)))?;
        let mut waited = 0.0;
        let with_files = timed(|| {
            loader().ahead(|batches| {
                while let Some(batch) = asked(batches, &mut waited) {
                    let batch = batch?;
                    step(&mut trained, &batch)?;
                    batches.give(batch.input);
                }
                Ok(())
            })
        })?;
        let in_turn = timed(|| loader().try_for_each(|batch| step(&mut trained, &batch?)))?;
        if round > 0 {
            alone.push(from_memory);
            beside.push((with_files, waited));
            serial.push(in_turn);
        }
    }
    beside.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (alone_s, serial_s, (beside_s, waited_s)) = (median(alone), median(serial), beside[epochs / 2]);
    let row = Epochs {
        workload: workload.name,
        threads: rayon::current_num_threads(),
        samples: data.train.len(),
        rounds: epochs,
        alone_s,
        beside_s,
        waited_s,
        serial_s,
        beside_to_alone: beside_s / alone_s,
        serial_to_alone: serial_s / alone_s,
    };
    if json {
        say_json(&serde_json::to_string(&row).context("the figures cannot be written as JSON")?);
    } else {
        show(&row);
    }
    Ok(())
}

fn show(row: &Epochs) {
    let Epochs { workload, threads, samples, rounds, .. } = row;
    say(format!("{workload}  an epoch of {samples} samples, {threads} threads, medians of {rounds}"));
    say(format!("    training alone                 {:7.2} s", row.alone_s));
    say(format!(
        "    loading beside training        {:7.2} s, {:.3} of training alone; waited {:.2} s",
        row.beside_s, row.beside_to_alone, row.waited_s
    ));
    say(format!("    loading and training in turn   {:7.2} s, {:.3}", row.serial_s, row.serial_to_alone));
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

/// The next item, adding the time that it took to come.
fn asked<T>(items: &mut impl Iterator<Item = T>, waited: &mut f64) -> Option<T> {
    let start = Instant::now();
    let next = items.next();
    *waited += start.elapsed().as_secs_f64();
    next
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// One step.
fn step(trained: &mut Trained, batch: &Batch) -> Result<()> {
    on_workers(|| trained.step_on(&batch.input, &batch.labels))
}

/// The set in `folder`, read from its files batch by batch.
fn set(folder: &Path, workload: Workload) -> Result<Dataset> {
    let [train, validation] = ["train.h5", "valid.h5"].map(|name| folder.join(name));
    if !(train.exists() && validation.exists()) {
        say(format!("makes {SAMPLES} samples of spikes in {}", folder.display()));
        std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let drawn = drawn()?;
        write(&validation, &drawn, CLASSES)?;
        write(&train, &drawn, SAMPLES)?;
    }
    let config = DataConfig {
        root: Some(folder.to_owned()),
        sum_channels: CHANNELS / workload.inputs,
        steps: workload.steps,
        ..DataConfig::default_for(DataName::Ssc)
    };
    Ok(config.load_with(&LoadOptions { memory: 0, ..LoadOptions::default() })?)
}

/// Samples with the statistics of [`input`], each spike at some time within its step.
fn drawn() -> Result<Vec<Spikes>> {
    let counts = input::counts(DRAWN, 100, CHANNELS, 5);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut of_sample = |sample: usize| {
        let (mut times, mut units) = (Vec::new(), Vec::new());
        for (step, channels) in counts.index_axis(Axis(1), sample).outer_iter().enumerate() {
            for (unit, &count) in channels.iter().enumerate() {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a whole number of spikes"
                )]
                for _ in 0..count as usize {
                    times.push(STEP_S * (step as f32 + rng.random_range(0.0..0.99)));
                    units.push(u16::try_from(unit)?);
                }
            }
        }
        Ok(Spikes::checked(times, units, CHANNELS, "drawn")?.0)
    };
    (0..DRAWN).map(&mut of_sample).collect()
}

fn write(path: &Path, drawn: &[Spikes], samples: usize) -> Result<()> {
    let keys = (0..CLASSES).map(|class| class.to_string()).collect();
    let head = SpikeFileHead { samples, keys, speakers: false, notes: Vec::new() };
    let mut writer = SpikeFileWriter::create(path, head)?;
    for sample in 0..samples {
        writer.push(&drawn[sample % drawn.len()], sample % CLASSES, None)?;
    }
    Ok(writer.finish()?)
}
