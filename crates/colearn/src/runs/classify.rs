//! A checkpoint on sounds that belong to no data set.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use colearn_data::{Pad, Sample, SoundReader};
use colearn_eval::metrics::predicted_class;
use colearn_eval::{Align, Table};
use colearn_network::Delays;
use colearn_tape::Pool;
use colearn_train::evaluate_each;
use rayon::prelude::*;
use serde::Serialize;

use super::model::Model;

/// What to classify with what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassifyRequest {
    /// The checkpoint, or a run's folder: its best one.
    pub checkpoint: PathBuf,
    /// Wav and FLAC files, or folders of such.
    pub sounds: Vec<PathBuf>,
    /// Sample rate of the training in Hz, for checkpoints of formats that did not keep it.
    pub rate: Option<u32>,
}

/// What a network makes of some sounds, delays rounded.
#[derive(Debug, Serialize)]
pub struct Classified {
    checkpoint: String,
    model: String,
    /// In the order of the scores.
    classes: Vec<String>,
    /// Sample rate that features were made at, in Hz.
    rate: u32,
    sounds: Vec<Answer>,
}

/// What the network makes of one sound.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The file, or the place that could not be read.
    pub sound: String,
    /// The class with the highest score.
    pub predicted_class: Option<String>,
    /// A score for each class; empty where there is none.
    pub scores: Vec<f32>,
    /// Why there is no class.
    pub error: Option<String>,
}

impl Answer {
    fn failed(place: &Path, error: String) -> Self {
        Self {
            sound: place.display().to_string(),
            predicted_class: None,
            scores: Vec::new(),
            error: Some(error),
        }
    }
}

/// Has a trained network tell what is heard in sounds. They become what sounds were in training: resampled to its rate,
/// through its front end, standardised with its statistics, cut and padded to its length. A sound that cannot be used has its
/// error in its answer and stops nothing.
///
/// # Errors
/// A file that is no checkpoint, or one of a network that was trained on spikes, or one that does not know its rate.
pub fn classify(request: &ClassifyRequest) -> Result<Classified> {
    let model = Model::load(&request.checkpoint)?;
    let data = &model.experiment.data;
    let rate = rate(request.rate, &model)?;
    let reader = SoundReader::new(data, rate, &model.checkpoint.normaliser)
        .with_context(|| model.file.display().to_string())?;
    // Where a batch is as long as its longest sample, an answer shall not depend on other sounds.
    let together = if data.pad == Pad::Longest { 1 } else { model.experiment.train.batch.max(1) };
    let mut files: Vec<Result<PathBuf, Answer>> = Vec::new();
    for place in &request.sounds {
        match SoundReader::files(place) {
            Ok(found) => files.extend(found.into_iter().map(Ok)),
            Err(error) => files.push(Err(Answer::failed(place, error.to_string()))),
        }
    }
    let (mut sounds, mut pool) = (Vec::with_capacity(files.len()), Pool::default());
    for files in files.chunks(together) {
        sounds.extend(answers(&model, &reader, files, &mut pool)?);
    }
    let experiment = model.experiment.network().model_name();
    let checkpoint = model.file.display().to_string();
    Ok(Classified { checkpoint, model: experiment, classes: model.checkpoint.classes, rate, sounds })
}

/// The rate of training: the checkpoint's, or where it knows none the one that is given.
fn rate(given: Option<u32>, model: &Model) -> Result<u32> {
    let facts = model.checkpoint.facts.as_ref().and_then(|facts| facts.rate);
    match (facts.or(model.experiment.data.rate), given) {
        (Some(known), Some(given)) if known != given => bail!(
            "--rate {given}: expected {known} Hz, at which {} was trained; sounds of other rates are resampled to it",
            model.file.display()
        ),
        (Some(rate), _) | (None, Some(rate)) => Ok(rate),
        (None, None) if model.experiment.data.name.has_spikes() => Ok(0),
        (None, None) => bail!(
            "{}: this checkpoint is of an older format, which did not keep the sample rate of training; expected it with --rate \
             HZ",
            model.file.display()
        ),
    }
}

/// The answers to a batch of files, in their order; those that are known already stay.
fn answers(
    model: &Model,
    reader: &SoundReader,
    files: &[Result<PathBuf, Answer>],
    pool: &mut Pool<f32>,
) -> Result<Vec<Answer>> {
    let read = |file: &Result<PathBuf, Answer>| {
        let file = file.as_ref().map_err(Clone::clone)?;
        reader.read(file).map_err(|error| Answer::failed(file, error.to_string()))
    };
    let read: Vec<Result<Sample, Answer>> = files.par_iter().map(read).collect();
    let (mut answers, mut samples) = (Vec::with_capacity(files.len()), Vec::new());
    for sample in read {
        answers.push(match sample {
            Ok(sample) => {
                let sound = sample.id.clone();
                samples.push(sample);
                Answer { sound, predicted_class: None, scores: Vec::new(), error: None }
            }
            Err(failed) => failed,
        });
    }
    let split = reader.split(samples);
    let mut open = answers.iter_mut().filter(|answer| answer.error.is_none());
    let (steps, delays) = (model.checkpoint.steps, Delays::Rounded);
    evaluate_each(&model.network, &split, steps, files.len(), (delays, pool), |_, scores| {
        let Some(answer) = open.next() else { return };
        answer.scores = scores.to_vec();
        answer.predicted_class =
            predicted_class(&scores).map(|class| model.checkpoint.classes[class].clone());
        if answer.predicted_class.is_none() {
            answer.error = Some(format!("{}: a score is infinite or not a number", answer.sound));
        }
    })?;
    Ok(answers)
}

impl Classified {
    /// An answer for each sound, in the order asked for.
    pub fn answers(&self) -> &[Answer] {
        &self.sounds
    }

    /// The errors of the sounds that have no class.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.sounds.iter().filter_map(|answer| answer.error.as_deref())
    }

    /// A row a sound with its `best` classes and their scores, without those that have none; `None` where that is none.
    pub fn table(&self, best: usize) -> Option<Table> {
        let best = best.clamp(1, self.classes.len().max(1));
        let head = (1..=best).flat_map(|place| [format!("{place}."), "score".to_owned()]);
        let aligned = std::iter::repeat_n([Align::Left, Align::Right], best).flatten();
        let mut table = Table::new(std::iter::once("sound".to_owned()).chain(head))
            .align(std::iter::once(Align::Left).chain(aligned));
        let mut rows = 0;
        for answer in self.sounds.iter().filter(|answer| answer.error.is_none()) {
            let mut order: Vec<usize> = (0..answer.scores.len()).collect();
            order.sort_by(|&a, &b| answer.scores[b].total_cmp(&answer.scores[a]));
            let cells = order.into_iter().take(best);
            let cells =
                cells.flat_map(|class| [self.classes[class].clone(), format!("{:.3}", answer.scores[class])]);
            table.row(std::iter::once(answer.sound.clone()).chain(cells));
            rows += 1;
        }
        (rows > 0).then_some(table)
    }

    /// Everything as JSON, with every score; a score that is not finite is `null`.
    ///
    /// # Errors
    /// When a name cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).context("the answers cannot be written as JSON")
    }

    /// A row a sound: its name, the class, the error where there is none, and a column of scores for each class.
    ///
    /// # Errors
    /// When a row cannot be written as CSV.
    pub fn to_csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head = ["sound", "predicted_class", "error"].map(str::to_owned);
        writer.write_record(
            head.into_iter().chain(self.classes.iter().map(|class| format!("score_{class}"))),
        )?;
        for Answer { sound, predicted_class, scores, error } in &self.sounds {
            let head = [
                sound.clone(),
                predicted_class.clone().unwrap_or_default(),
                error.clone().unwrap_or_default(),
            ];
            let missing = self.classes.len() - scores.len();
            let scores = scores.iter().map(f32::to_string).chain(std::iter::repeat_n(String::new(), missing));
            writer.write_record(head.into_iter().chain(scores))?;
        }
        let bytes = writer.into_inner().context("the answers cannot be written as CSV")?;
        String::from_utf8(bytes).context("the answers cannot be written as CSV")
    }
}
