//! How the neurons' parameters and time constants moved.

use colearn_eval::figures::{LayerParameters, Parameter, ParameterDistributions};
use colearn_eval::page::{Block, Section};
use colearn_eval::statistics::{mean, sample_std};
use colearn_eval::{Align, Table};
use colearn_neurons::{ParameterRole, ParameterSpec};

use super::delays::{missing, networks};
use super::numbers::{NOTHING, fixed, plain};
use super::{Group, folded, per_cell, together};
use crate::runs::figures::{Change, parameter};

/// A bound is reached within this share of the width of the box.
const NEAR: f64 = 1e-3;

pub(super) fn section(groups: &[Group]) -> Section {
    let mut blocks = per_cell(groups, figures);
    let mut table = Table::new([
        "cell",
        "layer",
        "parameter",
        "box",
        "before",
        "after",
        "at the lower bound",
        "at the upper bound",
    ])
    .align([Align::Left, Align::Left, Align::Left].into_iter().chain([Align::Right; 5]));
    let mut data = Table::new([
        "cell",
        "layer",
        "parameter",
        "box_low",
        "box_high",
        "before_mean",
        "before_std",
        "after_mean",
        "after_std",
        "share_at_lower_bound",
        "share_at_upper_bound",
    ]);
    for group in groups {
        for of in changes(group) {
            table.row(row(&group.label, &of));
            data.row(plain_row(&group.label, &of));
        }
    }
    if !table.is_empty() {
        let block = Block::Table {
            name: "neurons".into(),
            caption: "Parameters of the neurons as the network uses them (held within the box), all seeds together: mean ± \
                      standard deviation over the units, and the share of units at a bound. Time constants τ in \
                      milliseconds."
                .into(),
            table,
            data: Some(data),
        };
        blocks.push(folded("The parameters in numbers", block));
    }
    Section { id: "neurons".into(), title: "Neuron parameters and time constants".into(), blocks }
}

/// A parameter of a layer, or a time constant that follows from one.
struct Row {
    layer: String,
    /// The name in tables.
    name: String,
    parameter: Parameter,
    change: Change,
}

/// Every parameter that the neurons of the hidden layers have, each decay followed by its time constant.
fn changes(group: &Group) -> Vec<Row> {
    let networks = networks(group);
    let Some(first) = networks.first() else { return Vec::new() };
    let pairs: Vec<_> = networks.iter().map(|networks| networks.pair()).collect();
    let mut found = Vec::new();
    for (index, layer) in first.hidden().into_iter().enumerate() {
        let specs = first.best.neuron(index).map_or(&[][..], |neuron| neuron.specs());
        for spec in specs {
            let Some(change) = Change::of(&pairs, &format!("{layer}.{}", spec.name)) else { continue };
            let time = (spec.role == ParameterRole::TimeConstant)
                .then(|| time_constant(&layer, spec, &change, first.step_ms));
            let (layer, name) = (layer.clone(), spec.name.to_owned());
            found.push(Row { layer, name, parameter: parameter(spec), change });
            found.extend(time);
        }
    }
    found
}

/// The time constant of a decay.
fn time_constant(layer: &str, spec: &ParameterSpec, decay: &Change, step_ms: f64) -> Row {
    let symbol = format!("τ of {}", spec.variable);
    let name = format!("{symbol} (ms)");
    let parameter = Parameter { symbol, name: "time constant".into(), unit: "ms".into(), is_decay: false };
    Row { layer: layer.to_owned(), name, parameter, change: decay.time_constants(step_ms) }
}

fn figures(group: &Group) -> Vec<Block> {
    let found = changes(group);
    let Some(step_ms) =
        networks(group).first().map(|networks| networks.step_ms).filter(|_| !found.is_empty())
    else {
        return vec![missing(group, "this network has no neuron parameters")];
    };
    let mut decays: Vec<String> = Vec::new();
    let mut layers: Vec<LayerParameters> = Vec::new();
    for Row { layer, parameter, change, .. } in found {
        if parameter.is_decay && !decays.contains(&parameter.symbol) {
            decays.push(parameter.symbol.clone());
        }
        if layers.last().is_none_or(|last| last.name != layer) {
            layers.push(LayerParameters { name: layer, parameters: Vec::new() });
        }
        if let Some(last) = layers.last_mut() {
            last.parameters.push(change.sample(parameter));
        }
    }
    let figure = ParameterDistributions { title: group.label.clone(), step_ms, layers };
    vec![folded(
        "Distributions of the parameters",
        Block::Figure {
            panels: figure.panels(),
            wide: None,
            caption: format!(
                "Parameters of the hidden neurons of {}, {}, in 30 equal bins: filled after training, outlined \
                 before; dashed lines are the bounds of the box that training keeps them in. A decay ({}) of p per step is a \
                 time constant of τ = −Δt / ln p at Δt = {step_ms} ms.",
                group.label,
                together(networks(group).len()),
                decays.join(", ")
            ),
        },
    )]
}

/// The share of the units at a bound.
fn share_at(change: &Change, bound: fn((f64, f64)) -> f64) -> Option<f64> {
    let (low, high) = change.bounds?;
    let near = |value: &&f64| (**value - bound((low, high))).abs() <= NEAR * (high - low).abs();
    Some(change.after.iter().filter(near).count() as f64 / change.after.len().max(1) as f64)
}

fn plain_row(label: &str, Row { layer, name, change, .. }: &Row) -> [String; 11] {
    [
        label.to_owned(),
        layer.clone(),
        name.clone(),
        plain(change.bounds.map(|ends| ends.0)),
        plain(change.bounds.map(|ends| ends.1)),
        plain(mean(&change.before)),
        plain(sample_std(&change.before)),
        plain(mean(&change.after)),
        plain(sample_std(&change.after)),
        plain(share_at(change, |ends| ends.0)),
        plain(share_at(change, |ends| ends.1)),
    ]
}

fn row(label: &str, Row { layer, name, parameter, change }: &Row) -> [String; 8] {
    let digits = if parameter.unit == "ms" { 1 } else { 3 };
    let about = |values: &[f64]| match (mean(values), sample_std(values)) {
        (Some(mean), Some(std)) => format!("{} ± {}", fixed(mean, digits), fixed(std, digits)),
        (Some(mean), None) => fixed(mean, digits),
        _ => NOTHING.to_owned(),
    };
    let at = |bound: fn((f64, f64)) -> f64| {
        share_at(change, bound)
            .map_or_else(|| NOTHING.to_owned(), |share| format!("{} %", fixed(100.0 * share, 1)))
    };
    [
        label.to_owned(),
        layer.clone(),
        name.clone(),
        change.bounds.map_or_else(
            || NOTHING.to_owned(),
            |(low, high)| format!("{} to {}", fixed(low, digits), fixed(high, digits)),
        ),
        about(&change.before),
        about(&change.after),
        at(|ends| ends.0),
        at(|ends| ends.1),
    ]
}
