//! `classify`: sounds of no set get the scores that `eval` gives them in their set, or an error of their own.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod common;

use std::fs;
use std::path::Path;

use colearn_train::Checkpoint;
use common::{TINY, fail, succeed, wav, words, words_at, xtask};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A trained network in the folder `run`, beside the `words` it was trained on.
fn place(options: &str) -> TempDir {
    let folder = tempdir().unwrap();
    words(&folder.path().join("words"), 8);
    succeed(folder.path(), &format!("train {TINY} --out run {options}"));
    folder
}

/// What `eval` says of every sample of the test split, and `classify` of their files: ids with scores and class.
fn both(here: &Path, root: &str) -> [Vec<(String, Value, Value)>; 2] {
    let report = json(&succeed(here, &format!("eval --checkpoint run --split test --root {root} --json")));
    let samples = report["predictions"].as_array().unwrap();
    let part = |of: &Value, id: &str| (id.to_owned(), of["predicted_class"].clone(), of["scores"].clone());
    let expected = samples.iter().map(|sample| part(sample, sample["id"].as_str().unwrap())).collect();
    let files = samples.iter().map(|sample| format!("{root}/{}.wav", sample["id"].as_str().unwrap()));
    let files: Vec<String> = files.collect();
    let answers = json(&succeed(here, &format!("classify --checkpoint run --json {}", files.join(" "))));
    assert_eq!(answers["classes"], report["classes"]);
    assert_eq!(answers["rate"], report["rate"]);
    let id = |answer: &Value| {
        let sound = answer["sound"].as_str().unwrap();
        sound.trim_start_matches(root).trim_start_matches('/').trim_end_matches(".wav").to_owned()
    };
    let found =
        answers["sounds"].as_array().unwrap().iter().map(|answer| part(answer, &id(answer))).collect();
    [expected, found]
}

#[test]
fn scores_are_those_of_the_evaluation() {
    for options in [
        "",
        "--set data.subtract_mean=true --config lif",
        "--set data.front_end=mel_db --set data.high_hz=4000",
        "--set data.rate=11025 --set data.high_hz=3000",
    ] {
        let place = place(options);
        let [expected, found] = both(place.path(), "words");
        assert!(expected.len() > 4);
        assert_eq!(found, expected, "{options}");
        // Of another rate, as evaluation resamples it.
        words_at(&place.path().join("higher"), 8, 16_000);
        let [expected, found] = both(place.path(), "higher");
        assert_eq!(found, expected, "{options}, resampled");
    }
}

#[test]
fn a_batch_as_long_as_its_longest_sample_makes_no_answer_depend_on_others() {
    let place = place("--set data.pad=longest");
    let here = place.path();
    let scores = |files: &str| {
        json(&succeed(here, &format!("classify --checkpoint run --json {files}")))["sounds"].clone()
    };
    let [first, second] = ["words/low/speaker0_nohash_0.wav", "longer.wav"];
    let tone: Vec<i16> = (0..2400_i16).map(|n| 3000 * (n % 7 - 3)).collect();
    fs::write(here.join(second), wav(&tone, 8_000, 1)).unwrap();
    let together = scores(&format!("{first} {second}"));
    assert_eq!([&together[0], &together[1]], [&scores(first)[0], &scores(second)[0]]);
}

#[test]
fn answers_come_as_a_table_as_json_and_as_csv() {
    let place = place("");
    let here = place.path();
    let table = succeed(here, "classify --checkpoint run/best.ckpt words/low --best 2");
    let rows: Vec<&str> = table.lines().collect();
    assert!(
        rows[0].starts_with("| sound ") && rows[0].contains("| 1. ") && !rows[0].contains("| 3. "),
        "{table}"
    );
    assert_eq!(rows.len(), 2 + 16, "a row a sound of the folder: {table}");
    let answers = json(&succeed(here, "classify --checkpoint run --json words"));
    assert_eq!(answers["sounds"].as_array().unwrap().len(), 48, "folders are gone through");
    let csv = succeed(here, "classify --checkpoint run --csv words");
    assert!(csv.starts_with("sound,predicted_class,error,score_high,score_hiss,score_low\n"), "{csv:.200}");
    for (row, answer) in csv.lines().skip(1).zip(answers["sounds"].as_array().unwrap()) {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!((cells[0], cells[2]), (answer["sound"].as_str().unwrap(), ""));
        let scores = answer["scores"].as_array().unwrap().iter().zip(&cells[3..]);
        assert!(scores.clone().count() == 3);
        for (score, cell) in scores {
            let close = (score.as_f64().unwrap() - cell.parse::<f64>().unwrap()).abs() < 1e-6;
            assert!(close, "{row}");
        }
    }
}

#[test]
fn a_sound_that_cannot_be_used_is_named_and_costs_no_other_its_answer() {
    let place = place("");
    let here = place.path();
    fs::write(here.join("text.wav"), "no sound").unwrap();
    fs::write(here.join("short.wav"), wav(&[1; 10], 8_000, 1)).unwrap();
    fs::write(here.join("none.wav"), wav(&[], 8_000, 1)).unwrap();
    fs::create_dir(here.join("empty")).unwrap();
    let good = "words/low/speaker0_nohash_0.wav";
    let line = format!(
        "classify --checkpoint run text.wav {good} short.wav none.wav missing.wav notes.txt empty --json"
    );
    let output = xtask(here, &line);
    assert_eq!(output.status.code(), Some(1));
    let answers = json(std::str::from_utf8(&output.stdout).unwrap());
    let answers = answers["sounds"].as_array().unwrap();
    assert_eq!(answers.len(), 7);
    assert!(answers[1]["error"].is_null() && answers[1]["scores"].as_array().unwrap().len() == 3);
    let errors = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), 6, "{errors}");
    for (line, parts) in lines.iter().zip([
        ["error: text.wav: found ", "expected "],
        ["error: short.wav: found a clip shorter than one analysis window", "expected "],
        ["error: none.wav: found no samples", "expected "],
        ["error: missing.wav: ", "No such file"],
        ["error: notes.txt: ", "No such file"],
        ["error: empty: no sound", "expected wav or flac"],
    ]) {
        assert!(line.starts_with(parts[0]) && line.contains(parts[1]), "{line}");
    }
    let error = fail(here, &format!("classify --checkpoint missing.ckpt {good}"));
    assert!(error.starts_with("error: missing.ckpt: "), "{error}");
    let error = fail(here, &format!("classify --checkpoint run --rate 16000 {good}"));
    assert!(
        error.starts_with("error: --rate 16000: expected 8000 Hz, at which run/best.ckpt was trained"),
        "{error}"
    );
}

#[test]
fn a_checkpoint_that_kept_no_rate_asks_for_it() {
    let place = place("");
    let here = place.path();
    let line = "classify --json words/low --checkpoint";
    let known = json(&succeed(here, &format!("{line} run")));
    let checkpoint = Checkpoint::load(&here.join("run/best.ckpt")).unwrap();
    Checkpoint { facts: None, ..checkpoint }.save(&here.join("old.ckpt")).unwrap();
    let error = fail(here, &format!("{line} old.ckpt"));
    assert!(
        error.starts_with("error: old.ckpt: this checkpoint is of an older format, which did not keep"),
        "{error}"
    );
    assert!(error.ends_with("expected it with --rate HZ\n"), "{error}");
    let given = json(&succeed(here, &format!("{line} old.ckpt --rate 8000")));
    assert_eq!(given["sounds"], known["sounds"]);
}
