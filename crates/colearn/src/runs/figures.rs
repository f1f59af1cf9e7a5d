//! The figures of a finished run.

use std::path::PathBuf;

use anyhow::Result;
use colearn_eval::figures::{
    ConfusionMatrix, DelayHistograms, DelayLayer, EpochPoint, LayerParameters, Parameter,
    ParameterDistributions, ParameterSample, TrainingCurves,
};
use colearn_network::{Network, ParameterKind};
use colearn_neurons::analysis::time_constant;
use colearn_neurons::{ParameterRole, ParameterSpec};
use colearn_train::EpochRecord;

use crate::runs::run_folder::HeldFolder;
use crate::runs::stored::{Example, StoredData};
use crate::runs::subject::Subject;

/// Draws all figures, the raster of `example` among them; returns their files.
pub(crate) fn draw(
    subject: &Subject<'_>,
    example: Option<&Example>,
    folder: &HeldFolder,
) -> Result<Vec<PathBuf>> {
    let mut figures = vec![("curves", curves(subject)), ("confusion", confusion(subject))];
    let data = StoredData::of(&subject.data.facts);
    figures.extend(example.map(|example| ("raster", example.raster(&subject.title, data.as_ref()).render())));
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

/// The same network before and after training.
pub(crate) type Pair<'a> = (&'a Network<f32>, &'a Network<f32>);

/// A parameter as the network uses it, before and after training, with its bounds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) before: Vec<f64>,
    pub(crate) after: Vec<f64>,
    pub(crate) bounds: Option<(f64, f64)>,
}

impl Change {
    /// Of the parameter `name` of one or more networks, one after the other; `None` where there is none.
    pub(crate) fn of(pairs: &[Pair<'_>], name: &str) -> Option<Self> {
        let mut change: Option<Self> = None;
        for (before, after) in pairs {
            let find = |network: &Network<f32>| -> Option<Vec<f64>> {
                let parameter = network.parameters().iter().find(|parameter| parameter.name == name)?;
                Some(parameter.used().iter().map(|&value| f64::from(value)).collect())
            };
            let parameter = after.parameters().iter().find(|parameter| parameter.name == name)?;
            let bounds = parameter.bounds.map(|(low, high)| (f64::from(low), f64::from(high)));
            let change = change.get_or_insert_with(|| Self { before: vec![], after: vec![], bounds });
            change.before.extend(find(before)?);
            change.after.extend(find(after)?);
        }
        change
    }

    /// Of the time constant −Δt / ln(decay), in milliseconds.
    pub(crate) fn time_constants(&self, step_ms: f64) -> Self {
        let times = |values: &[f64]| values.iter().map(|value| time_constant(*value, step_ms)).collect();
        let bounds =
            self.bounds.map(|(low, high)| (time_constant(low, step_ms), time_constant(high, step_ms)));
        Self { before: times(&self.before), after: times(&self.after), bounds }
    }

    pub(crate) fn sample(self, parameter: Parameter) -> ParameterSample {
        ParameterSample { parameter, before: self.before, after: self.after, bounds: self.bounds }
    }
}

fn delays(subject: &Subject<'_>) -> Option<String> {
    let figure = DelayHistograms {
        title: subject.title.clone(),
        step_ms: 1e3 * subject.data.step_s,
        layers: delay_layers(&[(subject.initial, subject.network)]),
    };
    (!figure.layers.is_empty()).then(|| figure.render())
}

/// The delays of each layer of networks of one kind, taken together.
pub(crate) fn delay_layers(pairs: &[Pair<'_>]) -> Vec<DelayLayer> {
    let parameters = pairs.first().map_or(&[][..], |(_, after)| after.parameters());
    let delays = parameters.iter().filter(|parameter| parameter.kind == ParameterKind::Delay);
    delays
        .filter_map(|parameter| {
            let Change { before, after, bounds } = Change::of(pairs, &parameter.name)?;
            let (layer, recurrent) = match parameter.name.strip_suffix(".recurrent_delay") {
                Some(layer) => (format!("{layer}, recurrent"), true),
                None => (parameter.name.trim_end_matches(".delay").to_owned(), false),
            };
            let units = parameter.value.shape()[0];
            let used = |values: Vec<f64>| if recurrent { without_diagonal(&values, units) } else { values };
            Some(DelayLayer {
                name: layer,
                learned: used(after).into(),
                initial: used(before).into(),
                max_delay: bounds.map(|(_, high)| high),
            })
        })
        .collect()
}

/// The entries of matrices of `units` rows, one after the other, that are not on a diagonal: a unit has no synapse to itself.
fn without_diagonal(matrices: &[f64], units: usize) -> Vec<f64> {
    let in_matrix = |k: usize| k % (units * units);
    let entries = matrices.iter().enumerate();
    entries.filter(|(k, _)| !in_matrix(*k).is_multiple_of(units + 1)).map(|(_, &value)| value).collect()
}

/// What figures say of a neuron's parameter.
pub(crate) fn parameter(spec: &ParameterSpec) -> Parameter {
    Parameter {
        symbol: spec.symbol.to_owned(),
        name: spec.meaning.to_owned(),
        unit: spec.unit().to_owned(),
        is_decay: spec.role == ParameterRole::TimeConstant,
    }
}

fn neurons(subject: &Subject<'_>) -> Option<String> {
    let figure = ParameterDistributions {
        title: subject.title.clone(),
        step_ms: 1e3 * subject.data.step_s,
        layers: neuron_layers((subject.initial, subject.network)),
    };
    (!figure.layers.is_empty()).then(|| figure.render())
}

/// Every parameter that the neurons of the hidden layers have.
fn neuron_layers((initial, network): Pair<'_>) -> Vec<LayerParameters> {
    let layer = |index: usize| {
        let name = network.layer_name(index);
        let specs = network.neuron(index).map_or(&[][..], |neuron| neuron.specs());
        let sample = |spec: &ParameterSpec| {
            let full = format!("{name}.{}", spec.name);
            Some(Change::of(&[(initial, network)], &full)?.sample(parameter(spec)))
        };
        LayerParameters { parameters: specs.iter().filter_map(sample).collect(), name }
    };
    (0..network.hidden_layers()).map(layer).filter(|layer| !layer.parameters.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use colearn_network::NetworkConfig;
    use colearn_neurons::NeuronModel;
    use colearn_train::initial_generator;

    #[test]
    fn figures_have_every_parameter_of_every_model() {
        for model in NeuronModel::ALL.iter().filter(|model| model.is_spiking()) {
            let mut config = NetworkConfig::default();
            config.set_model(model.name()).unwrap();
            config.network.hidden = vec![3, 2];
            let network = Network::new(&config.validate(2, 2).unwrap(), &mut initial_generator(1));
            let layers = neuron_layers((&network, &network));
            assert_eq!(layers.len(), 2, "{model:?}");
            for layer in layers {
                let drawn: Vec<&str> = layer.parameters.iter().map(|of| &of.parameter.symbol[..]).collect();
                let symbols: Vec<&str> = model.specs().iter().map(|spec| spec.symbol).collect();
                assert_eq!(drawn, symbols, "{model:?}");
                assert!(layer.parameters.iter().all(|of| of.bounds.is_some()), "{model:?}");
            }
        }
    }
}
