//! `xtask report` as a user runs it, on runs that were trained a moment before.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod common;

use std::fs;
use std::path::Path;

use common::{TINY, fail, succeed, words};
use serde_json::Value;
use tempfile::tempdir;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn an_experiment_becomes_one_page_that_keeps_to_itself() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 8);
    for (model, seed) in [("d-cadlif", 0), ("d-cadlif", 1), ("gru", 0), ("lif", 0)] {
        succeed(here, &format!("train {TINY} --config {model} --seed {seed} --out all/{model}/seed-{seed}"));
    }
    let said = succeed(here, "report all --title Tones");
    assert!(said.starts_with("all/report.html\nall/report.md\nall/report/accuracy.csv\n"), "{said}");
    for line in said.lines() {
        assert!(here.join(line).is_file(), "{line}");
    }
    let html = read(&here.join("all/report.html"));
    assert!(html.contains("<h1>Tones</h1>") && html.contains("3 cells, 4 runs."));
    for word in ["NaN", "http", "<script", "src=", "url("] {
        assert!(!html.contains(word), "{word}");
    }
    let accuracy = read(&here.join("all/report/accuracy.csv"));
    let names: Vec<&str> = accuracy.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(names, ["d-cadlif", "gru", "lif"]);
    let markdown = read(&here.join("all/report.md"));
    assert!(
        markdown.contains("lif: this network has no delays.") && markdown.contains("| d-cadlif | hidden0 |")
    );
    let without = "gru: a network without spikes, which has none of this.";
    assert_eq!(markdown.matches(without).count(), 4, "delays, neurons, stability, responses");
    for said in ["gru: no example utterance", "gru: no spikes to count.", "gru, lif: no learned delays"] {
        assert!(markdown.contains(said), "{said} in {markdown}");
    }
    assert_eq!(succeed(here, "report all --title Tones"), said, "a page is written again");
    assert_eq!(read(&here.join("all/report.html")), html, "the same runs give the same bytes");
}

#[test]
fn the_page_repeats_what_the_run_said_and_an_older_folder_is_still_read() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 8);
    succeed(here, &format!("train {TINY} --out run"));
    succeed(here, "report run");
    let summary: Value = serde_json::from_str(&read(&here.join("run/summary.json"))).unwrap();
    let stored: Value = serde_json::from_str(&read(&here.join("run/evaluation.json"))).unwrap();
    assert_eq!(stored["rounded"]["evaluation"]["accuracy"], summary["test_accuracy"]);
    assert_eq!(stored["rounded"]["rates"], summary["hidden_rates"]);
    assert!(stored["unrounded"]["evaluation"]["accuracy"].is_number());
    let percent = format!("{:.2} %", 100.0 * summary["test_accuracy"].as_f64().unwrap());
    assert!(read(&here.join("run/report/accuracy.csv")).contains(&percent), "{percent}");

    for name in ["evaluation.json", "example.json"] {
        fs::remove_file(here.join("run").join(name)).unwrap();
    }
    succeed(here, "report run --out older");
    let markdown = read(&here.join("older/report.md"));
    for reason in ["no example utterance", "no confusion matrix", "no learned delays, or runs from before"] {
        assert!(markdown.contains(reason), "{reason}");
    }
    assert!(markdown.contains("| hidden0 |"), "the network is in the checkpoint");

    fs::write(here.join("run/best.ckpt"), "no checkpoint").unwrap();
    succeed(here, "report run --out bare");
    let markdown = read(&here.join("bare/report.md"));
    assert!(markdown.contains("no spiking network to look into (run/best.ckpt: not a checkpoint"));
}

/// A step so large that the network is infinite after the only batch that counted.
#[test]
fn a_run_with_infinite_numbers_is_told_and_costs_no_page() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 8);
    let bad =
        "--set train.on_nonfinite=skip --set train.learning_rate=1e37 --set train.schedule_kind=constant";
    let said = succeed(here, &format!("train {TINY} --epochs 1 {bad} --out all/bad"));
    assert!(said.contains("no sample was decided: "), "{said}");
    let said = succeed(here, "eval --checkpoint all/bad");
    assert!(said.contains("no sample was decided: ") && !said.contains("0.0 %"), "{said}");
    assert!(!said.contains("true \\ predicted"), "no empty table: {said}");
    succeed(here, &format!("train {TINY} --epochs 1 --out all/good"));
    succeed(here, "report all");
    succeed(here, "compare all/good all/bad");
    let html = read(&here.join("all/report.html"));
    assert!(html.contains("2 cells, 2 runs."), "{html:.2000}");
    for word in ["NaN", "inf "] {
        assert!(!html.contains(word), "{word}");
    }
}

#[test]
fn what_is_no_run_is_said_in_one_line() {
    let place = tempdir().unwrap();
    let here = place.path();
    fs::create_dir_all(here.join("empty/inside")).unwrap();
    fs::create_dir_all(here.join("broken")).unwrap();
    fs::write(here.join("broken/summary.json"), "{").unwrap();
    fs::write(here.join("broken/config.toml"), "").unwrap();
    fs::create_dir_all(here.join("tables")).unwrap();
    fs::write(here.join("tables/summary.json"), "{}").unwrap();
    for (line, message) in [
        ("report empty", "empty: no finished run here; expected a folder with config.toml and summary.json"),
        (
            "report tables",
            "tables: no finished run here; expected a folder with config.toml and summary.json",
        ),
        ("report nowhere", "nowhere: cannot be read: "),
        ("report broken", "broken/summary.json: not the summary of a run: EOF while parsing"),
    ] {
        let error = fail(here, line);
        assert!(error.starts_with(&format!("error: {message}")), "{line}: {error}");
        assert_eq!(error.lines().count(), 1, "{line}: {error}");
    }
}
