//! The folder of a run that this process works in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use colearn_store::{FolderLock, LARGEST_TABLE, LARGEST_TEXT, read_text, sha256};
use colearn_train::{Checkpoint, EpochRecord, RunFiles, RunId};

use super::metrics::metrics;
use super::traces::Traces;
use super::{CONFIG, METRICS, RunFolder, names, run_of_settings};

/// A run's folder under this process's lock. Everything that the run writes there goes through it, and is written only while
/// the path leads to the very folder that was locked.
#[derive(Debug)]
pub(crate) struct HeldFolder {
    /// What goes again if the run leaves nothing: before the lock, which is dropped after it.
    _traces: Traces,
    folder: RunFolder,
    lock: Arc<FolderLock>,
    run: RunId,
    /// SHA-256 of the texts that the run has written, for its summary.
    written: Mutex<BTreeMap<String, String>>,
}

impl HeldFolder {
    pub(super) fn new(folder: RunFolder, lock: FolderLock, run: RunId) -> Self {
        Self { folder, lock: Arc::new(lock), run, written: Mutex::default(), _traces: Traces::default() }
    }

    /// The same for a run that may fail before it has written anything: then what beginning made goes again.
    pub(super) fn leaving(self, traces: Traces) -> Self {
        let traces = traces.under(Arc::clone(&self.lock));
        Self { _traces: traces, ..self }
    }

    /// Whether the test split of the run selects: its metrics say so.
    pub(crate) fn select_on_test(&mut self, on_test: bool) {
        self.folder.selecting = if on_test { "test_selects" } else { "validation" };
    }

    /// What the split that selects is called in names of columns.
    pub(crate) fn selecting(&self) -> &'static str {
        self.folder.selecting
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file of this folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// The checkpoints, which are written under the lock as well.
    pub(crate) fn files(&self) -> RunFiles {
        RunFiles::under(&self.lock)
    }

    /// The run that works here.
    pub(crate) fn run(&self) -> &RunId {
        &self.run
    }

    /// Why nobody is kept out, where the file system has no locks.
    pub(crate) fn without_lock(&self) -> Option<String> {
        self.lock.missing().map(without_lock)
    }

    /// Refuses to go on when the path leads to another folder by now.
    pub(crate) fn check(&self) -> Result<()> {
        Ok(self.lock.check()?)
    }

    /// Writes a text of this folder whole.
    ///
    /// # Panics
    /// When `name` is not in the list of names that a run writes, which is how others know what is the run's.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        assert!(names::is_text(name), "{name}: not in the list of names that a run writes");
        if let Some(inner) = Path::new(name).parent().filter(|inner| !inner.as_os_str().is_empty()) {
            self.check()?;
            let inner = self.path().join(inner);
            std::fs::create_dir_all(&inner)
                .with_context(|| format!("{}: cannot be created", inner.display()))?;
        }
        self.lock.write(name, text.as_bytes())?;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.insert(name.to_owned(), sha256(text.as_bytes()));
        Ok(())
    }

    /// Names and SHA-256 of the texts written so far, figures left out.
    pub(crate) fn written(&self) -> BTreeMap<String, String> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written
            .iter()
            .filter(|(name, _)| !name.contains('/'))
            .map(|(name, sum)| (name.clone(), sum.clone()))
            .collect()
    }

    /// Writes `metrics.csv`: a row an epoch, epochs counted from 1.
    pub(crate) fn write_metrics(&self, history: &[EpochRecord]) -> Result<()> {
        self.write(METRICS, &metrics(history, self.selecting()))
    }

    /// Writes anew what lies here of a run that goes on, so that it is what the checkpoint knows: `settings`, the metrics,
    /// and the best checkpoint where it is not the one of `checkpoint`. `tell` gets a line for what was not as it should be.
    pub(crate) fn restore(
        &self,
        settings: &str,
        checkpoint: &Checkpoint,
        tell: &mut dyn FnMut(&str),
    ) -> Result<()> {
        self.expect_own_settings()?;
        let metrics = metrics(&checkpoint.history, self.selecting());
        for (name, right, most) in [(CONFIG, settings, LARGEST_TEXT), (METRICS, &metrics, LARGEST_TABLE)] {
            let found = read_text(&self.file(name), most);
            self.write(name, right)?;
            let fault = match found {
                Ok(found) if found == right => None,
                // The process ended between its checkpoint and its metrics, or goes on from the checkpoint before.
                Ok(found) if name == METRICS && one_begins_the_other(&found, right) => None,
                Ok(_) => Some("is not what the run wrote".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(fault) = fault {
                tell(&format!("{}: {fault}; written anew from the checkpoint", self.file(name).display()));
            }
        }
        if let Some(fault) = self.files().restore_best(checkpoint)? {
            tell(&format!("{fault}; best.ckpt is written anew from the checkpoint"));
        }
        Ok(())
    }

    /// Refuses settings of another run: one of the two was moved here.
    fn expect_own_settings(&self) -> Result<()> {
        let file = self.file(CONFIG);
        let found = read_text(&file, LARGEST_TEXT).ok().and_then(|text| run_of_settings(&text));
        match found {
            Some(found) if found != self.run => bail!(
                "{}: of run {found}; expected {}, the run of the checkpoint: two runs are mixed here; move away what does \
                 not belong",
                file.display(),
                self.run
            ),
            _ => Ok(()),
        }
    }
}

/// What the head of a run says of a folder that cannot be locked, with the system's reason.
pub(crate) fn without_lock(reason: &str) -> String {
    format!("this file system has no locks ({reason}): nothing keeps a second run out of this folder")
}

/// Whether one of two tables begins with all of the other, in whole lines.
fn one_begins_the_other(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    short.ends_with('\n') && long.starts_with(short)
}
