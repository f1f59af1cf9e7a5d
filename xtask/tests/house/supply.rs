//! What comes from others: licences, sources and bans of `deny.toml`, held against the resolved packages and the lock
//! file. Advisories need their database, and cargo-deny.

use serde_json::Value;
use toml::Table;

use crate::{printed, root, table};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The strings of an array in `deny.toml`; of tables the name of the crate.
pub(super) fn listed(section: &str, key: &str) -> Vec<String> {
    let deny = table("deny.toml");
    let name = |value: &toml::Value| value.get("crate").unwrap_or(value).as_str().unwrap().to_owned();
    deny[section][key].as_array().unwrap().iter().map(name).collect()
}

/// The packages that are built on this machine, the tests' included.
fn resolved() -> Vec<Value> {
    let version = std::process::Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = printed(&["metadata", "--locked", "--format-version", "1", "--filter-platform", host]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Whether a licence expression can be met with what is allowed: `OR` (or `/`) binds less than `AND`.
pub(super) fn meets(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut place = 0;
    let met = alternatives(&words, &mut place, allowed);
    assert_eq!(place, words.len(), "{expression}: not understood");
    met
}

fn alternatives(words: &[&str], place: &mut usize, allowed: &[String]) -> bool {
    let mut met = together(words, place, allowed);
    while words.get(*place) == Some(&"OR") {
        *place += 1;
        met |= together(words, place, allowed);
    }
    met
}

fn together(words: &[&str], place: &mut usize, allowed: &[String]) -> bool {
    let mut met = one(words, place, allowed);
    while words.get(*place) == Some(&"AND") {
        *place += 1;
        met &= one(words, place, allowed);
    }
    met
}

fn one(words: &[&str], place: &mut usize, allowed: &[String]) -> bool {
    *place += 1;
    if words[*place - 1] == "(" {
        let met = alternatives(words, place, allowed);
        *place += 1;
        return met;
    }
    let mut name = words[*place - 1].to_owned();
    if words.get(*place) == Some(&"WITH") {
        name = format!("{name} WITH {}", words[*place + 1]);
        *place += 2;
    }
    allowed.contains(&name)
}

#[test]
fn every_package_has_a_licence_that_is_allowed() {
    let allowed = listed("licenses", "allow");
    let packages = resolved();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(meets(licence, &allowed), "{} {}: {licence}", package["name"], package["version"]);
    }
}

#[test]
fn every_package_comes_from_the_workspace_or_from_crates_io() {
    for package in table("Cargo.lock")["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let own = name == "xtask" || name == "colearn" || name.starts_with("colearn-");
        match package.get("source").map(|source| source.as_str().unwrap()) {
            None => assert!(own, "{name}: comes from a folder"),
            Some(source) => {
                assert_eq!(source, CRATES_IO, "{name}");
                assert_eq!(package["checksum"].as_str().map(str::len), Some(64), "{name}: no checksum");
            }
        }
    }
}

#[test]
fn nothing_that_is_banned_is_built() {
    let banned = listed("bans", "deny");
    assert!(banned.iter().any(|name| name == "cc"));
    let tree = printed(&[
        "tree",
        "--workspace",
        "--locked",
        "--edges",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap();
        assert!(!banned.iter().any(|banned| banned == name), "{line} is built; deny.toml bans it");
    }
}

#[test]
fn advisories_that_are_accepted_have_their_reason() {
    let deny = table("deny.toml");
    let accepted = deny["advisories"]["ignore"].as_array().unwrap();
    let id = |table: &Table| table["id"].as_str().unwrap().to_owned();
    let ids: Vec<String> = accepted.iter().map(|exception| id(exception.as_table().unwrap())).collect();
    assert_eq!(ids, ["RUSTSEC-2025-0141", "RUSTSEC-2026-0253"]);
    assert!(accepted.iter().all(|exception| exception["reason"].as_str().unwrap().len() > 40));
    let workspace = table("Cargo.toml");
    assert_eq!(workspace["workspace"]["dependencies"]["bincode"].as_str(), Some("=1.3.3"));
}

#[test]
fn the_lock_file_is_kept() {
    let ignored = std::fs::read_to_string(root().join(".gitignore")).unwrap();
    assert!(!ignored.lines().any(|line| line.contains("Cargo.lock") || line.contains("*.lock")));
}

#[test]
fn expressions_of_licences_are_understood() {
    let allowed = ["MIT", "ISC", "Zlib"].map(str::to_owned);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("Apache-2.0 OR MIT", true),
        ("Apache-2.0/MIT", true),
        ("Apache-2.0 AND ISC", false),
        ("MIT AND ISC", true),
        ("MIT OR GPL-3.0 AND GPL-2.0", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
        ("(MIT OR Apache-2.0) AND ISC", true),
        ("MIT WITH LLVM-exception", false),
        ("Apache-2.0 WITH LLVM-exception OR Zlib", true),
        ("none", false),
    ] {
        assert_eq!(meets(expression, &allowed), expected, "{expression}");
    }
}
