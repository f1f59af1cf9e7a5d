//! Load a set and print what is in it: `cargo run --release -p colearn-data --example load -- words FOLDER [CACHE]`.
//!
//! With a folder for the cache the set is loaded three times: computed, computed and stored, and from the cache.
#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::path::PathBuf;
use std::time::Instant;

use colearn_data::{DataConfig, DataError, DataName, Dataset, LoadOptions, Loader, Order, Split};

fn main() -> Result<(), DataError> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let name = DataName::ALL.into_iter().find(|known| known.to_string() == name).unwrap_or_default();
    let root = arguments.next().map(PathBuf::from);
    let cache = arguments.next().map(PathBuf::from);
    let config = DataConfig { root, ..DataConfig::default_for(name) };
    let mut set = timed(&config, &LoadOptions::default())?;
    if let Some(cache) = &cache {
        let options = LoadOptions { cache: Some(cache), ..LoadOptions::default() };
        timed(&config, &options)?;
        set = timed(&config, &options)?;
    }

    println!(
        "{}: {} classes, {} channels, steps of {} s",
        set.name,
        set.classes.len(),
        set.channels,
        set.step_s
    );
    for (name, split) in set.splits() {
        println!("{name}: {}", describe(split, set.classes.len())?);
    }
    for note in &set.notes {
        println!("note: {note}");
    }

    let start = Instant::now();
    let epoch = Loader::new(&set.train, set.steps, 128, Order::Shuffled { seed: 0, epoch: 0 });
    let batches = epoch.len();
    let mut values = 0;
    for batch in epoch {
        values += batch?.input.len();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("one epoch: {batches} batches, {values} values in {:.1} ms", 1e3 * seconds);
    Ok(())
}

fn timed(config: &DataConfig, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
    let start = Instant::now();
    let set = config.load_with(options)?;
    let seconds = start.elapsed().as_secs_f64();
    let clips: usize = set.splits().map(|(_, split)| split.len()).sum();
    println!("{clips} clips in {seconds:.3} s, {:.0} clips per second", clips as f64 / seconds);
    Ok(set)
}

fn describe(split: &Split, classes: usize) -> Result<String, DataError> {
    let counts = split.class_counts(classes);
    let mut lengths = Vec::with_capacity(split.len());
    for index in 0..split.len() {
        lengths.push(split.features(index, 10_000)?.nrows());
    }
    lengths.sort_unstable();
    // No reader returns an empty split.
    let quantile = |q: usize| lengths[(lengths.len() - 1) * q / 100];
    Ok(format!(
        "{} samples, {} to {} per class; steps: median {}, 98 % {}, longest {}",
        split.len(),
        counts.iter().min().unwrap_or(&0),
        counts.iter().max().unwrap_or(&0),
        quantile(50),
        quantile(98),
        quantile(100)
    ))
}
