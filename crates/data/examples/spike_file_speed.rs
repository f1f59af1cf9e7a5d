//! How fast a spike file is written and read, and how much memory that takes.
//!
//! ```text
//! cargo run --release -p colearn-data --example spike_file_speed -- [samples] [spikes per sample]
//! cargo run --release -p colearn-data --example spike_file_speed -- file.h5
//! ```
//!
//! Without a file, one is made in a temporary folder. Each time is the median of five runs; the memory is the peak of
//! the process so far, so it can only grow from line to line.

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use colearn_data::Spikes;
use colearn_data::spike_file::{SpikeFile, SpikeFileHead, SpikeFileWriter};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

const CHANNELS: usize = 700;
const RUNS: usize = 5;
/// Bins of 10 ms by groups of five channels.
const BINS: usize = 140;
const GROUPS: usize = CHANNELS / 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first() {
        Some(path) if Path::new(path).exists() => measure(Path::new(path)),
        _ => {
            let number = |at: usize, otherwise| arguments.get(at).map_or(Ok(otherwise), |text| text.parse());
            let (samples, spikes) = (number(0, 8_000)?, number(1, 4_250)?);
            let folder = tempfile::tempdir()?;
            let path = folder.path().join("speed.h5");
            let start = Instant::now();
            write(&path, samples, spikes)?;
            let bytes = std::fs::metadata(&path)?.len();
            line("draw and write", start.elapsed().as_secs_f64());
            println!("{samples} samples of {spikes} spikes, {} MB on disk", bytes >> 20);
            measure(&path)
        }
    }
}

fn write(path: &Path, samples: usize, spikes: usize) -> Result<(), Box<dyn Error>> {
    let keys = (0..20).map(|class| class.to_string()).collect();
    let head = SpikeFileHead { samples, keys, speakers: true, notes: Vec::new() };
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut writer = SpikeFileWriter::create(path, head)?;
    for sample in 0..samples {
        let times: Vec<f32> = (0..spikes).map(|spike| 1.3 * spike as f32 / spikes as f32).collect();
        let units = (0..spikes).map(|_| u16::try_from(random.next_u32() % 700)).collect::<Result<_, _>>()?;
        let (spikes, _) = Spikes::checked(times, units, CHANNELS, "drawn")?;
        writer.push(&spikes, sample % 20, Some(i64::try_from(sample % 12)?))?;
    }
    Ok(writer.finish()?)
}

fn measure(path: &Path) -> Result<(), Box<dyn Error>> {
    let file = SpikeFile::open(path)?;
    let all: Vec<usize> = (0..file.len()).collect();
    let mut shuffled = all.clone();
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for last in (1..shuffled.len()).rev() {
        shuffled.swap(last, usize::try_from(random.next_u64() % (last as u64 + 1))?);
    }
    let spikes: usize = all.iter().map(|sample| file.spike_count(*sample)).sum();
    println!("{} samples, {:.1} million spikes, {} threads", file.len(), spikes as f64 / 1e6, threads());
    let one_by_one = |order: &[usize]| -> Result<usize, Box<dyn Error>> {
        order.iter().try_fold(0, |sum, sample| Ok(sum + file.read(*sample, CHANNELS)?.0.len()))
    };
    median("open", || Ok(SpikeFile::open(path)?.len()))?;
    median("read one by one, in order", || one_by_one(&all))?;
    median("read one by one, shuffled", || one_by_one(&shuffled))?;
    median("read on all threads, in order", || each(&file, &all))?;
    median("read on all threads, shuffled", || each(&file, &shuffled))?;
    median("open, read and bin", || {
        let file = SpikeFile::open(path)?;
        Ok(file.map_samples(0..file.len(), CHANNELS, |_, spikes, _| bin(&spikes))?.len())
    })?;
    median("open, read, keep and bin", || {
        let file = SpikeFile::open(path)?;
        let spikes = file.read_range(0..file.len(), CHANNELS)?;
        Ok(spikes.iter().map(|(spikes, _)| usize::from(bin(spikes)[0])).sum())
    })
}

fn each(file: &SpikeFile, order: &[usize]) -> Result<usize, Box<dyn Error>> {
    Ok(file.map_samples(order.to_vec(), CHANNELS, |_, spikes, _| spikes.len())?.iter().sum())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are from 0 to a few seconds"
)]
fn bin(spikes: &Spikes) -> Vec<u8> {
    let mut counts = vec![0u8; BINS * GROUPS];
    for (time, unit) in spikes.iter() {
        let place = (time * 100.0) as usize * GROUPS + usize::from(unit) / 5;
        if let Some(count) = counts.get_mut(place) {
            *count = count.saturating_add(1);
        }
    }
    counts
}

fn median(what: &str, run: impl Fn() -> Result<usize, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let mut seconds = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        std::hint::black_box(run()?);
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    line(what, seconds[RUNS / 2]);
    Ok(())
}

fn line(what: &str, seconds: f64) {
    println!("{what:<32}{seconds:>9.3} s   peak {}", peak());
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Peak resident memory, where the system tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known".to_owned(), |line| line.trim().to_owned())
}
