//! What a finished run keeps for its report beside the summary: `evaluation.json` and `example.json`.
//!
//! Runs from before these files were written have none of them; readers then say what is missing.

use std::path::Path;

use anyhow::{Context, Result, bail};
use colearn_data::{Loader, Order, Sample};
use colearn_eval::EvaluationReport;
use colearn_eval::figures::{RasterLayer, SpikeRaster};
use colearn_eval::metrics::predicted_class;
use colearn_network::Delays;
use colearn_store::{LARGEST_TABLE, read_text};
use colearn_tape::Pool;
use colearn_train::SplitResult;
use ndarray::{Array2, Array3, Axis};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Origin, StoredData, numbers};
use crate::runs::subject::Subject;

/// The best network on the split reported on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredEvaluation {
    /// The split: `test`, or the one that selects.
    pub(crate) split: String,
    pub(crate) classes: Vec<String>,
    pub(crate) steps: usize,
    pub(crate) step_s: f64,
    pub(crate) channels: usize,
    /// Share of the input values of the split that are not zero.
    pub(crate) input_active: f64,
    /// Whether every input value is zero or one.
    pub(crate) input_binary: bool,
    /// With delays rounded to whole steps.
    pub(crate) rounded: StoredResult,
    /// With delays as stored; nothing where there are no learned delays.
    pub(crate) unrounded: Option<StoredResult>,
    /// The samples that were not recognised with rounded delays, in the order of the split; older files do not tell.
    #[serde(default)]
    pub(crate) wrong: Option<Vec<Wrong>>,
}

/// A sample that was not recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wrong {
    /// Its name in the data set.
    pub(crate) id: String,
    pub(crate) true_class: usize,
    /// Nothing where a score was not finite.
    pub(crate) predicted_class: Option<usize>,
}

impl Wrong {
    /// The sample, unless it was recognised.
    pub(crate) fn of(sample: &Sample, predicted_class: Option<usize>) -> Option<Self> {
        let wrong = predicted_class != Some(sample.label);
        wrong.then(|| Self { id: sample.id.clone(), true_class: sample.label, predicted_class })
    }
}

/// Counts and activity of one evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredResult {
    pub(crate) evaluation: EvaluationReport,
    /// Spikes per unit and step of each hidden layer.
    #[serde(deserialize_with = "numbers::list")]
    pub(crate) rates: Vec<f64>,
    /// Steps of a sample that were computed, on average; older files do not tell.
    #[serde(default)]
    pub(crate) steps: Option<f64>,
}

impl From<&SplitResult> for StoredResult {
    fn from(result: &SplitResult) -> Self {
        Self {
            evaluation: result.evaluation.report(),
            rates: result.rates.clone(),
            steps: Some(result.steps),
        }
    }
}

/// One utterance on its way through the best network, delays rounded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Example {
    pub(crate) id: String,
    pub(crate) split: String,
    pub(crate) step_ms: f64,
    pub(crate) input_label: String,
    pub(crate) classes: Vec<String>,
    pub(crate) true_class: usize,
    pub(crate) predicted_class: Option<usize>,
    /// Steps of the utterance itself, behind which the input is padding; older files do not tell.
    #[serde(default)]
    pub(crate) length: Option<usize>,
    /// Input (T, C).
    #[serde(deserialize_with = "numbers::array")]
    pub(crate) input: Array2<f32>,
    pub(crate) layers: Vec<ExampleLayer>,
    /// Readout membranes (T, classes).
    #[serde(deserialize_with = "numbers::array")]
    pub(crate) readout: Array2<f32>,
}

/// Most steps and units that are drawn, as many as networks may have.
const MOST: [usize; 2] = [10_000, 65_536];

/// The spikes of a hidden layer as pairs of step and unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExampleLayer {
    pub(crate) name: String,
    pub(crate) units: usize,
    pub(crate) spikes: Vec<(usize, usize)>,
}

impl Example {
    /// The first utterance of the split reported on; `None` of a network without spikes.
    pub(crate) fn of(subject: &Subject<'_>) -> Option<Self> {
        if !subject.network.description().is_spiking() {
            return None;
        }
        let (split, name, _) = subject.split;
        let batch = Loader::new(split, subject.data.steps, 1, Order::Sequential).next()?.ok()?;
        let sample = split.samples.first()?;
        let trace = subject.network.trace(&batch.input.view(), Delays::Rounded, &mut Pool::default());
        let first = |array: &Array3<f32>| -> Array2<f32> {
            array.index_axis(Axis(1), 0).as_standard_layout().into_owned()
        };
        let layer = |(layer, spikes): (usize, &Array3<f32>)| ExampleLayer {
            name: subject.network.layer_name(layer),
            units: spikes.dim().2,
            spikes: first(spikes)
                .indexed_iter()
                .filter(|(_, spike)| **spike > 0.5)
                .map(|(place, _)| place)
                .collect(),
        };
        Some(Self {
            id: sample.id.clone(),
            split: name.to_owned(),
            step_ms: 1e3 * subject.data.step_s,
            input_label: subject.data.channel_label.to_owned(),
            classes: subject.data.classes.clone(),
            true_class: sample.label,
            predicted_class: predicted_class(&trace.scores.row(0)),
            length: batch.lengths.first().copied(),
            input: first(&batch.input),
            layers: trace.spikes.iter().enumerate().map(layer).collect(),
            readout: first(&trace.membrane),
        })
    }

    /// Reads the example of a run; `None` where there is none.
    ///
    /// # Errors
    /// When the file cannot be read, or is larger than any network makes it.
    pub(crate) fn read(path: &Path, origin: &Origin) -> Result<Option<Self>> {
        let Some(example) = read::<Self>(path, origin)? else { return Ok(None) };
        let units = example.layers.iter().map(|layer| layer.units).max().unwrap_or(0);
        let sizes = [example.input.nrows().max(example.readout.nrows()), units];
        if sizes[0] > MOST[0] || sizes[1] > MOST[1] {
            bail!(
                "{}: found {} steps and {} units in a layer; expected at most {} and {}",
                path.display(),
                sizes[0],
                sizes[1],
                MOST[0],
                MOST[1]
            );
        }
        Ok(Some(example))
    }

    /// The figure of the utterance; `data` is what its run knows of its input.
    pub(crate) fn raster(&self, title: &str, data: Option<&StoredData>) -> SpikeRaster {
        let steps = self.input.nrows();
        let layer = |layer: &ExampleLayer| {
            let mut spikes = Array2::zeros((steps, layer.units));
            for place in &layer.spikes {
                // A place outside of the utterance can only come from a file that was changed by hand.
                if let Some(spike) = spikes.get_mut(*place) {
                    *spike = 1.0;
                }
            }
            RasterLayer { name: layer.name.clone(), spikes }
        };
        SpikeRaster {
            title: format!("{title}, {} ({} split)", self.id, self.split),
            step_ms: self.step_ms,
            input: self.input.clone(),
            length: self.length,
            input_label: self.input_label.clone(),
            input_hz: data.map(StoredData::centres_hz).unwrap_or_default(),
            layers: self.layers.iter().map(layer).collect(),
            readout: self.readout.clone(),
            readout_label: "Readout membrane".to_owned(),
            class_names: self.classes.clone(),
            true_class: self.true_class,
            predicted_class: self.predicted_class,
        }
    }
}

/// Reads a file of these, which must be the one of the run that `origin` is of; `None` where there is none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, origin: &Origin) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = read_text(path, LARGEST_TABLE)?;
    origin.check_text(path, &text)?;
    serde_json::from_str(&text).map(Some).with_context(|| path.display().to_string())
}
