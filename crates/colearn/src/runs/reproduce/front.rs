//! Whoever is told what a comparison does, from several threads.

use anyhow::Result;

/// What stands between the jobs of a comparison and their user.
pub trait GridFront: Sync {
    /// A line with names in it that may hold anything, breaks of lines too.
    fn line(&self, line: &str);
    /// Text of the program's own: a sentence, or the lines of a table.
    fn text(&self, text: &str);
    /// The open jobs begin, `workers` at once: of each the index of its cell and its epochs. From here on the flag that stops
    /// them is looked at.
    ///
    /// # Errors
    /// Whatever should keep them from beginning.
    fn begin(&self, _jobs: Vec<(usize, usize)>, _workers: usize) -> Result<()> {
        Ok(())
    }
    /// A job begins, or goes on after `done` epochs.
    fn began(&self, _job: usize, _name: &str, _done: usize) {}
    /// An epoch of a job is done, after so many seconds.
    fn epoch(&self, _job: usize, _seconds: f64) {}
    /// A job ended, with what is to be said of it.
    fn ended(&self, _job: usize, _name: &str, _what: &str) {}
    /// No more jobs run.
    fn end(&self) {}
}
