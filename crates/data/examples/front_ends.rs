//! Clips per second of decoding and of each front end: `cargo run --release -p colearn-data --example front_ends --
//! <folder of wav or flac files> [most clips]`.
#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use colearn_data::audio::{Audio, is_audio, read_audio};
use colearn_data::{DataError, LogMel, LogMelConfig, MelDb, MelDbConfig};
use rayon::prelude::*;

/// Rounds of a measurement; the median is printed.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("expected a folder of sound files")?);
    let most = arguments.next().map_or(Ok(2_000), |text| text.parse())?;
    let mut files = Vec::new();
    find(&folder, &mut files)?;
    files.sort();
    // Spread over the folder, so that every word is there.
    let step = files.len().div_ceil(most).max(1);
    let files: Vec<PathBuf> = files.into_iter().step_by(step).collect();
    let clips: Vec<Audio> = files.iter().map(|file| read_audio(file)).collect::<Result<_, _>>()?;
    let rate = clips.first().ok_or("no sound file")?.rate;
    let seconds: f64 = clips.iter().map(|clip| clip.samples.len() as f64 / f64::from(clip.rate)).sum();
    println!("{} clips, {seconds:.0} s of sound at {rate} Hz", clips.len());

    let log_mel = LogMel::new(rate, &LogMelConfig::default())?;
    measure("one thread: read and decode", clips.len(), || {
        files.iter().filter_map(|file| read_audio(file).ok()).map(|clip| clip.samples.len()).sum()
    });
    measure("one thread: log-mel", clips.len(), || {
        clips.iter().map(|clip| log_mel.features(&clip.samples).len()).sum()
    });
    let mel_db = MelDb::new(rate, &MelDbConfig::default())?;
    measure("one thread: mel in dB", clips.len(), || {
        clips.iter().map(|clip| mel_db.features(&clip.samples).len()).sum()
    });
    let threads = rayon::current_num_threads();
    measure(&format!("{threads} threads: read, decode, log-mel"), clips.len(), || {
        let features = |file: &PathBuf| -> Result<usize, DataError> {
            Ok(log_mel.features(&read_audio(file)?.samples).len())
        };
        files.par_iter().filter_map(|file| features(file).ok()).sum()
    });
    measure(&format!("{threads} threads: read, decode, mel in dB"), clips.len(), || {
        let features = |file: &PathBuf| -> Result<usize, DataError> {
            Ok(mel_db.features(&read_audio(file)?.samples).len())
        };
        files.par_iter().filter_map(|file| features(file).ok()).sum()
    });
    Ok(())
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if is_audio(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn measure(what: &str, clips: usize, mut work: impl FnMut() -> usize) {
    let mut rates: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            assert!(std::hint::black_box(work()) > 0, "no result");
            clips as f64 / start.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "{what}: {:.0} clips per second (median of {ROUNDS}; best {:.0})",
        rates[ROUNDS / 2],
        rates[ROUNDS - 1]
    );
}
