//! Text from outside in messages and on a terminal: names of folders and files, keys, classes, lines of files, answers of
//! servers.
//!
//! What a terminal would obey, or what would change the order of the text around it, is written as an escape; what is far
//! too long is cut in the middle. A message names what it speaks of with [`short`], [`long`], [`path`] and [`bytes`];
//! [`line`](fn@line), [`lines`] and [`json`] are for whatever is about to be shown.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

/// Most characters of a name or a value in a message.
pub const MOST_OF_NAME: usize = 120;
/// Most characters of a path, an address or a list in a message.
pub const MOST_OF_PATH: usize = 500;
/// Most characters of a message.
pub const MOST_OF_MESSAGE: usize = 2_000;
/// Most characters of a line of a text.
pub const MOST_OF_LINE: usize = 20_000;

/// Whether a character is an instruction rather than something to see: control characters, those that set the direction
/// of writing, separators of lines, invisible tags.
#[must_use]
pub fn is_instruction(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` with every instruction as an escape such as `\u{1b}`, but for those that `keeps` holds.
fn escaped<'a>(text: &'a str, keeps: &[char]) -> Cow<'a, str> {
    let escapes = |c: char| is_instruction(c) && !keeps.contains(&c);
    if !text.contains(escapes) {
        return Cow::Borrowed(text);
    }
    let mut all = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' if escapes(c) => all.extend(c.escape_default()),
            c if escapes(c) => all.extend(c.escape_unicode()),
            c => all.push(c),
        }
    }
    Cow::Owned(all)
}

/// At most about `most` characters: the beginning and the end, and between them how much is left out.
fn shortened(text: Cow<'_, str>, most: usize) -> Cow<'_, str> {
    // Bytes are counted sooner, and are at least as many.
    if text.len() <= most {
        return text;
    }
    let characters = text.chars().count();
    if characters <= most {
        return text;
    }
    let (head, tail) = (most - most / 4, most / 4);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(characters - tail).collect();
    Cow::Owned(format!("{start} … ({} characters left out) … {end}", characters - head - tail))
}

fn in_one_line(text: &str, most: usize) -> Cow<'_, str> {
    shortened(escaped(text, &[]), most)
}

/// A name or a value, as a part of a message.
#[must_use]
pub fn short(text: &str) -> Cow<'_, str> {
    in_one_line(text, MOST_OF_NAME)
}

/// An address, a reason or a list, as a part of a message.
#[must_use]
pub fn long(text: &str) -> Cow<'_, str> {
    in_one_line(text, MOST_OF_PATH)
}

/// The path of a file or a folder, as a part of a message.
#[must_use]
pub fn path(path: &Path) -> String {
    long(&path.to_string_lossy()).into_owned()
}

/// A name that need not be text, as a part of a message.
#[must_use]
pub fn bytes(name: &[u8]) -> String {
    short(&String::from_utf8_lossy(name)).into_owned()
}

/// A name or a message in one line.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    in_one_line(text, MOST_OF_MESSAGE)
}

/// Lines as they are to be seen.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    let text = escaped(text, &['\n', '\t']);
    if text.len() <= MOST_OF_LINE {
        return text;
    }
    let lines = text.split('\n').map(|line| shortened(Cow::Borrowed(line), MOST_OF_LINE));
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// JSON whose strings hold no instruction; the value stays what it is.
///
/// # Panics
/// Never: a string takes every text.
#[must_use]
pub fn json(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for c in text.chars() {
        // Outside of strings there is no such character but the breaks of lines.
        if is_instruction(c) && c != '\n' {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(all, "\\u{unit:04x}").expect("a string takes every text");
            }
        } else {
            all.push(c);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clears the screen, sets the title of the window, turns the text around, and one byte that some terminals take for
    /// the beginning of such.
    const HOSTILE: &str = "a\u{1b}[2Jb\u{1b}]0;owned\u{7}c\u{202e}d\u{9b}5me\rf";

    #[test]
    fn nothing_that_a_terminal_obeys_goes_through() {
        let seen = r"a\u{1b}[2Jb\u{1b}]0;owned\u{7}c\u{202e}d\u{9b}5me\rf";
        assert_eq!((line(HOSTILE), lines(HOSTILE)), (seen.into(), seen.into()));
        assert_eq!((short(HOSTILE), long(HOSTILE)), (seen.into(), seen.into()));
        assert_eq!((path(Path::new(HOSTILE)), bytes(HOSTILE.as_bytes())), (seen.into(), seen.into()));
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = c.to_string();
            assert!(!line(&text).chars().any(is_instruction), "{c:?}");
            assert!(!lines(&text).chars().any(|c| is_instruction(c) && !"\n\t".contains(c)), "{c:?}");
        }
        assert_eq!((line("a\nb\tc"), lines("a\nb\tc")), (r"a\nb\tc".into(), "a\nb\tc".into()));
        for plain in ["", "épaule ü 数字 \u{645}\u{631}\u{62d}", "β ≤ 1 … “x”", "👩\u{200d}🔬"]
        {
            assert_eq!((line(plain), lines(plain), short(plain)), (plain.into(), plain.into(), plain.into()));
        }
        assert_eq!(bytes(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn a_megabyte_is_cut_in_the_middle() {
        let key = "k".repeat(1 << 20);
        let message = format!("{key}: is no key; did you mean train.epochs?");
        let seen = line(&message);
        assert!(seen.chars().count() < MOST_OF_MESSAGE + 60, "{}", seen.len());
        assert!(seen.starts_with("kkkk") && seen.ends_with("did you mean train.epochs?"), "{seen}");
        assert!(
            seen.contains(&format!("({} characters left out)", message.len() - MOST_OF_MESSAGE)),
            "{seen}"
        );
        let text = format!("first\n{key}\nlast");
        let seen = lines(&text);
        assert!(seen.len() < MOST_OF_LINE + 100 && seen.starts_with("first\nk") && seen.ends_with("k\nlast"));
        let exact = "ü".repeat(MOST_OF_MESSAGE);
        assert_eq!(line(&exact), exact);
    }

    /// Escapes count as what they are written with, so that a name of nothing else does not become ten times as long.
    #[test]
    fn parts_of_messages_have_their_own_bounds() {
        for text in
            ["a".repeat(100_000) + &"z".repeat(1_000), "\n".repeat(100_000), "\u{202e}".repeat(100_000)]
        {
            for (seen, most) in [
                (short(&text).into_owned(), MOST_OF_NAME),
                (bytes(text.as_bytes()), MOST_OF_NAME),
                (long(&text).into_owned(), MOST_OF_PATH),
                (path(Path::new(&text)), MOST_OF_PATH),
            ] {
                let characters = seen.chars().count();
                assert!((most..most + 50).contains(&characters), "{characters}: {seen}");
                assert!(seen.contains(" characters left out) … "), "{seen}");
            }
        }
        assert!(bytes(&vec![0xff; 1 << 20]).contains(&format!("({} characters", (1 << 20) - MOST_OF_NAME)));
        let seen = short(&("a".repeat(1_000) + "z")).into_owned();
        assert!(seen.starts_with("aaa") && seen.ends_with("aaz"), "{seen}");
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ HOSTILE: [HOSTILE, "\u{e0041}\n\"", "ü"], "n": 1.5 });
        for text in [serde_json::to_string_pretty(&value).unwrap(), value.to_string()] {
            let safe = json(&text);
            assert!(!safe.chars().any(|c| is_instruction(c) && c != '\n'), "{safe}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
    }
}
