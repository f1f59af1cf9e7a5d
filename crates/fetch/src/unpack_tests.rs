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
    let result = unpack_tar_gz(&path, &place.path().join("in/out"), strip, limits);
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
    assert_eq!(unpack_tar_gz(&place.path().join("a.tar.gz"), &out, 0, Limits::default()).unwrap(), 1);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    assert!(!out.join("old").exists());
}
