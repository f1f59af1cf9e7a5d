use super::*;

/// Two files and a link, in a folder and as a list.
fn unpacked(root: &Path) -> (PathBuf, Contents) {
    let folder = root.join("set");
    fs::create_dir_all(folder.join("a b")).unwrap();
    let mut contents = Contents::default();
    for (path, content) in [("a b/one.wav", "one"), ("two", "22")] {
        fs::write(folder.join(path), content).unwrap();
        let sums = hash_file(&folder.join(path)).unwrap();
        contents.add_file(path.into(), sums.size, sums.sha256);
    }
    (folder, contents)
}

#[test]
fn a_folder_is_held_against_its_list_by_counts_sizes_and_contents() {
    let root = tempfile::tempdir().unwrap();
    let (folder, contents) = unpacked(root.path());
    contents.save(&folder).unwrap();
    let read = Contents::load(&folder).unwrap().unwrap();
    assert_eq!((&read, read.files(), read.bytes()), (&contents, 2, 5));
    for thoroughly in [false, true] {
        assert_eq!(read.difference(&folder, thoroughly).unwrap(), None);
    }
    let differs = |thoroughly| {
        let difference = read.difference(&folder, thoroughly).unwrap();
        difference.map(|found| (format!("{}; {}", found.found, found.expected), found.only_more))
    };
    let all = "all of the 2 files, 0 links, 5 bytes";
    fs::write(folder.join("two"), "23").unwrap();
    assert_eq!(differs(false), None, "sizes alone");
    let (text, _) = differs(true).unwrap();
    assert!(text.starts_with("two with SHA-256 "), "{text}");
    fs::write(folder.join("two"), "222").unwrap();
    assert_eq!(differs(false).unwrap().0, "two with 3 bytes; 2 bytes");
    fs::write(folder.join("two"), "22").unwrap();
    fs::write(folder.join("more"), "").unwrap();
    let more = "1 files more, such as more; nothing beside the 2 files, 0 links, 5 bytes";
    assert_eq!(differs(true), Some((more.to_owned(), true)));
    fs::remove_dir_all(folder.join("a b")).unwrap();
    assert_eq!(differs(false), Some((format!("1 of them missing, such as a b/one.wav; {all}"), false)));
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    assert_eq!(differs(false).unwrap().0, format!("2 of them missing, such as a b/one.wav; {all}"));
}

#[cfg(unix)]
#[test]
fn links_and_odd_names_are_kept_and_compared() {
    use std::os::unix::ffi::OsStrExt;
    let root = tempfile::tempdir().unwrap();
    let (folder, mut contents) = unpacked(root.path());
    let odd = Path::new(std::ffi::OsStr::from_bytes(b"o\xff\\x41\n\xc2\x85\xc3\xb6"));
    std::os::unix::fs::symlink("two", folder.join(odd)).unwrap();
    contents.add_link(odd.to_owned(), Path::new("two"));
    contents.save(&folder).unwrap();
    let text = fs::read_to_string(Contents::path_for(&folder)).unwrap();
    assert!(text.starts_with("# 2 files, 1 links, 5 bytes\n"), "{text}");
    assert!(text.contains(" link o\\xff\\x5cx41\\x0a\\xc2\\x85ö\n"), "{text}");
    let read = Contents::load(&folder).unwrap().unwrap();
    assert_eq!(read, contents);
    assert_eq!(read.difference(&folder, true).unwrap(), None);
    fs::remove_file(folder.join(odd)).unwrap();
    std::os::unix::fs::symlink("a b", folder.join(odd)).unwrap();
    let difference = read.difference(&folder, false).unwrap().unwrap();
    assert_eq!(difference.expected, "the link that was unpacked");
    fs::remove_file(folder.join("two")).unwrap();
    std::os::unix::fs::symlink("a b/one.wav", folder.join("two")).unwrap();
    let difference = read.difference(&folder, false).unwrap().unwrap();
    assert!(!difference.only_more);
}

#[test]
fn a_list_that_was_changed_is_named_by_its_line() {
    let path = Path::new("set.contents");
    let digits = "0".repeat(64);
    let good = format!("# 1 files, 0 links, 7 bytes\n{digits} 7 a/b\n");
    assert_eq!(Contents::parse(path, &good).unwrap().bytes(), 7);
    for (text, message) in [
        ("", "set.contents, line 1: found \"\"; expected `# 0 files, 0 links, 0 bytes`"),
        (&good[..28], "set.contents, line 1: found \"# 1 files, 0 links, 7 bytes\"; expected `# 0 files"),
        (&good.replace("a/b", "../b"), "line 2: found \"000"),
        (&good.replace("a/b", "/b"), "line 2: "),
        (&good.replace("a/b", "\\x2e\\x2e/b"), "line 2: "),
        (&good.replace("a/b", "\\x0"), "line 2: "),
        (&good.replace(" 7 a", " -7 a"), "line 2: "),
        (&good.replace("000", "00g"), "expected 64 hexadecimal digits, a size or `link`, and a path"),
        (&format!("{good}{digits} 7 a/b\n"), "line 3: "),
    ] {
        let error = Contents::parse(path, text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
    let huge = format!("# x\n{digits} {0} a\n{digits} {0} b\n", u64::MAX);
    assert!(Contents::parse(path, &huge).is_err());
}
