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
    let mean = |line: &str| line.split(',').nth(2).unwrap().parse::<f64>().unwrap();
    let means: Vec<f64> = accuracy.lines().skip(1).map(mean).collect();
    assert!(means.windows(2).all(|pair| pair[0] >= pair[1]), "by result: {accuracy}");
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["d-cadlif", "gru", "lif"]);
    assert!(html.contains("Of 3 cells, ") && html.contains("cargo xtask train --data words --root words"));
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
    assert!(read(&here.join("run/report.md")).contains(&percent), "{percent}");
    let accuracy = read(&here.join("run/report/accuracy.csv"));
    let share: f64 = accuracy.lines().nth(1).unwrap().split(',').nth(2).unwrap().parse().unwrap();
    assert!((share - summary["test_accuracy"].as_f64().unwrap()).abs() < 1e-12, "{accuracy}");
    for key in ["version", "command", "finished", "machine"] {
        assert!(read(&here.join("run/report.md")).contains(summary[key].as_str().unwrap()), "{key}");
    }
    let wrong = stored["wrong"].as_array().unwrap();
    let report = &stored["rounded"]["evaluation"];
    let right = (report["accuracy"].as_f64().unwrap() * report["samples"].as_f64().unwrap()).round();
    assert!(
        (report["samples"].as_f64().unwrap() - right - wrong.len() as f64).abs() < 1e-9,
        "each mistake by name"
    );

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
fn every_sample_has_its_scores_in_json_and_csv() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 8);
    succeed(here, &format!("train {TINY} --out run"));
    let line = "eval --checkpoint run/best.ckpt --split test --threads 1 --json --csv scores.csv";
    let said: Value = serde_json::from_str(&succeed(here, line)).unwrap();
    let classes: Vec<&str> =
        said["classes"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    let predictions = said["predictions"].as_array().unwrap();
    assert_eq!(predictions.len() as u64, said["samples"].as_u64().unwrap());
    let mut confusion = vec![vec![0_u64; classes.len()]; classes.len()];
    let place_of = |class: &Value| classes.iter().position(|known| Some(*known) == class.as_str()).unwrap();
    let mut wrong = Vec::new();
    for sample in predictions {
        let scores: Vec<f64> =
            sample["scores"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
        let (truth, predicted) = (place_of(&sample["true_class"]), place_of(&sample["predicted_class"]));
        assert!(scores.iter().all(|score| *score <= scores[predicted]), "{sample}");
        confusion[truth][predicted] += 1;
        if truth != predicted {
            wrong.push(sample["id"].as_str().unwrap());
        }
    }
    assert_eq!(serde_json::to_value(&confusion).unwrap(), said["confusion"]);
    // The same names in the run's own file.
    let stored: Value = serde_json::from_str(&read(&here.join("run/evaluation.json"))).unwrap();
    let named: Vec<&str> =
        stored["wrong"].as_array().unwrap().iter().map(|w| w["id"].as_str().unwrap()).collect();
    assert_eq!(named, wrong);
    // And the same numbers in the table.
    let text = read(&here.join("scores.csv"));
    let mut lines = text.lines();
    let head: Vec<String> = ["id", "true_class", "predicted_class", "right"].map(str::to_owned).into();
    let head = head.into_iter().chain(classes.iter().map(|class| format!("score_{class}")));
    assert_eq!(lines.next().unwrap(), head.collect::<Vec<_>>().join(","));
    for (line, sample) in lines.zip(predictions) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[0], sample["id"]);
        assert_eq!(cells[3] == "1", sample["true_class"] == sample["predicted_class"]);
        for (cell, score) in cells[4..].iter().zip(sample["scores"].as_array().unwrap()) {
            assert!((cell.parse::<f64>().unwrap() - score.as_f64().unwrap()).abs() < 1e-6, "{line}");
        }
    }
    assert_eq!(text.lines().count(), 1 + predictions.len());
    // The table is made anew; what is no such table stays.
    fs::write(here.join("notes.txt"), "mine").unwrap();
    for file in ["notes.txt", "run/best.ckpt"] {
        let before = fs::read(here.join(file)).unwrap();
        let error = fail(here, &line.replace("scores.csv", file));
        assert!(
            error.starts_with(&format!("error: {file}: is there and is no table of predictions")),
            "{error}"
        );
        assert_eq!(fs::read(here.join(file)).unwrap(), before);
    }
    succeed(here, line);
    assert_eq!(read(&here.join("scores.csv")), text);
}

#[test]
fn a_page_of_several_folders_needs_a_place_of_its_own() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 8);
    for seed in [0, 1] {
        succeed(here, &format!("train {TINY} --config lif --seed {seed} --out run{seed}"));
    }
    succeed(here, "report run0");
    let own = read(&here.join("run0/report.html"));
    let error = fail(here, "report run0 run1");
    assert!(error.starts_with("error: found 2 folders and no --out; expected --out FOLDER"), "{error}");
    succeed(here, "report run0 run1 --out both");
    assert_eq!(read(&here.join("run0/report.html")), own, "the page of the first run stays");
    assert!(here.join("both/report.html").is_file());
    // Tables of an earlier page go, what is not ours stays.
    fs::write(here.join("both/report/notes.csv"), "mine").unwrap();
    fs::remove_file(here.join("run0/evaluation.json")).unwrap();
    fs::remove_file(here.join("run1/evaluation.json")).unwrap();
    assert!(here.join("both/report/confusion-run0.csv").exists());
    succeed(here, "report run0 run1 --out both");
    assert!(!here.join("both/report/confusion-run0.csv").exists());
    assert_eq!(read(&here.join("both/report/notes.csv")), "mine");
}

/// As a run with infinite numbers leaves them: `null` in JSON. And a file that was cut off.
#[test]
fn a_broken_file_of_one_run_does_not_cost_a_comparison_its_page() {
    let place = tempdir().unwrap();
    let here = place.path();
    words(&here.join("words"), 8);
    for model in ["lif", "cadlif"] {
        succeed(here, &format!("train {TINY} --config {model} --out all/{model}"));
    }
    // A run of a version that did not keep the checksums of its files, with which a changed one is refused. Its checkpoint
    // would tell the run's name, so it goes.
    fs::remove_file(here.join("all/lif/best.ckpt")).unwrap();
    let config = here.join("all/lif/config.toml");
    let text = read(&config);
    fs::write(
        &config,
        text.lines().filter(|line| !line.starts_with("# run ")).collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    let change = |name: &str, edit: &dyn Fn(&mut Value)| {
        let file = here.join("all/lif").join(name);
        let mut value: Value = serde_json::from_str(&read(&file)).unwrap();
        edit(&mut value);
        fs::write(&file, value.to_string()).unwrap();
    };
    change("summary.json", &|value| {
        value["hidden_rates"] = serde_json::json!([null]);
        value
            .as_object_mut()
            .unwrap()
            .retain(|key, _| !["run", "files", "best_sha256"].contains(&key.as_str()));
    });
    change("evaluation.json", &|value| value["rounded"]["rates"] = serde_json::json!([null]));
    change("example.json", &|value| value["input"]["data"][3] = Value::Null);
    succeed(here, "report all");
    assert!(!read(&here.join("all/report.html")).contains("NaN"));
    let file = here.join("all/lif/example.json");
    fs::write(&file, &read(&file)[..40]).unwrap();
    succeed(here, "report all");
    let markdown = read(&here.join("all/report.md"));
    assert!(markdown.contains("all/lif/example.json: EOF while parsing"), "{markdown}");
    assert!(markdown.contains("lif: no example utterance"), "{markdown}");
    succeed(here, "compare all");
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
