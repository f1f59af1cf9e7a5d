//! Text of any kind on its way into a message or onto a terminal.

use std::path::Path;

use colearn_store::shown;

use super::{Outcome, Target};
use crate::mutate::Form;

/// Whatever a name, a key or a line of a file may hold.
#[derive(Debug)]
pub(super) struct Shown;

/// Whether `text` steers no terminal, and is a part of at most `most` characters with what says how much is left out.
fn fits(text: &str, most: usize) -> bool {
    !text.chars().any(shown::is_instruction) && text.chars().count() < most + 60
}

impl Target for Shown {
    fn name(&self) -> &'static str {
        "shown"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![
            "épaule 数字 👩\u{200d}🔬 train.epochs = 3".as_bytes().to_vec(),
            "runs/a b/'$(c)'/".repeat(100).into_bytes(),
            br#"{"a\u001b": [1.5, "\"]}"#.to_vec(),
        ]
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        let bytes = shown::bytes(input);
        assert!(fits(&bytes, shown::MOST_OF_NAME), "bytes: {bytes:?}");
        let text = String::from_utf8_lossy(input);
        for (seen, most) in [
            (shown::short(&text), shown::MOST_OF_NAME),
            (shown::long(&text), shown::MOST_OF_PATH),
            (shown::line(&text), shown::MOST_OF_MESSAGE),
        ] {
            assert!(fits(&seen, most), "{seen:?}");
        }
        for line in shown::lines(&text).split('\n') {
            assert!(fits(&line.replace('\t', " "), shown::MOST_OF_LINE), "{line:?}");
        }
        let json = shown::json(&serde_json::Value::from(&*text).to_string());
        assert!(!json.contains(shown::is_instruction), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).ok().as_deref(), Some(&*text), "the text of {json}");
        let plain = !text.contains(shown::is_instruction) && text.chars().count() <= shown::MOST_OF_MESSAGE;
        assert_eq!(shown::line(&text) == text, plain, "plain and short text alone stays as it is: {text:?}");
        if plain && text.as_bytes() == input {
            Outcome::Accepted
        } else {
            Outcome::Refused("shown with escapes, or cut".to_owned())
        }
    }
}
