//! A user's own folder: names as people give them, few speakers, few clips.

use super::*;
use crate::Protocol;

/// A file's name from its word and number.
type Naming = fn(&str, u32) -> String;

const WORDS: [&str; 4] = ["apple", "banana", "cherry", "mango"];

/// `count` clips of every word, called by `name` of word and number.
fn write(root: &Path, count: u32, name: impl Fn(&str, u32) -> String) {
    for (w, word) in (0..).zip(WORDS) {
        for number in 0..count {
            let file = root.join(word).join(name(word, number) + ".wav");
            write_tone(&file, 16_000, 1_200, 9 * w + number);
        }
    }
}

fn counts(set: &Dataset) -> [Vec<usize>; 3] {
    let of = |split: &Split| split.class_counts(set.classes.len());
    [of(&set.train), of(&set.validation), set.test.as_ref().map(of).unwrap_or_default()]
}

#[test]
fn names_that_tell_no_speaker_give_every_class_to_every_split() {
    let namings: [(&str, Naming); 7] = [
        ("files are named after their word", |word, n| format!("{word}_{n:03}")),
        ("files are named after their word", |word, n| format!("{}_{n}", word.to_uppercase())),
        ("no file name has a \"_\"", |_, n| format!("{n:03}")),
        ("no file name has a \"_\"", |word, n| format!("{word} ({n})")),
        ("no two files share the part", |word, n| format!("{n}{}_take", &word[..1])),
        ("1 speaker(s) are too few for training, validation and test", |_, n| format!("rec_{n}")),
        ("whole speakers would leave no training clip of ", |word, n| format!("mic{}_{n}", &word[..1])),
    ];
    for (why, name) in namings {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), 20, name);
        let usual = config(DataName::Words, place.path());
        let set = usual.load().unwrap();
        assert_eq!(counts(&set), [vec![16; 4], vec![2; 4], vec![2; 4]], "{why}");
        assert_eq!(set.protocol, Protocol::Clean);
        let notes = set.notes.join("\n");
        assert_says(
            &notes,
            &[
                why,
                "a speaker may be on two sides of the split",
                "no list: the recordings of every class were divided into 64 for training, 8 for validation and 8 for test \
                 (seed 0)",
            ],
        );
        assert!(!notes.contains("warning: no clip"), "{notes}");
        assert_eq!(usual.load().unwrap(), set);
        let all: BTreeSet<&str> =
            [&set.train, &set.validation, test_split(&set)].into_iter().flat_map(ids).collect();
        assert_eq!(all.len(), 80);
        let other = DataConfig { split_seed: 1, ..usual.clone() }.load().unwrap();
        assert_ne!(ids(&other.validation), ids(&set.validation));
        let share = DataConfig { split: SplitRule::Share, ..usual }.load().unwrap();
        assert_eq!((ids(&share.train), ids(test_split(&share))), (ids(&set.train), ids(test_split(&set))));
    }
}

#[test]
fn what_goes_by_speakers_is_refused_where_names_tell_none() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), 4, |word, n| format!("{word}_{n:03}"));
    let usual = config(DataName::Words, place.path());
    let speakers = DataConfig { split: SplitRule::Speakers, ..usual.clone() };
    assert_says(
        &error(&speakers),
        &[
            "data.split: speakers, but the names of the files tell no speaker: files are named after",
            "data.split=share",
        ],
    );
    let leave_out = DataConfig { leave_out: Some("apple".to_owned()), ..usual };
    assert_says(&error(&leave_out), &["data.leave_out: apple, but the names of the files tell no speaker"]);
}

#[test]
fn a_rule_that_was_asked_for_is_kept_or_refused() {
    let place = tempfile::tempdir().unwrap();
    // Every speaker says one word only.
    write(place.path(), 12, |word, n| format!("{}{}_{n}", &word[..1], n % 2));
    let usual = config(DataName::Words, place.path());
    let set = DataConfig { split: SplitRule::Speakers, ..usual.clone() };
    let refused =
        (0..40).map(|split_seed| DataConfig { split_seed, ..set.clone() }).find_map(|c| c.load().err());
    assert_says(
        &refused.unwrap().to_string(),
        &[
            "data.split=speakers leaves no training clip of 1 of 4 classes (",
            "expected clips of every class in training: data.split=share",
        ],
    );
    write(place.path(), 1, |_, _| "ann_0".to_owned());
    fs::create_dir(place.path().join("date")).unwrap();
    write_tone(&place.path().join("date/eve_0.wav"), 16_000, 1_200, 1);
    let leave_out = DataConfig { leave_out: Some("eve".to_owned()), ..usual };
    assert_says(&error(&leave_out), &["data.leave_out=eve leaves no training clip of 1 of 5 classes (date)"]);
}

#[test]
fn a_class_of_few_clips_is_trained_first() {
    for (clips, expected) in [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [1, 1, 1]), (4, [2, 1, 1]), (10, [8, 1, 1])]
    {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), 10, |word, n| format!("{word}_{n:03}"));
        for n in 0..clips {
            write_tone(&place.path().join(format!("fig/fig_{n}.wav")), 16_000, 1_200, n);
        }
        let set = config(DataName::Words, place.path()).load().unwrap();
        let fig = counts(&set).map(|split| split[3]);
        assert_eq!(fig, expected, "{clips} clips");
        let notes = set.notes.join("\n");
        for (split, place) in [("validation", 1), ("test", 2)] {
            let said = notes.contains(&format!("warning: no clip of 1 of 5 classes (fig) in {split}"));
            assert_eq!(said, expected[place] == 0, "{notes}");
        }
    }
    let place = tempfile::tempdir().unwrap();
    write(place.path(), 1, |word, n| format!("{word}_{n:03}"));
    assert_says(&error(&config(DataName::Words, place.path())), &["the validation split is empty"]);
}

#[test]
fn speakers_share_what_is_held_out_of_a_class() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), 20, |_, n| format!("{}_{n}", if n < 16 { "ann" } else { "bob" }));
    let set = config(DataName::Words, place.path()).load().unwrap();
    assert_says(
        &set.notes.join("\n"),
        &["2 speaker(s) are too few for training, validation and test, which takes 3"],
    );
    let validation_and_test = set.validation.samples.iter().chain(&test_split(&set).samples);
    assert_eq!(validation_and_test.filter(|sample| sample.speaker == "bob").count(), 2 * 4);
}

#[test]
fn one_class_and_names_that_are_alike_are_said() {
    let place = tempfile::tempdir().unwrap();
    for n in 0..6 {
        write_tone(&place.path().join(format!("recordings/{n}.wav")), 16_000, 1_200, n);
    }
    let set = config(DataName::Words, place.path()).load().unwrap();
    assert_says(&set.notes.join("\n"), &["warning: \"recordings\" is the only class in training"]);

    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &["go", "Go"], 4);
    write_tone(&place.path().join("go/S01_x_7.wav"), 16_000, 1_200, 1);
    assert_says(
        &config(DataName::Words, place.path()).load().unwrap().notes.join("\n"),
        &[
            "warning: \"Go\" and \"go\" differ in letter case",
            "are two classes",
            "warning: \"S01\" and \"s01\" differ",
        ],
    );
}

#[test]
fn lists_that_leave_a_class_untrained_are_refused() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), 6, |_, n| format!("s{n}_x"));
    let line = |word: &str, n: u32| format!("{word}/s{n}_x.wav,{word}\n");
    let list = |words: &[&str], numbers: std::ops::Range<u32>| {
        let lines = words.iter().flat_map(|word| numbers.clone().map(move |n| line(word, n)));
        "file,class\n".to_owned() + &lines.collect::<String>()
    };
    fs::write(place.path().join("train.csv"), list(&WORDS[..3], 0..3)).unwrap();
    fs::write(place.path().join("val.csv"), list(&WORDS, 3..5)).unwrap();
    let usual = config(DataName::Words, place.path());
    assert_says(
        &error(&usual),
        &[
            "lists or names say (data.split=official) leaves no training clip of 1 of 4 classes (mango)",
            "data.split=share",
        ],
    );
    let shared =
        DataConfig { split: SplitRule::Share, validation_share: 0.4, ..usual.clone() }.load().unwrap();
    assert!(counts(&shared)[0].iter().all(|&count| count > 0));

    // Nobody lists mango: it is a class, and said to be empty.
    fs::write(place.path().join("val.csv"), list(&WORDS[..3], 3..5)).unwrap();
    let notes = usual.load().unwrap().notes.join("\n");
    assert_says(
        &notes,
        &["warning: no clip at all of 1 of 4 classes (mango)", "9 files on disk are in no list"],
    );
}
