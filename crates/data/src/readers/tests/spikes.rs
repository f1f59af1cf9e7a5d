//! Sets of spikes.

use super::*;
use crate::spike_file::{SpikeFileHead, SpikeFileWriter};
use crate::{Loader, Order, Protocol, Spikes};

const KEYS: [&str; 3] = ["null", "eins", "zwei"];

/// Sample i of `samples`: class i % 3, speaker (i / 3) % speakers + first, i % 5 + 1 spikes on units near 10 i, 7 ms
/// apart, and if it is divisible by 4 one more after two seconds.
fn write(path: &Path, samples: u16, speakers: u16, first: u16, keys: &[&str]) {
    let keys = keys.iter().map(|&key| key.to_owned()).collect();
    let head = SpikeFileHead { samples: samples.into(), keys, speakers: true, ..SpikeFileHead::default() };
    let mut writer = SpikeFileWriter::create(path, head).unwrap();
    for i in 0..samples {
        let late = (i % 4 == 0).then_some((2.0, i));
        let spikes = (0..=i % 5).map(|k| (0.007 * f32::from(k) + 0.001, (10 * i + k) % 700)).chain(late);
        let (times, units): (Vec<f32>, Vec<u16>) = spikes.unzip();
        let (spikes, _) = Spikes::checked(times, units, 700, "made").unwrap();
        writer.push(&spikes, usize::from(i % 3), Some(i64::from((i / 3) % speakers + first))).unwrap();
    }
    writer.finish().unwrap();
}

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    write(&place.path().join("shd_train.h5"), 36, 12, 0, &KEYS);
    write(&place.path().join("shd_test.h5"), 12, 4, 8, &KEYS);
    place
}

#[test]
fn validation_is_whole_speakers_of_the_training_file() {
    let place = place();
    let usual = DataConfig { validation_share: 0.25, ..config(DataName::Shd, place.path()) };
    let set = usual.load().unwrap();
    assert_eq!((set.name.as_str(), set.channels, set.steps), ("shd", 140, 100));
    assert_eq!(set.classes, KEYS);
    assert_eq!((speakers(&set.train).len(), speakers(&set.validation).len()), (9, 3));
    assert!(speakers(&set.train).is_disjoint(&speakers(&set.validation)));
    assert_eq!((set.train.len() + set.validation.len(), test_split(&set).len()), (36, 12));
    assert_eq!(set.protocol, Protocol::Clean);
    assert_says(
        &set.notes.join("\n"),
        &[
            "samples: train 36, test 12; the published set has train 8156, test 2264",
            "validation is the training speakers ",
            "12 of 151 spikes (7.95 %), in 12 samples, lie after the last of 100 steps of 0.0100 s and are cut",
        ],
    );
    let published = DataConfig { split: SplitRule::None, ..usual.clone() }.load().unwrap();
    assert_eq!((published.train.len(), published.validation.len()), (36, 12));
    assert_eq!(published.protocol, Protocol::SelectedOnTest);
    let share = DataConfig { split: SplitRule::Share, ..usual.clone() }.load().unwrap();
    assert_eq!((share.train.len(), share.validation.len()), (27, 9));
    let left_out = DataConfig { leave_out: Some("9".to_owned()), ..usual }.load().unwrap();
    assert_eq!(speakers(test_split(&left_out)), BTreeSet::from(["9"]));
    assert_eq!(test_split(&left_out).len(), 3 + 3);
    assert_eq!(
        speakers(&left_out.validation),
        BTreeSet::from(["0", "10", "11"]),
        "numbers in order, then the first"
    );
}

#[test]
fn a_validation_file_is_the_validation_split() {
    let place = tempfile::tempdir().unwrap();
    for (name, samples) in [("ssc_train.h5", 30), ("ssc_valid.h5", 6), ("ssc_test.h5", 9)] {
        write(&place.path().join(name), samples, 3, 0, &KEYS);
    }
    let set = config(DataName::Ssc, place.path()).load().unwrap();
    assert_eq!((set.train.len(), set.validation.len(), test_split(&set).len()), (30, 6, 9));
    assert_says(
        &set.notes.join("\n"),
        &["train 30, valid 6, test 9; the published set has train 75466, valid 9981"],
    );
    fs::remove_file(place.path().join("ssc_test.h5")).unwrap();
    let set = config(DataName::Ssc, place.path()).load().unwrap();
    assert_eq!(set.protocol, Protocol::NoTest);
    assert_says(&set.notes.join("\n"), &["no test file: there is no test split"]);
}

#[test]
fn a_set_larger_than_the_memory_allowed_gives_the_same_batches() {
    let place = place();
    let config = config(DataName::Shd, place.path());
    let batches = |memory: u64| {
        let set = config.load_with(&LoadOptions { memory, ..LoadOptions::default() }).unwrap();
        let order = Order::Shuffled { seed: 3, epoch: 1 };
        let jitter =
            crate::Augmentation { time_jitter: 1.0, spike_drop: 0.1, ..crate::Augmentation::default() };
        let batches: Vec<_> = Loader::new(&set.train, set.steps, 7, order)
            .augmented(jitter, 1, 2)
            .map(Result::unwrap)
            .collect();
        (batches, set.notes.join("\n"))
    };
    let (in_memory, notes) = batches(1 << 20);
    assert!(!notes.contains("batch by batch"), "{notes}");
    let (streamed, notes) = batches(100);
    assert_says(&notes, &["0 MB of spikes are more than the 0 MB that may stay in memory", "batch by batch"]);
    assert_eq!(in_memory, streamed);
}

#[test]
fn a_file_that_vanishes_while_it_is_streamed_is_an_error_or_still_open() {
    let place = place();
    let config = config(DataName::Shd, place.path());
    let set = config.load_with(&LoadOptions { memory: 0, ..LoadOptions::default() }).unwrap();
    fs::write(place.path().join("shd_train.h5"), "something else").unwrap();
    let results: Vec<_> = Loader::new(&set.train, set.steps, 50, Order::Sequential).collect();
    let error = results[0].as_ref().unwrap_err().to_string();
    assert_says(&error, &["shd_train.h5", "expected the spikes that were there on opening"]);
}

#[test]
fn folders_that_hold_no_such_set_are_described() {
    let place = tempfile::tempdir().unwrap();
    let shd = config(DataName::Shd, place.path());
    assert_says(&error(&shd), &["an empty folder; expected shd files in HDF5, …train.h5 and …test.h5"]);
    write(&place.path().join("test.h5"), 3, 1, 0, &KEYS);
    assert_says(&error(&shd), &["no file that ends in train.h5 or train.h5.gz; expected shd files"]);
    write(&place.path().join("train.h5"), 6, 1, 0, &KEYS);
    let asked = DataConfig { split: SplitRule::Speakers, ..shd.clone() };
    assert_says(&error(&asked), &["1 speaker(s); expected at least 2 to hold some out for validation"]);
    write(&place.path().join("my_train.h5"), 6, 2, 0, &KEYS);
    assert_says(&error(&shd), &["the train file: found in ", "my_train.h5 and again in "]);
    fs::remove_file(place.path().join("my_train.h5")).unwrap();
    write(&place.path().join("test.h5"), 3, 1, 0, &["null", "one", "two"]);
    assert_says(
        &error(&shd),
        &["test.h5: found the classes null, one, two; expected null, eins, zwei, as in ", "train.h5"],
    );
    let narrow = DataConfig { channels: 40, sum_channels: 1, split: SplitRule::Share, ..shd };
    write(&place.path().join("test.h5"), 3, 1, 0, &KEYS);
    assert_says(&error(&narrow), &["train.h5, sample 4: found unit 40 of spike 0; expected a unit below 40"]);
}

#[test]
fn a_file_of_one_speaker_is_divided_class_by_class() {
    let place = tempfile::tempdir().unwrap();
    write(&place.path().join("train.h5"), 12, 1, 0, &KEYS);
    let set = config(DataName::Shd, place.path()).load().unwrap();
    assert_eq!((set.train.class_counts(3), set.validation.class_counts(3)), (vec![3; 3], vec![1; 3]));
    assert_says(
        &set.notes.join("\n"),
        &[
            "1 speaker(s) are too few to hold some out for validation, which takes 2; a speaker may be on two sides",
            "the training recordings of every class were divided into 9 for training and 3 for validation (seed 0)",
        ],
    );
}

#[test]
fn files_of_spikes_are_taken_as_they_were_cut_with_a_warning() {
    let place = tempfile::tempdir().unwrap();
    for (part, samples) in [("train", 2), ("valid", 3), ("test", 3)] {
        write(&place.path().join(format!("{part}.h5")), samples, 3, 0, &["null", "eins", "zwei", "drei"]);
    }
    let set = config(DataName::Shd, place.path()).load().unwrap();
    assert_says(
        &set.notes.join("\n"),
        &[
            "warning: no training sample of 1 of 4 classes (zwei): none of them can be recognised",
            "warning: no clip at all of 1 of 4 classes (drei)",
        ],
    );
    let left_out = DataConfig { leave_out: Some("0".to_owned()), ..config(DataName::Shd, place.path()) };
    assert_says(&error(&left_out), &["1 speaker(s); expected at least 3"]);
}

#[test]
fn spikes_out_of_order_are_sorted_and_told_with_file_and_sample() {
    let place = tempfile::tempdir().unwrap();
    let fixture = include_bytes!("../../../tests/fixtures/spike_files/bad_unsorted_time.h5.gz");
    fs::write(place.path().join("odd_train.h5.gz"), fixture).unwrap();
    let shared = DataConfig {
        split: SplitRule::Share,
        validation_share: 0.4,
        sum_channels: 1,
        ..config(DataName::Shd, place.path())
    };
    let set = shared.load().unwrap();
    assert_says(
        &set.notes.join("\n"),
        &[
            "odd_train.h5.gz, sample ",
            ": found spikes out of order, in 1 samples in all; expected rising times",
        ],
    );
    for (_, split) in set.splits() {
        for index in 0..split.len() {
            assert!(split.spikes(index).unwrap().unwrap().times_s().is_sorted());
        }
    }
}

#[test]
fn replaced_files_have_another_fingerprint_and_the_same_files_elsewhere_have_not() {
    let place = place();
    let usual = config(DataName::Shd, place.path());
    let facts = usual.load().unwrap().facts;
    assert_eq!(facts.rate, None);
    let stored = LoadOptions { memory: 0, ..LoadOptions::default() };
    assert_eq!(usual.load_with(&stored).unwrap().facts, facts, "read batch by batch");
    let elsewhere = tempfile::tempdir().unwrap();
    for file in ["shd_train.h5", "shd_test.h5"] {
        fs::copy(place.path().join(file), elsewhere.path().join(file)).unwrap();
    }
    assert_eq!(config(DataName::Shd, elsewhere.path()).load().unwrap().facts, facts);
    // The same labels and speakers, other spikes.
    let keys = KEYS.map(str::to_owned).to_vec();
    let head = SpikeFileHead { samples: 12, keys, speakers: true, ..SpikeFileHead::default() };
    let mut writer = SpikeFileWriter::create(place.path().join("shd_test.h5"), head).unwrap();
    for i in 0..12_u16 {
        let (spikes, _) = Spikes::checked(vec![0.5], vec![i], 700, "made").unwrap();
        writer.push(&spikes, usize::from(i % 3), Some(i64::from((i / 3) % 4 + 8))).unwrap();
    }
    writer.finish().unwrap();
    let replaced = usual.load().unwrap().facts;
    let difference = replaced.difference(&facts).unwrap();
    assert_eq!(difference.what, "the test split");
    assert_says(&difference.found, &["12 samples with the fingerprint ", ", 0 of them the same"]);
}

#[test]
fn a_number_from_a_file_makes_no_classes_out_of_nothing() {
    let place = place();
    let train = place.path().join("shd_train.h5");
    // Labels of two bytes, the first of which stands behind the columns of references.
    write(&train, 36, 12, 0, &[]);
    write(&place.path().join("shd_test.h5"), 12, 4, 8, &[]);
    let shd = config(DataName::Shd, place.path());
    assert_eq!(shd.load().unwrap().classes, ["0", "1", "2"]);
    let good = fs::read(&train).unwrap();
    let labels: Vec<u8> = (0..36_u16).flat_map(|i| (i % 3).to_le_bytes()).collect();
    let at = good.windows(labels.len()).position(|window| window == labels).unwrap();
    let mut bytes = good.clone();
    bytes[at + 10..at + 12].copy_from_slice(&40_000_u16.to_le_bytes());
    fs::write(&train, bytes).unwrap();
    assert_says(
        &error(&shd),
        &["train.h5, labels: found label 40000 of sample 5; expected a label from 0 to 9999"],
    );
    let mut bytes = good;
    bytes[at + 10..at + 12].copy_from_slice(&1_000_u16.to_le_bytes());
    fs::write(&train, bytes).unwrap();
    assert_says(
        &error(&shd),
        &[
            "train.h5, labels: found label 1000 of sample 5; expected a label below 1000, since 48 samples name no classes",
        ],
    );

    let long = "x".repeat(256);
    let head = |keys: Vec<String>| SpikeFileHead { samples: 1, keys, ..SpikeFileHead::default() };
    let refused = |keys| SpikeFileWriter::create(&train, head(keys)).unwrap_err().to_string();
    assert_says(&refused(vec![long]), &["found a name of a class of 256 bytes; expected at most 255"]);
    assert_says(&refused(vec![String::new(); 10_001]), &["found 10001 classes; expected at most 10000"]);
}

#[test]
fn batches_that_are_as_long_as_their_samples_are_predicted_so() {
    let place = place();
    let mut shd = DataConfig { split: SplitRule::Share, ..config(DataName::Shd, place.path()) };
    for memory in [1 << 20, 0] {
        let steps = |config: &DataConfig| {
            let set = config.load_with(&LoadOptions { memory, ..LoadOptions::default() }).unwrap();
            let longest = Loader::new(&set.train, set.steps, 4, Order::Sequential)
                .map(|batch| batch.unwrap().input.dim().0)
                .max()
                .unwrap();
            (set.steps, set.train.batch_steps(set.steps), longest)
        };
        shd.set_recipe(crate::Recipe::Dcls);
        // Every fourth sample has a spike after two seconds, a millisecond after its first.
        assert_eq!(steps(&shd), (10_000, 200, 200), "{memory}");
        shd.set_recipe(crate::Recipe::TenMs);
        assert_eq!(steps(&shd), (100, 100, 100), "{memory}");
    }
}

/// From sounds to spikes and back: what was made so that its test split selects says so for good.
#[test]
fn a_set_that_was_encoded_without_validation_selects_on_its_test_split() {
    use crate::spike_file::{SetPart, SpikeSetWriter};
    let place = tempfile::tempdir().unwrap();
    let mut set = SpikeSetWriter::create(
        place.path(),
        [(SetPart::Train, 6), (SetPart::Test, 3)]
            .map(|(part, samples)| {
                (part, SpikeFileHead { samples, speakers: true, ..SpikeFileHead::default() })
            })
            .to_vec(),
        Protocol::SelectedOnTest,
    )
    .unwrap();
    for (part, samples) in [(SetPart::Train, 6), (SetPart::Test, 3)] {
        for i in 0..samples {
            set.push(part, &Spikes::default(), i % 3, Some(i64::from(i > 2))).unwrap();
        }
    }
    set.finish().unwrap();
    let shd = config(DataName::Shd, place.path());
    let loaded = shd.load().unwrap();
    assert_eq!((loaded.train.len(), loaded.validation.len(), loaded.test), (6, 3, None));
    assert_eq!(loaded.protocol, Protocol::SelectedOnTest);
    assert_says(
        &loaded.notes.join("\n"),
        &["the set was encoded with data.split=none: its test split selects"],
    );
    let other = DataConfig { split: SplitRule::Speakers, ..shd }.load().unwrap();
    assert_eq!(other.protocol, Protocol::Clean, "a rule that leaves the test split alone");
    assert_eq!((other.validation.len(), test_split(&other).len()), (3, 3));
}
