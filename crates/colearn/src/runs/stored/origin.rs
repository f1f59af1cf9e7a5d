//! Whether the files of a finished run belong together: all of one run, and as that run left them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use colearn_store::{LARGEST_TEXT, fingerprint, read_text, sha256};
use colearn_train::{Checkpoint, RunId};
use serde::Deserialize;

use crate::runs::run_folder::{CONFIG, SUMMARY, run_of_settings};

/// What a summary knows of its run. Those of older versions know nothing, and files beside them are believed.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(crate) struct Origin {
    /// The run.
    #[serde(default)]
    pub(crate) run: Option<RunId>,
    /// SHA-256 of the texts it has left.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Of the best network.
    #[serde(default)]
    best_sha256: Option<String>,
}

impl Origin {
    /// The origin of the run in `folder`, by its summary or, before there is one, by its settings; `None` where neither is
    /// of a run.
    pub(crate) fn of_folder(folder: &Path) -> Option<Self> {
        let settings = read_text(&folder.join(CONFIG), LARGEST_TEXT).ok()?;
        match read_text(&folder.join(SUMMARY), LARGEST_TEXT) {
            Ok(summary) => serde_json::from_str(&summary).ok(),
            Err(_) => Some(Self { run: Some(run_of_settings(&settings)?), ..Self::default() }),
        }
    }

    /// Refuses settings that are not those of the run.
    pub(crate) fn check_settings(&self, file: &Path, text: &str) -> Result<()> {
        match (&self.run, run_of_settings(text)) {
            (None, Some(found)) => {
                bail!("{}: of run {found}; expected that of {SUMMARY}, which names none", file.display())
            }
            (Some(expected), Some(found)) if found != *expected => {
                bail!("{}: of run {found}; expected {expected}, as in {SUMMARY}", file.display())
            }
            _ => self.check_text(file, text),
        }
    }

    /// Refuses a text of the folder that is not what the run wrote.
    pub(crate) fn check_text(&self, file: &Path, text: &str) -> Result<()> {
        if self.run.is_none() {
            return Ok(());
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let right = self.files.get(name.as_ref()).with_context(|| {
            format!("{}: not of this run, whose {SUMMARY} does not name it; move it away", file.display())
        })?;
        let found = sha256(text.as_bytes());
        if found != *right {
            bail!(
                "{}: changed since the run ended, or of another run: found the SHA-256 {found}; expected {right}, as in \
                 {SUMMARY}",
                file.display()
            );
        }
        Ok(())
    }

    /// Refuses a checkpoint of the folder that is of another run; `best`: also one of another epoch than the best.
    pub(crate) fn check_checkpoint(&self, file: &Path, checkpoint: &Checkpoint, best: bool) -> Result<()> {
        if checkpoint.run != self.run {
            let name = |run: &Option<RunId>| {
                run.as_ref().map_or_else(|| "without a name".to_owned(), RunId::to_string)
            };
            bail!(
                "{}: a checkpoint of the run {}; expected one of {}, the run in this folder: to evaluate it alone, copy it to \
                 another folder",
                file.display(),
                name(&checkpoint.run),
                name(&self.run)
            );
        }
        let network = fingerprint(&checkpoint.network);
        match self.best_sha256.as_ref().filter(|right| best && **right != network) {
            Some(right) => bail!(
                "{}: not the best network of this run: found the SHA-256 {network}; expected {right}, as in {SUMMARY}",
                file.display()
            ),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_or_added_is_named() {
        let file = Path::new("run/metrics.csv");
        let files = BTreeMap::from([("metrics.csv".to_owned(), sha256(b"epoch\n1\n"))]);
        let origin = Origin { run: Some(RunId::random()), files, best_sha256: None };
        origin.check_text(file, "epoch\n1\n").unwrap();
        let error = origin.check_text(file, "epoch\n").unwrap_err().to_string();
        assert!(error.starts_with("run/metrics.csv: changed since the run ended"), "{error}");
        let error = origin.check_text(Path::new("run/example.json"), "{}").unwrap_err().to_string();
        assert!(error.starts_with("run/example.json: not of this run"), "{error}");
        // Summaries of older versions know nothing.
        Origin::default().check_text(file, "epoch\n").unwrap();
    }
}
