//! Rust source as the tests of the house read it: its words and marks, without comments and strings.

use std::path::{Path, PathBuf};

/// Identifiers and keywords of Rust source with their lines: no comments, no strings, no characters.
pub(super) fn words(source: &str) -> Vec<(usize, String)> {
    let word = |(_, text): &(usize, String)| text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    tokens(source).into_iter().filter(word).collect()
}

/// [`words()`], and the marks between them one by one, but `::` as one.
pub(super) fn tokens(source: &str) -> Vec<(usize, String)> {
    let characters: Vec<char> = source.chars().collect();
    let at = |place: usize| characters.get(place).copied().unwrap_or('\0');
    let (mut tokens, mut place) = (Vec::new(), 0);
    let (mut line, mut counted) = (1, 0);
    while place < characters.len() {
        let start = place;
        let mut token = false;
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
                place = word_end(&characters, place);
                token = true;
            }
            (':', ':') => (place, token) = (place + 2, true),
            (mark, _) => (place, token) = (place + 1, !mark.is_whitespace()),
        }
        line += characters[counted..start].iter().filter(|&&character| character == '\n').count();
        counted = start;
        if token {
            tokens.push((line, characters[start..place].iter().collect()));
        }
    }
    tokens
}

/// Behind a word that begins at `start`. The prefix of b"…", c"…" and br#"…"# belongs to what follows.
fn word_end(characters: &[char], start: usize) -> usize {
    let at = |place: usize| characters.get(place).copied().unwrap_or('\0');
    let mut place = start;
    while at(place).is_alphanumeric() || at(place) == '_' {
        place += 1;
        if at(place) == '"' || (at(place) == 'r' && raw_string(characters, place + 1).is_some()) {
            break;
        }
    }
    place
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
