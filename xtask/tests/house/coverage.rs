//! `fuzz/`, outside of the workspace because it needs a C++ compiler: the packages that the workspace itself is locked to,
//! and few of its own, which nothing else is built with.

use std::collections::BTreeSet;

use crate::examples::locked;
use crate::supply::{listed, meets};
use crate::{root, table};

/// Its own packages and their licences. NCSA is that of LLVM, where libFuzzer is from: as permissive as MIT.
const OWN: [(&str, &str); 2] =
    [("jobserver", "MIT OR Apache-2.0"), ("libfuzzer-sys", "(MIT OR Apache-2.0) AND NCSA")];

#[test]
fn coverage_guided_fuzzing_brings_few_packages() {
    let workspace = locked("Cargo.lock");
    let own: BTreeSet<String> =
        locked("fuzz/Cargo.lock").difference(&workspace).map(|(name, ..)| name.clone()).collect();
    assert_eq!(
        own,
        OWN.map(|(name, _)| name.to_owned()).into(),
        "packages of fuzz/Cargo.lock that Cargo.lock does not have; copy it there and run `cargo metadata` in fuzz"
    );
    let mut allowed = listed("licenses", "allow");
    allowed.push("NCSA".to_owned());
    for (name, licence) in OWN {
        assert!(meets(licence, &allowed), "{name}: {licence}");
    }
}

#[test]
fn coverage_guided_fuzzing_is_no_member_and_runs_where_it_is_asked_for_and_in_the_workflow() {
    let manifest = table("fuzz/Cargo.toml");
    assert!(manifest["workspace"].as_table().unwrap().is_empty());
    assert_eq!(manifest["package"]["publish"].as_bool(), Some(false));
    let text = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let (run, workflow) = (text(".ci/run"), text(".github/workflows/ci.yml"));
    for words in ["COLEARN_FUZZ:-0", "xtask/scripts/fuzz.py --seconds", "skipped: fuzz.py"] {
        assert!(run.contains(words), "{words}");
    }
    assert!(workflow.contains("run: python3 xtask/scripts/fuzz.py --seconds"));
}
