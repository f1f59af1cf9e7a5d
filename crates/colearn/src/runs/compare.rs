//! The tables of a comparison for any run folders.

use std::path::{Path, PathBuf};

use anyhow::Result;
use colearn_eval::Table;

use super::comparison::{Comparison, Group, Pair, groups};
use super::experiment::Experiment;
use super::outputs;
use super::overrides::differences;

/// Runs beside each other.
#[derive(Debug)]
pub struct Compared {
    comparison: Comparison,
    differing: Option<Table>,
}

/// Compares finished runs: those in and below `places`. Runs that differ in seed and left-out speaker alone make one cell.
///
/// # Errors
/// When a place holds no finished run, or a run cannot be read or is there twice.
pub fn compare(places: &[PathBuf]) -> Result<Compared> {
    let groups = groups(places)?;
    let cells =
        groups.iter().map(|group| Ok((group.name.as_str(), settings(&group.settings, group.data())?)));
    let differing = differing(&cells.collect::<Result<Vec<_>>>()?);
    Ok(Compared { comparison: comparison(groups), differing })
}

impl Compared {
    /// The tables with what they mean, as Markdown.
    pub fn to_markdown(&self) -> String {
        self.comparison.to_markdown()
    }

    /// The settings that differ between cells, as Markdown; `None` where there are none.
    pub fn differing(&self) -> Option<String> {
        self.differing.as_ref().map(|table| format!("## Settings that differ\n\n{table}"))
    }

    /// Writes `table.md`, `table.csv` and `summary.json` into `folder`; returns their paths.
    ///
    /// # Errors
    /// When one of the names holds what no such command has left there, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        self.comparison.write(&outputs::take(folder)?)
    }
}

/// The keys whose values differ between cells, a column a cell; `None` where there is nothing to tell.
pub(crate) fn differing(cells: &[(&str, toml::Table)]) -> Option<Table> {
    let ((_, first), others) = cells.split_first()?;
    // Value in the first cell, and in those that differ from it.
    let mut keys: Vec<(String, Vec<String>)> = Vec::new();
    for (place, (_, other)) in others.iter().enumerate() {
        for (key, ours, theirs) in differences(first, other) {
            let known = keys.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                keys.push((key.clone(), vec![ours; cells.len()]));
                keys.len() - 1
            });
            keys[known].1[place + 1] = theirs;
        }
    }
    if keys.is_empty() {
        return None;
    }
    let mut table =
        Table::new(std::iter::once("key".to_owned()).chain(cells.iter().map(|cell| cell.0.to_owned())));
    for (key, values) in keys {
        table.row(std::iter::once(key).chain(values));
    }
    Some(table)
}

/// Settings, and what the data were: the first digits of their fingerprint, where it is known.
pub(crate) fn settings(experiment: &Experiment, data: Option<&str>) -> Result<toml::Table> {
    let mut table = experiment.to_table()?;
    if let (Some(toml::Value::Table(settings)), Some(set)) = (table.get_mut("data"), data) {
        settings.insert("fingerprint".to_owned(), toml::Value::String(format!("{set:.12}")));
    }
    Ok(table)
}

/// Rows in the order given; each later one is compared with the first.
fn comparison(groups: Vec<Group>) -> Comparison {
    let first = groups.first().map_or_else(String::new, |group| group.name.clone());
    let against = |group: &Group| Pair {
        first: group.name.clone(),
        second: first.clone(),
        asks: format!("does {} differ from {first}?", group.name),
    };
    let pairs = groups.iter().skip(1).map(against).collect();
    Comparison::new("compare", "Runs compared", groups.into_iter().map(Group::into_cell).collect(), pairs)
}
