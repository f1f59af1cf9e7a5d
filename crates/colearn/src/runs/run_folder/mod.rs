//! The folder of a run: where it is, what is in it, and when it must not be touched.

mod held;
mod metrics;
mod names;
mod settings;
mod traces;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use colearn_store::FolderLock;
use colearn_train::{Checkpoint, RunFiles, RunId};

pub(crate) use held::{HeldFolder, without_lock};
pub(crate) use names::{CONFIG, EVALUATION, EXAMPLE, METRICS, SUMMARY, event_file, event_files};
pub(crate) use settings::{run_of_settings, settings};
use traces::Traces;

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
            let free = |folder: &Self| {
                names::in_the_way(&folder.path).is_none() && !FolderLock::is_taken(&folder.path)
            };
            let free = numbered(name).map(Self::at).find(free);
            return free.context("there is always a further number");
        };
        let folder = Self::at(out.to_owned());
        let path = out.display();
        match folder.stage() {
            Stage::Untouched => folder.expect_free().map(|()| folder),
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
        if self.file(SUMMARY).exists() {
            Stage::Finished
        } else if self.files().exist() {
            Stage::Begun
        } else {
            Stage::Untouched
        }
    }

    /// Refuses a folder that holds something with a name which a new run writes.
    fn expect_free(&self) -> Result<()> {
        let Some(found) = names::in_the_way(&self.path) else { return Ok(()) };
        let name = found.strip_prefix(&self.path).unwrap_or(&found).display();
        bail!(
            "{}: holds {name}, which a run writes; expected a folder without it: move it away, or name another folder with \
             --out",
            self.path.display()
        )
    }

    /// The folder for a new run, which is made if it is not there. Other processes are kept out of it, and nothing that is
    /// there already has a name which the run writes.
    pub(crate) fn begin(self) -> Result<HeldFolder> {
        let traces = Traces::before(&self.path);
        let lock = self.lock(Stage::Untouched)?;
        self.expect_free()?;
        Ok(HeldFolder::new(self, lock, RunId::random()).leaving(traces))
    }

    /// Keeps other processes out of the folder, which is made if it is not there, until the lock is dropped.
    fn lock(&self, expected: Stage) -> Result<FolderLock> {
        std::fs::create_dir_all(&self.path)
            .with_context(|| format!("{}: cannot be created", self.path.display()))?;
        let lock = FolderLock::take(&self.path)?;
        // Another process may have ended its run between the look at the folder and the lock.
        if self.stage() != expected {
            bail!("{}: another process has just worked here; try again", self.path.display());
        }
        Ok(lock)
    }

    /// The folder and the last checkpoint of a run that is not finished; of a damaged one the one before, with a line to
    /// `tell` that says so.
    pub(crate) fn go_on(self, tell: &mut dyn FnMut(&str)) -> Result<(HeldFolder, Checkpoint)> {
        let lock = self.lock(Stage::Begun)?;
        let (mut checkpoint, damage) = self.files().load()?;
        if let Some(damage) = damage {
            tell(&format!("{damage}; going on from the checkpoint before it, previous.ckpt"));
        }
        // Runs of versions that did not name them get a name now.
        let run = checkpoint.run.get_or_insert_with(RunId::random).clone();
        Ok((HeldFolder::new(self, lock, run), checkpoint))
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
}

/// `runs/name`, `runs/name-2`, `runs/name-3`, …
fn numbered(name: &str) -> impl Iterator<Item = PathBuf> {
    let numbers = (2_u64..).map({
        let name = name.to_owned();
        move |number| Path::new(RUNS).join(format!("{name}-{number}"))
    });
    std::iter::once(Path::new(RUNS).join(name)).chain(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_run_is_only_touched_to_resume() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let write = |name: &str| std::fs::write(path.join(name), "").unwrap();
        let fresh = || RunFolder::fresh(Some(&path), "unused");
        let begun = || RunFolder::begun(Some(&path), "unused");
        assert!(begun().unwrap_err().to_string().contains("run: no last.ckpt here"));
        let folder = fresh().unwrap();
        drop(folder.clone().begin().unwrap());
        let error = folder.clone().go_on(&mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("another process has just worked here"), "{error}");
        assert_eq!(fresh().unwrap(), folder);
        write("last.ckpt");
        assert!(fresh().unwrap_err().to_string().contains("run: holds an unfinished run; add --resume"));
        assert_eq!(begun().unwrap(), folder);
        write("summary.json");
        assert!(fresh().unwrap_err().to_string().contains("run: holds a finished run"));
        assert!(begun().unwrap_err().to_string().contains("run: this run is finished"));
    }

    #[test]
    fn a_folder_with_a_name_that_a_run_writes_is_not_free() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path();
        let folder = RunFolder::fresh(Some(path), "unused").unwrap();
        std::fs::write(path.join("config.toml"), "mine").unwrap();
        let expected = format!(
            "{}: holds config.toml, which a run writes; expected a folder without it",
            path.display()
        );
        let fresh = RunFolder::fresh(Some(path), "unused").unwrap_err().to_string();
        assert!(fresh.starts_with(&expected), "{fresh}");
        // It may come between the look and the lock.
        let begun = folder.begin().unwrap_err().to_string();
        assert!(begun.starts_with(&expected), "{begun}");
        assert_eq!(std::fs::read_to_string(path.join("config.toml")).unwrap(), "mine");
    }

    #[test]
    fn default_folders_are_numbered() {
        let names: Vec<PathBuf> = numbered("digits-lif-s0").take(3).collect();
        assert_eq!(
            names,
            ["runs/digits-lif-s0", "runs/digits-lif-s0-2", "runs/digits-lif-s0-3"].map(PathBuf::from)
        );
    }
}
