use std::fs;

use colearn_fetch::{Manifest, Presence, State, fetch_set, verify_folder, verify_set};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::tempdir;

use super::*;
use crate::server::{Server, file};

/// A tar.gz with `top/words/yes.wav`.
fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o644);
    builder.append_data(&mut header, "top/words/yes.wav", &b"yes"[..]).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

/// A manifest of one set with a published checksum, a file without one, and an archive.
fn manifest(server: &Server) -> Manifest {
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
samples = 7
folder = "unpacked/words"
file = [
    {{ name = "known.bin", urls = ["{0}known"], size = 5, sha256 = "{1}" }},
    {{ name = "new.bin", urls = ["{0}new"] }},
    {{ name = "few.tar.gz", urls = ["{0}archive"], unpack = "unpacked", strip = 1 }},
]
"#,
        server.url(""),
        sha256(b"known")
    );
    Manifest::parse("few.toml", &text).unwrap()
}

#[test]
fn a_set_is_fetched_recorded_unpacked_and_verified() {
    let packed = archive();
    let server = Server::start(move |request, before| match request.path.as_str() {
        "/known" => file(request, b"known", "\"k\""),
        "/new" if before > 3 => file(request, b"newer", "\"m\""),
        "/new" => file(request, b"new", "\"n\""),
        _ => file(request, &packed, "\"a\""),
    });
    let manifest = manifest(&server);
    let set = manifest.set("few").unwrap();
    let root = tempdir().unwrap();
    let folder = root.path().join("few");
    let client = Client::new(&ClientConfig::default()).unwrap();
    let fetch = || {
        let mut notes = Notes::default();
        fetch_set(&client, set, root.path(), RETRIES, &mut notes).map(|()| notes.0)
    };
    assert_eq!(set.presence(root.path()), Presence::Absent);
    let notes = fetch().unwrap();
    let recorded = format!(
        "new.bin: no checksum is published; its SHA-256 {} is recorded in SHA256SUMS",
        sha256(b"new")
    );
    assert!(
        notes.contains(&recorded) && notes.contains(&"few.tar.gz: 1 files unpacked".to_owned()),
        "{notes:?}"
    );
    assert_eq!(fs::read(folder.join("unpacked/words/yes.wav")).unwrap(), b"yes");
    assert_eq!(names(&folder), [".lock", "SHA256SUMS", "few.tar.gz", "known.bin", "new.bin", "unpacked"]);
    assert_eq!(set.presence(root.path()), Presence::Whole);
    let checked = verify_set(set, root.path()).unwrap();
    assert_eq!(checked[0].state, State::Fits { against: vec!["published SHA-256", "recorded SHA-256"] });
    assert_eq!(checked[1].state, State::Fits { against: vec!["recorded SHA-256"] });
    assert_eq!(checked[1].size, Some(3));

    let asked = server.requests().len();
    fetch().unwrap();
    assert_eq!(server.requests().len(), asked, "nothing is loaded twice");

    fs::write(folder.join("known.bin"), "wrong").unwrap();
    fs::remove_file(folder.join("few.tar.gz")).unwrap();
    let states = |checked: Vec<colearn_fetch::Checked>| -> Vec<(String, String)> {
        checked.into_iter().map(|file| (file.name, file.state.to_string())).collect()
    };
    let found = verify_set(set, root.path()).unwrap();
    assert_eq!(found.iter().filter(|file| file.state.is_fault()).count(), 1);
    let found = states(found);
    assert!(found[0].1.starts_with("WRONG: published SHA-256: found "), "{found:?}");
    assert_eq!(found[2].1, "unpacked, archive removed");
    let notes = fetch().unwrap();
    assert!(notes[0].contains("known.bin: not the file that is expected; loading it anew"), "{notes:?}");
    assert_eq!(server.requests().len(), asked + 1);
    assert_eq!(fs::read(folder.join("known.bin")).unwrap(), b"known");

    fs::remove_file(folder.join("new.bin")).unwrap();
    let error = fetch().unwrap_err().to_string();
    let sums = format!("new.bin: found SHA-256 {}; expected {}", sha256(b"newer"), sha256(b"new"));
    assert!(error.starts_with(&sums), "{error}");
    assert_eq!(set.presence(root.path()), Presence::Part);
    let found = states(verify_folder(&manifest, &folder).unwrap());
    assert_eq!(found[0].0, "few.tar.gz");
    assert_eq!(found[2], ("new.bin".to_owned(), "MISSING".to_owned()));
}

#[test]
fn files_that_a_user_has_already_are_recognised() {
    let server = Server::start(|_, _| unreachable!("nothing is asked for"));
    let manifest = manifest(&server);
    let folder = tempdir().unwrap();
    assert!(verify_folder(&manifest, folder.path()).unwrap().is_empty());
    fs::write(folder.path().join("known.bin"), "known").unwrap();
    fs::write(folder.path().join("new.bin"), "x").unwrap();
    fs::write(folder.path().join("notes.txt"), "x").unwrap();
    let found = verify_folder(&manifest, folder.path()).unwrap();
    let found: Vec<String> = found.iter().map(|file| format!("{} {}", file.name, file.state)).collect();
    assert_eq!(found, ["known.bin right (published SHA-256)", "new.bin no checksum is known"]);
}

#[test]
fn one_process_at_a_time_fetches_a_set() {
    let server = Server::start(|_, _| unreachable!("nothing is asked for"));
    let manifest = manifest(&server);
    let root = tempdir().unwrap();
    fs::create_dir(root.path().join("few")).unwrap();
    let other = fs::File::create(root.path().join("few/.lock")).unwrap();
    other.lock().unwrap();
    let client = Client::new(&ClientConfig::default()).unwrap();
    let set = manifest.set("few").unwrap();
    let error = fetch_set(&client, set, root.path(), RETRIES, &mut ()).unwrap_err().to_string();
    assert!(
        error.ends_with(".lock: another process is fetching this; expected to be the only one"),
        "{error}"
    );
}
