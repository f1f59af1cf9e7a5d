//! The rules that make splits, on whatever set.

use super::*;
use crate::Protocol;

fn fsdd(rule: SplitRule, share: f64) -> Dataset {
    let place = tempfile::tempdir().unwrap();
    write_fsdd(place.path(), &["ann", "bob", "cem", "dee"], 8);
    let config = DataConfig { split: rule, validation_share: share, ..config(DataName::Fsdd, place.path()) };
    config.load().unwrap()
}

#[test]
fn whole_speakers_can_be_held_out() {
    let set = fsdd(SplitRule::Speakers, 0.25);
    assert_eq!((speakers(&set.train).len(), speakers(&set.validation).len()), (3, 1));
    assert!(speakers(&set.train).is_disjoint(&speakers(&set.validation)));
    assert_eq!(set.train.len() + set.validation.len(), 4 * 10 * 3);
    assert_eq!(set.protocol, Protocol::Clean);
    assert_says(&set.notes.join("\n"), &["validation is the training speaker ", "(seed 0)"]);
}

#[test]
fn a_share_is_drawn_evenly() {
    let set = fsdd(SplitRule::Share, 1.0 / 3.0);
    assert_eq!(set.validation.class_counts(10), [4; 10]);
    assert_eq!(speakers(&set.validation).len(), 4);
    assert_says(&set.notes.join("\n"), &["validation is 33.333 % of the training recordings"]);
}

#[test]
fn without_validation_the_test_split_selects_and_says_so() {
    let set = fsdd(SplitRule::None, 0.1);
    assert_eq!((set.train.len(), set.validation.len()), (120, 200));
    assert!(set.test.is_none());
    assert_eq!(set.protocol, Protocol::SelectedOnTest);
    assert_eq!(set.protocol.selecting_split(), "test (selects)");
    assert!(set.protocol.warning().unwrap().contains("TEST split chose the epoch"));

    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &["go", "stop"], 4);
    let config = DataConfig { split: SplitRule::None, ..config(DataName::Words, place.path()) };
    assert_says(&error(&config), &["data.split: none; expected another rule: ", "has no test split"]);
}

#[test]
fn a_speaker_can_be_left_out_of_every_set_that_knows_speakers() {
    let place = tempfile::tempdir().unwrap();
    write_words(place.path(), &["go", "stop"], 5);
    let left_out = DataConfig { leave_out: Some("s03".to_owned()), ..config(DataName::Words, place.path()) };
    let set = left_out.load().unwrap();
    assert_eq!(speakers(test_split(&set)), BTreeSet::from(["s03"]));
    assert_eq!(speakers(&set.validation), BTreeSet::from(["s04"]));
    assert_eq!(speakers(&set.train), BTreeSet::from(["s00", "s01", "s02"]));
    let two = DataConfig { validation_share: 0.4, ..left_out };
    assert_eq!(speakers(&two.load().unwrap().validation), BTreeSet::from(["s00", "s04"]));
}
