//! From a folder, or the embedded corpus, to a [`Dataset`].
//!
//! A reader only says which clips there are and what the set itself says of splits: it returns [`Found`].
//! [`Found::cut`] makes the splits by the configured rule, [`Plan::judge`] refuses those that can tell nothing, and
//! [`Plan::extract`] then does the same for every set.

mod cut;
pub(crate) mod digits;
mod extract;
pub(crate) mod folder;
pub(crate) mod fsdd;
pub(crate) mod gsc;
mod judge;
pub(crate) mod lists;
pub(crate) mod recordings;
pub(crate) mod single;
mod speakers;
pub(crate) mod spike_set;
mod stored;
pub(crate) mod words;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::audio::Audio;
use crate::spike_file::SpikeFile;
use crate::splits::Parts;
use crate::{DataConfig, DataError, DataName, Protocol};

/// Most classes of a set. A confusion matrix and a readout grow with them, and a file of a few bytes may claim any number.
pub(crate) const MOST_CLASSES: usize = 10_000;

/// One clip that is still to be decoded.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) source: Source,
    pub(crate) label: usize,
    pub(crate) speaker: String,
    pub(crate) id: String,
}

/// Where a clip's sound or spikes are.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Part { of: Arc<Audio>, range: Range<usize>, gain: f32 },
    Spikes { file: Arc<SpikeFile>, index: usize },
}

/// What a reader found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) classes: Vec<String>,
    pub(crate) train: Vec<Clip>,
    /// `None`: the set does not say.
    pub(crate) validation: Option<Vec<Clip>>,
    /// `None`: the set does not say.
    pub(crate) test: Option<Vec<Clip>>,
    /// Where validation comes from when neither the set nor the configuration says.
    pub(crate) usual: Usual,
    /// The set has no list at all: test comes out of training too.
    pub(crate) divided: bool,
    /// Why the names of the files tell no speaker, if they do not.
    pub(crate) no_speakers: Option<String>,
    /// Facts, and what the set itself says of its splits.
    pub(crate) notes: Vec<String>,
    pub(crate) split_notes: Vec<String>,
}

/// Where validation comes from when a set does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Usual {
    #[default]
    Speakers,
    Share,
    /// Nowhere: the set was made so that the test split selects.
    OnTest,
}

/// The clips of every split.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) classes: Vec<String>,
    pub(crate) parts: Parts,
    pub(crate) protocol: Protocol,
    pub(crate) notes: Vec<String>,
}

/// What to load.
pub(crate) fn plan(config: &DataConfig) -> Result<Plan, DataError> {
    let found = match config.name {
        DataName::Digits => digits::find()?,
        DataName::Fsdd => fsdd::find(config.folder()?)?,
        DataName::Words => words::find(config.folder()?)?,
        DataName::Gsc => gsc::find(config, config.folder()?)?,
        DataName::Shd | DataName::Ssc => spike_set::find(config, config.folder()?)?,
    };
    if found.classes.len() > MOST_CLASSES {
        return Err(DataError::Folder {
            path: config.root.clone().unwrap_or_default(),
            found: format!("{} classes", found.classes.len()),
            expected: format!("at most {MOST_CLASSES}"),
        });
    }
    let plan = found.cut(config)?;
    let plan = if config.name == DataName::Gsc { gsc::for_task(config, plan)? } else { plan };
    plan.judge(config)
}

#[cfg(test)]
mod tests;
