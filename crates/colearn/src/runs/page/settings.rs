//! How the runs were made: command, version, date and every setting.

use colearn_eval::Table;
use colearn_eval::page::{Block, Section};
use toml::{Table as Settings, Value};

use super::numbers::NOTHING;
use super::{DETAILED, Group, counted};
use crate::runs::compare::{differing, settings};
use crate::runs::experiment::Experiment;
use crate::runs::overrides::leaves;

pub(super) fn section(groups: &[Group]) -> Section {
    let mut blocks = vec![how(groups)];
    let shown = &groups[..groups.len().min(DETAILED)];
    let with_data = |group: &Group| {
        let set = group.runs.iter().find_map(|run| run.stored.data.as_ref()).map(|data| data.set.as_str());
        settings(&of_cell(group), set).unwrap_or_default()
    };
    let cells: Vec<(&str, Settings)> =
        shown.iter().map(|group| (group.label.as_str(), with_data(group))).collect();
    if let Some(table) = differing(&cells) {
        blocks.push(Block::Table {
            name: "settings-that-differ".into(),
            caption: "Settings in which the cells differ; all others are equal.".into(),
            table,
            data: None,
        });
    }
    let best = &groups[0];
    let mut table = Table::new(["key", "value"]);
    for (key, value) in keys(&of_cell(best)) {
        table.row([key, value]);
    }
    blocks.push(Block::Group {
        title: format!("All settings of {}", best.label),
        open: false,
        blocks: vec![Block::Table {
            name: "settings".into(),
            caption: "Every key with its value, as config.toml has it, without the seed; data.root is the folder of the \
                      data, where it is not embedded."
                .into(),
            table,
            data: None,
        }],
    });
    Section { id: "settings".into(), title: "Settings and origin".into(), blocks }
}

/// The settings that the runs of a cell share.
fn of_cell(group: &Group) -> Experiment {
    let mut settings = group.runs[0].stored.experiment.clone();
    settings.train.seed = 0;
    settings.data.leave_out = None;
    settings
}

/// Keys and values in the order of `config.toml`.
fn keys(experiment: &Experiment) -> Vec<(String, String)> {
    let table: Settings = experiment.to_table().unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = leaves(&table).into_iter().filter(|(key, _)| key != "train.seed");
    pairs.map(|(key, value)| (key, text(&value))).collect()
}

/// A row a cell.
fn how(groups: &[Group]) -> Block {
    let mut table = Table::new(["cell", "seeds", "finished (UTC)", "version", "machine", "command"]);
    let mut data = Table::new(["cell", "seed", "left_out", "finished_utc", "version", "machine", "command"]);
    for group in groups {
        let made = || group.runs.iter().map(|run| &run.stored.made);
        let mut seeds: Vec<u64> = group.runs.iter().map(|run| run.stored.seed()).collect();
        seeds.dedup();
        let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
        table.row([
            group.label.clone(),
            seeds.join(", "),
            ends(made().filter_map(|made| made.finished.as_deref())),
            each(made().filter_map(|made| made.version.as_deref())),
            each(made().filter_map(|made| made.machine.as_deref())),
            each(made().filter_map(|made| made.command.as_deref())),
        ]);
        for run in &group.runs {
            let (made, stored) = (&run.stored.made, &run.stored);
            let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
            data.row([
                group.label.clone(),
                stored.seed().to_string(),
                or_empty(&stored.experiment.data.leave_out),
                or_empty(&made.finished),
                or_empty(&made.version),
                or_empty(&made.machine),
                or_empty(&made.command),
            ]);
        }
    }
    Block::Table {
        name: "origin".into(),
        caption: "When, with what and how the runs were made, as each of them tells; a dash: runs of versions that did not \
                  tell. Results of a seed are equal to the bit for one version on machines of one instruction set, whatever \
                  the number of threads."
            .into(),
        table,
        data: Some(data),
    }
}

/// The first and the last of some dates.
fn ends<'a>(dates: impl Iterator<Item = &'a str>) -> String {
    let mut dates: Vec<&str> = dates.collect();
    dates.sort_unstable();
    match dates[..] {
        [] => NOTHING.to_owned(),
        [first, .., last] if first != last => format!("{first} to {last}"),
        [first, ..] => first.to_owned(),
    }
}

/// What all say, or the first one and how many others there are.
fn each<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = Vec::new();
    for text in texts {
        if !known.contains(&text) {
            known.push(text);
        }
    }
    match known[..] {
        [] => NOTHING.to_owned(),
        [one] => one.to_owned(),
        [one, ..] => format!("{one} (and {})", counted(known.len() - 1, "other")),
    }
}
