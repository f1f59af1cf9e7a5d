//! `cargo xtask compare`: the tables of a comparison for any run folders.

use std::process::ExitCode;

use anyhow::Result;
use colearn_eval::Table;

use crate::cli::CompareArgs;
use crate::comparison::{Comparison, Group, Pair, groups};
use crate::experiment::Experiment;
use crate::outputs;
use crate::overrides::differences;
use crate::terminal::say;

pub(crate) fn run(args: &CompareArgs) -> Result<ExitCode> {
    let groups = groups(&args.runs)?;
    let cells =
        groups.iter().map(|group| Ok((group.name.as_str(), settings(&group.settings, group.data())?)));
    let differing = differing(&cells.collect::<Result<Vec<_>>>()?);
    let comparison = comparison(groups);
    say(comparison.to_markdown());
    if let Some(table) = &differing {
        say(format!("## Settings that differ\n\n{table}"));
    }
    if let Some(out) = &args.out {
        comparison.write(&outputs::take(out)?)?;
    }
    Ok(ExitCode::SUCCESS)
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
