//! What is written of single samples: predictions and scores, and their way through the network.

use std::path::Path;

use anyhow::{Context, Result, bail};
use colearn_data::{Loader, Order, Sample, Split, shortened};
use colearn_eval::metrics::predicted_class;
use colearn_eval::npz::Npz;
use colearn_network::Delays;
use colearn_store::{LARGEST_TABLE, read_bounded};
use colearn_tape::Pool;
use ndarray::{Array2, Array3, ArrayView1, Axis};
use serde::Serialize;

use super::model::Model;

/// What a table of predictions begins with; scores follow.
const FIRST_COLUMNS: [&str; 4] = ["id", "true_class", "predicted_class", "right"];

/// What an archive of predictions begins with, at this place: the name of its first array.
const FIRST_ARRAY: (usize, &[u8]) = (30, b"id.npy");

/// What the network makes of one sample.
#[derive(Debug, Serialize)]
pub(crate) struct Prediction {
    id: String,
    true_class: String,
    /// Nothing where a score is not finite.
    predicted_class: Option<String>,
    /// In the order of the classes; in JSON `null` where it is not finite.
    scores: Vec<f32>,
}

impl Prediction {
    pub(crate) fn of(sample: &Sample, scores: &ArrayView1<'_, f32>, classes: &[String]) -> Self {
        Self {
            id: sample.id.clone(),
            true_class: classes[sample.label].clone(),
            predicted_class: predicted_class(scores).map(|class| classes[class].clone()),
            scores: scores.to_vec(),
        }
    }
}

/// One sample on its way through a network, delays rounded.
#[derive(Debug)]
pub(crate) struct Record {
    id: String,
    /// (steps, channels).
    input: Array2<f32>,
    /// Names and outputs (steps, units) of the hidden layers.
    layers: Vec<(String, Array2<f32>)>,
    /// Whether those are spikes.
    spikes: bool,
    /// Of the readout (steps, classes).
    membrane: Array2<f32>,
}

/// The places in a split of samples by their names.
///
/// # Errors
/// A name that no sample has.
pub(crate) fn places(split: &Split, name: &str, ids: &[String]) -> Result<Vec<usize>> {
    let place = |id: &String| {
        let found = split.samples.iter().position(|sample| sample.id == *id);
        found.with_context(|| {
            let names: Vec<String> = split.samples.iter().map(|sample| sample.id.clone()).collect();
            format!(
                "--record {id}: no such sample in the {name} split; expected some of {}",
                shortened(&names)
            )
        })
    };
    ids.iter().map(place).collect()
}

impl Record {
    /// Those of the samples at `places`, each as the network gets it alone.
    pub(crate) fn all(
        model: &Model,
        split: &Split,
        places: &[usize],
        pool: &mut Pool<f32>,
    ) -> Result<Vec<Self>> {
        places.iter().map(|&place| Self::of(model, split, place, pool)).collect()
    }

    fn of(model: &Model, split: &Split, place: usize, pool: &mut Pool<f32>) -> Result<Self> {
        let sample = split.samples[place].clone();
        let id = sample.id.clone();
        let one = Split::new(vec![sample], split.preparation().clone().into());
        let batch = Loader::new(&one, model.checkpoint.steps, 1, Order::Sequential).next();
        let batch = batch.with_context(|| format!("{id}: no batch"))??;
        let trace = model.network.trace(&batch.input.view(), Delays::Rounded, pool);
        let first = |array: &Array3<f32>| array.index_axis(Axis(1), 0).as_standard_layout().into_owned();
        let layer = |(layer, output): (usize, &Array3<f32>)| (model.network.layer_name(layer), first(output));
        Ok(Self {
            id,
            input: first(&batch.input),
            layers: trace.spikes.iter().enumerate().map(layer).collect(),
            spikes: model.network.description().is_spiking(),
            membrane: first(&trace.membrane),
        })
    }
}

/// Refuses to replace a file that is no table of predictions, such as the checkpoint itself.
///
/// # Errors
/// When there is such a file.
pub fn expect_csv(file: &Path) -> Result<()> {
    let head = FIRST_COLUMNS.join(",");
    let expected = format!("for --csv a file that begins with {head:?}");
    expect(file, "table", &expected, |bytes| bytes.starts_with(head.as_bytes()))
}

/// Refuses to replace a file that is no archive of predictions, such as the checkpoint itself.
///
/// # Errors
/// When there is such a file.
pub fn expect_npz(file: &Path) -> Result<()> {
    let (place, name) = FIRST_ARRAY;
    let expected = format!("for --npz one that begins with {:?}", String::from_utf8_lossy(name));
    expect(file, "archive", &expected, |bytes| bytes.get(place..place + name.len()) == Some(name))
}

/// Refuses a file that is there, is not empty, and is not such as this program writes.
fn expect(file: &Path, kind: &str, expected: &str, is_own: impl Fn(&[u8]) -> bool) -> Result<()> {
    if !file.metadata().is_ok_and(|found| found.is_file() && found.len() > 0) {
        return Ok(());
    }
    if !read_bounded(file, LARGEST_TABLE).is_ok_and(|bytes| is_own(&bytes)) {
        bail!(
            "{}: is there and is no {kind} of predictions; expected {expected}, which is replaced, or none",
            file.display()
        );
    }
    Ok(())
}

/// A row a sample: its name, both classes, whether they are equal, and a column of scores for each class.
pub(crate) fn csv(predictions: &[Prediction], classes: &[String]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = FIRST_COLUMNS.map(str::to_owned);
    writer.write_record(names.into_iter().chain(classes.iter().map(|class| format!("score_{class}"))))?;
    for Prediction { id, true_class, predicted_class, scores } in predictions {
        let right = u8::from(predicted_class.as_ref() == Some(true_class)).to_string();
        let predicted = predicted_class.clone().unwrap_or_default();
        let head = [id.clone(), true_class.clone(), predicted, right];
        writer.write_record(head.into_iter().chain(scores.iter().map(f32::to_string)))?;
    }
    writer.into_inner().context("the predictions cannot be written as CSV")
}

/// The archive that [`write_npz`](super::Evaluated::write_npz) writes.
pub(crate) fn npz(predictions: &[Prediction], classes: &[String], records: &[Record]) -> Result<Vec<u8>> {
    let place = |class: &String| {
        classes.iter().position(|known| known == class).map_or(-1, |place| i64::try_from(place).unwrap_or(-1))
    };
    let ids: Vec<String> = predictions.iter().map(|prediction| prediction.id.clone()).collect();
    let truth: Vec<i64> = predictions.iter().map(|prediction| place(&prediction.true_class)).collect();
    let predicted: Vec<i64> =
        predictions.iter().map(|prediction| prediction.predicted_class.as_ref().map_or(-1, place)).collect();
    let scores: Vec<f32> =
        predictions.iter().flat_map(|prediction| prediction.scores.iter().copied()).collect();
    let scores = Array2::from_shape_vec((predictions.len(), classes.len()), scores)?;
    let mut file = Npz::default();
    file.texts("id", &ids);
    file.texts("classes", classes);
    file.integers("true_class", &truth);
    file.integers("predicted_class", &predicted);
    file.floats("scores", &scores.view().into_dyn());
    file.texts("record_id", &records.iter().map(|record| record.id.clone()).collect::<Vec<_>>());
    for (number, record) in records.iter().enumerate() {
        file.floats(&format!("record{number}_input"), &record.input.view().into_dyn());
        for (name, output) in &record.layers {
            let name = format!("record{number}_{name}");
            if record.spikes {
                let bits = output.mapv(|spike| u8::from(spike > 0.5));
                file.bytes(&name, &bits.view().into_dyn());
            } else {
                file.floats(&name, &output.view().into_dyn());
            }
        }
        file.floats(&format!("record{number}_membrane"), &record.membrane.view().into_dyn());
    }
    Ok(file.finish()?)
}
