//! Damaged spike files end in values or in an error. The example of the same name runs the same for longer.

mod mutations;

use std::path::Path;

use mutations::{Outcome, damaged, good_files, read_all, repair_checksums};

#[test]
fn checksums_are_repaired_where_they_were_right() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spike_files");
    for (name, bytes) in good_files(&fixtures).unwrap() {
        let mut repaired = bytes.clone();
        assert!(repair_checksums(&bytes, &mut repaired) > 5 || !name.contains("latest"), "{name}");
        assert!(repaired == bytes, "{name}");
    }
}

#[test]
fn random_damage_never_panics() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spike_files");
    let files = good_files(&fixtures).unwrap();
    let mut counts = [0, 0];
    for seed in 0..4000 {
        let (_, bytes) = damaged(&files, seed);
        match read_all(bytes) {
            Outcome::Read => counts[0] += 1,
            Outcome::Refused | Outcome::Contained => counts[1] += 1,
        }
    }
    assert!(counts.iter().all(|count| *count > 400), "damage that does too little or too much: {counts:?}");
}
