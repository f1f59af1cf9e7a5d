//! Google Speech Commands in small.

use super::*;
use crate::Content;

const TEN: [&str; 10] = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"];

/// Words said twice by each of `hashes`.
fn write(root: &Path, words: &[&str], hashes: &[&str]) {
    for (w, word) in words.iter().enumerate() {
        for (h, hash) in hashes.iter().enumerate() {
            for take in 0..2 {
                let name = format!("{word}/{hash}_nohash_{take}.wav");
                write_tone(&root.join(name), 16_000, 1_200, u32::try_from(7 * w + h).unwrap());
            }
        }
    }
}

#[test]
fn the_published_lists_decide() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &["bed", "go"], &["aa", "bb", "cc"]);
    let lists = [("validation_list.txt", "bb", "go/zz_nohash_0.wav\n"), ("testing_list.txt", "cc", "\n")];
    for (list, hash, more) in lists {
        let lines =
            ["bed", "go"].map(|word| format!("{word}/{hash}_nohash_0.wav\n{word}/{hash}_nohash_1.wav\n"));
        fs::write(place.path().join(list), lines.concat() + more).unwrap();
    }
    let set = config(DataName::Gsc, place.path()).load().unwrap();
    assert_eq!(set.classes, ["bed", "go"]);
    assert_eq!(speakers(&set.train), BTreeSet::from(["aa"]));
    assert_eq!(speakers(&set.validation), BTreeSet::from(["bb"]));
    assert_eq!(speakers(test_split(&set)), BTreeSet::from(["cc"]));
    assert_says(
        &set.notes.join("\n"),
        &[
            "2 words and 12 clips; the published sets have v0.01: 30 and 64721",
            "1 of 9 listed clips are not there, the first is go/zz_nohash_0.wav",
        ],
    );

    fs::write(place.path().join("testing_list.txt"), "bed/bb_nohash_0.wav\n").unwrap();
    assert_says(
        &error(&config(DataName::Gsc, place.path())),
        &["bed/bb_nohash_0: found in validation_list.txt and again in testing_list.txt"],
    );
    fs::write(place.path().join("testing_list.txt"), "bed/cc_nohash_0.wav\ncc_nohash_1\n").unwrap();
    assert_says(
        &error(&config(DataName::Gsc, place.path())),
        &["testing_list.txt, line 2: found \"cc_nohash_1\"; expected <word>/<file>"],
    );
}

/// What is listed must not be trained on, whatever happened to the list on its way.
#[test]
fn no_spelling_of_a_list_puts_a_listed_clip_into_training() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &["bed", "go"], &["aa", "bb", "cc"]);
    let lists = |spell: Spell<'_>| {
        for (list, hash) in [("validation_list.txt", "bb"), ("testing_list.txt", "cc")] {
            let lines =
                ["bed", "go"].map(|word| format!("{word}/{hash}_nohash_0.wav\n{word}/{hash}_nohash_1.wav\n"));
            fs::write(place.path().join(list), spell(&lines.concat())).unwrap();
        }
        config(DataName::Gsc, place.path()).load()
    };
    let spellings: [Spell<'_>; 11] = [
        &|text| text.into(),
        &|text| format!("\u{feff}{text}").into(),
        &|text| format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
        &|text| text.replace("bed", "./bed").into(),
        &|text| text.replace("bed", "speech_commands_v0.02/bed").into(),
        &|text| text.replace('/', "\\").into(),
        &|text| text.replace('\n', "\r\n").into(),
        &|text| text.replace('\n', "  \n\n").into(),
        &|text| text.to_uppercase().into(),
        &|text| text.replace(".wav", ".flac").into(),
        &|text| text.repeat(2).into(),
    ];
    for (number, spell) in spellings.into_iter().enumerate() {
        let set = lists(spell).unwrap();
        let splits = [&set.train, &set.validation, test_split(&set)];
        assert_eq!(
            splits.map(speakers),
            ["aa", "bb", "cc"].map(|hash| BTreeSet::from([hash])),
            "spelling {number}"
        );
        assert_eq!(splits.map(Split::len), [4; 3], "spelling {number}");
        assert!(!set.notes.join("\n").contains("are not there"), "spelling {number}: {:?}", set.notes);
    }
    for (spell, expected) in [
        (&(|text: &str| text.replace("_nohash_", "-nohash-").into()) as Spell<'_>, "bed/bb-nohash-0.wav"),
        (&|text| text.replace("_0", "_00").into(), "bed/bb_nohash_00.wav"),
        (&|text| text.replace("bed/", " -bed-/").into(), "-bed-/bb_nohash_0.wav"),
    ] {
        let found = format!("validation_list.txt, line 1: found {expected:?}, which is not there");
        assert_says(
            &lists(spell).unwrap_err().to_string(),
            &[&found, "\"bed/bb_nohash_0\" is there and differs"],
        );
    }
    let head = lists(&|text| format!("file\n{text}").into()).unwrap_err().to_string();
    assert_says(&head, &["validation_list.txt, line 1: found \"file\"; expected <word>/<file>"]);
    let empty = lists(&|_| Vec::new()).unwrap_err().to_string();
    assert_says(&empty, &["gsc: the validation split is empty"]);
}

/// A list of the whole set names many clips that a part of it lacks, among them ones much like those that are there.
#[test]
fn a_clip_that_is_listed_itself_is_no_near_miss() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &["bed", "go"], &["aa", "bb", "cc"]);
    fs::write(place.path().join("validation_list.txt"), "bed/bb_nohash_0.wav\nbed/bb_nohash_00.wav\n")
        .unwrap();
    fs::write(place.path().join("testing_list.txt"), "bed/cc_nohash_0.wav\n").unwrap();
    let set = config(DataName::Gsc, place.path()).load().unwrap();
    assert_says(
        &set.notes.join("\n"),
        &[
            "1 of 3 listed clips are not there, the first is bed/bb_nohash_00.wav",
            "warning: no clip of 1 of 2 classes (go) in validation: its accuracy says nothing of them",
            "warning: no clip of 1 of 2 classes (go) in test",
        ],
    );
}

/// Speakers of the published lists of v0.01: validation, test, neither.
const VALIDATION: &str = "026290a7";
const TEST: &str = "0c40e715";
const TRAIN: &str = "51055bda";

#[test]
fn the_hash_of_the_speaker_decides_as_in_the_published_lists() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &["bed", "go"], &[VALIDATION, TEST, TRAIN]);
    let usual = config(DataName::Gsc, place.path());
    let set = usual.load().unwrap();
    assert_says(
        &set.notes.join("\n"),
        &["no validation_list.txt, no testing_list.txt: clips are split by the hash"],
    );
    assert_eq!(speakers(&set.train), BTreeSet::from([TRAIN]));
    assert_eq!(speakers(&set.validation), BTreeSet::from([VALIDATION]));
    assert_eq!(speakers(test_split(&set)), BTreeSet::from([TEST]));
    fs::write(place.path().join("validation_list.txt"), format!("bed/{TRAIN}_nohash_0.wav\n")).unwrap();
    let hashed = DataConfig { split: SplitRule::Hash, ..usual }.load().unwrap();
    assert_eq!(ids(&hashed.train), ids(&set.train));
}

#[test]
fn twelve_classes_have_a_tenth_of_unknown_and_of_silence() {
    let place = tempfile::tempdir().unwrap();
    let words: Vec<&str> = TEN.into_iter().chain(["bed", "cat"]).collect();
    write(place.path(), &words, &[VALIDATION, TEST, TRAIN]);
    let twelve = DataConfig { task: Task::Twelve, ..config(DataName::Gsc, place.path()) };
    assert_says(
        &error(&twelve),
        &["_background_noise_: no such folder; expected recordings of background noise"],
    );
    write_tone(&place.path().join("_background_noise_/short.wav"), 16_000, 100, 3);
    assert_says(&error(&twelve), &["_background_noise_: no sound of at least one second"]);
    write_tone(&place.path().join("_background_noise_/hum.wav"), 16_000, 20_000, 3);
    let set = twelve.load().unwrap();
    assert_eq!(set.classes[..10], TEN);
    assert_eq!(set.classes[10..], ["unknown", "silence"]);
    for split in [&set.train, &set.validation, test_split(&set)] {
        assert_eq!(split.class_counts(12), [2; 12]);
        let silence: Vec<_> = split.samples.iter().filter(|s| s.label == 11).collect();
        assert!(silence.iter().all(|s| s.id.starts_with("silence/") && s.id.ends_with("hum")));
    }
    assert_eq!(twelve.load().unwrap(), set);
    // A second of noise is a second, whatever its own rate is.
    write_tone(&place.path().join("_background_noise_/hum.wav"), 48_000, 60_000, 3);
    let other = twelve.load().unwrap();
    let hum = other.train.samples.iter().find(|sample| sample.label == 11).unwrap();
    let Content::Features { values, .. } = &hum.content else { panic!("features of sound") };
    assert_eq!(values.nrows(), 98);
    assert_says(
        &other.notes.join("\n"),
        &["pieces of longer recordings resampled to 16000 Hz: 6 of 48000 Hz"],
    );
    write_tone(&place.path().join("_background_noise_/hum.wav"), 16_000, 20_000, 3);
    assert_ne!(DataConfig { split_seed: 1, ..twelve.clone() }.load().unwrap(), set);

    fs::remove_dir_all(place.path().join("up")).unwrap();
    assert_says(
        &error(&twelve),
        &["data.task: twelve, but the set has no word \"up\"; expected a set with the words"],
    );
}
