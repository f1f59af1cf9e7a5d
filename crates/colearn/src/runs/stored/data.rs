//! What a finished run keeps of its data: whether two runs had the same does not depend on how a path was spelled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use colearn_data::{DataFacts, Difference, centres_hz};
use serde::{Deserialize, Serialize};

/// Rate, front end and fingerprints, as `summary.json` has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredData {
    /// Sample rate that features were made at, in Hz; nothing for spikes.
    pub(crate) rate: Option<u32>,
    /// Settings that decide what a network gets, with the values that were used.
    pub(crate) front_end: BTreeMap<String, String>,
    /// SHA-256 of classes, labels and contents of all samples, whatever the splits are.
    pub(crate) set: String,
    pub(crate) splits: BTreeMap<String, StoredSplit>,
}

/// A split.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredSplit {
    pub(crate) samples: usize,
    /// SHA-256 of names, labels and contents of the samples in their order.
    pub(crate) fingerprint: String,
}

impl StoredData {
    /// `None` for data that nothing is known of.
    pub(crate) fn of(facts: &DataFacts) -> Option<Self> {
        let split = |split: &colearn_data::SplitFacts| {
            let (samples, fingerprint) = (split.contents.len(), split.fingerprint.clone());
            (split.name.clone(), StoredSplit { samples, fingerprint })
        };
        facts.is_known().then(|| Self {
            rate: facts.rate,
            front_end: facts.front_end.iter().cloned().collect(),
            set: facts.set.clone(),
            splits: facts.splits.iter().map(split).collect(),
        })
    }

    /// Centres of the input channels in Hz; empty where these are no bands, or the settings are not those that are known.
    pub(crate) fn centres_hz(&self) -> Vec<f64> {
        centres_hz(|key| self.front_end.get(key).map(String::as_str))
    }

    /// Whether both are the same recordings with the same front end, however they were split.
    pub(crate) fn same_set(&self, other: &Self) -> bool {
        (self.rate, &self.front_end, &self.set) == (other.rate, &other.front_end, &other.set)
    }

    /// The first thing in which these data are not `expected`.
    pub(crate) fn difference(&self, expected: &Self) -> Option<Difference> {
        fn first<V: PartialEq>(
            found: &BTreeMap<String, V>,
            expected: &BTreeMap<String, V>,
            what: impl Fn(&str) -> String,
            say: impl Fn(&V) -> String,
        ) -> Option<Difference> {
            let key =
                found.keys().chain(expected.keys()).find(|key| found.get(*key) != expected.get(*key))?;
            let value = |of: &BTreeMap<String, V>| of.get(key).map_or_else(|| "nothing".to_owned(), &say);
            Some(Difference { what: what(key), found: value(found), expected: value(expected) })
        }
        first(&self.front_end, &expected.front_end, |key| format!("data.{key}"), String::clone).or_else(
            || {
                let split = |split: &StoredSplit| {
                    format!("{} samples with the fingerprint {:.12}", split.samples, split.fingerprint)
                };
                first(&self.splits, &expected.splits, |name| format!("the {name} split"), split)
            },
        )
    }
}

/// Whether two spellings name one folder, as far as that can be told without what is in it.
pub(crate) fn same_place(a: Option<&Path>, b: Option<&Path>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none() && b.is_none() };
    let plain = |path: &Path| path.components().collect::<PathBuf>();
    plain(a) == plain(b) || a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_many_spellings() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        assert!(same_place(Some(&at("a/b")), Some(&at("a/../a/./b/"))));
        assert!(same_place(Some(Path::new("not/there")), Some(Path::new("not//there/"))));
        assert!(!same_place(Some(&at("a")), Some(&at("a/b"))));
        assert!(same_place(None, None) && !same_place(Some(&at("a")), None));
    }

    #[test]
    fn what_differs_is_named() {
        let split = |fingerprint: &str| StoredSplit { samples: 3, fingerprint: fingerprint.repeat(32) };
        let of = |rate: u32, test: &str| StoredData {
            rate: Some(rate),
            front_end: BTreeMap::from([("rate".to_owned(), rate.to_string())]),
            set: "1".to_owned(),
            splits: BTreeMap::from([("train".to_owned(), split("a")), ("test".to_owned(), split(test))]),
        };
        let data = of(8_000, "b");
        assert_eq!(data.difference(&of(8_000, "b")), None);
        let said = |found: StoredData| {
            let Difference { what, found, expected } = found.difference(&data).unwrap();
            format!("{what}: {found}; {expected}")
        };
        assert_eq!(said(of(16_000, "c")), "data.rate: 16000; 8000");
        assert_eq!(
            said(of(8_000, "c")),
            "the test split: 3 samples with the fingerprint cccccccccccc; 3 samples with the fingerprint bbbbbbbbbbbb"
        );
        let without = StoredData { splits: BTreeMap::new(), ..data.clone() };
        assert!(said(without).starts_with("the test split: nothing; 3 samples"));
    }
}
