//! What example neurons do with a step of current and with a train of spikes.

use colearn_eval::figures::{Course, Response, Variable};
use colearn_eval::page::{Block, Section};
use colearn_network::Network;
use colearn_neurons::{Neuron, NeuronModel, ParameterRole, ParameterSpec, VariableSpec, forward};
use colearn_tape::{Pool, Tape, Var};
use ndarray::{Array1, Array3};

use super::delays::{missing, networks};
use super::run::Networks;
use super::stability::unit_parameters;
use super::{Group, counted, folded, per_cell};

/// Steps that are shown.
const STEPS: usize = 100;
/// The step of current lasts from here to there.
const PULSE: (usize, usize) = (10, 70);
/// An input spike every so many steps.
const EVERY: usize = 8;

/// A unit to show and why.
struct Chosen {
    why: String,
    layer: usize,
    unit: usize,
}

pub(super) fn section(groups: &[Group]) -> Section {
    let mut blocks = vec![Block::Text(
        "Example neurons on their own, without the network around them: a step of current, and a train of input spikes."
            .into(),
    )];
    blocks.extend(per_cell(groups, figures));
    Section { id: "response".into(), title: "Responses of example neurons".into(), blocks }
}

fn figures(group: &Group) -> Vec<Block> {
    let networks = networks(group);
    let Some(networks) = networks.first() else {
        return vec![missing(group, "this network has no spiking neurons")];
    };
    let chosen = choose(&networks.best);
    let count = chosen.len();
    let mut panels = Vec::new();
    for chosen in chosen {
        let neuron = networks.best.neuron(chosen.layer);
        panels.extend(neuron.into_iter().flat_map(|neuron| pictures(networks, neuron, &chosen)));
    }
    vec![folded(
        &format!("{}, before and after training", counted(count, "neuron")),
        Block::Pair {
            panels,
            caption: format!(
                "Neurons of {}, the first seed. Each is given the same current with its parameters before and after training. \
             The step is twice, each input spike four times for one step, the standard deviation of the current that the \
             neuron gets in the trained network (the gain of its normalisation). Its variables are drawn \
             just before the spike, which follows where the membrane passes the threshold. Computed step by step with the equations of the model.",
                group.label
            ),
        },
    )]
}

/// The units with the extreme parameters, each once.
fn choose(network: &Network<f32>) -> Vec<Chosen> {
    let mut units = Vec::new();
    for layer in 0..network.hidden_layers() {
        units.extend(
            unit_parameters(network, layer).into_iter().enumerate().map(|(unit, v)| (layer, unit, v)),
        );
    }
    let rules = network.neuron(0).map_or_else(Vec::new, |neuron| rules(neuron.model()));
    let mut chosen: Vec<Chosen> = Vec::new();
    for (why, parameter, sign) in rules {
        let value = |values: &[f64]| values.get(parameter).map(|value| sign * value);
        let free = units
            .iter()
            .filter(|(layer, unit, _)| {
                !chosen.iter().any(|known| (known.layer, known.unit) == (*layer, *unit))
            })
            .filter_map(|(layer, unit, values)| Some((*layer, *unit, value(values)?)));
        // The first among equals.
        let best = free.reduce(|best, next| if next.2 > best.2 { next } else { best });
        chosen.extend(best.map(|(layer, unit, _)| Chosen { why: why.clone(), layer, unit }));
    }
    chosen
}

/// What a shown unit is an extreme of: the words, which parameter, and whether the largest (1) or the smallest (−1) is meant.
/// Slow and fast ones of the membrane, then strong ones of each kind of adaptation, and the weakest of the last.
fn rules(model: NeuronModel) -> Vec<(String, usize, f64)> {
    let (specs, membrane) = (model.specs(), &model.variables()[0]);
    let of_membrane =
        |spec: &ParameterSpec| spec.role == ParameterRole::TimeConstant && spec.variable == membrane.symbol;
    let decay = specs.iter().position(of_membrane);
    let mut rules: Vec<_> = decay
        .into_iter()
        .flat_map(|k| [("slowest", k, 1.0), ("fastest", k, -1.0)])
        .map(|(word, k, sign)| (format!("{word} {}", membrane.meaning), k, sign))
        .collect();
    let mut strengths = specs.iter().enumerate().filter(|(_, spec)| spec.role == ParameterRole::Adaptation);
    rules.extend(strengths.clone().map(|(k, spec)| (format!("largest {}", spec.symbol), k, 1.0)));
    rules.extend(strengths.next_back().map(|(k, spec)| (format!("smallest {}", spec.symbol), k, -1.0)));
    rules
}

/// The response to a step and to a train of spikes.
fn pictures(networks: &Networks, neuron: &Neuron, chosen: &Chosen) -> [String; 2] {
    let Chosen { why, layer, unit } = chosen;
    let (layer, unit) = (*layer, *unit);
    let name = networks.best.layer_name(layer);
    let level = gain(&networks.best, &format!("{name}.gain"), unit);
    let after = &unit_parameters(&networks.best, layer)[unit];
    let before = &unit_parameters(&networks.initial, layer)[unit];
    let values = neuron
        .specs()
        .iter()
        .zip(after)
        .map(|(spec, value)| format!("{} {value:.2}", spec.symbol).replace('-', "−"));
    let subtitle = format!("After training: {}", values.collect::<Vec<_>>().join(", "));
    let step = |t: usize| if (PULSE.0..PULSE.1).contains(&t) { 2.0 * level } else { 0.0 };
    let train = |t: usize| {
        if t >= PULSE.0 && t < PULSE.1 && (t - PULSE.0).is_multiple_of(EVERY) { 4.0 * level } else { 0.0 }
    };
    let stimuli: [(&str, Vec<f64>); 2] =
        [("step", (0..STEPS).map(step).collect()), ("spikes", (0..STEPS).map(train).collect())];
    stimuli.map(|(stimulus, current)| {
        let figure = Response {
            title: format!("{name}, unit {unit}: {why}; {stimulus}"),
            subtitle: subtitle.clone(),
            step_ms: networks.step_ms,
            variables: variables(neuron.model()),
            before: course(neuron, before, &current),
            after: course(neuron, after, &current),
            current,
        };
        figure.inline()
    })
}

/// The gain of a unit's normalisation; one where there is none.
fn gain(network: &Network<f32>, name: &str, unit: usize) -> f64 {
    let parameter = network.parameters().iter().find(|parameter| parameter.name == name);
    let value = parameter.and_then(|parameter| parameter.value.iter().nth(unit)).copied();
    value.map_or(1.0, |gain| f64::from(gain).abs())
}

/// The variables of a model's state.
fn variables(model: NeuronModel) -> Vec<Variable> {
    let variable = |spec: &VariableSpec| Variable {
        symbol: spec.symbol.to_owned(),
        name: spec.meaning.to_owned(),
        unit: spec.unit.to_owned(),
    };
    model.variables().iter().map(variable).collect()
}

/// One neuron under a current, from rest.
pub(super) fn course(neuron: &Neuron, parameters: &[f64], current: &[f64]) -> Course {
    let input = Array3::from_shape_fn((current.len(), 1, 1), |(t, _, _)| current[t]);
    let values: Vec<Array1<f64>> = parameters.iter().map(|value| Array1::from_elem(1, *value)).collect();
    let views: Vec<_> = values.iter().map(|value| value.view()).collect();
    let trace = forward(neuron, &input, &views, &mut Pool::default());
    // The membrane less the potential is what a threshold that moves has moved by.
    let mut tape = Tape::new();
    let states: Vec<Var> =
        (0..neuron.model().states()).map(|k| tape.constant(trace.state(k).to_owned())).collect();
    let parameters: Vec<Var> = values.into_iter().map(|value| tape.constant(value)).collect();
    let potential = neuron.model().elementary_potential(&mut tape, &parameters, &states);
    let moved = trace
        .membrane()
        .iter()
        .zip(tape.value(potential))
        .map(|(u, potential)| u - potential)
        .collect::<Vec<_>>();
    Course {
        threshold: moved.into_iter().map(|moved| neuron.threshold() + moved).collect(),
        states: (0..states.len()).map(|k| trace.state(k).iter().copied().collect()).collect(),
        spikes: trace.output.iter().copied().collect(),
    }
}
