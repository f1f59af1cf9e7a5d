//! Spikes, operations and energy of one inference, and what accuracy is had for them.

use colearn_eval::figures::{DotRow, DotRows, Scatter, ScatterGroup};
use colearn_eval::page::{Block, Section};
use colearn_eval::statistics::mean_estimate;
use colearn_eval::{Align, Table};

use super::numbers::{NOTHING, fixed, percent, plain};
use super::run::Run;
use super::work::{ADD_PJ, MAC_PJ, Operations, Work, steps, weights};
use super::{DETAILED, Group, dot, folded};

/// The estimated energy of one inference of a run in nanojoules; of a network without spikes that of its matrices.
fn energy_nj(run: &Run) -> Option<f64> {
    let networks = run.networks.as_ref().ok()?;
    if networks.spiking {
        return Some(Work::of(run)?.total().energy_nj());
    }
    Some(1e-3 * MAC_PJ * steps(run, networks) * weights(networks) as f64)
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
            groups: groups[..groups.len().min(DETAILED)].iter().map(points).collect(),
            limits: Some((0.0, 100.0)),
        }
    };
    let spikes = |run: &Run| Some(Work::of(run)?.spikes().iter().sum());
    if groups.iter().map(|group| group.runs.len()).sum::<usize>() == 1 {
        return sizes(groups, spikes);
    }
    let panels = [
        scatter("Accuracy and parameters", "Parameters", &|run| Some(run.stored.parameters as f64)),
        scatter("Accuracy and spikes", "Spikes of the hidden layers per inference", &spikes),
        scatter("Accuracy and energy", "Estimated energy per inference (nJ)", &energy_nj),
    ];
    let known = panels.iter().filter(|figure| figure.groups.iter().any(|group| !group.points.is_empty()));
    let panels = panels[0].key().into_iter().chain(known.map(Scatter::inline)).collect();
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
    blocks.extend(silent(groups));
    Section { id: "trade-off".into(), title: "Accuracy, size and activity".into(), blocks }
}

/// The same of a single run, whose dots would say nothing: in numbers.
fn sizes(groups: &[Group], spikes: impl Fn(&Run) -> Option<f64>) -> Section {
    let run = &groups[0].runs[0];
    let values = [Some(run.stored.accuracy), Some(run.stored.parameters as f64), spikes(run), energy_nj(run)];
    let mut table =
        Table::new(["accuracy", "parameters", "spikes per inference", "energy per inference (nJ)"])
            .align([Align::Right; 4]);
    let words = |value: Option<f64>, decimals: usize| {
        value.map_or_else(|| NOTHING.to_owned(), |v| fixed(v, decimals))
    };
    table.row([
        percent(run.stored.accuracy),
        run.stored.parameters.to_string(),
        words(values[2], 0),
        words(values[3], 1),
    ]);
    let mut data = Table::new(["accuracy", "parameters", "spikes", "energy_nj"]);
    data.row(values.map(plain));
    let caption = "What the accuracy is had for; spikes and energy are means over the split, see “Operations and energy”.";
    let block = Block::Table { name: "trade-off".into(), caption: caption.into(), table, data: Some(data) };
    let blocks = [block].into_iter().chain(silent(groups)).collect();
    Section { id: "trade-off".into(), title: "Accuracy, size and activity".into(), blocks }
}

/// A line that names the cells without spikes.
fn silent(groups: &[Group]) -> Option<Block> {
    let names: Vec<&str> =
        groups.iter().filter(|group| works(group).is_empty()).map(|group| group.label.as_str()).collect();
    (!names.is_empty()).then(|| Block::Missing(format!("{}: no spikes to count.", names.join(", "))))
}

/// A large number in short: 3 significant digits with k, M or G.
fn short(value: f64) -> String {
    let sizes = [(1e9, " G"), (1e6, " M"), (1e3, " k")];
    let (size, sign) = sizes.into_iter().find(|(size, _)| value >= *size).unwrap_or((1.0, ""));
    if !value.is_finite() {
        return NOTHING.into();
    }
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
    let mut data = empty_data();
    let mut energies = Vec::new();
    let mut silent = Vec::new();
    for group in groups {
        let values = group.by_seed(energy_nj);
        let works = works(group);
        if !works.is_empty() {
            tables[0].row(cell_row(&group.label, &works));
            data[0].row(plain_cell_row(&group.label, &works));
            for index in 0..works[0].layers.len() {
                tables[1].row(layer_row(&group.label, &works, index));
                data[1].row(plain_layer_row(&group.label, &works, index));
            }
        } else if let Some(dense) = mean_estimate(&values) {
            let energy = fixed(dense.mean, 1);
            let cells = [group.label.as_str(), "–", "–", "–", "–", &energy, &energy];
            tables[0].row(cells);
            let energy = plain(Some(dense.mean));
            data[0].row([group.label.as_str(), "", "", "", "", &energy, &energy]);
        }
        if values.is_empty() {
            silent.push(Block::Missing(format!("{}: no spikes to count.", group.label)));
        } else {
            energies.push(DotRow { name: group.label.clone(), values, interval: None });
        }
    }
    let mut blocks =
        if energies.is_empty() { Vec::new() } else { shown(tables, data, energies, dot(groups)) };
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

/// The same for programs.
fn empty_data() -> [Table; 2] {
    [
        Table::new([
            "cell",
            "spikes",
            "synaptic_additions",
            "input_multiply_accumulates",
            "neuron_operations",
            "energy_nj",
            "dense_energy_nj",
        ]),
        Table::new([
            "cell",
            "layer",
            "units",
            "spikes_per_unit_and_step",
            "spikes",
            "synaptic_additions",
            "input_multiply_accumulates",
        ]),
    ]
}

fn plain_cell_row(label: &str, works: &[Work]) -> [String; 7] {
    let value = |value: &dyn Fn(&Work) -> f64| plain(Some(mean_of(works, value)));
    [
        label.to_owned(),
        value(&|work| work.spikes().iter().sum()),
        value(&|work| work.total().synaptic_adds),
        value(&|work| work.total().synaptic_macs),
        value(&|work| work.total().neuron_adds + work.total().neuron_macs),
        value(&|work| work.total().energy_nj()),
        value(&|work| 1e-3 * MAC_PJ * work.dense_macs()),
    ]
}

fn plain_layer_row(label: &str, works: &[Work], index: usize) -> [String; 7] {
    let hidden = index < works[0].rates.len();
    let value = |value: &dyn Fn(&Work) -> f64| plain(Some(mean_of(works, value)));
    let of_spikes = |of: &dyn Fn(&Work) -> f64| if hidden { value(of) } else { String::new() };
    [
        label.to_owned(),
        if hidden { format!("hidden{index}") } else { "readout".to_owned() },
        works[0].layers[index].1.to_string(),
        of_spikes(&|work| work.rates[index]),
        of_spikes(&|work| work.spikes()[index]),
        value(&|work| work.operations()[index].synaptic_adds),
        value(&|work| work.operations()[index].synaptic_macs),
    ]
}

fn cell_row(label: &str, works: &[Work]) -> [String; 7] {
    let total = |part: fn(&Operations) -> f64| short(mean_of(works, &|work| part(&work.total())));
    let energy = |value: fn(&Work) -> f64| fixed(mean_of(works, &value), 1);
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

fn shown(
    [table, layers]: [Table; 2],
    [cells_data, layers_data]: [Table; 2],
    energies: Vec<DotRow>,
    dot: &str,
) -> Vec<Block> {
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
        limits: None,
    };
    let dots: usize = figure.rows.iter().map(|row| row.values.len()).sum();
    let by_layer = Block::Table {
        name: "layers".into(),
        caption:
            "The same by layer: activity of its units, and the operations in the synapses that lead to them."
                .into(),
        table: layers,
        data: Some(layers_data),
    };
    let mut blocks = vec![
        Block::Table { name: "energy".into(), caption, table, data: Some(cells_data) },
        Block::Figure {
            panels: vec![figure.inline()],
            wide: Some(figure.wide()),
            caption: format!(
                "The estimate of the table. {dot}, the upright line the mean, the shaded bar its 95 % Student-t interval over \
                 the seeds."
            ),
        },
        folded("Operations by layer", by_layer),
    ];
    if dots == 1 {
        // A dot alone says nothing that the table does not.
        blocks.remove(1);
    }
    blocks
}

fn mean_of(works: &[Work], value: &dyn Fn(&Work) -> f64) -> f64 {
    mean_estimate(&works.iter().map(value).collect::<Vec<_>>()).map_or(f64::NAN, |estimate| estimate.mean)
}

fn layer_row(label: &str, works: &[Work], index: usize) -> [String; 7] {
    let hidden = index < works[0].rates.len();
    let name = if hidden { format!("hidden{index}") } else { "readout".to_owned() };
    let of_spikes = |value: &dyn Fn(&Work) -> f64, digits: usize| {
        if hidden { fixed(mean_of(works, value), digits) } else { NOTHING.to_owned() }
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
