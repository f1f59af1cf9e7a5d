//! Changes to tokens and lines.

use super::{Draw, bytes};

/// What a number may be replaced with.
const NUMBERS: [&str; 30] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "100",
    "0.0",
    "-0.0",
    "0.5",
    "0.001",
    "1.5",
    "-0.25",
    "nan",
    "-nan",
    "inf",
    "-inf",
    "1e308",
    "1e-320",
    "1e400",
    "255",
    "8192",
    "65536",
    "1000000",
    "2147483647",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "99999999999999999999",
];

/// What a value may be replaced with.
const VALUES: [&str; 11] =
    ["true", "false", "\"\"", "\"x\"", "[]", "[0]", "{}", "", "\u{0}", "\u{1f3b5}é", "[[[[[[[["];

/// One to four changes of tokens, now and then a change of bytes as well.
pub(super) fn mutated(first: &[u8], second: &[u8], draw: &mut Draw) -> Vec<u8> {
    let text = String::from_utf8_lossy(first).into_owned();
    let other = String::from_utf8_lossy(second).into_owned();
    let mut tokens = tokens(&text);
    let others = self::tokens(&other);
    let most = 1 << draw.below(3);
    for _ in 0..=draw.below(most) {
        change(&mut tokens, &others, draw);
    }
    let text = tokens.concat().into_bytes();
    if draw.once_in(8) { bytes::mutated(text, second, draw) } else { text }
}

fn change<'a>(tokens: &mut Vec<&'a str>, others: &[&'a str], draw: &mut Draw) {
    if tokens.is_empty() {
        tokens.push("x");
    }
    let place = draw.below(tokens.len());
    let next = |fits: fn(&str) -> bool| (place..tokens.len()).chain(0..place).find(|&i| fits(tokens[i]));
    match draw.below(12) {
        0..=5 => {
            if let Some(number) = next(is_number) {
                tokens[number] = *draw.pick::<&str>(&NUMBERS);
            }
        }
        6 => {
            let word = next(is_word).unwrap_or(place);
            tokens[word] = *draw.pick::<&str>(&VALUES);
        }
        7 => {
            let word = next(is_word).unwrap_or(place);
            tokens[word] = others.get(draw.below(others.len())).copied().unwrap_or("");
        }
        8 => drop(tokens.drain(place..(place + 1 + draw.below(4)).min(tokens.len()))),
        9 => {
            let block = tokens[place..(place + 1 + draw.below(8)).min(tokens.len())].to_vec();
            let to = draw.below(tokens.len() + 1);
            tokens.splice(to..to, block);
        }
        10 => {
            let with = draw.below(tokens.len());
            tokens.swap(place, with);
        }
        _ => {
            // A line of the other text.
            let start = draw.below(others.len() + 1);
            let line = others[start..].iter().take_while(|token| **token != "\n").chain(&["\n"]).copied();
            tokens.splice(place..place, line);
        }
    }
}

fn is_number(token: &str) -> bool {
    token.parse::<f64>().is_ok()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '-')
}

/// Runs of word characters, and every other character alone.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c))).unwrap_or(rest.len());
        let (token, after) = rest.split_at(if word == 0 { first.len_utf8() } else { word });
        tokens.push(token);
        rest = after;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_whole_text() {
        let text = "[a.b]\nkey_x = -1.5 # é\u{1f3b5}\n";
        assert_eq!(tokens(text).concat(), text);
        assert!(tokens(text).contains(&"-1.5") && tokens(text).contains(&"key_x"));
    }
}
