//! A folder of words.

use super::*;

const WORDS: [&str; 3] = ["go", "stop", "zoom in"];

/// A list of the published kind for some speakers: another prefix, another extension than on disk.
fn list(speakers: std::ops::Range<u32>) -> String {
    let mut lines = vec!["file,class".to_owned()];
    for word in WORDS {
        for speaker in speakers.clone() {
            for take in 0..2 {
                lines.push(format!("dataset/{word}/s{speaker:02}_x_{take}.flac,{word}"));
            }
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn lists_decide_the_split() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("commands");
    write_words(&root, &WORDS, 8);
    fs::write(root.join("train.csv"), list(0..4)).unwrap();
    fs::write(root.join("val.csv"), list(4..6)).unwrap();
    fs::create_dir(root.join("_background_noise_")).unwrap();
    write_tone(&root.join("_background_noise_/hum.wav"), 16_000, 9_000, 0);
    let set = config(DataName::Words, &root).load().unwrap();
    assert_eq!((set.name.as_str(), set.classes.as_slice()), ("commands", WORDS.map(String::from).as_slice()));
    assert_eq!(set.train.class_counts(3), [8; 3]);
    assert_eq!(speakers(&set.train), BTreeSet::from(["s00", "s01", "s02", "s03"]));
    assert_eq!(speakers(&set.validation), BTreeSet::from(["s04", "s05"]));
    assert!(set.test.is_none());
    assert_says(
        &set.notes.join("\n"),
        &["12 files on disk are in no list", "no test.csv: there is no test split"],
    );

    fs::write(root.join("test.csv"), list(6..7)).unwrap();
    let set = config(DataName::Words, &root).load().unwrap();
    assert_eq!(speakers(test_split(&set)), BTreeSet::from(["s06"]));
    assert_says(&set.notes.join("\n"), &["6 files on disk are in no list"]);

    fs::remove_file(root.join("train.csv")).unwrap();
    let set = config(DataName::Words, &root).load().unwrap();
    assert_eq!(speakers(&set.train), BTreeSet::from(["s00", "s01", "s02", "s03", "s07"]));
}

#[test]
fn without_a_validation_list_training_speakers_are_held_out() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &WORDS, 10);
    fs::write(place.path().join("train.csv"), list(0..8)).unwrap();
    let usual = DataConfig { validation_share: 0.25, ..config(DataName::Words, place.path()) };
    let set = usual.load().unwrap();
    assert_eq!((speakers(&set.train).len(), speakers(&set.validation).len()), (6, 2));
    assert!(speakers(&set.train).is_disjoint(&speakers(&set.validation)));
    assert_eq!(set.train.len() + set.validation.len(), 8 * 6);
    assert_eq!(usual.load().unwrap(), set);
}

#[test]
fn without_lists_speakers_are_divided() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &WORDS, 10);
    fs::write(place.path().join("testing_list.txt"), "go/s00_x_0.wav\n").unwrap();
    let usual = config(DataName::Words, place.path());
    let set = usual.load().unwrap();
    assert_says(&set.notes.join("\n"), &["testing_list.txt is not read"]);
    let splits = [&set.train, &set.validation, test_split(&set)];
    assert_eq!(splits.map(|split| speakers(split).len()), [8, 1, 1]);
    let all: BTreeSet<&str> = splits.into_iter().flat_map(speakers).collect();
    assert_eq!(all.len(), 10);
    assert_says(&set.notes.join("\n"), &["no list: 10 speakers were divided into 8 for training"]);
    let held_out = |seed| {
        let set = DataConfig { split_seed: seed, ..usual.clone() }.load().unwrap();
        set.validation.samples[0].speaker.clone()
    };
    assert!((1..20).any(|seed| held_out(seed) != held_out(0)), "the seed decides who is held out");

    let few = tempfile::tempdir().unwrap();
    write_words(few.path(), &WORDS, 2);
    assert_says(&error(&config(DataName::Words, few.path())), &["2 speaker(s); expected at least 3"]);
}

#[test]
fn wrong_lists_are_refused() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &WORDS, 4);
    let with = |train: &str, val: &str| {
        fs::write(place.path().join("train.csv"), train).unwrap();
        fs::write(place.path().join("val.csv"), val).unwrap();
        error(&config(DataName::Words, place.path()))
    };
    assert_says(
        &with(&list(0..6), &list(3..4)),
        &["train.csv: 12 of 36 listed files are missing, the first is dataset/go/s04_x_0.flac"],
    );
    assert_says(
        &with(&list(0..3), &list(2..4)),
        &["dataset/go/s02_x_0.flac: found in train.csv and again in val.csv"],
    );
    let good = list(3..4);
    assert_says(
        &with("file,class\ngo/s00_x_0.wav,jump\n", &good),
        &["train.csv, line 2: found class \"jump\"; expected one of the folders go, stop, zoom in"],
    );
    assert_says(
        &with("file,class\ns00_x_0.wav,go\n", &good),
        &["line 2: found \"s00_x_0.wav\"; expected <word>/"],
    );
    assert_says(&with("name,label\ngo/s00_x_0.wav,go\n", &good), &["line 2: found ", "expected file,class"]);
    assert_says(&with("file,class\n", &good), &["the training split is empty"]);
}

#[test]
fn a_clip_in_two_formats_is_refused() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &WORDS, 3);
    fs::write(place.path().join("go/s00_x_0.flac"), "x").unwrap();
    let text = error(&config(DataName::Words, place.path()));
    assert_says(
        &text,
        &["go/s00_x_0: found in ", "s00_x_0.flac and again in ", "s00_x_0.wav; expected it once"],
    );
}
