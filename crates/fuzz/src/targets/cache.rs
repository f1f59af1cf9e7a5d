//! Features that were computed before.

use std::io;
use std::path::{Path, PathBuf};

use colearn_data::{DataConfig, DataName, LoadOptions, Loader, Order};
use colearn_store::{LARGEST_TABLE, read_bounded};

use super::words::write_words;
use super::{Outcome, Target};
use crate::mutate::Form;

/// One file of the cache of a small folder of words; the others stay as they are.
#[derive(Debug)]
pub(super) struct Features {
    config: DataConfig,
    cache: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Features {
    pub(super) fn new(scratch: &Path) -> io::Result<Self> {
        let (root, cache) = (scratch.join("cached"), scratch.join("cache"));
        write_words(&root)?;
        let config = DataConfig { root: Some(root), bands: 4, ..DataConfig::default_for(DataName::Words) };
        let options = LoadOptions { cache: Some(&cache), ..LoadOptions::default() };
        config.load_with(&options).map_err(io::Error::other)?;
        let mut files = Vec::new();
        for folder in std::fs::read_dir(&cache)? {
            for file in std::fs::read_dir(folder?.path())? {
                let path = file?.path();
                files.push((path.clone(), read_bounded(&path, LARGEST_TABLE).map_err(io::Error::other)?));
            }
        }
        files.sort();
        Ok(Self { config, cache, files })
    }
}

impl Target for Features {
    fn name(&self) -> &'static str {
        "feature-cache"
    }

    fn form(&self) -> Form {
        Form::Envelope
    }

    /// The root is a temporary folder whose name differs from run to run, and the file times too: what stays the same
    /// is the layout, which is what mutations are about.
    fn seeds(&self) -> Vec<Vec<u8>> {
        self.files.iter().map(|(_, bytes)| bytes.clone()).collect()
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        let (path, whole) = &self.files[input.len() % self.files.len()];
        if let Err(error) = std::fs::write(path, input) {
            return Outcome::Refused(format!("the cache cannot be written: {error}"));
        }
        let options = LoadOptions { cache: Some(&self.cache), ..LoadOptions::default() };
        let set = self.config.load_with(&options);
        if let Err(error) = std::fs::write(path, whole) {
            return Outcome::Refused(format!("the cache cannot be written: {error}"));
        }
        let set = set.expect("a damaged cache is no obstacle");
        for batch in Loader::new(&set.train, set.steps, 2, Order::Sequential) {
            batch.expect("features are in memory");
        }
        let note = set.notes.into_iter().find(|note| note.contains("computed again"));
        note.map_or(Outcome::Accepted, Outcome::Refused)
    }
}
