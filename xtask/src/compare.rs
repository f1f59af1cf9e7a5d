//! `cargo xtask compare`: the tables of a comparison for any run folders.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use colearn_eval::Table;

use crate::cli::CompareArgs;
use crate::comparison::{Cell, Comparison, Pair, Run};
use crate::experiment::Experiment;
use crate::overrides::differences;
use crate::run_folder::{RunFolder, Stage};
use crate::terminal::say;

/// Runs that differ in seed and left-out speaker alone.
struct Group {
    name: String,
    /// Settings without seed and speaker.
    settings: Experiment,
    runs: Vec<(PathBuf, Run)>,
}

pub(crate) fn run(args: &CompareArgs) -> Result<ExitCode> {
    let mut groups: Vec<Group> = Vec::new();
    for folder in &args.runs {
        let mut folders = Vec::new();
        collect(folder, &mut folders)?;
        if folders.is_empty() {
            bail!("{}: no finished run here; expected a folder with summary.json", folder.display());
        }
        for folder in folders {
            add(&mut groups, folder)?;
        }
    }
    let differing = differing(&groups)?;
    let comparison = comparison(groups);
    say(comparison.to_markdown());
    if let Some(table) = &differing {
        say(format!("## Settings that differ\n\n{table}"));
    }
    if let Some(out) = &args.out {
        comparison.write(out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The finished runs in `folder` and below, in the order of their names.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let run = RunFolder::at(folder.to_owned());
    if run.file("config.toml").exists() {
        if run.stage() == Stage::Finished {
            found.push(folder.to_owned());
        }
        return Ok(());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    let mut inner: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|p| p.is_dir()).collect();
    inner.sort();
    inner.iter().try_for_each(|folder| collect(folder, found))
}

fn add(groups: &mut Vec<Group>, folder: PathBuf) -> Result<()> {
    let run = Run::read(&folder)?;
    let mut settings = run.experiment.clone();
    settings.train.seed = 0;
    settings.data.leave_out = None;
    let Some(group) = groups.iter_mut().find(|group| group.settings == settings) else {
        let name = name(&folder, groups);
        groups.push(Group { name, settings, runs: vec![(folder, run)] });
        return Ok(());
    };
    let same = |(_, known): &&(PathBuf, Run)| {
        known.experiment.train.seed == run.experiment.train.seed
            && known.experiment.data.leave_out == run.experiment.data.leave_out
    };
    if let Some((twin, _)) = group.runs.iter().find(same) {
        bail!(
            "{}: found the settings and the seed of {}; expected each run once",
            folder.display(),
            twin.display()
        );
    }
    group.runs.push((folder, run));
    Ok(())
}

/// The name of a folder without its seed; a number makes it unique.
fn name(folder: &Path, groups: &[Group]) -> String {
    let parts: Vec<&str> = folder.iter().filter_map(|part| part.to_str()).collect();
    let seed = parts.iter().rposition(|part| part.starts_with("seed-")).filter(|place| *place > 0);
    let plain = match seed {
        Some(place) => parts[place - 1],
        None => parts.last().copied().unwrap_or("run"),
    };
    // digits-lif-s3 or digits-lif-s3-2
    let cut = plain.rfind("-s").filter(|at| plain[at + 2..].starts_with(|c: char| c.is_ascii_digit()));
    let plain = cut.map_or(plain, |at| &plain[..at]);
    let taken = |name: &str| groups.iter().any(|group| group.name == name);
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    std::iter::once(plain.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

/// The keys whose values differ between groups, a column a group; `None` where there is nothing to tell.
fn differing(groups: &[Group]) -> Result<Option<Table>> {
    let tables =
        groups.iter().map(|group| group.settings.to_table()).collect::<Result<Vec<toml::Table>>>()?;
    let Some((first, others)) = tables.split_first() else { return Ok(None) };
    // Value in the first group, and in those that differ from it.
    let mut keys: Vec<(String, Vec<String>)> = Vec::new();
    for (place, other) in others.iter().enumerate() {
        for (key, ours, theirs) in differences(first, other) {
            let known = keys.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                keys.push((key.clone(), vec![ours; tables.len()]));
                keys.len() - 1
            });
            keys[known].1[place + 1] = theirs;
        }
    }
    if keys.is_empty() {
        return Ok(None);
    }
    let mut table =
        Table::new(std::iter::once("key".to_owned()).chain(groups.iter().map(|group| group.name.clone())));
    for (key, values) in keys {
        table.row(std::iter::once(key).chain(values));
    }
    Ok(Some(table))
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
    Comparison::new("compare", "Runs compared", groups.into_iter().map(cell).collect(), pairs)
}

fn cell(group: Group) -> Cell {
    let mut seeds: Vec<u64> = group.runs.iter().map(|(_, run)| run.experiment.train.seed).collect();
    let mut speakers: Vec<Option<String>> =
        group.runs.iter().map(|(_, run)| run.experiment.data.leave_out.clone()).collect();
    seeds.sort_unstable();
    seeds.dedup();
    speakers.sort();
    speakers.dedup();
    let runs = group.runs.into_iter().map(|(_, run)| run).collect();
    Cell { label: group.name.clone(), name: group.name, published: Vec::new(), runs, seeds, speakers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_folders_without_seeds() {
        for (folder, expected) in [
            ("runs/reproduce/digits/d-lif/seed-3", "d-lif"),
            ("x/d-lif/seed-3/theo", "d-lif"),
            ("runs/digits-d-lif-s3", "digits-d-lif"),
            ("runs/digits-lif-s0-2", "digits-lif"),
            ("runs/two-sides", "two-sides"),
            ("seed-1", "seed-1"),
        ] {
            assert_eq!(name(Path::new(folder), &[]), expected, "{folder}");
        }
    }
}
