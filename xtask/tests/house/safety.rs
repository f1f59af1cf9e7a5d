//! `unsafe` is in one file of the workspace, and nowhere else is the lint against it switched off.

use std::path::{Path, PathBuf};

use crate::{packages, root, table};

/// The one place: calls of functions compiled for instruction sets that were found at run time.
const ALLOWED: [&str; 1] = ["crates/simd/src/dispatch.rs"];

/// Identifiers that let `unsafe` in.
const WORDS: [&str; 2] = ["unsafe", "unsafe_code"];

/// Identifiers and keywords of Rust source with their lines: no comments, no strings, no characters.
pub(super) fn words(source: &str) -> Vec<(usize, String)> {
    let characters: Vec<char> = source.chars().collect();
    let at = |place: usize| characters.get(place).copied().unwrap_or('\0');
    let (mut words, mut place) = (Vec::new(), 0);
    while place < characters.len() {
        let start = place;
        match (at(place), at(place + 1)) {
            ('/', '/') => place = skip(&characters, place, |rest| rest[0] == '\n'),
            ('/', '*') => place = block_comment(&characters, place),
            ('r', '"' | '#') if raw_string(&characters, place + 1).is_some() => {
                place = raw_string(&characters, place + 1).unwrap();
            }
            ('"', _) => place = quoted(&characters, place, '"'),
            ('\'', '\\') => place = quoted(&characters, place, '\''),
            ('\'', _) if at(place + 2) == '\'' => place += 3,
            (first, _) if first.is_alphabetic() || first == '_' => {
                while at(place).is_alphanumeric() || at(place) == '_' {
                    place += 1;
                    // The prefix of b"…", c"…" and br#"…"# belongs to what follows.
                    if at(place) == '"' || (at(place) == 'r' && raw_string(&characters, place + 1).is_some())
                    {
                        break;
                    }
                }
                let line = 1 + characters[..start].iter().filter(|&&character| character == '\n').count();
                words.push((line, characters[start..place].iter().collect()));
            }
            _ => place += 1,
        }
    }
    words
}

/// The first place from `place` on where `found` holds of the rest, or the end.
fn skip(characters: &[char], place: usize, found: impl Fn(&[char]) -> bool) -> usize {
    (place..characters.len()).find(|&place| found(&characters[place..])).unwrap_or(characters.len())
}

/// Behind a comment that may hold others.
fn block_comment(characters: &[char], start: usize) -> usize {
    let (mut depth, mut place) = (0, start);
    while place < characters.len() {
        match &characters[place..] {
            ['/', '*', ..] => (depth, place) = (depth + 1, place + 2),
            ['*', '/', ..] => (depth, place) = (depth - 1, place + 2),
            _ => place += 1,
        }
        if depth == 0 {
            break;
        }
    }
    place
}

/// Behind a string or a character whose opening mark is at `start`.
fn quoted(characters: &[char], start: usize, mark: char) -> usize {
    let mut place = start + 1;
    while place < characters.len() && characters[place] != mark {
        place += if characters[place] == '\\' { 2 } else { 1 };
    }
    place + 1
}

/// Behind a raw string whose marks begin at `start`, if there is one.
fn raw_string(characters: &[char], start: usize) -> Option<usize> {
    let hashes =
        characters[start.min(characters.len())..].iter().take_while(|&&character| character == '#').count();
    if characters.get(start + hashes) != Some(&'"') {
        return None;
    }
    let ends = |rest: &[char]| {
        rest[0] == '"' && rest.iter().skip(1).take(hashes).filter(|&&c| c == '#').count() == hashes
    };
    Some(skip(characters, start + hashes + 1, ends) + 1 + hashes)
}

/// Every Rust source below a folder.
pub(super) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn unsafe_is_in_one_file() {
    let (mut seen, mut found) = (0, Vec::new());
    for folder in ["crates", "datasets", "xtask", "examples"] {
        for path in sources(&root().join(folder)) {
            seen += 1;
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            for (line, word) in words(&std::fs::read_to_string(&path).unwrap()) {
                if WORDS.contains(&word.as_str()) {
                    found.push((name.clone(), line, word));
                }
            }
        }
    }
    assert!(seen > 300, "only {seen} sources");
    let outside: Vec<_> = found.iter().filter(|(name, ..)| !ALLOWED.contains(&name.as_str())).collect();
    assert!(outside.is_empty(), "unsafe outside of {ALLOWED:?}: {outside:?}");
    for allowed in ALLOWED {
        assert!(found.iter().any(|(name, ..)| name == allowed), "{allowed} needs no exception");
    }
}

#[test]
fn the_lint_against_unsafe_holds_in_every_package() {
    let lints = &table("Cargo.toml")["workspace"]["lints"];
    assert_eq!(lints["rust"]["unsafe_code"].as_str(), Some("deny"));
    assert_eq!(lints["clippy"]["undocumented_unsafe_blocks"].as_str(), Some("deny"));
    for (folder, manifest) in packages() {
        let inherits = manifest["lints"]["workspace"].as_bool() == Some(true);
        assert!(inherits, "{}: expected [lints] workspace = true", folder.display());
        assert!(!root().join(&folder).join("build.rs").exists(), "{}: has a build script", folder.display());
    }
}

#[test]
fn words_are_told_from_comments_strings_and_characters() {
    let source = r##"
        // unsafe
        /* unsafe /* unsafe */ unsafe */
        let quoted = "unsafe \" unsafe"; let raw = r#"unsafe " unsafe"#; let bytes = b"unsafe";
        let (mark, tick, life): (char, char, &'static str) = ('"', '\'', "");
        fn first<'unsafe_life>() { unsafe { } } // unsafe
        #[allow(unsafe_code)] let r = r"unsafe";
    "##;
    let found: Vec<_> = words(source).into_iter().filter(|(_, word)| word.starts_with("unsafe")).collect();
    let expected = [(6, "unsafe_life"), (6, "unsafe"), (7, "unsafe_code")];
    assert_eq!(found, expected.map(|(line, word)| (line, word.to_owned())));
}
