//! Signals as a user or a system sends them.

use std::process::{Child, Command};

/// Numbers on Linux.
const NUMBERS: [(&str, u32); 3] = [("HUP", 1), ("INT", 2), ("TERM", 15)];

/// Whether this process ignores a signal, and with it everything it starts: under `nohup`, or where a shell runs the tests in
/// the background. The program then rightly ignores it too.
pub(crate) fn ignored(name: &str) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let number = NUMBERS.into_iter().find(|(known, _)| *known == name);
    number.is_some_and(|(_, number)| (mask >> (number - 1)) & 1 == 1)
}

/// Sends a signal.
pub(crate) fn send(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Presses Ctrl-C, or asks to end where Ctrl-C is ignored.
pub(crate) fn interrupt(child: &Child) {
    send(child, if ignored("INT") { "TERM" } else { "INT" });
}
