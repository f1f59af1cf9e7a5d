//! Where the delays of each layer ended up.

use colearn_eval::figures::{DelayHistograms, DelayLayer};
use colearn_eval::page::{Block, Section};
use colearn_eval::statistics::{mean, sample_std};
use colearn_eval::{Align, Table};
use colearn_network::ParameterKind;

use super::numbers::{NOTHING, fixed, plain};
use super::run::{Networks, Run};
use super::{Group, folded, per_cell};
use crate::runs::figures::delay_layers;

pub(super) fn section(groups: &[Group]) -> Section {
    let mut table = Table::new([
        "cell",
        "layer",
        "delays",
        "mean before (ms)",
        "mean after (ms)",
        "std after (ms)",
        "at 0",
        "at the longest",
        "moved (ms)",
    ])
    .align([Align::Left, Align::Left].into_iter().chain([Align::Right; 7]));
    let mut data = Table::new([
        "cell",
        "layer",
        "delays",
        "mean_before_ms",
        "mean_after_ms",
        "std_after_ms",
        "share_at_0",
        "share_at_longest",
        "moved_ms",
    ]);
    let mut blocks = per_cell(groups, figures);
    for group in groups {
        if let Some((layers, step_ms)) = layers(group) {
            for layer in &layers {
                let found = Moved::of(layer, step_ms);
                table.row(found.read(&group.label));
                data.row(found.plain(&group.label));
            }
        }
    }
    if !table.is_empty() {
        let block = Block::Table {
            name: "delays".into(),
            caption: "Delays of each layer, all seeds together: number of synapses, mean and standard deviation, share \
                      within half a step of zero and of the longest delay allowed, and the mean distance from where each \
                      one started."
                .into(),
            table,
            data: Some(data),
        };
        blocks.push(folded("The delays in numbers", block));
    }
    Section { id: "delays".into(), title: "Delays".into(), blocks }
}

/// Spiking networks of the runs of a cell.
pub(super) fn networks(group: &Group) -> Vec<&Networks> {
    group.runs.iter().filter_map(Run::spiking).collect()
}

/// The line that stands for a section where a cell has nothing to show.
pub(super) fn missing(group: &Group, what: &str) -> Block {
    let reason = group.runs.iter().find_map(Run::without_network);
    Block::Missing(format!("{}: {}.", group.label, reason.unwrap_or_else(|| what.to_owned())))
}

/// Delays of the layers over all seeds, and the length of a step in milliseconds.
fn layers(group: &Group) -> Option<(Vec<DelayLayer>, f64)> {
    let networks = networks(group);
    let first = networks.first().filter(|networks| networks.has(ParameterKind::Delay))?;
    let pairs: Vec<_> = networks.iter().map(|networks| networks.pair()).collect();
    Some((delay_layers(&pairs), first.step_ms))
}

fn figures(group: &Group) -> Vec<Block> {
    let Some((layers, step_ms)) = layers(group) else {
        return vec![missing(group, "this network has no delays")];
    };
    let learned = networks(group).iter().any(|networks| {
        networks.best.parameters().iter().any(|p| p.kind == ParameterKind::Delay && p.trainable)
    });
    let how = if learned { "learned" } else { "drawn at random and not learned" };
    let figure = DelayHistograms { title: format!("Delays, {}", group.label), step_ms, layers };
    vec![Block::Figure {
        panels: figure.panels(),
        wide: None,
        caption: format!(
            "Delays of {}, {how}: share of the synapses of each layer in 40 equal bins up to the longest delay allowed, \
             {}. Filled: the best epoch; outline: before training; line: median after training.",
            group.label,
            super::together(networks(group).len())
        ),
    }]
}

/// A layer's delays in numbers, in milliseconds and as shares.
struct Moved {
    layer: String,
    delays: usize,
    /// Mean before, mean and standard deviation after, and mean distance from the start.
    times: [Option<f64>; 4],
    /// At zero and at the longest delay.
    shares: [f64; 2],
}

impl Moved {
    fn of(layer: &DelayLayer, step_ms: f64) -> Self {
        let (before, after) = (&layer.initial.values, &layer.learned.values);
        let share = |holds: &dyn Fn(f64) -> bool| {
            let count = after.iter().filter(|delay| holds(**delay)).count();
            count as f64 / after.len().max(1) as f64
        };
        let longest = layer.max_delay.unwrap_or(f64::INFINITY);
        let moved: Vec<f64> = before.iter().zip(after).map(|(from, to)| (to - from).abs()).collect();
        let times = [mean(before), mean(after), sample_std(after), mean(&moved)];
        Self {
            layer: layer.name.clone(),
            delays: after.len(),
            times: times.map(|steps| Some(steps? * step_ms)),
            shares: [share(&|delay| delay < 0.5), share(&|delay| delay > longest - 0.5)],
        }
    }

    fn read(&self, label: &str) -> [String; 9] {
        let [before, after, std, moved] =
            self.times.map(|time| time.map_or_else(|| NOTHING.to_owned(), |time| fixed(time, 1)));
        let [zero, longest] = self.shares.map(|share| format!("{} %", fixed(100.0 * share, 1)));
        let count = self.delays.to_string();
        [label.to_owned(), self.layer.clone(), count, before, after, std, zero, longest, moved]
    }

    fn plain(&self, label: &str) -> [String; 9] {
        let [before, after, std, moved] = self.times.map(plain);
        let [zero, longest] = self.shares.map(|share| plain(Some(share)));
        let count = self.delays.to_string();
        [label.to_owned(), self.layer.clone(), count, before, after, std, zero, longest, moved]
    }
}
