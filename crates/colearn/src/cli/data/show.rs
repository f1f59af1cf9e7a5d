//! `data show`: one sample of a set as a figure.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use colearn_data::{
    BinValues, Binning, Content, DataConfig, Dataset, FrontEndName, Spikes, Split, centres_hz,
};
use colearn_eval::figures::{SampleFigure, SampleMap, SampleSpikes};
use colearn_store::write_whole;
use ndarray::Array2;

use super::cli::ShowArgs;
use super::grouped;
use crate::cli::terminal::say_line;
use crate::runs::distance;

/// Classes that a message lists; of more it shows the nearest.
const MOST_NAMES: usize = 40;
/// Names that a message shows of a longer list.
const NEAREST: usize = 3;

pub(crate) fn run(args: &ShowArgs) -> Result<ExitCode> {
    check_name(&args.out)?;
    let config = args.set.config()?;
    let data = config.load_with(&args.set.load.loading().options(None))?;
    let split = split(args, &data)?;
    let subject = Subject::new(args, &config, &data, split)?;
    let figure = subject.figure().render();
    write_whole(&args.out, figure.as_bytes())?;
    let sample = &split.samples[subject.index];
    say_line(format!(
        "{}: class {}, speaker {}, {:.3} s{}, in {}",
        sample.id,
        subject.class(),
        sample.speaker,
        subject.length_s(),
        subject
            .spikes
            .as_ref()
            .map_or_else(String::new, |spikes| format!(", {} spikes", grouped(spikes.len() as u64))),
        args.out.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Refuses a name that would call the figure what it is not.
fn check_name(out: &Path) -> Result<()> {
    match out.extension() {
        Some(kind) if !kind.eq_ignore_ascii_case("svg") => {
            bail!("--out {}: the figure is SVG; expected a name that ends in .svg", out.display())
        }
        _ => Ok(()),
    }
}

/// The split that the user names.
fn split<'a>(args: &ShowArgs, data: &'a Dataset) -> Result<&'a Split> {
    let name = args.split.name();
    let Some((_, split)) = data.splits().find(|(other, _)| *other == name) else {
        let names: Vec<&str> = data.splits().map(|(name, _)| name).collect();
        bail!("--split {name}: {} has no such split; expected {}", data.name, names.join(" or "));
    };
    if split.is_empty() {
        bail!("--split {name}: the split of {} is empty; expected one with samples", data.name);
    }
    Ok(split)
}

/// The sample that is drawn.
struct Subject<'a> {
    config: &'a DataConfig,
    data: &'a Dataset,
    split: &'a Split,
    split_name: &'static str,
    index: usize,
    spikes: Option<Spikes>,
    /// What a network gets, shape (steps, channels).
    input: Array2<f32>,
}

impl<'a> Subject<'a> {
    fn new(args: &ShowArgs, config: &'a DataConfig, data: &'a Dataset, split: &'a Split) -> Result<Self> {
        let index = place(args, data, split)?;
        let input = split.features(index, data.steps)?;
        let spikes = split.spikes(index)?;
        Ok(Self { config, data, split, split_name: args.split.name(), index, spikes, input })
    }

    fn class(&self) -> &str {
        &self.data.classes[self.split.samples[self.index].label]
    }

    /// Features as the front end gives them; none of spikes.
    fn raw(&self) -> Option<&Array2<f32>> {
        match &self.split.samples[self.index].content {
            Content::Features { values, .. } => Some(values),
            _ => None,
        }
    }

    /// To the last spike, or to the end of the last step of features.
    fn length_s(&self) -> f64 {
        match (&self.spikes, self.raw()) {
            (Some(spikes), _) => spikes.times_s().last().map_or(0.0, |&last| f64::from(last)),
            (None, Some(values)) => values.nrows() as f64 * self.data.step_s,
            (None, None) => 0.0,
        }
    }

    fn figure(&self) -> SampleFigure {
        let sample = &self.split.samples[self.index];
        let step_ms = 1e3 * self.data.step_s;
        let mut figure = SampleFigure {
            title: format!("“{}” of {}", self.class(), self.data.name),
            subtitle: format!(
                "{}, speaker {}, {} split, {:.2} s",
                sample.id,
                sample.speaker,
                self.split_name,
                self.length_s()
            ),
            spikes: None,
            maps: Vec::new(),
            kept_ms: Some(self.data.steps as f64 * step_ms),
        };
        if let Some((spikes, binning)) = self.spikes.as_ref().zip(self.split.preparation().binning()) {
            let before = binning.first_step as f64 * step_ms;
            figure.kept_ms = figure.kept_ms.map(|kept| kept - before);
            let late = binning.late(spikes);
            if late > 0 {
                let late = format!(", {} spikes after the last step", grouped(late as u64));
                figure.subtitle.push_str(&late);
            }
            figure.spikes = Some(SampleSpikes {
                times_ms: spikes.times_s().iter().map(|&time| 1e3 * f64::from(time)).collect(),
                units: spikes.units().iter().map(|&unit| usize::from(unit)).collect(),
                channels: binning.channels,
                label: self.data.channel_label.to_owned(),
            });
            let unit = if binning.values == BinValues::Counts { "spikes per step" } else { "any spike" };
            let input = self.input(steps_in_words(binning), unit);
            figure.maps.push(SampleMap { least: Some(0.0), start_ms: -before, ..input });
        } else if let Some(raw) = self.raw() {
            figure.maps.push(self.front_end(raw.clone()));
            let remark = if self.config.subtract_mean {
                "minus the mean of the sample, then standardised with the training split"
            } else {
                "standardised with the training split"
            };
            figure.maps.push(self.input(remark.to_owned(), "std. deviations"));
        }
        figure
    }

    fn centres_hz(&self) -> Vec<f64> {
        let facts = &self.data.facts.front_end;
        centres_hz(|key| facts.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str()))
    }

    /// The panel of what a network gets.
    fn input(&self, remark: String, unit: &str) -> SampleMap {
        SampleMap {
            name: "Input of the network".to_owned(),
            label: self.data.channel_label.to_owned(),
            hz: self.centres_hz(),
            remark,
            values: self.input.clone(),
            unit: unit.to_owned(),
            least: None,
            start_ms: 0.0,
            step_ms: 1e3 * self.data.step_s,
        }
    }

    /// The panel of features before they are standardised.
    fn front_end(&self, values: Array2<f32>) -> SampleMap {
        let (name, unit) = match self.config.front_end {
            FrontEndName::LogMel => ("Log-mel features", "ln energy"),
            FrontEndName::MelDb => ("Mel features in decibels", "dB"),
        };
        let step = rounded(1e3 * self.data.step_s);
        let remark = format!("steps of {step} ms, before they are standardised");
        SampleMap { name: name.to_owned(), values, ..self.input(remark, unit) }
    }
}

/// How spikes become steps.
fn steps_in_words(binning: &Binning) -> String {
    let what = match binning.values {
        BinValues::Counts => "spikes",
        BinValues::Binary => "whether there is a spike",
    };
    let sum = match binning.sum_channels {
        1 => String::new(),
        sum => format!(", {sum} channels added up"),
    };
    format!("{what} per step of {} ms{sum}", rounded(1e3 * binning.step_s))
}

/// `10`, `14.14`: at most two decimals.
fn rounded(value: f64) -> String {
    format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Which sample of the split the user means.
fn place(args: &ShowArgs, data: &Dataset, split: &Split) -> Result<usize> {
    if let Some(id) = &args.id {
        return with_id(id, args, data, split);
    }
    if let Some(class) = &args.class {
        return first_of(class, args, data, split);
    }
    let (name, last) = (args.split.name(), split.len() - 1);
    if args.sample > last {
        let found = format!("the {name} split of {} has {} samples", data.name, split.len());
        bail!("--sample {}: {found}; expected 0 to {last}", args.sample);
    }
    Ok(args.sample)
}

fn with_id(id: &str, args: &ShowArgs, data: &Dataset, split: &Split) -> Result<usize> {
    let in_split = |split: &Split| split.samples.iter().position(|sample| sample.id == id);
    if let Some(index) = in_split(split) {
        return Ok(index);
    }
    let name = args.split.name();
    if let Some((other, _)) = data.splits().find(|(_, split)| in_split(split).is_some()) {
        bail!("--id {id}: not in the {name} split of {}; expected --split {other} with it", data.name);
    }
    let ids = nearest(id, split.samples.iter().map(|sample| sample.id.as_str()));
    bail!(
        "--id {id}: no sample of {} has this name; expected one such as {}",
        data.name,
        ids.iter().take(NEAREST).copied().collect::<Vec<_>>().join(", ")
    );
}

fn first_of(class: &str, args: &ShowArgs, data: &Dataset, split: &Split) -> Result<usize> {
    let Some(label) = data.classes.iter().position(|name| name == class) else {
        let expected = if data.classes.len() > MOST_NAMES {
            let names = nearest(class, data.classes.iter().map(String::as_str));
            format!("one of {}, such as {}", data.classes.len(), names[..NEAREST].join(", "))
        } else {
            format!("one of {}", data.classes.join(", "))
        };
        bail!("--class {class}: {} has no such class; expected {expected}", data.name);
    };
    let first = split.samples.iter().position(|sample| sample.label == label);
    first.with_context(|| {
        let (split, set) = (args.split.name(), &data.name);
        format!("--class {class}: the {split} split of {set} has none of it; expected a class with samples")
    })
}

/// The names by their distance from `wanted`; equally distant ones keep their order.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<(usize, &str)> = names.map(|name| (distance(wanted, name), name)).collect();
    names.sort_by_key(|(distance, _)| *distance);
    names.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        for (from, to, expected) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("drei", "dreie", 1), ("fünf", "funf", 1)]
        {
            assert_eq!((distance(from, to), distance(to, from)), (expected, expected), "{from} {to}");
        }
        assert_eq!(nearest("ahct", ["zehn", "acht", "achte"].into_iter()), ["acht", "achte", "zehn"]);
    }

    #[test]
    fn a_figure_is_called_what_it_is() {
        for name in ["a.svg", "b/A.SVG", "figure", "/dev/stdout", ".svg"] {
            check_name(Path::new(name)).unwrap();
        }
        for name in ["x.png", "x.svg.png", "x.pdf", "x.jpeg"] {
            let error = check_name(Path::new(name)).unwrap_err().to_string();
            assert_eq!(error, format!("--out {name}: the figure is SVG; expected a name that ends in .svg"));
        }
    }

    #[test]
    fn steps_are_told_in_words() {
        let mut binning = DataConfig::default_for(colearn_data::DataName::Shd).binning();
        assert_eq!(steps_in_words(&binning), "spikes per step of 10 ms, 5 channels added up");
        (binning.sum_channels, binning.values, binning.step_s) = (1, BinValues::Binary, 1.4 / 99.0);
        assert_eq!(steps_in_words(&binning), "whether there is a spike per step of 14.14 ms");
    }
}
