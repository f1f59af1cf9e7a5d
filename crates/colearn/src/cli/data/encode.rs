//! `data encode`: from a set of sounds to files of spikes in the layout of SHD.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use colearn_data::encoders::{Encoder, EncoderConfig, Scratch};
use colearn_data::spike_file::{SetPart, SpikeFileHead, SpikeSetWriter};
use colearn_data::{DataError, Sound, Sounds, Spikes};
use colearn_store::{LARGEST_TEXT, read_text};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::cli::EncodeArgs;
use super::grouped;
use crate::cli::terminal::{self, say_line, shown, use_threads};
use crate::runs::program::{self, quoted};

const TEMPLATE: &str = "{bar:16} {pos}/{len} clips  {eta} left  {wide_msg}";
/// Clips whose spikes wait in memory until they are written.
const TOGETHER: usize = 256;

pub(crate) fn run(args: &EncodeArgs) -> Result<ExitCode> {
    use_threads(args.threads)?;
    let encoder = Encoder::new(encoder(args)?)?;
    let sounds = args.set.config()?.sounds()?;
    fs::create_dir_all(&args.out).with_context(|| format!("{}: cannot be made", args.out.display()))?;
    say_line(format!("{}, {} channels: {}", encoder.name(), encoder.channels(), encoder.description()));
    for note in &sounds.notes {
        say_line(format!("  {note}"));
    }
    let start = Instant::now();
    let heads = sounds.splits.iter().map(|(name, clips)| Ok((part(name), head(clips, &sounds, &encoder)?)));
    let mut set = SpikeSetWriter::create(&args.out, heads.collect::<Result<Vec<_>>>()?, sounds.protocol)?;
    for old in set.leftovers() {
        say_line(format!("  {}: of an earlier encoding; goes when this one is complete", old.display()));
    }
    let mut index = 0;
    let mut all = Vec::with_capacity(sounds.splits.len());
    for (name, clips) in &sounds.splits {
        all.push(write(&mut set, part(name), clips, &encoder, index)?);
        index += clips.len() as u64;
    }
    set.finish()?;
    for ((name, clips), written) in sounds.splits.iter().zip(&all) {
        say_line(format!(
            "{}: {} samples, {} spikes, {:.0} a sample",
            args.out.join(part(name).file_name()).display(),
            grouped(clips.len() as u64),
            grouped(written.spikes),
            written.spikes as f64 / clips.len().max(1) as f64
        ));
    }
    if let Some(warning) = sounds.protocol.warning() {
        say_line(format!("  {warning}"));
    }
    let seconds: f64 = all.iter().map(|written| written.seconds).sum();
    let took = start.elapsed().as_secs_f64();
    say_line(format!(
        "{seconds:.0} s of sound in {took:.1} s, {:.0} times real time on {} threads; {} speakers: {}",
        seconds / took,
        rayon::current_num_threads(),
        sounds.speakers.len(),
        legend(&sounds.speakers)
    ));
    say_line(format!(
        "train on it with: {} train --data shd --root {}{}",
        program::name(),
        quoted(&args.out.to_string_lossy()),
        if encoder.channels() == 700 {
            String::new()
        } else {
            format!(" --set data.channels={} --set data.sum_channels=1", encoder.channels())
        }
    ));
    Ok(ExitCode::SUCCESS)
}

/// The encoder that the command line names.
fn encoder(args: &EncodeArgs) -> Result<EncoderConfig> {
    let mut table = match &args.encoder_config {
        Some(path) => {
            let text = read_text(path, LARGEST_TEXT)?;
            text.parse::<toml::Table>().with_context(|| path.display().to_string())?
        }
        None => toml::Table::new(),
    };
    if let Some(name) = &args.encoder {
        table.insert("name".to_owned(), toml::Value::String(name.clone()));
    }
    table.entry("name").or_insert_with(|| toml::Value::String("cochlea".to_owned()));
    if let Some(seed) = args.seed {
        let seed = i64::try_from(seed).context("--seed: expected a number below 2^63")?;
        table.insert("seed".to_owned(), toml::Value::Integer(seed));
    }
    match toml::Value::Table(table).try_into() {
        Ok(config) => Ok(config),
        Err(error) => {
            let error: toml::de::Error = error;
            bail!("the encoder: {}", error.message())
        }
    }
}

/// The part of a set of spike files that a split becomes.
fn part(split: &str) -> SetPart {
    match split {
        "validation" => SetPart::Validation,
        "test" => SetPart::Test,
        _ => SetPart::Train,
    }
}

/// What a file says beside its samples.
fn head(clips: &[Sound], sounds: &Sounds, encoder: &Encoder) -> Result<SpikeFileHead> {
    let config = toml::to_string(encoder.config()).context("the encoder cannot be written as TOML")?;
    Ok(SpikeFileHead {
        samples: clips.len(),
        keys: sounds.classes.clone(),
        speakers: true,
        notes: vec![
            ("encoder".to_owned(), encoder.description()),
            ("encoder_config".to_owned(), config),
            ("source".to_owned(), sounds.name.clone()),
            ("speakers".to_owned(), legend(&sounds.speakers)),
            ("writer".to_owned(), format!("colearn {}", env!("CARGO_PKG_VERSION"))),
        ],
    })
}

/// What a file holds.
struct Written {
    spikes: u64,
    seconds: f64,
}

/// Encodes the clips of one split; `first` is the number of the first one in the set.
fn write(
    set: &mut SpikeSetWriter,
    part: SetPart,
    clips: &[Sound],
    encoder: &Encoder,
    first: u64,
) -> Result<Written> {
    let bar = bar(clips.len(), &part.file_name());
    let mut written = Written { spikes: 0, seconds: 0.0 };
    for (group, clips) in clips.chunks(TOGETHER).enumerate() {
        let first = first + (group * TOGETHER) as u64;
        let encoded: Vec<Result<(Spikes, f64), DataError>> = clips
            .par_iter()
            .enumerate()
            .map_init(Scratch::default, |scratch, (place, clip)| {
                let audio = clip.audio()?;
                let seconds = audio.samples.len() as f64 / f64::from(audio.rate);
                Ok((encoder.encode_with(&audio, first + place as u64, scratch)?, seconds))
            })
            .collect();
        for (clip, encoded) in clips.iter().zip(encoded) {
            let (spikes, seconds) = encoded.with_context(|| format!("clip {}", clip.id()))?;
            let speaker = i64::try_from(clip.speaker()).context("more speakers than numbers")?;
            set.push(part, &spikes, clip.label(), Some(speaker))?;
            written.spikes += spikes.len() as u64;
            written.seconds += seconds;
            if let Some(bar) = &bar {
                bar.inc(1);
            }
        }
    }
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    Ok(written)
}

fn bar(clips: usize, file: &str) -> Option<ProgressBar> {
    let bar = terminal::bar(Some(clips as u64), TEMPLATE)?;
    bar.set_message(shown::line(file).into_owned());
    Some(bar)
}

/// `0 = george, 1 = jackson`: the numbers in the files, at most 100 of them.
fn legend(speakers: &[String]) -> String {
    let shown = speakers.iter().take(100).enumerate().map(|(number, name)| format!("{number} = {name}"));
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if speakers.len() > 100 {
        text.push_str(", …");
    }
    text
}
