//! Whoever wants to see how far a download is.

/// Watches a download. Every method does nothing unless it is overridden; `()` watches nothing.
pub trait Progress {
    /// A file begins, or begins again: `done` of `total` bytes are there. The total is `None` where nobody states it.
    fn begin(&mut self, _file: &str, _done: u64, _total: Option<u64>) {}

    /// So many bytes of the file are there by now.
    fn reached(&mut self, _done: u64) {}

    /// The file is complete, or given up.
    fn end(&mut self) {}

    /// Something that a user should read: a retry, a start from the beginning, a recorded checksum.
    fn note(&mut self, _line: &str) {}
}

impl Progress for () {}
