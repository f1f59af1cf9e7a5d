//! Ctrl-C and its like as a wish to stop, which leaves alone what the process was started to ignore.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use colearn_store::{LARGEST_TEXT, read_text};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::terminal::INTERRUPTED;

/// The signals that ask a program to end. (On Windows there are these two.)
#[cfg(not(unix))]
const ASKING: [i32; 2] = [SIGINT, SIGTERM];
#[cfg(unix)]
const ASKING: [i32; 3] = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];

/// Has Ctrl-C, a request to end or a closed terminal raise the flag `stop`; a second one ends the program at once. What `nohup`,
/// or a shell that starts something in the background, has made the process ignore stays ignored.
pub(crate) fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<()> {
    let status = read_text(Path::new("/proc/self/status"), LARGEST_TEXT).unwrap_or_default();
    for signal in ASKING.into_iter().filter(|signal| !ignores(&status, *signal)) {
        // In this order: the first signal finds the flag down and raises it.
        flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), Arc::clone(stop))
            .and_then(|_| flag::register(signal, Arc::clone(stop)))
            .context("Ctrl-C cannot be caught")?;
    }
    Ok(())
}

/// Whether a process with this `/proc/PID/status` ignores a signal; not where the system does not tell.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // Signals are counted from 1.
    u32::try_from(signal - 1).is_ok_and(|place| mask.checked_shr(place).unwrap_or(0) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        // SIGHUP is 1, SIGINT 2, SIGPIPE 13, SIGTERM 15.
        let status = "Name:\txtask\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\nSigCgt:\tffff\n";
        for (signal, ignored) in
            [(1, true), (2, false), (13, true), (15, false), (64, false), (99, false), (0, false)]
        {
            assert_eq!(ignores(status, signal), ignored, "{signal}");
        }
        for unknown in ["", "SigIgn:", "SigIgn:\tmany", "SigCgt:\t3"] {
            assert!(!ignores(unknown, 1), "{unknown}");
        }
    }
}
