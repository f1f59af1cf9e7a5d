//! How fast the cochlea is, and what it makes of a folder of sounds.
//!
//! `cargo run --release -p colearn-data --example encode_speed [-- <folder> [<settings.toml>]]` prints how many seconds
//! of sound one core encodes in a second, the median of seven runs, for each instruction set: of wall time and, on Linux,
//! of the thread's own processor time, which other programs on the machine hardly change. Then, for the wav and FLAC
//! files below the folder, statistics of their spikes. The settings are those of `CochleaConfig`.

#![expect(clippy::print_stdout, reason = "an example reports on the terminal")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use colearn_data::Spikes;
use colearn_data::audio::{Audio, is_audio, read_audio};
use colearn_data::encoders::{Cochlea, CochleaConfig, Encoder, EncoderConfig, Scratch};
use colearn_simd::InstructionSet;

type Failure = Box<dyn std::error::Error>;

/// Samples per second of the sound that is timed.
const RATE: u32 = 16_000;
/// Bins of the statistics: 5 channels, 10 ms, 100 bins.
const GROUP: usize = 5;
const BIN_S: f32 = 0.01;
const BINS: usize = 100;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next();
    let config: CochleaConfig = match arguments.next() {
        Some(path) => toml::from_str(&std::fs::read_to_string(path)?)?,
        None => CochleaConfig::default(),
    };
    let cochlea = Cochlea::new(RATE, &config)?;
    for set in InstructionSet::available() {
        time(&cochlea, set);
    }
    if let Some(folder) = folder {
        let clips = read_folder(Path::new(&folder))?;
        let start = Instant::now();
        let spikes = Encoder::new(EncoderConfig::Cochlea(config.clone()))?.encode_all(&clips)?;
        let seconds: f64 = clips.iter().map(length_s).sum();
        println!(
            "{folder}: {} clips, {seconds:.0} s of sound in {:.1} s",
            clips.len(),
            start.elapsed().as_secs_f64()
        );
        report(&clips, &spikes, config.channels);
    }
    Ok(())
}

/// Two seconds of tones under noise, in syllables of a quarter of a second.
fn sound() -> Vec<f32> {
    let mut word = 12_345_u32;
    (0..2 * RATE)
        .map(|n| {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = word as f32 / u32::MAX as f32 - 0.5;
            let t = n as f32 / RATE as f32;
            let tones: f32 = (1..20).map(|k| (754.0 * k as f32 * t).sin() / k as f32).sum();
            (0.2 * tones + 0.1 * noise) * (12.6 * t).sin().max(0.0)
        })
        .collect()
}

fn time(cochlea: &Cochlea, set: InstructionSet) {
    let (sound, mut scratch) = (sound(), Scratch::default());
    let length = sound.len() as f64 / f64::from(RATE);
    let (mut wall, mut own) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let (start, before) = (Instant::now(), processor_s());
        std::hint::black_box(cochlea.encode_on(set, &sound, 0, &mut scratch));
        wall.push(length / start.elapsed().as_secs_f64());
        own.extend(before.zip(processor_s()).map(|(before, after)| length / (after - before)));
    }
    println!("{set:?}, {} channels at {RATE} Hz, times real time on one core:", cochlea.channels());
    for (what, mut rates) in [("wall time", wall), ("processor time", own)] {
        if rates.len() == 8 {
            // The first run warms up.
            rates.remove(0);
            rates.sort_by(f64::total_cmp);
            println!("  {what}: {:.1} ({:.1} to {:.1})", rates[3], rates[0], rates[6]);
        }
    }
}

/// Processor time of this thread so far, where the system tells.
fn processor_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(1e-9 * text.split_whitespace().next()?.parse::<f64>().ok()?)
}

fn read_folder(folder: &Path) -> Result<Vec<Audio>, Failure> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::<PathBuf>::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if is_audio(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(format!("{}: no wav or flac file", folder.display()).into());
    }
    Ok(files.iter().map(|file| read_audio(file)).collect::<Result<_, _>>()?)
}

fn length_s(clip: &Audio) -> f64 {
    clip.samples.len() as f64 / f64::from(clip.rate)
}

fn report(clips: &[Audio], spikes: &[Spikes], channels: usize) {
    let seconds: f64 = clips.iter().map(length_s).sum();
    let counts: Vec<f64> = spikes.iter().map(|clip| clip.len() as f64).collect();
    println!("spikes per clip: mean {:.0}; {}", mean(&counts), quantiles(&counts, 0));
    println!("spikes per second: {:.0}", counts.iter().sum::<f64>() / seconds);

    let (mut totals, mut silent, mut active, mut binned) = (vec![0.0; channels], 0, 0, 0_u64);
    let groups = channels.div_ceil(GROUP);
    for clip in spikes {
        let (mut own, mut bins) = (vec![0_u32; channels], vec![0_u32; groups * BINS]);
        for (time, unit) in clip.iter() {
            own[usize::from(unit)] += 1;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small bin number")]
            let bin = (time / BIN_S) as usize;
            if bin < BINS {
                bins[usize::from(unit) / GROUP * BINS + bin] += 1;
            }
        }
        totals.iter_mut().zip(&own).for_each(|(total, &n)| *total += f64::from(n));
        silent += own.iter().filter(|&&n| n == 0).count();
        active += bins.iter().filter(|&&n| n > 0).count();
        binned += bins.iter().map(|&n| u64::from(n)).sum::<u64>();
    }
    let rates: Vec<f64> = totals.iter().map(|total| total / seconds).collect();
    println!("rate of a channel, Hz: mean {:.1}; {}", mean(&rates), quantiles(&rates, 1));
    let tenths: Vec<String> =
        rates.chunks(channels.div_ceil(10)).map(|part| format!("{:.1}", mean(part))).collect();
    println!("rate by tenth of the channels, from unit 0, Hz: {}", tenths.join(" "));
    let per_clip = (spikes.len() * channels) as f64;
    println!("channels silent in a clip: {:.1} %", 100.0 * f64::from(count(silent)) / per_clip);
    let entries = (spikes.len() * groups * BINS) as f64;
    println!(
        "summed over {GROUP} channels and {BIN_S} s, {BINS} bins: {:.1} % of the entries active, mean count {:.2}",
        100.0 * active as f64 / entries,
        binned as f64 / active.max(1) as f64
    );
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn quantiles(values: &[f64], digits: usize) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        sorted.get((sorted.len().saturating_sub(1) * percent) / 100).copied().unwrap_or_default()
    };
    let shown: Vec<String> =
        [0, 5, 25, 50, 75, 95, 100].iter().map(|&q| format!("{q} % {:.digits$}", at(q))).collect();
    shown.join(", ")
}
