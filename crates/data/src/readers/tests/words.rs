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
    let asked = DataConfig { split: SplitRule::Speakers, ..config(DataName::Words, few.path()) };
    assert_says(&error(&asked), &["2 speaker(s); expected at least 3"]);
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
    for head in ["name,label", "file;class", "go/s01_x_0.wav,go"] {
        let expected = format!("train.csv, line 1: found {head:?}; expected the head file,class");
        assert_says(&with(&format!("{head}\ngo/s00_x_0.wav,go\n"), &good), &[&expected]);
    }
    assert_says(
        &with("file,class\ngo/s00_x_0.wav\n", &good),
        &["train.csv, line 2: found ", "expected file,class"],
    );
    assert_says(
        &with("file,class\n./zoom_in/s0_x_0.wav,zoom_in\n", &good),
        &["line 2: found class \"zoom_in\"; expected one of the folders go, stop, zoom in"],
    );
    assert_says(
        &with("file,class\ngo/s01_x_0.wav,go\nzoom in/s0-x-0.wav,zoom in\n", &good),
        &[
            "line 3: found \"zoom in/s0-x-0.wav\", which is not there; expected",
            "\"zoom in/s00_x_0\" is there and differs",
        ],
    );
    assert_says(&with("", &good), &["the training split is empty"]);
    assert_says(&with("file,class\n", &good), &["the training split is empty"]);
}

/// What programs make of a list's lines on the way: each must name the same clips.
#[test]
fn lists_are_matched_however_they_are_spelled() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &["go", "caf\u{e9}"], 4);
    let lists = |spell: Spell<'_>| {
        for (list, speaker) in [("train.csv", 0), ("val.csv", 2), ("test.csv", 3)] {
            let line = |word: &str| format!("{word}/s{speaker:02}_x_0.wav,{word}\n");
            let text = format!("file,class\n{}{}", line("go"), line("caf\u{e9}"));
            fs::write(place.path().join(list), spell(&text)).unwrap();
        }
        config(DataName::Words, place.path()).load().unwrap()
    };
    let plain = lists(&|text| text.into());
    assert_eq!(plain.train.class_counts(2), [1, 1]);
    let spellings: [(bool, Spell<'_>); 11] = [
        (false, &|text| format!("\u{feff}{text}").into()),
        (false, &|text| text.replace('\n', "\r\n").into()),
        (false, &|text| text.replace('\n', " \t\n").into()),
        (false, &|text| text.replace("\ngo", "\n./go").into()),
        (false, &|text| text.replace('/', "\\").into()),
        (false, &|text| text.replace("\ngo", "\nC:\\data\\go").into()),
        (false, &|text| text.replace(".wav", ".MP3").into()),
        (false, &|text| {
            text.replace("file,class", "Nr,Class, File")
                .replace(".wav,go", ".wav")
                .replace(".wav,caf\u{e9}", ".wav")
                .replace("\ngo", "\n1,go,go")
                .replace("\ncaf", "\n1,caf\u{e9},caf")
                .into()
        }),
        (false, &|text| format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        (true, &|text| text.replace("go", "GO").replace("s0", "S0").into()),
        (true, &|text| text.replace('\u{e9}', "e\u{301}").into()),
    ];
    for (number, (said, spell)) in spellings.into_iter().enumerate() {
        let set = lists(spell);
        for (split, expected) in [&set.train, &set.validation, test_split(&set)].into_iter().zip([
            &plain.train,
            &plain.validation,
            test_split(&plain),
        ]) {
            assert_eq!(ids(split), ids(expected), "spelling {number}");
        }
        let note = "names differ from those of the files in letter case or Unicode form";
        assert_eq!(set.notes.join("\n").contains(note), said, "spelling {number}: {:?}", set.notes);
    }
}

#[test]
fn a_clip_listed_twice_in_other_spellings_is_refused() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &WORDS, 4);
    fs::write(place.path().join("train.csv"), list(0..2)).unwrap();
    fs::write(place.path().join("val.csv"), "file,class\n./GO/S01_x_0.wav,go\n").unwrap();
    assert_says(
        &error(&config(DataName::Words, place.path())),
        &["./GO/S01_x_0.wav: found in train.csv and again in val.csv; expected it once"],
    );
}

#[test]
fn lists_of_other_names_are_said_not_to_be_read() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &WORDS, 4);
    for name in ["Test.csv", "validation_list.txt", "dev.tsv", "readme.txt", "contest.csv"] {
        fs::write(place.path().join(name), "x").unwrap();
    }
    let notes = config(DataName::Words, place.path()).load().unwrap().notes.join("\n");
    assert_says(
        &notes,
        &[
            "warning: Test.csv is not read: lists are train.csv, val.csv, test.csv",
            "warning: dev.tsv is not read",
            "warning: validation_list.txt is not read: lists are train.csv, val.csv, test.csv; --data gsc reads it",
        ],
    );
    assert_eq!(notes.matches("is not read").count(), 3, "{notes}");
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
