//! Which checkpoint a run goes on from, and a stored one of the present format.

use std::fs;

use crate::common::{dataset, fresh, go, resumed, settings, timeless};
use colearn_train::{Checkpoint, Outcome, RunFiles, Silent, Times, TrainError};
use tempfile::tempdir;

/// Half of the file.
fn damage(path: &std::path::Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_replaced_by_the_one_before_and_the_run_ends_with_the_same_bits() {
    let data = dataset();
    let mut whole = fresh(&data, &settings());
    whole.run(&mut Silent, &go()).unwrap();
    let folder = tempdir().unwrap();
    let files = RunFiles::in_folder(folder.path());
    assert!(!files.exist());
    let mut first = fresh(&data, &colearn_train::TrainConfig { early_stop: 0, ..settings() });
    first = first.with_files(files.clone());
    // Two epochs and a batch.
    let flag = go();
    let outcome = first.run(&mut crate::common::StopAfter { batches: 7, flag: &flag }, &flag).unwrap();
    assert_eq!(outcome, Outcome::Stopped);
    let epochs = |path| Checkpoint::load(path).map(|c| (c.epoch, c.progress.batches)).unwrap();
    assert_eq!((epochs(&files.last), epochs(&files.previous)), ((2, 1), (2, 0)));
    assert!(files.load().unwrap().1.is_none());

    damage(&files.last);
    let (checkpoint, error) = files.load().unwrap();
    assert_eq!(checkpoint.epoch, 2);
    let error = error.unwrap().to_string();
    assert!(error.contains("last.ckpt: truncated checkpoint"), "{error}");
    let kept = fs::read(&files.previous).unwrap();
    let mut second = resumed(&data, &settings(), checkpoint).with_files(files.clone());
    // Stopped at once: the damaged file is replaced, and has not taken the place of the one before.
    let stop = std::sync::atomic::AtomicBool::new(true);
    assert_eq!(second.run(&mut Silent, &stop).unwrap(), Outcome::Stopped);
    assert_eq!(fs::read(&files.previous).unwrap(), kept);
    assert!(files.load().unwrap().1.is_none());
    second.run(&mut Silent, &go()).unwrap();
    assert_eq!(timeless(&second), timeless(&whole));

    // A missing one is no different.
    fs::remove_file(&files.last).unwrap();
    assert!(files.exist());
    let (_, error) = files.load().unwrap();
    assert!(error.unwrap().to_string().contains("last.ckpt: cannot be read"));
}

#[test]
fn two_damaged_checkpoints_are_both_named() {
    let data = dataset();
    let folder = tempdir().unwrap();
    let files = RunFiles::in_folder(folder.path());
    fresh(&data, &settings()).with_files(files.clone()).run(&mut Silent, &go()).unwrap();
    damage(&files.last);
    damage(&files.previous);
    let error = files.load().unwrap_err();
    assert!(matches!(error, TrainError::NoCheckpoint { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("last.ckpt: truncated") && text.contains("previous.ckpt: truncated"), "{text}");
}

#[test]
fn a_newer_version_is_refused_though_there_is_an_older_file() {
    let data = dataset();
    let folder = tempdir().unwrap();
    let files = RunFiles::in_folder(folder.path());
    fresh(&data, &settings()).with_files(files.clone()).run(&mut Silent, &go()).unwrap();
    let mut bytes = fs::read(&files.last).unwrap();
    bytes[8..12].copy_from_slice(&9_u32.to_le_bytes());
    fs::write(&files.last, bytes).unwrap();
    let error = files.load().unwrap_err().to_string();
    assert!(error.ends_with("last.ckpt: checkpoint format 9; this version reads formats 2 to 5"), "{error}");
}

fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Format 2 knew neither the run nor the data, format 3 only the run, and none before 5 where the time went; the rest is
/// that of format 5.
#[test]
fn checkpoints_of_the_formats_before_are_read() {
    let load = |name: &str| Checkpoint::load(&fixture(name)).unwrap();
    let mut new = load("format-5.ckpt");
    (new.times, new.progress.waited, new.history[0].waited) = (None, None, None);
    assert_eq!(load("format-4.ckpt"), new);
    assert_eq!(load("format-3.ckpt"), Checkpoint { facts: None, ..new.clone() });
    assert_eq!(load("format-2.ckpt"), Checkpoint { run: None, facts: None, ..new });
}

/// `fixtures/make_checkpoint.py` writes the layout of the format from its description, without this project's code.
#[test]
fn a_stored_checkpoint_of_this_format_is_read() {
    let path = fixture("format-5.ckpt");
    let checkpoint = Checkpoint::load(&path).unwrap();
    assert_eq!(checkpoint.dataset, "early or late");
    assert_eq!(checkpoint.classes, ["early", "spät"]);
    assert_eq!((checkpoint.channels, checkpoint.steps, checkpoint.seed), (2, 12, 7));
    assert_eq!(checkpoint.normaliser.mean, [0.5, -1.5]);
    let (name, weight) = &checkpoint.network.parameters[0];
    assert_eq!((name.as_str(), weight.shape()), ("hidden0.weight", &[2, 3][..]));
    assert_eq!(weight.iter().copied().collect::<Vec<f32>>(), [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
    assert_eq!(checkpoint.network.statistics[0].1.to_vec(), [1.0, 2.0, 3.0]);
    assert!((checkpoint.network.spread - 1.5).abs() < 1e-9);
    assert_eq!(checkpoint.optimiser.steps, 5);
    assert_eq!((checkpoint.schedule.best, checkpoint.delay_schedule.best), (Some(0.625), None));
    assert_eq!((checkpoint.progress.batches, checkpoint.progress.skipped), (2, 1));
    let record = &checkpoint.history[0];
    assert_eq!((record.skipped_batches, &record.unstable_units), (3, &vec![0, 4]));
    assert_eq!(record.validation_accuracy_unrounded, Some(0.5));
    let best = checkpoint.best.as_ref().unwrap();
    assert_eq!((best.epoch, best.network.parameters.len()), (0, 1));
    assert_eq!(checkpoint.waiting, 1);
    assert_eq!(checkpoint.run.as_ref().map(ToString::to_string), Some("00ff".repeat(8)));
    let facts = checkpoint.facts.as_ref().unwrap();
    assert_eq!((facts.rate, facts.set.as_str()), (Some(8000), "5e7"));
    assert_eq!(facts.front_end, [("high_hz".to_owned(), "4000".to_owned())]);
    let split = facts.split("train").unwrap();
    assert_eq!((split.fingerprint.as_str(), split.contents.as_slice()), ("f00d", &[3, u64::MAX][..]));
    let times = Times { wall: 77.5, whole: true, waited: vec![Some(0.0625)], waiting: Some(0.03125) };
    assert_eq!(checkpoint.times, Some(times));
    assert_eq!((record.waited, checkpoint.progress.waited), (Some(0.0625), Some(0.03125)));
    // Written again it is the same file.
    let folder = tempdir().unwrap();
    let again = folder.path().join("again.ckpt");
    checkpoint.save(&again).unwrap();
    assert_eq!(fs::read(&again).unwrap(), fs::read(&path).unwrap());
}
