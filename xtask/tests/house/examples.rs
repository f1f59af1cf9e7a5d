//! The projects in `examples/`: not members of the workspace, built and run as their readers would, with the packages
//! that the workspace itself is locked to.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{printed, table};

/// (name, version, checksum) of everything in a lock file that comes from crates.io.
pub(super) fn locked(path: impl AsRef<Path>) -> BTreeSet<(String, String, String)> {
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let from_others = |package: &&toml::Value| package.get("source").is_some();
    let lock = table(path);
    let packages = lock["package"].as_array().unwrap().iter().filter(from_others);
    packages
        .map(|package| (text(package, "name"), text(package, "version"), text(package, "checksum")))
        .collect()
}

/// Runs one of them in the workspace's target folder; what it prints.
fn run(name: &str) -> String {
    let folder = Path::new("examples").join(name);
    let unknown: Vec<_> =
        locked(folder.join("Cargo.lock")).difference(&locked("Cargo.lock")).cloned().collect();
    assert!(
        unknown.is_empty(),
        "examples/{name} is locked to other packages than the workspace: {unknown:?}; copy Cargo.lock there and run \
         `cargo metadata` in it"
    );
    let manifest = folder.join("Cargo.toml");
    // Beside the workspace's own: what both use is built once.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    printed(&[
        "run",
        "--locked",
        "--quiet",
        "--manifest-path",
        manifest.to_str().unwrap(),
        "--target-dir",
        target.to_str().unwrap(),
    ])
}

#[test]
fn the_tape_alone_learns_exclusive_or() {
    let manifest = table("examples/tape_alone/Cargo.toml");
    let own: Vec<&String> = manifest["dependencies"].as_table().unwrap().keys().collect();
    assert_eq!(own, ["colearn-tape", "ndarray"]);
    let text = run("tape_alone");
    assert!(text.contains("1 xor 1 = 0\nlearned\n"), "{text}");
}

#[test]
fn delayed_synapses_are_trained_by_a_loop_of_ones_own() {
    let manifest = table("examples/own_loop/Cargo.toml");
    let own: Vec<&String> = manifest["dependencies"].as_table().unwrap().keys().collect();
    assert_eq!(own, ["colearn-optim", "colearn-synapses", "colearn-tape", "ndarray"]);
    let text = run("own_loop");
    assert!(text.ends_with("found\n"), "{text}");
}
