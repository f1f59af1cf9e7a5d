//! Whether the names of a folder's files tell who speaks.
//!
//! The rule is `<speaker>_….wav`. Most people name their own recordings otherwise, after the word or by number; what
//! stands before the first `_` is then no speaker, and cutting a set by it gives splits without whole classes.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::lists::{Key, tokens};

/// Who speaks where nobody says it, as in files of spikes without speakers.
pub(crate) const UNKNOWN: &str = "unknown";

/// What a file's name says of the speaker: its part before the first `_`, in one Unicode form.
pub(crate) fn of_name(name: &str) -> String {
    name.split('_').next().unwrap_or(name).nfc().collect()
}

/// Why the names of these clips tell no speaker; `None` where they do.
pub(crate) fn untold<'a>(clips: impl Iterator<Item = &'a Key>) -> Option<String> {
    let mut speakers: BTreeMap<String, Vec<&Key>> = BTreeMap::new();
    for key in clips {
        speakers.entry(of_name(&key.1)).or_default().push(key);
    }
    if speakers.values().flatten().all(|(_, name)| !name.contains('_')) {
        let example = speakers.values().flatten().next().map_or("", |(_, name)| name);
        return Some(format!("no file name has a \"_\", such as {example:?}"));
    }
    // A real speaker who is called like a word says other words too.
    if let Some((_, clips)) =
        speakers.iter().find(|(_, clips)| clips.iter().all(|key| begins_with_class(key)))
    {
        let (word, name) = clips[0];
        return Some(format!("files are named after their word, such as {word}/{name}"));
    }
    if speakers.values().all(|clips| clips.len() == 1) {
        return Some("no two files share the part of their name before the first \"_\"".to_owned());
    }
    None
}

/// Whether a file's name begins with that of its folder: whole words and numbers, whatever stands between them.
fn begins_with_class((class, name): &Key) -> bool {
    let (class, name) = (tokens(class), tokens(name));
    !class.is_empty() && name.starts_with(&class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(names: &[&str]) -> Option<String> {
        let key = |name: &&str| name.split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let keys: Vec<Key> = names.iter().map(key).collect();
        untold(keys.iter())
    }

    #[test]
    fn names_after_the_word_or_without_a_speaker_tell_none() {
        for (names, expected) in [
            (["up/up_0", "up/up_1", "on/on_0", "on/on_1"], "named after their word, such as on/on_0"),
            (["up/Up_0", "up/UP_1", "on/ann_0", "on/bob_1"], "named after their word, such as up/UP_1"),
            (["up/up1_a", "up/up1_b", "on/on2_a", "on/on2_b"], "named after their word"),
            (["a b/a_b_1", "a b/a-b_2", "on/ann_0", "up/ann_1"], "named after their word, such as a b/a_b_1"),
            (["up/000", "up/001", "on/000", "on/001"], "no file name has a \"_\", such as \"000\""),
            (["up/up 1", "up/up(2)", "on/on", "on/x-y"], "no file name has a \"_\""),
            (["up/a7_x", "up/b3_x", "on/c1_x", "on/d9_x"], "no two files share"),
        ] {
            let found = why(&names);
            assert!(found.as_ref().is_some_and(|why| why.contains(expected)), "{names:?}: {found:?}");
        }
    }

    #[test]
    fn real_speakers_are_told_even_where_one_is_called_like_a_word() {
        for names in [
            ["up/ann_0", "up/bob_0", "on/ann_0", "on/bob_0"],
            ["may/may_0", "may/bob_0", "on/may_0", "on/bob_0"],
            ["a/anna_0", "a/anna_1", "b/bob_0", "b/bob_1"],
            ["s/s1_0", "s/s2_0", "on/s1_0", "on/s2_0"],
            ["up/ann_0", "up/1", "on/ann_1", "on/2"],
        ] {
            assert_eq!(why(&names), None, "{names:?}");
        }
    }

    #[test]
    fn a_speaker_is_one_in_both_unicode_forms() {
        assert_eq!(of_name("Zoe\u{308}_1"), of_name("Zo\u{eb}_2"));
    }
}
