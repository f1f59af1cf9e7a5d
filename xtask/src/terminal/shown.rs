//! Text from outside on its way to the terminal: names of folders, keys, classes, lines of files.
//!
//! What a terminal would obey, or what would change the order of the text around it, is written as an escape; what is far
//! too long is cut in the middle.

use std::borrow::Cow;
use std::fmt::Write;

use console::measure_text_width;

/// Most characters of a message, and of a line of a text.
pub(super) const MOST_OF_MESSAGE: usize = 2_000;
pub(super) const MOST_OF_LINE: usize = 20_000;

/// Columns that the rest of a broken line is set in, as far as the words behind the first one of a run's head.
const INDENT: usize = 9;

/// Whether a character is an instruction rather than something to see: control characters, those that set the direction
/// of writing, separators of lines, invisible tags.
fn is_instruction(c: char) -> bool {
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

/// A name or a message in one line.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    shortened(escaped(text, &[]), MOST_OF_MESSAGE)
}

/// Lines as they are to be seen.
pub(super) fn lines(text: &str) -> Cow<'_, str> {
    let text = escaped(text, &['\n', '\t']);
    if text.len() <= MOST_OF_LINE {
        return text;
    }
    let lines = text.split('\n').map(|line| shortened(Cow::Borrowed(line), MOST_OF_LINE));
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// JSON whose strings hold no instruction; the value stays what it is.
pub(super) fn json(text: &str) -> String {
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

/// `text` with lines of at most `width` columns, broken between words; what goes on is set in. Rows of tables and words
/// that are longer stay whole.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let lines = text.split('\n').map(|line| {
        if line.starts_with('|') || measure_text_width(line) <= width {
            return line.to_owned();
        }
        let mut broken = String::new();
        let mut columns = 0;
        // The blanks that a word is set behind belong to it, so that columns stay where nothing is broken.
        for word in line.split_inclusive(|c: char| c != ' ').fold(Vec::<String>::new(), joined) {
            let wide = measure_text_width(&word);
            if columns > 0 && columns + wide > width {
                broken.push('\n');
                let word = word.trim_start();
                let indent = " ".repeat(INDENT);
                columns = INDENT + measure_text_width(word);
                broken.extend([indent.as_str(), word]);
            } else {
                columns += wide;
                broken.push_str(&word);
            }
        }
        broken
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Pieces that end in a character that is no blank, put together to words with the blanks before them.
fn joined(mut words: Vec<String>, piece: &str) -> Vec<String> {
    match words.last_mut() {
        Some(word) if !piece.starts_with(' ') => word.push_str(piece),
        _ => words.push(piece.to_owned()),
    }
    words
}

/// A name as a shell takes it: in quotes where it holds anything but letters, digits and the marks of usual names.
pub(crate) fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/+:,@%=".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clears the screen, sets the title of the window, turns the text around, and one byte that some terminals take for
    /// the beginning of such.
    const HOSTILE: &str = "a\u{1b}[2Jb\u{1b}]0;owned\u{7}c\u{202e}d\u{9b}5me\rf";

    #[test]
    fn nothing_that_a_terminal_obeys_goes_through() {
        let seen = line(HOSTILE);
        assert_eq!(seen, r"a\u{1b}[2Jb\u{1b}]0;owned\u{7}c\u{202e}d\u{9b}5me\rf");
        assert_eq!(lines(HOSTILE), seen);
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = c.to_string();
            assert!(!line(&text).chars().any(is_instruction), "{c:?}");
            assert!(!lines(&text).chars().any(|c| is_instruction(c) && !"\n\t".contains(c)), "{c:?}");
        }
        assert_eq!((line("a\nb\tc"), lines("a\nb\tc")), (r"a\nb\tc".into(), "a\nb\tc".into()));
        for plain in ["", "épaule ü 数字 \u{645}\u{631}\u{62d}", "β ≤ 1 … “x”", "👩\u{200d}🔬"]
        {
            assert_eq!((line(plain), lines(plain)), (plain.into(), plain.into()));
        }
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

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ HOSTILE: [HOSTILE, "\u{e0041}\n\"", "ü"], "n": 1.5 });
        for text in [serde_json::to_string_pretty(&value).unwrap(), value.to_string()] {
            let safe = json(&text);
            assert!(!safe.chars().any(|c| is_instruction(c) && c != '\n'), "{safe}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
    }

    #[test]
    fn lines_are_broken_between_words() {
        let text = "data     words: 12 training, 4 validation, 4 test utterances; 3 classes\n| a row of a table stays |";
        assert_eq!(
            wrapped(text, 40),
            "data     words: 12 training, 4\n         validation, 4 test utterances;\n         3 classes\n\
             | a row of a table stays |"
        );
        assert_eq!(wrapped(text, 100), text);
        let path = "a ".to_owned() + &"x".repeat(60);
        assert_eq!(wrapped(&path, 40), format!("a\n         {}", "x".repeat(60)));
        assert_eq!(wrapped("数字数字 数字", 10), "数字数字\n         数字", "columns, not characters");
    }

    #[test]
    fn a_shell_gets_its_words_back() {
        for (name, expected) in [
            ("runs/d1", "runs/d1"),
            ("", "''"),
            ("my runs/d 1", "'my runs/d 1'"),
            ("a'b", r"'a'\''b'"),
            ("$(rm)", "'$(rm)'"),
        ] {
            assert_eq!(quoted(name), expected);
        }
    }
}
