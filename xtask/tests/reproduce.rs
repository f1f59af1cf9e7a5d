//! `xtask reproduce` and `xtask compare` as a user runs them.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod common;
#[path = "common/signals.rs"]
mod signals;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{TINY, fail, succeed, words, xtask};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

const TABLES: [&str; 3] = ["table.md", "table.csv", "summary.json"];

const SMALL: &str = r#"
title = "Three words"
data = "words"
seeds = [0, 1]

[settings]
data.steps = 12
data.bands = 10
data.validation_share = 0.25
network.hidden = [8]
train.batch = 6
train.epochs = 2
synapse.max_delay = 4

[[cell]]
name = "plain"
label = "LIF"
settings = { model = "lif" }

[[cell]]
name = "delays"
label = "LIF with delays"
settings = { model = "d-lif" }

[[pair]]
first = "delays"
second = "plain"
asks = "do delays help?"

[[published]]
cell = "delays"
percent = 95.5
selected_on = "test"
source = "a paper"
"#;

/// A folder with the words and the comparison in `three.toml`.
fn place(comparison: &str) -> TempDir {
    let folder = tempdir().unwrap();
    words(&folder.path().join("words"), 8);
    fs::write(folder.path().join("three.toml"), comparison).unwrap();
    folder
}

const RUN: &str = "reproduce three.toml --root words --no-cache";

fn tables(folder: &Path) -> Vec<String> {
    TABLES.iter().map(|name| fs::read_to_string(folder.join(name)).unwrap()).collect()
}

/// The file times of every checkpoint: a job that is run again replaces them.
fn checkpoints(folder: &Path, cells: &[&str]) -> Vec<std::time::SystemTime> {
    let files = cells.iter().flat_map(|cell| [0, 1].map(|seed| format!("{cell}/seed-{seed}/last.ckpt")));
    files.map(|file| fs::metadata(folder.join(file)).unwrap().modified().unwrap()).collect()
}

#[test]
fn a_comparison_is_made_once_and_not_mixed_with_another() {
    let place = place(SMALL);
    let here = place.path();
    let output = succeed(here, RUN);
    assert!(output.contains("4 jobs: 2 cells, 2 seeds; 0 finished before"), "{output}");
    for name in ["plain seed 0", "plain seed 1", "delays seed 0", "delays seed 1"] {
        assert!(output.contains(&format!("] {name}: ")), "{name} in {output}");
    }
    let folder = here.join("runs/reproduce/three");
    for name in ["config.toml", "metrics.csv", "best.ckpt", "last.ckpt", "summary.json", "figures/curves.svg"]
    {
        assert!(folder.join("delays/seed-1").join(name).is_file(), "{name}");
    }
    let first = tables(&folder);
    for part in [" 2/2 |", "95.5 [selected on TEST]", "do delays help?"] {
        assert!(first[0].contains(part), "{part} in {}", first[0]);
    }
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    for part in ["<h1>Three words, 2 epochs</h1>", "2 cells, 4 runs.", "do delays help?", "a paper"] {
        assert!(page.contains(part), "{part}");
    }
    let summary: Value = serde_json::from_str(&first[2]).unwrap();
    let seed: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("delays/seed-1/summary.json")).unwrap())
            .unwrap();
    assert_eq!(summary["rows"][1]["per_seed"][1]["accuracy"], seed["test_accuracy"]);
    assert_eq!(summary["rows"][1]["samples"], seed["test_samples"]);

    let written = checkpoints(&folder, &["plain", "delays"]);
    let output = succeed(here, RUN);
    assert!(output.contains("4 finished before"), "{output}");
    assert_eq!(checkpoints(&folder, &["plain", "delays"]), written, "nothing is run again");
    assert_eq!(tables(&folder), first);

    for (more, message) in [
        ("--epochs 3", "plain/seed-0: train.epochs: found 3; expected 2, with which the run"),
        ("--set network.hidden=[9]", "plain/seed-0: network.hidden: found [9]; expected [8]"),
        ("--cells nothing", "--cells nothing: no such cell; expected some of plain, delays"),
        ("--set train.seed=3", "--set train.seed: a comparison sets this itself"),
    ] {
        let error = fail(here, &format!("{RUN} {more}"));
        assert!(error.contains(message), "{more}: {error}");
    }
    let error = fail(here, "reproduce three.toml");
    assert!(error.contains("expected --root with the folder"), "{error}");
    let error = fail(here, "reproduce nothing");
    assert!(error.starts_with("error: nothing: no such comparison or file; expected"), "{error}");
    assert_eq!(tables(&folder), first);

    // Neither the number of jobs at once nor that of threads shows in a result.
    succeed(here, &format!("{RUN} --out other --jobs 3 --threads 2"));
    assert_eq!(tables(&here.join("other")), first);
}

#[test]
fn a_part_of_a_comparison_is_a_part_of_its_tables() {
    let place = place(SMALL);
    let here = place.path();
    succeed(here, &format!("{RUN} --table-only --out nothing"));
    assert!(here.join("nothing/table.md").exists() && !here.join("nothing/report.html").exists());
    succeed(here, &format!("{RUN} --cells delays --seeds 1"));
    let folder = here.join("runs/reproduce/three");
    assert!(!folder.join("plain").exists());
    let part = tables(&folder);
    assert!(part[0].contains(" 1/1 |") && !part[0].contains("## Pairs"), "{}", part[0]);
    let output = succeed(here, &format!("{RUN} --table-only"));
    assert!(output.contains(" 0/2 |") && output.contains(" 1/2 |"), "{output}");
    assert!(!folder.join("plain").exists(), "nothing was run");
    let output = succeed(here, RUN);
    assert!(output.contains("1 finished before"), "{output}");
}

#[test]
fn a_broken_cell_is_named_and_stops_nothing() {
    let broken = "\n[[cell]]\nname = \"unknown\"\nlabel = \"x\"\nsettings = { neuron.modell = 1 }\n\
                  [[cell]]\nname = \"infinite\"\nlabel = \"y\"\nsettings = { train.learning_rate = 1e30 }\n\
                  [[cell]]\nname = \"homeless\"\nlabel = \"z\"\nsettings = { data.root = \"nowhere\" }\n";
    let place = place(&format!("{SMALL}{broken}"));
    let here = place.path();
    let output = xtask(here, RUN);
    assert_eq!(output.status.code(), Some(1));
    let (said, error) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    for part in [
        "error: unknown seed 0: cell unknown: neuron.modell is no key of the configuration",
        "error: infinite seed 1: epoch ",
        "error: homeless seed 0: nowhere: no such folder",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert_eq!(error.lines().count(), 6, "{error}");
    assert!(said.contains("6 of 10 jobs failed"), "{said}");
    let folder = here.join("runs/reproduce/three");
    let text = fs::read_to_string(folder.join("table.md")).unwrap();
    assert_eq!((text.matches(" 2/2 |").count(), text.matches(" 0/2 |").count()), (2, 3), "{text}");
}

/// Starts a longer comparison, one job at a time, and waits until one job is finished and another has begun.
fn start(here: &Path) -> (Child, BufReader<ChildStdout>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(RUN.split_whitespace()).args(["--jobs", "1", "--tensorboard"]);
    let mut child = command.current_dir(here).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("] plain seed 0: ") {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let second = here.join("runs/reproduce/three/delays/seed-0/last.ckpt");
    while !second.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped: {said}");
        std::thread::yield_now();
    }
    (child, output, said)
}

/// A comparison long enough to be stopped in the middle of a job, and its tables made without a stop.
fn long_one() -> (TempDir, Vec<String>) {
    let place = place(&SMALL.replace("train.epochs = 2", "train.epochs = 40"));
    succeed(place.path(), &format!("{RUN} --out whole"));
    let whole = tables(&place.path().join("whole"));
    (place, whole)
}

#[test]
fn a_killed_comparison_goes_on_to_the_same_tables() {
    let (place, whole) = long_one();
    let here = place.path();
    let (mut child, _output, _said) = start(here);
    child.kill().unwrap();
    child.wait().unwrap();
    let folder = here.join("runs/reproduce/three");
    assert!(!folder.join("delays/seed-0/summary.json").exists(), "killed in the middle of a job");
    let finished = fs::metadata(folder.join("plain/seed-0/last.ckpt")).unwrap().modified().unwrap();
    // What a process leaves that was killed while it wrote.
    fs::write(folder.join("table.md.4711-0.part"), "half a table").unwrap();
    let output = succeed(here, RUN);
    assert!(output.contains("1 finished before"), "{output}");
    assert_eq!(tables(&folder), whole);
    let now = fs::metadata(folder.join("plain/seed-0/last.ckpt")).unwrap().modified().unwrap();
    assert_eq!(now, finished, "a finished job is not run again");
}

#[test]
fn ctrl_c_stops_cleanly_and_the_same_command_goes_on() {
    let (place, whole) = long_one();
    let here = place.path();
    let (mut child, mut output, mut said) = start(here);
    signals::interrupt(&child);
    output.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("stopped with 3 of 4 jobs open; the same command goes on"), "{said}");
    assert!(said.contains(" 1/2 |"), "the tables so far: {said}");
    let folder = here.join("runs/reproduce/three");
    let output = succeed(here, &format!("{RUN} --tensorboard"));
    assert!(output.contains("1 finished before"), "{output}");
    assert_eq!(tables(&folder), whole);
    let run = folder.join("delays/seed-0");
    let events = event_files(&run);
    assert_eq!(events.len(), 1, "one file after going on: {events:?}");
    assert_eq!(records(&fs::read(&events[0]).unwrap()), 1 + 40, "the version and each epoch once");
}

fn event_files(run: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(run).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.display().to_string().contains("events.out.tfevents.")).collect()
}

/// Records of an event file, by their lengths.
fn records(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        bytes = &bytes[12 + usize::try_from(length).unwrap() + 4..];
        count += 1;
    }
    count
}

#[test]
fn two_processes_do_not_work_in_one_folder() {
    let place = place(SMALL);
    let here = place.path();
    fs::create_dir_all(here.join("taken")).unwrap();
    let lock = fs::File::create(here.join("taken/.lock")).unwrap();
    lock.lock().unwrap();
    let error = fail(here, &format!("{RUN} --out taken"));
    assert!(error.starts_with("error: taken: another process works here"), "{error}");
    drop(lock);
    succeed(here, &format!("{RUN} --out taken --cells plain"));
}

#[test]
fn speakers_are_left_out_in_turn() {
    let place =
        place(&SMALL.replace("seeds = [0, 1]", "seeds = [0, 1]\nleave_out = [\"speaker1\", \"speaker4\"]"));
    let here = place.path();
    let output = succeed(here, &format!("{RUN} --cells plain"));
    assert!(output.contains("4 jobs: 1 cells, 2 seeds, 2 speakers left out in turn"), "{output}");
    assert!(output.contains("] plain seed 1 without speaker4: "), "{output}");
    let folder = here.join("runs/reproduce/three");
    let accuracy = |speaker: &str| {
        let file = folder.join("plain/seed-0").join(speaker).join("summary.json");
        let summary: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        summary["test_accuracy"].as_f64().unwrap()
    };
    let mean = f64::midpoint(accuracy("speaker1"), accuracy("speaker4"));
    let summary: Value = serde_json::from_str(&tables(&folder)[2]).unwrap();
    let found = summary["rows"][0]["per_seed"][0]["accuracy"].as_f64().unwrap();
    assert!((found - mean).abs() < 1e-12);
    assert!(tables(&folder)[0].contains("## Each speaker left out"));
}

#[test]
fn any_runs_can_be_compared() {
    let place = place(SMALL);
    let here = place.path();
    succeed(here, RUN);
    let output = succeed(here, "compare runs/reproduce/three --out tables");
    for part in ["| delays ", "| plain ", "plain − delays", "## Settings that differ", "| synapse.delay "] {
        assert!(output.contains(part), "{part} in {output}");
    }
    assert!(!output.contains("| train.seed "), "seeds make no difference: {output}");
    assert!(output.contains(tables(&here.join("tables"))[0].trim_end()));
    let (made, compared) = (tables(&here.join("runs/reproduce/three")), tables(&here.join("tables")));
    let accuracy = |text: &str, row: usize| {
        let value: Value = serde_json::from_str(text).unwrap();
        value["rows"][row]["accuracy"].clone()
    };
    assert_eq!(accuracy(&made[2], 1), accuracy(&compared[2], 0), "the rows are in the order of the folders");

    let one = "runs/reproduce/three/plain/seed-0";
    succeed(here, &format!("train {TINY} --seed 5 --out mine --tensorboard"));
    assert_eq!(event_files(&here.join("mine")).len(), 1);
    let output = succeed(here, &format!("compare mine {one}"));
    assert!(output.contains("| mine ") && output.contains("| neuron.model "), "{output}");
    for (line, message) in [
        (format!("compare {one} {one}"), "found the settings and the seed of"),
        ("compare words".to_owned(), "words: no finished run here; expected a folder with config.toml and"),
        ("compare nowhere".to_owned(), "nowhere: cannot be read"),
    ] {
        let error = fail(here, &line);
        assert!(error.contains(message), "{line}: {error}");
    }
}
