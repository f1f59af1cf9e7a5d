//! The embedded digits.

use super::*;
use crate::readers::digits::clips;

#[test]
fn the_corpus_is_balanced_and_shares_no_voice() {
    let set = DataConfig::default_for(DataName::Digits).load().unwrap();
    assert_eq!(set.classes[..2], ["en-0", "en-1"]);
    assert_eq!(set.classes[19], "de-9");
    assert_eq!((set.channels, set.steps), (40, 80));
    let test = test_split(&set);
    assert_eq!(set.train.class_counts(20), [150; 20]);
    assert_eq!(set.validation.class_counts(20), [25; 20]);
    assert_eq!(test.class_counts(20), [50; 20]);

    let splits = [&set.train, &set.validation, test];
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert!(speakers(splits[a]).is_disjoint(&speakers(splits[b])), "splits {a} and {b}");
        assert!(ids(splits[a]).is_disjoint(&ids(splits[b])), "splits {a} and {b}");
    }
    for split in splits {
        let features: Vec<_> = (0..split.len()).map(|index| split.features(index, 1_000).unwrap()).collect();
        let whole = features.iter().filter(|features| features.nrows() <= set.steps).count();
        assert!(whole * 100 >= split.len() * 98, "{whole} of {} clips fit", split.len());
        assert!(features.iter().all(|features| features.nrows() >= 10));
        assert!(features.iter().all(|features| features.iter().all(|v| v.is_finite())));
    }
}

#[test]
fn an_index_that_does_not_fit_its_stream_is_refused() {
    let header = colearn_digits::VALIDATION_CSV.lines().next().unwrap();
    let classes = ["en-0".to_owned(), "en-1".to_owned()];
    let flac = include_bytes!("../../../tests/fixtures/mono16.flac");
    let read =
        |line: &str| clips("part", flac, &format!("{header}\n0,200,en-1,en,1,v,a,1,1\n{line}\n"), &classes);
    let good = read("200,100,en-0,en,0,v,a,1,1").unwrap();
    assert_eq!((good.len(), good[1].label, good[1].id.as_str()), (2, 0, "part-00001"));
    for (line, expected) in [
        (
            "200,101,en-0,en,0,v,a,1,1",
            "part.csv, line 3: found 101 samples from 200; expected a part of 300 samples",
        ),
        ("18446744073709551615,2,en-0,en,0,v,a,1,1", "expected a part of 300 samples"),
        ("0,100,en-7,en,7,v,a,1,1", "part.csv, line 3: found class \"en-7\"; expected one of en-0, en-1"),
        ("x,100,en-0,en,0,v,a,1,1", "part.csv, line 3: found "),
    ] {
        assert_says(&read(line).unwrap_err().to_string(), &[expected]);
    }
}
