//! What others get when they take one crate: its description, licences, README and example, and no junk.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use crate::source::sources;
use crate::{packages, printed, published, root};

/// Largest package that crates.io takes, in bytes.
const LARGEST: u64 = 10 * 1024 * 1024;

/// Files that cargo adds to a package.
const OWN: [&str; 4] = [".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml", "Cargo.toml.orig"];

/// Folders of sources, other files of any crate, and beginnings of the corpus's.
const SOURCES: [&str; 3] = ["src/", "examples/", "benches/"];
const KNOWN: [&str; 4] = ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "manifest.toml"];
const CORPUS: [&str; 4] = ["test.", "train.", "validation.", "make_digits.py"];
/// What the program brings along: experiments, and the tables of a configuration as they are defined.
const PROGRAM: [&str; 2] = ["configs/", "src/runs/describe/tables.txt"];

fn rust(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "rs")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_crate_says_what_it_is() {
    assert_eq!(published().len(), 14);
    for (folder, manifest) in published() {
        let package = manifest["package"].as_table().unwrap();
        let name = package["name"].as_str().unwrap();
        let description = package["description"].as_str().unwrap();
        assert!(description.len() > 30 && description.ends_with('.'), "{name}: {description}");
        for key in ["version", "edition", "rust-version", "license", "authors"] {
            assert_eq!(package[key]["workspace"].as_bool(), Some(true), "{name}: {key}");
        }
        let keywords = package["keywords"].as_array().unwrap();
        assert!((1..=5).contains(&keywords.len()), "{name}: {keywords:?}");
        for keyword in keywords.iter().map(|keyword| keyword.as_str().unwrap()) {
            let plain = keyword.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
            assert!(plain && keyword.len() <= 20, "{name}: {keyword}");
        }
        assert!((1..=5).contains(&package["categories"].as_array().unwrap().len()), "{name}");
        assert_eq!(package["readme"].as_str(), Some("README.md"), "{name}");
        let examples = std::fs::read_dir(root().join(&folder).join("examples"));
        assert!(examples.is_ok_and(|examples| examples.count() > 0), "{name}: no example");
    }
}

#[test]
fn what_is_released_is_in_the_changes_and_can_be_cited() {
    let manifest = crate::table("Cargo.toml");
    let version = manifest["workspace"]["package"]["version"].as_str().unwrap();
    let changes = read("CHANGELOG.md");
    let newest = changes.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    let (named, date) = newest.split_once(" – ").unwrap();
    assert_eq!(named, version, "CHANGELOG.md: the newest version");
    let citation = read("CITATION.cff");
    for line in [format!("version: {version}"), format!("date-released: \"{date}\"")] {
        assert!(citation.lines().any(|found| found == line), "CITATION.cff: {line}");
    }
    for (name, dependency) in manifest["workspace"]["dependencies"].as_table().unwrap() {
        if let Some(path) = dependency.get("path") {
            assert_eq!(dependency["version"].as_str(), Some(version), "{name} in {path}");
        }
    }
}

#[test]
fn every_readme_is_compiled_and_leads_on() {
    for (folder, manifest) in published() {
        let name = manifest["package"]["name"].as_str().unwrap();
        let (text, library) = (read(folder.join("README.md")), read(folder.join("src/lib.rs")));
        assert!(text.starts_with(&format!("# {name}\n")), "{name}");
        assert!(text.contains("\n```rust\n"), "{name}: no snippet");
        assert!(!text.contains("```rust,"), "{name}: a snippet that does not run");
        assert!(
            library.contains("doc = include_str!(\"../README.md\")"),
            "{name}: the README is not compiled"
        );
        assert!(text.contains("(../../README.md)"), "{name}: no link to the project");
        assert!(text.contains("--example "), "{name}: the example is not named");
        assert!(text.contains("MIT") && text.contains("Apache-2.0"), "{name}: no licence");
    }
}

#[test]
fn every_crate_carries_both_licences() {
    for (folder, _) in published() {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            assert_eq!(read(folder.join(licence)), read(licence), "{}: {licence}", folder.display());
        }
    }
}

#[test]
fn packages_hold_what_is_needed_and_nothing_else() {
    for (folder, manifest) in published() {
        let name = manifest["package"]["name"].as_str().unwrap();
        let list = printed(&["package", "--list", "--allow-dirty", "--package", name]);
        let files: Vec<&str> = list.lines().collect();
        for needed in ["Cargo.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"] {
            assert!(files.contains(&needed), "{name}: {needed} is missing in {files:?}");
        }
        let mut size = 0;
        for file in files.iter().map(|file| file.replace('\\', "/")) {
            if !OWN.contains(&file.as_str()) {
                let source = SOURCES.iter().any(|start| file.starts_with(start)) && rust(&file);
                let corpus = name == "colearn-digits" && CORPUS.iter().any(|start| file.starts_with(start));
                let program = name == "colearn" && PROGRAM.iter().any(|start| file.starts_with(start));
                let known = source || corpus || program || KNOWN.contains(&file.as_str());
                assert!(known, "{name}: {file} is no part of it");
                size += std::fs::metadata(root().join(&folder).join(&file)).unwrap().len();
            }
        }
        assert!(size < LARGEST, "{name}: {size} bytes");
    }
}

/// Every dependency is named by the crate's own text: libraries by what they are built from, the others by tests, examples,
/// benchmarks and snippets of READMEs as well.
#[test]
fn every_dependency_is_used() {
    for (folder, manifest) in packages() {
        let text = |parts: &[&str]| -> String {
            let files = parts.iter().map(|part| root().join(&folder).join(part)).filter(|part| part.is_dir());
            files.flat_map(|part| sources(&part)).map(read).collect()
        };
        let of_library = text(&["src"]);
        let mut of_all = text(&["src", "tests", "examples", "benches"]);
        // Snippets are compiled with the crate that includes them.
        for (included, readme) in
            [("../README.md", folder.join("README.md")), ("../../../README.md", "README.md".into())]
        {
            if of_library.contains(&format!("include_str!(\"{included}\")")) {
                of_all += &read(readme);
            }
        }
        for (section, text) in [("dependencies", of_library), ("dev-dependencies", of_all)] {
            let words: BTreeSet<&str> =
                text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
            for name in manifest.get(section).and_then(Value::as_table).into_iter().flat_map(Table::keys) {
                // A library's name may leave the hyphen out, as that of md-5 does.
                let known = [name.replace('-', "_"), name.replace('-', "")];
                let used = known.iter().any(|name| words.contains(name.as_str()));
                assert!(used, "{}: {name} among its {section} is used nowhere", folder.display());
            }
        }
    }
}
