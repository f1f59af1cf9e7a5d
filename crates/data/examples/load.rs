//! Load a set and print what is in it: `cargo run --release -p colearn-data --example load -- words <folder>`.
#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::time::Instant;

use colearn_data::{DataConfig, DataError, DataName, Loader, Order, Split};

fn main() -> Result<(), DataError> {
    let mut arguments = std::env::args().skip(1);
    let name = match arguments.next().as_deref() {
        Some("fsdd") => DataName::Fsdd,
        Some("words") => DataName::Words,
        _ => DataName::Digits,
    };
    let root = arguments.next().map(Into::into);
    let config = DataConfig { root, leave_out: arguments.next(), ..DataConfig::default_for(name) };
    let start = Instant::now();
    let set = config.load()?;
    let seconds = start.elapsed().as_secs_f64();

    println!(
        "{}: {} classes, {} channels, steps of {} s",
        set.name,
        set.classes.len(),
        set.channels,
        set.step_s
    );
    let mut clips = 0;
    for (name, split) in
        [("train", Some(&set.train)), ("validation", Some(&set.validation)), ("test", set.test.as_ref())]
    {
        println!(
            "{name}: {}",
            split.map_or_else(|| "none".to_owned(), |split| describe(split, set.classes.len()))
        );
        clips += split.map_or(0, Split::len);
    }
    for note in &set.notes {
        println!("note: {note}");
    }
    println!("{clips} clips in {seconds:.2} s, {:.0} clips per second", clips as f64 / seconds);

    let start = Instant::now();
    let epoch = Loader::new(&set.train, set.steps, 128, Order::Shuffled { seed: 0, epoch: 0 });
    let batches = epoch.len();
    let values: usize = epoch.map(|batch| batch.input.len()).sum();
    let seconds = start.elapsed().as_secs_f64();
    println!("one epoch: {batches} batches, {values} values in {:.1} ms", 1e3 * seconds);
    Ok(())
}

fn describe(split: &Split, classes: usize) -> String {
    let counts = split.class_counts(classes);
    let mut lengths: Vec<usize> = split.samples.iter().map(|sample| sample.features.nrows()).collect();
    lengths.sort_unstable();
    // No reader returns an empty split.
    let quantile = |q: usize| lengths[(lengths.len() - 1) * q / 100];
    format!(
        "{} clips, {} to {} per class; steps: median {}, 98 % {}, longest {}",
        split.len(),
        counts.iter().min().unwrap_or(&0),
        counts.iter().max().unwrap_or(&0),
        quantile(50),
        quantile(98),
        quantile(100)
    )
}
