//! How data are loaded: what may be kept, and where. None of it changes what is loaded.

use std::path::PathBuf;

use clap::Args;

use crate::runs::Loading;

/// Folder of cached features, beside `runs`.
const CACHE: &str = "cache";

/// What may be kept of data, and where.
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
    /// What these arguments say.
    pub(crate) fn loading(&self) -> Loading {
        Loading {
            cache: (!self.no_cache).then(|| self.cache.clone().unwrap_or_else(|| CACHE.into())),
            memory: self.data_memory.map(|megabytes| megabytes << 20),
        }
    }
}
