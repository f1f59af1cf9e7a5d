//! A thread that ends the process when a case hangs.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The case that runs, and since when.
type Running = Option<(String, Instant)>;

/// Knows the running case, in memory and in a file: what is left when the process is ended from outside or for want of
/// memory.
#[derive(Debug)]
pub struct Watchdog {
    running: Arc<Mutex<Running>>,
    file: Mutex<File>,
}

impl Watchdog {
    /// Starts the thread. A case of more than `patience` is given to `report`, which is expected to end the process;
    /// the running case always stands in the file `note`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn new(
        note: &Path,
        patience: Duration,
        report: impl Fn(&str) + Send + 'static,
    ) -> std::io::Result<Self> {
        let running: Arc<Mutex<Running>> = Arc::default();
        let watched = Arc::clone(&running);
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(patience / 20);
                let running = watched.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some((case, start)) = running
                    && start.elapsed() > patience
                {
                    report(&case);
                }
            }
        });
        Ok(Self { running, file: Mutex::new(File::create(note)?) })
    }

    pub(super) fn start(&self, target: &str, seed: u64, case: u64) {
        let text = format!("--target {target} --seed {seed} --case {case}");
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // The note is a help, not a result: a full disk must not end the run. Blanks cover a longer text before.
        let _ = file.seek(SeekFrom::Start(0)).and_then(|_| writeln!(file, "{text:<100}"));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some((text, Instant::now()));
    }

    pub(super) fn end(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
