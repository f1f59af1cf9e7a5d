use std::fs;

use tempfile::tempdir;

use super::*;
use crate::server::{Reply, Server, file};

pub(crate) const TAG: &str = "\"one\"";

#[test]
fn a_whole_file_comes_and_is_hashed() {
    for length in [0, 1, 100_000] {
        let bytes = content(length);
        let server = Server::start({
            let bytes = bytes.clone();
            move |request, _| file(request, &bytes, TAG)
        });
        let folder = tempdir().unwrap();
        let target = folder.path().join("a.bin");
        let source = RemoteFile { size: Some(length as u64), ..checked(server.url("x/a.bin"), &bytes) };
        let (result, notes) = get(&source, &target);
        let outcome = result.unwrap();
        assert_eq!((outcome.sums.size, outcome.resumed), (length as u64, 0));
        assert_eq!(outcome.sums.sha256, sha256(&bytes));
        assert_eq!(fs::read(&target).unwrap(), bytes);
        assert_eq!(names(folder.path()), ["a.bin"]);
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(server.requests()[0].path, "/x/a.bin");
    }
}

#[test]
fn a_transfer_that_breaks_off_anywhere_goes_on_there() {
    let bytes = content(1000);
    for cut in [1, 2, 499, 998, 999] {
        let server = Server::start({
            let bytes = bytes.clone();
            move |request, before| {
                let reply = file(request, &bytes, TAG);
                if before == 0 { reply.cut(cut) } else { reply }
            }
        });
        let folder = tempdir().unwrap();
        let target = folder.path().join("a.bin");
        let (result, notes) = get(&remote(server.url("a")), &target);
        result.unwrap();
        assert_eq!(fs::read(&target).unwrap(), bytes, "{cut}");
        let requests = server.requests();
        assert_eq!((requests.len(), requests[1].from()), (2, Some(cut)));
        assert_eq!(requests[1].header("if-range"), Some(TAG));
        assert!(
            notes[0].ends_with(&format!("broke off after {cut} of 1000 bytes; trying again")),
            "{notes:?}"
        );
    }
}

#[test]
fn a_file_may_come_a_byte_at_a_time_but_not_not_at_all() {
    let bytes = content(10);
    let slow = bytes.clone();
    let server = Server::start(move |request, _| file(request, &slow, TAG).cut(1));
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    get(&remote(server.url("a")), &target).0.unwrap();
    assert_eq!(fs::read(&target).unwrap(), bytes);
    assert_eq!(server.requests().len(), 10);

    let server = Server::start(move |request, _| file(request, &bytes, TAG).cut(0));
    let target = folder.path().join("b.bin");
    let error = get(&remote(server.url("b")), &target).0.unwrap_err().to_string();
    assert!(error.ends_with("/b: broke off after 0 of 10 bytes"), "{error}");
    assert_eq!(server.requests().len(), 3);
    assert!(!target.exists());
}

#[test]
fn the_next_run_goes_on_with_the_part_of_the_last() {
    let bytes = content(1000);
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    let server = Server::start({
        let bytes = bytes.clone();
        move |request, before| match before {
            0 => file(request, &bytes, TAG).cut(600),
            1..4 => Reply::new("503 Service Unavailable", "", b"busy"),
            _ => file(request, &bytes, TAG),
        }
    });
    let source = remote(server.url("a"));
    let error = get(&source, &target).0.unwrap_err().to_string();
    assert!(error.ends_with("/a: found status 503; expected the file (200)"), "{error}");
    assert_eq!(names(folder.path()), ["a.bin.part", "a.bin.part.from"]);
    let (result, _) = get(&source, &target);
    assert_eq!(result.unwrap().resumed, 600);
    assert_eq!(fs::read(&target).unwrap(), bytes);
    assert_eq!(server.requests().last().unwrap().from(), Some(600));
    assert_eq!(names(folder.path()), ["a.bin"]);
}

/// Leaves a part of `bytes` that came from `url` with the mark `TAG`.
pub(crate) fn leave_part(target: &Path, bytes: &[u8], url: &str) {
    let beside = |ending: &str| target.with_file_name(format!("a.bin{ending}"));
    fs::write(beside(".part"), bytes).unwrap();
    fs::write(beside(".part.from"), format!("{url}\n{TAG}\n")).unwrap();
}

#[test]
fn whatever_the_server_makes_of_the_rest_the_file_is_right() {
    let bytes = content(1000);
    let ranged = |range: &str, body: &[u8]| {
        Reply::new("206 Partial Content", &format!("Content-Range: {range}\r\nETag: {TAG}\r\n"), body)
    };
    let whole = Reply::new("200 OK", "", &bytes);
    let other_tag =
        Reply::new("206 x", "Content-Range: bytes 400-999/1000\r\nETag: \"two\"\r\n", &bytes[400..]);
    for (first, message) in [
        (whole, "the server sends the whole file; starting over"),
        (
            ranged("bytes 300-999/1000", &bytes[300..]),
            "found the range \"bytes 300-999/1000\"; expected bytes 400-;",
        ),
        (ranged("nonsense", &bytes[400..]), "found the range \"nonsense\"; expected bytes 400-;"),
        (other_tag, "the file has changed meanwhile; starting over"),
        (
            Reply::new("416 x", "Content-Range: bytes */10\r\n", b""),
            "does not have the range asked for; starting",
        ),
        (Reply::new("416 x", "", b""), "does not have the range asked for; starting over"),
        (ranged("bytes 400-999/1000", &bytes[400..]), ""),
        (ranged("bytes 400-999/*", &bytes[400..]), ""),
    ] {
        let head = first.head.clone();
        let server = Server::start({
            let bytes = bytes.clone();
            move |request, before| if before == 0 { first.clone() } else { file(request, &bytes, TAG) }
        });
        let folder = tempdir().unwrap();
        let target = folder.path().join("a.bin");
        leave_part(&target, &bytes[..400], &server.url("a"));
        let (result, notes) = get(&remote(server.url("a")), &target);
        let outcome = result.unwrap_or_else(|error| panic!("{head}: {error}"));
        assert_eq!(outcome.resumed, if message.is_empty() { 400 } else { 0 }, "{head}");
        assert_eq!(server.requests()[0].from(), Some(400), "{head}");
        assert_eq!(fs::read(&target).unwrap(), bytes, "{head}");
        assert!(notes.iter().any(|note| note.contains(message)) || message.is_empty(), "{head}: {notes:?}");
        assert_eq!(names(folder.path()), ["a.bin"], "{head}");
    }
}

#[test]
fn a_changed_file_is_loaded_from_its_beginning() {
    let (old, new) = (content(1000), vec![5; 900]);
    let served = new.clone();
    let server = Server::start(move |request, _| file(request, &served, "\"two\""));
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    leave_part(&target, &old[..400], &server.url("a"));
    get(&remote(server.url("a")), &target).0.unwrap();
    assert_eq!(fs::read(&target).unwrap(), new);
    assert_eq!(server.requests()[0].header("if-range"), Some(TAG));
}

#[test]
fn a_part_of_unknown_origin_is_used_only_where_a_checksum_tells() {
    let bytes = content(1000);
    let served = bytes.clone();
    let server = Server::start(move |request, _| file(request, &served, TAG));
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    for (source, from) in [(remote(server.url("a")), None), (checked(server.url("a"), &bytes), Some(400))] {
        leave_part(&target, &bytes[..400], "http://127.0.0.1:1/other");
        get(&source, &target).0.unwrap();
        assert_eq!(fs::read(&target).unwrap(), bytes);
        assert_eq!(server.requests().last().unwrap().from(), from);
        fs::remove_file(&target).unwrap();
    }
    let complete = RemoteFile { size: Some(1000), ..checked(server.url("a"), &bytes) };
    leave_part(&target, &bytes, "http://127.0.0.1:1/other");
    let before = server.requests().len();
    get(&complete, &target).0.unwrap();
    assert_eq!(server.requests().len(), before, "a complete part needs no request");
    leave_part(&target, &content(1001), "http://127.0.0.1:1/other");
    get(&complete, &target).0.unwrap();
    assert_eq!(fs::read(&target).unwrap(), bytes);
}

#[test]
fn a_complete_part_is_recognised_by_the_server() {
    let bytes = content(1000);
    let served = bytes.clone();
    let server = Server::start(move |request, _| file(request, &served, TAG));
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    leave_part(&target, &bytes, &server.url("a"));
    assert_eq!(get(&remote(server.url("a")), &target).0.unwrap().resumed, 1000);
    assert_eq!(fs::read(&target).unwrap(), bytes);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_wrong_checksum_leaves_nothing_new_and_the_next_address_is_tried() {
    let bytes = content(1000);
    let served = bytes.clone();
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/bad" => file(request, b"something else", TAG),
        _ => file(request, &served, TAG),
    });
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    fs::write(&target, "old").unwrap();
    let mut source = checked(server.url("bad"), &bytes);
    let error = get(&source, &target).0.unwrap_err().to_string();
    let sums = format!("found SHA-256 {}; expected {}", sha256(b"something else"), sha256(&bytes));
    assert!(error.starts_with(&format!("a.bin: {sums}")), "{error}");
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["a.bin"]);

    source.urls.push(server.url("good"));
    let (result, notes) = get(&source, &target);
    result.unwrap();
    assert!(notes[0].ends_with("; trying the next address"), "{notes:?}");
    assert_eq!(fs::read(&target).unwrap(), bytes);

    source.checksum = Some(Checksum::Md5("0".repeat(32)));
    let error = get(&source, &target).0.unwrap_err().to_string();
    assert!(error.starts_with("a.bin: found MD5 "), "{error}");
}

#[test]
fn a_size_that_is_not_the_stated_one_stops_the_transfer() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let open = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    for (head, body, message) in [
        ("", &b"0123456789"[..], "/a: found 10 bytes; expected 5"),
        ("", b"0123", "/a: found 4 bytes; expected 5"),
        (chunked, b"6\r\n012345\r\n0\r\n\r\n", "/a: found 6 bytes; expected 5"),
        (chunked, b"4\r\n0123\r\n0\r\n\r\n", "/a: broke off after 4 of 5 bytes"),
        (chunked, b"5\r\n0123", "/a: broke off after 4 of 5 bytes"),
        (open, b"0123456789", "/a: found 6 bytes; expected 5"),
    ] {
        let server = Server::start(move |_, _| match head {
            "" => Reply::new("200 OK", "", body),
            head => Reply { head: head.to_owned(), body: body.to_vec(), stall: false },
        });
        let folder = tempdir().unwrap();
        let target = folder.path().join("a.bin");
        let source = RemoteFile { size: Some(5), ..remote(server.url("a")) };
        let error = get(&source, &target).0.unwrap_err().to_string();
        assert!(error.ends_with(message), "{head}: {error}");
        assert!(!target.exists());
    }
}

#[test]
fn bodies_without_a_length_come_too() {
    for (head, body) in [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", &b"2\r\n01\r\n3\r\n234\r\n0\r\n\r\n"[..]),
        ("HTTP/1.0 200 OK\r\n", b"01234"),
    ] {
        let head = format!("{head}Connection: close\r\n\r\n");
        let server =
            Server::start(move |_, _| Reply { head: head.clone(), body: body.to_vec(), stall: false });
        let folder = tempdir().unwrap();
        let target = folder.path().join("a.bin");
        get(&checked(server.url("a"), b"01234"), &target).0.unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"01234");
    }
}

#[test]
fn refusals_are_named_with_address_and_status() {
    for (status, attempts) in [("404 Not Found", 1), ("403 Forbidden", 1), ("500 Oops", 3), ("429 Slowly", 3)]
    {
        let server = Server::start(move |_, _| Reply::new(status, "", b"<html>"));
        let folder = tempdir().unwrap();
        let target = folder.path().join("a.bin");
        let error = get(&remote(server.url("a")), &target).0.unwrap_err().to_string();
        let number = &status[..3];
        assert_eq!(error, format!("{}: found status {number}; expected the file (200)", server.url("a")));
        assert_eq!(server.requests().len(), attempts, "{status}");
        assert!(!target.exists());
    }
    let url = Server::start(|_, _| Reply::default()).url("a");
    let folder = tempdir().unwrap();
    let error = get(&remote(url.clone()), &folder.path().join("a.bin")).0.unwrap_err().to_string();
    assert!(error.starts_with(&format!("{url}: ")) && error.contains("refused"), "{error}");
}

#[test]
fn redirections_are_followed_within_bounds() {
    let bytes = content(1000);
    let served = bytes.clone();
    let server = Server::start(move |request, _| {
        let to = |target: &str| Reply::new("302 Found", &format!("Location: {target}\r\n"), b"");
        match request.path.trim_start_matches("/x/") {
            "1" => to("2"),
            "2" => to("/x/3?q"),
            "3?q" => file(request, &served, TAG),
            "loop" => to("loop"),
            "file" => to("file:///etc/passwd"),
            _ => to("#"),
        }
    });
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    leave_part(&target, &bytes[..400], &server.url("x/1"));
    get(&remote(server.url("x/1")), &target).0.unwrap();
    assert_eq!(fs::read(&target).unwrap(), bytes);
    assert!(server.requests().iter().all(|request| request.from() == Some(400)));

    fs::remove_file(&target).unwrap();
    for (path, message) in [
        ("loop", format!("redirected to {}; expected at most 10 redirections", server.url("x/loop"))),
        ("file", "redirected to file:///etc/passwd; expected an address with https:// or http://".to_owned()),
        ("none", "redirected to nowhere; expected an address".to_owned()),
    ] {
        let before = server.requests().len();
        let url = server.url(&format!("x/{path}"));
        let error = get(&remote(url.clone()), &target).0.unwrap_err().to_string();
        assert_eq!(error, format!("{url}: {message}"));
        assert!(server.requests().len() - before <= 11);
        assert!(!target.exists());
    }
}

#[test]
fn a_disk_that_refuses_is_named() {
    let server = Server::start(|request, _| file(request, b"x", TAG));
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = get(&remote(server.url("a")), &folder.path().join("file/a")).0.unwrap_err().to_string();
    assert!(error.contains("file/a.part: cannot be written: "), "{error}");
    let target = folder.path().join("a.bin");
    fs::create_dir(&target).unwrap();
    let error = get(&remote(server.url("a")), &target).0.unwrap_err().to_string();
    assert!(error.contains("a.bin: cannot be replaced: "), "{error}");
}
