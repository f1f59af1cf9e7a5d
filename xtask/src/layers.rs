//! The order of the crates: each may depend on lower layers only, never on its own or a higher one.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use colearn_store::{LARGEST_TEXT, read_text};
use toml::Table;

use colearn::cli::terminal::say;

/// From the bottom to the top.
const LAYERS: [&[&str]; 9] = [
    &["colearn-digits", "colearn-simd", "colearn-store"],
    &["colearn-tape", "colearn-optim", "colearn-data", "colearn-fetch"],
    &["colearn-neurons", "colearn-synapses"],
    &["colearn-layers"],
    &["colearn-network"],
    &["colearn-eval"],
    &["colearn-train"],
    &["colearn", "colearn-fuzz"],
    &["xtask"],
];

/// Packages that few crates may use, so that they can be replaced in one place.
const RESERVED: [(&str, &[&str]); 7] = [
    ("anyhow", &["colearn", "xtask"]),
    ("clap", &["colearn", "xtask"]),
    ("console", &["colearn"]),
    ("indicatif", &["colearn"]),
    ("bincode", &["colearn-store"]),
    ("realfft", &["colearn-data"]),
    ("ureq", &["colearn-fetch"]),
];

/// A package and what it depends on, tests included.
struct Package {
    name: String,
    dependencies: Vec<String>,
}

pub(crate) fn run() -> Result<ExitCode> {
    let packages = packages(workspace())?;
    let faults: Vec<String> = packages.iter().flat_map(faults).collect();
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    say(format!("{} crates depend on lower layers only", packages.len()));
    Ok(ExitCode::SUCCESS)
}

/// The folder of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

fn packages(root: &Path) -> Result<Vec<Package>> {
    let mut folders = vec![root.join("xtask")];
    for parent in ["crates", "datasets"] {
        let parent = root.join(parent);
        let entries =
            std::fs::read_dir(&parent).with_context(|| format!("{}: cannot be read", parent.display()))?;
        for entry in entries {
            let folder = entry?.path();
            if folder.join("Cargo.toml").exists() {
                folders.push(folder);
            }
        }
    }
    folders.sort();
    folders.iter().map(|folder| package(&folder.join("Cargo.toml"))).collect()
}

fn package(manifest: &Path) -> Result<Package> {
    let text = read_text(manifest, LARGEST_TEXT)?;
    parse(&text).with_context(|| manifest.display().to_string())
}

fn parse(manifest: &str) -> Result<Package> {
    let table: Table = manifest.parse()?;
    let name = table.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str());
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables =
        sections.iter().filter_map(|section| table.get(*section)).filter_map(|value| value.as_table());
    Ok(Package {
        name: name.context("no package.name")?.to_owned(),
        dependencies: tables.flat_map(|table| table.keys().cloned()).collect(),
    })
}

/// What is wrong with a package's dependencies, a line each.
fn faults(package: &Package) -> Vec<String> {
    let layer = |name: &str| LAYERS.iter().position(|names| names.contains(&name));
    let name = &package.name;
    let Some(own) = layer(name) else {
        return vec![format!("{name}: belongs to no layer; expected a place in xtask/src/layers.rs")];
    };
    let mut faults = Vec::new();
    for dependency in &package.dependencies {
        match layer(dependency) {
            Some(other) if other >= own => {
                faults.push(format!(
                    "{name} (layer {own}) depends on {dependency} (layer {other}); expected a lower layer"
                ));
            }
            None if dependency.starts_with("colearn") => {
                faults.push(format!("{name} depends on {dependency}, which belongs to no layer"));
            }
            _ => {}
        }
        let reserved = RESERVED.iter().find(|(reserved, _)| reserved == dependency);
        if let Some((_, owners)) = reserved.filter(|(_, owners)| !owners.contains(&name.as_str())) {
            let owners = owners.join(" and ");
            faults.push(format!("{name} depends on {dependency}; expected only {owners} to use it"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_its_layers() {
        let packages = packages(workspace()).unwrap();
        assert!(packages.len() >= 9, "{} packages", packages.len());
        let faults: Vec<String> = packages.iter().flat_map(faults).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn upward_sideways_unknown_and_reserved_dependencies_are_faults() {
        let faults_of = |name: &str, section: &str, dependency: &str| {
            let manifest =
                format!("[package]\nname = \"{name}\"\n[{section}]\n{dependency}.workspace = true\n");
            faults(&parse(&manifest).unwrap())
        };
        for (name, section, dependency, expected) in [
            ("colearn-network", "dependencies", "colearn-tape", 0),
            ("colearn-network", "dependencies", "colearn-train", 1),
            ("colearn-network", "dev-dependencies", "colearn-eval", 1),
            ("colearn-tape", "dependencies", "colearn-data", 1),
            ("colearn-optim", "dependencies", "colearn-tape", 1),
            ("colearn-tape", "build-dependencies", "colearn-unheard-of", 1),
            ("colearn-eval", "dependencies", "anyhow", 1),
            ("colearn-store", "dependencies", "bincode", 0),
            ("colearn-eval", "dependencies", "bincode", 1),
            ("colearn-unheard-of", "dependencies", "serde", 1),
            ("colearn", "dependencies", "clap", 0),
            ("colearn-train", "dependencies", "colearn", 1),
            ("xtask", "dependencies", "colearn", 0),
            ("xtask", "dependencies", "indicatif", 1),
        ] {
            assert_eq!(faults_of(name, section, dependency).len(), expected, "{name} {section} {dependency}");
        }
    }
}
