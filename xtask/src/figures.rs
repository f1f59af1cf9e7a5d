//! The figures of a finished run.

use std::path::PathBuf;

use anyhow::Result;
use colearn_data::{Dataset, Loader, Order, Split};
use colearn_eval::Evaluation;
use colearn_eval::figures::{
    ConfusionMatrix, DelayHistograms, DelayLayer, EpochPoint, LayerParameters, Parameter,
    ParameterDistributions, ParameterSample, RasterLayer, SpikeRaster, TrainingCurves,
};
use colearn_network::{Delays, Network, ParameterKind};
use colearn_tape::Pool;
use colearn_train::EpochRecord;
use ndarray::{Array2, Axis};

use crate::run_folder::RunFolder;

/// Everything that is drawn.
pub(crate) struct Subject<'a> {
    /// Headline of every figure: data set, model, seed.
    pub(crate) title: String,
    pub(crate) data: &'a Dataset,
    /// The best network.
    pub(crate) network: &'a Network<f32>,
    /// The same network before training.
    pub(crate) initial: &'a Network<f32>,
    pub(crate) history: &'a [EpochRecord],
    /// The best epoch, counted from 0.
    pub(crate) best_epoch: usize,
    /// The split reported on, its name and its counts.
    pub(crate) split: (&'a Split, &'static str, &'a Evaluation),
}

/// Draws all figures; returns their files.
pub(crate) fn draw(subject: &Subject<'_>, folder: &RunFolder) -> Result<Vec<PathBuf>> {
    let mut figures = vec![("curves", curves(subject)), ("confusion", confusion(subject))];
    // A raster is of spikes.
    if subject.network.description().is_spiking() {
        figures.extend(raster(subject).map(|figure| ("raster", figure)));
    }
    figures.extend(delays(subject).map(|figure| ("delays", figure)));
    figures.extend(neurons(subject).map(|figure| ("neurons", figure)));
    let mut files = Vec::new();
    for (name, figure) in figures {
        let name = format!("figures/{name}.svg");
        folder.write(&name, &figure)?;
        files.push(folder.file(&name));
    }
    Ok(files)
}

fn number(epoch: usize) -> u32 {
    u32::try_from(epoch + 1).unwrap_or(u32::MAX)
}

fn curves(subject: &Subject<'_>) -> String {
    let point = |record: &EpochRecord| {
        // With both, the plain curve is the unrounded one; with one, it is the one that selects.
        let rounded = record.validation_accuracy;
        EpochPoint {
            epoch: number(record.epoch),
            train_loss: record.train_loss,
            validation_loss: Some(record.validation_loss),
            train_accuracy: record.train_accuracy,
            validation_accuracy: Some(record.validation_accuracy_unrounded.unwrap_or(rounded)),
            rounded_accuracy: record.validation_accuracy_unrounded.map(|_| rounded),
            firing_rates: record.hidden_rates.clone(),
        }
    };
    // Without spikes there are no rates to draw.
    let layers = if subject.network.description().is_spiking() { subject.network.hidden_layers() } else { 0 };
    let figure = TrainingCurves {
        title: subject.title.clone(),
        epochs: subject.history.iter().map(point).collect(),
        chance: Some(1.0 / subject.data.classes.len() as f64),
        best_epoch: Some(number(subject.best_epoch)),
        layer_names: (0..layers).map(|layer| subject.network.layer_name(layer)).collect(),
    };
    figure.render()
}

fn confusion(subject: &Subject<'_>) -> String {
    let (_, name, evaluation) = subject.split;
    let title = format!("{}, {name} split", subject.title);
    ConfusionMatrix::new(title, subject.data.classes.clone(), evaluation).render()
}

/// The first utterance of the split.
fn raster(subject: &Subject<'_>) -> Option<String> {
    let (split, name, _) = subject.split;
    let batch = Loader::new(split, subject.data.steps, 1, Order::Sequential).next()?.ok()?;
    let sample = split.samples.first()?;
    let trace = subject.network.trace(&batch.input.view(), Delays::Rounded, &mut Pool::default());
    let first = |array: &ndarray::Array3<f32>| -> Array2<f32> { array.index_axis(Axis(1), 0).to_owned() };
    let scores = trace.scores.row(0);
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let layer =
        |(layer, spikes)| RasterLayer { name: subject.network.layer_name(layer), spikes: first(spikes) };
    let figure = SpikeRaster {
        title: format!("{}, {} ({name} split)", subject.title, sample.id),
        step_ms: 1e3 * subject.data.step_s,
        input: first(&batch.input),
        input_label: subject.data.channel_label.to_owned(),
        layers: trace.spikes.iter().enumerate().map(layer).collect(),
        readout: first(&trace.membrane),
        readout_label: "Readout membrane".to_owned(),
        class_names: subject.data.classes.clone(),
        true_class: sample.label,
        predicted_class: scores.iter().position(|score| *score >= largest),
    };
    Some(figure.render())
}

/// Values as the network uses them, before and after training, with the bounds.
struct Change {
    before: Vec<f64>,
    after: Vec<f64>,
    bounds: Option<(f64, f64)>,
}

fn change(subject: &Subject<'_>, name: &str) -> Option<Change> {
    let values = |network: &Network<f32>| {
        let parameter = network.parameters().iter().find(|parameter| parameter.name == name)?;
        Some(parameter.used().iter().map(|&value| f64::from(value)).collect::<Vec<f64>>())
    };
    let parameter = subject.network.parameters().iter().find(|parameter| parameter.name == name)?;
    let bounds = parameter.bounds.map(|(low, high)| (f64::from(low), f64::from(high)));
    Some(Change { before: values(subject.initial)?, after: values(subject.network)?, bounds })
}

fn delays(subject: &Subject<'_>) -> Option<String> {
    let delays =
        subject.network.parameters().iter().filter(|parameter| parameter.kind == ParameterKind::Delay);
    let layers: Vec<DelayLayer> = delays
        .filter_map(|parameter| {
            let Change { before, after, bounds } = change(subject, &parameter.name)?;
            Some(DelayLayer {
                name: parameter.name.trim_end_matches(".delay").to_owned(),
                learned: after.into(),
                initial: before.into(),
                max_delay: bounds.map(|(_, high)| high),
            })
        })
        .collect();
    let figure = DelayHistograms { title: subject.title.clone(), step_ms: 1e3 * subject.data.step_s, layers };
    (!figure.layers.is_empty()).then(|| figure.render())
}

fn neurons(subject: &Subject<'_>) -> Option<String> {
    let kinds =
        [("alpha", Parameter::Alpha), ("beta", Parameter::Beta), ("a", Parameter::A), ("b", Parameter::B)];
    let layer = |index: usize| {
        let name = subject.network.layer_name(index);
        let sample = |(suffix, parameter): &(&str, Parameter)| {
            let Change { before, after, bounds } = change(subject, &format!("{name}.{suffix}"))?;
            Some(ParameterSample { parameter: *parameter, before, after, bounds })
        };
        LayerParameters { parameters: kinds.iter().filter_map(sample).collect(), name }
    };
    let layers: Vec<LayerParameters> = (0..subject.network.hidden_layers())
        .map(layer)
        .filter(|layer| !layer.parameters.is_empty())
        .collect();
    let figure =
        ParameterDistributions { title: subject.title.clone(), step_ms: 1e3 * subject.data.step_s, layers };
    (!figure.layers.is_empty()).then(|| figure.render())
}
