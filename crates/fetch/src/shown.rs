//! Text from outside in messages: on one line, without characters that steer a terminal, and short.

use std::path::Path;

/// Most characters of a name or value in a message.
const LONGEST: usize = 120;
/// Most characters of a path or an address in a message.
const LONGEST_PATH: usize = 500;

/// `text` with control characters escaped; of a long one the beginning, the end and its length.
pub(crate) fn short(text: &str) -> String {
    cut(text, LONGEST)
}

/// An address, a message or a list in the same way; more of it is kept.
pub(crate) fn long(text: &str) -> String {
    cut(text, LONGEST_PATH)
}

/// A path like an address.
pub(crate) fn path(path: &Path) -> String {
    cut(&path.to_string_lossy(), LONGEST_PATH)
}

/// Bytes of a name that need not be text.
pub(crate) fn bytes(name: &[u8]) -> String {
    // Longer than what is shown, shorter than what is slow.
    if name.len() > 8 * LONGEST {
        let (start, end) = (&name[..4 * LONGEST], &name[name.len() - 4 * LONGEST..]);
        let (start, end) = (String::from_utf8_lossy(start), String::from_utf8_lossy(end));
        return joined(&start, &end, LONGEST, &format!("{} bytes", name.len()));
    }
    short(&String::from_utf8_lossy(name))
}

fn cut(text: &str, longest: usize) -> String {
    let length = text.chars().count();
    if length <= longest {
        escaped(text)
    } else {
        joined(text, text, longest, &format!("{length} characters"))
    }
}

/// The beginning of `start` and the end of `end`.
fn joined(start: &str, end: &str, longest: usize, length: &str) -> String {
    let (first, last) = (longest * 2 / 3, longest / 3);
    let start: String = start.chars().take(first).collect();
    let end: Vec<char> = end.chars().rev().take(last).collect();
    let end: String = end.into_iter().rev().collect();
    format!("{}...{} ({length})", escaped(&start), escaped(&end))
}

/// Control characters, and those that turn the direction of writing, as escapes.
fn escaped(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_short_and_steers_no_terminal() {
        assert_eq!(short("höher/a b.wav"), "höher/a b.wav");
        assert_eq!(short("a\u{1b}[2Jb\nc\u{202e}"), "a\\u{1b}[2Jb\\nc\\u{202e}");
        let long = format!("{}{}", "a".repeat(100_000), "z".repeat(1_000));
        let shown = short(&long);
        assert!(shown.starts_with("aaa") && shown.ends_with("zzz (101000 characters)"), "{shown}");
        assert!(shown.len() < 2 * LONGEST);
        assert!(bytes(&vec![0xff; 20 << 20]).ends_with(" (20971520 bytes)"));
        assert!(bytes(&vec![b'\n'; 20 << 20]).len() < 3 * LONGEST);
        assert_eq!(bytes(b"a\xffb"), "a\u{fffd}b");
        assert!(path(Path::new(&"p/".repeat(3_000))).len() < 2 * LONGEST_PATH);
    }
}
