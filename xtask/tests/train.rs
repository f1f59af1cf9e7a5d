//! `xtask train` and `xtask eval` as a user runs them.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod common;
#[path = "common/signals.rs"]
mod signals;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use common::{TINY, command, fail, succeed, words};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

fn place(speakers: usize) -> TempDir {
    let folder = tempdir().unwrap();
    words(&folder.path().join("words"), speakers);
    folder
}

fn summary(run: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(run.join("summary.json")).unwrap()).unwrap()
}

/// `config.toml` without the one line that names the run.
fn settings(run: &Path) -> String {
    let text = fs::read_to_string(run.join("config.toml")).unwrap();
    let (named, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("# run "));
    assert_eq!(named.len(), 1, "{text}");
    others.join("\n")
}

/// The rows of `metrics.csv` without the columns of time.
fn metrics(run: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let times = ["waited_seconds", "seconds", "samples_per_second"];
    let names: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    assert!(times.iter().all(|time| names.contains(time)), "{names:?}");
    let cells = |line: &str| {
        let cells = names.iter().zip(line.split(','));
        cells.filter(|(name, _)| !times.contains(name)).map(|(_, cell)| cell.to_owned()).collect()
    };
    text.lines().map(cells).collect()
}

#[test]
fn a_run_leaves_its_files_and_evaluation_agrees() {
    let place = place(8);
    let here = place.path();
    let output = succeed(here, &format!("train {TINY} --seed 3"));
    assert!(output.contains("data     words: "), "{output}");
    assert!(output.contains("model    d-cadlif, hidden layers [8]: "), "{output}");
    assert!(output.contains("memory   a training step of "), "{output}");
    assert!(output.contains("epoch 2/2  training "), "{output}");
    assert!(output.contains("| test "), "{output}");

    let run = here.join("runs/words-d-cadlif-s3");
    let files = ["config.toml", "metrics.csv", "best.ckpt", "last.ckpt", "summary.json"];
    for name in files.into_iter().chain(["evaluation.json", "example.json"]) {
        assert!(run.join(name).is_file(), "{name}");
    }
    for name in ["curves", "raster", "delays", "neurons", "confusion"] {
        let figure = format!("figures/{name}.svg");
        assert!(fs::read_to_string(run.join(&figure)).unwrap().starts_with("<svg"), "{figure}");
        assert!(output.contains(&figure), "{output}");
    }
    assert_eq!(metrics(&run).len(), 3);

    let summary = summary(&run);
    for (key, expected) in [("dataset", "words"), ("model", "d-cadlif")] {
        assert_eq!(summary[key], expected);
    }
    for (key, expected) in [("seed", 3), ("epochs", 2)] {
        assert_eq!(summary[key], expected);
    }
    assert_eq!(summary["rounded"], true);
    for key in [
        "train_accuracy",
        "validation_accuracy",
        "test_accuracy",
        "samples_per_second",
        "waited_seconds",
        "wall_seconds",
    ] {
        assert!(summary[key].as_f64().is_some(), "{key}: {}", summary[key]);
    }
    assert!(summary["times_note"].is_null(), "all times are whole");
    for key in ["parameters", "best_epoch", "test_samples"] {
        assert!(summary[key].as_u64().is_some_and(|count| count > 0), "{key}: {}", summary[key]);
    }
    assert_eq!(summary["hidden_rates"].as_array().unwrap().len(), 1);
    assert_eq!(summary["peak_rss_bytes"].as_u64().is_some(), cfg!(target_os = "linux"));

    for split in ["train", "validation", "test"] {
        let line = format!("eval --checkpoint {}/best.ckpt --split {split} --json", run.display());
        let report: Value = serde_json::from_str(&succeed(here, &line)).unwrap();
        assert_eq!(report["accuracy"], summary[format!("{split}_accuracy")], "{split}");
        assert_eq!(report["split"], split);
        assert_eq!(report["per_class"].as_array().unwrap().len(), 3);
    }
    let shown = succeed(here, &format!("eval --checkpoint {}/best.ckpt", run.display()));
    assert_eq!(
        succeed(here, &format!("eval --checkpoint {}", run.display())),
        shown,
        "a folder has its best.ckpt"
    );
    assert!(
        shown.contains("| test ") && shown.contains("| hiss ") && shown.contains("chance 33.3 %"),
        "{shown}"
    );
}

#[test]
fn a_config_given_back_is_the_same_run_in_the_next_folder() {
    let place = place(8);
    let here = place.path();
    succeed(here, &format!("train {TINY} --config lif --set network.dropout=0.5"));
    let first = here.join("runs/words-lif-s0");
    succeed(here, &format!("train --config {}/config.toml --threads 2", first.display()));
    let second = here.join("runs/words-lif-s0-2");
    assert_eq!(metrics(&first), metrics(&second));
    assert_eq!(settings(&first), settings(&second));
    assert_eq!(fs::read_dir(first.join("figures")).unwrap().count(), 4, "no figure of delays without delays");
}

#[test]
fn a_resumed_run_ends_like_an_uninterrupted_one() {
    let place = place(8);
    let here = place.path();
    succeed(here, &format!("train {TINY} --epochs 60 --out whole"));
    let interrupted = interrupt(here, &format!("train {TINY} --epochs 60 --out part"));
    assert!(interrupted.contains("cargo xtask train --resume --out part"), "{interrupted}");
    let (whole, part) = (here.join("whole"), here.join("part"));
    assert!(!part.join("summary.json").exists());
    let error = fail(here, &format!("train {TINY} --out part"));
    assert!(error.starts_with("error: part: holds an unfinished run; add --resume to go on"), "{error}");
    let error = fail(here, "train --resume --out part --seed 4");
    assert!(
        error.starts_with("error: train.seed: found 4; expected 0, as in part; a run goes on"),
        "{error}"
    );

    let lock = fs::File::open(part.join(".lock")).unwrap();
    lock.lock().unwrap();
    for line in ["train --resume --out part".to_owned(), format!("train {TINY} --out part --resume")] {
        let error = fail(here, &line);
        assert!(error.starts_with("error: part: another process works here; wait for it"), "{error}");
    }
    drop(lock);
    fs::write(part.join("last.ckpt.4711-0.part"), "half a file of a run that was killed").unwrap();
    let output = succeed(here, "train --resume --out part --threads 2");
    assert!(output.contains("going on in epoch "), "{output}");
    assert_eq!(metrics(&whole), metrics(&part));
    for key in [
        "best_epoch",
        "train_accuracy",
        "validation_accuracy",
        "test_accuracy",
        "hidden_rates",
        "best_sha256",
        "last_sha256",
    ] {
        assert_eq!(summary(&whole)[key], summary(&part)[key], "{key}");
    }
    let error = fail(here, &format!("train {TINY} --out part"));
    assert!(
        error.starts_with("error: part: holds a finished run; name another folder with --out"),
        "{error}"
    );
}

/// Presses Ctrl-C after the first epoch; returns what the program said.
fn interrupt(folder: &Path, line: &str) -> String {
    let mut child = command(folder, line).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("epoch  1/") {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "{said}");
    }
    signals::interrupt(&child);
    output.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    said
}

#[test]
fn what_cannot_work_is_said_in_one_line() {
    let place = place(8);
    let here = place.path();
    fs::write(here.join("text.ckpt"), "some text").unwrap();
    fs::create_dir_all(here.join("broken/high")).unwrap();
    fs::create_dir_all(here.join("broken/low")).unwrap();
    for speaker in 0..8 {
        for word in ["high", "low"] {
            fs::write(here.join(format!("broken/{word}/s{speaker}_nohash_0.wav")), "RIFF, but no more")
                .unwrap();
        }
    }
    for (line, message) in [
        (
            "train --set train.epoch=3",
            "train.epoch is no key of the configuration; did you mean train.epochs?",
        ),
        ("train --set train.epochs=many", "train.epochs = \"many\": expected a whole number of at least 0"),
        ("train --set data.steps=1000000000", "data.steps: 1000000000; expected 1 to 10000"),
        (
            "train --set network.hidden=[65536,65536]",
            "weights, delays and kernel taps of network.hidden = 8595308544: expected at most",
        ),
        ("train --set train.augment.channel_shift=1e308", "train.augment.channel_shift: found 1"),
        ("train --set train.spread.start=1e39", "train.spread.start: found 1"),
        (
            "train --set train.epsilon=1e-50",
            "train.epsilon: found 1e-50 (0 in f32); expected a finite number above",
        ),
        (
            "train --set train.beta1=0.99999999",
            "train.beta1: found 0.99999999 (1 in f32); expected a number from 0",
        ),
        (
            "train --set train.learning_rate=1e39",
            "train.learning_rate: found 1e39 (inf in f32); expected a finite",
        ),
        (
            "train --set norm.epsilon=1e-60",
            "norm.epsilon = 1e-60 (0 in f32): expected a finite number above 0",
        ),
        (
            "train --seed 3 --set train.seed=4",
            "--seed 3 and --set train.seed=4: these are two values of one key",
        ),
        ("train --set lr=0.1", "lr is no key of the configuration; did you mean train.learning_rate?"),
        ("train --set synapse.delay=true", "synapse.delay = true: expected one of none, fixed, learned"),
        ("train --data fsdd --set data.root=1e3", "1e3: no such folder"),
        ("eval --checkpoint words", "words/best.ckpt: cannot be read: "),
        ("train --set train.on_nonfinite=ignore", "train.on_nonfinite = \"ignore\": expected stop or skip"),
        ("train --set train.epochs=0", "train.epochs: found 0; expected a whole number from 1 to 1000000"),
        ("train --set network.dropout=1.5", "network.dropout = 1.5: expected 0 ≤ dropout < 1"),
        ("train --set synapse.delay=some", "synapse.delay = \"some\": expected one of none, fixed, learned"),
        ("train --set neuron.threshold=-1", "neuron.threshold: expected a finite number above 0, found -1"),
        (
            "train --set neuron.bounds.gamma=[0,1]",
            "neuron.bounds.gamma: no parameter of cadlif; expected one of alpha, beta, a, b",
        ),
        (
            "train --set neuron.bounds.alpha=[0.9,1.1]",
            "neuron.bounds.alpha of cadlif: expected 0 ≤ low ≤ high ≤ 1, found [0.9, 1.1]",
        ),
        ("train --config nothing.toml", "--config nothing.toml: no such file, model or experiment; expected"),
        ("train --data words", "data.root: nothing; expected the folder"),
        ("train --data words --root nowhere", "nowhere: no such folder; expected a folder of words"),
        ("train --data words --root broken", "broken/"),
        ("train --resume --out empty", "empty: no last.ckpt here; expected the folder of a run to --resume"),
        ("eval --checkpoint nowhere.ckpt", "nowhere.ckpt: cannot be read: "),
        (
            "eval --checkpoint text.ckpt",
            "text.ckpt: not a checkpoint of colearn: it begins with \"some tex\"",
        ),
    ] {
        let error = fail(here, line);
        assert!(error.starts_with(&format!("error: {message}")), "{line}: {error}");
        assert_eq!(error.lines().count(), 1, "{line}: {error}");
    }
    for line in
        ["train --epochs 1.5", "train --seed x", "reproduce digits --seeds 0,y", "data show --sample -1"]
    {
        let error = fail(here, line);
        let named = error.contains("expected a whole number from 0 to ") || line.ends_with("-1");
        assert!(named && !error.contains("invalid digit"), "{line}: {error}");
    }
    assert!(
        !here.join("runs").exists() && !here.join("empty").exists(),
        "nothing is left of runs that did not begin"
    );
    let error = fail(here, "train --data mnist");
    assert!(error.contains("expected one of `digits`, `fsdd`, `words`"), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_noticed() {
    let place = place(8);
    let here = place.path();
    succeed(here, &format!("train {TINY} --epochs 1 --out run"));
    let whole = fs::read(here.join("run/best.ckpt")).unwrap();
    fs::write(here.join("short.ckpt"), &whole[..whole.len() / 2]).unwrap();
    let mut changed = whole.clone();
    changed[200] ^= 1;
    fs::write(here.join("changed.ckpt"), changed).unwrap();
    let error = fail(here, "eval --checkpoint short.ckpt");
    let sizes = format!("found {} bytes; expected {}", whole.len() / 2, whole.len());
    assert!(
        error.starts_with("error: short.ckpt: truncated checkpoint: ") && error.contains(&sizes),
        "{error}"
    );
    let error = fail(here, "eval --checkpoint changed.ckpt");
    assert!(error.starts_with("error: changed.ckpt: damaged checkpoint: the SHA-256"), "{error}");
}

#[test]
fn a_run_goes_on_from_the_checkpoint_before_a_damaged_one() {
    let place = place(8);
    let here = place.path();
    succeed(here, &format!("train {TINY} --epochs 6 --out whole"));
    // A run that was killed at its very end: every epoch is there, but no summary.
    succeed(here, &format!("train {TINY} --epochs 6 --out part"));
    fs::remove_file(here.join("part/summary.json")).unwrap();
    let spoil = |name: &str| fs::write(here.join("part").join(name), "no more").unwrap();
    spoil("last.ckpt");
    let output = succeed(here, "train --resume --out part");
    assert!(output.contains("part/last.ckpt: not a checkpoint"), "{output}");
    assert!(output.contains("going on from the checkpoint before it, previous.ckpt"), "{output}");
    assert!(output.contains("going on in epoch 6"), "{output}");
    for key in ["best_sha256", "last_sha256"] {
        assert!(summary(&here.join("part"))[key].as_str().is_some_and(|digits| digits.len() == 64));
        assert_eq!(summary(&here.join("part"))[key], summary(&here.join("whole"))[key], "{key}");
    }
    fs::remove_file(here.join("part/summary.json")).unwrap();
    spoil("last.ckpt");
    spoil("previous.ckpt");
    let error = fail(here, "train --resume --out part");
    let both = ["part/last.ckpt: not a checkpoint", "part/previous.ckpt: not a checkpoint"];
    assert!(both.iter().all(|part| error.contains(part)), "{error}");
}

#[test]
fn a_step_to_infinity_is_said_with_its_place_and_leaves_no_checkpoint() {
    let place = place(8);
    let here = place.path();
    let large = "--set train.learning_rate=6e37 --set train.schedule_kind=constant";
    let error = fail(here, &format!("train {TINY} --out run {large}"));
    assert!(error.starts_with("error: epoch 1, batch 2: the parameter hidden0.weight is "), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(!here.join("run/last.ckpt").exists() && !here.join("run/best.ckpt").exists());
}

#[test]
fn the_printed_configuration_is_the_run_without_it() {
    let place = place(8);
    let here = place.path();
    fs::write(here.join("all.toml"), succeed(here, "config --config d-lif --data words")).unwrap();
    succeed(here, &format!("train --config all.toml {TINY} --epochs 1 --out printed"));
    succeed(here, &format!("train --config d-lif {TINY} --epochs 1 --out named"));
    assert_eq!(settings(&here.join("printed")), settings(&here.join("named")));
    assert_eq!(summary(&here.join("printed"))["last_sha256"], summary(&here.join("named"))["last_sha256"]);
}

#[test]
fn two_runs_never_share_a_folder() {
    let place = place(8);
    let here = place.path();
    fs::create_dir_all(here.join("runs/words-d-cadlif-s0")).unwrap();
    let lock = fs::File::create(here.join("runs/words-d-cadlif-s0/.lock")).unwrap();
    lock.lock().unwrap();
    let error = fail(here, &format!("train {TINY} --out runs/words-d-cadlif-s0"));
    assert!(error.starts_with("error: runs/words-d-cadlif-s0: another process works here"), "{error}");
    // Without --out the next number is free.
    let output = succeed(here, &format!("train {TINY} --epochs 1"));
    assert!(output.contains("run      runs/words-d-cadlif-s0-2"), "{output}");
}

#[test]
fn without_a_test_list_the_summary_says_so() {
    let place = place(8);
    let here = place.path();
    let list = |name: &str, speakers: std::ops::Range<usize>| {
        let rows = ["high", "hiss", "low"].into_iter().flat_map(|word| {
            speakers.clone().map(move |speaker| format!("{word}/speaker{speaker}_nohash_0.wav,{word}"))
        });
        let text = std::iter::once("file,class".to_owned()).chain(rows).collect::<Vec<_>>().join("\n");
        fs::write(here.join("words").join(name), text).unwrap();
    };
    list("train.csv", 0..6);
    list("val.csv", 6..8);
    let output = succeed(here, &format!("train {TINY} --out run"));
    assert!(output.contains("this data set has no test split"), "{output}");
    let summary = summary(&here.join("run"));
    assert!(summary["test_accuracy"].is_null());
    assert_eq!(summary["test_samples"], 0);
    assert!(summary["protocol_warning"].as_str().unwrap().contains("no test split"));
    let error = fail(here, "eval --checkpoint run/best.ckpt --split test");
    assert!(error.starts_with("error: words: this data set has no test split; expected --split"), "{error}");
}

/// A network without spikes goes the whole way: run, files, evaluation, and no figure of spikes or delays.
#[test]
fn a_network_without_spikes_is_trained_and_evaluated() {
    let place = place(8);
    let here = place.path();
    let output = succeed(here, &format!("train {TINY} --config gru --seed 3"));
    assert!(output.contains("model    gru, hidden layers [8]: "), "{output}");
    assert!(output.contains("mean |output| of the hidden layers 0."), "{output}");
    let run = here.join("runs/words-gru-s3");
    for (name, expected) in
        [("curves", true), ("confusion", true), ("raster", false), ("delays", false), ("neurons", false)]
    {
        assert_eq!(run.join(format!("figures/{name}.svg")).exists(), expected, "{name}");
    }
    let summary = summary(&run);
    assert_eq!((summary["model"].as_str(), summary["delay"].as_str()), (Some("gru"), Some("none")));
    let line = format!("eval --checkpoint {}/best.ckpt --split test", run.display());
    let report: Value = serde_json::from_str(&succeed(here, &format!("{line} --json"))).unwrap();
    assert_eq!(report["accuracy"], summary["test_accuracy"]);
    assert!(succeed(here, &line).contains("mean |output| of the hidden layers 0."));
    let message = fail(here, &format!("train {TINY} --config gru --set synapse.delay=learned"));
    let expected = "synapse.delay = learned: expected none: layers without spikes have no delays";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn the_crates_keep_their_layers() {
    let place = tempdir().unwrap();
    let output = succeed(place.path(), "layers");
    assert!(output.contains("crates depend on lower layers only"), "{output}");
}
