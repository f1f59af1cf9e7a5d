//! `unsafe` is in one file of the workspace, and nowhere else is the lint against it switched off.

use crate::source::{sources, words};
use crate::{packages, root, table};

/// The one place: calls of functions compiled for instruction sets that were found at run time. The sets' own folders have none.
const ALLOWED: [&str; 1] = ["crates/simd/src/sets/token.rs"];

/// Identifiers that let `unsafe` in.
const WORDS: [&str; 2] = ["unsafe", "unsafe_code"];

#[test]
fn unsafe_is_in_one_file() {
    let (mut seen, mut found) = (0, Vec::new());
    for folder in ["crates", "datasets", "xtask", "examples", "fuzz"] {
        for path in sources(&root().join(folder)) {
            seen += 1;
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            for (line, word) in words(&std::fs::read_to_string(&path).unwrap()) {
                if WORDS.contains(&word.as_str()) {
                    found.push((name.clone(), line, word));
                }
            }
        }
    }
    assert!(seen > 300, "only {seen} sources");
    let outside: Vec<_> = found.iter().filter(|(name, ..)| !ALLOWED.contains(&name.as_str())).collect();
    assert!(outside.is_empty(), "unsafe outside of {ALLOWED:?}: {outside:?}");
    for allowed in ALLOWED {
        assert!(found.iter().any(|(name, ..)| name == allowed), "{allowed} needs no exception");
    }
}

/// Where the names of processors and instruction sets may be: the folders of sets, and the check of what cryptography needs.
const SETS: [&str; 2] = ["crates/simd/src/sets/", "crates/fetch/"];

/// Tokens, and what intrinsics begin with.
const NAMES: [&str; 8] =
    ["Avx2", "Avx512", "Neon", "target_arch", "target_feature", "x86_64", "aarch64", "asm"];

#[test]
fn instruction_sets_are_known_in_their_folders_alone() {
    let mut found = Vec::new();
    for folder in ["crates", "datasets", "xtask/src", "examples", "fuzz"] {
        for path in sources(&root().join(folder)) {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            if SETS.iter().any(|allowed| name.starts_with(allowed)) {
                continue;
            }
            for (line, word) in words(&std::fs::read_to_string(&path).unwrap()) {
                if NAMES.contains(&word.as_str()) || word.starts_with("_mm") || word.starts_with("__m") {
                    found.push((name.clone(), line, word));
                }
            }
        }
    }
    assert!(found.is_empty(), "outside of {SETS:?}: {found:?}");
}

#[test]
fn the_lint_against_unsafe_holds_in_every_package() {
    let lints = &table("Cargo.toml")["workspace"]["lints"];
    assert_eq!(lints["rust"]["unsafe_code"].as_str(), Some("deny"));
    assert_eq!(lints["clippy"]["undocumented_unsafe_blocks"].as_str(), Some("deny"));
    for (folder, manifest) in packages() {
        let inherits = manifest["lints"]["workspace"].as_bool() == Some(true);
        assert!(inherits, "{}: expected [lints] workspace = true", folder.display());
        assert!(!root().join(&folder).join("build.rs").exists(), "{}: has a build script", folder.display());
    }
}
