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
    assert_eq!(
        names(&folder),
        [".lock", "SHA256SUMS", "few.tar.gz", "known.bin", "new.bin", "unpacked", "unpacked.contents"]
    );
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

/// A server of the files of [`manifest`], whose archive and second file are these.
fn serving(new: &'static [u8], packed: Vec<u8>) -> Server {
    Server::start(move |request, _| match request.path.as_str() {
        "/known" => file(request, b"known", "\"k\""),
        "/new" => file(request, new, "\"n\""),
        _ => file(request, &packed, "\"a\""),
    })
}

/// What a verification says of each file.
fn states(manifest: &Manifest, root: &Path) -> Vec<(String, String)> {
    let checked = verify_set(manifest.set("few").unwrap(), root).unwrap();
    let folder = verify_folder(manifest, &root.join("few")).unwrap();
    let faults =
        |checked: &[colearn_fetch::Checked]| checked.iter().filter(|file| file.state.is_fault()).count();
    assert_eq!(faults(&checked) > 0, faults(&folder) > 0, "by name and by folder: {folder:?}");
    checked.into_iter().map(|file| (file.name, file.state.to_string())).collect()
}

#[test]
fn an_unpacked_folder_is_right_only_while_it_holds_what_was_unpacked() {
    let server = serving(b"new", archive());
    let manifest = manifest(&server);
    let root = tempdir().unwrap();
    let client = Client::new(&ClientConfig::default()).unwrap();
    let set = manifest.set("few").unwrap();
    let fetch = || {
        let mut notes = Notes::default();
        fetch_set(&client, set, root.path(), RETRIES, &mut notes).map(|()| notes.0)
    };
    fetch().unwrap();
    let folder = root.path().join("few");
    let found = states(&manifest, root.path());
    assert_eq!(found[3], ("unpacked/".to_owned(), "right (every file's recorded SHA-256)".to_owned()));
    let wav = folder.join("unpacked/words/yes.wav");

    fs::write(&wav, "yet").unwrap();
    fetch().unwrap();
    let wrong = &states(&manifest, root.path())[3].1;
    assert!(wrong.starts_with("WRONG: what was unpacked: found words/yes.wav with SHA-256 "), "{wrong}");

    fs::write(&wav, "y").unwrap();
    let error = fetch().unwrap_err().to_string();
    assert!(
        error.contains("unpacked: found words/yes.wav with 1 bytes; expected 3 bytes; remove"),
        "{error}"
    );
    fs::remove_file(&wav).unwrap();
    let wrong = &states(&manifest, root.path())[3].1;
    assert!(
        wrong.contains("found 1 of them missing, such as words/yes.wav; expected all of the 1 files"),
        "{wrong}"
    );
    assert!(fetch().is_err(), "an emptied folder that still holds folders is not overwritten");

    fs::remove_dir_all(folder.join("unpacked")).unwrap();
    assert_eq!(states(&manifest, root.path())[3].1, "MISSING");
    fs::create_dir(folder.join("unpacked")).unwrap();
    assert_eq!(set.presence(root.path()), Presence::Part);
    assert!(states(&manifest, root.path())[3].1.starts_with("WRONG"));
    fetch().unwrap();
    assert_eq!(fs::read(&wav).unwrap(), b"yes");

    fs::write(folder.join("unpacked/more.wav"), "").unwrap();
    let notes = fetch().unwrap();
    assert!(notes.iter().any(|note| note.contains("unpacked: 1 files more, such as more.wav")), "{notes:?}");
    let wrong = &states(&manifest, root.path())[3].1;
    assert!(wrong.contains("found 1 files more, such as more.wav; expected nothing beside"), "{wrong}");
    fs::remove_file(folder.join("unpacked/more.wav")).unwrap();

    let list = folder.join("unpacked.contents");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace(" 3 words", " 4 words").replace(", 3 bytes", ", 4 bytes")).unwrap();
    let wrong = &states(&manifest, root.path())[3].1;
    assert!(wrong.starts_with("WRONG: the list of what was unpacked: found "), "{wrong}");
    fs::remove_file(&list).unwrap();
    let wrong = &states(&manifest, root.path())[3].1;
    assert!(wrong.starts_with("WRONG: the list of what was unpacked: found no list; expected "), "{wrong}");
    // As an earlier version has left it.
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let sums = sums
        .lines()
        .filter(|line| !line.ends_with(".contents"))
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(folder.join("SHA256SUMS"), sums).unwrap();
    let verified = verify_set(set, root.path()).unwrap();
    assert_eq!(verified[3].state, State::Unknown);
    let notes = fetch().unwrap();
    assert!(notes.iter().any(|note| note.contains("what was unpacked is not recorded")), "{notes:?}");
}

#[test]
fn a_checksum_is_recorded_only_of_what_can_be_the_file() {
    let page: &[u8] = b"<html><body>Please log in</body></html>";
    let root = tempdir().unwrap();
    let client = Client::new(&ClientConfig::default()).unwrap();
    let fetch = |manifest: &Manifest| {
        let mut notes = Notes::default();
        let result = fetch_set(&client, manifest.set("few").unwrap(), root.path(), RETRIES, &mut notes);
        (result.map_err(|error| error.to_string()), notes.0)
    };
    let recorded = || fs::read_to_string(root.path().join("few/SHA256SUMS")).unwrap();
    let portal = serving(page, archive());
    let (result, _) = fetch(&manifest(&portal));
    assert_eq!(result.unwrap_err(), "new.bin: found a web page; expected data; what was loaded is removed");
    assert!(!recorded().contains("new.bin"));

    // A page that an earlier version, or a user, has put there.
    fs::write(root.path().join("few/new.bin"), page).unwrap();
    let mut damaged = archive();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let server = serving(b"new", damaged);
    let (result, notes) = fetch(&manifest(&server));
    assert!(notes.iter().any(|note| note.contains("new.bin: not the file that is expected")), "{notes:?}");
    assert!(result.unwrap_err().contains("few.tar.gz: "));
    assert!(recorded().contains("new.bin") && !recorded().contains("few.tar.gz"));
    assert!(
        notes.iter().any(|note| note.contains("few.tar.gz: its checksum is not recorded; remove it")),
        "{notes:?}"
    );
    fs::remove_file(root.path().join("few/few.tar.gz")).unwrap();
    let server = serving(b"new", archive());
    fetch(&manifest(&server)).0.unwrap();
    assert!(recorded().contains("few.tar.gz") && recorded().contains("unpacked.contents"));
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
    assert!(error.ends_with("few: another process is fetching this; expected to be the only one"), "{error}");
}

/// Moves the folder of the set away when a note says that `moment` has come, and puts one of the user's in its place.
#[cfg(unix)]
struct Mover<'a> {
    root: &'a std::path::Path,
    moment: &'a str,
}

#[cfg(unix)]
impl Mover<'_> {
    fn replace(root: &std::path::Path) {
        fs::rename(root.join("few"), root.join("away")).unwrap();
        fs::create_dir(root.join("few")).unwrap();
        fs::write(root.join("few/mine"), "of the user").unwrap();
    }
}

#[cfg(unix)]
impl Progress for Mover<'_> {
    fn note(&mut self, line: &str) {
        if line.contains(self.moment) && !self.root.join("away").exists() {
            Self::replace(self.root);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_takes_the_place_of_the_set_is_left_alone() {
    for moment in
        ["GET", "known.bin: loaded", "new.bin: loaded", "few.tar.gz: loaded", "few.tar.gz: unpacking"]
    {
        let root = tempdir().unwrap();
        let server = Server::start({
            let root = root.path().to_owned();
            move |request, before| {
                if moment == "GET" && before == 0 && request.path == "/known" {
                    Mover::replace(&root);
                }
                match request.path.as_str() {
                    "/known" => file(request, b"known", "\"k\""),
                    "/new" => file(request, b"new", "\"n\""),
                    _ => file(request, &archive(), "\"a\""),
                }
            }
        });
        let manifest = manifest(&server);
        let client = Client::new(&ClientConfig::default()).unwrap();
        let mut mover = Mover { root: root.path(), moment };
        let set = manifest.set("few").unwrap();
        let error = fetch_set(&client, set, root.path(), RETRIES, &mut mover).unwrap_err().to_string();
        assert!(
            error.contains("few: this is no longer the folder that was locked here"),
            "{moment}: {error}"
        );
        assert_eq!(names(&root.path().join("few")), ["mine"], "{moment}");
        // What is in the moved folder can be gone on with there.
        fs::remove_dir_all(root.path().join("few")).unwrap();
        fs::rename(root.path().join("away"), root.path().join("few")).unwrap();
        fetch_set(&client, set, root.path(), RETRIES, &mut ()).unwrap();
        assert!(verify_set(set, root.path()).unwrap().iter().all(|file| !file.state.is_fault()), "{moment}");
    }
}
