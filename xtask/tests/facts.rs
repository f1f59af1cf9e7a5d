//! What runs know of their data: evaluation at another sample rate, data that were moved, data that were replaced.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use colearn_data::{Resampler, audio::read_audio};
use colearn_train::Checkpoint;
use common::{TINY, fail, succeed, words, words_at};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

fn place() -> TempDir {
    let folder = tempdir().unwrap();
    words(&folder.path().join("words"), 8);
    folder
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The sound files of a folder of words.
fn clips(root: &Path) -> Vec<PathBuf> {
    let inside = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut clips: Vec<PathBuf> =
        inside(root).filter(|path| path.is_dir()).flat_map(|word| inside(&word)).collect();
    clips.sort();
    clips
}

/// One channel of 32-bit floats as a WAV file.
fn write_float(path: &Path, samples: &[f32], rate: u32) {
    let size = u32::try_from(4 * samples.len()).unwrap();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend([3_u16, 1].iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend(rate.to_le_bytes());
    bytes.extend((4 * rate).to_le_bytes());
    bytes.extend([4_u16, 32].iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend(b"data");
    bytes.extend(size.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Copies a folder of words.
fn copy(from: &Path, to: &Path) {
    for clip in clips(from) {
        let target = to.join(clip.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&clip, target).unwrap();
    }
}

fn notes(report: &Value) -> Vec<&str> {
    report["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect()
}

#[test]
fn evaluation_at_another_rate_is_evaluation_of_the_resampled_sounds() {
    let place = place();
    let here = place.path();
    succeed(here, &format!("train {TINY} --out run"));
    words_at(&here.join("up"), 8, 16_000);
    for clip in clips(&here.join("up")) {
        let samples = Resampler::new(16_000, 8_000).unwrap().resample(&read_audio(&clip).unwrap().samples);
        write_float(&here.join("down").join(clip.strip_prefix(here.join("up")).unwrap()), &samples, 8_000);
    }
    let eval = |root: &str| {
        json(&succeed(here, &format!("eval --checkpoint run/best.ckpt --root {root} --no-cache --json")))
    };
    let (up, down) = (eval("up"), eval("down"));
    assert_eq!((up["rate"].as_u64(), down["rate"].as_u64()), (Some(8_000), Some(8_000)));
    for key in ["accuracy", "loss", "confusion", "hidden_rates", "samples"] {
        assert_eq!(up[key], down[key], "{key}");
    }
    assert!(notes(&up).contains(&"files resampled to 8000 Hz: 48 of 16000 Hz"), "{up}");
    assert!(!notes(&down).iter().any(|note| note.contains("resampled")), "{down}");
    let shown = succeed(here, "eval --checkpoint run/best.ckpt --root up");
    assert!(shown.contains("files resampled to 8000 Hz: 48 of 16000 Hz"), "{shown}");
    assert!(shown.contains("other samples than those of the test split in training"), "{shown}");
    let own = succeed(here, "eval --checkpoint run/best.ckpt");
    assert!(!own.contains("resampled") && !own.contains("other samples"), "{own}");
}

#[test]
fn several_rates_are_counted_and_the_key_that_is_named_helps() {
    let place = place();
    let here = place.path();
    words_at(&here.join("more"), 2, 16_000);
    for clip in clips(&here.join("more")) {
        fs::copy(&clip, here.join("words").join(clip.strip_prefix(here.join("more")).unwrap())).unwrap();
    }
    let error = fail(here, &format!("train {TINY} --out run"));
    assert!(
        error.starts_with("error: words: found files of several sample rates: 36 at 8000 Hz (the first is "),
        "{error}"
    );
    assert!(error.contains("), 12 at 16000 Hz (the first is "), "{error}");
    assert!(error.contains("--set data.rate=8000 resamples all of them to 8000 Hz"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    let error = fail(here, "data encode --data words --root words --out spikes");
    assert!(error.contains("words: found files of several sample rates: 36 at 8000 Hz"), "{error}");
    succeed(here, "data encode --data words --root words --out spikes --set data.rate=8000");
    let output = succeed(here, &format!("train {TINY} --out run2 --set data.rate=8000"));
    assert!(output.contains("files resampled to 8000 Hz: 12 of 16000 Hz"), "{output}");
    let summary = json(&fs::read_to_string(here.join("run2/summary.json")).unwrap());
    assert_eq!(summary["data"]["rate"], 8_000);
    assert_eq!(summary["data"]["front_end"]["high_hz"], "4000");
    let report = json(&succeed(here, "eval --checkpoint run2/best.ckpt --json"));
    assert_eq!(report["accuracy"], summary["test_accuracy"]);
}

#[test]
fn a_run_goes_on_with_its_data_wherever_they_are_and_with_no_others() {
    let place = place();
    let here = place.path();
    succeed(here, &format!("train {TINY} --epochs 2 --out run"));
    let reopen = || fs::remove_file(here.join("run/summary.json")).unwrap();
    reopen();
    fs::rename(here.join("words"), here.join("renamed")).unwrap();
    succeed(here, "train --resume --out run --root renamed");
    reopen();
    succeed(&here.join("renamed"), "train --resume --out ../run --root . --cache ../cache");
    reopen();
    let before = fs::read(here.join("run/last.ckpt")).unwrap();
    for clip in clips(&here.join("renamed")).iter().take(1) {
        let mut bytes = fs::read(clip).unwrap();
        bytes[100] ^= 1;
        fs::write(clip, bytes).unwrap();
    }
    let error = fail(here, "train --resume --out run --root renamed");
    assert!(error.starts_with("error: run: cannot go on: the "), "{error}");
    assert!(error.contains(" split: found ") && error.contains(" of them the same; expected "), "{error}");
    assert!(error.trim_end().ends_with(", as in the checkpoint"), "{error}");
    assert_eq!(fs::read(here.join("run/last.ckpt")).unwrap(), before);
}

#[test]
fn replaced_files_of_spikes_are_noticed_and_spikes_are_no_sound() {
    let place = place();
    let here = place.path();
    succeed(here, "data encode --data words --root words --out spikes");
    let tiny = "--set data.sum_channels=50 --set data.steps=12 --set network.hidden=[8] --set train.batch=6 \
                --set synapse.max_delay=4 --threads 1";
    succeed(here, &format!("train --data shd --root spikes {tiny} --epochs 1 --out run"));
    fs::remove_file(here.join("run/summary.json")).unwrap();
    fs::copy(here.join("spikes/valid.h5"), here.join("spikes/test.h5")).unwrap();
    let error = fail(here, "train --resume --out run");
    assert!(error.starts_with("error: run: cannot go on: the test split: found "), "{error}");
    // As many channels of spikes as bands.
    let bands = "--set data.front_end=mel_db --set data.bands=14";
    succeed(here, &format!("train {TINY} {bands} --epochs 1 --out sound"));
    let error = fail(here, "eval --checkpoint sound/best.ckpt --data shd --root spikes");
    assert_eq!(
        error.trim_end(),
        "error: shd: found a set of spikes; expected one of sound, like words, which the network was trained on"
    );
}

#[test]
fn samples_that_trained_the_network_are_counted() {
    let place = place();
    let here = place.path();
    succeed(here, &format!("train {TINY} --out run"));
    let summary = json(&fs::read_to_string(here.join("run/summary.json")).unwrap());
    copy(&here.join("words"), &here.join("mine"));
    // Every first take is tested on; two speakers are validation.
    let list = |name: &str, rows: &[String]| {
        let rows = rows.join("\n");
        fs::write(here.join("mine").join(name), format!("file,class\n{rows}\n")).unwrap();
    };
    let rows = |speakers: std::ops::Range<usize>, take: usize| -> Vec<String> {
        let row = |word: &str, speaker| format!("{word}/speaker{speaker}_nohash_{take}.wav,{word}");
        ["high", "hiss", "low"].iter().flat_map(|word| speakers.clone().map(move |s| row(word, s))).collect()
    };
    list("test.csv", &rows(0..8, 0));
    list("val.csv", &rows(6..8, 1));
    let report = json(&succeed(here, "eval --checkpoint run/best.ckpt --root mine --json"));
    for (split, did) in [("train", "trained"), ("validation", "selected")] {
        let half = summary["data"]["splits"][split]["samples"].as_u64().unwrap() / 2;
        let line = format!("{half} of these 24 samples are among those that {did} this network");
        assert!(notes(&report).contains(&line.as_str()), "{line}: {report}");
    }
    let own = json(&succeed(here, "eval --checkpoint run/best.ckpt --json"));
    assert!(!notes(&own).iter().any(|note| note.contains("this network")), "{own}");
}

#[test]
fn a_checkpoint_that_knows_nothing_of_its_data_is_used_and_says_so() {
    let place = place();
    let here = place.path();
    succeed(here, &format!("train {TINY} --out run"));
    fs::remove_file(here.join("run/summary.json")).unwrap();
    for name in ["best.ckpt", "last.ckpt"] {
        let path = here.join("run").join(name);
        let checkpoint = Checkpoint::load(&path).unwrap();
        assert_eq!(checkpoint.facts.as_ref().and_then(|facts| facts.rate), Some(8_000));
        Checkpoint { facts: None, ..checkpoint }.save(&path).unwrap();
    }
    let line = "this checkpoint is of an older format: it knows no fingerprints of its data and no sample rate; features \
                are made at 8000 Hz";
    for command in ["eval --checkpoint run/best.ckpt", "train --resume --out run"] {
        let output = succeed(here, command);
        assert!(output.contains(line), "{output}");
    }
}

/// The same of what a run took: an older version wrote neither waiting nor the time of its sittings.
#[test]
fn a_run_whose_first_sitting_kept_no_times_says_so() {
    let place = place();
    let here = place.path();
    succeed(here, &format!("train {TINY} --out run"));
    fs::remove_file(here.join("run/summary.json")).unwrap();
    let path = here.join("run/last.ckpt");
    let checkpoint = Checkpoint::load(&path).unwrap();
    let before: f64 = checkpoint.history.iter().map(|record| record.seconds).sum();
    Checkpoint { times: None, ..checkpoint }.save(&path).unwrap();
    let output = succeed(here, "train --resume --out run");
    let note = "this run was begun by a version that did not count loading; of its part only steps and validation are in the \
                times";
    assert!(output.contains(note), "{output}");
    let summary = json(&fs::read_to_string(here.join("run/summary.json")).unwrap());
    assert_eq!((summary["times_note"].as_str(), summary["waited_seconds"].as_f64()), (Some(note), None));
    assert!(summary["wall_seconds"].as_f64().unwrap() > before);
    let metrics = fs::read_to_string(here.join("run/metrics.csv")).unwrap();
    let column =
        metrics.lines().next().unwrap().split(',').position(|name| name == "waited_seconds").unwrap();
    assert!(metrics.lines().skip(1).all(|line| line.split(',').nth(column) == Some("")), "{metrics}");
}

const TWO: &str = r#"
title = "Three words"
data = "words"
seeds = [0, 1]

[settings]
data.steps = 12
data.bands = 10
data.validation_share = 0.25
network.hidden = [8]
train.batch = 6
train.epochs = 1
synapse.max_delay = 4

[[cell]]
name = "plain"
label = "LIF"
settings = { model = "lif" }
"#;

#[test]
fn a_comparison_goes_on_with_its_data_wherever_they_are_and_with_no_others() {
    let place = place();
    let here = place.path();
    fs::write(here.join("two.toml"), TWO).unwrap();
    let run = |root: &str, seeds: &str| {
        format!("reproduce two.toml --root {root} --seeds {seeds} --no-cache --out both")
    };
    succeed(here, &run("words", "0"));
    fs::rename(here.join("words"), here.join("renamed")).unwrap();
    succeed(here, &run("./renamed/", "0,1"));
    // Both seeds are one cell, though their data lay in two places.
    let table = succeed(here, "compare both/plain --out compared");
    assert!(!table.contains("Settings that differ") && !table.contains("plain-2"), "{table}");

    let mut bytes = fs::read(&clips(&here.join("renamed"))[0]).unwrap();
    bytes[100] ^= 1;
    fs::write(&clips(&here.join("renamed"))[0], bytes).unwrap();
    let error = fail(here, &run("renamed", "0,1"));
    assert!(error.starts_with("error: both/plain/seed-0: the "), "{error}");
    assert!(error.contains("results on other data are not mixed"), "{error}");
}
