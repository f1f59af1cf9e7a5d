//! The folder of a run: where it is, what is in it, and when it must not be touched.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use colearn_store::{FolderLock, write_whole};
use colearn_train::{Checkpoint, EpochRecord, RunFiles};

use crate::terminal::say;

/// Where runs go that are not told otherwise.
pub(crate) const RUNS: &str = "runs";

/// The folder of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunFolder {
    path: PathBuf,
    /// What the columns of the split that selects begin with.
    selecting: &'static str,
}

/// How far the run in a folder has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Untouched,
    Begun,
    Finished,
}

impl RunFolder {
    /// A folder for a new run: `out`, which must not hold a run, or the first free default one.
    pub(crate) fn fresh(out: Option<&Path>, name: &str) -> Result<Self> {
        let Some(out) = out else {
            let free =
                |folder: &Self| folder.stage() == Stage::Untouched && !FolderLock::is_taken(&folder.path);
            let free = numbered(name).map(Self::at).find(free);
            return free.context("there is always a further number");
        };
        let folder = Self::at(out.to_owned());
        let path = out.display();
        match folder.stage() {
            Stage::Untouched => Ok(folder),
            Stage::Begun => bail!(
                "{path}: holds an unfinished run; add --resume to go on with it, or name another folder with --out"
            ),
            Stage::Finished => bail!("{path}: holds a finished run; name another folder with --out"),
        }
    }

    /// The folder of a run to go on with: `out`, or the default one with the highest number.
    pub(crate) fn begun(out: Option<&Path>, name: &str) -> Result<Self> {
        let latest = || {
            let taken = |folder: &Self| folder.stage() != Stage::Untouched;
            numbered(name).map(Self::at).take_while(taken).last()
        };
        let given = out.map(|out| Self::at(out.to_owned()));
        let folder = given.or_else(latest).unwrap_or_else(|| Self::at(Path::new(RUNS).join(name)));
        if folder.stage() == Stage::Finished {
            bail!("{}: this run is finished; expected one that was stopped", folder.path.display());
        }
        if !folder.files().exist() {
            bail!("{}: no last.ckpt here; expected the folder of a run to --resume", folder.path.display());
        }
        Ok(folder)
    }

    /// Whatever is in `path`, or nothing yet.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, selecting: "validation" }
    }

    pub(crate) fn stage(&self) -> Stage {
        if self.file("summary.json").exists() {
            Stage::Finished
        } else if self.files().exist() {
            Stage::Begun
        } else {
            Stage::Untouched
        }
    }

    /// The same folder, of a run whose test split selects: its metrics say so.
    pub(crate) fn selecting_on_test(self) -> Self {
        Self { selecting: "test_selects", ..self }
    }

    /// What the split that selects is called in names of columns.
    pub(crate) fn selecting(&self) -> &'static str {
        self.selecting
    }

    /// Makes the folder and its folder of figures.
    pub(crate) fn create(&self) -> Result<()> {
        let figures = self.file("figures");
        std::fs::create_dir_all(&figures).with_context(|| format!("{}: cannot be created", figures.display()))
    }

    /// Keeps other processes out of the folder, which is made if it is not there, until the lock is dropped. `goes_on`: it
    /// holds a run that is not finished; otherwise it holds none.
    pub(crate) fn lock(&self, goes_on: bool) -> Result<FolderLock> {
        std::fs::create_dir_all(&self.path)
            .with_context(|| format!("{}: cannot be created", self.path.display()))?;
        let lock = FolderLock::take(&self.path)?;
        // Another process may have ended its run between the look at the folder and the lock.
        if self.stage() != if goes_on { Stage::Begun } else { Stage::Untouched } {
            bail!("{}: another process has just worked here; try again", self.path.display());
        }
        Ok(lock)
    }

    /// The lock and the last checkpoint of a run that is not finished; of a damaged one the one before, with a line that
    /// says so.
    pub(crate) fn go_on(&self) -> Result<(FolderLock, Checkpoint)> {
        let lock = self.lock(true)?;
        let (checkpoint, damage) = self.files().load()?;
        if let Some(damage) = damage {
            say(format!("{damage}; going on from the checkpoint before it, previous.ckpt"));
        }
        Ok((lock, checkpoint))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn files(&self) -> RunFiles {
        RunFiles::in_folder(&self.path)
    }

    /// A file of this folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file of this folder whole.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(write_whole(&self.file(name), text.as_bytes())?)
    }

    /// Writes `metrics.csv`: a row an epoch, epochs counted from 1.
    pub(crate) fn write_metrics(&self, history: &[EpochRecord]) -> Result<()> {
        self.write("metrics.csv", &metrics(history, self.selecting))
    }
}

/// `runs/name`, `runs/name-2`, `runs/name-3`, …
fn numbered(name: &str) -> impl Iterator<Item = PathBuf> {
    let numbers = (2_u64..).map({
        let name = name.to_owned();
        move |number| Path::new(RUNS).join(format!("{name}-{number}"))
    });
    std::iter::once(Path::new(RUNS).join(name)).chain(numbers)
}

fn metrics(history: &[EpochRecord], selecting: &str) -> String {
    let layers = history.first().map_or(0, |record| record.hidden_rates.len());
    let rates: String = (0..layers).fold(String::new(), |mut names, layer| {
        write!(names, ",rate_hidden{layer}").expect("a string takes every text");
        names
    });
    let mut text = format!(
        "epoch,train_loss,train_accuracy,{selecting}_loss,{selecting}_accuracy,{selecting}_accuracy_unrounded,\
         learning_rate,spread,gradient_norm,seconds,samples_per_second{rates},skipped_batches,unstable_units\n"
    );
    for record in history {
        let unrounded =
            record.validation_accuracy_unrounded.map_or_else(String::new, |value| value.to_string());
        let mut cells = vec![
            (record.epoch + 1).to_string(),
            record.train_loss.to_string(),
            record.train_accuracy.to_string(),
            record.validation_loss.to_string(),
            record.validation_accuracy.to_string(),
            unrounded,
            record.learning_rate.to_string(),
            record.spread.to_string(),
            record.gradient_norm.to_string(),
            format!("{:.3}", record.seconds),
            format!("{:.1}", record.samples_per_second),
        ];
        cells.extend(record.hidden_rates.iter().map(f64::to_string));
        cells.push(record.skipped_batches.to_string());
        cells.push(record.unstable_units.iter().sum::<usize>().to_string());
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_run_is_only_touched_to_resume() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let fresh = || RunFolder::fresh(Some(&path), "unused");
        let begun = || RunFolder::begun(Some(&path), "unused");
        assert!(begun().unwrap_err().to_string().contains("run: no last.ckpt here"));
        let folder = fresh().unwrap();
        drop(folder.lock(false).unwrap());
        assert!(folder.lock(true).unwrap_err().to_string().contains("another process has just worked here"));
        folder.create().unwrap();
        assert_eq!(fresh().unwrap(), folder);
        folder.write("last.ckpt", "").unwrap();
        assert!(fresh().unwrap_err().to_string().contains("run: holds an unfinished run; add --resume"));
        assert_eq!(begun().unwrap(), folder);
        folder.write("summary.json", "").unwrap();
        assert!(fresh().unwrap_err().to_string().contains("run: holds a finished run"));
        assert!(begun().unwrap_err().to_string().contains("run: this run is finished"));
    }

    #[test]
    fn default_folders_are_numbered() {
        let names: Vec<PathBuf> = numbered("digits-lif-s0").take(3).collect();
        assert_eq!(
            names,
            ["runs/digits-lif-s0", "runs/digits-lif-s0-2", "runs/digits-lif-s0-3"].map(PathBuf::from)
        );
    }

    #[test]
    fn metrics_have_a_row_an_epoch() {
        let record = EpochRecord {
            epoch: 0,
            train_loss: 0.5,
            train_accuracy: 0.75,
            validation_loss: 1.5,
            validation_accuracy: 0.25,
            validation_accuracy_unrounded: None,
            hidden_rates: vec![0.125, 0.0625],
            learning_rate: 0.001,
            spread: 2.0,
            gradient_norm: 3.0,
            seconds: 1.0,
            samples_per_second: 10.0,
            skipped_batches: 2,
            unstable_units: vec![3, 4],
        };
        let text = metrics(&[record.clone(), EpochRecord { epoch: 1, ..record }], "validation");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].ends_with("samples_per_second,rate_hidden0,rate_hidden1,skipped_batches,unstable_units")
        );
        assert_eq!(lines[1], "1,0.5,0.75,1.5,0.25,,0.001,2,3,1.000,10.0,0.125,0.0625,2,7");
        assert_eq!(lines[0].split(',').count(), lines[2].split(',').count());
    }
}
