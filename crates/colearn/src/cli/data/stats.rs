//! `data stats`: what a set holds, as a network gets it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result};
use colearn_data::{DataError, Dataset, Split};
use colearn_eval::{Align, Table};
use ndarray::Axis;
use rayon::prelude::*;
use serde::Serialize;

use super::cli::StatsArgs;
use super::grouped;
use crate::cli::terminal::{say, say_json, say_line};

/// `--json`.
#[derive(Debug, Serialize)]
struct Report {
    dataset: String,
    classes: Vec<String>,
    channels: usize,
    steps: usize,
    step_s: f64,
    notes: Vec<String>,
    splits: Vec<SplitStats>,
}

/// One split.
#[derive(Debug, Serialize)]
struct SplitStats {
    split: &'static str,
    samples: usize,
    speakers: BTreeMap<String, usize>,
    per_class: Vec<usize>,
    /// Seconds: of spikes to the last one, of sound that of its features.
    length_s: Quantiles,
    /// Share of the entries (steps × channels) that are not 0; only of spikes.
    density: Option<f64>,
    /// Mean of the entries that are not 0; only of spikes.
    mean_count: Option<f64>,
    /// Spikes of a sample before steps are cut; only of spikes.
    spikes: Option<Quantiles>,
    /// Spikes per second of a sample, mean over the samples; only of spikes.
    spikes_per_s: Option<f64>,
    /// Spikes per sample of each channel of the files, over channels; only of spikes.
    per_channel: Option<Quantiles>,
    /// Share of the channels of the files that are silent in a sample, mean over the samples; only of spikes.
    silent_channels: Option<f64>,
}

/// The distribution of a number.
#[derive(Debug, Clone, Copy, Serialize)]
struct Quantiles {
    mean: f64,
    low_5: f64,
    median: f64,
    high_95: f64,
    least: f64,
    most: f64,
}

impl Quantiles {
    /// Of at least one finite number.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |percent: usize| values[(values.len() - 1) * percent / 100];
        Self {
            mean: values.iter().sum::<f64>() / values.len() as f64,
            low_5: at(5),
            median: at(50),
            high_95: at(95),
            least: at(0),
            most: at(100),
        }
    }

    fn cells(self, digits: usize) -> [String; 6] {
        [self.mean, self.low_5, self.median, self.high_95, self.least, self.most]
            .map(|value| format!("{value:.digits$}"))
    }
}

pub(crate) fn run(args: &StatsArgs) -> Result<ExitCode> {
    let config = args.set.config()?;
    let data = config.load_with(&args.set.load.loading().options(None))?;
    let splits: Result<Vec<SplitStats>, DataError> =
        data.splits().map(|(name, split)| SplitStats::of(name, split, &data)).collect();
    let report = Report {
        dataset: data.name.clone(),
        classes: data.classes.clone(),
        channels: data.channels,
        steps: data.steps,
        step_s: data.step_s,
        notes: data.notes.clone(),
        splits: splits?,
    };
    if args.json {
        say_json(&serde_json::to_string_pretty(&report).context("the report cannot be written as JSON")?);
    } else {
        report.show();
    }
    Ok(ExitCode::SUCCESS)
}

/// What one sample adds.
struct One {
    length_s: f64,
    entries: u64,
    sum: f64,
    spikes: Option<(usize, Vec<u32>)>,
}

impl SplitStats {
    fn of(name: &'static str, split: &Split, data: &Dataset) -> Result<Self, DataError> {
        let ones: Vec<_> =
            (0..split.len()).into_par_iter().map(|index| One::of(split, index, data)).collect();
        let ones = ones.into_iter().collect::<Result<Vec<One>, DataError>>()?;
        let mut speakers = BTreeMap::new();
        for sample in &split.samples {
            *speakers.entry(sample.speaker.clone()).or_insert(0) += 1;
        }
        let samples = ones.len() as f64;
        let counted: Vec<&(usize, Vec<u32>)> = ones.iter().filter_map(|one| one.spikes.as_ref()).collect();
        let has_spikes = !counted.is_empty();
        let entries: u64 = ones.iter().map(|one| one.entries).sum();
        let places = samples * (split.batch_steps(data.steps) * data.channels) as f64;
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / samples;
        Ok(Self {
            split: name,
            samples: ones.len(),
            speakers,
            per_class: split.class_counts(data.classes.len()),
            length_s: Quantiles::of(ones.iter().map(|one| one.length_s).collect()),
            density: has_spikes.then(|| entries as f64 / places),
            mean_count: has_spikes
                .then(|| ones.iter().map(|one| one.sum).sum::<f64>() / entries.max(1) as f64),
            spikes: has_spikes
                .then(|| Quantiles::of(counted.iter().map(|(count, _)| *count as f64).collect())),
            spikes_per_s: has_spikes.then(|| {
                mean(
                    ones.iter()
                        .map(|one| {
                            one.spikes.as_ref().map_or(0.0, |(n, _)| *n as f64 / one.length_s.max(1e-3))
                        })
                        .collect(),
                )
            }),
            per_channel: has_spikes.then(|| {
                let channels = counted[0].1.len();
                let of = |c: usize| counted.iter().map(|(_, all)| f64::from(all[c])).sum::<f64>() / samples;
                Quantiles::of((0..channels).map(of).collect())
            }),
            silent_channels: has_spikes.then(|| {
                let silent = |all: &[u32]| all.iter().filter(|&&n| n == 0).count() as f64 / all.len() as f64;
                mean(counted.iter().map(|(_, all)| silent(all)).collect())
            }),
        })
    }
}

impl One {
    fn of(split: &Split, index: usize, data: &Dataset) -> Result<Self, DataError> {
        let features = split.features(index, data.steps)?;
        let spikes = split.spikes(index)?;
        let length_s = spikes.as_ref().map_or_else(
            || features.len_of(Axis(0)) as f64 * data.step_s,
            |spikes| spikes.times_s().last().map_or(0.0, |&last| f64::from(last)),
        );
        let channels = split.preparation().binning().map_or(0, |binning| binning.channels);
        let spikes = spikes.map(|spikes| {
            let mut counts = vec![0_u32; channels];
            for &unit in spikes.units() {
                counts[usize::from(unit)] += 1;
            }
            (spikes.len(), counts)
        });
        Ok(Self {
            length_s,
            entries: features.iter().filter(|value| **value != 0.0).count() as u64,
            sum: features.iter().map(|&value| f64::from(value)).sum(),
            spikes,
        })
    }
}

impl Report {
    fn show(&self) {
        say_line(format!(
            "{}: {} classes, {} channels, {} steps of {} ms",
            self.dataset,
            self.classes.len(),
            self.channels,
            self.steps,
            1e3 * self.step_s
        ));
        for note in &self.notes {
            say_line(format!("  {note}"));
        }
        say("");
        say(self.counts());
        say(self.distributions());
        for split in &self.splits {
            let Some((density, count)) = split.density.zip(split.mean_count) else { continue };
            say(format!(
                "{}: {:.1} % of the entries are active, mean count {count:.2}; {:.0} spikes per second; {:.1} % of the \
                 channels are silent in a sample",
                split.split,
                100.0 * density,
                split.spikes_per_s.unwrap_or_default(),
                100.0 * split.silent_channels.unwrap_or_default()
            ));
        }
        say("");
        say(self.speakers());
    }

    fn counts(&self) -> Table {
        let heads: Vec<String> =
            ["class".to_owned()].into_iter().chain(self.splits.iter().map(|s| s.split.to_owned())).collect();
        let mut table = Table::new(heads).align(self.alignment(1));
        let row = |name: &str, count: &dyn Fn(&SplitStats) -> usize| {
            let counts = self.splits.iter().map(|split| grouped(count(split) as u64));
            [name.to_owned()].into_iter().chain(counts).collect::<Vec<_>>()
        };
        for (place, class) in self.classes.iter().enumerate() {
            table.row(row(class, &|split| split.per_class[place]));
        }
        table.row(row("all", &|split| split.samples));
        table
    }

    fn distributions(&self) -> Table {
        let mut table = Table::new(["split", "per sample", "mean", "5 %", "median", "95 %", "least", "most"])
            .align([Align::Left, Align::Left].into_iter().chain([Align::Right; 6]));
        for split in &self.splits {
            let rows = [
                ("length (s)", Some(split.length_s), 2),
                ("spikes", split.spikes, 0),
                ("spikes of a channel", split.per_channel, 1),
            ];
            for (what, quantiles, digits) in rows {
                if let Some(quantiles) = quantiles {
                    let cells = [split.split.to_owned(), what.to_owned()];
                    table.row(cells.into_iter().chain(quantiles.cells(digits)));
                }
            }
        }
        table
    }

    fn speakers(&self) -> Table {
        let mut names: Vec<&String> = self.splits.iter().flat_map(|split| split.speakers.keys()).collect();
        names.sort_by_key(|name| (name.parse::<u64>().unwrap_or(u64::MAX), *name));
        names.dedup();
        let heads: Vec<String> = ["speaker".to_owned()]
            .into_iter()
            .chain(self.splits.iter().map(|s| s.split.to_owned()))
            .collect();
        let mut table = Table::new(heads).align(self.alignment(1));
        for name in names.iter().take(MOST_SPEAKERS) {
            let counts = self.splits.iter().map(|split| split.speakers.get(*name).map_or(0, |count| *count));
            table.row([(*name).clone()].into_iter().chain(counts.map(|count| grouped(count as u64))));
        }
        if names.len() > MOST_SPEAKERS {
            table.row([format!("and {} more", names.len() - MOST_SPEAKERS)]);
        }
        table
    }

    fn alignment(&self, left: usize) -> impl Iterator<Item = Align> {
        std::iter::repeat_n(Align::Left, left).chain(std::iter::repeat_n(Align::Right, self.splits.len()))
    }
}

/// Speakers that are listed one by one.
const MOST_SPEAKERS: usize = 40;
