//! Whoever is told what a run does: a terminal, a log, nobody.

use anyhow::Result;
use colearn_train::{BatchEvent, EpochRecord, Warning};

/// What stands between a run and its user.
pub trait Front {
    /// A line with names in it that may hold anything, breaks of lines too.
    fn line(&mut self, line: &str);
    /// Text of the program's own: a sentence, or the lines of a table.
    fn text(&mut self, text: &str);
    /// Training begins, or goes on, and ends after `epochs` epochs at the latest. From here on the flag that stops the run is
    /// looked at.
    ///
    /// # Errors
    /// Whatever should keep the run from beginning.
    fn begin(&mut self, _epochs: usize) -> Result<()> {
        Ok(())
    }
    /// After each batch.
    fn batch(&mut self, _event: &BatchEvent) {}
    /// After each epoch, whose files are written; `improved`: it is the best one so far.
    fn epoch(&mut self, _record: &EpochRecord, _improved: bool) {}
    /// When something is wrong, but not so wrong that the run ends.
    fn warning(&mut self, _warning: &Warning) {}
    /// No more epochs come.
    fn end(&mut self) {}
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Front for Quiet {
    fn line(&mut self, _line: &str) {}
    fn text(&mut self, _text: &str) {}
}
