//! Text on its way to the terminal: what `colearn_store::shown` has made fit for one, broken into lines, and names as a
//! shell takes them.

use console::measure_text_width;

pub(crate) use colearn_store::shown::{json, line, lines};

/// Columns that the rest of a broken line is set in, as far as the words behind the first one of a run's head.
const INDENT: usize = 9;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
