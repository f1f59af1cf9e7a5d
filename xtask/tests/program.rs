//! `colearn` and `cargo xtask` are one program under two names: the same arguments make the same output and the same files.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

#[expect(dead_code, reason = "the training tests use the rest")]
mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{TINY, command, words};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// The installed program, which lies beside this one; a test of this package alone builds it first.
fn colearn() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_xtask"))
        .with_file_name(format!("colearn{}", std::env::consts::EXE_SUFFIX));
    if !beside.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        let built =
            cargo.args(["build", "--offline", "--package", "colearn", "--bin", "colearn"]).status().unwrap();
        assert!(built.success() && beside.exists(), "{}: cannot be built", beside.display());
    }
    beside
}

/// What both programs say of a line in folders of the same content: `cargo xtask` first.
fn both(places: &[TempDir; 2], line: &str) -> [Output; 2] {
    let inner = command(places[0].path(), line);
    let mut other = Command::new(colearn());
    other.args(inner.get_args()).current_dir(places[1].path()).env_remove("GLIBC_TUNABLES");
    [inner, other].map(|mut command| command.output().unwrap())
}

/// Text without what differs from run to run: times, the program's name, identities.
fn plain(text: &str) -> String {
    let text = text.replace("cargo xtask", "colearn");
    let timed = |line: &str| {
        let line = line.split("  activity ").next().unwrap_or_default();
        if line.contains(" s in all, ") {
            line.split(',').next().unwrap_or_default().to_owned()
        } else {
            line.to_owned()
        }
    };
    text.lines().map(timed).collect::<Vec<_>>().join("\n")
}

fn texts(output: &Output) -> [String; 2] {
    [&output.stdout, &output.stderr].map(|bytes| plain(std::str::from_utf8(bytes).unwrap()))
}

/// The files of a run that neither time nor identity is in, and of the others what is left without these.
fn files(run: &Path) -> BTreeMap<String, String> {
    let read = |name: &str| fs::read_to_string(run.join(name)).unwrap();
    let mut files = BTreeMap::new();
    let whole = [
        "evaluation.json",
        "example.json",
        "figures/curves.svg",
        "figures/confusion.svg",
        "figures/raster.svg",
    ];
    for name in whole.into_iter().chain(["figures/delays.svg", "figures/neurons.svg"]) {
        files.insert(name.to_owned(), read(name));
    }
    let settings: Vec<String> =
        read("config.toml").lines().filter(|line| !line.starts_with("# run ")).map(str::to_owned).collect();
    files.insert("config.toml".to_owned(), settings.join("\n"));
    let metrics = read("metrics.csv");
    let names: Vec<&str> = metrics.lines().next().unwrap().split(',').collect();
    let kept = |row: &str| {
        let cells = row.split(',').zip(&names).filter(|(_, name)| !name.contains("second"));
        cells.map(|(cell, _)| cell).collect::<Vec<_>>().join(",")
    };
    files.insert("metrics.csv".to_owned(), metrics.lines().map(kept).collect::<Vec<_>>().join("\n"));
    let Value::Object(mut summary) = serde_json::from_str(&read("summary.json")).unwrap() else {
        panic!("a summary is an object")
    };
    for name in
        ["run", "files", "command", "finished", "samples_per_second", "waited_seconds", "wall_seconds"]
    {
        assert!(summary.remove(name).is_some(), "{name}");
    }
    summary.remove("peak_rss_bytes");
    files.insert("summary.json".to_owned(), Value::Object(summary).to_string());
    files
}

#[test]
fn both_programs_make_the_same_of_the_same_arguments() {
    let places = [tempdir().unwrap(), tempdir().unwrap()];
    for place in &places {
        words(&place.path().join("words"), 8);
    }
    // The name of a cache tells where the sounds lie.
    let train = format!("train {TINY} --no-cache --out run");
    for (line, code) in [
        (train.as_str(), 0),
        (train.as_str(), 2),
        ("eval --checkpoint run --no-cache --csv scores.csv", 0),
        ("compare run", 0),
        ("config --config d-lif", 0),
        ("data stats --data words --root words --no-cache", 0),
        ("train --set train.epoch=3", 2),
        ("nonsense", 2),
        ("train --help", 0),
    ] {
        let [xtask, colearn] = both(&places, line);
        assert_eq!(texts(&xtask), texts(&colearn), "{line}");
        let codes = [xtask.status.code(), colearn.status.code()];
        assert_eq!(codes, [Some(code); 2], "{line}: {}", String::from_utf8_lossy(&colearn.stderr));
    }
    let [ours, theirs] = places.each_ref().map(|place| files(&place.path().join("run")));
    for (name, text) in &ours {
        assert!(*text == theirs[name], "{name}: the two programs wrote different files");
    }
    let scores = places.each_ref().map(|place| fs::read_to_string(place.path().join("scores.csv")).unwrap());
    assert_eq!(scores[0], scores[1]);
    let command = |place: &TempDir| {
        let summary = fs::read_to_string(place.path().join("run/summary.json")).unwrap();
        let summary: Value = serde_json::from_str(&summary).unwrap();
        summary["command"].as_str().unwrap().split(" --").next().unwrap().to_owned()
    };
    assert_eq!(places.each_ref().map(command), ["cargo xtask train", "colearn train"]);
}
