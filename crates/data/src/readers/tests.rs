//! Readers on small folders made for the purpose, and on the embedded corpus.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::testing::{write_fsdd, write_tone, write_words};
use crate::{DataConfig, DataName, Dataset, LoadOptions, Split, SplitRule, Task};

mod caching;
mod corpus;
mod facts;
mod fsdd;
mod gsc;
mod own;
mod recordings;
mod single;
mod spikes;
mod splitting;
mod words;

/// What programs on its way make of a list.
type Spell<'a> = &'a dyn Fn(&str) -> Vec<u8>;

fn config(name: DataName, root: &Path) -> DataConfig {
    DataConfig { root: Some(root.to_path_buf()), bands: 5, ..DataConfig::default_for(name) }
}

fn error(config: &DataConfig) -> String {
    config.load().unwrap_err().to_string()
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{text:?} should contain {part:?}");
    }
}

fn speakers(split: &Split) -> BTreeSet<&str> {
    split.samples.iter().map(|s| s.speaker.as_str()).collect()
}

fn ids(split: &Split) -> BTreeSet<&str> {
    split.samples.iter().map(|s| s.id.as_str()).collect()
}

fn test_split(set: &Dataset) -> &Split {
    set.test.as_ref().unwrap()
}

#[test]
fn roots_that_cannot_be_a_set_are_described() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "x").unwrap();
    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for name in [DataName::Fsdd, DataName::Words] {
        assert_says(&error(&config(name, &place.path().join("none"))), &["none: no such folder; expected"]);
        assert_says(&error(&config(name, &file)), &["file: a file, not a folder; expected"]);
        assert_says(&error(&config(name, &empty)), &["empty: an empty folder; expected"]);
        let rootless = DataConfig { root: None, ..config(name, &empty) };
        assert_says(&error(&rootless), &["data.root: nothing; expected the folder", &name.to_string()]);
    }
    assert_says(
        &error(&config(DataName::Fsdd, place.path())),
        &["no wav or flac file; expected the recordings"],
    );
    fs::create_dir(place.path().join("empty2")).unwrap();
    fs::remove_dir(&empty).unwrap();
    fs::write(place.path().join("empty2/readme.txt"), "x").unwrap();
    assert_says(&error(&config(DataName::Words, place.path())), &["no class folder", "<root>/<word>/"]);
}

#[test]
fn values_that_cannot_work_are_named() {
    let place = tempfile::tempdir().unwrap();
    let base = config(DataName::Fsdd, place.path());
    let digits = DataConfig::default_for(DataName::Digits);
    for (config, expected) in [
        (DataConfig { steps: 0, ..base.clone() }, "data.steps: 0; expected 1 to 10000"),
        (
            DataConfig { validation_share: 0.0, ..base.clone() },
            "data.validation_share: 0; expected more than 0",
        ),
        (DataConfig { validation_share: f64::NAN, ..base.clone() }, "data.validation_share: NaN"),
        (
            DataConfig { split: SplitRule::Hash, ..digits.clone() },
            "data.split: hash; expected another rule: only",
        ),
        (
            DataConfig { task: Task::Twelve, ..base.clone() },
            "data.task: twelve; expected \"all\": only the set",
        ),
        (DataConfig { step_s: 0.0, ..base.clone() }, "data.step_s: 0; expected more than 0.00001 s"),
        (
            DataConfig { max_time_s: Some(f64::NAN), ..base.clone() },
            "data.max_time_s: NaN; expected more than 0 s",
        ),
        (
            DataConfig { sum_channels: 701, ..base.clone() },
            "data.sum_channels: 701; expected 1 to data.channels",
        ),
        (DataConfig { rate: Some(7_999), ..base.clone() }, "data.rate: 7999; expected 8000 to 384000 Hz"),
        (DataConfig { channels: 0, ..base.clone() }, "data.channels: 0; expected 1 to 65536"),
        (DataConfig { first_step: 80, ..base.clone() }, "data.first_step: 80; expected less than"),
        (
            DataConfig { split: SplitRule::None, leave_out: Some("ann".into()), ..base.clone() },
            "data.split: none; expected another rule: a speaker left out is the test set",
        ),
        (DataConfig { root: Some("here".into()), ..digits }, "data.root: here; expected nothing"),
    ] {
        assert_says(&error(&config), &[expected]);
    }
}

#[test]
fn damaged_short_and_odd_files_stop_the_reading() {
    let place = tempfile::tempdir().unwrap();
    write_fsdd(place.path(), &["ann", "bob"], 7);
    let load = || config(DataName::Fsdd, place.path()).load();
    assert!(load().is_ok());
    let victim = place.path().join("3_ann_6.wav");
    let good = fs::read(&victim).unwrap();
    fs::write(&victim, &good[..good.len() / 2]).unwrap();
    assert_says(&load().unwrap_err().to_string(), &["3_ann_6.wav: found ", "as the header says"]);
    fs::write(&victim, "").unwrap();
    assert_says(&load().unwrap_err().to_string(), &["3_ann_6.wav: found an empty file (0 bytes)"]);
    write_tone(&victim, 16_000, 4_000, 1);
    assert_says(
        &load().unwrap_err().to_string(),
        &[
            "found files of several sample rates: 139 at 8000 Hz (the first is ",
            "1 at 16000 Hz (the first is 3_ann_6)",
        ],
    );
    write_tone(&victim, 8_000, 100, 1);
    assert_says(
        &load().unwrap_err().to_string(),
        &["3_ann_6: found a clip shorter than one analysis window"],
    );
    fs::remove_file(&victim).unwrap();
    fs::create_dir(&victim).unwrap();
    assert_says(&load().unwrap_err().to_string(), &["3_ann_6.wav: found a folder; expected a sound file"]);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &["go", "stop"], 6);
    let load = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| config(DataName::Words, place.path()).load().unwrap())
    };
    assert_eq!(load(1), load(5));
}

#[test]
fn training_is_standardised_and_its_statistics_serve_again() {
    let place = tempfile::tempdir().unwrap();
    write_fsdd(place.path(), &["ann", "bob", "cem"], 8);
    let usual = config(DataName::Fsdd, place.path());
    let set = usual.load().unwrap();
    let frames: Vec<_> =
        (0..set.train.len()).map(|index| set.train.features(index, 1_000).unwrap()).collect();
    let frames: Vec<_> = frames.iter().map(|features| features.view()).collect();
    let all = ndarray::concatenate(ndarray::Axis(0), &frames).unwrap();
    for band in all.columns() {
        assert!(band.mean().unwrap().abs() < 1e-4 && (band.std(0.0) - 1.0).abs() < 1e-3);
    }
    let other = DataConfig { leave_out: Some("ann".to_owned()), ..usual };
    let stored = LoadOptions { normaliser: Some(&set.normaliser), ..LoadOptions::default() };
    let again = other.load_with(&stored).unwrap();
    assert_eq!(again.normaliser, set.normaliser);
    let of = |set: &Dataset| test_split(set).samples.iter().find(|s| s.id == "4_ann_2").unwrap().clone();
    assert_eq!(of(&again), of(&set));
    assert_ne!(other.load().unwrap().normaliser, set.normaliser);
    let text = DataConfig { bands: 6, ..other }.load_with(&stored).unwrap_err().to_string();
    assert_says(&text, &["normaliser: found 5 means; expected 6"]);
}
