//! What the page found, before anything else: which model is best, how good it is, and against what.

use colearn_data::Protocol;
use colearn_eval::statistics::{Interval, mean, welch_test};

use super::numbers::{about, duration, grouped};
use super::run::Run;
use super::{Group, counted};

/// A sentence, and the few numbers that belong to it.
pub(super) struct Headline {
    pub(super) answer: String,
    pub(super) facts: Vec<(String, String)>,
}

/// Of cells in the order of their results.
pub(super) fn headline(groups: &[Group]) -> Headline {
    let best = &groups[0];
    let first = &best.runs[0];
    let mut facts = vec![
        ("accuracy", accuracy(best).unwrap_or_else(|| "not complete".to_owned())),
        ("guessing reaches", first.classes().map_or_else(|| "–".to_owned(), |n| about(1.0 / n as f64))),
        ("parameters", best.row.parameters.map_or_else(|| "–".to_owned(), |n| grouped(n as u64))),
        ("best epoch", epochs(&best.runs)),
        ("seeds", best.row.per_seed.iter().map(|s| s.seed.to_string()).collect::<Vec<_>>().join(", ")),
    ];
    let seconds: Vec<f64> = best.runs.iter().map(|run| run.stored.wall_seconds).collect();
    if let Some(mean) = mean(&seconds).filter(|mean| *mean > 0.0) {
        facts.push((if best.runs.len() == 1 { "time" } else { "time of a run" }, duration(mean)));
    }
    facts.push(("data", first.stored.corpus.clone()));
    if groups.len() > 1 {
        facts.insert(0, ("best", best.label.clone()));
    }
    let answer = if groups.len() == 1 { single(best) } else { several(groups) };
    Headline { answer, facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
}

/// `97.0 % (95.7 to 97.9 %)`.
fn accuracy(group: &Group) -> Option<String> {
    let mean = group.row.accuracy?.mean;
    Some(interval(group).map_or_else(
        || about(mean),
        |ends| format!("{} ({:.1} to {})", about(mean), 100.0 * ends.low, about(ends.high)),
    ))
}

/// Over the seeds, or of a single one over its samples.
fn interval(group: &Group) -> Option<Interval> {
    group.row.accuracy.and_then(|found| found.interval).or(group.row.binomial)
}

fn epochs(runs: &[Run]) -> String {
    let span = |value: fn(&Run) -> usize| {
        let least = runs.iter().map(value).min().unwrap_or(0);
        let most = runs.iter().map(value).max().unwrap_or(0);
        if least == most { least.to_string() } else { format!("{least} to {most}") }
    };
    format!("{} of {}", span(|run| run.stored.best_epoch), span(|run| run.stored.epochs))
}

/// Where the accuracy comes from, with what must be said about it.
fn split(run: &Run) -> &'static str {
    match run.stored.protocol {
        Protocol::Clean => "test samples",
        Protocol::NoTest => "validation samples, which also chose the epoch (there is no test split),",
        Protocol::SelectedOnTest => "TEST samples, which also chose the epoch,",
    }
}

fn single(group: &Group) -> String {
    let run = &group.runs[0];
    let (model, corpus) = (run.stored.model(), &run.stored.corpus);
    let Some(estimate) = group.row.accuracy else {
        return format!("{model} on {corpus}: no seed is complete yet.");
    };
    let seeds = group.row.values().len();
    let of = match (seeds, group.row.samples) {
        (1, 0) => split(run).to_owned(),
        (1, samples) => format!("{} {}", grouped(samples), split(run)),
        (_, samples) => {
            format!("{} {} on average over {}", grouped(samples), split(run), counted(seeds, "seed"))
        }
    };
    let ends = interval(group)
        .map_or_else(String::new, |ends| format!(" (95 %: {:.1} to {})", 100.0 * ends.low, about(ends.high)));
    let chance =
        run.classes().map_or_else(String::new, |n| format!("; guessing reaches {}", about(1.0 / n as f64)));
    format!("{model} on {corpus}: {} of {of} are right{ends}{chance}.", about(estimate.mean))
}

fn several(groups: &[Group]) -> String {
    let best = &groups[0];
    let Some(found) = accuracy(best) else {
        return format!("{}; no seed of any is complete yet.", counted(groups.len(), "cell"));
    };
    let parameters =
        best.row.parameters.map_or_else(String::new, |n| format!(", {} parameters", grouped(n as u64)));
    let order = format!(
        "Of {}, {} is best on the {} split: {found}{parameters}.",
        counted(groups.len(), "cell"),
        best.label,
        best.runs[0].stored.split()
    );
    format!("{order} {}", next(best, &groups[1]))
}

/// How far the second one is behind, and whether that says anything.
fn next(best: &Group, next: &Group) -> String {
    let Some((first, second)) = best.row.accuracy.zip(next.row.accuracy) else {
        return "No other cell is complete yet.".to_owned();
    };
    let points = 100.0 * (first.mean - second.mean);
    let behind = match accuracy(next) {
        Some(found) => format!("Next is {} with {found}, {points:.1} points behind", next.label),
        None => format!("Next is {}", next.label),
    };
    if let Some(test) = welch_test(&best.row.values(), &next.row.values()) {
        let p = if test.p < 1e-3 { format!("{:.0e}", test.p) } else { format!("{:.2}", test.p) };
        return format!("{behind} (Welch's test over the seeds: p = {p}).");
    }
    let apart = interval(best).zip(interval(next)).map(|(a, b)| a.low > b.high);
    match apart {
        Some(true) => format!("{behind}; the 95 % intervals do not overlap."),
        Some(false) => format!("{behind}; the 95 % intervals overlap, so that this order may be chance."),
        None => format!("{behind}."),
    }
}
