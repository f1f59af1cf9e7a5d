//! How many clips each class has: `cargo run -p colearn-digits --example index`.

#![expect(clippy::print_stdout, reason = "an example reports on the terminal")]

use std::collections::BTreeMap;

fn main() {
    let splits = [
        ("training", colearn_digits::TRAIN_CSV),
        ("validation", colearn_digits::VALIDATION_CSV),
        ("test", colearn_digits::TEST_CSV),
    ];
    for (name, index) in splits {
        let (mut clips, mut samples) = (BTreeMap::new(), 0_u64);
        for line in index.lines().skip(1) {
            let mut columns = line.split(',').skip(1);
            samples += columns.next().and_then(|length| length.parse::<u64>().ok()).expect("a length");
            *clips.entry(columns.next().expect("a class")).or_insert(0) += 1;
        }
        let minutes = samples as f64 / f64::from(colearn_digits::SAMPLE_RATE) / 60.0;
        println!("{name}: {minutes:.1} minutes, {clips:?}");
    }
}
