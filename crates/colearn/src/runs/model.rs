//! A trained network with everything that a checkpoint keeps of its training.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use colearn_network::Network;
use colearn_train::{Checkpoint, RunFiles, initial_generator};

use super::experiment::Experiment;
use super::stored::Origin;

/// What is needed to use a checkpoint.
#[derive(Debug)]
pub(crate) struct Model {
    /// The checkpoint's file.
    pub(crate) file: PathBuf,
    pub(crate) experiment: Experiment,
    pub(crate) network: Network<f32>,
    pub(crate) checkpoint: Checkpoint,
}

impl Model {
    /// Reads a checkpoint, or of a run's folder its best one.
    ///
    /// # Errors
    /// When the file is no whole checkpoint, or is not of the run whose folder it lies in.
    pub(crate) fn load(place: &Path) -> Result<Self> {
        let file = best_of(place);
        let checkpoint = Checkpoint::load(&file)?;
        check_origin(&file, &checkpoint)?;
        let name = || file.display().to_string();
        let experiment = Experiment::from_toml(&checkpoint.experiment)
            .with_context(|| format!("{}: the experiment in the checkpoint", name()))?;
        let description = experiment.network().validate(checkpoint.channels, checkpoint.classes.len())?;
        let mut network = Network::new(&description, &mut initial_generator(checkpoint.seed));
        network.restore(checkpoint.network.clone()).with_context(name)?;
        Ok(Self { file, experiment, network, checkpoint })
    }
}

/// Refuses a checkpoint that lies in the folder of another run, or as the best one of a run whose best one is another.
fn check_origin(file: &Path, checkpoint: &Checkpoint) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let Some(origin) = Origin::of_folder(folder) else { return Ok(()) };
    let best = file.file_name() == RunFiles::in_folder(folder).best.file_name();
    origin.check_checkpoint(file, checkpoint, best)
}

/// The checkpoint: of a run's folder its best one.
fn best_of(path: &Path) -> PathBuf {
    if path.is_dir() { RunFiles::in_folder(path).best } else { path.to_owned() }
}
