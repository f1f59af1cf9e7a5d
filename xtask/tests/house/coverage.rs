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
fn coverage_guided_fuzzing_is_no_member_and_runs_where_everything_is_checked() {
    let manifest = table("fuzz/Cargo.toml");
    assert!(manifest["workspace"].as_table().unwrap().is_empty());
    assert_eq!(manifest["package"]["publish"].as_bool(), Some(false));
    let run = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(run.contains("xtask/scripts/fuzz.py"));
}
