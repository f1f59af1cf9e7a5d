//! How data are loaded: what may be kept, and where. None of it changes what is loaded.

use std::path::{Path, PathBuf};

use clap::Args;
use colearn_data::{LoadOptions, Normaliser};

/// Folder of cached features, beside `runs`.
const CACHE: &str = "cache";

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LoadArgs {
    /// Folder that keeps features of sound from run to run [default: cache].
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    pub(crate) cache: Option<PathBuf>,
    /// Compute all features anew and keep none.
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Megabytes of spikes that may stay in memory [default: 4096]; larger sets are read batch by batch.
    #[arg(long, value_name = "MB", value_parser = megabytes)]
    pub(crate) data_memory: Option<u64>,
}

fn megabytes(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (0..=1 << 30).contains(number));
    number.ok_or_else(|| format!("expected a whole number from 0 to {}", 1 << 30))
}

impl LoadArgs {
    pub(crate) fn options<'a>(&'a self, normaliser: Option<&'a Normaliser>) -> LoadOptions<'a> {
        let usual = LoadOptions::default();
        LoadOptions {
            normaliser,
            cache: (!self.no_cache).then(|| self.cache.as_deref().unwrap_or(Path::new(CACHE))),
            memory: self.data_memory.map_or(usual.memory, |megabytes| megabytes << 20),
        }
    }
}
