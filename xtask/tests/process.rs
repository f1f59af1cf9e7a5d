//! How the program stands to what started it: outputs that are full or closed, signals, limits of memory, and names that
//! would give orders to a terminal.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod common;
#[path = "common/signals.rs"]
mod signals;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{TINY, command, fail, succeed, words};
use tempfile::{TempDir, tempdir};

fn place() -> TempDir {
    let folder = tempdir().unwrap();
    words(&folder.path().join("words"), 8);
    folder
}

/// `line` as the shell starts it after `before`.
fn shell(folder: &Path, before: &str, line: &str) -> Command {
    let inner = command(folder, line);
    let words = inner.get_args().map(|word| word.to_str().unwrap().replace('\'', r"'\''"));
    let words: Vec<String> = words.map(|word| format!("'{word}'")).collect();
    let mut outer = Command::new("sh");
    let program = inner.get_program().to_str().unwrap();
    outer.args(["-c", &format!("{before}; exec '{program}' {}", words.join(" "))]).current_dir(folder);
    outer
}

#[test]
fn a_forced_instruction_set_is_kept_or_refused() {
    let place = place();
    let here = place.path();
    let forced =
        |set: &str, line: &str| command(here, line).env("COLEARN_INSTRUCTIONS", set).output().unwrap();
    let output = forced("portable", &format!("train {TINY} --epochs 1 --out run"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary = fs::read_to_string(here.join("run/summary.json")).unwrap();
    assert!(summary.contains(", portable, 1 thread\""), "{summary}");
    for wrong in ["avx", "AVX2", ""] {
        let output = forced(wrong, "data list");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        let expected = format!(
            "error: COLEARN_INSTRUCTIONS: found {wrong:?}; expected a set that this machine has: portable"
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn results_that_a_full_disk_loses_are_no_success() {
    let place = place();
    let here = place.path();
    succeed(here, &format!("train {TINY} --epochs 1 --out run"));
    for line in [
        "data list",
        "config",
        "--help",
        "--version",
        "data stats --data words --root words --json",
        "eval --checkpoint run",
        "eval --checkpoint run --json",
        "report run",
        &format!("train {TINY} --epochs 1 --out other"),
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command(here, line).stdout(full).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {error}");
        assert!(error.starts_with("error: the standard output cannot be written: "), "{line}: {error}");
    }
    assert!(here.join("other/summary.json").exists(), "the run itself is whole");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = place();
    for line in ["config", "--help", &format!("train {TINY} --epochs 1 --out run")] {
        let mut child =
            command(place.path(), line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.as_str()), (Some(0), ""), "{line}");
    }
    assert!(place.path().join("run/summary.json").exists());
}

/// A training that has said its first epoch, and what it says.
fn begun(folder: &Path, before: &str, line: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = shell(folder, before, line).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("epoch  1/") {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "{said}");
    }
    (child, output)
}

#[test]
#[cfg(target_os = "linux")]
fn what_was_ignored_at_the_start_stays_ignored() {
    let place = place();
    let line = format!("train {TINY} --epochs 60 --out ");
    // As under `nohup`, and as a shell starts what runs in the background.
    let (mut child, mut output) = begun(place.path(), "trap '' HUP INT", &format!("{line}deaf"));
    signals::send(&child, "HUP");
    signals::send(&child, "INT");
    let mut said = String::new();
    output.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert!(place.path().join("deaf/summary.json").exists());

    for name in ["HUP", "TERM", "ctrl-c"].into_iter().filter(|name| !signals::ignored(name)) {
        let (mut child, mut output) = begun(place.path(), ":", &format!("{line}{name}"));
        if name == "ctrl-c" {
            signals::interrupt(&child);
        } else {
            signals::send(&child, name);
        }
        let mut said = String::new();
        output.read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{name}: {said}");
        assert!(
            said.ends_with(&format!("stopped; go on with: cargo xtask train --resume --out {name}\n")),
            "{said}"
        );
        assert!(place.path().join(name).join("last.ckpt").exists());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_step_larger_than_memory_is_refused_before_it_is_tried() {
    let place = place();
    let large = format!("train {TINY} --config lif --set network.hidden=[11000,11000] --out run");
    let output = shell(place.path(), "ulimit -v 1500000", &large).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    for part in
        ["error: a training step is predicted to hold ", "ulimit -v", "network.hidden = [11000, 11000]"]
    {
        assert!(error.contains(part), "{error}");
    }
    assert!(!place.path().join("run/last.ckpt").exists());
}

/// Clears the screen and calls the window otherwise.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}";

#[test]
fn no_name_gives_orders_to_the_terminal() {
    let place = tempdir().unwrap();
    let here = place.path();
    let root = here.join(format!("words{HOSTILE}"));
    words(&root, 8);
    fs::rename(root.join("high"), root.join(HOSTILE)).unwrap();
    let root = root.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = command(here, "").args(arguments).output().unwrap();
        let [said, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        for text in [&said, &error] {
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{arguments:?}: {text:?}");
        }
        (said, error)
    };
    let tiny: Vec<&str> = TINY.split(' ').skip(4).filter(|word| !word.is_empty()).collect();
    let all = ["train", "--data", "words", "--root", root, "--out", &format!("run{HOSTILE}")];
    let (said, error) = run(&[&all[..], &tiny[..]].concat());
    assert!(said.contains(r"run      runx\u{1b}[2J"), "{said}{error}");
    assert!(run(&["eval", "--checkpoint", &format!("run{HOSTILE}")]).0.contains(r"| x\u{1b}[2J"), "{error}");
    assert!(run(&["data", "stats", "--data", "words", "--root", root]).0.contains(r"| x\u{1b}[2J"));
    let (json, _) = run(&["data", "stats", "--data", "words", "--root", root, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(report["classes"].as_array().unwrap().contains(&HOSTILE.into()), "JSON keeps the name: {json}");
    for (arguments, message) in [
        (vec!["train", "--config", HOSTILE], r"error: --config x\u{1b}[2J"),
        (vec!["train", "--set", &format!("{HOSTILE}=1")], r"error: x\u{1b}[2J"),
        (vec!["train", "--set", &format!("train.epochs={HOSTILE}")], "error: train.epochs = "),
        (vec!["train", "--data", HOSTILE], "error: invalid value 'x"),
        (vec![HOSTILE], "error: unrecognized subcommand 'x"),
        (vec!["data", "verify", HOSTILE], r"error: x\u{1b}[2J"),
    ] {
        let (_, error) = run(&arguments);
        assert!(error.starts_with(message), "{arguments:?}: {error}");
    }
}

#[test]
fn messages_stay_readable_whatever_they_repeat() {
    let place = tempdir().unwrap();
    let here = place.path();
    let long = "k".repeat(1 << 20);
    for (text, message) in [
        (format!("[train]\n{long} = 3"), "error: large.toml: train.kkk"),
        (format!("[train]\noptimiser = \"{long}\""), "error: large.toml: train.optimiser = \"kkk"),
        (format!("[data]\nname = \"{long}\""), "error: data.name = \"kkk"),
        ("[train]\n\"a\\nb\" = 3".to_owned(), r"error: large.toml: train.a\nb is no key"),
    ] {
        fs::write(here.join("large.toml"), text).unwrap();
        let error = fail(here, "train --config large.toml");
        assert!(error.starts_with(message) && error.len() < 2_200, "{}: {error:.300}", error.len());
        assert_eq!(error.lines().count(), 1, "{error:.300}");
    }
}

#[test]
fn a_figure_goes_where_its_name_leads() {
    let place = place();
    let here = place.path();
    fs::write(here.join("real.svg"), "old").unwrap();
    symlink("real.svg", here.join("link.svg")).unwrap();
    let show = "data show --data words --root words --out";
    succeed(here, &format!("{show} link.svg"));
    assert!(fs::symlink_metadata(here.join("link.svg")).unwrap().is_symlink());
    assert!(fs::read_to_string(here.join("real.svg")).unwrap().starts_with("<svg"));
    symlink("/dev/stdout", here.join("out")).unwrap();
    let said = succeed(here, &format!("{show} out"));
    assert!(said.starts_with("<svg") && said.contains("</svg>"), "{said:.100}");
    assert!(fs::symlink_metadata(here.join("out")).unwrap().is_symlink());
    let error = fail(here, &format!("{show} x.png"));
    assert_eq!(error, "error: --out x.png: the figure is SVG; expected a name that ends in .svg\n");
}
