//! Servers that answer with something else than the file, or slower than anyone waits.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use colearn_fetch::{Clock, LeastRate};
use tempfile::tempdir;

use super::*;
use crate::plain::{TAG, leave_part};
use crate::server::{Reply, Server, file};

/// What a network that wants a log-in answers to anything.
const PORTAL: &[u8] = b"<!DOCTYPE html>\n<html><head><title>Please log in</title></head></html>";

#[test]
fn what_no_checksum_vouches_for_is_at_least_of_the_kind_that_its_name_says() {
    for (name, body, message) in [
        ("a.h5.gz", PORTAL, "a.h5.gz: found a web page; expected a gzip file; what was loaded is removed"),
        ("a.bin", PORTAL, "a.bin: found a web page; expected data; what was loaded is removed"),
        ("a.bin", b"", "a.bin: found nothing; expected data; what was loaded is removed"),
        ("a.wav", b"fLaC", "a.wav: found a FLAC file; expected a WAVE file; what was loaded is removed"),
    ] {
        let server = Server::start(move |_, _| Reply::new("200 OK", "", body));
        let folder = tempdir().unwrap();
        let target = folder.path().join(name);
        let source = RemoteFile { name: name.to_owned(), ..remote(server.url("a")) };
        assert_eq!(get(&source, &target).0.unwrap_err().to_string(), message);
        assert!(names(folder.path()).is_empty(), "{name}");
        // With a checksum the reason is the same where it does not fit, and none where it does.
        let wanted = RemoteFile { name: name.to_owned(), ..checked(server.url("a"), b"the file") };
        assert_eq!(get(&wanted, &target).0.unwrap_err().to_string(), message);
        let fits = RemoteFile { name: name.to_owned(), ..checked(server.url("a"), body) };
        get(&fits, &target).0.unwrap();
    }
}

#[test]
fn an_encoding_that_nobody_asked_for_is_refused_unless_a_checksum_decides() {
    for encoding in ["gzip", "x-gzip", "br", "identity, gzip", "\u{e4}"] {
        let headers = format!("Content-Encoding: {encoding}\r\n");
        let server = Server::start(move |_, _| Reply::new("200 OK", &headers, b"content"));
        let folder = tempdir().unwrap();
        let target = folder.path().join("a.bin");
        let error = get(&remote(server.url("a")), &target).0.unwrap_err().to_string();
        let expected = "expected the file as it is (identity), as was asked for";
        assert!(error.contains("/a: found Content-Encoding ") && error.ends_with(expected), "{error}");
        assert_eq!(names(folder.path()), ["a.bin.part"], "an empty part");
        assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
        let (result, notes) = get(&checked(server.url("a"), b"content"), &target);
        result.unwrap();
        assert!(notes[0].ends_with(", unasked; the checksum decides"), "{notes:?}");
        let error = get(&checked(server.url("a"), b"else"), &target).0.unwrap_err().to_string();
        assert!(error.starts_with("a.bin: found SHA-256 "), "{error}");
    }
    let server = Server::start(|_, _| Reply::new("200 OK", "Content-Encoding: Identity\r\n", b"content"));
    let folder = tempdir().unwrap();
    get(&remote(server.url("a")), &folder.path().join("a.bin")).0.unwrap();
}

#[test]
fn an_answer_without_an_end_needs_something_that_tells_the_end() {
    let open = || Reply {
        head: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned(),
        body: b"01234".to_vec(),
        stall: false,
    };
    let server = Server::start(move |_, _| open());
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    let error = get(&remote(server.url("a")), &target).0.unwrap_err().to_string();
    assert!(
        error.ends_with(
            "found an answer without a length; expected one: nothing else tells whether the file is whole"
        ),
        "{error}"
    );
    get(&RemoteFile { size: Some(5), ..remote(server.url("a")) }, &target).0.unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"01234");
}

#[test]
fn a_file_of_unknown_size_is_taken_up_to_a_limit() {
    let config = ClientConfig { largest: 1000, ..ClientConfig::default() };
    for (body, stated, message) in [
        (1000, true, None),
        (
            1001,
            true,
            Some("/a: found 1001 bytes; expected at most 1000, the limit where the manifest states no size"),
        ),
        (1000, false, None),
        (
            1001,
            false,
            Some("/a: found more than 1000 bytes; expected at most 1000, the limit where the manifest"),
        ),
    ] {
        let bytes = content(body);
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        let server = Server::start(move |_, _| {
            let chunk = [format!("{body:x}\r\n").as_bytes(), &bytes, b"\r\n0\r\n\r\n"].concat();
            if stated {
                Reply::new("200 OK", "", &bytes)
            } else {
                Reply { head: chunked.to_owned(), body: chunk, stall: false }
            }
        });
        let folder = tempdir().unwrap();
        let target = folder.path().join("a.bin");
        let (result, _) = get_with(&config, &remote(server.url("a")), &target);
        match message {
            None => assert_eq!(result.unwrap().sums.size, body as u64),
            Some(message) => {
                let error = result.unwrap_err().to_string();
                assert!(error.contains(message), "{error}");
                assert_eq!(
                    fs::metadata(folder.path().join("a.bin.part")).unwrap().len(),
                    0,
                    "no room is kept"
                );
                // A size that the manifest states is not limited.
                let known = RemoteFile { size: Some(1001), ..remote(server.url("a")) };
                get_with(&config, &known, &target).0.unwrap();
            }
        }
    }
}

/// A clock on which a minute passes whenever it is looked at.
#[derive(Debug, Default)]
struct Minutes(Mutex<Vec<Duration>>, AtomicU64);

impl Clock for Minutes {
    fn now(&self) -> Duration {
        Duration::from_secs(60 * self.1.fetch_add(1, Ordering::SeqCst))
    }

    fn wait(&self, time: Duration) {
        self.0.lock().unwrap().push(time);
    }
}

#[test]
fn a_server_that_drips_is_given_up_and_the_next_address_tried() {
    let bytes = content(500_000);
    let served = bytes.clone();
    let server = Server::start(move |request, _| match request.path.as_str() {
        // A hundred bytes more each time, then the line is cut: progress, but a slow one.
        "/slow" => {
            let reply = file(request, &served, TAG);
            reply.cut(100)
        }
        _ => file(request, &served, TAG),
    });
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    let client = || {
        let client = Client::new(&ClientConfig::default()).unwrap();
        client.with_clock(Box::new(Minutes::default()))
    };
    let mut notes = Notes::default();
    let slow = RemoteFile { size: Some(500_000), ..remote(server.url("slow")) };
    let error = download(&client(), &slow, &target, RETRIES, &mut notes).unwrap_err().to_string();
    let message = "/slow: found 1 bytes a second over 60 s after 300 bytes; expected at least 1024";
    assert!(error.ends_with(message), "{error}");
    assert_eq!(server.requests().len(), 3, "as many attempts as are allowed, though each brought something");
    let both =
        RemoteFile { urls: vec![server.url("slow"), server.url("fast")], ..checked(server.url(""), &bytes) };
    let fast =
        ClientConfig { least_rate: LeastRate { bytes: 1, ..Default::default() }, ..ClientConfig::default() };
    let fast = Client::new(&fast).unwrap().with_clock(Box::new(Minutes::default()));
    download(&fast, &both, &target, RETRIES, &mut ()).unwrap();
    assert_eq!(fs::read(&target).unwrap(), bytes);
}

#[test]
fn the_rest_of_a_file_needs_the_mark_of_its_version() {
    let bytes = content(1000);
    let served = bytes.clone();
    let server = Server::start(move |request, before| match before {
        0 => Reply::new("206 x", "Content-Range: bytes 400-999/1000\r\n", &[9; 600]),
        _ => file(request, &served, TAG),
    });
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    leave_part(&target, &bytes[..400], &server.url("a"));
    let (result, notes) = get(&remote(server.url("a")), &target);
    result.unwrap();
    assert!(
        notes[0].contains("nothing tells whether the rest is of the same version; starting over"),
        "{notes:?}"
    );
    assert_eq!(fs::read(&target).unwrap(), bytes);
}

#[cfg(unix)]
#[test]
fn nothing_is_loaded_through_a_link() {
    let server = Server::start(|request, _| file(request, b"content", TAG));
    let folder = tempdir().unwrap();
    let (target, mine) = (folder.path().join("a.bin"), folder.path().join("mine"));
    fs::write(&mine, "of the user").unwrap();
    std::os::unix::fs::symlink(&mine, folder.path().join("a.bin.part")).unwrap();
    let mut source = remote(server.url("a"));
    source.urls.push(server.url("b"));
    let (result, notes) = get(&source, &target);
    let error = result.unwrap_err().to_string();
    assert!(error.ends_with("a.bin.part: found a link; expected a regular file"), "{error}");
    assert!(notes.is_empty() && server.requests().is_empty(), "another address helps nothing: {notes:?}");
    assert_eq!(fs::read(&mine).unwrap(), b"of the user");
    assert!(!target.exists());
}

#[test]
fn scripted_answers_are_taken_like_those_of_a_server() {
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    let answers = [
        "HTTP/1.1 302 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    ];
    let answers = answers.map(|answer| answer.as_bytes().to_vec()).to_vec();
    let client = Client::answered(&ClientConfig::default(), answers).unwrap();
    let source = remote("http://nowhere.example/a".to_owned());
    download(&client, &source, &target, RETRIES, &mut ()).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"abc");
    let error =
        download(&client, &source, &folder.path().join("b"), RETRIES, &mut ()).unwrap_err().to_string();
    assert!(error.starts_with("http://nowhere.example/a: "), "{error}");
}
