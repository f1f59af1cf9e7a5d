use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};
use tempfile::{TempDir, tempdir};

use super::*;

/// Kind, name, and content or target of an entry.
type Item<'a> = (EntryType, &'a str, &'a str);

/// A tar; names are written as they are, which the builder would refuse.
fn tar(items: &[Item]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, content) in items {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        let link = matches!(kind, EntryType::Symlink | EntryType::Link);
        let body = if link { "" } else { content };
        if link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_size(body.len() as u64);
        header.set_cksum();
        builder.append(&header, body.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Unpacks in a folder of its own, into `in/out`.
fn try_unpack(archive: &[u8], strip: usize, limits: Limits) -> (TempDir, Result<u64, FetchError>) {
    let place = tempdir().unwrap();
    fs::create_dir(place.path().join("in")).unwrap();
    let path = place.path().join("a.tar.gz");
    fs::write(&path, archive).unwrap();
    let result = unpack_tar_gz(&path, &place.path().join("in/out"), strip, limits).map(|held| held.files());
    (place, result)
}

#[test]
fn files_folders_and_inner_links_come_out() {
    let archive = gzip(&tar(&[
        (EntryType::XGlobalHeader, "pax_global_header", "11 comment\n"),
        (EntryType::Directory, "./set/", ""),
        (EntryType::Regular, "./set/words/yes/a.wav", "old"),
        (EntryType::Regular, "set/words/yes/a.wav", "content"),
        (EntryType::Regular, "set/LICENSE", "free"),
        (EntryType::Symlink, "set/words/licence", "../LICENSE"),
        (EntryType::Link, "set/words/no.wav", "set/words/yes/a.wav"),
    ]));
    let (place, result) = try_unpack(&archive, 1, Limits::default());
    assert_eq!(result.unwrap(), 3);
    let out = place.path().join("in/out");
    for (name, content) in
        [("words/yes/a.wav", "content"), ("words/licence", "free"), ("words/no.wav", "content")]
    {
        assert_eq!(fs::read_to_string(out.join(name)).unwrap(), content, "{name}");
    }
    let error = unpack_tar_gz(&place.path().join("a.tar.gz"), &out, 1, Limits::default()).unwrap_err();
    assert!(error.to_string().contains("out: cannot be created: "), "{error}");
}

#[test]
fn what_leads_out_of_the_folder_is_refused_and_leaves_nothing() {
    let good = (EntryType::Regular, "a/b", "x");
    let file = |name| (EntryType::Regular, name, "x");
    let soft = |name, target| (EntryType::Symlink, name, target);
    for (bad, message) in [
        (vec![file("/tmp/x")], "found an absolute path or `..`"),
        (vec![file("a/../../x")], "found an absolute path or `..`"),
        (vec![(EntryType::Directory, "..", "")], "found an absolute path or `..`"),
        (vec![soft("a/l", "/etc")], "found a link to \"/etc\"; expected one inside"),
        (vec![soft("a/l", "../../x")], "found a link to \"../../x\"; expected one inside"),
        (vec![soft("l", "a/../../x")], "found a link to \"a/../../x\"; expected one inside"),
        (vec![soft("l", "a"), file("l/x")], "found a path through a file or link"),
        (vec![(EntryType::Link, "l", "../x")], "found an absolute path or `..`"),
        (vec![soft("m", "a"), (EntryType::Link, "l", "m/b")], "found a path through a file or link"),
        (vec![(EntryType::Link, "l", "a/none")], "expected one to an earlier file"),
        (vec![(EntryType::Char, "null", "")], "found an entry of type Char; expected a file or folder"),
        (vec![(EntryType::Fifo, "pipe", "")], "found an entry of type Fifo"),
        (vec![file("a")], "found a file in place of a folder"),
        (vec![file("a/b/c")], "found a path through a file or link"),
    ] {
        let items: Vec<Item> = std::iter::once(good).chain(bad).collect();
        let (place, result) = try_unpack(&gzip(&tar(&items)), 0, Limits::default());
        let error = result.unwrap_err().to_string();
        assert!(error.contains("a.tar.gz: entry ") && error.contains(message), "{items:?}: {error}");
        assert_eq!(fs::read_dir(place.path().join("in")).unwrap().count(), 0, "{items:?}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "{items:?}");
    }
}

/// A header of any kind, name and stated size, then `content` in whole blocks.
fn block(kind: u8, name: &str, size: u64, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::new(kind));
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(size);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn whole(kind: u8, name: &str, content: &[u8]) -> Vec<u8> {
    block(kind, name, content.len() as u64, content)
}

/// `length key=value`, where the length counts its own digits too.
fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let digits = (1..20).find(|&digits| (rest + digits).to_string().len() == digits).unwrap();
    format!("{} {key}={value}\n", rest + digits).into_bytes()
}

fn archive(parts: &[Vec<u8>]) -> Vec<u8> {
    gzip(&[&parts.concat()[..], &[0; 1024]].concat())
}

#[test]
fn long_names_and_sizes_come_from_records() {
    let (long, linked) = (format!("{}/{}", "d".repeat(200), "f".repeat(150)), "e".repeat(120));
    let sizes = [pax("mtime", "1.5"), pax("path", "of pax"), pax("size", "3")].concat();
    let target = [pax("path", &linked), pax("linkpath", "of pax")].concat();
    let (place, result) = try_unpack(
        &archive(&[
            whole(b'L', "././@LongLink", format!("{long}\0").as_bytes()),
            whole(b'0', "cut off", b"gnu"),
            whole(b'x', "pax", &sizes),
            block(b'0', "cut off", 0, b"pax"),
            whole(b'K', "././@LongLink", format!("{long}\0").as_bytes()),
            whole(b'1', "hard", b""),
            whole(b'x', "pax", &target),
            whole(b'2', "soft", b""),
        ]),
        0,
        Limits::default(),
    );
    assert_eq!(result.unwrap(), 3);
    let out = place.path().join("in/out");
    for (name, content) in [(long.as_str(), "gnu"), ("of pax", "pax"), ("hard", "gnu"), (&linked, "pax")] {
        assert_eq!(fs::read_to_string(out.join(name)).unwrap(), content, "{name}");
    }
}

#[test]
fn nothing_that_an_archive_states_is_believed_without_a_bound() {
    let deep = |parts: usize| "a/".repeat(parts) + "b";
    let content = whole(b'0', "a", b"x");
    let named = |name: &str| archive(&[whole(b'L', "././@LongLink", name.as_bytes()), content.clone()]);
    let pax_named = |name: &str| archive(&[whole(b'x', "pax", &pax("path", name)), content.clone()]);
    for (archive, message) in [
        (named(&deep(15_999)), "found a name of 31999 bytes; expected at most 4097"),
        (pax_named(&deep(15_999)), "found a name of 31999 bytes; expected at most 4096"),
        (pax_named(&deep(2_000)), "found a path of 2001 parts; expected at most 128"),
        (pax_named(&"n".repeat(256)), "found a part of its path with 256 bytes; expected at most 255"),
        (pax_named(&"n".repeat(900_000)), "found a name of 900000 bytes; expected at most 4096"),
        (
            archive(&[block(b'L', "l", 4 << 30, b"")]),
            "found a name of 4294967296 bytes; expected at most 4097",
        ),
        (archive(&[block(b'K', "l", 4 << 30, b"")]), "found a name of 4294967296 bytes"),
        (
            archive(&[block(b'x', "p", 4 << 30, b"")]),
            "found pax records of 4294967296 bytes; expected at most 1048576",
        ),
        (archive(&[block(b'g', "g", 4 << 30, b"")]), "found an archive that is cut off"),
        (
            archive(&[block(b'0', "big", 100 << 30, b"")]),
            "found 107374182400 bytes; expected at most 1048576 in all",
        ),
        (
            archive(&[block(b'0', "big", u64::MAX, b"")]),
            "expected at most 1048576 in all, the limit of what is",
        ),
        (archive(&[whole(b'x', "p", b"9999999999999999999 path=a\n")]), "found a damaged pax record"),
        (archive(&[whole(b'x', "p", b"5 a=b\n")]), "found a damaged pax record"),
        (archive(&[whole(b'x', "p", &pax("size", "-1")), content.clone()]), "found a size that is no number"),
        (archive(&[whole(b'x', "p", &pax("GNU.sparse.major", "1"))]), "found a file with holes"),
        (
            archive(&[whole(b'x', "p", &pax("path", "a\0b")), content.clone()]),
            "found a name that no system has",
        ),
        (archive(&[content.clone(), whole(b'x', "p", &pax("path", "b"))]), "found records about nothing"),
        (b"PK\x03\x04 and more".to_vec(), "found a zip archive; expected a tar.gz"),
        (b"<html>log in</html>".to_vec(), "found a web page; expected a tar.gz"),
    ] {
        let (place, result) = try_unpack(&archive, 0, Limits { bytes: 1 << 20, ..Limits::default() });
        let error = result.unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
        assert!(error.len() < 1_000 && !error.contains(char::is_control), "{} bytes: {error}", error.len());
        assert_eq!(fs::read_dir(place.path().join("in")).unwrap().count(), 0, "{message}");
    }
}

#[test]
fn folders_count_as_well_and_control_characters_are_not_repeated() {
    let limits = Limits { entries: 20, ..Limits::default() };
    let many =
        |names: &[&str]| archive(&names.iter().map(|name| whole(b'0', name, b"x")).collect::<Vec<_>>());
    let (_place, result) =
        try_unpack(&many(&["a/b/c/d/e/f/g/h/i/j/k", "1/2/3/4/5/6/7/8/9/10/11"]), 0, limits);
    assert_eq!(result.unwrap(), 2);
    let (_place, result) =
        try_unpack(&many(&["a/b/c/d/e/f/g/h/i/j/k", "1/2/3/4/5/6/7/8/9/10/11/12"]), 0, limits);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("found more than 20 folders"), "{error}");
    let (_place, result) = try_unpack(&many(&["/\u{1b}[2J\nx"]), 0, limits);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("entry \"/\\u{1b}[2J\\nx\": found an absolute path"), "{error}");
}

/// What a gzip of a hundred gigabytes is, in small: zeros without end.
#[test]
fn an_archive_that_never_ends_is_told_by_its_limit() {
    let limits = Limits { bytes: 5 << 20, ..Limits::default() };
    let (place, result) = try_unpack(&gzip(&vec![0; 6 << 20]), 0, limits);
    let error = result.unwrap_err().to_string();
    let message = "its content: found more than 5242880 bytes; expected at most 5242880 in all, the limit";
    assert!(error.contains(message), "{error}");
    assert_eq!(fs::read_dir(place.path().join("in")).unwrap().count(), 0);
}

#[test]
fn damaged_archives_leave_nothing() {
    let content = "0123456789abcdef".repeat(200);
    let plain = tar(&[(EntryType::Regular, "a", &content), (EntryType::Regular, "b", "x")]);
    let whole = gzip(&plain);
    let mut changed = whole.clone();
    let crc = changed.len() - 8;
    changed[crc] ^= 1;
    let cuts = [0, 5, 11, whole.len() / 2, whole.len() - 9, whole.len() - 1];
    let cut = cuts.iter().map(|&cut| whole[..cut].to_vec());
    let others = [changed, plain.clone(), gzip(b"no tar at all"), gzip(&[0; 1024]), gzip(&plain[..700])];
    for (place, archive) in cut.chain(others).enumerate() {
        let (folder, result) = try_unpack(&archive, 0, Limits::default());
        let error = result.expect_err(&place.to_string()).to_string();
        assert!(error.contains("a.tar.gz: "), "{place}: {error}");
        assert_eq!(fs::read_dir(folder.path().join("in")).unwrap().count(), 0, "{place}: {error}");
    }
}

#[test]
fn too_many_entries_and_bytes_are_refused() {
    let archive = gzip(&tar(&[(EntryType::Regular, "a", "x"), (EntryType::Regular, "b", "x")]));
    let bytes = 4 * 512 + 1024;
    let (_place, result) = try_unpack(&archive, 0, Limits { entries: 2, bytes });
    assert_eq!(result.unwrap(), 2);
    for (entries, bytes, message) in
        [(1, bytes, "found more than 1 entries"), (2, bytes - 1, "found more than 3071 bytes")]
    {
        let (place, result) = try_unpack(&archive, 0, Limits { entries, bytes });
        let error = result.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(fs::read_dir(place.path().join("in")).unwrap().count(), 0);
    }
}

#[test]
fn what_a_killed_process_left_is_cleared_away() {
    let archive = gzip(&tar(&[(EntryType::Regular, "a", "x")]));
    let place = tempdir().unwrap();
    fs::create_dir_all(place.path().join(".out.unpacking/old")).unwrap();
    fs::write(place.path().join("a.tar.gz"), archive).unwrap();
    let out = place.path().join("out");
    let held = unpack_tar_gz(&place.path().join("a.tar.gz"), &out, 0, Limits::default()).unwrap();
    assert_eq!(held.files(), 1);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    assert!(!out.join("old").exists());
}
