//! How data are loaded: what may be kept, and where. None of it changes what is loaded.

use std::path::PathBuf;

use colearn_data::{LoadOptions, Normaliser};

/// What may be kept of data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loading {
    /// Folder that keeps features of sound from run to run; nothing is kept where there is none.
    pub cache: Option<PathBuf>,
    /// Bytes of spikes that may stay in memory; larger sets are read batch by batch. By default 4 GiB.
    pub memory: Option<u64>,
}

impl Loading {
    /// The same for the data of a network that brings its own `normaliser`.
    pub fn options<'a>(&'a self, normaliser: Option<&'a Normaliser>) -> LoadOptions<'a> {
        let usual = LoadOptions::default();
        LoadOptions { normaliser, cache: self.cache.as_deref(), memory: self.memory.unwrap_or(usual.memory) }
    }
}
