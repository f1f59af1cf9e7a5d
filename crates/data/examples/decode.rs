//! What a sound file holds, as a front end would get it: `cargo run -p colearn-data --example decode -- FILE [OUT]`.
//!
//! Prints rate, number of samples and their mean square. OUT gets the samples of the averaged channels, f32, lowest byte
//! first: `numpy.fromfile(OUT, "<f4")`.
#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::path::PathBuf;

use colearn_data::audio::read_audio;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let file = arguments.next().ok_or("a sound file is missing: decode FILE [OUT]")?;
    let audio = read_audio(&file)?;
    let power =
        audio.samples.iter().map(|x| f64::from(x * x)).sum::<f64>() / audio.samples.len().max(1) as f64;
    println!("{} Hz, {} samples, mean square {power:.6}", audio.rate, audio.samples.len());
    if let Some(out) = arguments.next() {
        let bytes: Vec<u8> = audio.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        std::fs::write(out, bytes)?;
    }
    Ok(())
}
