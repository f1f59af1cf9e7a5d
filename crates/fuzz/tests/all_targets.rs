//! A bounded number of cases over every target: the first thousands of `cargo run -p colearn-fuzz`.

use colearn_fuzz::harness::{Limits, run};
use colearn_fuzz::targets;

/// Cases of each target.
const CASES: u64 = 2_000;

#[test]
fn no_input_breaks_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    for target in targets::all(folder.path()).unwrap() {
        let report = run(target.as_ref(), 1, 0..CASES, folder.path(), &Limits::default());
        assert!(report.defects.is_empty(), "{}, seed 1: {:?}", target.name(), report.defects);
        // A fuzzer whose inputs are all refused, or all taken, tries nothing.
        let enough = CASES / 50;
        assert!(report.accepted > enough && report.refused > enough, "{}: {report:?}", target.name());
    }
}

#[test]
fn good_inputs_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    for target in targets::all(folder.path()).unwrap() {
        let seeds = target.seeds().len() as u64;
        assert_eq!(target.seeds(), target.seeds(), "{}: the same seeds at every call", target.name());
        let report = run(target.as_ref(), 1, 0..seeds, folder.path(), &Limits::default());
        assert_eq!((report.accepted, report.refused), (seeds, 0), "{}: {report:?}", target.name());
    }
}
