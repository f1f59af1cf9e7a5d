//! The rules that hold for the workspace as a whole, read from its files and from cargo.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helper functions")]

mod circles;
mod coverage;
mod examples;
mod modules;
mod packages;
mod reading;
mod safety;
mod source;
mod supply;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use toml::Table;

/// The folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A TOML file below the root.
fn table(path: impl AsRef<Path>) -> Table {
    let path = root().join(path);
    std::fs::read_to_string(&path)
        .unwrap()
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every package of the workspace: its folder from the root, and its manifest.
fn packages() -> Vec<(PathBuf, Table)> {
    let mut folders = vec![PathBuf::from("xtask"), PathBuf::from("datasets/digits")];
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        folders.push(Path::new("crates").join(entry.unwrap().file_name()));
    }
    folders.sort();
    let manifest = |folder: PathBuf| {
        let manifest = table(folder.join("Cargo.toml"));
        (folder, manifest)
    };
    folders.into_iter().map(manifest).collect()
}

/// Those of them that are meant for others.
fn published() -> Vec<(PathBuf, Table)> {
    let meant = |manifest: &Table| manifest["package"].get("publish").is_none();
    packages().into_iter().filter(|(_, manifest)| meant(manifest)).collect()
}

/// Runs the cargo of this test in the workspace, without the network.
fn cargo(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).arg("--offline").current_dir(root()).env("CARGO_TERM_COLOR", "never");
    command.output().unwrap()
}

/// What [`cargo`] printed, which must have ended well.
fn printed(arguments: &[&str]) -> String {
    let output = cargo(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {}\n{errors}", arguments.join(" "), output.status);
    String::from_utf8(output.stdout).unwrap()
}
