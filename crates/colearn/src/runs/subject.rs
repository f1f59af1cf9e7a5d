//! What there is to show of a run that ends.

use colearn_data::{Dataset, Split};
use colearn_eval::Evaluation;
use colearn_network::Network;
use colearn_train::EpochRecord;

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
