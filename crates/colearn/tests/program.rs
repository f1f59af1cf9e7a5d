//! What the installed program has of its own: it starts with its heap set, says what it is, and completes command lines.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use tempfile::tempdir;

/// The program with nothing set that cargo sets for it.
fn colearn(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colearn"));
    command.args(line.split_whitespace()).env_remove("GLIBC_TUNABLES").env_remove("COLEARN_HEAP");
    command
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_command_is_in_help_manual_and_completions() {
    let place = tempdir().unwrap();
    let help = said(&colearn("help").output().unwrap());
    let manual = said(&colearn("man").output().unwrap());
    let bash = said(&colearn("completions bash").output().unwrap());
    said(&colearn("man --out pages").current_dir(place.path()).output().unwrap());
    for name in ["train", "eval", "classify", "reproduce", "compare", "report", "config", "data", "version"] {
        assert!(help.contains(&format!("\n  {name} ")), "{name}: {help}");
        assert!(manual.contains(&format!("colearn\\-{name}(1)")), "{name}: {manual}");
        assert!(
            bash.contains(&format!("colearn__{name}")) || bash.contains(&format!("colearn__subcmd__{name}")),
            "{name}"
        );
        assert!(place.path().join(format!("pages/colearn-{name}.1")).exists(), "{name}");
    }
    assert!(place.path().join("pages/colearn-data-fetch.1").exists());
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(
            said(&colearn(&format!("completions {shell}")).output().unwrap()).contains("reproduce"),
            "{shell}"
        );
    }
}

#[test]
fn a_report_of_a_fault_has_what_it_needs() {
    let short = said(&colearn("version").output().unwrap());
    assert_eq!(short, format!("colearn {}\n", env!("CARGO_PKG_VERSION")));
    let long = said(&colearn("version --verbose").env("COLEARN_INSTRUCTIONS", "portable").output().unwrap());
    assert!(long.starts_with(&short), "{long}");
    for part in [
        "processor ",
        "instructions  portable of portable",
        "forced to portable",
        "threads ",
        "heap ",
        "system ",
    ] {
        assert!(long.contains(part), "{part}: {long}");
    }
}

/// The settings of the heap, as the program says them.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn heap(command: &mut Command) -> String {
    let text = said(&command.output().unwrap());
    text.lines().find_map(|line| line.strip_prefix("heap ")).unwrap().trim().to_owned()
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn the_program_sets_its_heap_once_and_leaves_settings_of_others() {
    let set = heap(&mut colearn("version --verbose"));
    assert!(set.starts_with("glibc.malloc.hugetlb=1:") && set.ends_with("; set by the program"), "{set}");
    let own = "glibc.malloc.arena_max=4";
    let beside = heap(colearn("version --verbose").env("GLIBC_TUNABLES", own));
    assert!(beside.starts_with(&format!("{own}:glibc.malloc.hugetlb=1:")), "{beside}");
    let told = heap(colearn("version --verbose").env("COLEARN_HEAP", "0"));
    assert_eq!(told, "as the system has it; left alone (COLEARN_HEAP)");
    let (all, _) = set.split_once(';').unwrap();
    let before = heap(colearn("version --verbose").env("GLIBC_TUNABLES", all));
    assert_eq!(before, format!("{all}; set by whoever started the program"));
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn the_program_that_starts_itself_stays_the_same_process() {
    let place = tempdir().unwrap();
    let mut child =
        colearn("train --out run").current_dir(place.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    let settings = std::fs::read(format!("/proc/{}/environ", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.starts_with("data     "), "{first}");
    assert!(String::from_utf8_lossy(&settings).contains("COLEARN_HEAP=set"), "another process trains");
}

#[test]
fn codes_and_arguments_are_those_of_the_caller() {
    let output = colearn("train --set train.epochs=many").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with("error: train.epochs = \"many\": expected a whole number"), "{error}");
    // Arguments arrive whole, blanks and all.
    let output = colearn("train --config").arg("no such  'file'").output().unwrap();
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .starts_with("error: --config no such  'file': no such file")
    );
}
