//! Files are opened for reading through one door, `crates/store/src/door.rs`, which takes regular files alone and has a bound.

use crate::root;
use crate::source::{sources, words};

/// What opens or reads whatever a name holds, as two words in a row, such as those of `fs::read(`.
const CALLS: [[&str; 2]; 5] = [
    ["fs", "read"],
    ["fs", "read_to_string"],
    ["File", "open"],
    ["OpenOptions", "new"],
    ["Reader", "from_path"],
];

/// The door itself, and files that may also open otherwise: to write, or to make a folder durable.
const ALLOWED: [(&str, [&str; 2]); 5] = [
    ("crates/store/src/door.rs", ["OpenOptions", "new"]),
    ("crates/store/src/whole.rs", ["OpenOptions", "new"]),
    ("crates/store/src/whole.rs", ["File", "open"]),
    ("crates/fetch/src/sync.rs", ["OpenOptions", "new"]),
    ("crates/fetch/src/unpack.rs", ["OpenOptions", "new"]),
];

/// The program without its unit tests, which read what they have just written.
fn without_tests(source: &str) -> &str {
    source.find("mod tests {").map_or(source, |end| &source[..end])
}

/// The calls in a source, with their lines.
fn calls(source: &str) -> Vec<(usize, [&'static str; 2])> {
    let words = words(without_tests(source));
    let call = |pair: &[(usize, String)]| {
        let known = CALLS.iter().find(|call| call[0] == pair[0].1 && call[1] == pair[1].1);
        known.map(|call| (pair[1].0, *call))
    };
    words.windows(2).filter_map(call).collect()
}

#[test]
fn files_are_read_through_one_door() {
    let mut found = Vec::new();
    let folders = std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.chain([root().join("xtask")]) {
        for path in sources(&folder.join("src")) {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            if name.contains("/tests/") || name.ends_with("tests.rs") {
                continue;
            }
            let calls = calls(&std::fs::read_to_string(&path).unwrap());
            found.extend(calls.into_iter().map(|(line, call)| (name.clone(), line, call)));
        }
    }
    let allowed = |name: &str, call: [&str; 2]| ALLOWED.contains(&(name, call));
    let outside: Vec<_> = found.iter().filter(|(name, _, call)| !allowed(name, *call)).collect();
    assert!(
        outside.is_empty(),
        "expected colearn_store::{{open_regular, read_bounded, read_text}}: {outside:?}"
    );
    for (file, call) in ALLOWED {
        let needed = found.iter().any(|(name, _, found)| name == file && *found == call);
        assert!(needed, "{file} needs no exception for {call:?}");
    }
}

#[test]
fn calls_are_told_from_other_words() {
    let source = "use std::fs::{self, File};\nlet a = fs::read(path)?; // fs::read\nfs::read_dir(x); \"File::open\";\n\
                  std::fs::read_to_string(b); File::open(c);\n#[cfg(test)]\nmod tests { fn f() { fs::read(x); } }";
    let expected = [(2, ["fs", "read"]), (4, ["fs", "read_to_string"]), (4, ["File", "open"])];
    assert_eq!(calls(source), expected);
}
