//! Reads randomly damaged spike files for as long as you like and says what came out.
//!
//! ```text
//! cargo run --release -p colearn-data --example spike_file_mutations -- [number] [first seed]
//! ```
//!
//! Run it under `ulimit -v` to see that no file makes the reader allocate much.

#![expect(clippy::print_stdout, reason = "an example prints its results")]

#[path = "../tests/mutations/mod.rs"]
mod mutations;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use mutations::{Outcome, damaged, good_files, read_all};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let number: u64 = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let first: u64 = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let files = good_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spike_files"))?;
    let (mut read, mut refused, mut contained) = (0, 0, 0);
    let mut slowest = (0.0, 0, String::new());
    for seed in first..first + number {
        let (name, bytes) = damaged(&files, seed);
        let start = Instant::now();
        match read_all(bytes) {
            Outcome::Read => read += 1,
            Outcome::Refused => refused += 1,
            Outcome::Contained => {
                contained += 1;
                println!("seed {seed}, {name}: a panic of the library, contained");
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        if seconds > slowest.0 {
            slowest = (seconds, seed, name);
        }
    }
    println!("{read} read, {refused} refused, {contained} panics contained");
    println!("slowest: {:.3} s, seed {}, {}", slowest.0, slowest.1, slowest.2);
    Ok(())
}
