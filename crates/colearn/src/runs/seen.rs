//! The data of an evaluation beside those that a network was trained with.

use anyhow::{Result, bail};
use colearn_data::{DataConfig, DataFacts, Dataset, Difference};
use colearn_train::Checkpoint;

/// Makes `config` give a network what it got in training: sounds are brought to the rate of training, whatever their own
/// is.
///
/// # Errors
/// When one of the two holds spikes and the other sound.
pub(crate) fn as_in_training(
    config: &mut DataConfig,
    trained: &DataConfig,
    checkpoint: &Checkpoint,
) -> Result<()> {
    let kind = |config: &DataConfig| if config.name.has_spikes() { "spikes" } else { "sound" };
    if kind(config) != kind(trained) {
        bail!(
            "{}: found a set of {}; expected one of {}, like {}, which the network was trained on",
            config.name,
            kind(config),
            kind(trained),
            trained.name
        );
    }
    if let Some(rate) = checkpoint.facts.as_ref().and_then(|facts| facts.rate) {
        config.rate = Some(rate);
    }
    Ok(())
}

/// What is to be said of the evaluated `split` (`train`, `validation` or `test`) beside the notes of the data.
///
/// # Errors
/// When the network would get something else of a sample than in training.
pub(crate) fn said(data: &Dataset, split: &str, checkpoint: &Checkpoint) -> Result<Vec<String>> {
    let Some(trained) = &checkpoint.facts else {
        return Ok(vec![knows_no_data(data)]);
    };
    if let Some(Difference { what, found, expected }) = data.facts.other_front_end(trained) {
        bail!("{what}: found {found}; expected {expected}, with which the network was trained");
    }
    Ok(beside(&data.facts, split, trained))
}

/// For checkpoints from before data had fingerprints.
pub(crate) fn knows_no_data(data: &Dataset) -> String {
    let rate = data.facts.rate.map_or_else(String::new, |rate| {
        format!(" and no sample rate; features are made at {rate} Hz, which has to be that of training")
    });
    format!("this checkpoint is of an older format: it knows no fingerprints of its data{rate}")
}

fn beside(facts: &DataFacts, split: &str, trained: &DataFacts) -> Vec<String> {
    let Some(found) = facts.split(split) else { return Vec::new() };
    let mut lines = Vec::new();
    if let Some(own) = trained.split(split).filter(|own| own.fingerprint != found.fingerprint) {
        lines.push(format!(
            "other samples than those of the {split} split in training: found {found}; there were {own}"
        ));
    }
    for (name, did) in [("train", "trained"), ("validation", "selected")] {
        let shared = trained.split(name).filter(|_| name != split).map_or(0, |own| found.shared_with(own));
        if shared > 0 {
            let all = found.contents.len();
            lines.push(format!("{shared} of these {all} samples are among those that {did} this network"));
        }
    }
    lines
}
