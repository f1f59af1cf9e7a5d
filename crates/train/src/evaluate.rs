//! A network on a split, without a tape.

use colearn_data::{Loader, Order, Split};
use colearn_eval::Evaluation;
use colearn_network::{Delays, Network};
use colearn_tape::Pool;
use ndarray::ArrayView1;

use crate::error::TrainError;

/// What a network does on a split.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitResult {
    /// Counts, loss and accuracy.
    pub evaluation: Evaluation,
    /// Spikes per unit and step of each hidden layer, over all samples and steps.
    pub rates: Vec<f64>,
    /// Steps of a sample that were computed, padding included: the mean, which differs from the most where batches are as
    /// long as their longest sample.
    pub steps: f64,
}

/// Runs `network` over `split`, cut or padded to `steps` steps, in batches of `batch` samples.
///
/// # Errors
/// [`TrainError::Mismatch`] when the samples have another number of channels than the network has inputs,
/// [`TrainError::Eval`] when a label is not below the number of classes, [`TrainError::Data`] when a sample cannot be
/// read.
///
/// # Panics
/// When `steps` or `batch` is zero.
#[track_caller]
pub fn evaluate(
    network: &Network<f32>,
    split: &Split,
    steps: usize,
    batch: usize,
    delays: Delays,
    pool: &mut Pool<f32>,
) -> Result<SplitResult, TrainError> {
    evaluate_each(network, split, steps, batch, (delays, pool), |_, _| ())
}

/// As [`evaluate`], and hands the scores (C) of every sample to `each`, with its place in the split, in their order.
///
/// # Errors
/// As [`evaluate`].
///
/// # Panics
/// When `steps` or `batch` is zero.
#[track_caller]
pub fn evaluate_each(
    network: &Network<f32>,
    split: &Split,
    steps: usize,
    batch: usize,
    (delays, pool): (Delays, &mut Pool<f32>),
    mut each: impl FnMut(usize, ArrayView1<'_, f32>),
) -> Result<SplitResult, TrainError> {
    check_channels(network, split)?;
    let mut evaluation = Evaluation::new(network.classes());
    let (mut sums, mut weights): (Vec<f64>, f64) = (Vec::new(), 0.0);
    Loader::new(split, steps, batch, Order::Sequential).ahead(|batches| {
        while let Some(part) = batches.next() {
            let part = part?;
            let inference = network.infer(&part.input.view(), delays, pool);
            evaluation.update(&inference.scores, &part.labels)?;
            for (&index, scores) in part.indices.iter().zip(inference.scores.rows()) {
                each(index, scores);
            }
            // A sample counts by the share of the steps that its batch has.
            let weight = part.labels.len() as f64 * (part.input.dim().0 as f64 / steps as f64);
            weights += weight;
            sums.resize(inference.rates.len(), 0.0);
            for (sum, rate) in sums.iter_mut().zip(&inference.rates) {
                *sum += rate * weight;
            }
            batches.give(part.input);
        }
        Ok::<(), TrainError>(())
    })?;
    let samples = split.len().max(1) as f64;
    let rates = sums.into_iter().map(|sum| sum / weights).collect();
    Ok(SplitResult { evaluation, rates, steps: steps as f64 * (weights / samples) })
}

pub(crate) fn check_channels(network: &Network<f32>, split: &Split) -> Result<(), TrainError> {
    let misfit = (0..split.len()).find(|&index| split.channels(index) != network.inputs());
    misfit.map_or(Ok(()), |index| {
        Err(TrainError::Mismatch {
            what: format!("input channels of sample {:?}", split.samples[index].id),
            found: split.channels(index).to_string(),
            expected: format!("{}, the inputs of the network", network.inputs()),
        })
    })
}
