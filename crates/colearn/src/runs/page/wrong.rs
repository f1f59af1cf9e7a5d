//! The utterances that were not recognised, by name.

use std::collections::BTreeMap;

use colearn_eval::page::{Block, Section};
use colearn_eval::{Align, Table};

use super::{Group, per_cell, slug};
use crate::runs::stored::StoredEvaluation;

/// Rows of the table; the file beside the page has all of them.
const SHOWN: usize = 25;

/// True class, what it was taken for, and how often.
type Times<'a> = BTreeMap<(&'a str, usize, Option<usize>), usize>;

pub(super) fn section(groups: &[Group]) -> Section {
    let blocks = per_cell(groups, |group| {
        let known: Vec<&StoredEvaluation> = (group.runs.iter())
            .filter_map(|run| run.evaluation.as_ref().filter(|stored| stored.wrong.is_some()))
            .collect();
        let Some(first) = known.first() else {
            return vec![Block::Missing(format!(
                "{}: these runs do not tell which utterances they took for another class (they are from before \
                 evaluation.json named them).",
                group.label
            ))];
        };
        let mut times = Times::new();
        for wrong in known.iter().filter_map(|stored| stored.wrong.as_ref()).flatten() {
            *times.entry((&wrong.id, wrong.true_class, wrong.predicted_class)).or_default() += 1;
        }
        if times.is_empty() {
            return vec![Block::Text(format!("{}: every utterance was recognised.", group.label))];
        }
        vec![listed(group, &times, known.len(), first)]
    });
    Section { id: "wrong".into(), title: "Utterances that were not recognised".into(), blocks }
}

fn listed(group: &Group, times: &Times<'_>, runs: usize, stored: &StoredEvaluation) -> Block {
    let mut order: Vec<_> = times.iter().collect();
    order.sort_by_key(|(place, count)| (std::cmp::Reverse(**count), **place));
    let name = |class: usize| stored.classes.get(class).cloned().unwrap_or_else(|| class.to_string());
    let taken =
        |class: Option<usize>| class.map_or_else(|| "nothing: a score was not finite".to_owned(), name);
    let mut table = Table::new(["utterance", "true class", "taken for", "runs"]).align([
        Align::Left,
        Align::Left,
        Align::Left,
        Align::Right,
    ]);
    let mut data = Table::new(["id", "true_class", "predicted_class", "runs", "of_runs"]);
    for (index, ((id, truth, predicted), count)) in order.iter().enumerate() {
        if index < SHOWN {
            table.row([(*id).to_owned(), name(*truth), taken(*predicted), format!("{count} of {runs}")]);
        }
        let predicted = predicted.map(name).unwrap_or_default();
        data.row([(*id).to_owned(), name(*truth), predicted, count.to_string(), runs.to_string()]);
    }
    let more = match order.len() {
        all if all > SHOWN => {
            format!(" The first {SHOWN} of {all}, those of most runs first; the file has all.")
        }
        _ => String::new(),
    };
    Block::Group {
        title: format!("{} mistaken utterances of {}", order.len(), group.label),
        open: false,
        blocks: vec![Block::Table {
            name: format!("wrong-{}", slug(&group.label)),
            caption: format!(
                "Samples of the {} split that {} did not recognise, delays rounded, and in how many of the runs.{more}",
                stored.split, group.label
            ),
            table,
            data: Some(data),
        }],
    }
}
