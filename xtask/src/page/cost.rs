//! Spikes, operations and energy of one inference, and what accuracy is had for them.
//!
//! | part of a layer with J units | per inference of T steps |
//! | --- | --- |
//! | synapses, spikes or binary values in | one addition a spike and target unit |
//! | synapses, other values in | one multiply-accumulate a value that is not zero and target unit |
//! | neurons | T J updates: one multiply-accumulate for u ← αu + I, three more with adaptation, one addition of the bias |
//!
//! The gain of the normalisation is part of the weights, its shift is the bias.

use colearn_eval::figures::{DotRow, DotRows, Scatter, ScatterGroup};
use colearn_eval::page::{Block, Section};
use colearn_eval::statistics::mean_estimate;
use colearn_eval::{Align, Table};
use colearn_network::{FanOut, ParameterKind};

use super::run::{Networks, Run};
use super::{Group, dot};

/// Energy of an addition and of a multiply-accumulate (a multiplication, 3.7 pJ, and an addition) of 32-bit floating
/// point numbers at 45 nm and 0.9 V in picojoules: M. Horowitz, Computing's energy problem (and what we can do about
/// it), ISSCC 2014.
const ADD_PJ: f64 = 0.9;
const MAC_PJ: f64 = 4.6;

/// Operations of one inference.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Operations {
    /// Additions of a weight at a spike.
    pub(super) synaptic_adds: f64,
    /// Multiply-accumulates of a value and a weight.
    pub(super) synaptic_macs: f64,
    /// Additions in the neurons.
    pub(super) neuron_adds: f64,
    /// Multiply-accumulates in the neurons.
    pub(super) neuron_macs: f64,
}

impl Operations {
    pub(super) fn energy_nj(&self) -> f64 {
        1e-3 * (ADD_PJ * (self.synaptic_adds + self.neuron_adds)
            + MAC_PJ * (self.synaptic_macs + self.neuron_macs))
    }

    fn plus(self, other: Self) -> Self {
        Self {
            synaptic_adds: self.synaptic_adds + other.synaptic_adds,
            synaptic_macs: self.synaptic_macs + other.synaptic_macs,
            neuron_adds: self.neuron_adds + other.neuron_adds,
            neuron_macs: self.neuron_macs + other.neuron_macs,
        }
    }
}

/// The sizes and activity that decide the operations.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Work {
    pub(super) steps: f64,
    /// (I, J) of every matrix, the readout's last.
    pub(super) layers: Vec<(usize, usize)>,
    /// Spikes per unit and step of each hidden layer.
    pub(super) rates: Vec<f64>,
    /// Whether hidden neurons have an adaptation.
    pub(super) adaptive: bool,
    /// Synapses that a spike of each hidden layer reaches.
    pub(super) fan_outs: Vec<FanOut>,
    /// Share of the input that is not zero, and whether it is zeros and ones.
    pub(super) input: (f64, bool),
    /// Numbers in all weight matrices.
    pub(super) weights: usize,
}

impl Work {
    fn of(run: &Run) -> Option<Self> {
        let networks = run.spiking()?;
        let description = networks.best.description();
        let stored = run.evaluation.as_ref();
        let rates =
            stored.map_or_else(|| run.stored.hidden_rates.clone(), |stored| stored.rounded.rates.clone());
        let layers = description.layers();
        (rates.len() + 1 == layers.len()).then(|| Self {
            steps: networks.steps as f64,
            layers,
            rates,
            adaptive: networks.best.neuron(0).is_some_and(|neuron| neuron.model().states() > 1),
            weights: weights(networks),
            fan_outs: description.config().fan_outs(description.classes()),
            // Old folders do not tell: every value then counts.
            input: stored.map_or((1.0, false), |stored| (stored.input_active, stored.input_binary)),
        })
    }

    /// Spikes of each hidden layer in one inference.
    pub(super) fn spikes(&self) -> Vec<f64> {
        self.rates
            .iter()
            .zip(&self.layers)
            .map(|(rate, (_, units))| rate * *units as f64 * self.steps)
            .collect()
    }

    /// Operations of each layer, the readout last.
    pub(super) fn operations(&self) -> Vec<Operations> {
        let spikes = self.spikes();
        let layer = |(index, (inputs, units)): (usize, &(usize, usize))| {
            let (wide, updates) = (*units as f64, self.steps * *units as f64);
            let hidden = index < spikes.len();
            let mut found = Operations {
                neuron_adds: updates,
                neuron_macs: updates * if hidden && self.adaptive { 4.0 } else { 1.0 },
                ..Operations::default()
            };
            if index > 0 {
                found.synaptic_adds = spikes[index - 1] * self.fan_outs[index - 1].next as f64;
            } else if self.input.1 {
                found.synaptic_adds = self.input.0 * self.steps * *inputs as f64 * wide;
            } else {
                found.synaptic_macs = self.input.0 * self.steps * *inputs as f64 * wide;
            }
            if hidden {
                found.synaptic_adds += spikes[index] * self.fan_outs[index].own as f64;
            }
            found
        };
        self.layers.iter().enumerate().map(layer).collect()
    }

    /// Multiply-accumulates of the same matrices, dense, at every step: what a network without spikes spends there.
    pub(super) fn dense_macs(&self) -> f64 {
        self.steps * self.weights as f64
    }

    pub(super) fn total(&self) -> Operations {
        self.operations().into_iter().fold(Operations::default(), Operations::plus)
    }
}

/// Numbers in all weight matrices.
fn weights(networks: &Networks) -> usize {
    let matrices =
        networks.best.parameters().iter().filter(|parameter| parameter.kind == ParameterKind::Weight);
    matrices.map(|parameter| parameter.value.len()).sum()
}

/// The estimated energy of one inference of a run in nanojoules; of a network without spikes that of its matrices.
fn energy_nj(run: &Run) -> Option<f64> {
    let networks = run.networks.as_ref().ok()?;
    if networks.spiking {
        return Some(Work::of(run)?.total().energy_nj());
    }
    Some(1e-3 * MAC_PJ * networks.steps as f64 * weights(networks) as f64)
}

/// The work of every run of a cell that has spikes.
fn works(group: &Group) -> Vec<Work> {
    group.runs.iter().filter_map(Work::of).collect()
}

/// Accuracy against parameters and against spikes.
pub(super) fn trade_off(groups: &[Group]) -> Section {
    let scatter = |title: &str, x_name: &str, x: &dyn Fn(&Run) -> Option<f64>| {
        let points = |group: &Group| ScatterGroup {
            name: group.label.clone(),
            points: (group.by_seed(x).into_iter())
                .zip(group.by_seed(|run| x(run).map(|_| 100.0 * run.stored.accuracy)))
                .collect(),
        };
        Scatter {
            title: title.to_owned(),
            x_name: x_name.to_owned(),
            y_name: format!("Accuracy on the {} split (%)", groups[0].runs[0].stored.split()),
            groups: groups.iter().map(points).collect(),
        }
    };
    let spikes = |run: &Run| Some(Work::of(run)?.spikes().iter().sum());
    let panels = [
        scatter("Accuracy and parameters", "Parameters", &|run| Some(run.stored.parameters as f64)),
        scatter("Accuracy and spikes", "Spikes of the hidden layers per inference", &spikes),
        scatter("Accuracy and energy", "Estimated energy per inference (nJ)", &energy_nj),
    ];
    let key = panels[0].key();
    let panels = panels
        .iter()
        .filter(|figure| figure.groups.iter().any(|group| !group.points.is_empty()))
        .map(Scatter::inline)
        .chain(key)
        .collect();
    let mut blocks = vec![Block::Figure {
        panels,
        wide: None,
        caption: format!(
            "{}, the larger mark the mean of its cell, the upright bar the 95 % Student-t interval of the mean accuracy. The \
             horizontal axes are logarithmic. Parameters count fixed delays too; spikes and energy are means over the split, \
             see “Operations and energy”.",
            dot(groups)
        ),
    }];
    let silent: Vec<&str> =
        groups.iter().filter(|group| works(group).is_empty()).map(|group| group.label.as_str()).collect();
    if !silent.is_empty() {
        blocks.push(Block::Missing(format!("{}: no spikes to count.", silent.join(", "))));
    }
    Section { id: "trade-off".into(), title: "Accuracy, size and activity".into(), blocks }
}

/// A large number in short: 3 significant digits with k, M or G.
fn short(value: f64) -> String {
    let sizes = [(1e9, " G"), (1e6, " M"), (1e3, " k")];
    let (size, sign) = sizes.into_iter().find(|(size, _)| value >= *size).unwrap_or((1.0, ""));
    if value.abs() < 1e-9 {
        return "0".into();
    }
    let scaled = value / size;
    let digits = if scaled >= 100.0 {
        0
    } else if scaled >= 10.0 {
        1
    } else {
        2
    };
    format!("{scaled:.digits$}{sign}")
}

pub(super) fn section(groups: &[Group]) -> Section {
    let mut tables = empty_tables();
    let mut energies = Vec::new();
    let mut silent = Vec::new();
    for group in groups {
        let values = group.by_seed(energy_nj);
        let works = works(group);
        if !works.is_empty() {
            tables[0].row(cell_row(&group.label, &works));
            for index in 0..works[0].layers.len() {
                tables[1].row(layer_row(&group.label, &works, index));
            }
        } else if let Some(dense) = mean_estimate(&values) {
            let energy = format!("{:.1}", dense.mean);
            let cells = [group.label.as_str(), "–", "–", "–", "–", &energy, &energy];
            tables[0].row(cells);
        }
        if values.is_empty() {
            silent.push(Block::Missing(format!("{}: no spikes to count.", group.label)));
        } else {
            energies.push(DotRow { name: group.label.clone(), values, interval: None });
        }
    }
    let mut blocks = if energies.is_empty() { Vec::new() } else { shown(tables, energies, dot(groups)) };
    blocks.extend(silent);
    let old = groups.iter().flat_map(|group| &group.runs).any(|run| run.evaluation.is_none());
    if old {
        blocks.push(Block::Missing(
            "Some runs do not tell how much of their input is zero (no evaluation.json); every input value is counted there."
                .into(),
        ));
    }
    Section { id: "energy".into(), title: "Operations and energy".into(), blocks }
}

/// The table of cells and that of layers.
fn empty_tables() -> [Table; 2] {
    let cells = Table::new([
        "cell",
        "spikes",
        "synaptic additions",
        "input multiply-accumulates",
        "neuron operations",
        "energy (nJ)",
        "dense, energy (nJ)",
    ]);
    let layers = Table::new([
        "cell",
        "layer",
        "units",
        "spikes per unit and step",
        "spikes",
        "synaptic additions",
        "input multiply-accumulates",
    ]);
    [
        cells.align([Align::Left].into_iter().chain([Align::Right; 6])),
        layers.align([Align::Left, Align::Left].into_iter().chain([Align::Right; 5])),
    ]
}

fn cell_row(label: &str, works: &[Work]) -> [String; 7] {
    let total = |part: fn(&Operations) -> f64| short(mean_of(works, &|work| part(&work.total())));
    let energy = |value: fn(&Work) -> f64| format!("{:.1}", mean_of(works, &value));
    [
        label.to_owned(),
        short(mean_of(works, &|work| work.spikes().iter().sum())),
        total(|all| all.synaptic_adds),
        total(|all| all.synaptic_macs),
        total(|all| all.neuron_adds + all.neuron_macs),
        energy(|work| work.total().energy_nj()),
        energy(|work| 1e-3 * MAC_PJ * work.dense_macs()),
    ]
}

fn shown([table, layers]: [Table; 2], energies: Vec<DotRow>, dot: &str) -> Vec<Block> {
    let caption = format!(
        "Mean over the split and the seeds of one inference, delays rounded. A spike adds one weight in each target unit; an \
         input value that is no spike is multiplied. Energy estimate: {ADD_PJ} pJ an addition and {MAC_PJ} pJ a \
         multiply-accumulate of 32-bit floating point numbers at 45 nm (M. Horowitz, Computing's energy problem, ISSCC \
         2014), arithmetic alone: memory, which often costs more, and delay lines are left out. Dense: the same matrices \
         multiplied at every step, as a network without spikes would; of such networks that is all that is counted."
    );
    let figure = DotRows {
        title: "Energy of one inference".into(),
        measure: "Estimated energy (nJ)".into(),
        rows: energies,
        reference: Some((0.0, " ".into())),
        from_reference: true,
    };
    vec![
        Block::Table { name: "energy".into(), caption, table },
        Block::Figure {
            panels: vec![figure.inline()],
            wide: None,
            caption: format!(
                "The estimate of the table. {dot}, the upright line the mean, the shaded bar its 95 % Student-t interval over \
                 the seeds."
            ),
        },
        Block::Table {
            name: "layers".into(),
            caption: "The same by layer: activity of its units, and the operations in the synapses that lead to them.".into(),
            table: layers,
        },
    ]
}

fn mean_of(works: &[Work], value: &dyn Fn(&Work) -> f64) -> f64 {
    mean_estimate(&works.iter().map(value).collect::<Vec<_>>()).map_or(f64::NAN, |estimate| estimate.mean)
}

fn layer_row(label: &str, works: &[Work], index: usize) -> [String; 7] {
    let hidden = index < works[0].rates.len();
    let name = if hidden { format!("hidden{index}") } else { "readout".to_owned() };
    let of_spikes = |value: &dyn Fn(&Work) -> f64, digits: usize| {
        if hidden { format!("{:.digits$}", mean_of(works, value)) } else { "–".to_owned() }
    };
    let operations =
        |part: &dyn Fn(&Operations) -> f64| short(mean_of(works, &|work| part(&work.operations()[index])));
    [
        label.to_owned(),
        name,
        works[0].layers[index].1.to_string(),
        of_spikes(&|work| work.rates[index], 4),
        of_spikes(&|work| work.spikes()[index], 1),
        operations(&|layer| layer.synaptic_adds),
        operations(&|layer| layer.synaptic_macs),
    ]
}
