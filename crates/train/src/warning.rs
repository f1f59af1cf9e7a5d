//! What a run should not pass over in silence, though it goes on.

use std::fmt;

use colearn_network::Network;

use crate::record::EpochRecord;

/// Mean rate above which a layer is called saturated: its units fire at nine steps of ten or more.
pub const SATURATED: f64 = 0.9;

/// Something that a run says once and then goes on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// A batch that changed nothing since a number was infinite or not a number, with `train.on_nonfinite = "skip"`. The
    /// only warning that may come more than once.
    Skipped {
        /// Epoch, counted from 0.
        epoch: usize,
        /// Batch within the epoch, counted from 0.
        batch: usize,
        /// Where the number was met first.
        what: String,
        /// Its value.
        value: f64,
    },
    /// A hidden layer without a single spike on the whole validation split.
    Silent {
        /// The layer, like `hidden0`.
        layer: String,
    },
    /// A hidden layer with a rate above [`SATURATED`] on the validation split.
    Saturated {
        /// The layer, like `hidden0`.
        layer: String,
        /// Spikes per unit and step.
        rate: f64,
    },
    /// Adaptive neurons with an eigenvalue outside the unit circle: below threshold their membrane grows from step to
    /// step.
    Unstable {
        /// The layer, like `hidden0`.
        layer: String,
        /// How many.
        count: usize,
        /// Units of the layer.
        units: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped { epoch, batch, what, value } => write!(
                f,
                "epoch {}, batch {}: {what} is {value}; the batch is skipped (train.on_nonfinite = \"skip\")",
                epoch + 1,
                batch + 1
            ),
            Self::Silent { layer } => {
                write!(f, "{layer} is silent: not one spike on the validation split")
            }
            Self::Saturated { layer, rate } => {
                let (found, most) = (100.0 * rate, 100.0 * SATURATED);
                write!(
                    f,
                    "{layer} is saturated: it fires at {found:.1} % of the steps, more than {most:.0} %"
                )
            }
            Self::Unstable { layer, count, units } => write!(
                f,
                "{layer}: {count} of {units} neurons are unstable below threshold (an eigenvalue outside the unit \
                 circle); constrained neurons (cadlif) have none"
            ),
        }
    }
}

/// What `record` shows for the first time in the run whose earlier epochs are `history`.
pub(crate) fn new_warnings(
    network: &Network<f32>,
    record: &EpochRecord,
    history: &[EpochRecord],
) -> Vec<Warning> {
    let spiking = network.description().is_spiking();
    let rate = |record: &EpochRecord, k: usize| record.hidden_rates.get(k).copied().filter(|_| spiking);
    let silent = |record: &EpochRecord, k| rate(record, k).is_some_and(|rate| rate <= 0.0);
    let saturated = |record: &EpochRecord, k| rate(record, k).is_some_and(|rate| rate > SATURATED);
    let unstable = |record: &EpochRecord, k: usize| record.unstable_units.get(k).is_some_and(|&n| n > 0);
    let mut found = Vec::new();
    for k in 0..network.hidden_layers() {
        let layer = network.layer_name(k);
        let first = |shows: &dyn Fn(&EpochRecord, usize) -> bool| {
            shows(record, k) && !history.iter().any(|earlier| shows(earlier, k))
        };
        if first(&silent) {
            found.push(Warning::Silent { layer: layer.clone() });
        }
        if first(&saturated) {
            found.push(Warning::Saturated { layer: layer.clone(), rate: record.hidden_rates[k] });
        }
        if first(&unstable) {
            let units = network.description().config().network.hidden[k];
            found.push(Warning::Unstable { layer, count: record.unstable_units[k], units });
        }
    }
    found
}
