//! What `xtask` does with folders that hold something already, change under it, or hold files of several runs.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{TINY, command, fail, succeed, words};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

fn place() -> TempDir {
    let folder = tempdir().unwrap();
    words(&folder.path().join("words"), 8);
    folder
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn summary(run: &Path) -> Value {
    serde_json::from_str(&read(&run.join("summary.json"))).unwrap()
}

/// The bits of a run: its best and its last network.
fn bits(run: &Path) -> [Value; 2] {
    ["best_sha256", "last_sha256"].map(|key| summary(run)[key].clone())
}

/// A finished run becomes one that was killed at its very end: every epoch is there, but no summary.
fn unfinished(run: &Path) {
    fs::remove_file(run.join("summary.json")).unwrap();
}

#[test]
fn a_new_run_leaves_what_is_there_as_it_is() {
    let place = place();
    let here = place.path();
    fs::create_dir(here.join("exp")).unwrap();
    let mine = "model = \"d-lif\"  # my best idea\n";
    fs::write(here.join("exp/config.toml"), mine).unwrap();
    let error = fail(here, &format!("train {TINY} --config exp/config.toml --out exp"));
    assert!(
        error.starts_with("error: exp: holds config.toml, which a run writes; expected a folder"),
        "{error}"
    );
    assert_eq!(read(&here.join("exp/config.toml")), mine);
    assert_eq!(fs::read_dir(here.join("exp")).unwrap().count(), 1, "nothing is added");
    // Beside other names a run does its work, and its settings can be given to the next.
    fs::rename(here.join("exp/config.toml"), here.join("exp/mine.toml")).unwrap();
    succeed(here, &format!("train {TINY} --config exp/mine.toml --out exp"));
    let config = read(&here.join("exp/config.toml"));
    let run = summary(&here.join("exp"))["run"].as_str().unwrap().to_owned();
    assert!(config.contains(&format!("# run {run}\n")), "{config}");
    let again = succeed(here, "train --config exp/config.toml --threads 1 --out again");
    assert!(again.contains("run      again"), "{again}");
    assert_eq!(bits(&here.join("exp")), bits(&here.join("again")));
    assert_ne!(summary(&here.join("again"))["run"].as_str(), Some(run.as_str()), "every run has its own");
}

#[test]
fn tables_and_pages_replace_their_like_alone() {
    let place = place();
    let here = place.path();
    succeed(here, &format!("train {TINY} --out run"));
    for (name, line) in [
        ("report.html", "report run --out notes"),
        ("report/accuracy.csv", "report run --out notes"),
        ("table.md", "compare run --out notes"),
        ("summary.json", "compare run --out notes"),
        ("table.csv", "reproduce digits --table-only --out notes"),
        ("report.md", "reproduce digits --epochs 1 --out notes"),
    ] {
        fs::create_dir_all(here.join("notes/report")).unwrap();
        fs::write(here.join("notes").join(name), "of mine").unwrap();
        let error = fail(here, line);
        assert!(
            error.starts_with(&format!("error: notes: holds {name}, which this command writes")),
            "{error}"
        );
        assert_eq!(read(&here.join("notes").join(name)), "of mine");
        fs::remove_dir_all(here.join("notes")).unwrap();
    }
    // A run's summary is not that of a comparison.
    let error = fail(here, "compare run --out run");
    assert!(error.starts_with("error: run: holds summary.json, which this command writes"), "{error}");
    for line in ["report run --out notes", "compare run --out notes"] {
        let said = succeed(here, line);
        assert_eq!(succeed(here, line), said, "its own files are replaced");
    }
    fs::write(here.join("notes/table.md"), "my remarks").unwrap();
    fail(here, "compare run --out notes");
    assert_eq!(read(&here.join("notes/table.md")), "my remarks");
}

#[test]
fn a_run_that_goes_on_makes_its_folder_what_the_checkpoint_knows() {
    let place = place();
    let here = place.path();
    let (run, other) = (here.join("run"), here.join("other"));
    succeed(here, &format!("train {TINY} --seed 5 --epochs 3 --out run"));
    succeed(here, &format!("train {TINY} --seed 6 --epochs 3 --out other"));
    let (whole, config, metrics) =
        (bits(&run), read(&run.join("config.toml")), read(&run.join("metrics.csv")));
    let foreign = fs::read(other.join("best.ckpt")).unwrap();
    let edited = config.replace("seed = 5", "seed = 0");
    let half = &config[..config.len() / 2];
    let header = metrics.lines().next().unwrap();
    for (name, content, fault) in [
        ("best.ckpt", None, "best.ckpt: cannot be read: "),
        ("best.ckpt", Some(&b""[..]), "best.ckpt: not a checkpoint"),
        ("best.ckpt", Some(&foreign), "best.ckpt: of another run; best.ckpt is written anew"),
        ("config.toml", None, "config.toml: cannot be read: "),
        (
            "config.toml",
            Some(b""),
            "config.toml: is not what the run wrote; written anew from the checkpoint",
        ),
        ("config.toml", Some(half.as_bytes()), "config.toml: is not what the run wrote; written anew"),
        ("config.toml", Some(edited.as_bytes()), "config.toml: is not what the run wrote; written anew"),
        ("metrics.csv", Some(b"epoch\n7\n"), "metrics.csv: is not what the run wrote; written anew"),
        ("metrics.csv", Some(format!("{header}\n").as_bytes()), ""),
    ] {
        unfinished(&run);
        fs::remove_file(run.join(name)).unwrap();
        if let Some(content) = content {
            fs::write(run.join(name), content).unwrap();
        }
        let said = succeed(here, "train --resume --out run");
        assert!(said.contains(fault), "{name}: {said}");
        assert_eq!(said.contains("written anew"), !fault.is_empty(), "{said}");
        assert_eq!((bits(&run), read(&run.join("config.toml"))), (whole.clone(), config.clone()), "{name}");
        assert_eq!(read(&run.join("metrics.csv")), metrics, "{name}");
        succeed(here, "eval --checkpoint run/best.ckpt");
        succeed(here, "report run --out page");
        fs::remove_dir_all(here.join("page")).unwrap();
    }
    // Settings of another run are somebody's, and not replaced.
    unfinished(&run);
    fs::copy(other.join("config.toml"), run.join("config.toml")).unwrap();
    let error = fail(here, "train --resume --out run");
    assert!(
        error.starts_with("error: run/config.toml: of run ") && error.contains("two runs are mixed"),
        "{error}"
    );
    assert_eq!(read(&run.join("config.toml")), read(&other.join("config.toml")));
}

#[test]
fn files_of_two_runs_are_not_taken_for_one() {
    let place = place();
    let here = place.path();
    succeed(here, &format!("train {TINY} --seed 1 --out a"));
    succeed(here, &format!("train {TINY} --seed 2 --out b"));
    let (a, b) = (here.join("a"), here.join("b"));
    for (name, lines, fault) in [
        ("config.toml", &["report a", "compare a"][..], "config.toml: of run "),
        ("summary.json", &["report a", "compare a"], "a/config.toml: of run "),
        (
            "best.ckpt",
            &["report a", "eval --checkpoint a/best.ckpt"],
            "a/best.ckpt: a checkpoint of the run ",
        ),
        (
            "metrics.csv",
            &["report a"],
            "a/metrics.csv: changed since the run ended, or of another run: found",
        ),
        (
            "evaluation.json",
            &["report a"],
            "a/evaluation.json: changed since the run ended, or of another run",
        ),
        ("example.json", &["report a"], "a/example.json: changed since the run ended, or of another run"),
    ] {
        let own = fs::read(a.join(name)).unwrap();
        fs::copy(b.join(name), a.join(name)).unwrap();
        for line in lines {
            let error = fail(here, line);
            assert!(error.contains(fault), "{line}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        fs::write(a.join(name), own).unwrap();
    }
    // An earlier state of the same run is not its best one.
    let best = fs::read(a.join("best.ckpt")).unwrap();
    for state in ["last.ckpt", "previous.ckpt"] {
        fs::copy(a.join(state), a.join("best.ckpt")).unwrap();
        if fs::read(a.join(state)).unwrap() != best {
            let error = fail(here, "eval --checkpoint a/best.ckpt");
            assert!(error.contains("a/best.ckpt: not the best network of this run: found"), "{error}");
        }
    }
    fs::write(a.join("best.ckpt"), &best).unwrap();
    // Settings that were edited afterwards are not the run's.
    let config = read(&a.join("config.toml"));
    fs::write(a.join("config.toml"), config.replace("seed = 1", "seed = 7")).unwrap();
    let error = fail(here, "compare a b");
    assert!(error.contains("a/config.toml: changed since the run ended"), "{error}");
    fs::write(a.join("config.toml"), config).unwrap();
    succeed(here, "compare a b");
    succeed(here, "report a");
    // Alone, a checkpoint is nobody's but its own.
    fs::copy(b.join("best.ckpt"), here.join("alone.ckpt")).unwrap();
    let report: Value = serde_json::from_str(&succeed(here, "eval --checkpoint alone.ckpt --json")).unwrap();
    assert_eq!(report["run"], summary(&b)["run"]);
}

/// Starts a training that would take minutes, and waits for its first epoch.
fn start(here: &Path, out: &str) -> Child {
    let mut command = command(here, &format!("train {TINY} --epochs 100000 --out {out}"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains(" 1/100000") {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "{said}");
    }
    // What is said later is lost, as with a pipe that was closed.
    child
}

#[cfg(unix)]
#[test]
fn a_run_whose_folder_is_moved_stops_and_goes_on_where_the_folder_is() {
    let place = place();
    let here = place.path();
    for refilled in [false, true] {
        let child = start(here, "run");
        fs::rename(here.join("run"), here.join("away")).unwrap();
        let second = refilled.then(|| start(here, "run"));
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(
            error.starts_with("error: run: this is no longer the folder that was locked here"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
        if let Some(mut second) = second {
            assert!(second.try_wait().unwrap().is_none(), "the second run is not disturbed");
            second.kill().unwrap();
            second.wait().unwrap();
        } else {
            assert!(!here.join("run").exists(), "nothing is written where the folder was");
        }
        assert!(!here.join("away/summary.json").exists());
        // Its own settings name 100000 epochs; that it goes on is enough.
        let shown = succeed(here, "eval --checkpoint away/last.ckpt --json");
        assert!(read(&here.join("away/config.toml")).contains(&run_of(&shown)), "{shown}");
        fs::remove_dir_all(here.join("away")).unwrap();
        let _ = fs::remove_dir_all(here.join("run"));
    }
}

fn run_of(report: &str) -> String {
    let report: Value = serde_json::from_str(report).unwrap();
    format!("# run {}\n", report["run"].as_str().unwrap())
}

/// Runs a command that must fail. At the other end of each pipe somebody waits to write nothing, so that a command which
/// opens it reads nothing and goes on, and does not wait for ever.
#[cfg(unix)]
fn fail_beside(pipes: &[&str], here: &Path, line: &str) -> String {
    let writer = |pipe: &&str| {
        Command::new("sh").args(["-c", "exec 3> \"$0\"", pipe]).current_dir(here).spawn().unwrap()
    };
    let writers: Vec<Child> = pipes.iter().map(writer).collect();
    let error = fail(here, line);
    for mut writer in writers {
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    error
}

/// Each of these waited for ever, or filled the memory.
#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_at_once() {
    let place = place();
    let here = place.path();
    fs::create_dir_all(here.join("held")).unwrap();
    let pipe = |name: &str| assert!(Command::new("mkfifo").arg(here.join(name)).status().unwrap().success());
    pipe("pipe.toml");
    pipe("held/.lock");
    let check = |pipes: &[&str], line: String, fault: &str| {
        let error = fail_beside(pipes, here, &line);
        assert!(error.starts_with("error: ") && error.contains(fault), "{line}: {error}");
        assert_eq!(error.lines().count(), 1, "{line}: {error}");
    };
    let train = format!("train {TINY} --out run");
    for (line, fault) in [
        (format!("{train} --config pipe.toml"), "pipe.toml: found a pipe; expected a regular file"),
        (format!("{train} --config /dev/zero"), "/dev/zero: found a device; expected a regular file"),
        ("reproduce pipe.toml".to_owned(), "pipe.toml: found a pipe; expected a regular file"),
        ("eval --checkpoint pipe.toml".to_owned(), "pipe.toml: found a pipe; expected a regular file"),
        ("eval --checkpoint /dev/zero".to_owned(), "/dev/zero: found a device; expected a regular file"),
        ("data list --manifest pipe.toml".to_owned(), "pipe.toml: found a pipe"),
        (format!("train {TINY} --out held"), "held/.lock: found a pipe; expected a regular file"),
    ] {
        check(&["pipe.toml", "held/.lock"], line, fault);
    }
    pipe("words/train.csv");
    check(&["words/train.csv"], train, "words/train.csv: found a pipe; expected a regular file");
}
