//! Free Spoken Digit Dataset.

use super::*;

#[test]
fn the_official_split_takes_the_first_five_indices_for_testing() {
    let place = tempfile::tempdir().unwrap();
    write_fsdd(&place.path().join("recordings"), &["ann", "bob"], 9);
    fs::write(place.path().join("recordings/LICENSE"), "text").unwrap();
    let usual = DataConfig { validation_share: 0.25, ..config(DataName::Fsdd, place.path()) };
    let set = usual.load().unwrap();
    assert_eq!(set.classes, (0..10).map(|d| d.to_string()).collect::<Vec<_>>());
    assert_eq!(test_split(&set).class_counts(10), [10; 10]);
    assert!(test_split(&set).samples.iter().all(|s| s.id.ends_with(|c: char| ('0'..='4').contains(&c))));
    // A quarter of the four training recordings of every digit and speaker.
    assert_eq!(set.train.class_counts(10), [6; 10]);
    assert_eq!(set.validation.class_counts(10), [2; 10]);
    assert_eq!(speakers(&set.validation).len(), 2);
    assert!(ids(&set.train).is_disjoint(&ids(&set.validation)));
    assert_says(&set.notes.join("\n"), &["180 recordings; the published set has 3000", "official split"]);

    assert_eq!(config_at(&usual, place.path().join("recordings")).load().unwrap(), set);
    let other = DataConfig { split_seed: 1, ..usual }.load().unwrap();
    assert_ne!(ids(&other.validation), ids(&set.validation));
    assert_eq!(ids(test_split(&other)), ids(test_split(&set)));
}

fn config_at(config: &DataConfig, root: std::path::PathBuf) -> DataConfig {
    DataConfig { root: Some(root), ..config.clone() }
}

#[test]
fn leaving_a_speaker_out_selects_on_the_next_one() {
    let place = tempfile::tempdir().unwrap();
    write_fsdd(place.path(), &["cem", "ann", "bob", "dee"], 2);
    for (speaker, selector, others) in [("bob", "cem", ["ann", "dee"]), ("dee", "ann", ["bob", "cem"])] {
        let leave_out = Some(speaker.to_owned());
        let set = DataConfig { leave_out, ..config(DataName::Fsdd, place.path()) }.load().unwrap();
        assert_eq!(speakers(test_split(&set)), BTreeSet::from([speaker]));
        assert_eq!(speakers(&set.validation), BTreeSet::from([selector]));
        assert_eq!(speakers(&set.train), BTreeSet::from(others));
        assert_eq!((set.train.len(), set.validation.len(), test_split(&set).len()), (40, 20, 20));
    }
    let unknown = DataConfig { leave_out: Some("eve".to_owned()), ..config(DataName::Fsdd, place.path()) };
    assert_says(&error(&unknown), &["leave_out: no speaker \"eve\"; the speakers are ann, bob, cem, dee"]);
}

#[test]
fn sets_too_small_to_split_are_refused() {
    let place = tempfile::tempdir().unwrap();
    write_fsdd(place.path(), &["ann", "bob"], 2);
    let left_out = DataConfig { leave_out: Some("ann".to_owned()), ..config(DataName::Fsdd, place.path()) };
    assert_says(&error(&left_out), &["2 speaker(s); expected at least 3 to leave one out"]);
    // No index above 4: nothing to train on.
    assert_says(&error(&config(DataName::Fsdd, place.path())), &["fsdd: the training split is empty"]);
}

#[test]
fn names_that_say_no_digit_are_refused() {
    for name in ["x_ann_1.wav", "10_ann_1.wav", "7_ann.wav", "7__1.wav", "7_ann_b.wav", "noise.wav"] {
        let place = tempfile::tempdir().unwrap();
        write_tone(&place.path().join(name), 8_000, 400, 1);
        assert_says(&error(&config(DataName::Fsdd, place.path())), &[name, "<digit>_<speaker>_<index>.wav"]);
    }
}
