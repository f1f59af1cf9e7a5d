//! Which run something belongs to.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use colearn_store::fingerprint;
use colearn_store::shown::short;
use serde::{Deserialize, Serialize};

/// Hexadecimal digits of an identity: 128 bits.
const DIGITS: usize = 32;

/// The identity of a run: a random number that its settings, checkpoints and summary share and no other run has.
///
/// It is drawn anew for every run, so two runs of one seed have two of them. Nothing is computed from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// An identity that no other run has: of the operating system's random numbers (those that keys of hash tables are
    /// made of), the time, the process and a count.
    #[must_use]
    pub fn random() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let drawn = RandomState::new();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let mut digits =
            fingerprint(&(drawn.hash_one(0_u8), drawn.hash_one(1_u8), now, std::process::id(), count));
        digits.truncate(DIGITS);
        Self(digits)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == DIGITS && text.bytes().all(digit) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "found the identity \"{}\"; expected {DIGITS} hexadecimal digits in lower case",
            short(text)
        ))
    }
}

impl TryFrom<String> for RunId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> Self {
        run.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_are_equal_and_each_survives_its_text() {
        let drawn: BTreeSet<RunId> = (0..1000).map(|_| RunId::random()).collect();
        assert_eq!(drawn.len(), 1000);
        for run in &drawn {
            assert_eq!(run.to_string().parse().as_ref(), Ok(run));
        }
    }

    #[test]
    fn other_texts_are_none() {
        let right = RunId::random().to_string();
        for wrong in ["", "run", &right[1..], &format!("{right}0"), &right.to_uppercase().replace('0', "A")] {
            assert!(
                wrong.parse::<RunId>().unwrap_err().contains("expected 32 hexadecimal digits"),
                "{wrong}"
            );
        }
    }
}
