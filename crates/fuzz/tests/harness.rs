//! The harness on a reader with every defect there is. A program of its own: memory is counted for the whole process, and
//! other tests would be counted with it.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::Path;
use std::time::Duration;

use colearn_fuzz::harness::{Defect, Fault, Limits, run};
use colearn_fuzz::mutate::Form;
use colearn_fuzz::targets::{Outcome, Target};

/// A reader with every defect there is.
#[derive(Debug)]
struct Broken;

impl Target for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        (0..5).map(|kind| vec![kind]).collect()
    }

    fn run(&self, input: &[u8], _: &Path) -> Outcome {
        match input[0] {
            0 => Outcome::Accepted,
            1 => Outcome::Refused("no".to_owned()),
            2 => Outcome::Refused(" ".to_owned()),
            3 => {
                std::hint::black_box(vec![1_u8; 2 << 20]);
                Outcome::Accepted
            }
            _ => panic!("number {}", input[0]),
        }
    }
}

#[test]
fn every_kind_of_fault_is_found_and_counted() {
    let limits = Limits { time: None, memory: 1 << 20 };
    let report = run(&Broken, 1, 0..5, Path::new("."), &limits);
    assert_eq!((report.cases, report.accepted, report.refused), (5, 2, 2));
    let faults: Vec<(u64, String)> =
        report.defects.iter().map(|defect| (defect.case, defect.fault.to_string())).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert_eq!(faults[0], (2, "refused without a reason".to_owned()));
    assert!(faults[1].1.starts_with("memory: 2 MB"), "{faults:?}");
    assert!(faults[2].1.contains("harness.rs") && faults[2].1.ends_with(": number 4"), "{faults:?}");
    assert!(report.largest.0 >= 2 << 20 && report.largest.1 == 3);
}

#[test]
fn panics_of_one_place_are_one_defect_and_a_case_can_be_repeated() {
    let limits = Limits { time: Some(Duration::ZERO), ..Limits::default() };
    let report = run(&Broken, 1, 4..40, Path::new("."), &limits);
    let panics: Vec<&Defect> =
        report.defects.iter().filter(|defect| matches!(defect.fault, Fault::Panic(_))).collect();
    // An empty input, and any number above 3.
    assert!(panics.len() <= 2 && panics[0].times > 5, "{panics:?}");
    assert!(report.defects.iter().any(|defect| matches!(defect.fault, Fault::Slow(_))));
    let again = run(&Broken, 1, 4..5, Path::new("."), &Limits::default());
    assert_eq!(again.defects[0].fault, panics[0].fault);
}
