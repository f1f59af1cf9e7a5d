//! Cells × seeds × speakers left out: the jobs of a comparison and their folders.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use colearn_data::{DataConfig, Difference};
use colearn_store::{LARGEST_TEXT, read_text};
use colearn_train::Checkpoint;
use toml::Table;

use super::spec::{CellSpec, Spec};
use crate::runs::comparison::{Cell, Comparison};
use crate::runs::experiment::Experiment;
use crate::runs::overrides::{apply, apply_all, apply_text, differences, refuse_conflicts, split_assignment};
use crate::runs::request::{of_set, root_text, root_value};
use crate::runs::run_folder::{CONFIG, RunFolder, Stage};
use crate::runs::stored::{Origin, StoredData, StoredRun, same_place};

/// What a command line changes in all cells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    /// `KEY=VALUE`, below the settings of the cells.
    pub(crate) set: Vec<String>,
    /// Folder of the data set.
    pub(crate) root: Option<PathBuf>,
    /// Above everything else.
    pub(crate) epochs: Option<u64>,
}

/// One training.
#[derive(Debug)]
pub(crate) struct Job {
    /// Index of its cell.
    pub(crate) cell: usize,
    /// For messages: cell, seed, speaker.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// Its settings, or why they cannot be.
    pub(crate) experiment: Result<Experiment>,
}

/// All jobs of a comparison.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) spec: Spec,
    /// Seed by seed, so that early results are about all cells.
    pub(crate) jobs: Vec<Job>,
}

impl Grid {
    pub(crate) fn new(name: String, spec: Spec, folder: PathBuf, changes: &Changes) -> Result<Self> {
        let base = base(&spec, changes)?;
        let settings: Vec<Result<Experiment>> =
            spec.cells.iter().map(|cell| settings(&base, cell, changes.epochs)).collect();
        let mut jobs = Vec::new();
        for &seed in &spec.seeds {
            for (index, cell) in spec.cells.iter().enumerate() {
                for speaker in spec.speakers() {
                    let place = folder.join(&cell.name).join(format!("seed-{seed}"));
                    let (name, folder) = match &speaker {
                        None => (format!("{} seed {seed}", cell.name), place),
                        Some(speaker) => {
                            (format!("{} seed {seed} without {speaker}", cell.name), place.join(speaker))
                        }
                    };
                    let experiment = match &settings[index] {
                        Ok(settings) => Ok(of_job(settings, seed, speaker)),
                        Err(error) => Err(anyhow!("{error:#}")),
                    };
                    jobs.push(Job { cell: index, name, folder, experiment });
                }
            }
        }
        Ok(Self { name, folder, spec, jobs })
    }

    /// Refuses to go on where a folder holds a run with other settings.
    pub(crate) fn check_stored(&self) -> Result<()> {
        for job in &self.jobs {
            if let Ok(experiment) = &job.experiment {
                job.check_stored(experiment)?;
            }
        }
        Ok(())
    }

    /// The jobs that are not finished, by index.
    pub(crate) fn open(&self) -> Vec<usize> {
        (0..self.jobs.len()).filter(|&index| !self.jobs[index].is_finished()).collect()
    }

    /// The finished runs, whose data must be those that are read for the others.
    ///
    /// # Errors
    /// When a run cannot be read, or had its data elsewhere and has no fingerprints of them.
    pub(crate) fn made(&self) -> Result<Vec<Made>> {
        let finished = self.jobs.iter().filter(|job| job.is_finished());
        finished.filter_map(|job| Some((job, job.experiment.as_ref().ok()?))).map(Made::new).collect()
    }

    /// The cells with their finished runs.
    pub(crate) fn cells(&self) -> Result<Vec<Cell>> {
        let mut cells: Vec<Cell> = self.spec.cells.iter().map(|cell| self.cell(cell)).collect();
        for job in self.jobs.iter().filter(|job| job.is_finished()) {
            cells[job.cell].runs.push(StoredRun::read(&job.folder)?);
        }
        Ok(cells)
    }

    /// What those runs say.
    pub(crate) fn comparison(&self, cells: Vec<Cell>) -> Comparison {
        Comparison::new(&self.name, &self.title(), cells, self.spec.pairs.clone())
    }

    /// The file's title with the epochs that the jobs really have.
    pub(crate) fn title(&self) -> String {
        let jobs = self.jobs.iter().filter_map(|job| job.experiment.as_ref().ok());
        let epochs: Vec<usize> = jobs.map(|experiment| experiment.train.epochs).collect();
        let title = &self.spec.title;
        match (epochs.iter().min(), epochs.iter().max()) {
            (Some(1), Some(1)) => format!("{title}, 1 epoch"),
            (Some(least), Some(most)) if least == most => format!("{title}, {most} epochs"),
            (Some(least), Some(most)) => format!("{title}, {least} to {most} epochs"),
            _ => title.clone(),
        }
    }

    fn cell(&self, cell: &CellSpec) -> Cell {
        Cell {
            name: cell.name.clone(),
            label: cell.label.clone(),
            published: self.spec.published(&cell.name),
            runs: Vec::new(),
            seeds: self.spec.seeds.clone(),
            speakers: self.spec.speakers(),
        }
    }
}

/// The data of a finished run.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    /// How a run of the same job is to read its data now.
    pub(crate) config: DataConfig,
    pub(crate) folder: PathBuf,
    /// Nothing of runs without fingerprints.
    pub(crate) data: Option<StoredData>,
    /// Whether the data were in another place.
    pub(crate) elsewhere: bool,
}

impl Made {
    fn new((job, experiment): (&Job, &Experiment)) -> Result<Self> {
        let run = StoredRun::read(&job.folder)?;
        let (now, then) = (&experiment.data.root, &run.experiment.data.root);
        let elsewhere = !same_place(now.as_deref(), then.as_deref());
        if elsewhere && run.data.is_none() {
            let name = |root: &Option<PathBuf>| {
                root.as_ref().map_or_else(|| "nothing".to_owned(), |root| root.display().to_string())
            };
            bail!(
                "{}: data.root: found {}; expected {}, with which the run in this folder was made; it keeps no \
                 fingerprint that could tell whether the data are the same",
                job.folder.display(),
                name(now),
                name(then)
            );
        }
        let (config, folder) = (experiment.data.clone(), job.folder.clone());
        Ok(Self { config, folder, data: run.data, elsewhere })
    }

    /// Refuses data that are not those of the run.
    pub(crate) fn check(&self, found: &StoredData) -> Result<()> {
        let Some(Difference { what, found, expected }) =
            self.data.as_ref().and_then(|data| found.difference(data))
        else {
            return Ok(());
        };
        bail!(
            "{}: {what}: found {found}; expected {expected}, with which the run in this folder was made; results on \
             other data are not mixed: move the folder away, or name another one with --out",
            self.folder.display()
        )
    }
}

impl Job {
    /// A folder is complete when its summary is there, which is written last.
    pub(crate) fn is_finished(&self) -> bool {
        self.experiment.is_ok() && RunFolder::at(self.folder.clone()).stage() == Stage::Finished
    }

    fn check_stored(&self, experiment: &Experiment) -> Result<()> {
        let folder = RunFolder::at(self.folder.clone());
        match folder.stage() {
            Stage::Untouched => Ok(()),
            // What lies beside the checkpoint is made anew from it. One that cannot be read is the job's failure alone.
            Stage::Begun => match folder.files().load() {
                Ok((checkpoint, _)) => {
                    same(experiment, &of_checkpoint(&checkpoint, &self.folder)?, &self.folder)
                }
                Err(_) => Ok(()),
            },
            Stage::Finished => {
                let file = folder.file(CONFIG);
                let text = read_text(&file, LARGEST_TEXT)?;
                if let Some(origin) = Origin::of_folder(&self.folder) {
                    origin.check_settings(&file, &text)?;
                }
                let stored = Experiment::from_toml(&text).with_context(|| {
                    format!(
                        "{}: not the settings of a run; move the folder away to run it anew",
                        file.display()
                    )
                })?;
                same(experiment, &stored, &self.folder)
            }
        }
    }
}

/// The settings that a checkpoint in `folder` carries.
pub(crate) fn of_checkpoint(checkpoint: &Checkpoint, folder: &Path) -> Result<Experiment> {
    Experiment::from_toml(&checkpoint.experiment)
        .with_context(|| format!("{}: the experiment in the checkpoint", folder.display()))
}

/// Refuses settings that differ from the stored ones. Where the data lie is none of them: see [`Grid::made`].
pub(crate) fn same(asked: &Experiment, stored: &Experiment, folder: &Path) -> Result<()> {
    let table = |experiment: &Experiment| {
        let data = DataConfig { root: None, ..experiment.data.clone() };
        Experiment { data, ..experiment.clone() }.to_table()
    };
    let differences = differences(&table(asked)?, &table(stored)?);
    let Some((key, new, old)) = differences.first() else { return Ok(()) };
    let others = match differences.len() - 1 {
        0 => String::new(),
        1 => " (and 1 more key)".to_owned(),
        more => format!(" (and {more} more keys)"),
    };
    bail!(
        "{}: {key}: found {new}; expected {old}, with which the run in this folder was made{others}; results of other \
         settings are not mixed: move the folder away, or name another one with --out",
        folder.display()
    )
}

/// The settings that all cells start from.
fn base(spec: &Spec, changes: &Changes) -> Result<Table> {
    let root = changes.root.as_deref().map(root_text).transpose()?;
    let options = [
        ("data.root", "--root", root.map(str::to_owned)),
        ("train.epochs", "--epochs", changes.epochs.map(|epochs| epochs.to_string())),
    ];
    refuse_conflicts(&changes.set, &options)?;
    let mut table = of_set(spec.data)?;
    apply_all(&mut table, &spec.settings, "[settings]")?;
    if let Some(root) = &changes.root {
        apply(&mut table, "data.root", &root_value(root)?)?;
    }
    for assignment in &changes.set {
        let (key, text) = split_assignment(assignment)?;
        if ["data.name", "train.seed", "data.leave_out"].contains(&key) {
            bail!("--set {key}: a comparison sets this itself; expected another key");
        }
        apply_text(&mut table, key, text)?;
    }
    Ok(table)
}

/// The settings of a cell, but for seed and speaker.
fn settings(base: &Table, cell: &CellSpec, epochs: Option<u64>) -> Result<Experiment> {
    let mut table = base.clone();
    apply_all(&mut table, &cell.settings, &format!("cell {}", cell.name))?;
    let mut experiment = Experiment::from_table(table)?;
    if let Some(epochs) = epochs {
        experiment.train.epochs = usize::try_from(epochs).unwrap_or(usize::MAX);
    }
    Ok(experiment)
}

fn of_job(settings: &Experiment, seed: u64, speaker: Option<String>) -> Experiment {
    let mut experiment = settings.clone();
    experiment.train.seed = seed;
    experiment.data.leave_out = speaker;
    experiment
}

#[cfg(test)]
mod tests;
