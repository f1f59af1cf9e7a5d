//! `xtask data encode`, `data stats` and `data show` as a user runs them, and training on what they make.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use colearn_data::SpikeFile;
use common::{TINY, fail, succeed, words};
use serde_json::Value;
use tempfile::tempdir;

const ENCODE: &str = "data encode --data words --root words --out spikes";
const TRAIN: &str = "train --data shd --root spikes --set data.sum_channels=50 --set data.steps=12 \
                     --set network.hidden=[8] --set synapse.max_delay=4 --epochs 2 --threads 1";

/// The channels of the quickest encoder.
const LATENCY: &str = "--set data.channels=40 --set data.sum_channels=4";

fn summary(run: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(run.join("summary.json")).unwrap()).unwrap()
}

/// A list of all clips of these speakers.
fn list(folder: &Path, speakers: std::ops::Range<usize>) -> String {
    let mut lines = vec!["file,class".to_owned()];
    for word in fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let word = word.file_name().to_string_lossy().into_owned();
        for (speaker, take) in speakers.clone().flat_map(|speaker| [(speaker, 0), (speaker, 1)]) {
            lines.push(format!("{word}/speaker{speaker}_nohash_{take}.wav,{word}"));
        }
    }
    lines.join("\n")
}

#[test]
fn sounds_become_spike_files_that_train_a_network() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 10);
    let said = succeed(here, ENCODE);
    assert!(said.contains("cochlea, 700 channels: cochlea of 700 channels"), "{said}");
    assert!(said.contains("10 speakers: 0 = speaker0, 1 = speaker1"), "{said}");
    let file = SpikeFile::open(here.join("spikes/train.h5")).unwrap();
    assert_eq!((file.len(), file.keys().unwrap().len()), (48, 3));
    assert!((0..48).all(|index| file.spike_count(index) > 50));
    let before = fs::read(here.join("spikes/train.h5")).unwrap();
    succeed(here, &format!("{ENCODE} --threads 3"));
    assert_eq!(fs::read(here.join("spikes/train.h5")).unwrap(), before, "threads change nothing");
    assert_eq!(fs::read_dir(here.join("spikes")).unwrap().count(), 3, "nothing is left beside the files");

    let said = succeed(here, &format!("{TRAIN} --out run"));
    assert!(said.contains("samples: train 48, valid 6, test 6, of the encoding "), "{said}");
    assert!(!said.contains("published"), "nobody published this set: {said}");
    let clean = summary(&here.join("run"));
    assert_eq!((&clean["protocol"], &clean["protocol_warning"]), (&Value::from("clean"), &Value::Null));
    assert!(fs::read_to_string(here.join("run/figures/raster.svg")).unwrap().contains("Channel"));
    let streamed = succeed(here, &format!("{TRAIN} --out streamed --data-memory 0"));
    assert!(streamed.contains("are read from the files batch by batch"), "{streamed}");
    assert_eq!(summary(&here.join("streamed"))["test_accuracy"], clean["test_accuracy"]);
    succeed(here, "eval --checkpoint run/best.ckpt --json");
}

#[test]
fn selection_on_the_test_split_is_marked_in_every_output() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 6);
    succeed(here, ENCODE);
    let said = succeed(here, &format!("{TRAIN} --set data.split=none --out run"));
    assert!(
        said.matches("the TEST split chose the epoch, as in the published protocol").count() >= 2,
        "{said}"
    );
    assert!(said.contains("| test (selects) |") && !said.contains("| validation"), "{said}");
    let summary = summary(&here.join("run"));
    assert_eq!(summary["protocol"], "selected_on_test");
    assert!(summary["protocol_warning"].as_str().unwrap().contains("optimistic"));
    assert!(fs::read_to_string(here.join("run/config.toml")).unwrap().contains("split = \"none\""));
    assert!(fs::read_to_string(here.join("run/figures/confusion.svg")).unwrap().contains("test (selects)"));
    let metrics = fs::read_to_string(here.join("run/metrics.csv")).unwrap();
    assert!(metrics.contains(",test_selects_accuracy,") && !metrics.contains("validation"), "{metrics}");
    let shown = succeed(here, "eval --checkpoint run/best.ckpt");
    assert!(shown.contains("test (selects)"), "{shown}");
    let json = succeed(here, "eval --checkpoint run/best.ckpt --json");
    assert!(json.contains("\"protocol\": \"selected_on_test\""), "{json}");
}

#[test]
fn a_new_encoding_takes_the_place_of_the_old_one_as_a_whole() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 6);
    let encode = format!("{ENCODE} --encoder latency");
    let fewer = "data encode --data words --root fewer --out spikes --encoder latency";
    words(&here.join("fewer"), 6);
    fs::write(here.join("fewer/train.csv"), list(&here.join("fewer"), 0..4)).unwrap();
    fs::write(here.join("fewer/val.csv"), list(&here.join("fewer"), 4..6)).unwrap();
    succeed(here, &encode);
    let old = fs::read(here.join("spikes/train.h5")).unwrap();
    let said = succeed(here, fewer);
    assert!(
        said.contains("spikes/test.h5: of an earlier encoding; goes when this one is complete"),
        "{said}"
    );
    let mut names: Vec<_> =
        fs::read_dir(here.join("spikes")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["train.h5", "valid.h5"]);
    let said = succeed(here, &format!("data stats --data shd --root spikes {LATENCY}"));
    assert!(said.contains("no test file: there is no test split"), "{said}");

    fs::write(here.join("spikes/train.h5"), old).unwrap();
    let error = fail(here, &format!("{TRAIN} {LATENCY} --out run"));
    assert!(error.contains("spikes/valid.h5: found a file of the encoding "), "{error}");
    assert!(error.contains("files of one set are written together; encode the set again"), "{error}");
}

#[test]
fn a_set_encoded_without_validation_keeps_its_mark() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 6);
    fs::write(here.join("words/train.csv"), list(&here.join("words"), 0..4)).unwrap();
    fs::write(here.join("words/test.csv"), list(&here.join("words"), 4..6)).unwrap();
    let said = succeed(here, &format!("{ENCODE} --encoder latency --set data.split=none"));
    assert!(said.contains("the TEST split chose the epoch"), "{said}");
    assert!(here.join("spikes/test.h5").exists() && !here.join("spikes/valid.h5").exists());
    let said = succeed(here, &format!("{TRAIN} {LATENCY} --set data.pad=longest --out run"));
    assert!(said.contains("| test (selects) |") && !said.contains("| validation"), "{said}");
    assert!(said.contains("channels, up to "), "{said}");
    assert_eq!(summary(&here.join("run"))["protocol"], "selected_on_test");
    let metrics = fs::read_to_string(here.join("run/metrics.csv")).unwrap();
    assert!(metrics.contains(",test_selects_accuracy,") && !metrics.contains("validation"), "{metrics}");
}

#[test]
fn statistics_come_as_tables_and_as_json() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 5);
    succeed(here, ENCODE);
    let said = succeed(here, "data stats --data shd --root spikes");
    for part in [
        "| high  |",
        "| all   |",
        "| train      | spikes",
        "of the entries are active, mean count",
        "| speaker |",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let json: Value =
        serde_json::from_str(&succeed(here, "data stats --data shd --root spikes --json")).unwrap();
    let train = &json["splits"][0];
    assert_eq!((&train["split"], &train["samples"]), (&Value::from("train"), &Value::from(18)));
    assert_eq!(train["per_class"], serde_json::json!([6, 6, 6]));
    let active = train["density"].as_f64().unwrap() * train["mean_count"].as_f64().unwrap() * 100.0 * 140.0;
    assert!((active - train["spikes"]["mean"].as_f64().unwrap()).abs() < 1e-6, "every spike is in a step");
    let sound = succeed(here, "data stats --data words --root words");
    assert!(sound.contains("length (s)") && !sound.contains("of the entries are active"), "{sound}");
}

#[test]
fn what_cannot_be_encoded_is_said() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 4);
    fs::write(here.join("file"), "x").unwrap();
    fs::write(here.join("bad.toml"), "name = \"cochlea\"\nchanels = 3\n").unwrap();
    fs::create_dir(here.join("taken")).unwrap();
    fs::create_dir(here.join("taken/train.h5")).unwrap();
    for (line, message) in [
        (
            format!("{ENCODE} --encoder ear"),
            "error: the encoder: unknown variant `ear`, expected one of `cochlea`",
        ),
        (format!("{ENCODE} --encoder-config bad.toml"), "error: the encoder: unknown field `chanels`"),
        (format!("{ENCODE} --encoder-config none.toml"), "error: none.toml: cannot be read"),
        ("data encode --data words --root words --out file/x".to_owned(), "error: file/x: cannot be made"),
        (
            "data encode --data words --root words --out taken".to_owned(),
            "error: taken/train.h5: cannot be replaced",
        ),
        (
            "data encode --data shd --root words --out x".to_owned(),
            "error: data.name: shd; expected a set of sound",
        ),
        ("data encode --data words --root nowhere --out x".to_owned(), "error: nowhere: no such folder"),
    ] {
        let error = fail(here, &line);
        assert!(error.starts_with(message), "{line}: {error}");
    }
    assert_eq!(fs::read_dir(here.join("taken")).unwrap().count(), 1, "no part is left behind");
    let said = succeed(here, &format!("{ENCODE} --encoder latency"));
    assert!(said.contains("--set data.channels=40 --set data.sum_channels=1"), "{said}");
}

#[test]
fn a_sample_is_drawn() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 5);
    succeed(here, ENCODE);
    let show = |options: &str| {
        let said = succeed(here, &format!("data show --no-cache --out figure.svg {options}"));
        (said, fs::read_to_string(here.join("figure.svg")).unwrap())
    };
    let (said, figure) = show("--data shd --root spikes --class low --split validation");
    assert!(said.starts_with("valid-") && said.contains(": class low, speaker "), "{said}");
    assert!(said.contains(" spikes, in figure.svg"), "{said}");
    let count = said.split(", ").find_map(|part| part.strip_suffix(" spikes")).unwrap().replace(',', "");
    let id = said.split(':').next().unwrap();
    assert!(figure.contains("“low” of shd") && figure.contains(id), "{figure}");
    assert!(figure.contains(&format!(">Channel (index); {count} spikes, a tick each<")), "{count}: {figure}");
    assert!(figure.contains(">Channel (index); spikes per step of 10 ms, 5 channels added up<"));
    let by_id = show(&format!("--data shd --root spikes --split validation --id {id}"));
    assert_eq!(by_id, (said, figure));
    let (_, cut) = show("--data shd --root spikes --set data.steps=3 --set data.first_step=1");
    assert!(cut.contains(" spikes after the last step") && cut.contains("thin dash\""), "{cut}");

    let (said, figure) = show("--data words --root words --sample 1");
    assert!(said.contains(" s, in figure.svg") && !said.contains("spikes"), "{said}");
    for part in [">ln energy<", ">std. deviations<", "standardised with the training split", ">Time (ms)<"] {
        assert!(figure.contains(part), "{part}: {figure}");
    }
    let (_, figure) = show("--data words --root words --set data.front_end=mel_db");
    assert!(figure.contains(">dB<") && figure.contains("Mel features in decibels"), "{figure}");
    succeed(here, "data show --data digits --no-cache");
    assert!(here.join("sample.svg").is_file());
}

#[test]
fn a_sample_that_is_not_there_is_named() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 5);
    succeed(here, ENCODE);
    for (options, message) in [
        ("--sample 18", "--sample 18: the train split of shd has 18 samples; expected 0 to 17"),
        (
            "--id train-0001",
            "--id train-0001: no sample of shd has this name; expected one such as train-000",
        ),
        ("--id test-00000", "--id test-00000: not in the train split of shd; expected --split test with it"),
        ("--class hgh", "--class hgh: shd has no such class; expected one of high, hiss, low"),
        ("--out none/x.svg", "none/x.svg: "),
    ] {
        let error = fail(here, &format!("data show --data shd --root spikes {options}"));
        assert!(error.starts_with(&format!("error: {message}")), "{options}: {error}");
    }
    let error = fail(here, "data show --data shd --root spikes --id x --sample 1");
    assert!(error.contains("cannot be used with"), "{error}");
}

#[test]
fn a_kill_leaves_the_old_file_or_the_new_one() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 60);
    fs::create_dir(here.join("spikes")).unwrap();
    fs::write(here.join("spikes/train.h5"), "the old file").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(ENCODE.split_whitespace()).current_dir(here).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let has_part = || {
        let names = fs::read_dir(here.join("spikes")).unwrap();
        names.flatten().any(|entry| entry.file_name().to_string_lossy().ends_with(".part"))
    };
    while !has_part() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let old = fs::read(here.join("spikes/train.h5")).unwrap() == b"the old file";
    assert!(old || SpikeFile::open(here.join("spikes/train.h5")).unwrap().len() == 288);
    succeed(here, ENCODE);
    assert_eq!(SpikeFile::open(here.join("spikes/train.h5")).unwrap().len(), 288);
    assert!(!has_part(), "what the killed process left is gone");
}

#[test]
fn features_are_cached_unless_told_otherwise() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 4);
    let said = succeed(here, &format!("train {TINY} --out a"));
    assert!(said.contains("features of 24 clips were stored in the cache cache"), "{said}");
    let said = succeed(here, &format!("train {TINY} --out b"));
    assert!(said.contains("features of 24 clips come from the cache"), "{said}");
    assert_eq!(summary(&here.join("a"))["test_accuracy"], summary(&here.join("b"))["test_accuracy"]);
    let said = succeed(here, &format!("train {TINY} --out c --no-cache"));
    assert!(!said.contains("the cache"), "{said}");
    succeed(here, &format!("train {TINY} --out d --cache elsewhere"));
    assert!(here.join("elsewhere").is_dir());
}
