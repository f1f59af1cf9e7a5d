//! `xtask data` as a user runs it, against a server on 127.0.0.1.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

#[expect(dead_code, reason = "the training tests use the rest")]
mod common;
#[expect(dead_code, reason = "the tests of the library use the rest")]
#[path = "../../crates/fetch/tests/suite/server.rs"]
mod server;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{fail, succeed, xtask};
use server::{Reply, Server, file};
use tempfile::tempdir;

/// SHA-256 of `hello`, as `sha256sum` prints it.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// Writes `m.toml` with the set `few` of one file.
fn manifest(place: &Path, url: &str, keys: &str) {
    let text = format!(
        r#"
[[set]]
name = "few"
title = "A few"
licence = "CC0"
authors = "A. Nobody"
paper = "Few"
year = 2026
venue = "nowhere"
home = "http://127.0.0.1/"
version = "1"
classes = 2
train = 4000
test = 7
folder = "."
[[set.file]]
name = "few.bin"
urls = ["{url}"]
{keys}
"#
    );
    fs::write(place.join("m.toml"), text).unwrap();
}

#[test]
fn the_known_sets_are_listed() {
    let place = tempdir().unwrap();
    let here = place.path();
    let output = succeed(here, "data list");
    assert_eq!(output.lines().count(), 2 + 7, "{output}");
    for words in [
        ["shd", "no", "20", "10,420", "unknown", "CC BY 4.0", "Spiking Heidelberg Digits"],
        ["gsc", "no", "35", "105,829", "2.43 GB", "CC BY 4.0", "Speech Commands v0.02, 35 words"],
        ["digits", "built in", "20", "4,500", "none", "MIT OR Apache-2.0", "Spoken digits"],
    ] {
        let row = output.lines().find(|line| line.starts_with(&format!("| {} ", words[0]))).unwrap();
        assert!(words.iter().all(|word| row.contains(word)), "{row}");
    }
    let one = succeed(here, "data list ssc");
    assert!(one.contains("75,466 training, 9,981 validation, 20,382 test"), "{one}");
    assert!(
        one.contains("  cite      B. Cramer, ") && one.contains("doi:10.1109/TNNLS.2020.3044364"),
        "{one}"
    );
    assert!(one.contains("ssc_test.h5.gz: size unknown, checksum unknown"), "{one}");
    let long = succeed(here, "data list --long");
    assert_eq!(long.matches("  cite  ").count(), 7, "{long}");
    assert!(long.contains(&one), "{long}");
    assert!(succeed(here, "data fetch digits").contains("digits: part of the program; nothing to fetch"));
    assert!(succeed(here, "data verify digits").contains("nothing to check"));
    assert_eq!(fs::read_dir(here).unwrap().count(), 0, "nothing is made");
}

#[test]
fn a_set_is_fetched_and_verified_until_it_is_changed() {
    let place = tempdir().unwrap();
    let here = place.path();
    let server = Server::start(|request, _| file(request, b"hello", "\"1\""));
    manifest(here, &server.url("few.bin"), &format!("size = 5\nsha256 = \"{HELLO}\""));
    let output = succeed(here, "data fetch few --manifest m.toml");
    for line in
        ["few.bin: loaded, 5 bytes", "few.bin: the SHA-256 is right", "licence: CC0", "the data: data/few/."]
    {
        assert!(output.lines().any(|found| found == line), "{line}: {output}");
    }
    assert_eq!(fs::read(here.join("data/few/few.bin")).unwrap(), b"hello");
    let sums = fs::read_to_string(here.join("data/few/SHA256SUMS")).unwrap();
    assert_eq!(sums, format!("{HELLO}  few.bin\n"));
    assert!(succeed(here, "data list --manifest m.toml").contains("| yes "));
    assert!(succeed(here, "data fetch few --manifest m.toml").contains("few.bin: there already, 5 bytes"));
    let output = succeed(here, "data verify few --manifest m.toml");
    assert!(output.contains("right (published SHA-256, recorded SHA-256)"), "{output}");
    let output = succeed(here, "data verify data/few");
    assert!(output.contains("| few.bin |    5 | right (recorded SHA-256) |"), "{output}");

    fs::write(here.join("data/few/few.bin"), "hullo").unwrap();
    for what in ["few --manifest m.toml", "data/few"] {
        let output = xtask(here, &format!("data verify {what}"));
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stdout).contains("WRONG: "), "{output:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(error, "error: data/few: 1 of 1 files are not right; expected all\n");
    }
}

#[test]
fn a_killed_fetch_leaves_no_file_and_the_next_one_goes_on() {
    let place = tempdir().unwrap();
    let here = place.path();
    let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let half = bytes.len() / 2;
    let server = Server::start({
        let bytes = bytes.clone();
        move |request, before| {
            let reply = file(request, &bytes, "\"1\"");
            if before == 0 { Reply { stall: true, ..reply.cut(half) } } else { reply }
        }
    });
    manifest(here, &server.url("few.bin"), "");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["data", "fetch", "few", "--manifest", "m.toml"]).current_dir(here).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let (target, part) = (here.join("data/few/few.bin"), here.join("data/few/few.bin.part"));
    while part.metadata().map_or(0, |part| part.len()) < half as u64 {
        assert!(child.try_wait().unwrap().is_none(), "the program ended by itself");
        std::thread::yield_now();
    }
    let error = fail(here, "data fetch few --manifest m.toml");
    assert!(error.contains("data/few: another process is fetching this"), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!target.exists() && part.exists());
    assert!(succeed(here, "data list --manifest m.toml").contains("| partly "));

    let output = succeed(here, "data fetch few --manifest m.toml");
    assert!(output.contains("few.bin: loaded, 200000 bytes, 100000 of them from an earlier run"), "{output}");
    assert!(output.contains("no checksum is published; its SHA-256 "), "{output}");
    assert_eq!(fs::read(&target).unwrap(), bytes);
    assert!(!part.exists());
    assert_eq!(server.requests()[1].from(), Some(half));
    let output = succeed(here, "data verify few --manifest m.toml");
    assert!(output.contains("right (recorded SHA-256)"), "{output}");
}

#[test]
fn what_cannot_work_is_said_in_one_line() {
    let place = tempdir().unwrap();
    let here = place.path();
    let server = Server::start(|_, _| Reply::new("404 Not Found", "", b"no"));
    let url = server.url("few.bin");
    manifest(here, &url, "");
    fs::write(here.join("bad.toml"), "[[set]]\nname = \"few\"\nfolder = \".\"\ntitle = 3\n").unwrap();
    fs::write(here.join("file"), "x").unwrap();
    fs::create_dir_all(here.join("odd/few")).unwrap();
    fs::write(here.join("odd/few/SHA256SUMS"), "nonsense\n").unwrap();
    fs::create_dir(here.join("empty")).unwrap();
    for (line, message) in [
        ("data fetch few", "no data set \"few\"; expected one of shd, ssc, gsc, gsc1, fsdd, asc, digits"),
        ("data list mnist", "no data set \"mnist\"; expected one of "),
        ("data fetch few --manifest bad.toml", "bad.toml: set few, title: found 3; expected a text"),
        ("data fetch few --manifest none.toml", "none.toml: cannot be read: "),
        ("data fetch few --manifest m.toml", &format!("{url}: found status 404; expected the file (200)")),
        ("data fetch few --manifest m.toml --root file", "file/few: cannot be created: "),
        (
            "data fetch few --manifest m.toml --root odd",
            "odd/few/SHA256SUMS, line 1: found \"nonsense\"; exp",
        ),
        ("data fetch few --manifest m.toml --ca file", "file: found no certificate; expected certificates"),
        ("data verify shd", "data/shd: no such folder; expected the set after `data fetch shd`"),
        ("data verify nowhere", "nowhere: no such folder or data set; the sets are shd, ssc, "),
        ("data verify empty", "empty: nothing to check; expected a SHA256SUMS or files of a known set"),
    ] {
        let error = fail(here, line);
        assert!(error.starts_with(&format!("error: {message}")), "{line}: {error}");
        assert_eq!(error.lines().count(), 1, "{line}: {error}");
    }
}
