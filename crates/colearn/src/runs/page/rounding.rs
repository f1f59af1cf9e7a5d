//! What rounding the delays to whole steps costs.

use colearn_eval::figures::{DotRow, DotRows};
use colearn_eval::page::{Block, Section};
use colearn_eval::statistics::{MeanEstimate, mean, mean_estimate};
use colearn_eval::{Align, Table};

use super::numbers::{plain, plain_estimate, spread};
use super::run::Run;
use super::{Group, dot};

/// Accuracies of the seeds of a cell with delays as stored and rounded, as shares.
type Pairs<'a> = (&'a Group, Vec<(f64, f64)>);

pub(super) fn section(groups: &[Group]) -> Section {
    let pairs = |group| -> Pairs<'_> { (group, pairs(group)) };
    let (with, without): (Vec<Pairs<'_>>, Vec<Pairs<'_>>) =
        groups.iter().map(pairs).partition(|(_, pairs)| !pairs.is_empty());
    let mut blocks = Vec::new();
    if !with.is_empty() {
        blocks.push(table(&with));
        // A dot alone says nothing that the table does not.
        if with.iter().map(|(_, pairs)| pairs.len()).sum::<usize>() > 1 {
            blocks.push(figure(groups, &with));
        }
    }
    if !without.is_empty() {
        let names: Vec<&str> = without.iter().map(|(group, _)| group.label.as_str()).collect();
        blocks.push(Block::Missing(format!(
            "{}: no learned delays, or runs from before both results were kept.",
            names.join(", ")
        )));
    }
    Section { id: "rounding".into(), title: "Rounding the delays".into(), blocks }
}

fn pairs(group: &Group) -> Vec<(f64, f64)> {
    let pair = |run: &Run| {
        let stored = run.evaluation.as_ref()?;
        Some((stored.unrounded.as_ref()?.evaluation.accuracy?, stored.rounded.evaluation.accuracy?))
    };
    let unrounded = group.by_seed(|run| Some(pair(run)?.0));
    unrounded.into_iter().zip(group.by_seed(|run| Some(pair(run)?.1))).collect()
}

fn table(cells: &[Pairs<'_>]) -> Block {
    let mut table = Table::new(["cell", "seeds", "as stored", "rounded", "difference (points)"])
        .align([Align::Left].into_iter().chain([Align::Right; 4]));
    let mut data = Table::new([
        "cell",
        "seeds",
        "stored_mean",
        "rounded_mean",
        "difference_mean_points",
        "difference_std_points",
        "difference_ci95_low_points",
        "difference_ci95_high_points",
    ]);
    for (group, pairs) in cells {
        let of = |side: fn(&(f64, f64)) -> f64| plain(mean(&pairs.iter().map(side).collect::<Vec<_>>()));
        let [points, std, low, high] = plain_estimate(difference(pairs));
        let seeds = pairs.len().to_string();
        data.row([group.label.clone(), seeds, of(|pair| pair.0), of(|pair| pair.1), points, std, low, high]);
        let side = |side: fn(&(f64, f64)) -> f64| spread(&pairs.iter().map(side).collect::<Vec<_>>());
        let points = difference(pairs).map(|estimate| format!("{estimate:.2}").replace('-', "−"));
        table.row([
            group.label.clone(),
            pairs.len().to_string(),
            side(|pair| pair.0),
            side(|pair| pair.1),
            points.unwrap_or_else(|| "–".to_owned()),
        ]);
    }
    let caption = "Accuracy of the same network with its delays as they were learned and rounded to whole steps. The \
                   difference is taken seed by seed: its mean ± half of the 95 % Student-t interval.";
    Block::Table { name: "rounding".into(), caption: caption.into(), table, data: Some(data) }
}

fn figure(groups: &[Group], cells: &[Pairs<'_>]) -> Block {
    let row = |(group, pairs): &Pairs<'_>| DotRow {
        name: group.label.clone(),
        values: pairs.iter().map(|(stored, rounded)| 100.0 * (rounded - stored)).collect(),
        interval: None,
    };
    let figure = DotRows {
        title: "Effect of rounding the delays".into(),
        measure: "Accuracy rounded − as stored (percentage points)".into(),
        rows: cells.iter().map(row).collect(),
        reference: Some((0.0, "no effect".into())),
        from_reference: true,
        limits: Some((-100.0, 100.0)),
    };
    let caption = format!(
        "{}, the upright line the mean of a cell, the shaded bar its 95 % Student-t interval. To the left of the dashed \
         line rounding costs accuracy.",
        dot(groups)
    );
    Block::Figure { panels: vec![figure.inline()], wide: Some(figure.wide()), caption }
}

/// Mean and interval of the paired differences, rounded minus stored, in percentage points.
pub(super) fn difference(pairs: &[(f64, f64)]) -> Option<MeanEstimate> {
    let points: Vec<f64> = pairs.iter().map(|(stored, rounded)| 100.0 * (rounded - stored)).collect();
    mean_estimate(&points)
}
