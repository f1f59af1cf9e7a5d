//! How a run was made: what its page tells beside its settings. Stored with the run, so that a page made of it later says the
//! same.

use std::time::{SystemTime, UNIX_EPOCH};

use colearn_tape::simd::InstructionSet;
use serde::{Deserialize, Serialize};

use super::program::{self, quoted};

/// Facts of the process that finished a run. Runs of older versions have none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Made {
    /// Version of this program.
    pub(crate) version: Option<String>,
    /// The command line, of a run that was stopped that of its last part.
    pub(crate) command: Option<String>,
    /// When it was finished, in UTC to the second: `2026-01-31T12:00:00Z`.
    pub(crate) finished: Option<String>,
    /// Kind of processor, instruction set and threads: results of one seed are equal to the bit on equal instruction sets.
    pub(crate) machine: Option<String>,
}

impl Made {
    /// Here and now.
    pub(crate) fn now() -> Self {
        let set = InstructionSet::best().name();
        let threads = rayon::current_num_threads();
        Self {
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            command: Some(command(
                &program::name(),
                std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()),
            )),
            finished: Some(utc(SystemTime::now())),
            machine: Some(format!(
                "{}, {set}, {threads} thread{}",
                std::env::consts::ARCH,
                if threads == 1 { "" } else { "s" }
            )),
        }
    }
}

/// The command as it can be given to a shell.
fn command(program: &str, arguments: impl Iterator<Item = String>) -> String {
    let words = std::iter::once(program.to_owned()).chain(arguments.map(|word| quoted(&word)));
    words.collect::<Vec<_>>().join(" ")
}

/// Date and time of day in UTC, to the second. A time before 1970 is that year's first.
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of the Gregorian calendar, so many days after 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_those_of_the_calendar() {
        // From `date -u -d @N +%FT%TZ`.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn the_command_can_be_given_to_a_shell_again() {
        let words = ["train", "--root", "my words/it's", "--set", "network.hidden=[8]", ""];
        assert_eq!(
            command("cargo xtask", words.into_iter().map(str::to_owned)),
            "cargo xtask train --root 'my words/it'\\''s' --set 'network.hidden=[8]' ''"
        );
    }
}
