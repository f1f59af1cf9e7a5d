//! Which folders are runs, and which runs make a cell.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use super::Cell;
use super::run::RunSummary;
use crate::stored;

/// How deep runs may lie below a folder that is named.
const DEPTH: usize = 4;

/// A finished run and what tells it from others.
struct Found {
    folder: PathBuf,
    label: String,
    /// The whole configuration without the seed and the place of the data; empty where the label alone decides.
    key: String,
}

/// The cells of the runs in or below `places`, in the order in which they are found, folders by name.
///
/// # Errors
/// When a place holds no finished run.
pub(super) fn cells(places: &[PathBuf]) -> Result<Vec<Cell>> {
    let mut cells: Vec<(String, Cell)> = Vec::new();
    for place in places {
        let mut runs = Vec::new();
        find(place, place, DEPTH, &mut runs)?;
        if runs.is_empty() {
            bail!(
                "{}: no finished run here; expected the folder of one (with summary.json) or a folder of such",
                place.display()
            );
        }
        for Found { folder, label, key } in runs {
            let same = |(known, cell): &&mut (String, Cell)| {
                *known == key && (!key.is_empty() || cell.label == label)
            };
            if let Some((_, cell)) = cells.iter_mut().find(same) {
                cell.runs.push(folder);
            } else {
                let taken = cells
                    .iter()
                    .filter(|(_, cell)| cell.label == label || cell.label.starts_with(&format!("{label} (")));
                let label = match taken.count() {
                    0 => label,
                    others => format!("{label} ({})", others + 1),
                };
                cells.push((key, Cell { label, runs: vec![folder] }));
            }
        }
    }
    Ok(cells.into_iter().map(|(_, cell)| cell).collect())
}

fn find(root: &Path, folder: &Path, depth: usize, runs: &mut Vec<Found>) -> Result<()> {
    let is_file = |name: &str| folder.join(name).is_file();
    if is_file("summary.json") && is_file("config.toml") {
        runs.push(found(root, folder)?);
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    let mut below = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            below.push(path);
        }
    }
    below.sort();
    below.iter().try_for_each(|path| find(root, path, depth - 1, runs))
}

/// A run in `CELL/seed-N` belongs to the cell of that name; another to those with the same configuration.
fn found(root: &Path, folder: &Path) -> Result<Found> {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let of_cell = name(folder).is_some_and(|name| name.starts_with("seed-"));
    if let Some(cell) = folder.parent().filter(|_| of_cell) {
        let relative = cell.strip_prefix(root).ok().filter(|path| path.components().count() > 0);
        let label = relative.map(|path| path.to_string_lossy().into_owned()).or_else(|| name(cell));
        if let Some(label) = label {
            return Ok(Found { folder: folder.to_owned(), label, key: String::new() });
        }
    }
    let summary: RunSummary = stored::read(&folder.join("summary.json"))?.context("it was there")?;
    Ok(Found { folder: folder.to_owned(), label: summary.name(), key: configuration(folder) })
}

fn configuration(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("config.toml")).unwrap_or_default();
    let Ok(mut table) = text.parse::<Table>() else { return folder.display().to_string() };
    for (section, key) in [("train", "seed"), ("data", "root")] {
        if let Some(Value::Table(section)) = table.get_mut(section) {
            section.remove(key);
        }
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path, config: &str) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("summary.json"), r#"{"model": "lif", "seed": 1}"#).unwrap();
        std::fs::write(folder.join("config.toml"), config).unwrap();
    }

    #[test]
    fn runs_that_differ_in_their_seed_make_a_cell() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        run(&at("one"), "[train]\nseed = 1\nepochs = 3\n");
        run(&at("three"), "[train]\nseed = 1\nepochs = 4\n");
        run(&at("two"), "[train]\nseed = 2\nepochs = 3\n[data]\nroot = \"x\"\n");
        run(&at("zoo"), "[train]\nseed = 2\nepochs = 3\n");
        let cells = cells(&[place.path().to_owned()]).unwrap();
        let found: Vec<(&str, usize)> =
            cells.iter().map(|cell| (cell.label.as_str(), cell.runs.len())).collect();
        assert_eq!(found, [("lif", 2), ("lif (2)", 1), ("lif (3)", 1)]);
    }

    #[test]
    fn folders_of_seeds_name_their_cell() {
        let place = tempfile::tempdir().unwrap();
        for name in ["b/seed-1", "a/deep/seed-0", "b/seed-0"] {
            run(&place.path().join(name), "");
        }
        std::fs::create_dir_all(place.path().join("b/seed-2")).unwrap();
        let found = cells(&[place.path().to_owned()]).unwrap();
        assert_eq!(found.iter().map(|cell| cell.label.as_str()).collect::<Vec<_>>(), ["a/deep", "b"]);
        assert_eq!(found[1].runs, ["b/seed-0", "b/seed-1"].map(|name| place.path().join(name)));
        let single = cells(&[place.path().join("b/seed-0")]).unwrap();
        assert_eq!(single[0].label, "b");
        let empty = cells(&[place.path().join("b/seed-2")]).unwrap_err().to_string();
        assert!(empty.contains("seed-2: no finished run here; expected"), "{empty}");
    }
}
