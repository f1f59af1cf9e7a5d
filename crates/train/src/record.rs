//! What a run says about itself: one record an epoch, and the best epoch.

use colearn_network::NetworkState;
use serde::{Deserialize, Serialize};

use crate::config::Selection;

/// The figures of one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, counted from 0.
    pub epoch: usize,
    /// Mean loss of the training batches, in nats, as training saw them: delays not rounded, dropout, changing weights.
    pub train_loss: f64,
    /// Share of the training samples that were right at that time.
    pub train_accuracy: f64,
    /// Validation loss with rounded delays, in nats; NaN when no score was finite.
    pub validation_loss: f64,
    /// Validation accuracy with rounded delays.
    pub validation_accuracy: f64,
    /// Validation accuracy with the delays as they are, where asked for.
    pub validation_accuracy_unrounded: Option<f64>,
    /// Spikes per unit and step of each hidden layer on the validation split.
    pub hidden_rates: Vec<f64>,
    /// Learning rate of the weights in the last step.
    pub learning_rate: f64,
    /// Spread of the interpolation kernel of the delays, in steps.
    pub spread: f64,
    /// Mean norm of all gradients together, before clipping.
    pub gradient_norm: f64,
    /// Wall time of the epoch in seconds: making and waiting for batches, steps, statistics and validation.
    pub seconds: f64,
    /// Training samples per second of wall time until the last step: with loading, without validation.
    pub samples_per_second: f64,
    /// Batches that changed nothing, since a number was not finite.
    pub skipped_batches: usize,
    /// Unstable neurons of each hidden layer at the end of the epoch: see [`unstable_units`](colearn_network::Network::unstable_units).
    pub unstable_units: Vec<usize>,
    /// Seconds in which training waited for a batch, which are part of both times; `None` where the epoch, or some of it,
    /// comes from a checkpoint of a format before 5: its times leave out all loading. Checkpoints have it in their
    /// [`Times`].
    #[serde(skip)]
    pub waited: Option<f64>,
}

/// Running sums of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochProgress {
    /// Batches done, the skipped ones included.
    pub batches: usize,
    /// Batches that changed nothing, since a number was not finite; nothing else counts them.
    pub skipped: usize,
    /// Samples seen.
    pub samples: usize,
    /// Samples that were right.
    pub correct: usize,
    /// Sum of the losses of the samples, in nats.
    pub loss_sum: f64,
    /// Sum of the gradient norms of the batches.
    pub norm_sum: f64,
    /// Wall time spent, in seconds.
    pub seconds: f64,
    /// Seconds of it in which training waited for a batch; as [`EpochRecord::waited`].
    #[serde(skip)]
    pub waited: Option<f64>,
}

impl Default for EpochProgress {
    fn default() -> Self {
        Self {
            batches: 0,
            skipped: 0,
            samples: 0,
            correct: 0,
            loss_sum: 0.0,
            norm_sum: 0.0,
            seconds: 0.0,
            waited: Some(0.0),
        }
    }
}

/// Where the time of a run went, over all its sittings: a sitting ends where a run is stopped or killed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Wall time of the run in seconds. What a killed sitting did after its last checkpoint is done again, and counted once.
    pub wall: f64,
    /// Whether that is all of it: of sittings that ended with a checkpoint of a format before 5 only steps and validation
    /// are known.
    pub whole: bool,
    /// [`EpochRecord::waited`] of the finished epochs.
    pub waited: Vec<Option<f64>>,
    /// [`EpochProgress::waited`] of the present one.
    pub waiting: Option<f64>,
}

/// The best epoch so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Epoch, counted from 0.
    pub epoch: usize,
    /// Its validation accuracy with rounded delays.
    pub accuracy: f64,
    /// Its validation loss, in nats.
    pub loss: f64,
    /// The network after that epoch.
    pub network: NetworkState<f32>,
}

/// Whether (accuracy, loss) is better than `best` under the rule. Equal is not better, so the earliest of equals stays;
/// a value that is not a number is never better, and everything is better than it.
pub(crate) fn is_better(rule: Selection, new: (f64, f64), best: Option<(f64, f64)>) -> bool {
    let Some(best) = best else { return true };
    let key = |(accuracy, loss): (f64, f64)| {
        let accuracy = if accuracy.is_nan() { f64::NEG_INFINITY } else { accuracy };
        let loss = if loss.is_nan() { f64::NEG_INFINITY } else { -loss };
        match rule {
            Selection::Accuracy => (accuracy, loss),
            Selection::Loss => (loss, accuracy),
        }
    };
    key(new) > key(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_loss_and_then_to_the_earlier_epoch() {
        use Selection::{Accuracy, Loss};
        let cases = [
            (Accuracy, (0.9, 1.0), None, true),
            (Accuracy, (0.9, 9.0), Some((0.8, 1.0)), true),
            (Accuracy, (0.8, 0.1), Some((0.9, 1.0)), false),
            (Accuracy, (0.9, 0.5), Some((0.9, 1.0)), true),
            (Accuracy, (0.9, 1.0), Some((0.9, 1.0)), false),
            (Accuracy, (0.9, f64::NAN), Some((0.9, 1.0)), false),
            (Accuracy, (0.1, 3.0), Some((f64::NAN, f64::NAN)), true),
            (Loss, (0.1, 0.5), Some((0.9, 0.6)), true),
            (Loss, (0.95, 0.6), Some((0.9, 0.6)), true),
            (Loss, (1.0, f64::NAN), Some((0.0, 9.0)), false),
        ];
        for (rule, new, best, expected) in cases {
            assert_eq!(is_better(rule, new, best), expected, "{rule:?} {new:?} {best:?}");
        }
    }
}
