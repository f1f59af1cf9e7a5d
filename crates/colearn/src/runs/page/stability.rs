//! The eigenvalues of every neuron.

use colearn_eval::figures::{Modes, StabilityMap, stability_summary};
use colearn_eval::page::{Block, Section};
use colearn_eval::{Align, Table};
use colearn_network::Network;
use colearn_neurons::analysis::modes;

use super::delays::{missing, networks};
use super::numbers::{NOTHING, fixed, plain};
use super::{Group, counted, folded, per_cell};

pub(super) fn section(groups: &[Group]) -> Section {
    let mut blocks = per_cell(groups, figures);
    let mut table = Table::new([
        "cell",
        "layer",
        "neurons",
        "oscillating before",
        "oscillating after",
        "largest |λ| before",
        "largest |λ| after",
        "unstable after",
    ])
    .align([Align::Left, Align::Left].into_iter().chain([Align::Right; 6]));
    let mut data = Table::new([
        "cell",
        "layer",
        "neurons",
        "share_oscillating_before",
        "share_oscillating_after",
        "largest_modulus_before",
        "largest_modulus_after",
        "share_unstable_after",
    ]);
    for group in groups {
        for map in maps(group) {
            let (before, after) = (stability_summary(&map.before), stability_summary(&map.after));
            let outside = |modes: &&Modes| modes.iter().any(|mode| mode.0.hypot(mode.1) >= 1.0);
            let unstable = map.after.iter().filter(outside).count();
            let share = |count: usize| count as f64 / map.after.len().max(1) as f64;
            let words = |count: usize| format!("{:.1} %", 100.0 * share(count));
            let radius = |radius: Option<f64>| radius.map_or_else(|| NOTHING.to_owned(), |r| fixed(r, 3));
            let (label, count) = (group.label.clone(), map.after.len().to_string());
            table.row([
                label.clone(),
                map.layer.clone(),
                count.clone(),
                words(before.0),
                words(after.0),
                radius(before.1),
                radius(after.1),
                words(unstable),
            ]);
            data.row([
                label,
                map.layer.clone(),
                count,
                plain(Some(share(before.0))),
                plain(Some(share(after.0))),
                plain(before.1),
                plain(after.1),
                plain(Some(share(unstable))),
            ]);
        }
    }
    if !table.is_empty() {
        let block = Block::Table {
            name: "stability".into(),
            caption: "Eigenvalues of the neurons, all seeds together: share that oscillates (a complex pair), largest \
                      modulus, and share with an eigenvalue on or outside of the unit circle."
                .into(),
            table,
            data: Some(data),
        };
        blocks.push(folded("The eigenvalues in numbers", block));
    }
    Section { id: "stability".into(), title: "Stability of the neurons".into(), blocks }
}

fn figures(group: &Group) -> Vec<Block> {
    let maps = maps(group);
    let Some(step_ms) = networks(group).first().map(|networks| networks.step_ms) else {
        return vec![missing(group, "this network has no neurons with a state")];
    };
    vec![folded(
        "Eigenvalues before and after training",
        Block::Pair {
            panels: maps.iter().flat_map(StabilityMap::panels).collect(),
            caption: format!(
                "Every neuron of {}, {} together, by the eigenvalues λ of its map from step to step below threshold, \
             without input, spikes or recurrence. Inside the unit circle a disturbance dies out, by the \
             factor |λ| each step; a complex pair makes it oscillate with the period 2π Δt / |arg λ|, Δt = {step_ms} ms. \
             Both axes have the same unit and no unit of measure.",
                group.label,
                counted(networks(group).len(), "seed")
            ),
        },
    )]
}

fn maps(group: &Group) -> Vec<StabilityMap> {
    let networks = networks(group);
    let Some(first) = networks.first() else { return Vec::new() };
    let map = |(index, layer): (usize, String)| StabilityMap {
        before: networks.iter().flat_map(|networks| of_layer(&networks.initial, index)).collect(),
        after: networks.iter().flat_map(|networks| of_layer(&networks.best, index)).collect(),
        layer,
    };
    first.hidden().into_iter().enumerate().map(map).collect()
}

/// The eigenvalues of each unit of a layer.
fn of_layer(network: &Network<f32>, layer: usize) -> Vec<Modes> {
    let Some(neuron) = network.neuron(layer) else { return Vec::new() };
    unit_parameters(network, layer).iter().map(|values| modes(neuron.model(), values)).collect()
}

/// For each unit of a layer the parameters of its neuron as they are used, in the order of the model.
pub(super) fn unit_parameters(network: &Network<f32>, layer: usize) -> Vec<Vec<f64>> {
    let name = network.layer_name(layer);
    let Some(neuron) = network.neuron(layer) else { return Vec::new() };
    let specs = neuron.specs();
    let columns: Vec<Vec<f64>> = specs
        .iter()
        .filter_map(|spec| {
            let full = format!("{name}.{}", spec.name);
            let parameter = network.parameters().iter().find(|parameter| parameter.name == full)?;
            Some(parameter.used().iter().map(|&value| f64::from(value)).collect())
        })
        .collect();
    let units = if columns.len() == specs.len() { columns.first().map_or(0, Vec::len) } else { 0 };
    (0..units).map(|unit| columns.iter().map(|column| column[unit]).collect()).collect()
}
